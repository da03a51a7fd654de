"""What somebody chose before a send: to whom, whom not, when. It travels in the address of a page and in the fields of a form."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from mailer.app import App
from mailer.ledger.types.sends import Repeat
from mailer.service.sends.schedule_time import parse_schedule_time
from mailer.web.desk.request import DeskRequest

TAKE_BACK = 10.0  # seconds
UTC = "UTC"
LATER = "later"
_LONGEST = 2000  # characters of a condition


@dataclass(frozen=True, slots=True, kw_only=True)
class SendForm:
    """`at` as it was typed, in the zone `zone`, for `when` being “later”."""

    lists: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    where: str = ""
    repeat: Repeat = Repeat.REFUSE
    when: str = ""
    at: str = ""
    zone: str = ""

    @property
    def is_later(self) -> bool:
        return self.when == LATER

    def fields(self) -> list[tuple[str, str]]:
        """As fields of a form."""
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

    def time(self, app: App) -> float:
        """When it is to start, in seconds since the epoch. Raises UsageError for a time that is none."""
        now = app.clock()
        return parse_schedule_time(self.at, zone_of(app, self.zone), now=now) if self.is_later else now + TAKE_BACK


def read_send_form(request: DeskRequest, default: Sequence[str] = ()) -> SendForm:
    """What was chosen on the page before; on the first one the lists `default`."""
    posted = request.request.method == "POST"

    def texts(name: str) -> tuple[str, ...]:
        return request.form.texts(name) if posted else tuple(request.request.query_params.getlist(name))

    def text(name: str) -> str:
        return next(iter(texts(name)), "").strip()

    repeat = text("repeat")
    return SendForm(
        lists=tuple(dict.fromkeys(texts("list"))) if text("chosen") else tuple(default),
        exclude=tuple(dict.fromkeys(texts("exclude"))),
        where=text("where")[:_LONGEST],
        repeat=Repeat(repeat) if repeat in set(Repeat) else Repeat.REFUSE,
        when=text("when"),
        at=text("at"),
        zone=text("zone"),
    )


def zone_of(app: App, name: str) -> ZoneInfo:
    """The zone in which a time was typed: UTC, else the installation's."""
    return ZoneInfo(UTC) if name == UTC else app.settings.timezone


def day_ahead(app: App) -> str:
    """Tomorrow at seven, as a time field has it: a time to begin with."""
    today = dt.datetime.fromtimestamp(app.clock(), app.settings.timezone).date()
    return f"{today + dt.timedelta(days=1)}T07:00"
