"""The command line: what a person types, and how it ends.

The table below is all that `mailer --help` needs; a command's module is imported when the command runs. Every error that a
person can cause ends here in one sentence with the next step; a crash ends in a traceback without secrets.
Exit codes are contract 3's.
"""

import contextlib
import sys
from importlib import import_module
from pathlib import Path

import click

from mailer import __version__
from mailer.errors import MailerError

COMMANDS = {
    "init": ("mailer.cli.workspace", "Make a workspace: templates, a list, dispatches, settings with a fresh key."),
    "new": ("mailer.cli.workspace", "Make a dispatch file to fill in."),
    "check": ("mailer.cli.dispatch", "Find what is wrong in a dispatch."),
    "render": ("mailer.cli.dispatch", "Write a dispatch as HTML, plaintext and message into a folder."),
    "test": ("mailer.cli.send", "Send the real message to a few addresses."),
    "send": ("mailer.cli.send", "Send a dispatch to its readers."),
    "status": ("mailer.cli.progress", "Show sends and where they stand."),
    "pause": ("mailer.cli.progress", "Pause a send."),
    "resume": ("mailer.cli.send", "Go on with a send."),
    "cancel": ("mailer.cli.progress", "Cancel a send: whoever has not got it yet will not."),
    "resend": ("mailer.cli.send", "Send once more to those that failed."),
    "resolve": ("mailer.cli.send", "Decide about uncertain deliveries."),
    "report": ("mailer.cli.progress", "Show what happened to every recipient."),
    "subscriber": ("mailer.cli.people", "Unsubscribe or erase one person."),
    "suppress": ("mailer.cli.people", "Addresses that must not be mailed."),
    "serve": ("mailer.start", "Serve the public pages; start sends that are due."),
    "schema": ("mailer.cli.workspace", "Print the JSON Schema of a dispatch's front matter."),
    "demo": ("mailer.start", "See all of it work, here, in a minute."),
}
BUG = "This is a bug of mailer, not of yours. Nothing is lost: the ledger holds what happened. Please report the lines above."


class Commands(click.Group):
    """The commands of the table, each imported when it is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = import_module(COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--workspace", type=click.Path(path_type=Path), default=Path(), help="Work there instead of here.")
@click.version_option(__version__, prog_name="mailer")
@click.pass_context
def mailer(ctx: click.Context, workspace: Path) -> None:
    """A newsletter desk in text files: one Markdown dispatch, compiled once, delivered provably to a list.

    Start with: mailer demo, or: mailer init news && cd news
    """
    ctx.obj = workspace


def main(arguments: list[str] | None = None) -> None:
    """Run a command and leave with its exit code."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    try:
        result = mailer.main(arguments, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        error.show()
        return 2
    except click.Abort:
        click.echo("\nNothing was changed.", err=True)
        return 4
    except MailerError as error:
        click.echo(f"mailer: {error}", err=True)
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception:  # noqa: BLE001 - the last resort, so that no secret is shown in a crash
        click.echo(_crash(), err=True)
        return 2


def _crash() -> str:
    """The traceback under way, with every secret of the settings masked."""
    import traceback  # noqa: PLC0415

    from mailer.settings import load_settings, redact  # noqa: PLC0415

    text = traceback.format_exc()
    folder = click.get_current_context(silent=True)
    with contextlib.suppress(MailerError):
        text = redact(text, load_settings(folder.obj if folder and folder.obj else Path()))
    return f"{text}\n{BUG}"
