"""send, test, resume, resend, resolve: whatever makes mail leave."""

import time
from email import message_from_bytes
from email.header import decode_header, make_header
from pathlib import Path

import click

from mailer.audience.address import parse_address
from mailer.cli.bar import progress_bar
from mailer.cli.lists import list_names
from mailer.cli.output import as_json, in_workspace, is_person, plural, print_json, say
from mailer.delivery.state import SendState
from mailer.errors import ProblemsFoundError, UndecidedError, UsageError
from mailer.ledger.records import Repeat, Summary
from mailer.service.compiling import check
from mailer.service.newsroom import Newsroom
from mailer.service.result import exit_code, iso, next_step, proof_line, send_object
from mailer.service.running import Run, run_send
from mailer.service.sending import SendPlan, compose_for, plan_send, start_due, start_send, start_test
from mailer.service.timing import read_time

no_wait = click.option("--no-wait", is_flag=True, help="Do not wait for those that must be tried again later; exit 4.")


@click.command("send")
@click.argument("dispatch")
@click.option(
    "--to", "to", multiple=True, metavar="LIST[,LIST]", help="The lists it goes to; else those the dispatch names."
)
@click.option("--exclude", multiple=True, metavar="LIST", help="Leave out who is on this list.")
@click.option(
    "--at", "when", metavar="TIME", help="Start then: YYYY-MM-DD HH:MM, or ISO 8601. `mailer serve` starts it."
)
@click.option("--wait", "stay", is_flag=True, help="With --at: stay, and start it from here.")
@click.option("--dry-run", is_flag=True, help="Compose every message, connect nowhere, record nothing.")
@click.option("--edition", "digest", default="", metavar="DIGEST", help="Refuse to send any other edition.")
@click.option("--again", is_flag=True, help="Everybody gets it once more.")
@click.option("--new-readers", is_flag=True, help="Only those who did not get it yet.")
@no_wait
@click.option("--yes", is_flag=True, help="Do not ask; accept warnings.")
@as_json
@in_workspace
def send_command(
    dispatch: str,
    to: tuple[str, ...],
    exclude: tuple[str, ...],
    when: str | None,
    digest: str,
    *,
    stay: bool,
    dry_run: bool,
    again: bool,
    new_readers: bool,
    no_wait: bool,
    yes: bool,
    as_json: bool,
    workspace: Path,
) -> int:
    """Send DISPATCH, a path or a slug, to its readers.

    Shows what would happen, and asks for the number of readers before anything leaves.
    """
    if again and new_readers:
        raise UsageError("--again mails everybody, --new-readers only those who did not get it.", "Choose one.")
    if stay and not when:
        raise UsageError("--wait goes with --at.", "Without --at it starts at once.")
    repeat = Repeat.AGAIN if again else Repeat.NEW_READERS if new_readers else Repeat.REFUSE
    with Newsroom.open(workspace) as newsroom:
        at = read_time(when, newsroom.settings.timezone, now=newsroom.clock()) if when else None
        names = list_names(to)
        _refuse_errors(newsroom, dispatch, names)
        plan = plan_send(newsroom, dispatch, names, exclude=list_names(exclude), repeat=repeat, digest=digest)
        if not as_json or not yes:
            show_plan(newsroom, plan)
        if dry_run:
            return _dry_run(newsroom, plan, as_json=as_json)
        if not yes:
            _ask(plan)
        send = start_send(newsroom, plan, at=at)
        if at is None:
            return _run(newsroom, send.id, wait=not no_wait, as_json=as_json)
        return _scheduled(newsroom, send.id, at, stay=stay, wait=not no_wait, as_json=as_json)


@click.command("test")
@click.argument("dispatch")
@click.argument("addresses", nargs=-1, required=True, metavar="EMAIL...")
@click.option("--as", "reader", metavar="EMAIL", help="With the fields of this reader of a list.")
@as_json
@in_workspace
def test_command(
    dispatch: str, addresses: tuple[str, ...], reader: str | None, *, as_json: bool, workspace: Path
) -> int:
    """Send DISPATCH to a few addresses: the real message, whose unsubscribe link unsubscribes nobody."""
    with Newsroom.open(workspace) as newsroom:
        _refuse_errors(newsroom, dispatch, ())
        send = start_test(newsroom, dispatch, addresses, reader=reader)
        return _run(newsroom, send.id, wait=False, as_json=as_json)


@click.command("resume")
@click.argument("send", type=int)
@no_wait
@as_json
@in_workspace
def resume_command(send: int, *, no_wait: bool, as_json: bool, workspace: Path) -> int:
    """Go on with SEND: one that was paused, interrupted, is waiting or overdue."""
    with Newsroom.open(workspace) as newsroom:
        found = newsroom.ledger.sends.get(send)
        if found.is_ended:
            return _show(newsroom.ledger.sends.summary(send), as_json=as_json)
        _refuse_owned(newsroom, send)
        if found.state in {SendState.SCHEDULED, SendState.OVERDUE}:
            start_due(newsroom, found)
        newsroom.ledger.sends.resume(send)
        return _run(newsroom, send, wait=not no_wait, as_json=as_json)


@click.command("resend")
@click.argument("send", type=int)
@click.option("--failed", is_flag=True, required=True, help="To those that failed.")
@no_wait
@as_json
@in_workspace
def resend_command(send: int, *, failed: bool, no_wait: bool, as_json: bool, workspace: Path) -> int:  # noqa: ARG001
    """A new send of the same edition to those that SEND failed to reach."""
    with Newsroom.open(workspace) as newsroom:
        made = newsroom.ledger.freezer.resend_failed(send, key_name=newsroom.keys.names[0])
        return _run(newsroom, made.id, wait=not no_wait, as_json=as_json)


@click.command("resolve")
@click.argument("send", type=int)
@click.option("--resend", "how", flag_value="resend", help="Send to them now, with the same Message-ID.")
@click.option("--assume-sent", "how", flag_value="assume", help="Count them as accepted, marked as assumed.")
@click.argument("addresses", nargs=-1, metavar="[EMAIL...]")
@as_json
@in_workspace
def resolve_command(send: int, how: str | None, addresses: tuple[str, ...], *, as_json: bool, workspace: Path) -> int:
    """Decide the uncertain deliveries of SEND: those of the addresses named, or all."""
    if how is None:
        raise UsageError("Say what is to become of the uncertain ones.", "Add --resend or --assume-sent.")
    with Newsroom.open(workspace) as newsroom:
        identities = [parse_address(text).identity for text in addresses] if addresses else None
        resend = how == "resend"
        if resend:
            _refuse_owned(newsroom, send)
        done = newsroom.ledger.sends.resolve(send, resend=resend, identities=identities)
        if done.missing:
            raise UsageError(
                f"{', '.join(done.missing)} is not uncertain in send {send}.", f"See: mailer report {send}"
            )
        say(f"{plural(done.resolved, 'uncertain delivery', 'uncertain deliveries')} resolved")
        if resend and done.resolved:
            newsroom.ledger.sends.resume(send)
            return _run(newsroom, send, wait=True, as_json=as_json)
        return _show(newsroom.ledger.sends.summary(send), as_json=as_json)


def show_plan(newsroom: Newsroom, plan: SendPlan) -> None:
    """What is about to happen, on standard error: who gets what from whom, and who does not and why."""
    head, settings = plan.head, newsroom.settings
    show_rows(
        [
            ("Dispatch", plan.edition.title),
            ("Subject", _example_subject(plan)),
            ("From", str(settings.sender)),
            ("Edition", f"{plan.edition.digest[:16]}{_tested(plan)}"),
            ("Size", _size(plan)),
            ("To", f"{', '.join(plan.lists)}: {plural(head.to_mail, 'reader')}"),
            *[("Left out", words) for words in _left_out(plan)],
            ("By", ", ".join(str(relay) for relay in settings.relay)),
        ]
    )
    for line in head.findings:
        say(f"  {line}")
    if head.more_findings:
        say(f"  and {plural(head.more_findings, 'finding')} more")


def show_rows(rows: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    last = ""
    for name, words in rows:
        say(f"{click.style((name if name != last else '').rjust(width), dim=True)}  {words}")
        last = name


def _example_subject(plan: SendPlan) -> str:
    subject = message_from_bytes(plan.sample.unstuffed())["Subject"]
    return str(make_header(decode_header(subject.replace("\r\n", ""))))


def _tested(plan: SendPlan) -> str:
    if plan.last_tested is None:
        return ", never tested"
    return f", not the one last tested ({plan.last_tested[:16]})" if plan.differs_from_test else ", as tested"


def _size(plan: SendPlan) -> str:
    versions = f", {plan.head.variants} versions" if plan.head.variants > 1 else ""
    return f"{plan.sample.size / 1024:,.0f} KB a message{versions}"


def _left_out(plan: SendPlan) -> list[str]:
    head = plan.head
    words = [f"{count:,} {reason}" for reason, count in sorted(head.skipped.items(), key=lambda item: -item[1])]
    others = (
        (head.excluded, "excluded"),
        (head.got_it_before, "got it before"),
        (head.rejected, "rejected rows"),
        (head.duplicates, "duplicate rows"),
    )
    return words + [f"{count:,} {reason}" for count, reason in others if count]


def _refuse_owned(newsroom: Newsroom, send_id: int) -> None:
    pid = newsroom.ledger.sends.owner_pid(send_id)
    if pid is not None:
        by = f"pid {pid}" if pid else "on this machine"
        raise UndecidedError(
            f"Send {send_id} is being sent by another process ({by}).", f"Watch it with: mailer status {send_id}"
        )


def _refuse_errors(newsroom: Newsroom, dispatch: str, lists: tuple[str, ...]) -> None:
    checked = check(newsroom, dispatch, lists)
    show_problems_aside(checked.problems)
    if checked.has_errors:
        raise ProblemsFoundError(f"{checked.shown} has errors; nothing was sent.", "Mend them first.")


def show_problems_aside(problems: tuple[object, ...]) -> None:
    """Findings beside a result: on standard error."""
    for problem in problems:
        say(str(problem))


def _ask(plan: SendPlan) -> None:
    """The number of readers, typed. Raises UndecidedError where nobody can be asked, or it is not typed."""
    count = plan.head.to_mail
    if not is_person():
        raise UndecidedError("Nobody is here to be asked; nothing was sent.", "Add --yes to send without asking.")
    say()
    typed = click.prompt(
        f"Type the number of readers ({count}) to send, anything else to leave it",
        err=True,
        default="",
        show_default=False,
    )
    if typed.strip().replace(",", "") != str(count):
        raise UndecidedError("Nothing was sent.")


def _dry_run(newsroom: Newsroom, plan: SendPlan, *, as_json: bool) -> int:
    compose = compose_for(newsroom, plan.edition)
    suppressed = newsroom.ledger.suppressions.lookup()
    messages = octets = 0
    for recipient in plan.audience.recipients():
        if not recipient.skip and not suppressed(recipient.identity):
            messages += 1
            octets += compose(recipient).size
    if as_json:
        print_json({"edition": plan.edition.digest, "messages": messages, "bytes": octets})
    else:
        click.echo(f"{plural(messages, 'message')} composed, {octets / 1e6:,.1f} MB; nothing was sent or recorded")
    return 0


def _scheduled(newsroom: Newsroom, send_id: int, at: float, *, stay: bool, wait: bool, as_json: bool) -> int:
    if not stay:
        if newsroom.ledger.server_pid() is None:
            say(f"No `mailer serve` is running here, which would start it at {iso(at)}: start one, or add --wait.")
        _show(newsroom.ledger.sends.summary(send_id), as_json=as_json)
        return 0
    say(f"Waiting until {iso(at)}; Ctrl-C leaves it scheduled.")
    while (left := at - newsroom.clock()) > 0:
        time.sleep(min(left, 1.0))
    start_due(newsroom, newsroom.ledger.sends.get(send_id))
    return _run(newsroom, send_id, wait=wait, as_json=as_json)


def _run(newsroom: Newsroom, send_id: int, *, wait: bool, as_json: bool) -> int:
    """Carry a send on with a progress bar, then show what it came to; the exit code."""
    before = newsroom.ledger.sends.summary(send_id)
    with progress_bar(before, shown=not as_json) as watch:
        run = run_send(newsroom, send_id, wait=wait, watch=watch)
    return _show(run.summary, as_json=as_json, run=run, hint=next_step(run.summary, run.ending))


def _show(summary: Summary, *, as_json: bool, run: Run | None = None, hint: str | None = None) -> int:
    if as_json:
        print_json(send_object(summary))
    else:
        click.echo(f"send {summary.send.id} {summary.send.state}: {proof_line(summary)}")
        hint = next_step(summary, run.ending if run else None) if hint is None else hint
        if hint:
            say(hint)
    return exit_code(summary)
