"""Every shape of message verifies, by dkimpy and by OpenDKIM, and no changed message does."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from email.parser import BytesHeaderParser
from itertools import product
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings

from mailer.app import App
from mailer.delivery.queue_port import Claim
from mailer.edition.model import Edition
from mailer.errors import SettingsError
from mailer.mime.composer import Composer, Message, inspect
from mailer.mime.dkim.keys import DnsRecord, Ed25519Key, Key, KeyFaultError, RsaKey, new_key, read_key, write_pem
from mailer.mime.dkim.signer import OVERSIGNED, DkimKey, relaxed
from mailer.service.sends.plan import dry_run_recipients, plan_send
from tests.support.editions import edition as edition_of
from tests.support.workspaces import make_workspace
from tests.unit.mime.test_composer import EDITIONS, PROFILE, TOKENS, edition, values

RSA = DkimKey(domain="example.org", selector="s2026", key=new_key(RsaKey))
ED25519 = DkimKey(domain="example.org", selector="e2026", key=new_key(Ed25519Key))
SIGNERS = {"rsa": (RSA,), "ed25519": (ED25519,), "both": (RSA, ED25519)}
LONG = "A subject that goes on, and on, in words of every length, until no line of seventy-eight columns could hold it"
SHAPES: dict[str, Edition] = {
    **EDITIONS,
    "indented, with tabs and dots": edition(body="```\n.dot  two\tspaces   \n\t.tab\n" + ".é" * 90 + "\n```"),
    "no merge field in the text": edition_of("Nothing differs here."),
    "long subject": edition_of("Words.", front=f"subject: {LONG}, {{{{ reader.first_name }}}}\n"),
    "non-ASCII subject": edition_of("Words.", front=f"subject: {'מגדלור ' * 20} {{{{ reader.city }}}}\n"),
}
FIELDS = {
    "plain": {"first_name": "Ana", "city": "Porto Novo"},
    "empty": {"first_name": "", "city": ""},
    "dots": {"first_name": ".", "city": ".. ."},
    "spaces": {"first_name": "  two  and   three ", "city": " \t "},
    "ten thousand": {"first_name": "x" * 10_000, "city": ". é " * 2_500},
    "every script": {"first_name": "नमस्ते שלום مرحبا 你好 😀", "city": "Ångström=20\u00a0"},
    "line ends": {"first_name": "a\r\nb\rc\nd", "city": "\r\n.\r\n"},
}


def compose(
    made: Edition, signers: Sequence[DkimKey], fields: dict[str, str], address: str = "ana@example.com"
) -> Message:
    claim = Claim(delivery_id=7, identity=address, address=address, fields=fields, attempt=1, date=1_790_000_000.0)
    return Composer(made, replace(PROFILE, signers=tuple(signers)), lambda _id: TOKENS).compose(claim)


RECORDS = {
    record.name: record.text
    for record in (DnsRecord.of(each.domain, each.selector, each.key) for each in (RSA, ED25519))
}


def look_up(name: bytes | str, timeout: int = 5) -> bytes:
    """Returns the TXT record of a key, in place of DNS."""
    return RECORDS[(name.decode() if isinstance(name, bytes) else name).rstrip(".")].encode()


def verified(raw: bytes) -> list[bool]:
    """Returns whether dkimpy verifies each signature."""
    count = len(BytesHeaderParser().parsebytes(raw).get_all("DKIM-Signature", []))
    return [_verified(raw, index) for index in range(count)]


def _verified(raw: bytes, index: int) -> bool:
    try:
        return dkim.DKIM(raw).verify(idx=index, dnsfunc=look_up)
    except dkim.ValidationError:  # how it says that the body is another
        return False


@pytest.mark.parametrize("signers", SIGNERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_dkimpy_verifies_every_shape(shape: str, signers: str) -> None:
    for fields, address in product(FIELDS.values(), ("ana@example.com", "दीपा@xn--p1b6ci4b4b3a.example")):
        message = compose(SHAPES[shape], SIGNERS[signers], fields, address)
        inspect(message)
        assert verified(message.without_dot_stuffing()) == [True] * len(SIGNERS[signers])


@pytest.mark.parametrize("shape", EDITIONS)
@given(first_name=values, city=values)
@settings(max_examples=40)
def test_dkimpy_verifies_any_value(shape: str, first_name: str, city: str) -> None:
    message = compose(EDITIONS[shape], SIGNERS["both"], {"first_name": first_name, "city": city})
    assert verified(message.without_dot_stuffing()) == [True, True]


@pytest.mark.opendkim
def test_opendkim_verifies_every_shape(tmp_path: Path) -> None:
    records = tmp_path / "records"
    records.write_text("".join(f"{name} {text}\n" for name, text in RECORDS.items()))
    configuration = tmp_path / "opendkim.conf"
    configuration.write_text(f"TestDNSData file:{records}\nMode v\n")
    files = []
    for number, (made, fields) in enumerate(product(SHAPES.values(), FIELDS.values())):
        both = compose(
            made, SIGNERS["both"], fields, "दीपा@xn--p1b6ci4b4b3a.example" if number % 2 else "ana@example.com"
        )
        raw = both.without_dot_stuffing()
        fields_of_both = re.findall(rb"DKIM-Signature:.*\r\n(?: .*\r\n)+", raw)
        assert len(fields_of_both) == 2
        # it names one signature a message: the first, and the second when the first is gone
        for name, content in (("first", raw), ("second", raw.replace(fields_of_both[0], b"", 1))):
            file = tmp_path / f"{number}-{name}.eml"
            file.write_bytes(content)
            files.append(file)
    spoiled = tmp_path / "spoiled.eml"
    spoiled.write_bytes(files[0].read_bytes().replace(b"Plain words", b"Other words"))
    done = subprocess.run(
        ["/usr/sbin/opendkim", "-x", configuration, "-v", "-t", ",".join(map(str, [*files, spoiled]))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = dict(re.findall(r"^opendkim: (\S+\.eml): (verification .*)$", done.stdout, re.MULTILINE))
    expected = {str(file): "s=s2026" if "first" in file.name else "s=e2026" for file in files}
    wrong = {file: said.get(file) for file, key in expected.items() if not _succeeded(said.get(file, ""), key)}
    assert not wrong, done.stderr
    assert "succeeded" not in said.get(str(spoiled), "")


def _succeeded(words: str, key: str) -> bool:
    return key in words and words.endswith("succeeded")


SIGNED = (
    "From", "To", "Subject", "Date", "Message-ID", "Reply-To", "List-Id", "List-Help", "List-Archive", "List-Unsubscribe",
    "List-Unsubscribe-Post", "Feedback-ID", "Content-Language", "MIME-Version", "Content-Type",
)  # fmt: skip


@pytest.mark.parametrize("signers", SIGNERS)
@pytest.mark.parametrize("name", SIGNED)
def test_a_signed_header_that_was_changed_or_is_gone_fails(name: str, signers: str) -> None:
    raw = compose(EDITIONS["quoted-printable"], SIGNERS[signers], FIELDS["plain"]).without_dot_stuffing()
    field = re.search(rf"(?m)^{name}: ?(.*\r\n(?: .*\r\n)*)".encode(), raw)
    assert field
    for other in (b"", f"{name}: other\r\n".encode(), field[0].replace(field[1][-4:], b"X\r\n")):
        assert not any(verified(raw.replace(field[0], other, 1)))


def test_the_essential_headers_are_those_that_a_mail_program_shows_or_acts_on() -> None:
    assert {name.lower() for name in OVERSIGNED} >= {
        "from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "mime-version", "content-type",
        "list-unsubscribe", "list-unsubscribe-post",
    }  # fmt: skip


@pytest.mark.parametrize("name", OVERSIGNED)
@pytest.mark.parametrize("place", ["first", "last"])
def test_a_second_header_of_an_essential_name_fails(name: str, place: str) -> None:
    raw = compose(EDITIONS["quoted-printable"], SIGNERS["both"], FIELDS["plain"]).without_dot_stuffing()
    head, _, body = raw.partition(b"\r\n\r\n")
    added = f"{name}: added@example.com".encode()
    spoiled = added + b"\r\n" + head if place == "first" else head + b"\r\n" + added
    assert verified(raw) == [True, True]
    assert not any(verified(spoiled + b"\r\n\r\n" + body))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body.replace(b"Plain words", b"Other words"),
        lambda body: body.replace(b"Ana", b"Eva", 1),
        lambda body: body + b"One more line\r\n",
        lambda body: body[: len(body) // 2],
        lambda body: body.replace(b"=\r\n", b"\r\n", 1),
        lambda body: body.replace(b"words", b"wo rds"),
    ],
)
def test_a_changed_body_fails(spoil) -> None:
    head, _, body = (
        compose(EDITIONS["quoted-printable"], SIGNERS["both"], FIELDS["plain"])
        .without_dot_stuffing()
        .partition(b"\r\n\r\n")
    )
    assert spoil(body) != body
    assert not any(verified(head + b"\r\n\r\n" + spoil(body)))


def test_changes_of_white_space_by_relays_do_no_harm() -> None:
    raw = compose(EDITIONS["quoted-printable"], SIGNERS["both"], FIELDS["plain"]).without_dot_stuffing()
    head, _, body = raw.partition(b"\r\n\r\n")
    head = head.replace(b"Reply-To: ", b"REPLY-TO:\t").replace(b"MIME-Version: 1.0", b"MIME-Version:  1.0 ")
    assert verified(head + b"\r\n\r\n" + body.replace(b"Plain words", b"Plain \t words") + b"\r\n\r\n") == [True, True]


def tags(raw: bytes) -> list[dict[str, str]]:
    found = BytesHeaderParser().parsebytes(raw).get_all("DKIM-Signature", [])
    parts = [[tag.partition("=") for tag in "".join(each.split()).split(";")] for each in found]
    return [{name: value for name, _, value in each} for each in parts]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_signature_lists_what_it_covers(shape: str) -> None:
    message = compose(SHAPES[shape], SIGNERS["both"], FIELDS["plain"])
    rsa, ed25519 = tags(message.without_dot_stuffing())
    assert (rsa["a"], rsa["s"], ed25519["a"], ed25519["s"]) == ("rsa-sha256", "s2026", "ed25519-sha256", "e2026")
    headers = BytesHeaderParser().parsebytes(message.without_dot_stuffing())
    expected = [name.lower() for name in headers if name != "DKIM-Signature"] + [name.lower() for name in OVERSIGNED]
    for each in (rsa, ed25519):
        assert (each["v"], each["c"], each["d"], each["t"]) == ("1", "relaxed/relaxed", "example.org", "1790000000")
        assert sorted(each["h"].split(":")) == sorted(expected)
        assert {"list-unsubscribe", "list-unsubscribe-post"} <= set(each["h"].split(":"))
        assert each.keys() == {"v", "a", "c", "d", "s", "h", "t", "bh", "b"}, "no l=, which would let a body grow"


def test_the_signature_is_folded_and_comes_first() -> None:
    message = compose(EDITIONS["quoted-printable"], SIGNERS["both"], FIELDS["plain"])
    assert message.text.startswith(b"DKIM-Signature: v=1; a=rsa-sha256;")
    assert all(len(line) <= 78 for line in message.text.partition(b"\r\n\r\n")[0].split(b"\r\n"))


def test_a_long_domain_and_selector_fit() -> None:
    signer = replace(RSA, domain=".".join(["d" * 60] * 4), selector=".".join(["s" * 60] * 3))
    raw = compose(EDITIONS["quoted-printable"], [signer], FIELDS["plain"]).without_dot_stuffing()
    (said,) = tags(raw)
    assert (said["d"], said["s"]) == (signer.domain, signer.selector)
    record = DnsRecord.of(signer.domain, signer.selector, RSA.key)
    assert dkim.DKIM(raw).verify(dnsfunc=lambda name, timeout: record.text.encode() if timeout and name else None)


def test_the_same_message_gets_the_same_signature() -> None:
    first, second = (compose(EDITIONS["base64"], SIGNERS["both"], FIELDS["plain"]) for _ in range(2))
    assert first == second


def test_one_composer_signs_one_message_after_another() -> None:
    composer = Composer(EDITIONS["quoted-printable"], replace(PROFILE, signers=SIGNERS["both"]), lambda _id: TOKENS)
    for number, fields in enumerate(FIELDS.values()):
        claim = Claim(
            delivery_id=number, identity="a", address=f"r{number}@example.com", fields=fields, attempt=1, date=1.79e9
        )
        assert verified(composer.compose(claim).without_dot_stuffing()) == [True, True]


def test_signed_messages_are_never_8bit() -> None:
    claim = Claim(delivery_id=1, identity="a", address="ana@example.com", fields={}, attempt=1, date=1.79e9)
    made = edition_of("Grüße ohne Feld.")
    plain, signed = (
        Composer(made, replace(PROFILE, signers=signers), lambda _id: TOKENS, eight_bit=True).compose(claim)
        for signers in ((), SIGNERS["rsa"])
    )
    assert not signed.eight_bit and signed.text.isascii()
    assert b"Content-Transfer-Encoding: 8bit" not in signed.text
    assert plain.eight_bit == (b"Content-Transfer-Encoding: 8bit" in plain.text)


@pytest.mark.parametrize(
    ("field", "canonical"),
    [(b"A: X\r\n", b"a:X\r\n"), (b"B : Y\t\r\n\tZ  \r\n", b"b:Y Z\r\n"), (b"C:\r\n", b"c:\r\n"),
     (b"To:  x  y : z\r\n", b"to:x y : z\r\n"), ("Subject: ü\r\n".encode(), "subject:ü\r\n".encode())],
)  # fmt: skip
def test_relaxed_header_fields(field: bytes, canonical: bytes) -> None:
    assert relaxed(field) == canonical  # the first two are RFC 6376 3.4.5's


# keys


def pem(key: Key, form: PrivateFormat) -> bytes:
    return key.private.private_bytes(Encoding.PEM, form, NoEncryption())


@pytest.mark.parametrize(
    "content", [pem(RSA.key, PrivateFormat.PKCS8), pem(RSA.key, PrivateFormat.TraditionalOpenSSL),
                pem(ED25519.key, PrivateFormat.PKCS8), b"a comment before\n" + write_pem(RSA.key)]
)  # fmt: skip
def test_keys_are_read_in_every_common_form(content: bytes) -> None:
    key = read_key(content)
    assert key.public() in {RSA.key.public(), ED25519.key.public()}
    assert read_key(write_pem(key)).public() == key.public()


WEAK = b"""-----BEGIN RSA PRIVATE KEY-----
MIIBygIBAAJhAJl1TbS5i+FPwEBvlFvooaJV44M+bkjcfZaUJ0GX8se+hypU6Wny
SsqGOwXteZ4GsLNeu9cZf9B+q8lWshWNPj5SFyyYeNbeCzWXNbvj3a9mh8FkxrpE
3Y+a7i3MhKsBLwIDAQABAmBJMc01hUa12g8t7MqLqALoZiUVZYK+2ARC/TlYLPyM
z1CzHTsT4JBR1wJyCln2yONkJss/yn+dCjVRIcx8XGPm/+F64qBjIKcnbrb3UJUQ
WJNjzqzFHnQqUv2ItwKWd9ECMQDGOaOyKwySIf7j5xch0CuWfZ8SXcGaDO2U7QKO
FwMKo6v8ZPc8LPqxzyc7iGIPHakCMQDGL20l4BUM1SAt1NlIO2umM7Xz2hFNEq4A
iKsTNDZiccRNlefRRg6b7OngqYMk/xcCMAR6vvlCwcj3nbP2v+4Srzl6Y0Ld/YcG
rcPEy178pCP0aOmOOowQlCW6ga91uImQ6QIwT7Eoca9+p29YBjXtvWbvbaCjjM/m
Xxig0WQjbpBzQfi/V/dshTFnlHmavhVLv+e3AjEAmAqt4YXPQwxE7fuuNkNAtYDI
mKqqP1+FDLijj1ZDx2o1tVgnvDMTnkNtYEvYNRPe
-----END RSA PRIVATE KEY-----
"""
LOCKED = RSA.key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase"))
CURVED = generate_ec_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLIC = RSA.key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
FAULTS = {
    "empty": (b"", "holds no private key in PEM form"),
    "noise": (b"\0\xff" * 500, "holds no private key in PEM form"),
    "public": (PUBLIC, "holds a public key"),
    "locked": (LOCKED, "passphrase"),
    "curved": (CURVED, "neither RSA nor Ed25519"),
    "weak": (WEAK, "768 bits"),
    "cut": (write_pem(RSA.key)[:900], "cannot be read"),
    "spoiled": (write_pem(ED25519.key).replace(b"MC4", b"MD4"), "cannot be read"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_invalid_key_is_refused_with_the_reason(fault: str) -> None:
    content, words = FAULTS[fault]
    with pytest.raises(KeyFaultError, match=words):
        read_key(content)


def test_keys_are_never_shown() -> None:
    shown = f"{RSA} {ED25519} {RSA.key} {ED25519.key} {replace(PROFILE, signers=SIGNERS['both'])}"
    assert "PRIVATE" not in shown and "object at" not in shown


@pytest.mark.parametrize("signer", [RSA, ED25519])
def test_a_record_is_what_dns_can_hold(signer: DkimKey) -> None:
    record = DnsRecord.of(signer.domain, signer.selector, signer.key)
    assert record.name == f"{signer.selector}._domainkey.example.org"
    assert "".join(record.strings) == record.text
    assert all(0 < len(string) <= 255 for string in record.strings)
    assert str(record).startswith(f'{record.name}. IN TXT ( "v=DKIM1; k=')


# settings


def app(folder: Path, content: dict[str, bytes], mode: int = 0o600, **more: str) -> App:
    named = {
        "rsa": {"DKIM_SELECTOR": "s2026", "DKIM_KEY": "rsa"},
        "ed25519": {"DKIM_ED25519_SELECTOR": "e2026", "DKIM_ED25519_KEY": "ed25519"},
    }
    settings = {name: value for key in content for name, value in named[key].items()}
    make_workspace(folder, **{"DKIM_DOMAIN": "example.org", **settings, **more})
    for name, text in content.items():
        (folder / name).write_bytes(text)
        (folder / name).chmod(mode)
    return App.open(folder)


GOOD = {"rsa": write_pem(RSA.key), "ed25519": write_pem(ED25519.key)}


def test_messages_are_signed_with_the_keys_of_the_settings(tmp_path: Path) -> None:
    room = app(tmp_path, GOOD)
    plan = plan_send(room, "tide", ["readers"])
    assert verified(plan.sample.without_dot_stuffing()) == [True, True]
    assert len(list(dry_run_recipients(room, plan))) == 1
    assert not [words for words in plan.warnings if "DKIM" in words]


def test_without_keys_nothing_is_signed(tmp_path: Path) -> None:
    room = App.open(make_workspace(tmp_path))
    assert room.sender_profile.signers == ()
    assert room.signing.warnings == ()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("name", "variable"), [("rsa", "MAILER_DKIM_KEY"), ("ed25519", "MAILER_DKIM_ED25519_KEY")])
def test_a_key_that_cannot_sign_is_a_settings_error(tmp_path: Path, name: str, variable: str, fault: str) -> None:
    content, words = FAULTS[fault]
    room = app(tmp_path, {name: content})
    with pytest.raises(SettingsError, match=words) as caught:
        _ = room.sender_profile
    assert str(caught.value).startswith(f"{variable}: the file {tmp_path / name} ")
    assert "mailer dkim new" in caught.value.next_step
    assert not any(line.decode("latin-1") in str(caught.value) for line in content.split(b"\n") if len(line) > 20)


def test_keys_of_the_other_kind_name_the_right_setting(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"MAILER_DKIM_KEY: .* holds an Ed25519 key\. Name it in MAILER_DKIM_ED25519_KEY"
    ):
        _ = app(tmp_path / "a", {"rsa": GOOD["ed25519"]}).signing
    with pytest.raises(
        SettingsError, match=r"MAILER_DKIM_ED25519_KEY: .* holds an RSA key\. Name it in MAILER_DKIM_KEY"
    ):
        _ = app(tmp_path / "b", {"ed25519": GOOD["rsa"]}).signing


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    room = app(tmp_path, GOOD)
    (tmp_path / "rsa").unlink()
    with pytest.raises(SettingsError, match=r"MAILER_DKIM_KEY: .*rsa cannot be read \(No such file"):
        _ = room.signing
    (tmp_path / "rsa").mkdir()
    with pytest.raises(SettingsError, match=r"MAILER_DKIM_KEY: .* cannot be read"):
        _ = App.open(tmp_path).signing


def test_two_keys_under_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="MAILER_DKIM_ED25519_SELECTOR is “s2026”"):
        _ = app(tmp_path, GOOD, DKIM_ED25519_SELECTOR="s2026").signing


@pytest.mark.parametrize(
    ("content", "mode", "more", "words"),
    [
        (GOOD, 0o640, {}, []),
        (GOOD, 0o644, {}, ["MAILER_DKIM_KEY: others", "MAILER_DKIM_ED25519_KEY: others"]),
        ({"rsa": pem(RsaKey(generate_private_key(65537, 1024)), PrivateFormat.PKCS8)}, 0o600, {}, ["1024 bits"]),
        (GOOD, 0o600, {"FROM": "desk@news.example.org"}, []),
        (GOOD, 0o600, {"FROM": "desk@example.net"}, ["MAILER_DKIM_DOMAIN is example.org"]),
    ],
)
def test_a_risky_key_is_a_warning(tmp_path: Path, content, mode, more, words) -> None:
    room = app(tmp_path, content, mode, **more)
    warnings = room.signing.warnings
    assert len(warnings) == len(words)
    assert all(expected in warning for expected, warning in zip(words, warnings, strict=True))
    assert set(warnings) <= set(plan_send(room, "tide", ["readers"]).warnings)
