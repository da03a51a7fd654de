"""The records of an SMTP session: the stage that it is at, and a reply of the server."""

from enum import StrEnum
from typing import NamedTuple


class Stage(StrEnum):
    """The stages of a session, in their order. The value is stored in the ledger."""

    CONNECT = "connect"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    TEXT = "text"  # the message text, before its end of DATA was given to the transport
    END_OF_DATA = "end_of_data"  # from the moment the end of DATA was given to the transport

    @property
    def label(self) -> str:
        """The stage as texts for people name it."""
        return "end of DATA" if self is Stage.END_OF_DATA else self.value


class Reply(NamedTuple):
    """An SMTP reply: RFC 5321 4.2. `enhanced` is the code of RFC 2034 or ""; `text` is one printable line."""

    code: int
    enhanced: str = ""
    text: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.enhanced, self.text) if part)
