"""Builds transactional mail, which the program writes to one person: RFC 5322, RFC 3834.

    build(sender_profile, mail) -> Message

It is sent from the publication, signed like its editions, and marked as automatic (`Auto-Submitted: auto-generated`, for it is no
reply to a message), so that no responder answers it. It belongs to no list, so it has no List-Id and no List-Unsubscribe: with
those, filters would put it among the newsletters, and there is nothing to unsubscribe from yet. What comes back is found as with
editions: by the token in the return path and the Message-ID, and by the headers of providers.

Always holds of the text: CRLF line ends, leading dots doubled, one of each header. Raises MessageError for text that is not
allowed in a header.
"""

from dataclasses import dataclass, field
from hashlib import sha256

from mailer.edition.merge_fields import ReaderValues
from mailer.mime.body_encoding import choose_encoding, compile_body
from mailer.mime.composer import Message, MessageError, SenderProfile, body_part, format_date, message_id
from mailer.mime.dkim.signer import DkimSigner
from mailer.mime.header_encoding import HeaderError, address_field, structured, unstructured
from mailer.mime.provider_headers import provider_headers

_NO_VALUES = ReaderValues(token="")


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionalMail:
    """The content and the recipient. `token` is for its Message-ID and return path; `date` is in seconds since the epoch."""

    to: str
    subject: str
    plain: str = field(repr=False)
    html: str = field(repr=False)
    language: str
    token: str
    date: float


def build(sender_profile: SenderProfile, mail: TransactionalMail) -> Message:
    """Returns the message of `mail`."""
    try:
        fields = _fields(sender_profile, mail)
    except HeaderError as error:
        raise MessageError(
            f"a letter cannot be sent: {error}.", "Check the title of the list and the settings."
        ) from error
    boundary = f"=_n{sha256(mail.token.encode()).hexdigest()[:24]}"  # no encoding of a body holds `=_`: RFC 2045 6.7
    fields.append(f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n'.encode())
    body = b"".join(
        [
            *_entity(boundary, "text/plain; charset=utf-8", mail.plain),
            *_entity(boundary, "text/html; charset=utf-8", mail.html),
            f"\r\n--{boundary}--\r\n".encode(),
        ]
    )
    signatures = (
        DkimSigner(sender_profile.signers, fields, (), body).sign((), (), int(mail.date))
        if sender_profile.signers
        else ()
    )
    unsigned = provider_headers(sender_profile.providers, message_id(mail.token, sender_profile.domain))
    pieces = (*signatures, *unsigned, *fields, b"\r\n", body)
    sender = sender_profile.sender_address
    if sender_profile.bounce_address:
        sender = sender_profile.with_verp(sender_profile.bounce_address, mail.token)
    return Message(
        sender=sender,
        recipient=mail.to,
        envelope_id=mail.token,
        pieces=pieces,
        size=sum(map(len, pieces)),
        utf8=not mail.to.isascii(),
        eight_bit=False,
    )


def _fields(sender_profile: SenderProfile, mail: TransactionalMail) -> list[bytes]:
    reply_to = (
        [address_field("Reply-To", sender_profile.reply_to_name, sender_profile.reply_to)]
        if sender_profile.reply_to
        else []
    )
    return [
        address_field("From", sender_profile.sender_name, sender_profile.sender_address),
        *reply_to,
        address_field("To", "", mail.to),
        unstructured("Subject", " ".join(mail.subject.split())),
        structured("Date", format_date(mail.date)),
        structured("Message-ID", message_id(mail.token, sender_profile.domain)),
        structured("Auto-Submitted", "auto-generated"),
        structured("Content-Language", mail.language),
        structured("MIME-Version", "1.0"),
    ]


def _entity(boundary: str, content_type: str, text: str) -> list[bytes]:
    encoding = choose_encoding((text,), eight_bit=False)
    body = compile_body((text,), encoding)
    return [body_part(boundary, content_type, body), *body.render(_NO_VALUES)]
