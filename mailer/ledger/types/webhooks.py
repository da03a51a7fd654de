"""What a webhook may be told of, and where the telling of it stands."""

from enum import StrEnum


class WebhookEvent(StrEnum):
    """Something that happened, by the name that a webhook's receiver sees."""

    SEND_FINISHED = "send.finished"
    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    TEST = "test"  # asked for by a person, of one webhook


EVENTS = tuple(event for event in WebhookEvent if event is not WebhookEvent.TEST)
"""What a webhook can ask to be told of."""


class WebhookState(StrEnum):
    WAITING = "waiting"  # for its first attempt, or its next
    DELIVERED = "delivered"  # answered with a 2xx
    GIVEN_UP = "given up"  # for about a day nobody took it
