"""Write docs/mailer.1, the manual page, from the commands themselves: .venv/bin/python docs/man_page.py"""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from mailer import __version__
from mailer.cli.main import SECTIONS, mailer

TARGET = Path(__file__).with_name("mailer.1")
HEAD = f"""\
.\\" Made by docs/man_page.py. Do not edit it.
.TH MAILER 1 "" "mailer {__version__}" "User Commands"
.SH NAME
mailer \\- write a newsletter as a text file and send it to your readers
.SH SYNOPSIS
.B mailer
[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]
.SH DESCRIPTION
A dispatch is a Markdown file. mailer compiles it, and sends one message to each reader of a list over SMTP. A list is a
CSV file. A database records what happened to each recipient.
.PP
All commands work in a workspace: the current folder, or the one that \\fB\\-\\-workspace\\fR names. \\fBmailer init\\fR creates
a workspace. A dispatch is named by its path or by its slug, a send by its number, a list by the name of its file.
"""
FOOT = r"""
.SH EXIT STATUS
The first of these that applies:
.TP
.B 2
The arguments or the settings are invalid.
.TP
.B 4
The send is paused or waiting, or a person must decide.
.TP
.B 3
Some deliveries are uncertain.
.TP
.B 1
Problems were found, or deliveries failed.
.TP
.B 0
Done.
.PP
\fBmailer inbound\fR exits with 0 or 75.
.SH ENVIRONMENT
Settings are variables that begin with \fBMAILER_\fR, in the environment or in \fI.env\fR. The environment wins.
.SH FILES
.TP
.I .env
The settings and the secret keys of the workspace.
.TP
.I dispatches/
The dispatches, and the photos that belong to them.
.TP
.I subscribers/
The lists.
.TP
.I templates/
The templates of messages and pages.
.TP
.I mailer.db
The database, unless \fBMAILER_DATABASE_URL\fR names a different one.
.SH EXAMPLES
.nf
mailer init news && cd news
mailer new "The winter timetable"
mailer check 2026\-11\-30\-the\-winter\-timetable
mailer test 2026\-11\-30\-the\-winter\-timetable mara@example.org
mailer send 2026\-11\-30\-the\-winter\-timetable \-\-to readers
mailer report 1
.fi
"""


def page() -> str:
    """Returns the text of docs/mailer.1."""
    root = click.Context(mailer, info_name="mailer", **mailer.context_settings)
    parts = [HEAD, ".SH OPTIONS\n", *_options(root)]
    for title, commands in SECTIONS.items():
        parts.append(f".SH COMMANDS: {title.upper()}\n")
        for name in commands:
            parts += _command(root, name)
    return "".join(parts) + FOOT.lstrip("\n")


def _command(parent: click.Context, name: str) -> Iterator[str]:
    group = parent.command
    assert isinstance(group, click.Group)
    command = group.get_command(parent, name)
    assert command is not None
    ctx = click.Context(command, info_name=name, parent=parent)
    if isinstance(command, click.Group):
        for each in command.list_commands(ctx):
            yield from _command(ctx, each)
        return
    arguments = " ".join(piece for piece in command.collect_usage_pieces(ctx) if piece != "[OPTIONS]")
    yield f".SS {_escape(f'{ctx.command_path} {arguments}'.strip())}\n"
    yield _paragraphs(command.help or "")
    yield from _options(ctx)


def _options(ctx: click.Context) -> Iterator[str]:
    """Yields the options of a command; those that all commands have only at the program itself."""
    for parameter in ctx.command.get_params(ctx):
        is_common = {"--help", "--workspace"} & set(parameter.opts)
        if isinstance(parameter, click.Option) and not (ctx.parent and is_common):
            names, words = parameter.get_help_record(ctx) or ("", "")
            yield f".TP\n.B {_escape(names)}\n{_escape(words)}\n"


def _paragraphs(text: str) -> str:
    """Returns a docstring as paragraphs; lines under click's mark \\b keep their breaks."""
    parts = []
    for paragraph in re.split(r"\n\s*\n", text):
        if paragraph.startswith("\b"):
            lines = paragraph.removeprefix("\b").strip("\n").splitlines()
            parts.append(".nf\n" + "".join(f"{_escape(line)}\n" for line in lines) + ".fi\n")
        else:
            parts.append(f"{_escape(' '.join(paragraph.split()))}\n")
    return ".PP\n".join(parts)


def _escape(text: str) -> str:
    """Escapes a text for roff: backslashes, hyphens that are typed, and a mark at the start of a line."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
