"""Replies are parsed whole, in any chunks, and malformed ones are refused."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.smtp.reply_parser import LINES_LIMIT, TEXT_LIMIT, MalformedReplyError, Reply, ReplyParser


def read(*chunks: bytes) -> list[Reply]:
    reader = ReplyParser()
    return [reply for chunk in chunks for reply in reader.feed(chunk)]


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        (b"250 OK\r\n", Reply(code=250, text="OK")),
        (b"250\r\n", Reply(code=250)),
        (b"250 OK\n", Reply(code=250, text="OK")),
        (b"550 5.1.1 No such person\r\n", Reply(code=550, enhanced="5.1.1", text="No such person")),
        (b"550-5.1.1 No\r\n550 5.1.1 such\r\n", Reply(code=550, enhanced="5.1.1", text="No such")),
        (b"550 4.1.1 classes disagree\r\n", Reply(code=550, text="4.1.1 classes disagree")),
        (b"451 4.7.1\r\n", Reply(code=451, enhanced="4.7.1")),
        (b"554 \x1b[31mred\x00\r\n", Reply(code=554, text="[31mred")),
        ("250 Grüße\r\n".encode("latin-1"), Reply(code=250, text="Gr��e")),
    ],
)
def test_a_reply_is_read(wire: bytes, expected: Reply) -> None:
    assert read(wire) == [expected]


@given(cuts=st.lists(st.integers(0, 60), max_size=6))
def test_a_reply_may_arrive_in_any_chunks(cuts: list[int]) -> None:
    wire = b"250-one\r\n250-two\r\n250 three\r\n354 go on\r\n"
    points = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    chunks = [wire[a:b] for a, b in itertools.pairwise(points)]
    assert read(*chunks) == [Reply(code=250, text="one two three"), Reply(code=354, text="go on")]


@pytest.mark.parametrize(
    "wire",
    [b"hello\r\n", b"25 OK\r\n", b"199 x\r\n", b"650 x\r\n", b"250_OK\r\n", b"\r\n", b"250-a\r\n251 b\r\n", b"2" * 5000,
     b"250 " + b"x" * 5000 + b"\r\n", b"250-x\r\n" * (LINES_LIMIT + 1)],
)  # fmt: skip
def test_malformed_replies_are_refused(wire: bytes) -> None:
    with pytest.raises(MalformedReplyError):
        read(wire)


@given(st.binary(max_size=300))
def test_no_input_of_a_server_does_harm(wire: bytes) -> None:
    try:
        replies = read(wire)
    except MalformedReplyError:
        return
    for reply in replies:
        assert reply.text.isprintable()
        assert len(reply.text) <= TEXT_LIMIT
