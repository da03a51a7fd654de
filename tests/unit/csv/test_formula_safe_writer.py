import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.csv.formula_safe_writer import ExportCounts, escape_formula, write_export


def written(rows, **options):
    out = io.StringIO(newline="")
    assert write_export(out, ("email", "name"), rows, **options).rows == len(rows)
    return out.getvalue()


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("Ana", "Ana"),
        ("", ""),
        ("'x", "'x"),
        ("=1+1", "'=1+1"),
        ("+351 210", "'+351 210"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        (" =1", "' =1"),
        ("＝1", "'＝1"),
        ("＋1", "'＋1"),
        ("－1", "'－1"),
        ("＠x", "'＠x"),
        ("a=1", "a=1"),
        ("x;=1", "x;'=1"),
        ("x,=1;+2", "x,'=1;'+2"),
        ("x; =1", "x;' =1"),
        (";＝1", ";'＝1"),
        (";;=1", ";;'=1"),
        ('x;"=1;"y', 'x;\'"=1;"y'),
        ('x, ""=1', 'x,\' ""=1'),
        ("a;b, c", "a;b, c"),
    ],
)
def test_no_cell_is_a_formula(cell, safe):
    assert escape_formula(cell) == safe


def test_cells_with_delimiters_and_quotes_are_quoted():
    assert written([("a@x.org", 'A, "B"')]) == 'email,name\r\na@x.org,"A, ""B"""\r\n'


def test_cells_that_are_escaped_are_counted():
    rows = [("a@x.org", "=1"), ("b@x.org", "+49 30"), ("c@x.org", "Cy")]
    assert write_export(io.StringIO(), ("email", "name"), rows) == ExportCounts(rows=3, escaped=2)
    assert write_export(io.StringIO(), ("email", "name"), rows, raw=True) == ExportCounts(rows=3, escaped=0)


def test_raw_leaves_the_cells_as_they_are():
    assert written([("a@x.org", "=1")], raw=True, line_end="\n") == "email,name\na@x.org,=1\n"


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_what_is_read_back_is_what_was_written(rows):
    text = written(rows)
    assert list(csv.reader(io.StringIO(text, newline="")))[1:] == [
        [escape_formula(cell) for cell in row] for row in rows
    ]
