"""The commands of docs/moving.md, run on a small export of each tool: nobody who opted out there is mailed from here."""

import re
import shlex
import shutil

import pytest

from tests.support.documents import ROOT, blocks, commands, section
from tests.support.workspaces import make_workspace

TOOLS = ROOT / "tests" / "data" / "lists" / "tools"
MOVING = ROOT / "docs" / "moving.md"
POST = "<html><head><title>A post</title></head><body><h1>A post</h1><p>The tide was late on Tuesday.</p></body></html>"


@pytest.fixture
def moved(here, tmp_path, monkeypatch):
    """Runs the commands of a tool's section, in a workspace with all exports and a folder of one saved post."""
    make_workspace(tmp_path)
    monkeypatch.chdir(tmp_path)
    for path in TOOLS.glob("*.csv"):
        shutil.copy(path, tmp_path / "subscribers" / path.name)
    (tmp_path / "posts").mkdir()
    (tmp_path / "posts" / "1.a-post.html").write_text(POST, encoding="utf-8")

    def run(tool):
        ((kind, block),) = blocks(section(MOVING, f"## {tool}"))
        results = []
        for command in commands(kind, block):
            program, *words = shlex.split(command.text)
            assert program == "mailer"
            results.append(here(*words))
            assert results[-1].code == 0, f"{command.text}\n{results[-1].out}{results[-1].err}"
        return results

    return run


@pytest.mark.parametrize(
    ("tool", "list_name", "members", "mailed", "suppressed"),
    [
        ("Mailchimp", "mailchimp-subscribed", 1, 1, {"bo@example.org": "unsubscribed", "cy@example.org": "bounced"}),
        ("Substack", "substack", 2, 1, {"bo@example.org": "unsubscribed"}),
        ("Ghost", "ghost", 2, 1, {"bo@example.org": "unsubscribed"}),
        ("listmonk", "listmonk", 3, 1, {"bo@example.org": "unsubscribed"}),
        ("Buttondown", "buttondown", 5, 2, {"bo@example.org": "unsubscribed", "ed@example.org": "bounced"}),
        ("phpList", "phplist", 4, 1, {"bo@example.org": "unsubscribed"}),
    ],
)
def test_after_an_import_nobody_who_opted_out_or_bounced_is_mailed(
    moved, here, tool, list_name, members, mailed, suppressed
):
    moved(tool)
    shown = here.json("list", "show", list_name)
    assert (shown["members"], shown["to_mail"]) == (members, mailed)
    entries = here.json("suppress", "list")["suppressions"]
    assert {entry["identity"]: entry["reason"] for entry in entries} == suppressed


def test_the_saved_posts_of_substack_become_dispatches(moved, tmp_path):
    moved("Substack")
    (made,) = (tmp_path / "dispatches").glob("*-a-post.md")
    assert "The tide was late on Tuesday." in made.read_text(encoding="utf-8")


def test_the_lists_of_phplist_can_be_told_apart_by_a_condition(moved):
    *_, shown = moved("phpList")
    assert "phplist where" in shown.out
    assert "bo@example.org" in shown.out
    assert "ana@example.org" not in shown.out


def test_the_example_dispatch_of_the_page_composes_a_message_to_each_reader(here, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here("init", ".")
    shutil.copy(TOOLS / "mailchimp-subscribed.csv", tmp_path / "subscribers")
    (command,) = re.findall(r"`mailer (send .* --dry-run)`", MOVING.read_text("utf-8"))
    ran = here(*shlex.split(command.replace("NAME", "mailchimp-subscribed")))
    assert (ran.code, ran.out.startswith("1 message composed")) == (0, True), ran.err
