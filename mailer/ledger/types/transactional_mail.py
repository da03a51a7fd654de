"""Kinds and states of transactional mail."""

from enum import StrEnum


class TransactionalKind(StrEnum):
    """Kinds of transactional mail."""

    CONFIRM = "confirm"
    LINK = "link"
    ADDRESS = "address"
    MOVED = "moved"
    WELCOME = "welcome"


class TransactionalState(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"  # durable before the end of DATA may leave
    SENT = "sent"
    FAILED = "failed"  # refused permanently, expired, or without a recipient
    UNCERTAIN = "uncertain"  # the end of DATA left, the reply is unknown
