"""Other programs that are told what happens: pages for admins. A secret is shown on the answer that made it, and nowhere else."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.errors import MailerError
from mailer.ledger.outbox import PAGE
from mailer.ledger.types_accounts import Role
from mailer.ledger.types_webhooks import EVENTS, MessageState
from mailer.ledger.webhooks import UnknownWebhookError, Webhook
from mailer.service import webhooks
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.visit import Visit

_HERE = "/desk/settings/webhooks"


def _show(visit: Visit) -> Response:
    return _list(visit)


def _list(visit: Visit, *, wrong: MailerError | None = None) -> Response:
    """With what was typed, where that was `wrong`."""
    return visit.page(
        "webhooks",
        heading="Webhooks",
        status=422 if wrong else 200,
        webhooks=visit.newsroom.ledger.webhooks.all(),
        counts=visit.newsroom.ledger.outbox.counts(),
        states=MessageState,
        events=[event.value for event in EVENTS],
        wrong=wrong,
        url=visit.form.text("url") if wrong else "",
        chosen=visit.form.texts("event") if wrong else [event.value for event in EVENTS],
    )


def _add(visit: Visit) -> Response:
    try:
        made, secret = webhooks.add(visit.newsroom, visit.form.text("url"), visit.form.texts("event"))
    except MailerError as error:
        return _list(visit, wrong=error)
    visit.record("webhook.add", str(made.id), ", ".join(made.events))
    return _one(visit, made, secret=secret)


def _log(visit: Visit) -> Response:
    return _one(visit, _webhook(visit))


def _one(visit: Visit, webhook: Webhook, *, secret: str = "") -> Response:
    before = visit.query.get("before", "")
    messages = visit.newsroom.ledger.outbox.log(
        webhook.id, before=int(before) if before.isdecimal() and len(before) < 16 else None
    )
    return visit.page(
        "webhook",
        heading=f"Webhook {webhook.id}",
        webhook=webhook,
        secret=secret,
        messages=messages,
        older=messages[-1].id if len(messages) == PAGE else None,
        states=MessageState,
        in_words=webhooks.in_words,
    )


def _test(visit: Visit) -> Response:
    webhook = _webhook(visit)
    message = webhooks.send_test(visit.newsroom, webhook.id)
    visit.record("webhook.test", str(webhook.id))
    took_it = message.state is MessageState.DELIVERED
    said = f"The test: its receiver {', '.join(map(webhooks.in_words, message.log))}."
    return visit.go(_path(webhook), said, bad=not took_it)


def _rotate(visit: Visit) -> Response:
    made, secret = webhooks.rotate(visit.newsroom, _webhook(visit).id)
    visit.record("webhook.rotate", str(made.id))
    return _one(visit, made, secret=secret)


def _pause(visit: Visit) -> Response:
    webhook = visit.newsroom.ledger.webhooks.pause(_webhook(visit).id)
    visit.record("webhook.pause", str(webhook.id))
    return visit.go(_path(webhook), "It is paused. What happens meanwhile waits for it.")


def _resume(visit: Visit) -> Response:
    webhook = visit.newsroom.ledger.webhooks.resume(_webhook(visit).id)
    visit.record("webhook.resume", str(webhook.id))
    return visit.go(_path(webhook), "It goes on, with what waited first.")


def _remove(visit: Visit) -> Response:
    webhook = _webhook(visit)
    visit.newsroom.ledger.webhooks.remove(webhook.id)
    visit.record("webhook.remove", str(webhook.id))
    return visit.go(_HERE, f"Webhook {webhook.id} is removed, with its log.")


def _again(visit: Visit) -> Response:
    webhook, message = _webhook(visit), int(visit.path["message"])
    visit.newsroom.ledger.outbox.again(webhook.id, message)
    visit.record("webhook.again", str(webhook.id), f"message {message}")
    waits = "Once the webhook is resumed, it" if webhook.paused_at is not None else "It"
    return visit.go(_path(webhook), f"{waits} goes out once more, under the same id.")


def _webhook(visit: Visit) -> Webhook:
    try:
        return visit.newsroom.ledger.webhooks.get(int(visit.path["id"]))
    except UnknownWebhookError:
        raise HTTPException(404) from None


def _path(webhook: Webhook) -> str:
    return f"{_HERE}/{webhook.id}"


ROUTES = (
    DeskRoute("GET", _HERE, Role.ADMIN, _show),
    DeskRoute("POST", _HERE, Role.ADMIN, _add),
    DeskRoute("GET", f"{_HERE}/{{id:int}}", Role.ADMIN, _log),
    DeskRoute("POST", f"{_HERE}/{{id:int}}/test", Role.ADMIN, _test),
    DeskRoute("POST", f"{_HERE}/{{id:int}}/rotate", Role.ADMIN, _rotate),
    DeskRoute("POST", f"{_HERE}/{{id:int}}/pause", Role.ADMIN, _pause),
    DeskRoute("POST", f"{_HERE}/{{id:int}}/resume", Role.ADMIN, _resume),
    DeskRoute("POST", f"{_HERE}/{{id:int}}/remove", Role.ADMIN, _remove),
    DeskRoute("POST", f"{_HERE}/{{id:int}}/messages/{{message:int}}/again", Role.ADMIN, _again),
)
