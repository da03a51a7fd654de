"""The command line: the table of commands, and their exit codes.

`mailer --help` needs only the table; a command's module is imported when the command runs. An error that a person can cause is
printed as one sentence with the next step, a crash as a traceback without secrets. Contract 3 lists the exit codes. SIGTERM has
the effect of Ctrl-C. Other users can write nothing that the program creates, whatever the umask it was started with.
"""

import os
import signal
import sys
from importlib import import_module
from pathlib import Path

import click

from mailer.cli.about.version import version_text
from mailer.cli.options import WORKSPACE_HELP, CliContext
from mailer.errors import MailerError

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Start": {
        "demo": ("mailer.web_commands", "Send two example dispatches on this machine, to see it work."),
        "init": ("mailer.cli.init", "Create a workspace: templates, a list, dispatches, settings."),
    },
    "Write": {
        "new": ("mailer.cli.dispatches.new", "Create a dispatch file to fill in."),
        "import": ("mailer.cli.dispatches.import_files", "Import past issues: plain text, saved pages, messages."),
        "check": ("mailer.cli.dispatches.check", "Find errors in a dispatch and in the message made from it."),
        "render": ("mailer.cli.dispatches.render", "Write a dispatch as HTML, plain text and message files."),
        "preview": ("mailer.web_commands", "Show a dispatch in your browser while you edit it."),
        "schema": ("mailer.cli.dispatches.schema", "Print the JSON Schema of a dispatch's front matter."),
    },
    "Send": {
        "test": ("mailer.cli.sends.send_test_message", "Send the real message to a few addresses."),
        "send": ("mailer.cli.sends.send", "Send a dispatch to its readers."),
        "status": ("mailer.cli.sends.status", "List the sends, or show one."),
        "pause": ("mailer.cli.sends.pause_and_cancel", "Pause a send."),
        "resume": ("mailer.cli.sends.resume", "Resume a send."),
        "cancel": ("mailer.cli.sends.pause_and_cancel", "Cancel a send. The remaining recipients get nothing."),
        "resend": ("mailer.cli.sends.resend", "Send again to the recipients whose delivery failed."),
        "resolve": ("mailer.cli.sends.resolve_uncertain", "Decide what to do about uncertain deliveries."),
        "report": ("mailer.cli.sends.report", "Show what happened to each recipient of a send."),
        "verify": ("mailer.cli.sends.verify", "Prove from the database that a send is accounted for."),
    },
    "Readers": {
        "list": ("mailer.cli.list", "Sync, show and export lists; undo a sync."),
        "subscriber": ("mailer.cli.subscriber", "Show, unsubscribe, export or erase one reader."),
        "suppress": ("mailer.cli.suppress", "Manage the suppression list: addresses that get no mail."),
        "inbound": ("mailer.cli.inbound", "Process a message that came back, or asks to unsubscribe."),
        "feedback": ("mailer.cli.feedback", "Show what came back: bounces, complaints, automatic replies."),
    },
    "Run": {
        "serve": ("mailer.web_commands", "Run the web server: public pages, desk, API, due sends."),
        "worker": ("mailer.cli.admin.worker", "Send for other machines, on PostgreSQL."),
        "workers": ("mailer.cli.admin.worker", "List the workers."),
        "user": ("mailer.cli.admin.user", "Manage the users of the desk."),
        "token": ("mailer.cli.admin.token", "Manage the tokens of the API."),
        "webhook": ("mailer.cli.admin.webhook", "Manage webhooks and show their deliveries."),
        "dkim": ("mailer.cli.admin.dkim", "Create keys for DKIM signatures."),
        "archive": ("mailer.cli.archive", "Write the archive as files; correct a dispatch in it."),
        "restore": ("mailer.cli.admin.accept_restored", "Accept a database that was restored from a backup."),
    },
    "Help": {
        "help": ("mailer.cli.about.help", "Show the help of a command."),
        "completion": ("mailer.cli.about.completion", "Print a completion script for bash, zsh or fish."),
    },
}  # each command with its module, and its line in the help
_NOT_BY_OTHERS = 0o022  # write permissions of group and others
COMMANDS = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.NoSuchCommand(name, possibilities=COMMANDS, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the signature is click's
        width = max(map(len, COMMANDS))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), words) for name, (_, words) in commands.items()])


def _set_workspace(ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.ensure_object(CliContext).folder = value


def _show_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"mailer {version_text()}")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--workspace", type=click.Path(path_type=Path), metavar="DIR", expose_value=False, callback=_set_workspace,
              help=WORKSPACE_HELP)  # fmt: skip
@click.option("-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
              help="Show the version and exit.")  # fmt: skip
def mailer() -> None:
    """Write a newsletter as a text file and send it to your readers.

    \b
    To see it work:  mailer demo
    To start:        mailer init news && cd news
    For one command: mailer help send
    """


def main(arguments: list[str] | None = None) -> None:
    """Runs a command and exits with its exit code."""
    os.umask(os.umask(_NOT_BY_OTHERS) | _NOT_BY_OTHERS)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a character still shows the rest
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit code."""
    context = CliContext()
    try:
        result = mailer.main(arguments, prog_name="mailer", standalone_mode=False, obj=context)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return 2
    except click.Abort:
        click.echo("Interrupted.", err=True)
        return 4
    except MailerError as error:
        click.echo(f"mailer: {error}", err=True)
        return error.exit_code
    except (BrokenPipeError, SystemExit):  # the reader of our output closed it; click exits on its own then
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:  # noqa: BLE001 - the last resort, so that no secret is shown in a crash
        from mailer.cli.crash_report import crash_report  # noqa: PLC0415 - slow to import

        click.echo(crash_report(context.folder), err=True)
        return 2
    return result if isinstance(result, int) else 0
