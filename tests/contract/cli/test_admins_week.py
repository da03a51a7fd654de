"""An admin's whole week with one list: the file is compared byte for byte, day by day, on both databases.

The dates are those of today, for the program writes since when a status holds; everything else stands here as it must be.
"""

import datetime as dt
from pathlib import Path

import pytest

from mailer.addresses import parse_address
from mailer.app import App
from tests.support.ledger_cases import join
from tests.support.workspaces import make_workspace

HEADER = '"Email Address","First Name","Last Name",OPTIN_TIME,UNSUB_TIME'
MONDAY = [
    HEADER,
    'ana@example.org,Ana,"Reis, A.",2024-05-01 10:00:00,',
    "bo@example.org,Bo,,2024-05-01 10:00:00,",
    "ben@example.org,Ben,Söder,2024-05-02 08:00:00,",
    "left@example.org,Lena,Li,2024-05-02 09:00:00,2025-02-03 08:00:00",
    "chen@example.org,Chen,Li,2024-05-03 09:00:00,",
    "eve@example.org,Eve,,2024-05-03 09:30:00,",
    "fay@example.org,Fay,,2024-05-03 09:40:00,",
    "gil@example.org,Gil,,2024-05-03 09:50:00,",
    "hal@example.org,Hal,,2024-05-03 09:55:00,",
    "ian@example.org,Ian,,2024-05-04 09:00:00,",
    "joe@example.org,Joe,,2024-05-04 09:10:00,",
]
BY_HAND = "a test"


def written(lines: list[str]) -> bytes:
    """As the other tool wrote it: Windows-1252 and CRLF."""
    return "".join(f"{line}\r\n" for line in lines).encode("cp1252")


@pytest.fixture
def list_file(here, database_url) -> Path:
    """A workspace with the other tool's export for its list."""
    make_workspace(here.folder, DATABASE_URL=database_url)
    path = here.folder / "subscribers" / "readers.csv"
    path.write_bytes(written(MONDAY))
    return path


def test_an_admins_week(here, list_file):
    today = dt.datetime.now(dt.UTC).date().isoformat()

    # Monday: the other tool's export comes in; who had left there has left here
    plan = here("list", "sync", "readers", "--plan")
    assert plan.code in {0, 1}
    assert list_file.read_bytes() == written(MONDAY)
    here("list", "sync", "readers")
    assert list_file.read_bytes() == written(MONDAY)
    assert "unsubscribed" in here("subscriber", "show", "left@example.org").out

    # Tuesday: edits in a spreadsheet, while one person leaves and another signs up
    tuesday = [line.replace("bo@example.org,Bo,,", "bo@example.org,Bo,Åkesson,") for line in MONDAY]
    tuesday = [line for line in tuesday if not line.startswith("ben@")]
    tuesday.append("new@example.org,Nia,,,")
    with App.open(here.folder) as app:
        app.ledger.suppressions.unsubscribe("ana@example.org", source="one-click")
        join(app.ledger, "readers", parse_address("zoe@example.net"), {"first_name": "Zoë"}, source=BY_HAND)
    list_file.write_bytes(written(tuesday))
    assert here("list", "sync", "readers").code == 0
    merged = [f"{HEADER},status,since", *tuesday[1:]]
    merged[1] = f"{merged[1]},unsubscribed,{today}"
    merged.append(f"zoe@example.net,Zoë,,,,subscribed,{today}")
    assert list_file.read_bytes() == written(merged)

    # Wednesday: a bad upload, most of the list gone; it asks, and changes nothing
    bad = [merged[0], *merged[1:4]]
    list_file.write_bytes(written(bad))
    refused = here("list", "sync", "readers")
    assert refused.code == 4
    assert "--allow-removals" in refused.err
    assert list_file.read_bytes() == written(bad)
    assert here("list", "sync", "readers", "--allow-removals").code == 0
    assert here.json("list", "show", "readers")["members"] < 5

    # Thursday: it is undone, to the byte
    here("list", "undo", "readers")
    assert list_file.read_bytes() == written(merged)

    # Friday: someone wants to be forgotten; a file cannot bring back whoever has gone
    assert here("subscriber", "erase", "chen@example.org", "--yes").code == 0
    friday = [line.replace(f",unsubscribed,{today}", f",subscribed,{today}") for line in merged]
    list_file.write_bytes(written(friday))
    ran = here("list", "sync", "readers")
    assert ran.code == 1
    assert "ana@example.org" in ran.out + ran.err
    restored = [f"{line},erased,{today}" if line.startswith("chen@") else line for line in merged]
    assert list_file.read_bytes() == written(restored)
    chosen = {each["email"] for each in here.json("list", "show", "readers", "--where", 'list("readers")')["page"]}
    assert "chen@example.org" not in chosen

    # Saturday: nothing happened, nothing is written
    before = list_file.stat()
    here("list", "sync", "readers")
    assert list_file.stat().st_mtime_ns == before.st_mtime_ns
