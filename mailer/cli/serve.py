"""serve: the public pages, and the starting of sends that are due."""

from pathlib import Path

import click

from mailer.cli.output import in_workspace, say
from mailer.service.newsroom import Newsroom
from mailer.service.scheduling import start_sends_when_due
from mailer.web.server import serve


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for any that is free.")
@in_workspace
def serve_command(host: str, port: int, workspace: Path) -> None:
    """Serve the public pages: unsubscribe, archive, media. Starts sends that are due."""
    with Newsroom.open(workspace) as newsroom:
        serve(
            newsroom,
            host,
            port,
            on_ready=lambda url: say(f"Serving {newsroom.settings.publication} at {url}; Ctrl-C ends it."),
            background=lambda stop: start_sends_when_due(newsroom, stop, say),
        )
