"""The command line: the table of commands, and their exit codes.

The table is all that `mailer --help` needs; a command's module is imported when the command runs. An error that a person can
cause is printed as one sentence with the next step, a crash as a traceback without secrets. Contract 3 lists the exit codes.
SIGTERM has the effect of Ctrl-C.
"""

import os
import signal
import sys
from importlib import import_module
from pathlib import Path

import click

from mailer import __version__
from mailer.cli.options import CliContext
from mailer.errors import MailerError

COMMANDS = {
    "init": ("mailer.cli.init", "Make a workspace: templates, a list, dispatches, settings with a fresh key."),
    "new": ("mailer.cli.dispatches.new", "Make a dispatch file to fill in."),
    "import": (
        "mailer.cli.dispatches.import_files",
        "Make a dispatch of a plain-text archive, a saved page or a message.",
    ),
    "check": ("mailer.cli.dispatches.check", "Find what is wrong in a dispatch and its letter."),
    "render": ("mailer.cli.dispatches.render", "Write a dispatch as HTML, plaintext and message into a folder."),
    "preview": ("mailer.entrypoints", "Show a dispatch in your browser, live while the file changes."),
    "test": ("mailer.cli.sends.send", "Send the real message to a few addresses."),
    "send": ("mailer.cli.sends.send", "Send a dispatch to its readers."),
    "status": ("mailer.cli.sends.status", "Show sends and where they stand."),
    "pause": ("mailer.cli.sends.stop", "Pause a send."),
    "resume": ("mailer.cli.sends.resume", "Go on with a send."),
    "cancel": ("mailer.cli.sends.stop", "Cancel a send: whoever has not got it yet will not."),
    "resend": ("mailer.cli.sends.resend", "Send once more to those that failed."),
    "resolve": ("mailer.cli.sends.resolve", "Decide about uncertain deliveries."),
    "report": ("mailer.cli.sends.report", "Show what happened to every recipient."),
    "verify": ("mailer.cli.sends.verify", "Prove a send from the ledger alone."),
    "list": ("mailer.cli.list", "Bring list files and ledger together; undo that; show and export lists."),
    "subscriber": ("mailer.cli.subscriber", "One person: everything known; unsubscribe, export, erase."),
    "suppress": ("mailer.cli.suppress", "Addresses that must not be mailed."),
    "inbound": ("mailer.cli.inbound", "Honour a mailed unsubscribe request, read from standard input."),
    "archive": ("mailer.cli.archive", "Write the archive as files; put right what it shows."),
    "dkim": ("mailer.cli.admin.dkim", "Make a key to sign messages with."),
    "user": ("mailer.cli.admin.user", "Who may sign in at the desk."),
    "token": ("mailer.cli.admin.token", "Which programs may use the API, and for what."),
    "webhook": ("mailer.cli.admin.webhook", "Other programs that are told what happens."),
    "serve": ("mailer.entrypoints", "Serve the public pages and the desk; start sends that are due."),
    "schema": ("mailer.cli.dispatches.schema", "Print the JSON Schema of a dispatch's front matter."),
    "demo": ("mailer.entrypoints", "See all of it work, here, in a minute."),
}


class Commands(click.Group):
    """The commands of the table, each imported when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature is click's
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - the signature is click's
        if cmd_name not in COMMANDS:
            return None
        module = import_module(COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the signature is click's
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])


def _set_workspace(ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.ensure_object(CliContext).folder = value


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--workspace", type=click.Path(path_type=Path), expose_value=False, callback=_set_workspace,
              help="Work there instead of here.")  # fmt: skip
@click.version_option(__version__, prog_name="mailer")
def mailer() -> None:
    """A newsletter desk in text files: one Markdown dispatch, compiled once, delivered provably to a list.

    Start with: mailer demo, or: mailer init news && cd news
    """


def main(arguments: list[str] | None = None) -> None:
    """Runs a command and exits with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a character still shows the rest
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit code."""
    context = CliContext()
    try:
        result = mailer.main(arguments, standalone_mode=False, obj=context)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return 2
    except click.Abort:
        click.echo("Stopped.", err=True)
        return 4
    except MailerError as error:
        click.echo(f"mailer: {error}", err=True)
        return error.exit_code
    except (BrokenPipeError, SystemExit):  # the reader of our output closed it; click exits on its own then
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:  # noqa: BLE001 - the last resort, so that no secret is shown in a crash
        from mailer.cli.crash import crash_report  # noqa: PLC0415 - slow to import

        click.echo(crash_report(context.folder), err=True)
        return 2
    return result if isinstance(result, int) else 0
