"""The command `feedback providers`: what to enter at each mail provider, and when it last spoke."""

import textwrap
from collections.abc import Mapping
from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import as_json, in_workspace
from mailer.cli.output import echo_err, plural, print_json
from mailer.feedback.providers.catalogue import PROVIDERS, MailProvider
from mailer.iso_time import format_iso
from mailer.ledger.types.feedback import FeedbackSource
from mailer.relay import is_loopback
from mailer.service.feedback.provider_webhooks import webhook_url
from mailer.settings.settings import Settings

_WIDTH = 100


@click.command("providers")
@click.argument("provider", required=False, type=click.Choice(list(PROVIDERS)), metavar="[PROVIDER]")
@as_json
@in_workspace
def providers_command(provider: str | None, *, as_json: bool, workspace: Path) -> None:
    """Show what to enter at mail providers, so that they report bounces and complaints, and when each last spoke.

    PROVIDER shows one of them. Records nothing, and shows no secret.
    """
    with App.open(workspace) as app, app.readonly_ledger() as ledger:
        sources = {each.source: each for each in ledger.feedback.sources()}
        shown = [each for each in PROVIDERS.values() if provider in {None, each.name}]
        if as_json:
            print_json({"providers": [_as_json(app.settings, each, sources) for each in shown]})
            return
        for each in shown:
            _show(app.settings, each, sources.get(each.name))
        if is_loopback(webhook_url(app.settings, shown[0]).host):
            echo_err("Warning: Providers cannot reach this address. Set MAILER_BASE_URL to the public one.")


def _show(settings: Settings, provider: MailProvider, source: FeedbackSource | None) -> None:
    is_set_up = bool(settings.feedback_secrets(provider.name))
    state = "set up" if is_set_up else "not set up"
    spoke = f"last spoke {format_iso(source.last_at)}" if source else "has not spoken yet" if is_set_up else ""
    click.echo(click.style(provider.title, bold=True) + f": {', '.join(filter(None, (state, spoke)))}")
    if source:
        click.echo(
            f"  {source.recorded:,} recorded, {source.ignored:,} about nobody who was mailed, {source.unknown:,} of other kinds"
        )
    if source and source.unreadable:
        warning = f"  {plural(source.unreadable, 'request', 'requests')} could not be read; see the log of serve"
        click.echo(click.style(warning, fg="yellow"))
    click.echo(f"  address: {webhook_url(settings, provider).text}")
    secret = "its keys" if provider.is_signed else "PASSWORD: a random password of your own"
    click.echo(f"  setting: {provider.setting} ({secret})")
    click.echo(textwrap.fill(provider.steps, _WIDTH, initial_indent="  ", subsequent_indent="  ") + "\n")


def _as_json(settings: Settings, provider: MailProvider, sources: Mapping[str, FeedbackSource]) -> dict[str, object]:
    source = sources.get(provider.name)
    return {
        "provider": provider.name,
        "set_up": bool(settings.feedback_secrets(provider.name)),
        "setting": provider.setting,
        "url": webhook_url(settings, provider).text,
        "steps": provider.steps,
        "last_at": format_iso(source.last_at) if source else None,
        "recorded": source.recorded if source else 0,
        "ignored": source.ignored if source else 0,
        "unknown": source.unknown if source else 0,
        "unreadable": source.unreadable if source else 0,
    }
