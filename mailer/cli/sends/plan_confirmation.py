"""The plan of a send, shown and confirmed before the send is created. All output goes to standard error."""

import click

from mailer.app import App
from mailer.cli.output import echo_err, is_interactive, plural
from mailer.cli.problem_output import show_problems
from mailer.errors import NeedsConfirmationError
from mailer.ledger.types.sends import ResendPlan, Send
from mailer.line_sanitizer import clean_line
from mailer.service.sends.eta import format_days
from mailer.service.sends.plan import SendPlan
from mailer.service.sends.schedule_time import describe_schedule_time
from mailer.service.sends.warmup_schedule import warmup_schedule

_MAX_TYPED = 20  # characters of an answer that are repeated


def show_plan(app: App, plan: SendPlan, *, at: float | None = None) -> None:
    """Shows the plan, with the problems of the dispatch, the lists and the settings."""
    settings = app.settings
    rows = [
        ("Dispatch", f"{plan.edition.title} ({plan.checked.shown})"),
        ("Subject", plan.subject),
        ("From", str(settings.sender)),
        ("Edition", f"{plan.edition.digest[:16]}{_describe_test(plan)}"),
        ("Size", _describe_size(plan)),
        ("To", f"{', '.join(plan.lists)}: {plural(plan.summary.to_mail, 'reader')}"),
        *[("Left out", f"{number:,} {reason}") for number, reason in plan.summary.left_out],
        ("Relay", ", ".join(str(relay) for relay in settings.relay)),
    ]
    begins = app.clock() if at is None else at
    if app.settings.warmup and (shares := warmup_schedule(app, plan.summary.to_mail, now=begins)):
        rows.append(("Warm-up", format_days(shares, begins=begins, now=app.clock(), zone=settings.timezone)))
    if at is not None:
        rows.append(("Starts", f"{describe_schedule_time(at, settings.timezone)}; the readers are counted again then"))
    _show_rows(rows)
    show_problems(plan.checked.problems)
    for words in (*plan.summary.findings, *(f"warning: {warning}" for warning in plan.warnings)):
        echo_err(f"  {words}")
    if plan.summary.more_findings:
        echo_err(f"  and {plural(plan.summary.more_findings, 'more problem')} in the lists")


def confirm_send(plan: SendPlan) -> None:
    """Asks for the number of readers. Raises NeedsConfirmationError without a terminal, and for any other answer."""
    count = plan.summary.to_mail
    if not is_interactive():
        raise NeedsConfirmationError(
            "Nothing was sent: there is no terminal to ask for confirmation.", "To send without asking, add --yes."
        )
    echo_err()
    try:
        typed = click.prompt(
            f"Type the number of readers ({count}) to send, or press Enter to stop",
            err=True,
            default="",
            show_default=False,
        )
    except click.Abort:
        echo_err()
        typed = ""
    if typed.strip().replace(",", "") != str(count):
        number = clean_line(typed).strip()[:_MAX_TYPED]
        why = f": {number} is not {count}" if number else ""
        raise NeedsConfirmationError(f"Nothing was sent{why}.", "To send, run the command again.")


def show_resend(app: App, parent: Send, plan: ResendPlan) -> None:
    """Shows the plan of a send to the failed recipients of `parent`."""
    left_out = f"{plan.left_out:,} who got it in another send, may still get it in one, unsubscribed or are suppressed"
    _show_rows(
        [
            ("Dispatch", parent.slug),
            ("Edition", f"{parent.digest[:16]}, as in send {parent.id}"),
            ("From", str(app.settings.sender)),
            ("To", f"{plural(plan.to_mail, 'reader')} whose delivery failed"),
            *([("Left out", left_out)] if plan.left_out else []),
            ("Relay", ", ".join(str(relay) for relay in app.settings.relay)),
        ]
    )


def confirm_resend() -> None:
    """Asks for a yes. Raises NeedsConfirmationError for anything else."""
    echo_err()
    try:
        agreed = click.confirm("Send?", err=True)
    except click.Abort:
        echo_err()
        agreed = False
    if not agreed:
        raise NeedsConfirmationError("Nothing was sent.", "To send, run the command again.")


def _show_rows(rows: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    last = ""
    for name, words in rows:
        echo_err(f"{click.style((name if name != last else '').rjust(width), dim=True)}  {words}")
        last = name


def _describe_test(plan: SendPlan) -> str:
    if plan.last_tested is None:
        return ", never tested"
    return f", changed since the last test ({plan.last_tested[:16]})" if plan.differs_from_test else ", as tested"


def _describe_size(plan: SendPlan) -> str:
    versions = f", {plan.summary.variants} versions" if plan.summary.variants > 1 else ""
    return f"{plan.sample.size / 1024:,.0f} KB a message{versions}"
