"""The command `test`: send a dispatch to a few addresses."""

from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import as_json, in_workspace
from mailer.cli.problem_output import show_refusal
from mailer.cli.sends.run_and_show import creating_send, run_and_show
from mailer.service.dispatches.check_and_compile import DispatchError
from mailer.service.sends.start import start_test


@click.command("test")
@click.argument("dispatch")
@click.argument("addresses", nargs=-1, required=True, metavar="EMAIL...")
@click.option("--as", "reader", metavar="EMAIL", help="Use the fields of this reader.")
@as_json
@in_workspace
def test_command(
    dispatch: str, addresses: tuple[str, ...], reader: str | None, *, as_json: bool, workspace: Path
) -> int:
    """Send DISPATCH, a path or a slug, to a few addresses.

    It is the real message, but its unsubscribe link has no effect.
    """
    with App.open(workspace) as app:
        try:
            with creating_send():
                send = start_test(app, dispatch, addresses, reader=reader)
        except DispatchError as error:
            raise show_refusal(error) from None
        return run_and_show(app, send.id, wait=False, as_json=as_json)
