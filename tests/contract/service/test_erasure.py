"""An erased subscriber is in none of the copies of list files that the program keeps, and the others stay as they were."""

import gzip
import io
import re

import pytest

from mailer.service.lists.uploads import ImportMode, apply_upload, keep_upload, plan_upload
from mailer.service.subscribers.erasure import CopiesLeftError, erase_everywhere, erase_subscriber
from tests.support.desk import Desk

HEAD = "email,note\n"
OTHERS = "joana@example.com,\nana@example.com.br,\nbo@example.net,Bo\n"
ANA = '"Ana@Example.com","of\nOctober"\n'


def kept(desk: Desk) -> list[bytes]:
    """All that the state folder and the rejected rows contain."""
    state = desk.app.workspace.state
    files = [gzip.decompress(path.read_bytes()) for path in state.rglob("*.csv.gz")]
    files += [path.read_bytes() for path in state.rglob("*.csv")]
    return [*files, *(path.read_bytes() for path in desk.app.workspace.subscribers.glob("*.rejected.csv"))]


def has(text: str, address: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(address)}(?![\w.])", text, re.IGNORECASE) is not None


def is_in(desk: Desk, address: str, encoding: str = "utf-8") -> bool:
    return any(has(data.decode(encoding, "ignore"), address) for data in kept(desk))


def upload(desk: Desk, text: str):
    file = io.BytesIO(text.encode())
    return keep_upload(desk.app, "readers", file, file_name="fair.csv", way=ImportMode.ADD, by="Mara")


def test_earlier_versions_uploads_and_rejected_rows_lose_the_address_and_nothing_else(desk):
    desk.sync(HEAD + ANA + OTHERS)
    desk.sync(HEAD + OTHERS + ANA + "cy@example.net,\n")
    desk.sync(HEAD + OTHERS + ANA + "cy@example.net,\nana@example.com; bo@example.net,\ntwo@@example.net,\n")
    waiting = upload(desk, HEAD + "ana@example.com,again\ndee@example.net,\n")
    assert is_in(desk, "ana@example.com")
    desk.write(desk.read().replace(ANA, ""))  # the file itself is the admin's
    erase_everywhere(desk.app, "ana@example.com", by="Mara")
    assert not is_in(desk, "ana@example.com")
    assert not is_in(desk, "ana@example.com; bo@example.net")
    for other in ("joana@example.com", "ana@example.com.br", "bo@example.net", "cy@example.net", "two@@example.net"):
        assert is_in(desk, other), other
    desk.sync(allow_removals=True)
    plan = plan_upload(desk.app, waiting)
    assert plan.rows == 1
    apply_upload(desk.app, waiting, base=plan.base, by="Mara", allow_removals=True)
    assert "dee@example.net" in desk.read()
    desk.undo(to=2, allow_removals=True)
    assert "cy@example.net" in desk.read()
    assert not has(desk.read(), "ana@example.com")


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "utf-8-sig"])
def test_versions_in_other_encodings_lose_the_address(desk, encoding):
    for rows in (ANA + OTHERS, OTHERS + "cy@example.net,\n" + ANA):
        desk.path.write_bytes((HEAD + rows + "gote@example.se,Göteborg\n").encode(encoding))
        desk.sync()
    erase_everywhere(desk.app, "ana@example.com", by="Mara")
    assert not is_in(desk, "ana@example.com", encoding)
    assert is_in(desk, "bo@example.net", encoding)


def test_a_domain_is_found_in_both_of_its_forms(desk):
    desk.sync(HEAD + "ana@bücher.example,\nbo@example.net,\n")
    erase_everywhere(desk.app, "ana@xn--bcher-kva.example", by="Mara")
    assert not is_in(desk, "ana@bücher.example")
    assert is_in(desk, "bo@example.net")


def test_a_version_with_the_address_in_a_cell_of_another_row_is_deleted(desk):
    desk.sync(HEAD + ANA + OTHERS)
    desk.sync(HEAD + ANA + OTHERS + "cy@example.net,friend of ana@example.com\n")
    erase_everywhere(desk.app, "ana@example.com", by="Mara")
    assert [path.name for path in desk.app.workspace.state.rglob("*.csv.gz")] == ["1.csv.gz"]
    assert not is_in(desk, "ana@example.com")


def test_erasing_at_the_desk_cleans_the_copies_too(desk):
    desk.sync(HEAD + ANA + OTHERS)
    erase_subscriber(desk.app, "ana@example.com", by="Mara")
    assert not is_in(desk, "ana@example.com")
    assert not has(desk.read(), "ana@example.com")
    desk.undo(to=1, allow_removals=True)
    assert not has(desk.read(), "ana@example.com")
    assert has(desk.read(), "bo@example.net")


def test_a_copy_that_cannot_be_changed_is_named_after_the_rest_is_erased(desk, monkeypatch):
    desk.sync(HEAD + ANA + OTHERS)

    def fail(path, *_arguments, **_options):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("mailer.service.subscribers.erasure.write_version", fail)
    waiting = upload(desk, HEAD + "ana@example.com,again\ndee@example.net,\n")
    said = r"was erased, but not from the earlier versions of the list readers \(No space left on device\)"
    with pytest.raises(CopiesLeftError, match=said):
        erase_everywhere(desk.app, "ana@example.com", by="Mara")
    assert desk.held("ana@example.com") == "erased"
    assert plan_upload(desk.app, waiting).rows == 1, "everything else is done"
