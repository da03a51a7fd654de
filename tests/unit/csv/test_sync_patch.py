import codecs
import csv
import hashlib
import os
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.csv.cell_editing import cell_spans, set_cells
from mailer.csv.list_errors import ListError
from mailer.csv.reader import open_list
from mailer.csv.rows import Member, RejectedRow, Status
from mailer.csv.sync_patch import RowPatch, prepare_patch
from mailer.csv.tokenizer import ends_its_row
from tests.support.csvlists import rewrite_list

GONE = {"status": "unsubscribed", "since": "2026-11-22"}
NEW = {"email": "new@example.org", "name": "Zoë", "status": "subscribed", "since": "2026-11-22"}


@pytest.fixture
def write(tmp_path):
    def write_list(content):
        path = tmp_path / "readers.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return open_list(path)

    return write_list


CASES = {
    "the columns come at the end the first time": (
        "email,name\nana@x.org,Ana\nbo@x.org,Bo\n",
        [3],
        "email,name,status,since\nana@x.org,Ana\nbo@x.org,Bo,unsubscribed,2026-11-22\n",
    ),
    "an existing column is used, wherever it is": (
        "status;email;since;name\r\n;ana@x.org;;Ana\r\nsubscribed;bo@x.org;;Bo\r\n",
        [2],
        "status;email;since;name\r\nunsubscribed;ana@x.org;2026-11-22;Ana\r\nsubscribed;bo@x.org;;Bo\r\n",
    ),
    "under another name too": (
        "E-Mail\tSubscription Status\nana@x.org\tactive\n",
        [2],
        "E-Mail\tSubscription Status\tsince\nana@x.org\tunsubscribed\t2026-11-22\n",
    ),
    "a since that is not ours stays": (
        "email,since\nana@x.org,1998\n",
        [2],
        "email,since,status,status_since\nana@x.org,1998,unsubscribed,2026-11-22\n",
    ),
    "quoting stays": (
        '"email","status","since"\n"ana@x.org","",""\n',
        [2],
        '"email","status","since"\n"ana@x.org","unsubscribed","2026-11-22"\n',
    ),
    "a header in quotes gets quoted names": (
        '"email"\nana@x.org\n"bo@x.org"\n',
        [2, 3],
        '"email","status","since"\nana@x.org,unsubscribed,2026-11-22\n"bo@x.org","unsubscribed","2026-11-22"\n',
    ),
    "all else in the row keeps its bytes": (
        'email,a,status,b,since\nana@x.org, "x"" " ,  old , "z" ,\n',
        [2],
        'email,a,status,b,since\nana@x.org, "x"" " ,unsubscribed, "z" ,2026-11-22\n',
    ),
    "quoted line ends and delimiters are part of their cells": (
        'email,name\n"ana@x.org","A,\r\n""B"""\nbo@x.org,Bo\n',
        [2, 4],
        'email,name,status,since\n"ana@x.org","A,\r\n""B""","unsubscribed","2026-11-22"\nbo@x.org,Bo,unsubscribed,2026-11-22\n',
    ),
    "a short row is filled up": (
        "email,name,city\nana@x.org\n",
        [2],
        "email,name,city,status,since\nana@x.org,,,unsubscribed,2026-11-22\n",
    ),
    "cells under no header are not taken for a status": (
        "email,name\nchen@x.org,Chen, Li\nana@x.org,Ana\n",
        [3],
        "email,name,,status,since\nchen@x.org,Chen, Li\nana@x.org,Ana,,unsubscribed,2026-11-22\n",
    ),
    "sep=, blank lines, a last line without end": (
        "sep=;\n\nemail;name\n\nana@x.org;Ana\n \nbo@x.org;Bo",
        [7],
        "sep=;\n\nemail;name;status;since\n\nana@x.org;Ana\n \nbo@x.org;Bo;unsubscribed;2026-11-22",
    ),
    "carriage returns alone": (
        "email,name\rana@x.org,Ana\rbo@x.org,Bo\r",
        [2],
        "email,name,status,since\rana@x.org,Ana,unsubscribed,2026-11-22\rbo@x.org,Bo\r",
    ),
    "rejected, duplicate and broken rows": (
        'email,name\nnobody,N\nana@x.org,"Ana\nbo@x.org,Bo\nBO@x.org,B\n',
        [4],
        'email,name,status,since\nnobody,N\nana@x.org,"Ana\nbo@x.org,Bo,unsubscribed,2026-11-22\nBO@x.org,B\n',
    ),
}


@pytest.mark.parametrize(("before", "lines", "after"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_only_the_named_cells_change(write, before, lines, after, encoding):
    source = write(before.encode(encoding))
    done = rewrite_list(source, [RowPatch(line=line, **GONE) for line in lines], [])
    written = source.path.read_bytes()
    assert written.decode(encoding) == after
    assert written == after.encode(encoding)
    assert (done.patched, done.appended, done.encoding_changed) == (len(lines), 0, False)
    assert done.digest == hashlib.sha256(written).hexdigest()


def test_bigendian_utf16_stays_so(write):
    source = write(codecs.BOM_UTF16_BE + "email;név\nana@x.org;Á\n".encode("utf-16-be"))
    rewrite_list(source, [RowPatch(line=2, status="bounced")], [NEW])
    assert source.path.read_bytes() == codecs.BOM_UTF16_BE + (
        "email;név;status;since\nana@x.org;Á;bounced\nnew@example.org;;subscribed;2026-11-22\n".encode("utf-16-be")
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("email,name\n", "email,name,status,since\nnew@example.org,Zoë,subscribed,2026-11-22\n"),
        ("email,name", "email,name,status,since\nnew@example.org,Zoë,subscribed,2026-11-22"),
        (
            "name;email\r\nA;a@x.org\r\n",
            "name;email;status;since\r\nA;a@x.org\r\nZoë;new@example.org;subscribed;2026-11-22\r\n",
        ),
        (
            "name;email\r\nA;a@x.org",
            "name;email;status;since\r\nA;a@x.org\r\nZoë;new@example.org;subscribed;2026-11-22",
        ),
        ('"email","x"\n', '"email","x","status","since"\n"new@example.org","","subscribed","2026-11-22"\n'),
        ("email,status,since\n\n", "email,status,since\n\nnew@example.org,subscribed,2026-11-22\n"),
    ],
)
def test_sign_ups_come_at_the_end_in_the_header_s_style(write, before, after):
    source = write(before)
    assert rewrite_list(source, [], [NEW]).appended == 1
    assert source.path.read_bytes() == after.encode()


def test_a_sign_up_that_the_encoding_cannot_hold_makes_the_file_utf8(write):
    source = write("email;name\r\nana@x.org;Zoë\r\n".encode("cp1252"))
    first = {**NEW, "email": "a@x.org"}
    done = rewrite_list(source, [], [first, {**NEW, "name": "דוד; מלך"}, NEW])
    assert done.encoding_changed
    assert (
        source.path.read_bytes()
        == codecs.BOM_UTF8
        + (
            "email;name;status;since\r\nana@x.org;Zoë\r\na@x.org;Zoë;subscribed;2026-11-22\r\n"
            'new@example.org;"דוד; מלך";subscribed;2026-11-22\r\nnew@example.org;Zoë;subscribed;2026-11-22\r\n'
        ).encode()
    )
    assert open_list(source.path).encoding.name == "utf-8-sig"


def test_what_would_be_taken_for_another_encoding_becomes_utf8(write):
    source = write("email,name\na@x.org,A\n".encode("utf-16-le"))
    done = rewrite_list(source, [], [{**NEW, "name": "語" * 3000}])
    assert done.encoding_changed
    assert open_list(source.path).encoding.name == "utf-8-sig"
    assert source.path.read_text(encoding="utf-8-sig").startswith("email,name,status,since\na@x.org,A\n")


def test_windows_1252_stays_when_it_holds_all(write):
    source = write("email;name\r\nana@x.org;Zoë\r\n".encode("cp1252"))
    assert not rewrite_list(source, [], [NEW]).encoding_changed
    assert source.path.read_bytes().endswith("new@example.org;Zoë;subscribed;2026-11-22\r\n".encode("cp1252"))


def test_a_sign_up_can_bring_neither_lines_nor_controls(write):
    source = write("email,name\n")
    rewrite_list(source, [], [{**NEW, "name": 'a\r\nb@x.org,"x\0\ud800' + "y" * 40_000}])
    (row,) = open_list(source.path).rows()
    assert row.fields["name"].startswith('a b@x.org,"xyyy')
    assert len(row.fields["name"]) < 33_000


def test_a_file_that_changed_is_left_alone(write):
    source = write("email\nana@x.org\n")
    with prepare_patch(source, [RowPatch(line=2, **GONE)], []) as prepared:
        source.path.write_text("email\nbo@x.org\ncy@x.org\n", encoding="utf-8")
        with pytest.raises(ListError, match="changed in the meantime"):
            prepared.commit()
    with pytest.raises(ListError, match="changed in the meantime"):
        rewrite_list(source, [RowPatch(line=2, **GONE)], [])
    assert source.path.read_text(encoding="utf-8") == "email\nbo@x.org\ncy@x.org\n"
    assert [path.name for path in source.path.parent.iterdir()] == ["readers.csv"]


def test_what_is_not_published_leaves_no_trace(write):
    source = write("email\nana@x.org\n")
    with prepare_patch(source, [RowPatch(line=2, **GONE)], []) as prepared:
        assert prepared.result.patched == 1
    assert source.path.read_bytes() == b"email\nana@x.org\n"
    assert [path.name for path in source.path.parent.iterdir()] == ["readers.csv"]


def test_mode_and_symbolic_link_stay(write, tmp_path):
    source = write("email\nana@x.org\n")
    source.path.chmod(0o640)
    folder = tmp_path / "lists"
    folder.mkdir()
    link = folder / "readers.csv"
    link.symlink_to(source.path)
    rewrite_list(open_list(link), [RowPatch(line=2, **GONE)], [])
    assert link.is_symlink()
    assert "unsubscribed" in source.path.read_text(encoding="utf-8")
    assert stat.S_IMODE(source.path.stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_the_owner_stays(write):
    source = write("email\nana@x.org\n")
    os.chown(source.path, 1234, 2345)
    rewrite_list(open_list(source.path), [RowPatch(line=2, **GONE)], [])
    assert (source.path.stat().st_uid, source.path.stat().st_gid) == (1234, 2345)


@pytest.mark.parametrize("lines", [[1], [3], [5], [4, 2], [2, 2], [99]])
@pytest.mark.parametrize(
    "content", ["email,name\na@x.org,A\n\nb@x.org,B\n", 'email,name\na@x.org,"A"\n\nb@x.org,"B"\n']
)
def test_a_patch_of_no_row_is_a_mistake_of_the_caller(write, content, lines):
    source = write(content)
    with pytest.raises(ValueError, match="no row begins"):
        rewrite_list(source, [RowPatch(line=line, **GONE) for line in lines], [])
    assert source.path.read_text(encoding="utf-8") == content


def test_a_row_that_would_swallow_a_sign_up_is_named(write):
    content = 'email,name\n"broken@x.org,B\n'
    source = write(content)
    with pytest.raises(ListError, match="missing closing quote"):
        rewrite_list(source, [], [{**NEW, "name": ",x"}])
    assert source.path.read_text(encoding="utf-8") == content
    assert rewrite_list(source, [], [NEW]).appended == 1


def test_a_full_disk_leaves_the_list_as_it_was(write, monkeypatch):
    source = write("email\nana@x.org\n")

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ListError, match="No space left"):
        rewrite_list(source, [RowPatch(line=2, **GONE)], [])
    assert source.path.read_bytes() == b"email\nana@x.org\n"
    assert [path.name for path in source.path.parent.iterdir()] == ["readers.csv"]


TEXT = st.text(st.sampled_from('ab@.x,;\t" \r\n\0é\u2028='), max_size=40)


@settings(deadline=None, max_examples=500)
@given(TEXT.filter(lambda text: text and not {*text} & {"\r", "\n"}), st.sampled_from(",;\t"), st.integers(0, 6))
def test_the_scanner_agrees_with_csv(line, delimiter, index):
    cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    assert len(cell_spans(line, delimiter)) == len(cells)
    patched = set_cells(f"{line}\n", delimiter, {index: "unsubscribed"})
    after = next(csv.reader([patched], delimiter=delimiter, skipinitialspace=True))
    wanted = [*cells, *[""] * (index + 1 - len(cells))]
    wanted[index] = "unsubscribed"
    if ends_its_row(f"{line}\n", delimiter):
        assert [cell.rstrip("\n") for cell in after] == wanted


ROW = st.sampled_from(
    [
        "a@x.org,Ana",
        "b@x.org",
        '"c@x.org","C, ""c"""',
        '"d@x.org","two\nlines"',
        "e@x.org,E,surplus",
        "f@x.org,F,,",
        'g@x.org,"never closed',
        '"h@x.org,H',
        "nobody,x",
        "",
        " ",
        'i@x.org,",I"',
        'j@x.org, "J"',
        '"',
        "k@x.org,é",
    ]
)


def seen(path):
    """What a reading makes of the file, but for lines, status and since."""
    rows = []
    for row in open_list(path).rows(duplicates=False):
        if isinstance(row, Member):
            fields = {name: value for name, value in row.fields.items() if name not in {"status", "since"}}
            rows.append((row.address.envelope, fields, row.status))
        elif isinstance(row, RejectedRow):
            rows.append(row.cells)
    return rows


@settings(deadline=None, max_examples=300)
@given(
    st.lists(ROW | TEXT, max_size=8),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"]),
    st.sampled_from(["email,name", '"email","name"', "email,name,status,since", "email,status,name"]),
    st.booleans(),
    st.data(),
)
def test_no_file_that_opens_is_damaged(tmp_path_factory, rows, end, encoding, header, ended, data):
    path = tmp_path_factory.mktemp("lists") / "list.csv"
    path.write_bytes(end.join([header, *rows, ""] if ended else [header, *rows]).encode(encoding, "replace"))
    try:
        source = open_list(path)
        found = list(source.rows(duplicates=False))
        before = seen(path)
    except ListError:
        return
    people = [row for row in found if isinstance(row, Member)]
    gone = [row for row in people if data.draw(st.booleans())]
    new = data.draw(st.sampled_from([[], [NEW], [{**NEW, "name": ",x"}, NEW]]))
    content = path.read_bytes()
    try:
        done = rewrite_list(source, [RowPatch(line=row.line, **GONE) for row in gone], new)
    except ListError:  # a quote that is not closed would be, by what is written
        assert any('"' in row for row in rows)
        assert path.read_bytes() == content
        return
    left = {row.line for row in gone}
    expected = iter(before)
    wanted = []
    for row in found:
        if isinstance(row, Member):
            envelope, fields, status = next(expected)
            wanted.append((envelope, fields, Status.UNSUBSCRIBED if row.line in left else status))
        elif isinstance(row, RejectedRow):
            wanted.append(next(expected))
    got = seen(path)
    width = len(open_list(path).columns.names) - 1
    assert [_bare(row, width) for row in got[: len(wanted)]] == [_bare(row, width) for row in wanted]
    assert len(got) == len(wanted) + len(new)
    assert (done.patched, done.appended) == (len(gone), len(new))


def _bare(row, width):
    return row if len(row) == 3 and isinstance(row[1], dict) else tuple(cell for cell in row if cell)


def test_a_patch_of_a_mixed_file_keeps_the_bytes_of_other_rows(write):
    content = "email,name\na@x.org,José\n".encode() + b"b@x.org,Jos\xe9\nc@x.org,C\n"
    source = write(content)
    rewrite_list(source, [RowPatch(line=4, **GONE)], [{**NEW, "name": "Zoë"}])
    written = source.path.read_bytes()
    assert written.startswith(
        "email,name,status,since\na@x.org,José\n".encode() + b"b@x.org,Jos\xe9\nc@x.org,C,unsubscribed,"
    )
    assert "Zoë".encode() in written
    assert [row.fields["name"] for row in open_list(source.path).rows() if isinstance(row, Member)][:2] == [
        "José",
        "José",
    ]
