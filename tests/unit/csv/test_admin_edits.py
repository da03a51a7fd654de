"""A list file changed by hand: the cells that are named, and not a byte beside them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.csv.admin_edits import RowEdit, edited_copy
from mailer.csv.list_errors import ListError
from mailer.csv.reader import open_list
from mailer.csv.rows import Member

CELLS = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters='"'), max_size=8)


def change(path, changes=(), rows=(), columns=()):
    with edited_copy(open_list(path), changes, rows, columns=columns) as new:
        new.commit()
    return path.read_bytes()


@pytest.mark.parametrize(
    ("encoding", "text", "expected"),
    [
        ("utf-8", "email,city\nana@x.org,\nbo@x.org,Rome\n", "email,city\nana@x.org,Faro\nnew@x.org,\n"),
        ("utf-8-sig", "email;city\r\nana@x.org;\r\nbo@x.org;Rome", "email;city\r\nana@x.org;Faro\r\nnew@x.org;\r\n"),
        ("utf-16", '"email"\t"city"\nana@x.org\t""\nbo@x.org\t\n', '"email"\t"city"\nana@x.org\t"Faro"\n"new@x.org"\t""\n'),
        ("cp1252", "city,email,\u2026\nÅ,ana@x.org\n,bo@x.org,x\n", "city,email,\u2026\nFaro,ana@x.org\n,new@x.org,\n"),
        ("utf-8", "sep=;\nemail;city\nana@x.org\n\n bo@x.org ;Rome\n", "sep=;\nemail;city\nana@x.org;Faro\n\nnew@x.org;\n"),
    ],
)  # fmt: skip
def test_cells_are_set_rows_go_and_come_in_the_file_s_own_manner(tmp_path, encoding, text, expected):
    path = tmp_path / "readers.csv"
    path.write_bytes(text.encode(encoding))
    line = {row.address.identity: row.line for row in open_list(path).rows() if isinstance(row, Member)}
    changes = [
        RowEdit(line=line["ana@x.org"], identity="ana@x.org", values={"city": "Faro", "unknown": "x"}),
        RowEdit(line=line["bo@x.org"], identity="bo@x.org", values=None),
    ]
    assert change(path, changes, [{"email": "new@x.org", "unknown": "x"}]).decode(encoding) == expected


def test_new_columns_stand_behind_whatever_stands_under_no_header(tmp_path):
    path = tmp_path / "readers.csv"
    path.write_text("email\nana@x.org,stray\n")
    change(path, [RowEdit(line=2, identity="ana@x.org", values={"city": "Faro"})], [{"email": "bo@x.org"}], ["city"])
    assert path.read_text() == "email,,city\nana@x.org,stray,Faro\nbo@x.org,,\n"
    assert [row.fields["city"] for row in open_list(path).rows() if isinstance(row, Member)] == ["Faro", ""]


def test_what_the_encoding_cannot_hold_makes_the_file_utf_8(tmp_path):
    path = tmp_path / "readers.csv"
    path.write_bytes("email,city\nana@x.org,Århus\n".encode("cp1252"))
    changed = change(path, [RowEdit(line=2, identity="ana@x.org", values={"city": "पुणे"})])
    assert changed.decode("utf-8-sig") == "email,city\nana@x.org,पुणे\n"


@pytest.mark.parametrize("line", [1, 3, 4, 99])
def test_a_row_that_is_not_the_person_s_is_not_touched(tmp_path, line):
    path = tmp_path / "readers.csv"
    path.write_text("email\nana@x.org\nbo@x.org\nnot an address\n")
    before = path.read_bytes()
    with pytest.raises(ListError, match="changed in the meantime"):
        change(path, [RowEdit(line=line, identity="ana@x.org", values=None)])
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["readers.csv"]


@given(rows=st.lists(st.tuples(CELLS, CELLS), max_size=6), value=st.text(max_size=20))
def test_everybody_else_is_as_they_were_whatever_is_written(tmp_path_factory, rows, value):
    path = tmp_path_factory.mktemp("lists") / "readers.csv"
    lines = [f'r{number}@x.org,"{one}",{two.replace(",", "")}\n' for number, (one, two) in enumerate(rows)]
    path.write_bytes(("email,a,b\nana@x.org,A,B\n" + "".join(lines)).encode())
    was = [row for row in open_list(path).rows() if isinstance(row, Member)]
    change(path, [RowEdit(line=2, identity="ana@x.org", values={"a": value})], [{"email": "new@x.org", "b": value}])
    now = [row for row in open_list(path).rows() if isinstance(row, Member)]
    assert [each.address.identity for each in now] == [*(each.address.identity for each in was), "new@x.org"]
    assert [each.fields for each in now[1:-1]] == [each.fields for each in was[1:]]
    assert now[0].fields["b"] == "B"
