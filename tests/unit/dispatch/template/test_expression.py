import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.dispatch.template.expression import ExpressionError, parse_expression

READER = {"first_name": "Ana", "city": "Porto Novo", "empty": "", "long": "one two three four five six", "age": "30"}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("reader.first_name", "Ana"),
        ("reader['first_name']", "Ana"),
        ("reader.gone", ""),
        ('reader.gone or "reader"', "reader"),
        ('reader.first_name or "reader"', "Ana"),
        ("reader.first_name and reader.city", "Porto Novo"),
        ("not reader.gone", "True"),
        ("reader.city == 'Porto Novo'", "True"),
        ("'a' < 'b' < 'c'", "True"),
        ("'a' < 'c' < 'b'", "False"),
        ("reader.city in ('Faro', 'Porto Novo')", "True"),
        ("reader.city not in ['Faro']", "True"),
        ("'Novo' in reader.city", "True"),
        ("reader.first_name|upper", "ANA"),
        ("reader.first_name | lower | title", "Ana"),
        ("'  a ' | trim", "a"),
        ("reader.empty | default('x')", "x"),
        ("reader.empty | default(default_value='x', boolean=true)", "x"),
        ("reader.gone | d('y') | upper", "Y"),
        ("reader.long | truncate(10)", "one..."),
        ("reader.long | truncate(10, true, '…')", "one two t…"),
        ("reader.items", ""),
        ("reader.__class__", ""),
        ("'}}'", "}}"),
    ],
)
def test_allowed_expressions_have_values(source, text):
    assert parse_expression(source).text(READER) == text


@pytest.mark.parametrize(
    ("source", "message", "expected"),
    [
        ("", "this expression is empty", "reader.first_name"),
        ("first_name", "unknown name “first_name”", "did you mean “reader.first_name”?"),
        ("reader", "“reader” needs a field", "reader.first_name"),
        ("reader.a.b", "an attribute of a value", "use reader fields"),
        ("reader.a()", "a call", "use reader fields"),
        ("reader[0]", "an index", "use reader fields"),
        ("reader.a + 'b'", "a sum", "use reader fields"),
        ("reader.a ~ 'b'", "joining", "use reader fields"),
        ("reader.a if reader.b else 'c'", "an inline if", "use reader fields"),
        ("reader.a is defined", "a test", "use reader fields"),
        ("reader.age > 18", "the value 18 is not in quotes", 'write "18"'),
        ("reader.a | uper", "“uper”", "did you mean “upper”?"),
        ("reader.a | safe", "“safe”", "use reader fields"),
        ("'a' | center(300000000)", "“center”", "use reader fields"),
        ("reader.a | truncate('x')", "does not take these arguments", "use reader fields"),
        ("reader.a | truncate(1)", "does not take these arguments", "use reader fields"),
        ("reader.a | default(reader.b)", "numbers or texts in quotes", "use reader fields"),
        ("reader.a | upper(*reader.b)", "* and **", "use reader fields"),
        ("reader.a }} x {{ reader.b", "not a single expression", "use reader fields"),
        ("reader.a }}{% set x = 1 %}{{ x", "not a single expression", "use reader fields"),
        ("reader.", "not a valid expression", "use reader fields"),
        ("reader.city == “Porto Novo”", "curly quotation marks", "straight ones"),
        ("reader.a or", "not a valid expression", "use reader fields"),
        ("'\\nBcc: x'", "a line break or a control character", "remove"),
        ("'\\ud800'", "a line break or a control character", "remove"),
        ("reader.a | default('\\n')", "a line break or a control character", "remove"),
        ("- reader.a -", "next to the braces", "remove"),
        ("(" * 900, "nested too deeply", "use reader fields"),
        ("reader.a " + " " * 1000, "more than 1,000 characters", "shorten it"),
    ],
)
def test_other_expressions_are_refused_with_a_hint(source, message, expected):
    with pytest.raises(ExpressionError) as caught:
        parse_expression(source)
    assert message in str(caught.value)
    assert expected in caught.value.expected


def test_an_expression_knows_its_fields():
    assert parse_expression("reader.a or reader['b'] | default('c')").fields == {"a", "b"}


def test_the_longest_expressions_can_be_evaluated():
    assert parse_expression("not " * 240 + "''").holds({}) is False
    assert parse_expression(" or ".join(["reader.a"] * 80)).text({}) == ""


@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_is_refused(source):
    try:
        expression = parse_expression(source)
    except ExpressionError:
        return
    assert isinstance(expression.text({}), str)


@given(
    st.lists(
        st.sampled_from(
            [
                "reader",
                ".",
                "a",
                "(",
                ")",
                "'",
                '"',
                "|",
                "upper",
                "truncate",
                "default",
                ",",
                "1",
                "and",
                "or",
                "not",
                "in",
                "==",
                "<",
                "[",
                "]",
                "}",
                "%",
            ]
        ),
        max_size=12,
    )
)
def test_any_words_are_an_expression_or_are_refused(words):
    try:
        expression = parse_expression(" ".join(words))
    except ExpressionError:
        return
    assert isinstance(expression.text({"a": "b"}), str)
