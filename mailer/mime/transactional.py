"""A letter to one person that the program writes by itself: RFC 5322, RFC 3834.

    compose_note(letterhead, note) -> Message

From the publication, signed as its editions are, and marked as an automatic reply (`Auto-Submitted: auto-replied`), so that
no responder answers it. It belongs to no list, and so has no List-Id and nothing to unsubscribe from: List headers would
have filters put it where newsletters go, and a reader who unsubscribes there has asked for nothing yet.

Always holds of the text: CRLF line ends, dots doubled, one of each header. Raises MessageError for text that no header takes.
"""

from dataclasses import dataclass, field
from hashlib import sha256

from mailer.edition.merge_fields import ReaderValues
from mailer.mime.composer import Message, MessageError, SenderProfile, body_part, format_date, message_id
from mailer.mime.dkim.signer import DkimSigner
from mailer.mime.encoding import choose_encoding, compile_body
from mailer.mime.headers import HeaderError, address_field, structured, unstructured

_NOTHING = ReaderValues(token="")


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionalMail:
    """What it says and to whom. `token` names it in its Message-ID; `date` is in seconds since the epoch."""

    to: str
    subject: str
    plain: str = field(repr=False)
    html: str = field(repr=False)
    language: str
    token: str
    date: float


def build(sender_profile: SenderProfile, note: TransactionalMail) -> Message:
    """The message of `note`."""
    try:
        fields = _fields(sender_profile, note)
    except HeaderError as error:
        raise MessageError(
            f"a letter cannot be sent: {error}.", "Check the title of the list and the settings."
        ) from error
    boundary = f"=_n{sha256(note.token.encode()).hexdigest()[:24]}"  # no encoding of a body holds `=_`: RFC 2045 6.7
    fields.append(f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n'.encode())
    body = b"".join(
        [
            *_entity(boundary, "text/plain; charset=utf-8", note.plain),
            *_entity(boundary, "text/html; charset=utf-8", note.html),
            f"\r\n--{boundary}--\r\n".encode(),
        ]
    )
    signatures = (
        DkimSigner(sender_profile.signers, fields, (), body).sign((), (), int(note.date))
        if sender_profile.signers
        else ()
    )
    pieces = (*signatures, *fields, b"\r\n", body)
    return Message(
        sender=sender_profile.bounce_address or sender_profile.sender_address,
        recipient=note.to,
        envelope_id=note.token,
        pieces=pieces,
        size=sum(map(len, pieces)),
        utf8=not note.to.isascii(),
        eight_bit=False,
    )


def _fields(sender_profile: SenderProfile, note: TransactionalMail) -> list[bytes]:
    reply_to = [address_field("Reply-To", "", sender_profile.reply_to)] if sender_profile.reply_to else []
    return [
        address_field("From", sender_profile.sender_name, sender_profile.sender_address),
        *reply_to,
        address_field("To", "", note.to),
        unstructured("Subject", " ".join(note.subject.split())),
        structured("Date", format_date(note.date)),
        structured("Message-ID", message_id(note.token, sender_profile.domain)),
        structured("Auto-Submitted", "auto-replied"),
        structured("Content-Language", note.language),
        structured("MIME-Version", "1.0"),
    ]


def _entity(boundary: str, content_type: str, text: str) -> list[bytes]:
    encoding = choose_encoding((text,), eight_bit=False)
    body = compile_body((text,), encoding)
    return [body_part(boundary, content_type, body), *(piece for piece in body.render(_NOTHING))]
