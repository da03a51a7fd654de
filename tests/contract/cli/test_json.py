"""The keys of every `--json`, as scripts rest on them; each is documented in docs/json.md."""

import csv
import json
import re
import sys
from email import message_from_bytes
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from mailer.addresses import parse_address
from mailer.app import App
from mailer.ledger.subscribers.signups import Signup
from mailer.ledger.types.subscribers import LeavingReason
from mailer.service.feedback.record import record_message
from tests.support.cluster import WORKER_KEYS
from tests.support.feedback_messages import EXIM
from tests.support.returned_mail import SentMail, bounce, complaint
from tests.support.workspaces import DISPATCH, make_workspace

DOCUMENT = (Path(__file__).parents[3] / "docs" / "json.md").read_text(encoding="utf-8")
SEND = [
    "send",
    "slug",
    "edition",
    "state",
    "frozen",
    "pending",
    "deferred",
    "accepted",
    "failed",
    "skipped",
    "uncertain",
    "seconds",
    "at",
]
COLUMNS = ["email", "state", "reason", "code", "enhanced", "reply", "attempts", "at", "message_id"]
WHY = ["state", "reason", "code", "enhanced", "count"]
HELD = ["reason", "at", "source"]
TO = ("--to", "readers", "--yes")
WEBHOOK = ["webhook", "url", "events", "paused", "reason", "waiting", "given_up", "at"]
MESSAGE = {
    **dict.fromkeys(["message", "type", "at"]),
    "data": ["webhook"],
    "state": None,
    "next_at": None,
    "attempts": [["at", "seconds", "status", "error", "answer"]],
}

FEEDBACK = [
    "id", "at", "source", "kind", "email", "address", "send", "slug", "status", "reason", "permanent", "delayed", "report_type",
    "words", "proof", "effect", "decision", "decided_by",
]  # fmt: skip
COUNTS = ["people", "joined", "changed", "moved", "removed", "rejected", "blocked", "duplicates", "patched", "appended"]
SYNC = [
    "list", "sync", "planned", *COUNTS, "encoding_changed",
    "first_joined", "first_changed", "first_removed", "first_blocked", "erased_lines", "findings", "unclear_columns",
]  # fmt: skip

GOLDEN = {
    ("status",): {"sends": []},
    ("suppress", "list"): {"suppressions": []},
    ("check", "wrong"): {"problems": [["path", "line", "column", "rule", "severity", "message", "expected"]]},
    ("import", "OLD"): {
        "imported": [{"file": None, "dispatch": None, "doubts": [["line", "message"]], "problems": []}],
        "failed": [],
    },
    ("render", "tide", "--out", "OUT"): ["digest", "slug", "subject", "language", "bytes", "slots", "variants", "articles"],
    ("inbound",): ["outcome"],
    ("feedback", "read", "RETURNED"): {
        "file": None,
        "kind": None,
        "recipients": [["address", "status", "reason", "permanent"]],
        "token": None,
    },
    ("feedback", "providers"): {
        "providers": [["provider", "set_up", "setting", "url", "steps", "last_at", "recorded", "ignored", "unknown", "unreadable"]]
    },
    ("list", "sync", "readers"): SYNC,
    ("list", "sync", "readers", "--plan"): SYNC,
    ("list", "show", "readers"): {
        **dict.fromkeys(["list", "where", "members", "to_mail"]),
        "reasons": [],
        "left_because": [],
        "page": [["email", "reason", "joined", "fields"]],
        "syncs": [["sync", "at", "by", "undo_of", *COUNTS]],
    },
    ("list",): {"lists": [["list", "members", "to_mail"]]},
    ("send", "tide", "--dry-run", *TO): ["edition", "messages", "bytes"],
    ("test", "tide", "ana@example.com"): SEND,
    ("send", "tide", *TO): SEND,
    ("status", "2"): SEND,
    ("status", ""): {"sends": [SEND]},
    ("resume", "2"): SEND,
    ("resolve", "2", "--assume-sent"): SEND,
    ("restore", "--accept"): ["recorded_until", "open_sends"],
    ("archive", "build", "OUT"): ["files", "written", "removed"],
    ("verify", "2"): {**dict.fromkeys(SEND), "ok": None, "checks": [["check", "ok", "wrong"]]},
    ("resend", "2", "--failed"): SEND,
    ("send", "tide", *TO, "--again", "--at", "2999-01-01 10:00"): SEND,
    ("cancel", "4"): SEND,
    ("suppress", "add", "bo@example.com"): {"suppressed": [["email", "reason"]]},
    ("webhook", "add", "http://127.0.0.1:1/hook"): [*WEBHOOK, "secret"],
    ("webhook", "list"): {"webhooks": [WEBHOOK]},
    ("webhook", "test", "1"): MESSAGE,
    ("webhook", "log", "1"): {"messages": [MESSAGE]},
    ("subscriber", "unsubscribe", "ana@example.com"): ["email", "changed", "skipped", "lists"],
    ("suppress", "remove", "bo@example.com", "x@example.com"): {"removed": [["email", "outcome", "reason"]]},
    ("suppress", "list", ""): {"suppressions": [["identity", "reason", "at", "source"]]},
    ("subscriber", "show", "ana@example.com"): {
        "email": None,
        "formerly": [],
        "later": [],
        "lists": [["list", "line", "status", "since", "by", "joined", "source", "paused_until", "fields"]],
        "suppression": HELD,
        "history": [["change", "reason", "at", "source"]],
        "changes": [["at", "list", "what", "before", "after", "by"]],
        "consents": [["list", "at", "form", "words", "ip", "confirmed"]],
        "reasons": [["reason", "words", "at"]],
        "letters": [["kind", "state", "at"]],
        "told": [["type", "to", "state", "at"]],
        "deliveries": [["send", "slug", "state", "reason", "attempts", "at"]],
        "feedback": [["at", "kind", "send", "status", "reason", "words", "effect"]],
    },
    ("report", "2"): {
        **dict.fromkeys([*SEND, "assumed"]),
        "reasons": [WHY],
        "came_back": None,
        "returned": [["domain", "reason", "count", "words"]],
        **dict.fromkeys(["complaints", "complaint_rate"]),
        "complaints_by_provider": [["provider", "accepted", "complaints", "rate"]],
    },
    ("feedback", "list"): {"feedback": [FEEDBACK], "waiting": None, "series_of_ours": None},
    ("feedback", "show", "3"): [*FEEDBACK, "message"],
    ("feedback", "decide", "3", "--ignore"): {"decided": [FEEDBACK]},
    ("token", "list"): {"tokens": [["name", "scopes", "at", "used", "until", "networks"]]},
    ("user", "list"): {"users": [["name", "role", "email", "oidc", "password", "at"]]},
    ("subscriber", "erase", "ana@example.com", "--yes"): ["email", "deliveries", "skipped", "lists"],
    ("archive", "correct", "tide", "--note", "He asks for calm."): ["slug", "edition", "note", "at", "url"],
}  # fmt: skip


def shape(value: object) -> object:
    """The keys of an object, those of the first object of a list; anything else is None. A reader's fields are the list's."""
    if isinstance(value, list):
        return [shape(value[0])] if value and isinstance(value[0], dict) else None
    return (
        {key: None if key in {"fields", "before", "after"} else shape(each) for key, each in value.items()}
        if isinstance(value, dict)
        else None
    )


def golden(wanted: object) -> object:
    """The shape that GOLDEN writes in short."""
    if isinstance(wanted, dict):
        return {key: golden(each) for key, each in wanted.items()}
    if isinstance(wanted, list) and wanted:
        return dict.fromkeys(wanted) if isinstance(wanted[0], str) else [golden(wanted[0])]
    return None


def keys(wanted: object) -> set[str]:
    if isinstance(wanted, str):
        return {wanted}
    if isinstance(wanted, dict):
        return set(wanted).union(*map(keys, wanted.values()))
    return set().union(*map(keys, wanted)) if wanted else set()


def say_what_only_a_person_says(folder: Path) -> None:
    """Ana, who has just unsubscribed, has a sign-up on record, with its letter, and says why she left."""
    ana = parse_address("ana@example.com")
    with App.open(folder) as app:
        ledger = app.ledger
        ledger.signups.request_signup(Signup(list="readers", address=ana, form="page", words="Please."))
        ledger.preferences.set_profile(ana.identity, {"readers": {"city": "Faro"}}, source="person")
        standing = ledger.suppressions.get(ana.identity)
        assert standing
        ledger.leaving_reasons.record(ana.identity, standing.at, LeavingReason.OTHER, "")


def bring_back(folder: Path) -> None:
    """The message of send 2 comes back as full, Ana complains, and something comes back that nobody can prove."""
    with App.open(folder) as app:
        ana = SentMail(app).messages(2)["ana@example.com"]
        unproven = bounce(ana, "5.1.1", to="bounces@example.org").replace(ana.headers.encode(), b"Subject: x")
        for raw in (bounce(ana, "5.2.2", "552 5.2.2 full"), complaint(ana, "abuse"), unproven):
            record_message(app, raw, source="pipe")


def test_every_json_has_its_keys_in_their_order_and_nothing_beside_it(here, catcher, monkeypatch):
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO()))
    rows = ("ana@example.com,Ana,Porto Novo", "refuse@example.com,R,")
    make_workspace(here.folder, port=catcher.port, rows=rows, WEBHOOK_NETWORKS="127.0.0.1")
    (here.folder / "dispatches" / "wrong.md").write_text(DISPATCH.replace("link:", "lnk:"), encoding="utf-8")
    old = str(here.folder / "old.txt")
    returned = here.folder / "returned.eml"
    returned.write_bytes(EXIM)
    here("user", "add", "Ada", "--link")
    here("token", "add", "The site", "--scope", "lists:read")
    Path(old).write_text("Fog\n\nMay 3, 2025\n\nIt is foggy.\n", encoding="utf-8")
    for arguments, wanted in GOLDEN.items():
        if arguments[:2] == ("archive", "correct"):
            (here.folder / "dispatches" / "tide.md").write_text(DISPATCH.replace("patience", "calm"), encoding="utf-8")
        typed = [
            argument.replace("OUT", str(here.folder / "out")).replace("OLD", old).replace("RETURNED", str(returned))
            for argument in arguments
            if argument
        ]
        if arguments[0] == "resend":
            here("suppress", "remove", "refuse@example.com")
        if arguments[:2] == ("subscriber", "show"):
            say_what_only_a_person_says(here.folder)
            bring_back(here.folder)
        ran = here(*typed, "--json")
        assert ran.out, ran.err
        assert json.dumps(shape(json.loads(ran.out))) == json.dumps(golden(wanted)), typed


@pytest.mark.parametrize("arguments", GOLDEN, ids=" ".join)
def test_every_key_is_documented(arguments):
    missing = [key for key in keys(GOLDEN[arguments]) if f"`{key}`" not in DOCUMENT and f'"{key}"' not in DOCUMENT]
    assert not missing
    assert f"`{arguments[0]}" in DOCUMENT


def test_every_key_that_is_documented_is_there():
    rows = re.findall(r"^\| (`.*?`) \|", DOCUMENT, re.MULTILINE)
    documented = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    assert documented <= set(WORKER_KEYS).union(*map(keys, GOLDEN.values()))


def test_status_has_the_newest_send_first(here, catcher):
    make_workspace(here.folder, port=catcher.port)
    for repeat in ((), ("--again",), ("--again",)):
        assert here("send", "tide", *TO, *repeat).code == 0
    sends = here.json("status")["sends"]
    assert [each["send"] for each in sends] == [3, 2, 1]
    assert sends[0] == here.json("status", "3")


def test_numbers_of_a_send_add_up(here, catcher):
    make_workspace(
        here.folder,
        port=catcher.port,
        rows=("ana@example.com,A,", "refuse@example.com,R,", "greylist@example.com,G,"),
        RETRY="600",
    )
    here("suppress", "add", "ana@example.com")
    sent = here("send", "tide", *TO, "--no-wait", "--json").json()
    assert (
        sent["frozen"]
        == 3
        == sum(sent[name] for name in ("pending", "deferred", "accepted", "failed", "skipped", "uncertain"))
    )
    assert (sent["state"], sent["skipped"], sent["failed"], sent["deferred"]) == ("waiting", 1, 1, 1)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", sent["at"])


def test_a_refused_command_leaves_standard_output_empty(here):
    make_workspace(here.folder, ledger=False)
    for arguments in (
        ("send", "tide", "--to", "readers"),
        ("status", "9"),
        ("check", "nothing"),
        ("send", "tide", "--to", "x"),
    ):
        ran = here(*arguments, "--json")
        assert ran.code in {2, 4}
        assert ran.out == ""
        assert ran.err


def test_the_report_as_csv(here, catcher):
    rows = ("ana@example.com,Ana,", "refuse@example.com,R,", "=cmd@example.com,F,", "gone@example.com,G,")
    make_workspace(here.folder, port=catcher.port, rows=rows)
    here("suppress", "add", "gone@example.com")
    assert here("send", "tide", *TO).code == 1
    path = here.folder / "report.csv"
    written = here("report", "1", "--csv", str(path))
    assert written.code == 1
    assert written.out == ""
    assert "4 rows written to" in written.err
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        found = list(reader)
    assert reader.fieldnames == COLUMNS
    ana, refused, formula, gone = found
    assert (ana["state"], ana["reason"], ana["code"], ana["attempts"]) == ("accepted", "", "250", "1")
    assert (refused["state"], refused["code"], refused["enhanced"], refused["reply"]) == (
        "failed",
        "550",
        "5.1.1",
        "No such person here",
    )
    assert formula["email"] == "'=cmd@example.com"
    assert (gone["state"], gone["reason"], gone["attempts"]) == ("skipped", "by hand", "0")
    sent = {
        message["To"].strip(): message["Message-ID"].strip()
        for message in (message_from_bytes(file.read_bytes()) for file in catcher.messages())
    }
    assert sent["ana@example.com"] == ana["message_id"]
    assert {line["message_id"] for line in catcher.received()} == {ana["message_id"], formula["message_id"]}
    to_pipe = here("report", "1", "--csv", "-")
    assert list(csv.DictReader(to_pipe.out.splitlines())) == found
    assert here("report", "1", "--csv", "-", "--json").code == 2
    assert here.json("report", "1", "--csv", str(path))["failed"] == 1
