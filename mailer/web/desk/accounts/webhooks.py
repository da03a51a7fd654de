"""Webhooks: pages for admins. A secret is shown once, on the page after the request that created it."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.errors import MailerError, UsageError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.ledger.types.webhooks import EVENTS, WebhookState
from mailer.ledger.webhooks.outbox import PAGE
from mailer.ledger.webhooks.webhooks import UnknownWebhookError, Webhook
from mailer.service.webhooks import delivery, manage
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

_HERE = "/desk/settings/webhooks"
_ASK_THE_OPERATOR = "Addresses inside your own network have to be allowed first, by the person who runs this server."


def _show(request: DeskRequest) -> Response:
    return _list(request)


def _list(request: DeskRequest, *, error: MailerError | None = None) -> Response:
    """Shows all webhooks; with an `error`, also the form as it was filled in."""
    return request.page(
        "webhooks",
        heading="Webhooks",
        status=422 if error else 200,
        webhooks=request.app.ledger.webhooks.all(),
        counts=request.app.ledger.outbox.counts(),
        states=WebhookState,
        events=[event.value for event in EVENTS],
        error=error,
        url=request.form.text("url") if error else "",
        chosen=request.form.texts("event") if error else [event.value for event in EVENTS],
    )


def _add(request: DeskRequest) -> Response:
    try:
        webhook, secret = manage.add_webhook(request.app, request.form.text("url"), request.form.texts("event"))
    except manage.NotAllowedUrlError as error:
        return _list(request, error=UsageError(error.message, _ASK_THE_OPERATOR))
    except MailerError as error:
        return _list(request, error=error)
    request.record("webhook.add", str(webhook.id), ", ".join(webhook.events))
    return request.redirect(_path(webhook), "The webhook is added.", secret=secret)


def _log(request: DeskRequest) -> Response:
    webhook = _webhook(request)
    before = request.query.get("before", "")
    messages = request.app.ledger.outbox.log(
        webhook.id, before=int(before) if before.isdecimal() and len(before) < 16 else None
    )
    return request.page(
        "webhook",
        heading=f"Webhook {webhook.id}",
        webhook=webhook,
        secret=request.shown_secret,
        messages=messages,
        older=messages[-1].id if len(messages) == PAGE else None,
        states=WebhookState,
        describe=delivery.describe_attempt,
    )


def _test(request: DeskRequest) -> Response:
    webhook = _webhook(request)
    message = manage.send_test(request.app, webhook.id)
    request.record("webhook.test", str(webhook.id))
    delivered = message.state is WebhookState.DELIVERED
    result = ", ".join(map(delivery.describe_attempt, message.log))
    outcome = "delivered" if delivered else "not delivered"
    return request.redirect(
        _path(webhook), f"The test message was {outcome}: the receiver {result}.", bad=not delivered
    )


def _rotate(request: DeskRequest) -> Response:
    webhook, secret = manage.rotate_secret(request.app, _webhook(request).id)
    request.record("webhook.rotate", str(webhook.id))
    return request.redirect(_path(webhook), "The webhook has a new secret.", secret=secret)


def _pause(request: DeskRequest) -> Response:
    webhook = request.app.ledger.webhooks.pause(_webhook(request).id)
    request.record("webhook.pause", str(webhook.id))
    return request.redirect(_path(webhook), "The webhook is paused. New messages wait until you resume it.")


def _resume(request: DeskRequest) -> Response:
    webhook = request.app.ledger.webhooks.resume(_webhook(request).id)
    request.record("webhook.resume", str(webhook.id))
    return request.redirect(_path(webhook), "The webhook is resumed. Waiting messages are sent first.")


def _remove(request: DeskRequest) -> Response:
    webhook = _webhook(request)
    request.app.ledger.webhooks.remove(webhook.id)
    request.record("webhook.remove", str(webhook.id))
    return request.redirect(_HERE, f"Webhook {webhook.id} and its log are removed.")


def _redeliver(request: DeskRequest) -> Response:
    webhook, message = _webhook(request), int(request.path["message"])
    request.app.ledger.outbox.redeliver(webhook.id, message)
    request.record("webhook.again", str(webhook.id), f"message {message}")
    when = " once the webhook is resumed" if webhook.paused_at is not None else ""
    return request.redirect(_path(webhook), f"Message {message} will be sent again{when}, with the same id.")


def _webhook(request: DeskRequest) -> Webhook:
    try:
        return request.app.ledger.webhooks.get(int(request.path["id"]))
    except UnknownWebhookError:
        raise HTTPException(404) from None


def _path(webhook: Webhook) -> str:
    return f"{_HERE}/{webhook.id}"


ROUTES = (
    DeskRoute("GET", _HERE, Role.ADMIN, _show),
    DeskRoute("POST", _HERE, Role.ADMIN, _add),
    DeskRoute("GET", f"{_HERE}/{{id:number}}", Role.ADMIN, _log),
    DeskRoute("POST", f"{_HERE}/{{id:number}}/test", Role.ADMIN, _test),
    DeskRoute("POST", f"{_HERE}/{{id:number}}/rotate", Role.ADMIN, _rotate),
    DeskRoute("POST", f"{_HERE}/{{id:number}}/pause", Role.ADMIN, _pause),
    DeskRoute("POST", f"{_HERE}/{{id:number}}/resume", Role.ADMIN, _resume),
    DeskRoute("POST", f"{_HERE}/{{id:number}}/remove", Role.ADMIN, _remove),
    DeskRoute("POST", f"{_HERE}/{{id:number}}/messages/{{message:number}}/again", Role.ADMIN, _redeliver),
)
