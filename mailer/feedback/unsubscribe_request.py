"""Recognises a request to be unsubscribed by its subject or its first line. Only a valid token makes it more than words."""

from mailer.feedback import phrases
from mailer.feedback.received_message import ReceivedMessage

_LINE = 80  # characters: a longer line is a sentence about something else


def is_unsubscribe_request(message: ReceivedMessage) -> bool:
    """Whether the subject, or the first line of the text, asks to be unsubscribed."""
    first = next((line.strip() for line in message.text[:2000].split("\n") if line.strip()), "")
    return any(
        len(line) <= _LINE and phrases.UNSUBSCRIBE.search(line.lower()) for line in (message.subject.strip(), first)
    )
