import datetime as dt

import pytest

from mailer.audience.where import (
    All,
    Among,
    Any,
    Compare,
    Contains,
    Field,
    Filled,
    Joined,
    Known,
    Not,
    OnList,
    Received,
    Text,
    WhereError,
    holds,
    named,
    parse_where,
)  # fmt: skip

DAY = dt.date(2026, 1, 31)


@pytest.mark.parametrize(
    ("source", "tree"),
    [
        ('city == "Lisbon"', Compare(Field("city"), "eq", Text("Lisbon"))),
        ('reader.city != "x"', Compare(Field("city"), "ne", Text("x"))),
        ('reader["first name"] < name', Compare(Field("first name"), "lt", Field("name"))),
        ("city", Filled(Field("city"))),
        ("not city", Not(Filled(Field("city")))),
        ('country in ("PT", "ES")', Among(Field("country"), (Text("PT"), Text("ES")))),
        ('country not in ["PT"]', Not(Among(Field("country"), (Text("PT"),)))),
        ('"Porto" in city', Contains(Text("Porto"), Field("city"))),
        (
            '"a" <= city < "c"',
            All((Compare(Text("a"), "lteq", Field("city")), Compare(Field("city"), "lt", Text("c")))),
        ),
        ('joined >= "2026-01-31"', Joined("gteq", DAY)),
        ('"2026-01-31" > joined', Joined("lt", DAY)),
        ('reader.joined == "x"', Compare(Field("joined"), "eq", Text("x"))),
        ('list("vip") or received("quay")', Any((OnList("vip"), Received("quay")))),
        ('list("vip.csv")', OnList("vip")),
        (
            'city == "Lisbon" and not received("2026-10-26-east-quay")',
            All((Compare(Field("city"), "eq", Text("Lisbon")), Not(Received("2026-10-26-east-quay")))),
        ),
    ],
)
def test_an_expression_becomes_a_tree(source, tree):
    assert parse_where(source) == tree


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "no expression"),
        ("city ==", "not an expression"),
        ("city == “Lisbon”", "typographic"),
        ("city == 7", "constant 7"),
        ("city | upper == 'X'", "filter"),
        ("city.upper()", "only calls"),
        ('open("x")', "only calls"),
        ("list(city)", "only calls"),
        ('list("a", "b")', "only calls"),
        ('joined >= "soon"', "compared with a day"),
        ("joined >= city", "compared with a day"),
        ("joined", "no condition"),
        ('joined in ("2026-01-31",)', "one day"),
        ('"text"', "no condition"),
        ("reader", "cannot stand here"),
        ('city == "a\\nb"', "no control characters"),
        ('city == "a" + "b"', "cannot stand here"),
        ("(" * 300 + "city" + ")" * 300, "nested|not an expression"),
        ("city or " * 200 + "city", "more than"),
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(source, words):
    with pytest.raises(WhereError, match=words) as error:
        parse_where(source)
    assert error.value.next_step


def test_what_it_names_is_told():
    tree = parse_where(
        'city == name and ("x" in town or not list("vip")) and received("quay") and joined > "2026-01-31"'
    )
    assert list(named(tree)) == [Field("city"), Field("name"), Field("town"), OnList("vip"), Received("quay")]


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
    person = Known(fields={"city": "Porto"}, joined=DAY, lists={"vip"})
    assert holds(parse_where(source), person) is wanted
