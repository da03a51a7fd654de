"""A change of `.env` changes the lines of its variables and nothing else, and what was written is what is read."""

import stat
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from mailer.settings.env_file import EnvFileError, is_writable, read_env_file, save_variables, set_variables

EXAMPLE = (Path(__file__).parents[3] / ".env.example").read_text(encoding="utf-8")
TEXT = """\
# The sender.
MAILER_FROM=The Harbour Letter <letter@example.org>  # as people know it

# The most a second.
# MAILER_RATE=14
export mailer_language='de'
OTHER="two
lines"
"""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, TEXT),
        ({"MAILER_LANGUAGE": "en"}, TEXT.replace("'de'", "en")),
        ({"MAILER_RATE": "500/hour"}, TEXT.replace("RATE=14\n", "RATE=14\nMAILER_RATE=500/hour\n")),
        ({"MAILER_HELO": "a.example"}, f"{TEXT}MAILER_HELO=a.example\n"),
        ({"MAILER_LANGUAGE": None}, TEXT.replace("export mailer_language='de'\n", "")),
        ({"MAILER_HELO": None}, TEXT),
        (
            {"MAILER_FROM": "Tide & Co # 1 <t@example.com>"},
            TEXT.replace("The Harbour Letter <letter@example.org>", "'Tide & Co # 1 <t@example.com>'"),
        ),
        ({"MAILER_DOMAIN_RATE": '{"*": 4}'}, f'{TEXT}MAILER_DOMAIN_RATE={{"*": 4}}\n'),
    ],
)
def test_only_the_lines_of_the_changed_variables_change(changes, expected):
    assert set_variables(TEXT, changes) == expected
    crlf = set_variables(TEXT.replace("\n", "\r\n"), changes)
    assert crlf.replace("\r\n", "\n") == expected
    assert "\r\n" in crlf and "\n" not in crlf.replace("\r\n", "")


def test_of_a_variable_that_is_set_twice_one_line_stays():
    assert (
        set_variables("MAILER_RATE=1\n# a comment\nMAILER_RATE=2\n", {"MAILER_RATE": "3"})
        == "# a comment\nMAILER_RATE=3\n"
    )
    assert set_variables("MAILER_RATE=1", {"MAILER_HELO": "x"}) == "MAILER_RATE=1\nMAILER_HELO=x\n"


VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=30)


@given(VALUES, VALUES, st.sampled_from([TEXT, EXAMPLE, "", "MAILER_RATE=\"1\" # x\nMAILER_RATE='2'"]))
def test_each_value_is_read_back_as_it_was_typed_and_the_others_stay(rate, helo, text):
    changed = set_variables(text, {"MAILER_RATE": rate, "MAILER_HELO": helo})
    before, after = (dotenv_values(stream=StringIO(each), interpolate=False) for each in (text, changed))
    assert after == {**before, "MAILER_RATE": rate, "MAILER_HELO": helo}
    lines = iter(changed.splitlines())
    assert all(line in lines for line in text.splitlines() if line.startswith("#"))


def test_a_file_is_replaced_for_its_owner_only_and_not_if_it_was_changed_meanwhile(tmp_path):
    path = tmp_path / ".env"
    path.write_bytes("\ufeffMAILER_RATE=1\r\n".encode())
    path.chmod(0o644)
    seen = read_env_file(path)
    assert seen.variables == {"MAILER_RATE": "1"}
    save_variables(path, {"MAILER_RATE": "2"}, seen.digest)
    assert path.read_bytes() == "\ufeffMAILER_RATE=2\r\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(EnvFileError, match="changed meanwhile"):
        save_variables(path, {"MAILER_RATE": "3"}, seen.digest)
    assert read_env_file(path).variables == {"MAILER_RATE": "2"}
    assert is_writable(path)
    new = tmp_path / "new"
    save_variables(new, {"MAILER_RATE": "3"}, read_env_file(new).digest)
    assert (new.read_text(), stat.S_IMODE(new.stat().st_mode)) == ("MAILER_RATE=3\n", 0o600)


def test_a_file_with_a_line_that_hides_the_change_is_not_written():
    with pytest.raises(EnvFileError, match="cannot be changed here"):
        set_variables("A='open\nMAILER_RATE=1\n", {"MAILER_HELO": "it's"})
