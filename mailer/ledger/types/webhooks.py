"""Events for webhooks, and the states of their messages."""

from enum import StrEnum


class WebhookEvent(StrEnum):
    """An event, by the name that a webhook receives."""

    SEND_FINISHED = "send.finished"
    SEND_PAUSED = "send.paused"
    SEND_OVERDUE = "send.overdue"
    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"  # an address was suppressed because mail to it is impossible
    MESSAGE_BOUNCED = "message.bounced"
    MESSAGE_COMPLAINED = "message.complained"
    TEST = "test"  # requested by a user, for one webhook


EVENTS = tuple(event for event in WebhookEvent if event is not WebhookEvent.TEST)
"""The events that a webhook can subscribe to."""


class WebhookState(StrEnum):
    WAITING = "waiting"  # for its first or next attempt
    DELIVERED = "delivered"  # answered with a 2xx
    GIVEN_UP = "given up"  # not accepted for about a day
