"""The stages of an SMTP transaction, as they are recorded in the ledger."""

from enum import StrEnum


class Stage(StrEnum):
    """The stages of a transaction, in their order. The value is stored in the ledger."""

    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    TEXT = "text"  # the message text, before its end of DATA was given to the transport
    END_OF_DATA = "end_of_data"  # from the moment the end of DATA was given to the transport

    @property
    def label(self) -> str:
        """The stage as texts for people name it."""
        return "end of DATA" if self is Stage.END_OF_DATA else self.value
