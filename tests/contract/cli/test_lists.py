"""Lists as they come, hostile ones too, from the file to the message that arrives."""

import csv
import re
import shutil
import zipfile
from collections import Counter
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import html5lib
import pytest

from mailer.app import App
from mailer.service.lists.unclear_columns import UnclearColumnError
from mailer.service.sends.start import start_scheduled
from tests.support.workspaces import DISPATCH, make_workspace

LISTS = Path(__file__).parents[2] / "data" / "lists"
USES_ALL = """\
---
title: The tide table
date: 2026-11-01
copyright: "© 2026 Mara Lindqvist"
subject: For {{ reader.name }}, {{ reader.first_name or "reader" }}
preheader: Dear {{ reader.name }}
---

Dear {{ reader.name }} ({{ reader.first_name | upper }}),

{% if reader.first_name == "Fine" %}
All is fine.
{% endif %}

See [your page](https://tides.example.org/{{ reader.name }}?for={{ reader.first_name }}#{{ reader.name }}).

| name | first |
|---|---|
| {{ reader.name }} | *{{ reader.first_name }}* |

## Two high waters on Tuesday
source: Harbour Times
date: 2026-10-31

The harbour master asks {{ reader.name }} for patience.
"""
HEADERS = Counter(
    (
        "From", "List-Id", "List-Help", "List-Archive", "List-Post", "List-Unsubscribe-Post", "Feedback-ID", "Content-Language",
        "MIME-Version", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "Content-Type",
    )
)  # fmt: skip
GOOD = {
    "ok@example.com": "Fine",
    "crlf@example.com": "Eve Bcc: victim@example.com",
    "tag@example.com": "<script>alert(1)</script>",
    "jinja@example.com": "{{ 7*7 }}",
    "formula@example.com": '=HYPERLINK("https://x.example")',
    "enc@example.com": "=?UTF-8?Q?x=0D=0ABcc:_victim@example.com?=",
    "nul@example.com": None,
    "bidi@example.com": "gnp.exe",
}
BAD = {
    4: "no @",
    5: "two @",
    6: "empty",
    13: "a quoted name before the @",
    14: "more than 64 bytes before the @",
    17: "several addresses",
}


@pytest.fixture
def arrived(here, catcher):
    """What the readers of hostile.csv got, by recipient; and the output of the command."""
    make_workspace(here.folder, port=catcher.port)
    shutil.copy(LISTS / "hostile.csv", here.folder / "subscribers")
    (here.folder / "dispatches" / "tide.md").write_text(USES_ALL, encoding="utf-8")
    ran = here("send", "tide", "--to", "hostile", "--yes", "--json")
    assert ran.code == 0, ran.err
    assert ran.json()["accepted"] == len(GOOD)
    return {
        line["recipient"]: path.read_bytes() for line, path in zip(catcher.received(), catcher.messages(), strict=True)
    }, ran.err


def html_of(message: EmailMessage) -> str:
    return message.get_body(("html",)).get_content()


def test_a_hostile_list_adds_no_header_no_recipient_and_no_line(arrived):
    messages, _ = arrived
    assert set(messages) == set(GOOD)
    for recipient, raw in messages.items():
        for policy in (None, default):
            parsed = message_from_bytes(raw, policy=policy) if policy else message_from_bytes(raw)
            assert Counter(name for name, _ in parsed.items() if not name.startswith("X-")) == HEADERS
            assert parsed["To"].strip() == recipient
            assert not parsed.defects
        head = raw.partition(b"\r\n\r\n")[0]
        assert not re.search(rb"(?im)^bcc", head)
        assert b"\n" not in raw.replace(b"\r\n", b"")
        assert b"\r" not in raw.replace(b"\r\n", b"")


def test_a_hostile_value_arrives_as_the_text_that_it_is(arrived):
    messages, _ = arrived
    for recipient, name in GOOD.items():
        message = message_from_bytes(messages[recipient], policy=default)
        plain = message.get_body(("plain",)).get_content()
        if name is not None:
            compat = message_from_bytes(messages[recipient])
            subject = str(make_header(decode_header(compat["Subject"].replace("\r\n", ""))))
            assert subject.startswith(f"For {name}, "), subject
            assert name in re.sub(r"\s+", " ", plain)
        assert ("All is fine." in plain) == (recipient == "ok@example.com")
        assert "49" not in plain.partition("Two high waters")[0].replace("%", "")


def test_a_hostile_value_is_no_markup(arrived):
    messages, _ = arrived
    shapes = set()
    for recipient, raw in messages.items():
        source = html_of(message_from_bytes(raw, policy=default))
        tree = html5lib.HTMLParser(namespaceHTMLElements=False).parse(source)
        names = [element.tag for element in tree.iter() if isinstance(element.tag, str)]
        assert "script" not in names
        assert "b" not in names
        if recipient != "ok@example.com":  # whose branch differs
            shapes.add(tuple(names))
        links = [
            element.get("href") for element in tree.iter("a") if "tides.example.org" in (element.get("href") or "")
        ]
        assert links
        for link in links:
            assert re.fullmatch(r"https://tides\.example\.org/[\w.%~-]*\?for=[\w.%~-]*#[\w.%~-]*", link), link
    assert len(shapes) == 1, "the same elements for everybody"


def test_each_bad_row_is_named_with_its_line_and_kept(arrived, here):
    _, output = arrived
    for line, reason in BAD.items():
        (found,) = [each for each in output.splitlines() if each.strip().startswith(f"hostile.csv:{line}: ")]
        assert reason in found
        assert "correct it in hostile.csv and sync again (hostile.rejected.csv is only a copy to read)" in found
    assert "hostile.csv:3: ok@example.com is already in line 2; this row is ignored" in output
    assert re.search(r"hostile\.csv:7: .*“name”", output), "the line break in a field"
    with (here.folder / "subscribers" / "hostile.rejected.csv").open(encoding="utf-8-sig", newline="") as file:
        rejected = list(csv.DictReader(file))
    assert {int(row["line"]) for row in rejected} == set(BAD)
    assert all(BAD[int(row["line"])] in row["reason"] for row in rejected)


@pytest.mark.parametrize("name", sorted(path.stem for path in LISTS.glob("*.csv") if path.stem != "hostile"))
def test_the_other_lists_arrive_with_their_characters(here, catcher, name):
    make_workspace(here.folder, port=catcher.port)
    shutil.copy(LISTS / f"{name}.csv", here.folder / "subscribers")
    path = here.folder / "dispatches" / "tide.md"
    path.write_text(DISPATCH.replace("reader.city", "reader.first_name"), encoding="utf-8")
    ran = here("send", "tide", "--to", name, "--yes", "--json")
    assert ran.code == 0, ran.err
    subjects = {
        message["To"].strip(): str(message["Subject"]).removeprefix("The tide table, for ")
        for message in (message_from_bytes(path.read_bytes(), policy=default) for path in catcher.messages())
    }
    assert len(subjects) == ran.json()["accepted"] > 0
    assert {
        "ana.reis@example.com": "Ana",
        "bjorn@example.net": "Björn",
        "chen@example.org": "Li",
    }.items() <= subjects.items()
    if name == "readers":
        assert subjects["दीपा@xn--p1b6ci4b4b3a.example"] == "दीपा"
        assert subjects["no-name@example.com"] == "you"


def test_what_an_admin_entered_by_mistake_is_undone_by_the_admin(here, catcher):
    make_workspace(here.folder, port=catcher.port)
    assert here("list", "sync", "readers").code == 0
    unsubscribed = here("subscriber", "unsubscribe", "ana@example.com")
    assert "To undo this: mailer suppress remove ana@example.com" in unsubscribed.err
    entered = here.json("subscriber", "show", "ana@example.com")["suppression"]
    repeated = here("subscriber", "unsubscribe", "ana@example.com")
    assert repeated.out == (
        f"ana@example.com gets no mail already: unsubscribed since {entered['at']}, by command line\n"
    )
    assert repeated.err == unsubscribed.err, "it can still be undone"
    assert here.json("subscriber", "show", "ana@example.com")["suppression"] == entered
    assert here("list", "sync", "readers").code == 0
    path = here.folder / "subscribers" / "readers.csv"
    synced = path.read_text("utf-8")
    assert "unsubscribed" in synced
    path.write_text(synced.replace("unsubscribed", "subscribed"), "utf-8")
    assert "ana@example.com stays unsubscribed (by command line)" in here("list", "sync", "readers", "--plan").out
    path.write_text(synced, "utf-8")
    assert here("suppress", "remove", "ana@example.com").code == 0
    assert here.json("send", "tide", "--to", "readers", "--yes")["accepted"] == 1
    assert "lifted (unsubscribed), by command line" in here("subscriber", "show", "ana@example.com").out


def test_only_an_own_no_of_the_person_is_final(here, catcher):
    make_workspace(here.folder, port=catcher.port)
    with App.open(here.folder) as app:
        app.ledger.suppressions.unsubscribe("ana@example.com", source="page")
    refused = here("suppress", "remove", "ana@example.com")
    assert refused.code == 1
    assert refused.out == "ana@example.com: unsubscribed, by page; only the reader can undo that\n"
    with App.open(here.folder) as app:
        app.ledger.suppressions.unsubscribe("bo@example.com", source="Mara, at the desk")
    refused = here("suppress", "remove", "bo@example.com")
    assert refused.out.endswith("by Mara, at the desk; only the reader can undo that, or the user who entered it\n")
    ran = here("send", "tide", "--to", "readers", "--yes", "--json")
    assert ran.json()["skipped"] == 1
    assert "1 unsubscribed" in ran.err


def test_what_a_plan_says_is_in_the_words_of_an_admin(here):
    lists = here.folder / "subscribers"
    make_workspace(here.folder)
    (lists / "gone.csv").write_text("email,UNSUB_TIME\nana@x.org,2025-02-03\nbo@x.org,2025-02-04\n", "utf-8")
    (lists / "all.csv").write_text("email,Stadt\nana@x.org,Lisbon\ncy@x.org,Porto\nnobody,\n", "utf-8")
    assert (
        "cells such as “2025-02-03” in “UNSUB_TIME” are read as unsubscribed, in 2 rows"
        in here("list", "sync", "gone").err
    )
    planned = here("list", "sync", "all", "--plan")
    assert "! line 2: ana@x.org stays unsubscribed (by list gone, sync 1)" in planned.out
    assert "2 joined, 1 not resubscribed\n  3 rows = 2 readers + 1 rejected\n" in planned.out
    assert "Nothing was changed. To do this: mailer list sync all\n" in planned.err
    assert "1 of the 2 new readers get mail: 1 unsubscribed" in planned.out
    assert "the column “Stadt” is the field “city”." in here("list", "show", "all", "--where", "stadt").err
    assert "Sync 9 of the list gone cannot be restored." in here("list", "undo", "gone", "--to", "9").err


def test_show_prints_the_present_status_and_export_a_word_that_reading_knows(here):
    make_workspace(here.folder, rows=["ana@example.com,Ana,Porto Novo", "bo@example.com,Bo,Lisbon"])
    path = here.folder / "subscribers" / "readers.csv"
    rows = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([rows[0] + ",status", *(f"{row},subscribed" for row in rows[1:])]) + "\n", "utf-8")
    here("list", "sync", "readers")
    here("subscriber", "unsubscribe", "ana@example.com")
    assert here("suppress", "add", "bo@example.com", "cy@example.com").out.splitlines() == [
        "bo@example.com: suppressed (by hand)",
        "cy@example.com: suppressed (by hand); it is on no list",
    ]
    assert "bo@example.com: was suppressed already (by hand)" in here("suppress", "add", "bo@example.com").out
    shown = here("list", "show", "readers").out
    assert "ana@example.com (unsubscribed): first_name Ana, city Porto Novo\n" in shown
    exported = here("list", "export", "readers").out.splitlines()
    assert [row.split(",")[-2] for row in exported[1:]] == ["unsubscribed", "unsubscribed"]
    profile = here("subscriber", "show", "ana@example.com").out.splitlines()
    assert profile[1].startswith("  gets no mail: unsubscribed since ")
    blocked = here("subscriber", "show", "bo@example.com").out
    assert "gets no mail: by hand since " in blocked
    assert "unsubscribed" not in blocked, "one reason only"
    assert here("suppress", "remove", "bo@example.com", "cy@example.com").out.splitlines() == [
        "bo@example.com: removed; gets mail again, on readers",
        "cy@example.com: removed; gets no mail: on no list",
    ]
    assert here("suppress", "list", "--limit", "0").out == ""
    assert here("suppress", "list", "--limit", "0").err == "1 address: 1 unsubscribed\n"
    assert "2 readers exported from readers: 1 subscribed, 1 unsubscribed" in here("list", "export", "readers").err


def test_what_an_admin_types_wrongly_leads_to_the_right_command(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=["ana@example.com,Ana,Porto Novo"])
    find = here("subscriber", "show", "Großmann").err
    assert """To find a reader by name: mailer list show LIST --where '"Großmann" in last_name'""" in find
    assert "Write one address" in here("subscriber", "show", 'a"b').err
    here("subscriber", "unsubscribe", "ana@example.com")
    ran = here("test", "tide", "ana@example.com")
    assert ran.out == "send 1 finished: 1 recipient = 0 accepted + 1 skipped (1 unsubscribed)\n"
    assert "mailer subscriber show bo@example.com" in here("report", "1", "bo@example.com").err


def test_a_reader_with_many_fields_fits_on_a_line_of_the_list(here):
    make_workspace(here.folder)
    columns = [f"c{number}" for number in range(9)]
    path = here.folder / "subscribers" / "wide.csv"
    path.write_text(f"email,{','.join(columns)}\nana@example.com,,{','.join('abcdefgh')}\n", "utf-8")
    shown = here("list", "show", "wide").out
    assert "  ana@example.com: c1 a, c2 b, c3 c, c4 d, c5 e and 3 more\n" in shown
    assert "    c8: h\n" in here("subscriber", "show", "ana@example.com").out


def test_all_lists_are_listed_with_their_readers(here):
    make_workspace(here.folder, rows=["ana@example.com,Ana,Porto Novo", "bo@example.com,Bo,Lisbon"])
    (here.folder / "subscribers" / "vip.csv").write_text("email\nana@example.com\n", "utf-8")
    assert "readers: not synced yet; to sync it: mailer list sync readers\n" in here("list").out
    here("list", "sync", "readers")
    here("subscriber", "unsubscribe", "ana@example.com")
    assert here("list").out.splitlines() == [
        "readers: 2 readers, 1 get mail",
        "vip: not synced yet; to sync it: mailer list sync vip",
    ]
    assert here.json("list")["lists"][0] == {"list": "readers", "members": 2, "to_mail": 1}


def test_suppressions_are_counted_filtered_and_written_as_csv(here):
    make_workspace(here.folder)
    assert "No address is suppressed." in here("suppress", "list").err
    here("suppress", "add", "a@x.org", "b@x.org")
    here("subscriber", "unsubscribe", "c@x.org")
    shown = here("suppress", "list")
    assert (len(shown.out.splitlines()), shown.err) == (3, "3 addresses: 2 by hand, 1 unsubscribed\n")
    one = here("suppress", "list", "--reason", "unsubscribed")
    assert ("c@x.org" in one.out, "a@x.org" in one.out, one.err) == (True, False, "1 address: 1 unsubscribed\n")
    assert "for the reason “bounced”" in here("suppress", "list", "--reason", "bounced").err
    assert here("suppress", "list", "--csv", str(here.folder / "out.csv")).code == 0
    rows = list(csv.DictReader((here.folder / "out.csv").read_text("utf-8").splitlines()))
    assert [(row["email"], row["reason"]) for row in rows] == [
        ("a@x.org", "by hand"), ("b@x.org", "by hand"), ("c@x.org", "unsubscribed"),
    ]  # fmt: skip
    assert here("suppress", "list", "--csv", "-").out.splitlines()[0] == "email,reason,at,source"
    assert here("suppress", "list", "--csv", "-", "--json").code == 2


def test_the_total_of_a_long_list_is_repeated_below_its_readers(here):
    make_workspace(here.folder, rows=[f"r{number}@example.com,R,Faro" for number in range(12)])
    total = "readers: 12 readers, 12 get mail"
    assert [line for line in here("list", "show", "readers").out.splitlines() if line == total] == [total, total]
    short = here("list", "show", "readers", "--limit", "0")
    assert (short.out.splitlines()[0], "more" in short.err) == (total, False)


def test_an_export_says_how_many_cells_it_changed(here):
    make_workspace(here.folder, rows=["ana@example.com,Ana,+49 30 123", "bo@example.com,Bo,Lisbon"])
    assert "1 cell got a ' in front" in here("list", "export", "readers").err
    assert "in front" not in here("list", "export", "readers", "--raw").err


def test_a_zip_file_in_place_of_a_list_is_to_be_unpacked(here):
    make_workspace(here.folder)
    with zipfile.ZipFile(here.folder / "subscribers" / "all.csv", "w") as archive:
        archive.writestr("subscribed_members_export.csv", "Email Address\n")
    refused = here("list", "sync", "all").err
    assert "is a ZIP file, not a CSV file. Unpack it, and import the CSV files that are in it" in refused


def test_an_edit_that_a_sync_refuses_is_discarded_by_undo(here, monkeypatch):
    rows = [f"r{number}@example.com,R,Faro" for number in range(8)]
    make_workspace(here.folder, rows=rows)
    here("list", "sync", "readers")
    path = here.folder / "subscribers" / "readers.csv"
    whole = path.read_bytes()
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:4]))
    refused = here("list", "sync", "readers")
    assert (refused.code, "To discard the changes to the file: mailer list undo readers." in refused.err) == (4, True)
    assert "the file would be restored, as sync 1 left it" in here("list", "undo", "readers", "--plan").out
    assert path.read_bytes() != whole
    assert "the file was restored, as sync 1 left it" in here("list", "undo", "readers").out
    assert path.read_bytes() == whole
    path.write_bytes(whole + b"new@example.com,N,Faro\n")
    here("list", "sync", "readers")
    stopped = here("list", "undo", "readers")
    assert (stopped.code, "Going back to sync 2 would remove 1 of 9 readers (11%)" in stopped.err) == (4, True)
    monkeypatch.setattr("mailer.cli.list.is_interactive", lambda: True)
    answers = [False, True, True]
    monkeypatch.setattr("click.confirm", lambda *_args, **_options: answers.pop(0))
    asked = here("list", "undo", "readers")
    assert (asked.code, asked.out, path.read_bytes() != whole) == (4, "", True)
    for shown in (
        "the file would be restored, as sync 2 left it",
        "- new@example.com",
        "1 removed",
        "Nothing was changed",
    ):
        assert shown in asked.err
    assert here("list", "undo", "readers").code == 0
    assert here("list", "undo", "readers", "--yes").code == 0, "nothing was asked"
    assert here("list", "undo", "readers", "--yes", "--allow-removals").code == 0
    assert path.read_bytes() == whole


def test_a_column_that_may_hold_opt_outs_stops_every_send_until_a_person_says_what_it_means(here, catcher):
    make_workspace(here.folder, port=catcher.port)
    folder = here.folder / "subscribers"
    (folder / "readers.csv").write_text("email,first_name,city,Left on\nana@x.org,Ana,,\nbo@x.org,Bo,,2024\n", "utf-8")
    asked = "The column “Left on” of the list readers may say who gets no mail: it contains “2024” in line 3."
    planned = here("list", "sync", "readers", "--plan")
    assert "readers.csv:3: “2024” in “Left on” may mean that somebody gets no mail, in 1 row" in planned.err
    assert here("list", "sync", "readers", "--json").json()["unclear_columns"] == ["left_on"]
    for options in ((), ("--dry-run",), ("--at", "2199-01-01 10:00")):
        ran = here("send", "tide", "--to", "readers", "--yes", *options)
        assert (ran.code, asked in ran.err) == (4, True), ran.err
        assert 'subscribers/readers.toml: columns.left_on = "opt-out"' in ran.err
    assert not list((here.folder / "caught").iterdir())
    (folder / "readers.toml").write_text('columns.left_on = "opt-out"\n', "utf-8")
    ran = here("send", "tide", "--to", "readers", "--yes", "--json")
    assert (ran.code, ran.json()["accepted"], ran.json()["skipped"]) == (0, 1, 1), ran.err
    assert here("list", "sync", "readers", "--json").json()["unclear_columns"] == []


def test_a_scheduled_send_does_not_start_while_a_column_may_hold_opt_outs(here, catcher):
    make_workspace(here.folder, port=catcher.port)
    assert here("send", "tide", "--to", "readers", "--yes", "--at", "2199-01-01 10:00").code == 0
    (here.folder / "subscribers" / "readers.csv").write_text("email,Left on\nana@example.com,2024\n", "utf-8")
    with App.open(here.folder) as app, pytest.raises(UnclearColumnError):
        start_scheduled(app, app.ledger.sends.get(1))
