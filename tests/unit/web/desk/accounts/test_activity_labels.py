"""The words of the activity log."""

import re
from pathlib import Path

import mailer
from mailer.web.desk.accounts.activity_labels import describe_action

_RECORDED = re.compile(r"(?:record|_perform)\(\s*(?:[\w.]+,\s*)?\"([a-z]+\.[a-z-]+)\"")


def test_every_recorded_action_has_words():
    sources = [path.read_text("utf-8") for path in Path(mailer.__file__).parent.rglob("*.py")]
    actions = {action for text in sources for action in _RECORDED.findall(text)}
    assert {"list.apply", "send.pause", "session.begin", "webhook.rotate", "user.role", "token.add"} <= actions
    assert {action for action in actions if describe_action(action) == action} == set()


def test_an_unknown_action_is_shown_as_it_is():
    assert describe_action("x.y") == "x.y"
