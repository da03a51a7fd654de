"""Composes the message that one recipient gets: RFC 5322, RFC 2045, RFC 8058, RFC 2369, RFC 2919.

    Composer(edition, sender_profile, tokens_for).compose(recipient) -> Message

For each variant, the headers and bodies that are the same for everybody are encoded once, when the variant first occurs, and
hashed if messages are signed. Per recipient only what differs is written and inserted. The first message of each variant is
parsed back, and rejected as a fault of this program if it is not what this page promises.

Always holds of `Message.text`: CRLF line ends, leading dots doubled, no line over 998 octets, exactly one of each header.
"""

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.parser import BytesParser
from email.policy import compat32
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from mailer.edition.merge_fields import ReaderValues, TemplateParts, fill
from mailer.edition.model import Edition, Image, Variant
from mailer.edition.numbering import VariantKey
from mailer.errors import MailerError
from mailer.mime.body_encoding import (
    LINE_LIMIT,
    EncodedBody,
    Encoding,
    choose_encoding,
    compile_body,
    encode_attachment,
)
from mailer.mime.dkim.signer import DkimKey, DkimSigner
from mailer.mime.header_encoding import HeaderError, address_field, structured, unstructured
from mailer.mime.provider_headers import PROVIDER_HEADERS, provider_headers
from mailer.mime.render_cache import MAX_ENTRIES, RenderCache
from mailer.settings.parsers import MAX_VERP_LOCAL_PART


class MessageError(MailerError):
    """A message that cannot be composed with the headers that every message needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderProfile:
    """The settings that every message contains. Addresses are plain ASCII, `base_url` has no slash at its end.

    `signers` sign each message; signed messages are never sent in 8bit, which a relay may have to convert. `providers` return our
    Message-ID in their webhooks only from a header of theirs.
    """

    sender_name: str
    sender_address: str
    publication: str
    base_url: str
    reply_to: str = ""
    reply_to_name: str = ""
    bounce_address: str = ""
    unsubscribe_address: str = ""
    signers: tuple[DkimKey, ...] = ()
    providers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("bounce_address", "unsubscribe_address"):
            local = getattr(self, name).partition("@")[0]
            if len(local) > MAX_VERP_LOCAL_PART:
                variable = f"MAILER_{name.upper()}"
                raise MessageError(
                    f"{variable}: what stands before the @ has {len(local)} characters, and a token must fit behind it.",
                    f"Choose one of at most {MAX_VERP_LOCAL_PART} characters.",
                )

    def to_json(self) -> str:
        """Returns everything but the signers, to be frozen with a send."""
        return json.dumps({name: getattr(self, name) for name in _FROZEN}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, signers: tuple[DkimKey, ...]) -> "SenderProfile":
        """Returns the profile that `to_json` wrote, with the present signers."""
        fields = json.loads(text)
        return cls(**{**fields, "providers": tuple(fields.get("providers", ()))}, signers=signers)

    @property
    def domain(self) -> str:
        """The domain of the sender address."""
        return self.sender_address.rpartition("@")[2]

    def with_verp(self, address: str, token: str) -> str:
        """Returns `local+token@domain`, the VERP or unsubscribe address of a delivery; at most 64 octets before the @."""
        local, _, domain = address.rpartition("@")
        return f"{local}+{token}@{domain}"


_FROZEN = (
    "sender_name", "sender_address", "publication", "base_url", "reply_to", "reply_to_name", "bounce_address",
    "unsubscribe_address", "providers",
)  # fmt: skip


class MessageTokens(NamedTuple):
    """The tokens that identify one delivery in its message, in lower-case base32."""

    unsubscribe: str
    bounce: str
    message: str


class MessageRecipient(Protocol):
    """What a message needs of its delivery. `fields` are the values of merge fields; `date` is in seconds since the epoch."""

    @property
    def delivery_id(self) -> int: ...

    @property
    def address(self) -> str: ...

    @property
    def fields(self) -> Mapping[str, str]: ...

    @property
    def date(self) -> float: ...


class Message(NamedTuple):
    """A message ready for the wire, in pieces. `text` ends with CRLF, before end of DATA; `size` is counted as in RFC 1870."""

    sender: str
    recipient: str
    envelope_id: str
    pieces: tuple[bytes, ...]
    size: int
    utf8: bool
    eight_bit: bool

    @property
    def text(self) -> bytes:
        return b"".join(self.pieces)

    def without_dot_stuffing(self) -> bytes:
        """Returns the text as its receiver sees it."""
        return re.sub(rb"(?m)^\.", b"", self.text)


class Composer:
    """Composes the messages of one edition, with its frozen sender. `tokens_for` returns the tokens of a delivery."""

    def __init__(
        self,
        edition: Edition,
        sender_profile: SenderProfile,
        tokens_for: Callable[[int], MessageTokens],
        *,
        eight_bit: bool = False,
    ) -> None:
        self._edition = edition
        self._sender_profile = replace(
            sender_profile, sender_name=edition.from_name, sender_address=edition.from_address
        )
        self._tokens_for = tokens_for
        self._eight_bit = eight_bit and not sender_profile.signers
        self._templates: dict[VariantKey, _VariantTemplate] = {}
        self._key_fields = sorted(edition.condition_fields)
        self._keys: dict[
            tuple[object, ...], VariantKey
        ] = {}  # by the values that conditions use; their number is bounded

    def compose(self, recipient: MessageRecipient) -> Message:
        """Returns the message to `recipient`. Raises EditionError if too many variants occur, MessageError for a fault."""
        tokens = self._tokens_for(recipient.delivery_id)
        values = ReaderValues(fields=recipient.fields, address=recipient.address, token=tokens.unsubscribe)
        key = self._key(values)
        template = self._templates.get(key)
        if template is not None:
            return template.message(recipient, values, tokens)
        self._edition.check_variant_limit([*self._templates, key])
        template = _VariantTemplate(
            self._edition, self._edition.variant(key), self._sender_profile, eight_bit=self._eight_bit
        )
        message = template.message(recipient, values, tokens)
        inspect(message)
        self._templates[key] = template
        return message

    def _key(self, values: ReaderValues) -> VariantKey:
        """Returns the key of the variant for `values`."""
        used = (bool(values.address), *map(values.fields.get, self._key_fields))
        key = self._keys.get(used)
        if key is None:
            key = self._edition.key_for(values)
            if len(self._keys) >= MAX_ENTRIES:
                self._keys.clear()
            self._keys[used] = key
        return key


class _VariantTemplate:
    """One variant, encoded as far as it is the same for everybody."""

    def __init__(self, edition: Edition, variant: Variant, sender_profile: SenderProfile, *, eight_bit: bool) -> None:
        self._sender_profile = sender_profile
        text, html = _compile(variant.text, eight_bit=eight_bit), _compile(variant.html, eight_bit=eight_bit)
        self.eight_bit = Encoding.EIGHT_BIT in {text.encoding, html.encoding}
        content_type, self._prefix, self._bodies = _entity(edition, text, html)
        common = [*_common_fields(edition, sender_profile), content_type]
        differing = ["To", "Date", "Message-ID", "List-Unsubscribe"]
        self._subject: RenderCache | None = None
        if _differs(variant.subject):
            differing.append("Subject")
            self._subject = RenderCache(variant.subject, _subject)
        else:
            common.append(_subject(fill(variant.subject, ReaderValues(token=""))))
        self._common = b"".join(common)
        self._signer = (
            DkimSigner(sender_profile.signers, common, differing, self._prefix) if sender_profile.signers else None
        )

    def message(self, recipient: MessageRecipient, values: ReaderValues, tokens: MessageTokens) -> Message:
        sender_profile = self._sender_profile
        sender = sender_profile.sender_address
        if sender_profile.bounce_address:
            sender = sender_profile.with_verp(sender_profile.bounce_address, tokens.bounce)
        differing = [
            address_field("To", "", recipient.address),
            _date(int(recipient.date)),
            structured("Message-ID", message_id(tokens.message, sender_profile.domain)),
            _list_unsubscribe(sender_profile, tokens.unsubscribe),
        ]
        if self._subject:
            differing.append(self._subject.render(values))
        rest: list[bytes] = []
        for body, after in self._bodies:
            rest += body.render(values)
            rest.append(after)
        signatures = self._signer.sign(differing, rest, int(recipient.date)) if self._signer else ()
        unsigned: tuple[bytes, ...] = ()  # the provider removes these headers
        if sender_profile.providers:
            unsigned = provider_headers(sender_profile.providers, message_id(tokens.message, sender_profile.domain))
        pieces = (*signatures, *unsigned, *differing, self._common, b"\r\n", self._prefix, *rest)
        return Message(
            sender=sender,
            recipient=recipient.address,
            envelope_id=tokens.bounce,  # which nobody sees but servers, so that it proves what comes back
            pieces=pieces,
            size=sum(map(len, pieces)),
            utf8=not recipient.address.isascii(),
            eight_bit=self.eight_bit,
        )


def message_id(token: str, domain: str) -> str:
    """Returns a Message-ID; `domain` is that of the edition's sender."""
    return f"<{token}@{domain}>"


def format_date(seconds: float) -> str:
    """Returns the Date of a message (RFC 5322 3.3), in UTC."""
    return format_datetime(dt.datetime.fromtimestamp(int(seconds), dt.UTC))


@lru_cache(maxsize=64)
def _date(seconds: int) -> bytes:
    return structured("Date", format_date(seconds))


def inspect(message: Message) -> None:
    """Parses `message` back and checks it. Raises MessageError: the fault is the program's."""
    text = message.without_dot_stuffing()
    parsed = BytesParser(policy=compat32).parsebytes(text)
    wrong = [name for name in _ONCE if len(parsed.get_all(name, [])) != 1]
    if wrong:
        raise MessageError(f"the message does not have exactly one {', '.join(wrong)}; nothing was sent.")
    unknown = sorted({name.lower() for name in parsed} - _KNOWN)
    if unknown or parsed.defects:
        raise MessageError(f"the message has headers that nobody wrote ({', '.join(unknown)}); nothing was sent.")
    if any(len(line) > LINE_LIMIT for line in text.split(b"\r\n")):
        raise MessageError(f"the message has a line of more than {LINE_LIMIT} octets; nothing was sent.")
    rest = text.replace(b"\r\n", b"")
    if b"\r" in rest or b"\n" in rest:
        raise MessageError("the message has a bare CR or LF; nothing was sent.")


_ONCE = (
    "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
    "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Help", "List-Archive", "List-Post",
    "Feedback-ID",
)  # fmt: skip
_KNOWN = (
    frozenset(name.lower() for name in _ONCE) | {"reply-to", "content-language", "dkim-signature"} | PROVIDER_HEADERS
)


def _differs(parts: TemplateParts) -> bool:
    """Whether `parts` have a merge field."""
    return any(not isinstance(part, str) for part in parts)


def _subject(text: str) -> bytes:
    try:
        return unstructured("Subject", " ".join(text.split()))
    except HeaderError as error:
        raise MessageError(f"the subject cannot be sent: {error}.") from error


def _compile(parts: TemplateParts, *, eight_bit: bool) -> EncodedBody:
    return compile_body(parts, choose_encoding(parts, eight_bit=eight_bit))


def _common_fields(edition: Edition, sender_profile: SenderProfile) -> list[bytes]:
    contact = sender_profile.reply_to or sender_profile.sender_address
    host = urlsplit(sender_profile.base_url).hostname or ""
    list_host = host if "." in host and not host.replace(".", "").isdigit() else sender_profile.domain
    fields = [address_field("From", sender_profile.sender_name, sender_profile.sender_address)]
    if sender_profile.reply_to:
        fields.append(address_field("Reply-To", sender_profile.reply_to_name, sender_profile.reply_to))
    return [
        *fields,
        address_field("List-Id", sender_profile.publication, f"newsletter.{list_host}"),
        structured("List-Help", f"<mailto:{contact}?subject=help>"),
        structured("List-Archive", f"<{sender_profile.base_url}/archive/>"),
        structured("List-Post", "NO"),
        structured("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        structured(
            "Feedback-ID", f"issue-{edition.slug}:site-{list_host}:newsletter:{_sender_id(sender_profile.domain)}"
        ),
        structured("Content-Language", edition.language),
        structured("MIME-Version", "1.0"),
    ]


def _sender_id(domain: str) -> str:
    """Returns the SenderId of Google's feedback loop for a domain: 5 to 15 characters, always the same."""
    letters = "".join(character for character in domain.lower() if character.isascii() and character.isalnum())
    return f"{letters[:8]}-{sha256(domain.lower().encode()).hexdigest()[:6]}"


def _list_unsubscribe(sender_profile: SenderProfile, token: str) -> bytes:
    url = f"<{sender_profile.base_url}/u/{token}>"
    if not sender_profile.unsubscribe_address:
        return structured("List-Unsubscribe", url)
    return structured(
        "List-Unsubscribe", url + ",", f"<mailto:{sender_profile.with_verp(sender_profile.unsubscribe_address, token)}>"
    )


def _entity(
    edition: Edition, plain: EncodedBody, html: EncodedBody
) -> tuple[bytes, bytes, list[tuple[EncodedBody, bytes]]]:
    """Returns the Content-Type of the message, the common beginning of its body, and the two texts, each with what follows it.

    It is alternative(plain, html), or alternative(plain, related(html, images)).
    """
    outer = f"=_a{edition.digest[:24]}"  # quoted-printable and base64 never hold `=_`: RFC 2045 6.7
    inner = f"=_r{edition.digest[:24]}"
    flowed = "; format=flowed" if edition.flowed else ""
    prefix = body_part(outer, f"text/plain; charset=utf-8{flowed}", plain)
    end = f"\r\n--{outer}--\r\n".encode()
    if edition.embed and edition.images:
        related = f'\r\n--{outer}\r\nContent-Type: multipart/related; type="text/html";\r\n boundary="{inner}"\r\n'
        between = related.encode() + body_part(inner, "text/html; charset=utf-8", html)
        end = b"".join([*(_image(inner, image) for image in edition.images), f"\r\n--{inner}--\r\n".encode(), end])
    else:
        between = body_part(outer, "text/html; charset=utf-8", html)
    content_type = f'Content-Type: multipart/alternative;\r\n boundary="{outer}"\r\n'
    return content_type.encode(), prefix, [(plain, between), (html, end)]


def body_part(boundary: str, content_type: str, body: EncodedBody) -> bytes:
    """Returns the beginning of a body part: its boundary, headers and `prefix`."""
    head = f"\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Transfer-Encoding: {body.encoding}\r\n\r\n"
    return head.encode() + body.prefix


def _image(boundary: str, image: Image) -> bytes:
    head = (
        f'\r\n--{boundary}\r\nContent-Type: {image.content_type}; name="{image.name}"\r\n'
        f"Content-Transfer-Encoding: base64\r\nContent-ID: <{image.content_id}>\r\n"
        f'Content-Disposition: inline; filename="{image.name}"\r\n\r\n'
    )
    return head.encode() + encode_attachment(image.data)
