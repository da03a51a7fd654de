import datetime as dt

import pytest

from mailer.audience.segments import (
    And,
    Compare,
    Contains,
    Field,
    FieldText,
    In,
    IsNotEmpty,
    JoinedOn,
    Not,
    OnList,
    Or,
    Received,
    SegmentError,
    SubscriberFacts,
    matches_segment,
    parse_segment,
    segment_references,
)  # fmt: skip

DAY = dt.date(2026, 1, 31)


@pytest.mark.parametrize(
    ("source", "tree"),
    [
        ('city == "Lisbon"', Compare(Field("city"), "eq", FieldText("Lisbon"))),
        ('reader.city != "x"', Compare(Field("city"), "ne", FieldText("x"))),
        ('reader["first name"] < name', Compare(Field("first name"), "lt", Field("name"))),
        ("city", IsNotEmpty(Field("city"))),
        ("not city", Not(IsNotEmpty(Field("city")))),
        ('country in ("PT", "ES")', In(Field("country"), (FieldText("PT"), FieldText("ES")))),
        ('country not in ["PT"]', Not(In(Field("country"), (FieldText("PT"),)))),
        ('"Porto" in city', Contains(FieldText("Porto"), Field("city"))),
        (
            '"a" <= city < "c"',
            And((Compare(FieldText("a"), "lteq", Field("city")), Compare(Field("city"), "lt", FieldText("c")))),
        ),
        ('joined >= "2026-01-31"', JoinedOn("gteq", DAY)),
        ('"2026-01-31" > joined', JoinedOn("lt", DAY)),
        ('reader.joined == "x"', Compare(Field("joined"), "eq", FieldText("x"))),
        ('list("vip") or received("quay")', Or((OnList("vip"), Received("quay")))),
        ('list("vip.csv")', OnList("vip")),
        (
            'city == "Lisbon" and not received("2026-10-26-east-quay")',
            And((Compare(Field("city"), "eq", FieldText("Lisbon")), Not(Received("2026-10-26-east-quay")))),
        ),
    ],
)
def test_an_expression_becomes_a_tree(source, tree):
    assert parse_segment(source) == tree


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "this expression is empty"),
        ("city ==", "not a valid expression"),
        ("city == “Lisbon”", "curly"),
        ("city | upper == 'X'", "filter"),
        ("city == 7", "7 must be in quotes"),
        ("city.upper()", "only functions"),
        ('open("x")', "only functions"),
        ("list(city)", "only functions"),
        ('list("a", "b")', "only functions"),
        ('joined >= "soon"', "compared with a date"),
        ("joined >= city", "compared with a date"),
        ("joined", "not a condition"),
        ('joined in ("2026-01-31",)', "one date"),
        ('"text"', "not a condition"),
        ("reader", "name is not allowed here"),
        ('city == "a\\nb"', "a line break or a control character"),
        ('city == "a" + "b"', "add is not allowed here"),
        ("(" * 300 + "city" + ")" * 300, "nested too deeply|not a valid expression"),
        ("city or " * 200 + "city", "more than"),
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(source, words):
    with pytest.raises(SegmentError, match=words) as error:
        parse_segment(source)
    assert error.value.next_step


def test_references_are_the_fields_lists_and_dispatches_of_a_segment():
    tree = parse_segment(
        'city == name and ("x" in town or not list("vip")) and received("quay") and joined > "2026-01-31"'
    )
    assert list(segment_references(tree)) == [
        Field("city"),
        Field("name"),
        Field("town"),
        OnList("vip"),
        Received("quay"),
    ]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ('city == "Porto"', True),
        ('city < "a"', True),
        ("missing", False),
        ('missing == ""', True),
        ('"ort" in city', True),
        ('"" in missing', True),
        ("city in ()", False),
        ('joined == "2026-01-31"', True),
        ('list("vip") and not received("quay")', True),
    ],
)
def test_it_means_for_a_person_what_python_means(source, wanted):
    person = SubscriberFacts(fields={"city": "Porto"}, joined=DAY, lists={"vip"})
    assert matches_segment(parse_segment(source), person) is wanted
