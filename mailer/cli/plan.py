"""What a person sees before a send, and is asked: who gets what from whom, who does not and why. All on standard error."""

from collections.abc import Iterable

import click

from mailer.cli.output import is_person, plural, say
from mailer.delivery.state import DeliveryState
from mailer.dispatch.problem import Problem
from mailer.errors import UndecidedError
from mailer.ledger.types_sends import Summary
from mailer.service.compiling import DispatchError
from mailer.service.course import spread
from mailer.service.newsroom import Newsroom
from mailer.service.sending import SendPlan
from mailer.service.timeleft import in_days
from mailer.timestamps import iso


def show_plan(newsroom: Newsroom, plan: SendPlan, *, at: float | None = None) -> None:
    """Everything that is decided, with what was found in dispatch, lists and settings."""
    settings = newsroom.settings
    rows = [
        ("Dispatch", f"{plan.edition.title} ({plan.checked.shown})"),
        ("Subject", plan.subject),
        ("From", str(settings.sender)),
        ("Edition", f"{plan.edition.digest[:16]}{_tested(plan)}"),
        ("Size", _size(plan)),
        ("To", f"{', '.join(plan.lists)}: {plural(plan.head.to_mail, 'reader')}"),
        *[("Left out", f"{number:,} {reason}") for number, reason in plan.head.left_out],
        ("By", ", ".join(str(relay) for relay in settings.relay)),
    ]
    begins = newsroom.clock() if at is None else at
    if newsroom.settings.warmup and (shares := spread(newsroom, plan.head.to_mail, now=begins)):
        rows.append(("Warm-up", in_days(shares, begins=begins, now=newsroom.clock(), zone=settings.timezone)))
    if at is not None:
        rows.append(("At", f"{iso(at)}; readers are counted again then"))
    _show_rows(rows)
    show_aside(plan.checked.problems)
    for words in (*plan.head.findings, *(f"warning: {warning}" for warning in plan.warnings)):
        say(f"  {words}")
    if plan.head.more_findings:
        say(f"  and {plural(plan.head.more_findings, 'more finding')} in the lists")


def show_aside(problems: Iterable[Problem]) -> None:
    """Findings beside a result: on standard error."""
    for problem in problems:
        say(str(problem))


def refused(error: DispatchError) -> DispatchError:
    """The error of a dispatch that cannot be sent, after its findings were shown."""
    show_aside(error.checked.problems)
    return error


def ask(plan: SendPlan) -> None:
    """The number of readers, typed. Raises UndecidedError where nobody can be asked, or it is not typed."""
    count = plan.head.to_mail
    if not is_person():
        raise UndecidedError("There is no terminal to ask at; nothing was sent.", "Add --yes to send without asking.")
    say()
    try:
        typed = click.prompt(
            f"Type the number of readers ({count}) to send, anything else to leave it",
            err=True,
            default="",
            show_default=False,
        )
    except click.Abort:
        say()
        typed = ""
    if typed.strip().replace(",", "") != str(count):
        raise UndecidedError("Nothing was sent.", "To send, run the command again.")


def show_resend(newsroom: Newsroom, parent: Summary) -> None:
    """What a send to those that `parent` failed to reach would be."""
    made = parent.send
    _show_rows(
        [
            ("Dispatch", made.slug),
            ("Edition", f"{made.digest[:16]}, as in send {made.id}"),
            ("From", str(newsroom.settings.sender)),
            ("To", f"{plural(parent.count(DeliveryState.FAILED), 'reader')} that it failed to reach"),
            ("Left out", "who got it by another send, has left or was suppressed since"),
            ("By", ", ".join(str(relay) for relay in newsroom.settings.relay)),
        ]
    )


def ask_resend() -> None:
    """A yes. Raises UndecidedError for anything else."""
    say()
    try:
        agreed = click.confirm("Send it?", err=True)
    except click.Abort:
        say()
        agreed = False
    if not agreed:
        raise UndecidedError("Nothing was sent.", "To send, run the command again.")


def _show_rows(rows: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    last = ""
    for name, words in rows:
        say(f"{click.style((name if name != last else '').rjust(width), dim=True)}  {words}")
        last = name


def _tested(plan: SendPlan) -> str:
    if plan.last_tested is None:
        return ", never tested"
    return f", not the one last tested ({plan.last_tested[:16]})" if plan.differs_from_test else ", as tested"


def _size(plan: SendPlan) -> str:
    versions = f", {plan.head.variants} versions" if plan.head.variants > 1 else ""
    return f"{plan.sample.size / 1024:,.0f} KB a message{versions}"
