"""The commands `feedback`: what came back."""

import json
import os
from pathlib import Path

import click

from mailer.app import App
from mailer.cli.feedback_log import decide_command, list_command, show_command
from mailer.cli.feedback_providers import providers_command
from mailer.cli.options import in_new_workspace
from mailer.cli.output import echo_err
from mailer.errors import SettingsError, UsageError
from mailer.feedback.model import Feedback, TokenState
from mailer.feedback.reader import read_feedback
from mailer.link_tokens import TokenKeys
from mailer.service.feedback.message_files import find_message_files, read_messages
from mailer.settings.settings import load_settings
from mailer.workspace import Workspace


@click.group("feedback")
def feedback_command() -> None:
    """Show what came back, and decide about it: bounces, complaints, automatic replies."""


for _command in (list_command, show_command, decide_command, providers_command):
    feedback_command.add_command(_command)


@feedback_command.command("read")
@click.argument("paths", nargs=-1, required=True, metavar="FILE|DIR...", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a message, each on a line of its own.")
@in_new_workspace
def read(paths: tuple[Path, ...], *, as_json: bool, workspace: Path) -> int:
    """Print what messages are about: whose mail was not delivered, and why.

    Reads single messages, mboxes, Maildirs and folders of messages. Records nothing. Only with the secret keys of the
    workspace can a message be proven to answer one of yours. Exit 1 if a file could not be read.
    """
    if missing := next((path for path in paths if not path.exists()), None):
        raise UsageError(f"There is no file or folder {missing}.", "Give a message, an mbox, a Maildir or a folder.")
    keys = _load_keys(workspace)
    if keys is None:
        echo_err("mailer: There is no workspace here, so no message is proven to answer one of yours.")
    all_read = True
    for file in (file for path in paths for file in find_message_files(path)):
        try:
            for name, raw in read_messages(file):
                _show(_printable(name), read_feedback(raw, keys), as_json=as_json)
        except UsageError as error:
            echo_err(f"mailer: {error}")
            all_read = False
    return 0 if all_read else 1


def _load_keys(workspace: Path) -> TokenKeys | None:
    """Returns the keys of the workspace; None if the folder is no workspace. Changes nothing there. Raises SettingsError."""
    try:
        settings = load_settings(workspace)
    except SettingsError:
        if Workspace(workspace).env_file.exists():
            raise
        return None
    return App(Workspace(workspace), settings).keys


def _show(name: str, feedback: Feedback, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_as_json(name, feedback), ensure_ascii=False))
        return
    token = "" if feedback.token is TokenState.ABSENT else f"; token {feedback.token}"
    click.echo(f"{name}: {feedback.kind}{f' ({feedback.report_type})' * bool(feedback.report_type)}{token}")
    for each in feedback.recipients:
        what = ", ".join(filter(None, (each.status, each.reason.value, "permanent" * each.permanent)))
        click.echo(f"  {each.address or 'unknown recipient'}: {what}")


def _as_json(name: str, feedback: Feedback) -> dict[str, object]:
    return {
        "file": name,
        "kind": feedback.kind.value,
        "recipients": [
            {"address": each.address, "status": each.status, "reason": each.reason.value, "permanent": each.permanent}
            for each in feedback.recipients
        ],
        "token": feedback.token.value,
    }


def _printable(name: str) -> str:
    """Returns the name of a file, whose octets may be no UTF-8."""
    return os.fsencode(name).decode("utf-8", "replace")
