"""The commands `webhook`: add, list, change and remove webhooks; show and repeat their deliveries."""

import json
from collections import Counter
from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import COMMAND_LINE, RowNumber, as_json, in_workspace
from mailer.cli.output import echo_err, plural, print_json
from mailer.iso_time import format_iso
from mailer.ledger.types.webhooks import EVENTS, WebhookState
from mailer.ledger.webhooks.outbox import PAGE, WebhookAttempt, WebhookMessage
from mailer.ledger.webhooks.webhooks import Webhook
from mailer.service.sends.summary import EXIT_DONE, EXIT_PROBLEMS
from mailer.service.webhooks import delivery, manage

_webhook_number = click.argument("number", metavar="WEBHOOK", type=click.IntRange(1, 2**31 - 1))


@click.group("webhook")
def webhook_command() -> None:
    """Manage webhooks, which notify other programs of events, and show their deliveries."""


@webhook_command.command("add")
@click.argument("url")
@click.option(
    "--event",
    "events",
    multiple=True,
    type=click.Choice([event.value for event in EVENTS]),
    metavar="EVENT",
    help=f"An event to send; may be repeated: {', '.join(EVENTS)}. Default: all.",
)
@as_json
@in_workspace
def add(url: str, events: tuple[str, ...], *, as_json: bool, workspace: Path) -> None:
    """Add a webhook that sends events to URL, and print its secret.

    The receiver checks signatures with the secret. It is shown only once.
    """
    with App.open(workspace) as app:
        made, secret = manage.add_webhook(app, url, events or [event.value for event in EVENTS])
        app.ledger.audit.record(COMMAND_LINE, "webhook.add", str(made.id), ", ".join(made.events))
        if as_json:
            print_json({**_webhook_objects(app, made)[0], "secret": secret})
            return
    click.echo(secret)
    echo_err(
        f"Webhook {made.id} was added. Give this secret to the receiver; it is not shown again.\n"
        f"To try the webhook: mailer webhook test {made.id}"
    )


@webhook_command.command("list")
@as_json
@in_workspace
def list_(*, as_json: bool, workspace: Path) -> None:
    """List the webhooks, with their waiting and given-up messages."""
    with App.open(workspace) as app:
        found = app.ledger.webhooks.all() if app.has_ledger else ()
        rows = _webhook_objects(app, *found)
    if as_json:
        print_json({"webhooks": rows})
        return
    for each, row in zip(found, rows, strict=True):
        click.echo(f"{each.id:>3}  {each.url}  {', '.join(each.events)}")
        words = [f"{row[key]:,} {name}" for key, name in (("waiting", "waiting"), ("given_up", "given up")) if row[key]]
        if each.paused_at is not None:
            words.insert(0, f"paused{f': {each.pause_reason}' if each.pause_reason else ''}")
        if words:
            click.echo(f"     {'; '.join(words)}")
    if not found:
        echo_err("There are no webhooks. To add one: mailer webhook add URL")


@webhook_command.command("remove")
@_webhook_number
@in_workspace
def remove(number: int, workspace: Path) -> None:
    """Remove WEBHOOK and its log."""
    with App.open(workspace) as app:
        app.ledger.webhooks.remove(number)
        app.ledger.audit.record(COMMAND_LINE, "webhook.remove", str(number))
    click.echo(f"Webhook {number} is removed.")


@webhook_command.command("pause")
@_webhook_number
@in_workspace
def pause(number: int, workspace: Path) -> None:
    """Pause WEBHOOK. Its messages wait until it is resumed."""
    with App.open(workspace) as app:
        app.ledger.webhooks.pause(number)
        app.ledger.audit.record(COMMAND_LINE, "webhook.pause", str(number))
    click.echo(f"Webhook {number} is paused; its messages wait.")


@webhook_command.command("resume")
@_webhook_number
@in_workspace
def resume(number: int, workspace: Path) -> None:
    """Resume WEBHOOK, and send the messages that wait."""
    with App.open(workspace) as app:
        app.ledger.webhooks.resume(number)
        app.ledger.audit.record(COMMAND_LINE, "webhook.resume", str(number))
    click.echo(f"Webhook {number} is resumed.")


@webhook_command.command("rotate")
@_webhook_number
@in_workspace
def rotate(number: int, workspace: Path) -> None:
    """Create a new secret for WEBHOOK, and print it.

    Messages are signed with both secrets for one day.
    """
    with App.open(workspace) as app:
        made, secret = manage.rotate_secret(app, number)
        app.ledger.audit.record(COMMAND_LINE, "webhook.rotate", str(number))
    click.echo(secret)
    until = f" until {format_iso(made.seals[1].until)}" if len(made.seals) > 1 and made.seals[1].until else ""
    echo_err(f"Give this secret to the receiver; it is not shown again. The former secret also signs{until}.")


@webhook_command.command("test")
@_webhook_number
@as_json
@in_workspace
def test(number: int, *, as_json: bool, workspace: Path) -> int:
    """Send a test message to WEBHOOK now, and show the answer. Exit 1 if it is not accepted."""
    with App.open(workspace) as app:
        message = manage.send_test(app, number)
    if as_json:
        print_json(_message_object(message))
    else:
        for attempt in message.log:
            click.echo(f"Webhook {number}: {_describe_attempt(attempt)}")
    return EXIT_DONE if message.state is WebhookState.DELIVERED else EXIT_PROBLEMS


@webhook_command.command("log")
@_webhook_number
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    metavar="N",
    default=PAGE,
    show_default=True,
    help="How many messages to show.",
)
@as_json
@in_workspace
def log(number: int, limit: int, *, as_json: bool, workspace: Path) -> None:
    """Show the messages of WEBHOOK with all attempts, the newest first."""
    with App.open(workspace) as app:
        app.ledger.webhooks.get(number)
        messages = app.ledger.outbox.log(number, limit=limit)
    if as_json:
        print_json({"messages": [_message_object(each) for each in messages]})
        return
    for each in messages:
        then = f", next at {format_iso(each.next_at)}" if each.state is WebhookState.WAITING else ""
        click.echo(f"{each.id:>5}  {format_iso(each.at)}  {each.event}  {each.state}{then}")
        for attempt in each.log:
            click.echo(f"       {format_iso(attempt.at)}  {_describe_attempt(attempt)}")
    if not messages:
        echo_err("There are no messages yet.")
    else:
        counted = Counter(each.state for each in messages)
        echo_err(", ".join(f"{plural(count, 'message')} {state}" for state, count in counted.items()))


@webhook_command.command("again")
@_webhook_number
@click.argument("message", metavar="MESSAGE", type=RowNumber())
@in_workspace
def again(number: int, message: int, workspace: Path) -> None:
    """Send MESSAGE again to WEBHOOK, with the same id. MESSAGE is a number in the log."""
    with App.open(workspace) as app:
        app.ledger.outbox.redeliver(number, message)
        app.ledger.audit.record(COMMAND_LINE, "webhook.again", str(number), f"message {message}")
        waits = "" if app.ledger.server_pid() is not None else ", when mailer serve runs"
    click.echo(f"Message {message} will be sent again to webhook {number}{waits}.")


def _webhook_objects(app: App, *found: Webhook) -> list[dict[str, object]]:
    counts = app.ledger.outbox.counts() if found else {}
    return [
        {
            "webhook": each.id,
            "url": each.url,
            "events": [event.value for event in each.events],
            "paused": each.paused_at is not None,
            "reason": each.pause_reason,
            "waiting": counts.get((each.id, WebhookState.WAITING), 0),
            "given_up": counts.get((each.id, WebhookState.GIVEN_UP), 0),
            "at": format_iso(each.created_at),
        }
        for each in found
    ]


def _message_object(message: WebhookMessage) -> dict[str, object]:
    return {
        "message": message.id,
        "type": message.event.value,
        "at": format_iso(message.at),
        "data": json.loads(message.data),
        "state": message.state.value,
        "next_at": format_iso(message.next_at if message.state is WebhookState.WAITING else None),
        "attempts": [
            {
                "at": format_iso(each.at),
                "seconds": round(each.seconds, 3),
                "status": each.status,
                "error": each.error,
                "answer": each.answer,
            }
            for each in message.log
        ],
    }


def _describe_attempt(attempt: WebhookAttempt) -> str:
    answer = f": {attempt.answer}" if attempt.answer else ""
    return f"{delivery.describe_attempt(attempt)}{answer} ({attempt.seconds:.2f} s)"
