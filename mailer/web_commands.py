"""The commands that need both the command line and the web: serve, preview, demo.

`mailer.cli` and `mailer.web` never import each other; this module is above both.
"""

import contextlib
import tempfile
import threading
import webbrowser
from pathlib import Path
from urllib.parse import urlsplit

import click

from mailer.app import App
from mailer.cli.options import in_workspace, parse_list_names
from mailer.cli.output import echo_err, plural
from mailer.errors import SettingsError
from mailer.relay import is_loopback
from mailer.service.cluster.handover import hand_over_if_possible
from mailer.service.cluster_demo import ClusterDemoResult, run_cluster_demo
from mailer.service.demo import FIRST, run_demo
from mailer.service.dispatches.check_and_compile import display_path
from mailer.service.feedback.imap_mailbox import poll_imap
from mailer.service.feedback.lmtp_server import receive_lmtp
from mailer.service.feedback.maildir import poll_maildir
from mailer.service.lists.uploads import clean_up_uploads
from mailer.service.one_server_jobs import run_on_one_server
from mailer.service.sends.scheduler import start_sends_when_due
from mailer.service.sends.summary import proof_line
from mailer.service.shelf.bin import empty_bin_every_hour
from mailer.service.subscribers.welcome import welcome_new_readers
from mailer.service.transactional.delivery_job import deliver_transactional_mail
from mailer.service.trial_postgresql import trial_postgresql
from mailer.service.webhooks.delivery_job import notify_webhooks
from mailer.web.bounce_demo import run_bounce_demo
from mailer.web.preview.app import create_preview, new_token
from mailer.web.preview.session import PreviewSession
from mailer.web.server import free_port, serve, serve_app

_IN_TERMINAL = frozenset({"www-browser", "links", "elinks", "lynx", "w3m"})


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    metavar="PORT",
    help="The port; 0: any free one. Links follow MAILER_BASE_URL, so set the same port there.",
)
@in_workspace
def serve_command(host: str, port: int, workspace: Path) -> None:
    """Run the web server: public pages, desk and API.

    It also starts scheduled sends, delivers transactional mail (confirmations, links), notifies webhooks, and takes mail
    that came back, where the settings say so.
    """
    with App.open(workspace) as app:

        def on_ready(url: str) -> None:
            try:
                warnings = app.signing.warnings
            except SettingsError as error:  # pages and opt-outs work without a key
                warnings = (f"No mail can be sent. {error.message} {error.next_step}",)
            for warning in warnings:
                echo_err(f"Warning: {warning}")
            linked = urlsplit(app.settings.base_url)
            if is_loopback(linked.hostname or "") and (linked.port or 80) != urlsplit(url).port:
                echo_err(
                    f"Warning: Links in messages, pages and invitations lead to {app.settings.base_url}, not to this server. "
                    f"To change that, set MAILER_BASE_URL={url} in .env and start again."
                )
            echo_err(f"Serving {app.settings.publication} at {url} (Ctrl-C to stop)")
            if app.ledger.users.all():
                echo_err(f"Desk: {url}/desk/")
            else:
                echo_err(f"Desk: {url}/desk/ (no users yet; to add the first one: mailer user add NAME)")

        serve(
            app,
            host,
            port,
            on_ready=on_ready,
            background=(
                lambda stop: run_on_one_server(
                    app,
                    (
                        lambda turn: start_sends_when_due(
                            app,
                            turn.over,
                            echo_err,
                            hand_over=hand_over_if_possible,
                            expires_unstarted=turn.is_first,
                        ),
                        lambda turn: deliver_transactional_mail(app, turn.over, echo_err),
                        lambda turn: welcome_new_readers(app, turn.over, echo_err),
                        lambda turn: notify_webhooks(app, turn.over, echo_err),
                    ),
                    stop,
                    echo_err,
                ),
                lambda stop: clean_up_uploads(app, stop, echo_err),
                lambda stop: empty_bin_every_hour(app, stop, echo_err),
                lambda stop: receive_lmtp(app, stop, echo_err),
                lambda stop: poll_imap(app, stop, echo_err),
                lambda stop: poll_maildir(app, stop, echo_err),
            ),
        )


@click.command("preview")
@click.argument("dispatch")
@click.option("--to", "to", multiple=True, metavar="LIST", help="Check its fields against this list. May be repeated.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="PORT", help="The port. Default: any free one."
)
@click.option("--no-open", "quietly", is_flag=True, help="Only print the address; open no browser.")
@in_workspace
def preview_command(dispatch: str, to: tuple[str, ...], port: int, *, quietly: bool, workspace: Path) -> None:
    """Show DISPATCH, a path or a slug, in your browser. The page follows each time you save the file."""
    echo_err("Starting the preview…")
    with App.open(workspace) as app:
        path = app.workspace.find_dispatch(dispatch)
        session = PreviewSession(app, path, display_path(app, path, dispatch), parse_list_names(to))
        token, key = new_token(), new_token()

        def on_ready(url: str) -> None:
            echo_err(f"Showing {session.display_name} at {url}/{token}/ (Ctrl-C to stop)")
            if not quietly:
                threading.Thread(target=_open_browser, args=(f"{url}/open/{key}",), daemon=True).start()

        serve_app(
            create_preview(session, token=token, key=key), "127.0.0.1", port, on_ready=on_ready, background=session.run
        )


def _open_browser(address: str) -> None:
    """Opens a browser, except one that would run in the terminal."""
    with contextlib.suppress(webbrowser.Error):
        browser = webbrowser.get()
        if getattr(browser, "name", "") not in _IN_TERMINAL:
            browser.open(address)


@click.command("demo")
@click.option("--open", "in_browser", is_flag=True, help="Open a message in your browser.")
@click.option(
    "--serve", "keep_serving", is_flag=True, help="Keep the web pages running: unsubscribe link, archive, photo."
)
@click.option(
    "--bounces", is_flag=True, help="Show what follows when a message comes back, and when a reader complains."
)
@click.option("--cluster", is_flag=True, help="Share a send between two workers on PostgreSQL, and kill one of them.")
def demo_command(*, in_browser: bool, keep_serving: bool, bounces: bool, cluster: bool) -> None:
    """Send two example dispatches to twelve invented readers, over real SMTP on this machine.

    Nothing leaves this machine. Everything is kept in a temporary folder.
    """
    if cluster and (in_browser or keep_serving or bounces):
        raise click.UsageError("--cluster is a demo of its own: leave out the other options.")
    folder = Path(tempfile.mkdtemp(prefix="mailer-demo-"))
    port = free_port()
    step = iter(range(1, 100))

    def log(line: str) -> None:
        click.echo(f"{click.style(f'{next(step)}.', dim=True)} {line}")

    if cluster:
        with trial_postgresql() as database_url:
            log("PostgreSQL runs on this machine, from its wheel")
            _show_cluster_demo(run_cluster_demo(folder, database_url, base_url=f"http://127.0.0.1:{port}", log=log))
        return
    if bounces:
        shown = run_bounce_demo(folder, port=port, log=log)
    else:
        shown = run_demo(folder, base_url=f"http://127.0.0.1:{port}", log=log)
    click.echo()
    for summary in (shown.first, shown.second):
        click.echo(click.style(f"   {summary.send.slug}: {proof_line(summary)}", bold=True))
    click.echo(f"\n{plural(shown.caught, 'message')} received, in {shown.messages}")
    page = shown.messages / "0001.html"
    click.echo(f"   one of them:    {page}")
    click.echo(f"   as plain text:  {page.with_suffix('.txt')}")
    click.echo(f"   as it was sent: {page.with_suffix('.eml')}")
    click.echo(f"   its report:     mailer --workspace {folder} report 1")
    if in_browser:
        webbrowser.open(page.as_uri())
    if not keep_serving:
        click.echo("\nTo open it in your browser: --open. To make its links and photo work: --serve.")
        return
    click.echo(f"\nPages at http://127.0.0.1:{port}/archive/{FIRST} and {shown.link} (Ctrl-C to stop)")
    with App.open(folder) as app:
        serve(app, "127.0.0.1", port)


def _show_cluster_demo(shown: ClusterDemoResult) -> None:
    """Prints the proof: the account of the ledger beside the journal of the server."""
    click.echo()
    click.echo(click.style(f"   {shown.summary.send.slug}: {proof_line(shown.summary)}", bold=True))
    failed = [check.name for check in shown.verification.checks if not check.ok]
    checks = f"{len(failed)} failed: {', '.join(failed)}" if failed else f"all {len(shown.verification.checks)} passed"
    click.echo(f"   its records in the ledger are compared with each other (mailer verify): {checks}")
    twice = sum(count > 1 for count in shown.journal.values())
    click.echo(
        f"   the journal of the server: messages to {len(shown.journal)} readers; {twice} of them had more than one"
    )
    click.echo(f"\n{plural(shown.journal.total(), 'message')} received, in {shown.messages}")
    click.echo("On machines of your own: docs/scaling.md")
