"""A workspace that version 0.1.0 wrote (tests/data/workspace-0.1) opens, keeps all that it holds, and its send goes on."""

import csv
import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select

from mailer.app import App
from mailer.delivery.states import DeliveryState
from mailer.ledger.store.tables import attempt, delivery, metadata
from mailer.smtp.debug_server import DebugSmtpServer, read_journal
from mailer.smtp.stage import Stage
from tests.support.commands import Commands

OLD = Path(__file__).parents[1] / "data" / "workspace-0.1"
EXPECTED = json.loads((OLD / "expected.json").read_text("utf-8"))
UNFINISHED = "4"
IN_THE_SERVERS_HANDS = "reader9@example.com"  # the server kept it, and hung up without an answer
IN_OUR_HANDS = "reader12@example.com"  # the process was killed before the end of DATA
WRITTEN_AT = 1_760_100_000.0  # a session and an answer are forgotten later
RENAMED = {"letter": "transactional_mail", "draft": "revision", "api_answer": "idempotency_key"}  # tables
REWORDED = {
    "every history is a legal way through the states": "every history has only allowed transitions",
    "every acceptance has its server's 2xx, and one only": "every accepted delivery has exactly one 2xx reply, or was assumed",
    "nothing is in hand but of a send under way": "deliveries are claimed or being sent only in a running send",
    "the stored edition is what its digest says, images and all": "the stored edition and its images match the digest",
    "every Message-ID can be made again": "every Message-ID can be computed again",
}  # checks of `verify`
Count = Callable[[str], int]


@pytest.fixture(params=["sqlite", "postgresql"])
def count_rows(request: pytest.FixtureRequest, here: Commands, catcher: DebugSmtpServer) -> Iterator[Count]:
    """The old workspace with its database, sending to the catcher; counts the rows of a table."""
    shutil.copytree(OLD / "workspace", here.folder, dirs_exist_ok=True)
    settings = here.folder / ".env"
    text = settings.read_text("utf-8").replace("127.0.0.1:2525", f"127.0.0.1:{catcher.port}")
    settings.write_text(text, "utf-8")
    if request.param == "sqlite":
        with closing(sqlite3.connect(here.folder / "mailer.db")) as conn:
            yield lambda table: conn.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
        return
    (here.folder / "mailer.db").unlink()
    with request.getfixturevalue("postgres").copy("template0") as url:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute((OLD / "postgresql.sql").read_bytes())
        settings.write_text(f"{text}MAILER_DATABASE_URL='{url}'\n", "utf-8")
        with psycopg.connect(url, autocommit=True) as conn:
            yield lambda table: conn.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]


def test_every_row_and_every_answer_survives(here: Commands, count_rows: Count) -> None:
    expected = {RENAMED.get(table, table): count for table, count in EXPECTED["rows"].items() if table != "lease"}
    assert len(expected) == 30
    expected["meta"] += not (here.folder / "mailer.db").exists()  # PostgreSQL: which database of which server it is
    expected["meta"] -= 1  # the rollback guard has a table of its own now
    here.json("status")  # upgrades the database
    assert {table: count_rows(table) for table in expected} == expected
    for command, answer in EXPECTED["commands"].items():  # those that show a reader add to the audit log
        then, now = in_order(answer), in_order(here.json(*command.split()))
        assert {key: value for key, value in now.items() if key in then} == then, command  # later versions add keys


def in_order(answer: dict[str, Any]) -> dict[str, Any]:
    """A page of a list by address, without the erased: their markers differ between the two ledgers. Checks as they are named now.

    The lists of a suppressed reader are without their status: it was that of the list alone.
    """
    page = [each for each in answer.get("page", []) if not each["email"].startswith("erased:")]
    checks = [{**each, "check": REWORDED.get(each["check"], each["check"])} for each in answer.get("checks", [])]
    left_out = {"status", "since", "by"} if answer.get("suppression") else set()
    lists = [{key: each[key] for key in each.keys() - left_out} for each in answer.get("lists", [])]
    return {**answer, "page": sorted(page, key=lambda each: each["email"]), "checks": checks, "lists": lists}


def test_the_schema_becomes_that_of_a_new_workspace(here: Commands, count_rows: Count) -> None:
    with App.open(here.folder, lambda: WRITTEN_AT) as app, app.ledger.context.database.reading() as conn:
        differences = compare_metadata(MigrationContext.configure(conn), metadata)
        assert [each for each in differences if each[1].name != "ix_member_identity"] == []  # PostgreSQL's alone
        stages = conn.execute(select(attempt.c.stage, func.count()).group_by(attempt.c.stage)).all()
        assert dict(stages)[Stage.END_OF_DATA] == 22
        in_flight = select(delivery.c.identity).where(delivery.c.state == DeliveryState.SENDING)
        assert conn.execute(in_flight).scalars().all() == [IN_OUR_HANDS]


def test_what_only_pages_show_survives(here: Commands, count_rows: Count) -> None:
    with App.open(here.folder, lambda: WRITTEN_AT) as app:
        ledger = app.ledger
        [session] = ledger.sessions.of(ledger.users.by_name("Mara Lindqvist").id)
        assert session.browser == "Firefox on Linux"
        shown = ledger.editions.archived("quay")
        assert shown is not None
        assert [each.note for each in shown.corrections] == ["The harbour master asked on Monday."]
        assert len(ledger.editions.images(shown.first)) == 1
        [approval] = ledger.approvals.of(shown.first)
        assert approval.by == "Tomás Ferro"
        assert [(each.actor, each.action) for each in ledger.audit.entries()] == [("Mara Lindqvist", "user.add")]
        after, before = (ledger.revisions.text("tide", each.id) or "" for each in ledger.revisions.versions("tide"))
        assert "The rest is" in before
        assert "All of it is" in after
        [token] = ledger.api_tokens.all()
        answer = ledger.idempotency.reserve(token.id, "order-1", "f" * 64)
        assert answer is not None
        assert (answer.status, answer.body, answer.location) == (201, '{"id": 1}', "/api/v1/sends/1")


def test_the_unfinished_send_goes_on_to_its_end(here: Commands, count_rows: Count) -> None:
    ran = here("resume", UNFINISHED, "--json")
    assert ran.code == 3, ran.err  # two deliveries are uncertain
    sent = ran.json()
    assert (sent["state"], sent["frozen"], sent["accepted"], sent["failed"]) == ("finished", 20, 11, 0)
    assert (sent["skipped"], sent["uncertain"]) == (7, 2)
    assert here.json("verify", UNFINISHED)["ok"]

    before, now = read_journal(OLD / "accepted.jsonl"), read_journal(here.folder / "caught.jsonl")
    accepted = Counter(line["recipient"] for line in (*before, *now))
    assert set(accepted.values()) == {1}, "nobody twice"
    assert len({line["message_id"] for line in (*before, *now)}) == 12
    report = rows_of(here)
    states = {row["email"]: row["state"] for row in report if row["state"] != "skipped"}
    assert {email for email, state in states.items() if state == "uncertain"} == {IN_THE_SERVERS_HANDS, IN_OUR_HANDS}
    assert set(states) == {*accepted, IN_OUR_HANDS}, "nobody lost"

    assert here("resolve", UNFINISHED, "--resend", IN_OUR_HANDS).code == 3
    assert Counter(line["recipient"] for line in read_journal(here.folder / "caught.jsonl"))[IN_OUR_HANDS] == 1


def rows_of(here: Commands) -> list[dict[str, Any]]:
    path = here.folder / "report.csv"
    assert here("report", UNFINISHED, "--csv", str(path)).code == 3
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_an_older_state_of_a_list_can_still_be_put_back(here: Commands, count_rows: Count) -> None:
    assert here("list", "undo", "readers").code in {0, 1}
    assert "nia@example.net" in (here.folder / "subscribers" / "readers.csv").read_text("utf-8")
