"""The form of a send: which lists, except whom, and when. It travels as the query of a page and as fields of a posted form."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from mailer.app import App
from mailer.errors import UsageError
from mailer.ledger.types.sends import Repeat
from mailer.service.sends.schedule_time import parse_schedule_time
from mailer.web.desk.request import DeskRequest

UNDO_SECONDS = 10.0  # between confirming a send and its start
UTC = "UTC"
_LATER = "later"
_MAX_CONDITION = 2000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTime:
    """When a send is to start, in seconds since the epoch; None: now. `error` says why it cannot, and what to do."""

    at: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendForm:
    """The fields of the form. `at` is the time as it was typed, in the time zone `zone`; it counts if `when` is “later”."""

    lists: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    where: str = ""
    repeat: Repeat = Repeat.REFUSE
    when: str = ""
    at: str = ""
    zone: str = ""

    @property
    def is_later(self) -> bool:
        return self.when == _LATER

    def fields(self) -> list[tuple[str, str]]:
        """Returns the names and values of the form fields; `read_send_form` is the inverse."""
        return [
            ("chosen", "1"),
            *(("list", name) for name in self.lists),
            *(("exclude", name) for name in self.exclude),
            ("where", self.where),
            ("repeat", self.repeat.value),
            ("when", self.when),
            ("at", self.at),
            ("zone", self.zone),
        ]

    def start_time(self, app: App) -> StartTime:
        """Returns when the send is to start, or why it cannot start at the time that was typed."""
        if not self.is_later:
            return StartTime()
        zone = ZoneInfo(UTC) if self.zone == UTC else app.settings.timezone
        try:
            return StartTime(at=parse_schedule_time(self.at, zone, now=app.clock()))
        except UsageError:
            return StartTime(error=describe_time_error(self.at, zone))


def read_send_form(request: DeskRequest, default_lists: Sequence[str] = ()) -> SendForm:
    """Returns the form that `request` carries, in its body or its query; `default_lists` before anything was chosen."""
    is_posted = request.request.method == "POST"

    def texts(name: str) -> tuple[str, ...]:
        return request.form.texts(name) if is_posted else tuple(request.request.query_params.getlist(name))

    def text(name: str) -> str:
        return next(iter(texts(name)), "").strip()

    repeat = text("repeat")
    return SendForm(
        lists=tuple(dict.fromkeys(texts("list"))) if text("chosen") else tuple(default_lists),
        exclude=tuple(dict.fromkeys(texts("exclude"))),
        where=text("where")[:_MAX_CONDITION],
        repeat=Repeat(repeat) if repeat in set(Repeat) else Repeat.REFUSE,
        when=text("when"),
        at=text("at"),
        zone=text("zone"),
    )


def describe_time_error(at: str, zone: ZoneInfo) -> str:
    """Returns why a send cannot start at the local time `at`, and what to do."""
    try:
        moment = dt.datetime.fromisoformat(at)
    except ValueError:
        return "Enter a date and a time."
    early, late = (moment.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    if moment.tzinfo is None and early != late:
        return (
            f"The clocks in {zone.key} change then: {moment:%H:%M} is skipped, or comes twice. "
            "Choose another time, or UTC as the time zone."
        )
    return "This time is in the past. Choose a later one."


def send_zones(app: App) -> tuple[str, ...]:
    """Returns the time zones that a time can be in."""
    return tuple(dict.fromkeys((app.settings.timezone.key, UTC)))


def local_time(app: App, at: float | None) -> str:
    """Returns a time as the value of a datetime-local field; "" for None."""
    return "" if at is None else f"{dt.datetime.fromtimestamp(at, app.settings.timezone):%Y-%m-%dT%H:%M}"


def suggested_time(app: App) -> str:
    """Returns tomorrow at 07:00 as the value of a datetime-local field."""
    today = dt.datetime.fromtimestamp(app.clock(), app.settings.timezone).date()
    return f"{today + dt.timedelta(days=1)}T07:00"
