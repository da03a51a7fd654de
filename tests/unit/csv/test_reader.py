import codecs
import csv
import io
import os
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.addresses import parse_address
from mailer.csv.list_errors import ListError
from mailer.csv.reader import open_list
from mailer.csv.rows import DuplicateRow, Member, RejectedRow, RowWarning, Status
from mailer.line_sanitizer import clean_line

LISTS = Path(__file__).parents[2] / "data" / "lists"


@pytest.fixture
def write(tmp_path):
    def write_list(content, name="readers.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return open_list(path)

    return write_list


def members(source):
    return [(row.line, row.address.envelope, dict(row.fields)) for row in source.rows() if isinstance(row, Member)]


def findings(source):
    return [source.describe(row) for row in source.rows() if not isinstance(row, Member)]


THREE = [
    ("ana.reis@example.com", "Ana", "Reis"),
    ("bjorn@example.net", "Björn", "Åkesson"),
    ("chen@example.org", "Li", "Chen"),
]


@pytest.mark.parametrize(
    ("name", "encoding", "delimiter", "lines"),
    [
        ("excel-semicolon-cp1252", "cp1252", ";", [2, 3, 4]),
        ("excel-utf16-tab", "utf-16", "\t", [2, 3, 4]),
        ("mailchimp-style-export", "utf-8-sig", ",", [2, 4, 6]),
    ],
)
def test_exports_of_other_tools_are_read_right(name, encoding, delimiter, lines):
    source = open_list(LISTS / f"{name}.csv")
    assert (source.name, source.encoding.name, source.delimiter) == (name, encoding, delimiter)
    rows = members(source)
    assert [(address, f["first_name"], f["last_name"]) for _, address, f in rows] == THREE
    assert [line for line, _, _ in rows] == lines


def test_quoted_newlines_and_quotes_come_out_as_text():
    source = open_list(LISTS / "mailchimp-style-export.csv")
    fields = members(source)[0][2]
    assert fields["notes"] == 'met at the "fair", wants photos'
    assert fields["tags"] == '"donor","harbour"'
    assert fields["member_rating"] == "2"
    assert findings(source) == [
        f"mailchimp-style-export.csv:{line}: line breaks or control characters were removed from “NOTES”"
        for line in (2, 4, 6)
    ]


def test_the_starter_list_is_read_right():
    source = open_list(LISTS / "readers.csv")
    assert [f for _, _, f in members(source)][2:4] == [
        {"email": "chen@example.org", "name": "Chen, Li", "first_name": "Li", "city": ""},
        {"email": "दीपा@उदाहरण.example", "name": "दीपा", "first_name": "दीपा", "city": "Pune"},
    ]
    assert findings(source) == []


def test_each_bad_row_of_a_hostile_list_is_named_and_the_others_are_used():
    source = open_list(LISTS / "hostile.csv")
    told = findings(source)
    assert [(line, address) for line, address, _ in members(source)] == [
        (2, "ok@example.com"),
        (7, "crlf@example.com"),
        (9, "tag@example.com"),
        (10, "jinja@example.com"),
        (11, "formula@example.com"),
        (12, "enc@example.com"),
        (15, "nul@example.com"),
        (16, "bidi@example.com"),
    ]
    kept = "; correct it in hostile.csv and sync again (hostile.rejected.csv is only a copy to read)"
    assert told[:4] == [
        "hostile.csv:3: ok@example.com is already in line 2; this row is ignored",
        f"hostile.csv:4: “not-an-address” is not an e-mail address (no @){kept}",
        f"hostile.csv:5: “a@b@c.example” is not an e-mail address (two @){kept}",
        f"hostile.csv:6: “” is not an e-mail address (empty){kept}",
    ]
    assert [int(line.split(":")[1]) for line in told] == [3, 4, 5, 6, 7, 13, 14, 15, 16, 17]
    fields = {address: f for _, address, f in members(source)}
    assert fields["crlf@example.com"]["name"] == "Eve Bcc: victim@example.com"
    assert fields["nul@example.com"]["name"] == "ab"
    assert fields["bidi@example.com"]["name"] == "gnp.exe"
    assert fields["tag@example.com"]["first_name"] == "<b>T</b>"
    assert fields["jinja@example.com"]["name"] == "{{ 7*7 }}"


TEXT = "email;first_name\r\nana@example.org;Zoë\r\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (codecs.BOM_UTF8 + TEXT.encode(), "utf-8-sig"),
        (TEXT.encode("cp1252"), "cp1252"),
        (TEXT.encode("utf-16"), "utf-16"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
    ],
)
def test_encodings(write, content, encoding):
    source = write(content)
    assert source.encoding.name == encoding
    assert members(source) == [(2, "ana@example.org", {"email": "ana@example.org", "first_name": "Zoë"})]


def test_the_encoding_is_that_of_the_whole_file(write):
    rows = "".join(f"reader{i}@example.org,Ana\n" for i in range(60_000))
    source = write(f"email,first_name\n{rows}last@example.org,Zoë\n".encode("cp1252"))
    assert source.encoding.name == "cp1252"
    *_, last = source.rows()
    assert last.fields["first_name"] == "Zoë"


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("email,name\na@x.org,A\nb@x.org,B", [(2, "A"), (3, "B")]),
        ("email;name\ra@x.org;A\rb@x.org;B\r", [(2, "A"), (3, "B")]),
        ('email\tname\n"a@x.org"\t"A,""B"";"\n', [(2, 'A,"B";')]),
        ("\n\nemail,name\n\n,\n  , \na@x.org,A\n\n", [(7, "A")]),
        ("sep=;\nemail;name\na@x.org;A,B\n", [(3, "A,B")]),
        ("Name, first;E-Mail\nA;a@x.org\n", None),
        ("email,name,city\na@x.org,A\nb@x.org\n", [(2, "A"), (3, "")]),
        ('email,name\n"a@x.org","A\nB\r\nC"\nb@x.org,D\n', [(2, "A B C"), (5, "D")]),
        ("email,name\na@x.org,  A \u00a0\n", [(2, "A")]),
        ("email\na@x.org\n", [(2, None)]),
    ],
)
def test_shapes_of_files(write, content, rows):
    found = members(write(content))
    if rows is None:
        assert found == [(2, "a@x.org", {"name_first": "A", "email": "a@x.org"})]
    else:
        assert [(line, fields.get("name")) for line, _, fields in found] == rows


def test_only_the_fields_asked_for_travel(write):
    source = write("email,name,city\na@x.org,A,B\n")
    assert [row.fields for row in source.rows(frozenset({"city", "unknown"}))] == [{"city": "B"}]


def test_too_many_cells_are_noted_unless_empty(write):
    source = write("email,name\nchen@x.org,Chen, Li\nana@x.org,Ana,,\n")
    assert findings(source) == [
        "readers.csv:2: 3 cells, but only 2 columns; the last cells were ignored (is a quote missing?)"
    ]
    assert len(members(source)) == 2


def test_status_words_and_what_is_none(write):
    words = ["", "Subscribed", "unconfirmed", "UNSUBSCRIBED", "bounced", "complained", "erased", "paused", "VIP"]
    source = write("email,status\n" + "".join(f"r{i}@x.org, {word} \n" for i, word in enumerate(words)))
    rows = list(source.rows())
    assert [row.status for row in rows if isinstance(row, Member)] == [Status.SUBSCRIBED, *Status]
    assert findings(source) == ["readers.csv:10: the status “VIP” is unknown; the reader gets no mail"]


def test_the_first_row_of_an_identity_counts(write):
    source = write("email,status\nAna@x.org,\nb@x.org,\nana@X.org,bounced\n")
    assert list(source.rows())[-1] == DuplicateRow(line=4, first=2, identity="ana@x.org", status=Status.BOUNCED)


def test_a_quote_that_is_never_closed_costs_one_row(write):
    rows = "".join(f"r{i}@x.org,R{i}\n" for i in range(2000))
    source = write(f'email,name\n"broken@x.org,B\n{rows}"q@x.org","Q, R"\n')
    found = list(source.rows())
    assert [(row.line, row.cells) for row in found if isinstance(row, RejectedRow)] == [(2, ('"broken@x.org,B',))]
    assert len(members(source)) == 2001
    assert members(source)[-1][:2] == (2003, "q@x.org")


def test_a_quote_closed_by_a_later_row_s_quote_swallows_nothing(write):
    source = write('email,name\na@x.org,"Ana\nb@x.org,Bo\nc@x.org,"Chen, Li"\nd@x.org,D\n')
    assert [(line, address) for line, address, _ in members(source)] == [(3, "b@x.org"), (4, "c@x.org"), (5, "d@x.org")]
    assert [row.line for row in source.rows() if isinstance(row, RejectedRow)] == [2]


def test_a_huge_cell_costs_its_row(write):
    source = write(f"email,name\na@x.org,{'x' * 200_000}\nb@x.org,B\n")
    assert [(type(row), row.line) for row in source.rows()] == [(RejectedRow, 2), (Member, 3)]


def test_a_file_made_of_broken_quotes_is_given_up_on(write):
    source = write("email,name\n" + 'x"y,"z\n' * 1500)
    with pytest.raises(ListError, match="more than 1000 rows with a missing closing quote"):
        list(source.rows())


BINARY = bytes(range(256)) * 8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\r\n ;;\n", "is empty"),
        (codecs.BOM_UTF8, "is empty"),
        (
            b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml" + BINARY,
            "is an Excel or OpenDocument workbook, not a CSV",
        ),
        (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis" + BINARY, "is an Excel or OpenDocument workbook"),
        (
            b"PK\x03\x04" + bytes(26) + b"subscribed_members_export.csv" + BINARY,
            "is a ZIP file, not a CSV file",
        ),
        (b"%PDF-1.7", "is a PDF"),
        (BINARY, "has an unknown encoding"),
        (b"email\x00name\n", "first line contains control characters"),
        (b"\0" * 1000, "does not contain text"),
        (b"email\nZo\xeb\x81@x.org\n", "has an unknown encoding: not UTF-8, UTF-16 or Windows-1252"),
        (b"  <!DOCTYPE html>\n<html>email,name\n", "is an HTML page, not a CSV file"),
        (b"<html><body><table><tr><td>email</td></tr></table></body></html>\n", "is an HTML page"),
        (codecs.BOM_UTF8 + b'<?xml version="1.0"?>\n<list/>', "is an XML file"),
        (b'[{"email": "a@x.org"}]', "is a JSON file"),
        (b"BEGIN:VCARD\r\nEMAIL:a@x.org", "is a file of vCards"),
        (b"{\\rtf1 email", "is an RTF document"),
        (b"email|name\nana@x.org|Ana\n", "The separator of the file readers.csv is “|”"),
        (b"name^E-Mail^x\nAna^ana@x.org^\n", r"is “\^”"),
        (b"sep=|\nemail|name\n", "is “|”"),
        ("“email”,“name”\n“ana@x.org”,“Ana”\n".encode(), r"The quotes in the file readers.csv are typographic \(“\)"),
        (b"Mailing list of the Letter,,\nemail,name,city\na@x.org,A,P\n", "Line 1 of the file readers.csv is a title"),
        (b"Contact,,Subscription\nemail,name,status\na@x.org,A,\n", "the names of the columns are in line 2"),
        ("email,שם\nana@x.org,דוד כהן\n".encode("cp1255"), "an old encoding of another script, such as Hebrew"),
        (b"My e-mail list\n\nas of May\nname;Email address\nA;a@x.org\n", "the names of the columns are in line 4"),
        (b"email," + b"x" * (18 << 20), "one of its lines is longer than 16 MB"),
        (b"email," + b"x" * 140_000, "is too long"),
        (b'email,"first name\nana@x.org,Ana\n', "a missing closing quote in line 1"),
        (b"name,city\n", "no column contains the address"),
        (b"ana@x.org,Ana\n", "the first line contains an address"),
        (b"email,E-Mail\n", "both become the field “email”"),
    ],
)
def test_a_file_that_is_no_list_is_named_with_the_next_step(write, content, message):
    with pytest.raises(ListError, match=message) as caught:
        write(content)
    assert "readers.csv" in caught.value.message
    assert caught.value.next_step


def test_a_missing_file_a_folder_and_a_pipe(tmp_path):
    with pytest.raises(ListError, match=r"There is no file none\.csv"):
        open_list(tmp_path / "none.csv")
    with pytest.raises(ListError, match="is a folder"):
        open_list(tmp_path)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(ListError, match="is not a file"):
        open_list(tmp_path / "pipe.csv")


def test_utf16_that_breaks_off_is_an_error_not_a_crash(write):
    content = TEXT.encode("utf-16") + b"a"
    with pytest.raises(ListError, match="utf-16"):
        list(write(content).rows())


def test_a_file_that_changes_meanwhile_is_noticed(write, tmp_path):
    source = write("email\n" + "".join(f"r{i}@x.org\n" for i in range(5000)))
    rows = source.rows()
    next(rows)
    with source.path.open("a") as file:
        file.write("late@x.org\n")
    with pytest.raises(ListError, match="changed in the meantime"):
        list(rows)
    with pytest.raises(ListError, match="changed in the meantime"):
        next(source.rows())
    source.path.unlink()
    with pytest.raises(ListError, match=r"There is no file readers\.csv"):
        next(source.rows())


CELL = st.text(st.characters(codec="utf-8") | st.sampled_from(' \r\n\0",;\t\u202e'), max_size=12)


@settings(deadline=None)
@given(st.lists(st.tuples(CELL, CELL), max_size=12), st.sampled_from(",;\t"), st.sampled_from(["\r\n", "\n"]))
def test_well_formed_csv_is_read_as_csv_reader_reads_it(tmp_path_factory, rows, delimiter, end):
    text = io.StringIO()
    quoting = csv.QUOTE_MINIMAL if end == "\r\n" else csv.QUOTE_ALL  # else Python leaves a lone CR unquoted
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([("email", "a", "b"), *((f"r{i}@x.org", *row) for i, row in enumerate(rows))])
    path = tmp_path_factory.mktemp("lists") / "list.csv"
    path.write_text(text.getvalue(), encoding="utf-8-sig", newline="")
    found = [row for row in open_list(path).rows() if isinstance(row, Member)]
    assert [(row.fields["a"], row.fields["b"]) for row in found] == [
        tuple(clean_line(c).strip() for c in row) for row in rows
    ]
    noted = {row.line for row in open_list(path).rows() if isinstance(row, RowWarning)}
    assert noted == {row.line for row, cells in zip(found, rows, strict=True) if any(clean_line(c) != c for c in cells)}


@settings(deadline=None)
@given(st.binary(max_size=400) | st.text(st.sampled_from('a@x.org,;\t"\n\r \0é'), max_size=200).map(str.encode))
def test_whatever_follows_the_header_every_row_comes_out(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("lists") / "list.csv"
    path.write_bytes(b"email,name\n" + content)
    try:
        rows = list(open_list(path).rows())
    except ListError:
        return
    for row in rows:
        if isinstance(row, Member):
            assert clean_line(row.fields["name"]) == row.fields["name"]
    lines = [row.line for row in rows if not isinstance(row, RowWarning)]
    assert lines == sorted(set(lines))
    assert all(line > 1 for line in lines)


HOSTILE = [
    "a@x.org",
    "A@X.org",
    "b@x.org",
    "é@x.org",
    "no",
    "@",
    '"',
    '""',
    '",',
    ",",
    ";",
    "\t",
    "\n",
    "\r",
    "\r\n",
    " ",
    "\a",
    "\u202e",
]


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1 << 32))
def test_every_one_of_a_thousand_hostile_rows_is_accounted_for(tmp_path_factory, seed):
    random = Random(seed)
    path = tmp_path_factory.mktemp("lists") / "list.csv"
    rows = ("".join(random.choices(HOSTILE, k=random.randrange(6))) for _ in range(1000))
    path.write_text("email,name\n" + "\n".join(rows), encoding="utf-8", newline="")
    source = open_list(path)
    cells = [row for batch in source.records() for row in batch.rows]
    found = [row for row in source.rows() if not isinstance(row, RowWarning)]
    assert [row.line for row in found] == [
        line for line, row in cells if isinstance(row, str) or any(cell.strip() for cell in row)
    ]
    together = [row for row in source.rows(duplicates=False) if not isinstance(row, RowWarning)]
    assert [row.line for row in together] == [row.line for row in found]
    assert not any(isinstance(row, DuplicateRow) for row in together)
    assert unpacked(source.batches()) == list(source.rows(duplicates=False))


def unpacked(batches):
    """The rows of all batches in the order of the file, the plain ones made the members that they are."""
    found = []
    for batch in batches:
        for line, identity, values in batch.plain:
            assert not {'"', "\\"} & set("".join(values))
            found.append(Member(line, parse_address(identity), dict(zip(batch.names, values, strict=True))))
        found.extend(batch.rows)
    return sorted(found, key=lambda row: row.line)


PLAIN = "a@x.org,subscribed,A,\n"


@pytest.mark.parametrize(
    ("row", "is_plain"),
    [
        (PLAIN, True),
        ("a@x.org,,,\n", True),
        ("a@x.org,subscribed,“É”,\n", True),
        ("A@x.org,subscribed,A,\n", False),
        ("a@X.org,subscribed,A,\n", False),
        (" a@x.org,subscribed,A,\n", True),
        ("ä@x.org,subscribed,A,\n", False),
        ("a@xn--mnchen-3ya.de,subscribed,A,\n", False),
        ("a@x,subscribed,A,\n", True),
        ("a@,subscribed,A,\n", False),
        ("a@x.org,paused,A,\n", False),
        ("a@x.org,subscribed,A,2026-01-01\n", False),
        ("a@x.org,subscribed,A,,more\n", False),
        ("a@x.org,subscribed\n", False),
        ("a@x.org,subscribed,a\\b,\n", False),
        ('a@x.org,subscribed,"a""b",\n', False),
        ('a@x.org,subscribed,"a\nb",\n', False),
    ],
)
def test_a_row_is_plain_if_it_needs_no_treatment(tmp_path, row, is_plain):
    path = tmp_path / "list.csv"
    path.write_text("email,status,name,since\n" + row, encoding="utf-8")
    source = open_list(path)
    batches = list(source.batches())
    assert [len(batch.plain) for batch in batches] == [int(is_plain)]
    assert unpacked(batches) == list(source.rows(duplicates=False))


@pytest.mark.parametrize("content", ['email,name\na@x.org,"A', 'email,name\na@x.org,"A\n'])
def test_a_quote_that_is_open_at_the_end_costs_its_row_too(write, content):
    source = write(content)
    assert [row.cells for row in source.rows()] == [('a@x.org,"A',)]


def test_a_header_that_leaves_a_quote_open_under_its_delimiter_is_refused(write):
    with pytest.raises(ListError, match="missing closing quote in line 1"):
        write('a"b,"email\na@x.org,x\n')
    assert write('size 6",email\n1,a@x.org\n').columns.names == ("size_6", "email")


@pytest.mark.parametrize("length", [255, 256, 257, 600])
def test_a_row_over_several_lines_may_stand_anywhere(write, length):
    rows = [f"r{i}@x.org,R" for i in range(length)]
    for at in (0, length // 2, length - 1):
        rows[at] = f'r{at}@x.org,"R\nR"'
    source = write("\n".join(["email,name", *rows, ""]))
    found = members(source)
    assert [address for _, address, _ in found] == [f"r{i}@x.org" for i in range(length)]
    assert [line for line, _, _ in found] == [2 + i + (i > 0) + (i > length // 2) for i in range(length)]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        ('"Porto, Novo",Ana', ("Porto, Novo", "Ana")),
        ('" Porto", Ana ', ("Porto", "Ana")),
        ('"Porto ""N"" ",Ana', ('Porto "N"', "Ana")),
        ("\N{BROKEN BAR} Porto,Ana \N{BROKEN BAR}", ("\N{BROKEN BAR} Porto", "Ana \N{BROKEN BAR}")),
        ("\N{NO-BREAK SPACE}Porto,Ana\t", ("Porto", "Ana")),
    ],
)
def test_values_lose_the_space_around_them_and_keep_the_one_within(write, cells, values):
    source = write(f"city,first_name,email\n{cells},ana@x.org\n")
    assert [
        tuple(row.fields[name] for name in ("city", "first_name")) for row in source.rows() if isinstance(row, Member)
    ] == [values]


JOSE = "email,name\nana@münchen.example,Joséééé\n".encode()


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_an_odd_row_in_a_file_of_utf8_is_read_as_windows_1252_and_named(write, mark):
    source = write(mark + JOSE + b"b@x.org,Jos\xe9\nc@m\xfcnchen.example,\xc9t\xc3\xa9\nd@x.org,A\x81\n")
    assert source.encoding.label == "UTF-8" and source.encoding.is_mixed
    assert [(address, fields["name"]) for _, address, fields in members(source)] == [
        ("ana@xn--mnchen-3ya.example", "Joséééé"),
        ("b@x.org", "José"),
        ("c@xn--mnchen-3ya.example", "Été"),
        ("d@x.org", "A\N{REPLACEMENT CHARACTER}"),
    ]
    assert findings(source) == [
        "readers.csv:3: “José” has another encoding than the file; it was read as Windows-1252",
        "readers.csv:4: “c@münchen.example” has another encoding than the file; it was read as Windows-1252",
        "readers.csv:5: “A\N{REPLACEMENT CHARACTER}” has another encoding than the file; it was read as Windows-1252",
        "readers.csv:5: “A\N{REPLACEMENT CHARACTER}” has lost a character (\N{REPLACEMENT CHARACTER}); correct it in the file",
    ]


def test_a_row_of_utf8_in_a_file_of_windows_1252_is_named(write):
    source = write(b"email,name\na@x.org,Jos\xe9\nb@x.org,\xc9l\xe9a\n" + "c@x.org,José\n".encode())
    assert source.encoding.name == "cp1252"
    assert [fields["name"] for _, _, fields in members(source)] == ["José", "Éléa", "José"]
    assert findings(source) == [
        "readers.csv:2: the file is not UTF-8; it was read as Windows-1252: “José”. If that is wrong, save the file as UTF-8",
        "readers.csv:4: “José” has another encoding than the file; it was read as UTF-8",
    ]


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        ("email,name\na@x.org,28\xf8 Wine\n".encode("latin-1"), "read as Windows-1252: “28ø Wine”"),
        ('email;name\na@x.org;"Zoë"\n'.encode("utf-16-le"), "read as UTF-16: “Zoë”"),
        (
            b"email,pr\xe9nom\na@x.org,A\n",
            "readers.csv:1: the file is not UTF-8; it was read as Windows-1252: “prénom”",
        ),
        (
            "email,name\na@x.org,Jos\N{REPLACEMENT CHARACTER}\n".encode(),
            "readers.csv:2: “Jos\N{REPLACEMENT CHARACTER}” has lost",
        ),
    ],
)
def test_a_guess_is_reported_with_a_sample_and_a_lost_character_with_its_line(write, content, finding):
    (found,) = findings(write(content))
    assert finding in found


def test_a_quote_behind_a_blank_is_a_quote(write):
    source = write('email, name\na@x.org, "Reis, Ana"\nb@x.org,   "Bo"\n')
    assert [fields["name"] for _, _, fields in members(source)] == ["Reis, Ana", "Bo"]
    assert findings(source) == []


def test_the_hint_of_excel_may_be_in_capitals(write):
    source = write("SEP=;\nemail;name\na@x.org;A\n")
    assert (source.delimiter, source.header_line) == (";", 2)


@pytest.mark.parametrize("header", ["Contact email", "email", "E-Mail-Adresse"])
def test_a_list_of_one_column_has_no_title(write, header):
    assert write(f"{header}\nana@x.org\nmail\n").header_line == 1


def test_a_date_that_cannot_be_read_is_named(write):
    rows = ("a@x.org,31/01/2024", "b@x.org,45322", "c@x.org,yesterday", "d@x.org,03/04/2024", "e@x.org,")
    source = write("email,status,since\n" + "".join(f"{row.replace(',', ',subscribed,')}\n" for row in rows))
    assert [fields["since"] for _, _, fields in members(source)] == ["2024-01-31", "2024-01-31", "", "2024-03-04", ""]
    assert findings(source) == [
        "readers.csv:4: “yesterday” is not a date; write it as 2024-01-31",
        "readers.csv:5: “03/04/2024” was read as 2024-03-04; day and month may be swapped",
    ]


def test_a_quote_that_is_not_doubled_is_named(write):
    source = write('email,name\na@x.org,Ana "the boss" Reis\nb@x.org,"Bo "B" B"\nc@x.org,"C"   \nd@x.org,"D ""d"" D"\n')
    assert [fields["name"] for _, _, fields in members(source)] == ['Ana "the boss" Reis', 'Bo B" B"', "C", 'D "d" D']
    assert findings(source) == ['readers.csv:3: a quote in a quoted cell is not doubled; it was read as “Bo B" B"”']


def test_a_list_from_a_mac_is_read_as_mac_os_roman(write):
    source = write("Email;Prénom;Désinscrit\rana@x.org;Zoé;oui\rbo@x.org;Jérôme;\r".encode("mac_roman"))
    rows = list(source.rows())
    assert [(row.fields["first_name"], row.status.value) for row in rows if isinstance(row, Member)] == [
        ("Zoé", "unsubscribed"),
        ("Jérôme", "subscribed"),
    ]
    assert "it was read as Mac OS Roman: “Prénom”" in rows[0].message
