import re
from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.queue_port import Claim
from mailer.edition.merge_fields import ReaderValues
from mailer.edition.model import Edition
from mailer.edition.plaintext.flowed import fixed_lines, flow
from mailer.edition.plaintext.wrap import COLUMNS, width
from mailer.mime.composer import Composer, MessageTokens, SenderProfile
from tests.support.editions import TEMPLATES, edition, text_of

WORD = "words " * 40


def unflowed(text):
    """What a reader of RFC 3676, 4 makes of `text`: paragraphs with their depth of quotes."""
    paragraphs, open_depth = [], None
    for line in text.split("\n"):
        depth = len(re.match(">*", line)[0])
        content = line[depth:].removeprefix(" ")
        soft = content.endswith(" ") and content != "-- "
        if open_depth == depth:
            paragraphs[-1] = (depth, paragraphs[-1][1] + content)
        else:
            paragraphs.append((depth, content))
        open_depth = depth if soft else None
    return paragraphs


@pytest.mark.parametrize(
    ("first", "rest", "read"),
    [
        ("", "", (0, WORD.strip())),
        ("- ", "  ", (0, "- " + WORD.strip())),
        ("> ", "> ", (1, WORD.strip())),
        ("> > - ", "> >   ", (2, "- " + WORD.strip())),
        ("From ", "", (0, "From " + WORD.strip())),
    ],
)
def test_a_flowed_paragraph_is_joined_again(first, rest, read):
    lines = flow(WORD.strip(), first, rest)
    assert unflowed(lines) == [read]
    assert all(width(line) <= COLUMNS + 2 for line in lines.split("\n"))


@pytest.mark.parametrize("line", [" x", "> x", "From here", ">", "  > deep", "x", ""])
def test_a_fixed_line_is_read_as_it_was_typed(line):
    assert unflowed(fixed_lines(line)) == [(0, line)]
    assert unflowed(fixed_lines("> " + line, "> ")) == [(1, line)]


def test_a_quote_in_a_list_is_fixed():
    read = unflowed(flow(WORD.strip(), "  > ", "  > "))
    assert {depth for depth, _ in read} == {0}
    assert all(content.startswith("  > ") for _, content in read)
    assert " ".join(content.removeprefix("  > ") for _, content in read) == WORD.strip()


@given(
    st.text(alphabet=st.sampled_from("aé> -\n漢F\u00a0rom "), max_size=200), st.sampled_from(["", "  ", "> ", "> > "])
)
def test_any_text_reads_back(text, rest):
    lines = [" ".join(line.replace("\t", " ").split(" ")).strip(" ") for line in text.split("\n")]
    wanted = [re.sub(" +", " ", line) for line in lines]
    read = unflowed(flow(text, rest, rest))
    depth, indent = rest.count(">"), rest.replace("> ", "")
    assert read == [(depth, (indent + line).rstrip(" ")) for line in wanted]


@pytest.fixture
def flowing(tmp_path):
    (tmp_path / "theme.toml").write_text("[text]\nflowed = true\n")
    return (tmp_path, TEMPLATES)


BODY = (
    "Dear {{ reader.name }}, " + WORD + "\n\n> " + WORD + "\n>\n> > deeper\n\n- " + WORD + "\n\n```\n> code\n```\n\n"
    "| a | n |\n|---|--:|\n| {{ reader.name }} | 1 |\n"
)


def test_an_edition_flows_for_each_reader_and_declares_it(flowing):
    made = edition(BODY, templates=flowing)
    assert made.flowed
    assert Edition.from_json(made.to_json()).digest == made.digest
    text = text_of(made, ReaderValues(fields={"name": "Ana"}, address="a@example.org", token="t"))
    read = unflowed(text)
    for wanted in [
        (0, "Dear Ana, " + WORD.strip()),
        (1, WORD.strip()),
        (2, "deeper"),
        (0, "- " + WORD.strip()),
        (0, "    > code"),
        (0, "Ana  1"),
    ]:
        assert wanted in read
    assert all(len(line) <= 78 for line in text.split("\n"))


def test_the_message_declares_format_flowed_and_keeps_its_spaces(flowing):
    sender_profile = SenderProfile(
        sender_name="L", sender_address="l@example.org", publication="L", base_url="https://l.example.org"
    )
    claim = Claim(delivery_id=1, identity="a", address="a@example.org", fields={"name": "Ana"}, attempt=1, date=1.8e9)
    for templates, parameter in [(flowing, "flowed"), ((TEMPLATES,), None)]:
        made = edition(BODY, templates=templates)
        composer = Composer(
            made, sender_profile, lambda _number: MessageTokens(unsubscribe="u", bounce="b", message="m")
        )
        part = message_from_bytes(composer.compose(claim).without_dot_stuffing(), policy=default).get_body(("plain",))
        assert part["Content-Type"].params.get("format") == parameter
        values = ReaderValues(fields=claim.fields, address=claim.address, token="u")
        assert part.get_content().replace("\r\n", "\n") == text_of(made, values)


def test_an_edition_stored_before_format_flowed_keeps_its_digest():
    made = edition("Note.")
    assert "flowed" not in made.to_json()
    assert not Edition.from_json(made.to_json()).flowed
