"""`send` and `test`, as contract 3 has them: what is shown, asked, refused and recorded."""

import os
import pty
import select
import signal
import sqlite3
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from mailer.link_tokens import PLACEHOLDER
from tests.support.programs import Programs
from tests.support.workspaces import DISPATCH, make_workspace

PEOPLE = ("ana@example.com,Ana,Porto Novo", "bo@example.com,Bo,Lisbon", "cy@example.com,Cy,")


def recipients(catcher) -> list[str]:
    return sorted(line["recipient"] for line in catcher.received())


def add_list(folder: Path, name: str, *rows: str, header: str = "email,first_name,city") -> None:
    (folder / "subscribers" / f"{name}.csv").write_text("\n".join((header, *rows, "")), encoding="utf-8")


def edit(folder: Path) -> None:
    (folder / "dispatches" / "tide.md").write_text(DISPATCH + "\nAnd one line more.\n", encoding="utf-8")


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_without_a_terminal_and_without_yes_nothing_is_sent(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=PEOPLE, ledger=False)
    before = tree(here.folder)
    ran = here("send", "tide", "--to", "readers")
    assert ran.code == 4
    assert "--yes" in ran.err
    assert tree(here.folder) == before, "looking writes nothing"
    assert ran.out == ""
    assert here.json("status") == {"sends": []}
    assert not catcher.received()


def test_the_plan_shows_all_that_is_decided(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=(*PEOPLE, "bad@@x,B,", "ana@example.com,Ana,"))
    add_list(here.folder, "staff", "cy@example.com,Cy,")
    here("suppress", "add", "bo@example.com")
    ran = here("send", "tide", "--to", "readers", "--exclude", "staff")
    for shown in (
        "The tide table, for Ana",  # the subject as a reader gets it
        "The Harbour Letter <desk@example.org>",
        "readers: 1 reader",
        "1 by hand",
        "1 excluded",
        "1 rejected row",
        "1 duplicate row",
        "KB a message",
        "never tested",
        f"127.0.0.1:{catcher.port}",
        "readers.csv:5: “bad@@x” is not an e-mail address (two @)",
        "readers.csv:6: ana@example.com is already in line 2; this row is ignored",
    ):
        assert shown in ran.err, ran.err


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"POSTAL_ADDRESS": ""}, "ask the person who runs the server to set it [postal-address]"),
        ({"BASE_URL": "http://127.0.0.1:8000"}, "MAILER_BASE_URL is http://127.0.0.1:8000: unsubscribe links"),
    ],
)
def test_what_real_readers_would_miss_is_a_warning(here, catcher, settings, shown):
    make_workspace(here.folder, port=catcher.port, rows=PEOPLE, **settings)
    assert shown in here("send", "tide", "--to", "readers").err
    sent = here("send", "tide", "--to", "readers", "--yes")
    assert sent.code == 0, "--yes accepts warnings"


REMOTE = {"RELAY": "smtps://mail.example.org", "BASE_URL": "http://127.0.0.1:8000"}


@pytest.mark.parametrize("options", [["--yes"], ["--yes", "--at", "2099-01-01 08:00"], ["--dry-run"]])
@pytest.mark.parametrize(
    "settings",
    [
        REMOTE,
        {**REMOTE, "BASE_URL": "http://localhost:8000/letter"},
        {**REMOTE, "BASE_URL": "https://[::1]"},
        {**REMOTE, "RELAY": '["smtp://127.0.0.1", "smtps://mail.example.org"]'},
    ],
)
def test_links_that_work_on_this_machine_only_do_not_leave_it(here, options, settings):
    make_workspace(here.folder, **settings)
    ran = here("send", "tide", "--to", "readers", *options)
    assert (ran.code, ran.out) == (2, "")
    assert "Readers could not unsubscribe" in ran.err
    assert "mail.example.org:465" in ran.err
    assert here.json("status") == {"sends": []}


def test_a_send_with_such_links_does_not_go_on_through_a_relay_elsewhere(here, catcher):
    rows = ("greylist@example.com,Slow,", "refuse@example.com,No,")
    make_workspace(here.folder, port=catcher.port, rows=rows, BASE_URL=REMOTE["BASE_URL"], RETRY="3600")
    assert here("send", "tide", "--to", "readers", "--yes", "--no-wait").code == 4
    make_workspace(here.folder, rows=rows, ledger=False, **REMOTE)
    ran = here("resume", "1")
    assert ran.code == 2
    assert "cancel it, set MAILER_BASE_URL" in ran.err
    (send,) = here.json("status")["sends"]
    assert send["state"] == "paused"
    here("cancel", "1")
    here("suppress", "remove", "refuse@example.com")
    assert "Readers could not unsubscribe" in here("resend", "1", "--failed", "--yes").err
    assert len(here.json("status")["sends"]) == 1


@pytest.mark.parametrize(
    ("named", "to", "shown"),
    [
        ("[readers]", "more", "names the list readers, but this send goes to the list more."),
        ("[readers, more]", "more", "names the lists readers, more, but this send goes to the list more."),
        ("[more]", "more,readers", "names the list more, but this send goes to the lists more, readers."),
        ("[more, readers]", "readers,more", ""),
        ("[more]", "", ""),
    ],
)
def test_a_send_to_other_lists_than_the_dispatch_names_is_a_warning(here, named, to, shown):
    make_workspace(here.folder)
    add_list(here.folder, "more", "hu@example.com,Hu,")
    path = here.folder / "dispatches" / "tide.md"
    path.write_text(DISPATCH.replace("date: 2026-11-01", f"date: 2026-11-01\nlists: {named}"), encoding="utf-8")
    err = here("send", "tide", *(("--to", to) if to else ())).err
    assert (f"warning: The dispatch {shown}" in err) is bool(shown)
    assert ("but this send goes to" in err) is bool(shown)


def test_a_new_dispatch_greets_by_a_field_only_if_each_list_has_it(here):
    make_workspace(here.folder)
    greeting = 'Dear {{ reader.first_name or "reader" }},'
    assert greeting in Path(here("new", "One").out.strip()).read_text(encoding="utf-8")
    add_list(here.folder, "club", "hu@example.com,Hu", header="email,name")
    assert "\nDear reader,\n" in Path(here("new", "Two").out.strip()).read_text(encoding="utf-8")


def test_a_field_with_a_default_that_only_another_list_has_does_not_stop_a_send(here, catcher):
    make_workspace(here.folder, port=catcher.port)
    path = here.folder / "dispatches" / "tide.md"
    plain = DISPATCH.replace(
        '{% if reader.city == "Porto Novo" %}\nHigh water is at noon in your town.\n{% endif %}\n', ""
    )
    path.write_text(plain.replace("?for={{ reader.city }}", ""), encoding="utf-8")
    add_list(here.folder, "club", "hu@example.com,Hu", header="email,name")
    ran = here("send", "tide", "--to", "club", "--yes")
    assert ran.code == 0
    assert "note: the list club has no field “first_name”, so each reader gets “reader” [default-for-all]" in ran.err


def test_the_hint_of_a_refused_send_names_its_lists(here):
    make_workspace(here.folder)
    add_list(here.folder, "club", "hu@example.com,Hu", header="email,name")
    ran = here("send", "tide", "--to", "club", "--yes")
    assert ran.code == 1
    assert "tide.md --to club" in ran.err
    assert "[unknown-field]" in here("check", "tide", "--to", "club").out


def test_a_missing_copyright_line_is_shown_before_the_send(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=PEOPLE)
    path = here.folder / "dispatches" / "tide.md"
    path.write_text(DISPATCH.replace('copyright: "© 2026 Mara Lindqvist"\n', ""), encoding="utf-8")
    assert "[no-copyright]" in here("send", "tide", "--to", "readers").err


def test_the_numbers_of_the_plan_are_those_of_the_freeze(here, catcher):
    make_workspace(here.folder, port=catcher.port)
    header = "email,first_name,city,status"
    rows = (
        "ana@example.com,Ana,,", "bo@example.com,Bo,,unsubscribed", "cy@example.com,Cy,,bounced",
        "di@example.com,Di,,subscribed", "ed@example.com,Ed,,paused", "fi@example.com,Fi,,",
        "DI@example.com,Di,,", "nonsense,N,,", "gi@example.com,Gi,,weird",
    )  # fmt: skip
    add_list(here.folder, "readers", *rows, header=header)
    add_list(
        here.folder,
        "more",
        "ana@example.com,Ana,,",
        "hu@example.com,Hu,,",
        "fi@example.com,Fi,,unsubscribed",
        header=header,
    )
    add_list(here.folder, "staff", "di@example.com,Di,", "not an address,N,")
    here("suppress", "add", "hu@example.com", "bo@example.com")
    here("subscriber", "erase", "ed@example.com", "--yes")
    plan = here("send", "tide", "--to", "readers,more", "--exclude", "staff").err
    for shown in (
        "readers, more: 1 reader\n", "1 bounced", "2 unsubscribed", "1 unknown", "1 by hand", "1 erased",
        "1 excluded", "1 rejected row\n", "3 duplicate rows", "staff.csv:3: “not an address”",
    ):  # fmt: skip
        assert shown in plan, plan
    sent = here.json("send", "tide", "--to", "readers,more", "--exclude", "staff", "--yes")
    assert (sent["frozen"], sent["accepted"], sent["skipped"]) == (7, 1, 6)
    report = here.json("report", "1")
    frozen = {each["reason"]: each["count"] for each in report["reasons"]}
    assert frozen == {"bounced": 1, "unsubscribed": 2, "unknown": 1, "by hand": 1, "erased": 1}
    assert recipients(catcher) == ["ana@example.com"]


def test_an_audience_of_nobody_to_mail_is_frozen_and_finished(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=("ana@example.com,Ana,",))
    here("subscriber", "unsubscribe", "ana@example.com")
    ran = here("send", "tide", "--to", "readers", "--yes", "--json")
    assert ran.code == 0
    sent = ran.json()
    assert (sent["state"], sent["frozen"], sent["skipped"]) == ("finished", 1, 1)
    assert "No reader would get this" in ran.err
    assert "1 unsubscribed" in ran.err


@pytest.mark.parametrize(
    ("rows", "options", "why"),
    [
        ((), (), "0 rows"),
        (("nonsense,N,",), (), "1 row (1 without a valid address)"),
        (("ana@example.com,Ana,",), ("--exclude", "readers"), "1 row (1 excluded)"),
    ],
)
def test_an_audience_of_nobody_at_all_is_refused(here, rows, options, why):
    make_workspace(here.folder, rows=rows)
    ran = here("send", "tide", "--to", "readers", "--yes", *options)
    assert ran.code == 1
    assert why in ran.err
    assert here.json("status") == {"sends": []}


def test_a_dry_run_composes_all_connects_nowhere_and_records_nothing(here):
    make_workspace(here.folder, port=1, rows=(*PEOPLE, "bad@@x,B,"), ledger=False)
    before = tree(here.folder)
    ran = here("send", "tide", "--to", "readers", "--dry-run", "--json")
    assert ran.code == 0, ran.err
    assert ran.json()["messages"] == 3
    assert ran.json()["bytes"] > 3 * 5000
    assert "readers.csv:5: “bad@@x” is not an e-mail address (two @)\n" in ran.err, (
        "nothing is kept, and it does not say so"
    )
    assert tree(here.folder) == before
    assert sorted(path.name for path in here.folder.iterdir()) == [".env", "dispatches", "subscribers"]


def test_a_dry_run_leaves_out_whom_a_send_would(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=PEOPLE)
    here("send", "tide", "--to", "readers", "--yes")
    add_list(here.folder, "readers", *PEOPLE, "di@example.com,Di,", "ed@example.com,Ed,")
    here("suppress", "add", "ed@example.com")
    assert here.json("send", "tide", "--to", "readers", "--new-readers", "--dry-run")["messages"] == 1
    assert len(here.json("status")["sends"]) == 1


def test_only_the_edition_that_is_named_is_sent(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=PEOPLE)
    digest = here.json("send", "tide", "--to", "readers", "--dry-run")["edition"]
    edit(here.folder)
    other = here("send", "tide", "--to", "readers", "--yes", "--edition", digest)
    assert other.code == 4
    assert digest[:16] in other.err
    assert not catcher.received()
    (here.folder / "dispatches" / "tide.md").write_text(DISPATCH, encoding="utf-8")
    assert here("send", "tide", "--to", "readers", "--yes", "--edition", digest[:4]).code == 2
    sent = here.json("send", "tide", "--to", "readers", "--yes", "--edition", digest[:12].upper())
    assert (sent["edition"], sent["state"]) == (digest, "finished")


def test_the_same_dispatch_again(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=PEOPLE)
    add_list(here.folder, "others", "zoe@example.com,Zoe,")
    add_list(here.folder, "mixed", "zoe@example.com,Zoe,", "yan@example.com,Yan,")
    assert here("send", "tide", "--to", "readers", "--yes").code == 0
    edit(here.folder)
    for lists in ("readers", "others,readers"):
        again = here("send", "tide", "--to", lists, "--yes")
        assert again.code == 4
        assert "--new-readers" in again.err
        assert "--again" in again.err
    assert len(catcher.received()) == 3
    assert here("send", "tide", "--to", "others", "--yes").code == 0, "another list is another matter"
    assert here("send", "tide", "--to", "mixed", "--new-readers", "--yes").code == 0
    assert recipients(catcher).count("zoe@example.com") == 1
    assert recipients(catcher).count("yan@example.com") == 1
    assert here("send", "tide", "--to", "readers", "--again", "--yes").code == 0
    assert recipients(catcher).count("ana@example.com") == 2
    nobody = here("send", "tide", "--to", "readers", "--new-readers", "--yes")
    assert nobody.code == 1
    assert "3 got it before" in nobody.err
    assert here("send", "tide", "--to", "readers", "--new-readers", "--again").code == 2


@pytest.mark.parametrize("repeat", [(), ("--again",), ("--new-readers",)])
def test_an_unfinished_send_is_named_with_how_to_go_on(here, catcher, repeat):
    make_workspace(here.folder, port=catcher.port, rows=("greylist@example.com,G,",), RETRY="600")
    assert here("send", "tide", "--to", "readers", "--yes", "--no-wait").code == 4
    edit(here.folder)
    ran = here("send", "tide", "--to", "readers", "--yes", *repeat)
    assert ran.code == 4
    assert "mailer resume 1" in ran.err


def test_a_cancelled_send_does_not_stand_in_the_way(here, catcher):
    make_workspace(
        here.folder, port=catcher.port, rows=("greylist@example.com,G,", "ana@example.com,Ana,"), RETRY="600"
    )
    here("send", "tide", "--to", "readers", "--yes", "--no-wait")
    cancelled = here.json("cancel", "1")
    assert (cancelled["state"], cancelled["skipped"], cancelled["accepted"]) == ("cancelled", 1, 1)
    assert here.json("report", "1")["reasons"][0]["reason"] == "cancelled"
    assert here("resume", "1").code == 0, "shown again, with its exit"
    assert here("send", "tide", "--to", "readers", "--yes").code == 0


def test_two_sends_started_at_the_same_moment_send_once(tmp_path, programs, catcher):
    make_workspace(tmp_path, port=catcher.port, rows=PEOPLE)
    command = ("send", "tide", "--to", "readers", "--yes")
    both = [programs.start(tmp_path, *command) for _ in range(2)]
    ends = sorted((process.wait() for process in both), key=lambda ran: ran.code)
    assert [ran.code for ran in ends] == [0, 4], ends
    assert "send 1" in ends[1].err
    assert recipients(catcher) == ["ana@example.com", "bo@example.com", "cy@example.com"]


def test_errors_in_the_dispatch_are_all_shown_and_nothing_is_sent(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=PEOPLE)
    (here.folder / "dispatches" / "tide.md").write_text(
        DISPATCH.replace("link: https", "lnk: https").replace("reader.city }}", "reader.town }}"), encoding="utf-8"
    )
    for command in (("send", "tide", "--to", "readers", "--yes"), ("test", "tide", "ana@example.com")):
        ran = here(*command)
        assert ran.code == 1
        assert "[unknown-key]" in ran.err
        assert "[unknown-field]" in ran.err
        assert ran.err.count("[unknown-key]") == 1
    assert not catcher.received()


def test_lists_named_by_the_dispatch_are_the_default(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=PEOPLE)
    assert here("send", "tide", "--yes").code == 2
    path = here.folder / "dispatches" / "tide.md"
    path.write_text(DISPATCH.replace("subject:", "lists: [readers]\nsubject:"), encoding="utf-8")
    assert here("send", "tide", "--yes").code == 0
    assert len(catcher.received()) == 3


# test


def test_a_test_is_the_real_message_with_the_fields_of_the_row_and_an_inert_token(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=("ana@example.com,Ana,Porto Novo",))
    (here.folder / "subscribers" / "broken.csv").write_bytes(b"\x00\x01")
    sent = here.json("test", "tide", "ana@example.com", "desk@example.org", "ANA@example.com")
    assert (sent["state"], sent["accepted"]) == ("finished", 2)
    messages = {
        message["To"]: message
        for message in (message_from_bytes(path.read_bytes(), policy=default) for path in catcher.messages())
    }
    assert messages["ana@example.com"]["Subject"] == "The tide table, for Ana"
    assert messages["desk@example.org"]["Subject"] == "The tide table, for you"
    assert "High water is at noon" in messages["ana@example.com"].get_body(("plain",)).get_content()
    assert messages["ana@example.com"]["List-Unsubscribe"].strip() == f"<https://letter.example.org/u/{PLACEHOLDER}>"


def test_a_test_can_be_as_another_reader(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=PEOPLE)
    assert here("test", "tide", "desk@example.org", "--as", "bo@example.com").code == 0
    (message,) = (message_from_bytes(path.read_bytes(), policy=default) for path in catcher.messages())
    assert message["Subject"] == "The tide table, for Bo"
    assert message["To"] == "desk@example.org"
    unknown = here("test", "tide", "desk@example.org", "--as", "nobody@example.com")
    assert unknown.code == 2
    assert "nobody@example.com is not on any list" in unknown.err


def test_tests_are_no_part_of_history(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=PEOPLE)
    here("test", "tide", "desk@example.org")
    assert here.json("status") == {"sends": []}
    (here.folder / "dispatches" / "tide.md").rename(here.folder / "dispatches" / "ebb.md")
    (here.folder / "dispatches" / "ebb.md").write_text(DISPATCH + "\nSee [[tide]].\n", encoding="utf-8")
    ran = here("check", "ebb")
    assert ran.code == 1, "what was only tested cannot be linked to"
    assert "[unknown-dispatch]" in ran.out
    assert here("send", "ebb", "--to", "readers", "--yes").code == 1


def test_a_sent_dispatch_can_be_linked_to_when_its_file_is_gone(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=PEOPLE)
    here("send", "tide", "--to", "readers", "--yes")
    (here.folder / "dispatches" / "tide.md").rename(here.folder / "dispatches" / "ebb.md")
    (here.folder / "dispatches" / "ebb.md").write_text(DISPATCH + "\nSee [[tide]].\n", encoding="utf-8")
    assert here("check", "ebb").code == 0


def test_the_plan_says_whether_this_was_tested(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=PEOPLE)
    here("test", "tide", "desk@example.org")
    assert ", as tested" in here("send", "tide", "--to", "readers").err
    edit(here.folder)
    assert "changed since the last test" in here("send", "tide", "--to", "readers").err


# the prompt


def answer(programs: Programs, workspace: Path, typed: bytes | int, *arguments: str) -> tuple[int, str]:
    """Run a command on a terminal, and type `typed` at its prompt (a number is a signal); its exit and what was shown."""
    parent, child = pty.openpty()
    process = programs.start(workspace, *arguments, terminal=os.ttyname(child))
    os.close(child)
    shown, answered = b"", False
    while True:
        if not answered and b"or press Enter to stop:" in shown:
            answered = True
            process.send_signal(typed) if isinstance(typed, int) else os.write(parent, typed)
        if not select.select([parent], [], [], 1.0)[0]:
            if isinstance(typed, int) and shown.rstrip().endswith(b"to stop:"):
                answered = False  # input() may miss a signal as it begins: then once more
            continue
        try:
            shown += os.read(parent, 4096)
        except OSError:
            break
    os.close(parent)
    return process.wait().code, shown.decode()


@pytest.mark.parametrize(
    ("typed", "code", "count"),
    [
        (b"3\n", 0, 3),
        (b"2\n", 4, 0),
        (b"\n", 4, 0),
        (b"yes\n", 4, 0),
        (b"\x04", 4, 0),
        (signal.SIGINT, 4, 0),
        (signal.SIGTERM, 4, 0),
    ],
)
def test_the_number_of_readers_typed_sends_and_nothing_else(tmp_path, programs, catcher, typed, code, count):
    make_workspace(tmp_path, port=catcher.port, rows=PEOPLE)
    ended, shown = answer(programs, tmp_path, typed, "send", "tide", "--to", "readers")
    assert ended == code, shown
    assert len(catcher.received()) == count
    assert ("Nothing was sent" in shown) == (count == 0), shown
    assert ("Nothing was sent: 2 is not 3." in shown) == (typed == b"2\n"), shown
    assert "Traceback" not in shown
    with sqlite3.connect(tmp_path / "mailer.db") as database:
        assert database.execute("select count(*) from send").fetchone() == (count > 0,)


def test_a_large_number_may_be_typed_as_it_is_shown(tmp_path, programs):
    make_workspace(tmp_path, port=1, rows=(f"r{n}@example.com,R,Lisbon" for n in range(1200)))
    _, shown = answer(programs, tmp_path, b"1,200\n", "send", "tide", "--to", "readers", "--at", "2999-01-01 10:00")
    assert "send 1 scheduled" in shown


def test_the_program_is_the_same_from_another_folder(tmp_path, programs):
    make_workspace(tmp_path / "news", rows=PEOPLE)
    for arguments in (("--workspace", "news", "check", "tide"), ("check", "tide", "--workspace", "news")):
        assert programs.run(tmp_path, *arguments).code == 0


def test_a_message_names_the_list_that_brought_its_reader(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=PEOPLE[:1], ledger=False)
    add_list(here.folder, "staff", PEOPLE[1])
    (here.folder / "subscribers" / "readers.toml").write_text('title = "Friends of the Harbour"\n', encoding="utf-8")
    here("send", "tide", "--to", "readers,staff", "--yes")
    texts = {
        message["To"]: message.get_body(("plain",)).get_content()
        for message in (message_from_bytes(path.read_bytes(), policy=default) for path in catcher.messages())
    }
    assert "You are receiving “Friends of the Harbour” at" in " ".join(texts["ana@example.com"].split())
    assert "You are receiving “The Harbour Letter” at" in " ".join(texts["bo@example.com"].split())
