"""A message joined from pieces equals, part by part and header by header, one that `email` builds from the same values."""

import json
import re
from dataclasses import replace
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP, compat32, default

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.delivery.queue_port import Claim
from mailer.dispatch.parse import parse_dispatch
from mailer.edition.compile import compile_edition
from mailer.edition.merge_fields import ReaderValues, fill
from mailer.edition.model import Edition, Image
from mailer.edition.publication import Publication
from mailer.edition.template_loader import builtin_dir
from mailer.mime.body_encoding import Encoding
from mailer.mime.composer import Composer, Message, MessageError, MessageTokens, SenderProfile, inspect
from mailer.mime.dkim.keys import Ed25519Key, new_key
from mailer.mime.dkim.signer import DkimKey
from mailer.mime.provider_headers import PROVIDERS

PROFILE = SenderProfile(
    sender_name="The Harbour Letter",
    sender_address="desk@example.org",
    publication="The Harbour Letter",
    base_url="https://letter.example.org",
    reply_to="mara@example.org",
    reply_to_name="Lindqvist, Mära",
    bounce_address="bounces@example.org",
    unsubscribe_address="leave@example.org",
)
TOKENS = MessageTokens(unsubscribe="u" * 26, bounce="b" * 26, message="m" * 26)
HEBREW = "המוזיאון הימי ביקש מרשות הנמל להחזיר את פעמון הברונזה שהושאל לה\n\n" * 60
SOURCE = """\
---
title: The tide table
date: 2026-11-01
language: en
copyright: "© 2026 Mara Lindqvist"
subject: Tides for {{{{ reader.first_name }}}} in {{{{ reader.city or "town" }}}}
preheader: High water, {{{{ reader.first_name }}}}
photo:
  file: quay.png
  alt: The quay
---

Dear {{{{ reader.first_name }}}}, **{{{{ reader.city }}}}**

[Your town](https://tides.example.org/{{{{ reader.city }}}}?for={{{{ reader.first_name }}}}#x)

{body}

| Town | Name |
|---|---|
| {{{{ reader.city }}}} | {{{{ reader.first_name }}}} |

## Two high waters
source: Harbour Times
date: 2026-10-31

.A line with a dot first, for {{{{ reader.first_name }}}}
"""
QUAY = Image(name=f"{'0' * 32}.png", content_type="image/png", width=2, height=2, data=b"\x89PNG not really" * 20)


def edition(*, body: str = "Plain words.", images: str = "link") -> Edition:
    dispatch = parse_dispatch(SOURCE.format(body=body), "tide.md").dispatch
    assert dispatch
    return compile_edition(
        dispatch,
        publication=Publication(
            name="The Harbour Letter",
            from_name="The Harbour Letter",
            from_address="desk@example.org",
            base_url="https://letter.example.org",
            images=images,
        ),
        templates=[builtin_dir()],
        references={},
        images={"quay.png": QUAY},
    )


EDITIONS = {
    "quoted-printable": edition(),
    "base64": edition(body=HEBREW),
    "embedded": edition(images="embed"),
}


def compose(name: str, fields: dict[str, str], address: str = "ana@example.com") -> Message:
    claim = Claim(delivery_id=7, identity=address, address=address, fields=fields, attempt=1, date=1_790_000_000.0)
    return Composer(EDITIONS[name], PROFILE, lambda _id: TOKENS).compose(claim)


def built_by_email(made: Edition, fields: dict[str, str], address: str) -> EmailMessage:
    values = ReaderValues(fields=fields, address=address, token=TOKENS.unsubscribe)
    variant = made.variant(made.key_for(values))
    message = EmailMessage(policy=SMTP)
    message.set_content(fill(variant.text, values))
    message.add_alternative(fill(variant.html, values), subtype="html")
    return message


def subject_of(made: Edition, fields: dict[str, str]) -> str:
    return " ".join(fill(made.subject_parts, ReaderValues(fields=fields, token="")).split())


def received(message: Message) -> bytes:
    """Returns what a receiver has after SMTP, without dot stuffing (RFC 5321 4.5.2)."""
    assert message.text.endswith(b"\r\n")
    lines = message.text.split(b"\r\n")
    assert b"." not in lines, "no line ends the message early"
    return b"\r\n".join(line.removeprefix(b".") for line in lines)


def lines(text: str) -> str:
    return text.replace("\r\n", "\n").rstrip("\n")


awkward = st.sampled_from(
    [".", "..", ".\n.", "=", "\r\nBcc: victim@example.com", "a\rb", "a\nb", "=?UTF-8?Q?x=0D=0ABcc:_v@example.com?=",
     "<script>alert(1)</script>", '"><b>', "{{ 7*7 }}", "[[ slug ]]", "*md* [x](javascript:1)", "&amp;", "x" * 10_000,
     "नमस्ते", "שלום", "مرحبا", "你好", "😀" * 40, "\u202e.gnp", "%0d%0a", "javascript:alert(1)", " "]
)  # fmt: skip
values = awkward | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.mark.parametrize("name", EDITIONS)
@settings(max_examples=40)  # of each of the editions
@given(first_name=values, city=values)
def test_a_message_equals_what_email_builds(name: str, first_name: str, city: str) -> None:
    fields = {"first_name": first_name, "city": city}
    message = compose(name, fields)
    inspect(message)
    got = BytesParser(policy=default).parsebytes(received(message))
    expected = BytesParser(policy=default).parsebytes(bytes(built_by_email(EDITIONS[name], fields, "ana@example.com")))
    # against the value itself: Python 3.11's `email` folds some subjects so that its own parser adds a space, and takes a
    # value for an encoded word (CVE-2024-6923)
    assert got["Subject"] == subject_of(EDITIONS[name], fields)
    for kind in ("plain", "html"):
        ours, theirs = got.get_body((kind,)), expected.get_body((kind,))
        assert ours is not None and theirs is not None
        assert lines(ours.get_content()) == lines(theirs.get_content())


@pytest.mark.parametrize("name", EDITIONS)
@settings(max_examples=40)  # of each of the editions
@given(first_name=values, city=values)
def test_no_value_adds_a_header_a_recipient_or_markup(name: str, first_name: str, city: str) -> None:
    plain = compose(name, {"first_name": "Ana", "city": "Lisbon"})
    message = compose(name, {"first_name": first_name, "city": city})
    assert (message.sender, message.recipient) == (plain.sender, plain.recipient)
    got, want = (BytesParser(policy=compat32).parsebytes(received(each)) for each in (message, plain))
    assert got.keys() == want.keys()
    assert [part.get_content_type() for part in got.walk()] == [part.get_content_type() for part in want.walk()]
    assert tags(got) == tags(want)
    assert hosts(got) == hosts(want)


def html_of(message) -> str:
    part = next(part for part in message.walk() if part.get_content_type() == "text/html")
    return part.get_payload(decode=True).decode()


def tags(message) -> list[str]:
    tree = html5lib.parse(html_of(message), namespaceHTMLElements=False)
    return [element.tag for element in tree.iter() if isinstance(element.tag, str)]


def hosts(message) -> list[str]:
    tree = html5lib.parse(html_of(message), namespaceHTMLElements=False)
    return [element.get("href", "").split("/")[2] for element in tree.iter("a") if "//" in element.get("href", "")]


@pytest.mark.parametrize("name", EDITIONS)
def test_the_headers_are_those_of_the_contract(name: str) -> None:
    message = compose(name, {"first_name": "Ana", "city": "Porto Novo"})
    got = BytesParser(policy=default).parsebytes(received(message))
    assert got["From"] == "The Harbour Letter <desk@example.org>"
    assert got["To"] == "ana@example.com"
    assert got["Reply-To"] == '"Lindqvist, Mära" <mara@example.org>'
    assert got["Subject"] == "Tides for Ana in Porto Novo"
    assert got["Date"] == "Mon, 21 Sep 2026 14:13:20 +0000"
    assert got["Message-ID"] == f"<{'m' * 26}@example.org>"
    assert (
        got["List-Unsubscribe"].strip()
        == f"<https://letter.example.org/u/{'u' * 26}>, <mailto:leave+{'u' * 26}@example.org>"
    )
    assert got["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert got["List-Id"] == "The Harbour Letter <newsletter.letter.example.org>"
    assert got["List-Help"] == "<mailto:mara@example.org?subject=help>"
    assert got["List-Archive"] == "<https://letter.example.org/archive/>"
    assert got["List-Post"] == "NO"
    assert message.sender == f"bounces+{'b' * 26}@example.org"
    assert message.envelope_id == TOKENS.bounce  # which proves a bounce, and is in no header
    assert TOKENS.bounce.encode() not in message.text
    assert len(message.sender.partition("@")[0]) <= 64
    assert message.size == len(message.text)
    assert all(len(line) <= 78 for line in received(message).split(b"\r\n\r\n", 1)[0].split(b"\r\n"))


@pytest.mark.parametrize("domain", ["example.org", "x.y", "xn--mnchen-3ya.example", "newsletter"])
def test_the_feedback_id_is_as_google_requires(domain: str) -> None:
    profile = replace(PROFILE, sender_address=f"desk@{domain}", base_url=f"https://{domain}")
    edition = replace(EDITIONS["quoted-printable"], slug="newsletter", from_address=f"desk@{domain}")
    composer = Composer(edition, profile, lambda _: TOKENS)
    claim = Claim(delivery_id=1, identity="x", address="ana@example.com", fields={}, attempt=1, date=1_790_000_000.0)
    fields = BytesParser(policy=default).parsebytes(composer.compose(claim).text)["Feedback-ID"].split(":")
    assert len(fields) == len(set(fields)) == 4, "four fields, none repeated"
    assert re.fullmatch(r"[a-z0-9-]{5,15}", fields[3]), "the SenderId"


def structure(message) -> list[str]:
    return [part.get_content_type() for part in message.walk()]


def test_linked_images_are_urls_and_embedded_ones_are_parts() -> None:
    linked = BytesParser(policy=default).parsebytes(received(compose("quoted-printable", {})))
    assert structure(linked) == ["multipart/alternative", "text/plain", "text/html"]
    assert f"https://letter.example.org/media/{QUAY.name}" in html_of(linked)
    embedded = BytesParser(policy=default).parsebytes(received(compose("embedded", {})))
    assert structure(embedded) == ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"]
    image = list(embedded.walk())[-1]
    assert image.get_content() == QUAY.data
    assert image["Content-ID"] == f"<{QUAY.content_id}>"
    assert f"cid:{QUAY.content_id}" in html_of(embedded)


@pytest.mark.parametrize(
    ("name", "encoding"), [("quoted-printable", Encoding.QUOTED_PRINTABLE), ("base64", Encoding.BASE64)]
)
def test_each_part_has_the_smaller_encoding(name: str, encoding: Encoding) -> None:
    got = BytesParser(policy=default).parsebytes(received(compose(name, {})))
    plain = got.get_body(("plain",))
    assert plain is not None
    assert plain["Content-Transfer-Encoding"] == encoding


def test_headers_for_the_webhooks_of_providers_have_the_message_id_and_are_not_signed() -> None:
    key = DkimKey(domain="example.org", selector="e2026", key=new_key(Ed25519Key))
    profile = replace(PROFILE, signers=(key,))
    claim = Claim(delivery_id=7, identity="a", address="a@example.com", fields={}, attempt=1, date=1_790_000_000.0)
    plain, full = (
        received(Composer(EDITIONS["base64"], each, lambda _id: TOKENS).compose(claim))
        for each in (profile, replace(profile, providers=PROVIDERS))
    )
    ours = f"<{TOKENS.message}@example.org>"
    parsed = BytesParser(policy=default).parsebytes(full)
    assert {
        name: str(parsed[name])
        for name in ("X-PM-Metadata-mailer-id", "X-Mailin-custom", "X-MJ-CustomID", "X-PM-KeepID")
    } == {
        **dict.fromkeys(("X-PM-Metadata-mailer-id", "X-Mailin-custom", "X-MJ-CustomID"), ours),
        "X-PM-KeepID": "true",
    }
    assert json.loads(str(parsed["X-MSYS-API"])) == {"metadata": {"mailer-id": ours}}
    removed = re.sub(rb"(?m)^X-[^\r]*\r\n(?:[ \t][^\r]*\r\n)*", b"", full)  # as the provider does
    assert removed == plain
    assert SenderProfile.from_json(replace(profile, providers=PROVIDERS).to_json(), (key,)).providers == PROVIDERS


def test_a_non_ascii_address_is_unencoded_in_the_header() -> None:
    message = compose("quoted-printable", {}, "दीपा@xn--p1b6ci4b4b3a.example")
    assert message.utf8
    assert "To: दीपा@xn--p1b6ci4b4b3a.example".encode() in message.text


def test_a_verp_address_that_leaves_no_room_for_a_token_is_refused() -> None:
    with pytest.raises(MessageError, match="MAILER_BOUNCE_ADDRESS"):
        SenderProfile(sender_name="", sender_address="a@example.org", publication="", base_url="https://x.example.org",
                   bounce_address=f"{'b' * 38}@example.org")  # fmt: skip


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: b"Bcc: victim@example.com\r\n" + text,
        lambda text: b"Subject: another\r\n" + text,
        lambda text: text.replace(b"List-Id:", b"X-Id:"),
        lambda text: text.replace(b"\r\n--", b"\n--", 1),
        lambda text: text + b"x" * 999 + b"\r\n",
    ],
)
def test_a_message_that_breaks_the_contract_is_rejected(spoil) -> None:
    good = compose("quoted-printable", {})
    bad = Message(**{name: getattr(good, name) for name in ("sender", "recipient", "envelope_id", "size", "utf8", "eight_bit")},
                  pieces=(spoil(good.text),))  # fmt: skip
    with pytest.raises(MessageError):
        inspect(bad)
