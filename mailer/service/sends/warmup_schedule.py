"""Forecasts the days of a send under a warm-up plan."""

from mailer.app import App
from mailer.delivery.states import SendKind
from mailer.delivery.warmup import DayShare


def warmup_schedule(app: App, count: int, *, now: float, kind: SendKind = SendKind.DISPATCH) -> tuple[DayShare, ...]:
    """Returns on which days `count` messages would be sent, beginning at `now`; without a plan, all now."""
    warmup = app.warmup
    if not warmup.plan or kind is SendKind.TEST:
        return warmup.schedule(count, None)
    today = app.ledger.warmup.allowance(now) if app.has_ledger else warmup.allowance({}, now)
    return warmup.schedule(count, today)
