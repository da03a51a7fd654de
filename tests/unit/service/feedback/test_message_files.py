"""Where the messages of a folder, an mbox and a Maildir are."""

import os

import pytest

from mailer.errors import UsageError
from mailer.feedback.received_message import LARGEST
from mailer.service.feedback.message_files import find_message_files, read_messages

ONE, TWO = b"Subject: one\n\nFrom here on.\n", b"Subject: two\r\n\r\nText\r\n"
SEPARATOR = b"From ana@example.com Mon Nov 30 09:00:00 2026\n"


def read_all(path):
    return [
        (os.path.relpath(name, path.parent), raw)
        for file in find_message_files(path)
        for name, raw in read_messages(file)
    ]


def test_a_file_is_one_message(tmp_path):
    file = tmp_path / "a.eml"
    file.write_bytes(ONE)
    assert read_all(file) == [("a.eml", ONE)]


def test_a_message_after_a_separator_is_one_message(tmp_path):
    file = tmp_path / "a.eml"
    file.write_bytes(SEPARATOR + ONE)
    assert read_all(file) == [("a.eml", SEPARATOR + ONE)]


def test_the_messages_of_an_mbox_are_numbered(tmp_path):
    file = tmp_path / "box"
    file.write_bytes(SEPARATOR + ONE + b"\n" + SEPARATOR + TWO + b"\r\n" + SEPARATOR + ONE)
    assert read_all(file) == [
        ("box:1", SEPARATOR + ONE + b"\n"),
        ("box:2", SEPARATOR + TWO + b"\r\n"),
        ("box:3", SEPARATOR + ONE),
    ]


def test_of_a_large_message_only_the_beginning_is_read(tmp_path):
    file = tmp_path / "box"
    line = b"x" * 99 + b"\n"
    file.write_bytes(SEPARATOR + line * 10_000 + b"\n" + SEPARATOR + ONE)
    first, second = (raw for _, raw in read_messages(file))
    assert LARGEST <= len(first) < LARGEST + 100
    assert second == SEPARATOR + ONE
    file.write_bytes(ONE + line * 10_000)
    assert [len(raw) for _, raw in read_messages(file)] == [LARGEST]


def test_of_a_folder_all_files_are_read_and_of_a_maildir_only_messages(tmp_path):
    for name in ("b.eml", "a/c.eml", ".hidden", "Maildir/new/1", "Maildir/cur/2:2,S", "Maildir/tmp/3", "Maildir/uidlist", "Maildir/.Junk/cur/4", "Maildir/.Junk/new/5", "Maildir/.Junk/tmp/6"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(ONE)
    os.mkfifo(tmp_path / "pipe")
    found = [str(file.relative_to(tmp_path)) for file in find_message_files(tmp_path)]
    assert sorted(found) == [
        "Maildir/.Junk/cur/4",
        "Maildir/.Junk/new/5",
        "Maildir/cur/2:2,S",
        "Maildir/new/1",
        "a/c.eml",
        "b.eml",
    ]


def test_an_unreadable_file_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="Cannot read"):
        list(read_messages(tmp_path))
