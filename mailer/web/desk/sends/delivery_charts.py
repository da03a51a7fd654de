"""Charts of a send: its deliveries by state, its domains, its throughput."""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from markupsafe import Markup

from mailer.delivery.states import DeliveryState, SendState
from mailer.ledger.types.sends import Summary
from mailer.service.sends.monitor import Throughput
from mailer.web.desk import charts
from mailer.web.desk.plain_language import NOT_SENT, delivery_state

WIDE, NARROW = 560, 330  # widths of the plot, on a desktop and on a phone
_S = DeliveryState


def legend(summary: Summary) -> tuple[charts.ChartPart, ...]:
    """Returns the counts by state, with their colours. Their sum is the number of recipients."""
    not_sent = delivery_state(_S.SKIPPED) if summary.send.state is SendState.CANCELLED else NOT_SENT
    parts = (
        ("accepted", summary.count(_S.ACCEPTED), "good"),
        ("waiting", summary.count(_S.PENDING, _S.CLAIMED, _S.SENDING), "quiet"),
        (delivery_state(_S.DEFERRED), summary.count(_S.DEFERRED), "warn"),
        ("failed", summary.count(_S.FAILED), "bad"),
        (not_sent, summary.count(_S.SKIPPED), "faint"),
        (delivery_state(_S.UNCERTAIN), summary.count(_S.UNCERTAIN), "doubt"),
    )
    ended = summary.send.is_ended
    return tuple(charts.ChartPart(*each) for each in parts if not ended or each[1] or each[0] in {"accepted", "failed"})


def summary_bar(summary: Summary) -> Markup:
    """Returns a bar of all recipients; those who wait are the empty rest."""
    order = ("good", "doubt", "bad", "warn", "faint")
    parts = {part.tone: part for part in legend(summary)}
    shown = [parts[tone] for tone in order if tone in parts]
    words = ", ".join(f"{part.value:,} {part.name}" for part in shown) or "nobody yet"
    return charts.stack(shown, summary.frozen, words=f"Of {summary.frozen:,}: {words}")


def domain_bar(counts: Mapping[DeliveryState, int], total: int) -> Markup:
    tones = (
        (_S.ACCEPTED, "good"),
        (_S.UNCERTAIN, "doubt"),
        (_S.FAILED, "bad"),
        (_S.DEFERRED, "warn"),
        (_S.SKIPPED, "faint"),
    )
    return charts.stack(
        [charts.ChartPart(delivery_state(state), counts.get(state, 0), tone) for state, tone in tones], total
    )


def plots(throughput: Throughput | None, zone: ZoneInfo, marks: Sequence[charts.Mark] = ()) -> tuple[Markup, ...]:
    """Returns the plot of `throughput` in both widths; nothing before the first attempt."""
    if throughput is None:
        return ()
    points = [charts.Point(at, rate) for at, rate in throughput.rates]
    words = (
        f"Messages per second, in {len(points)} intervals of {throughput.width:.0f} seconds: "
        f"at most {charts.amount(max(point.value for point in points))}, {charts.amount(points[-1].value)} at the end"
    )
    return tuple(charts.plot(points, zone=zone, words=words, marks=marks, width=width) for width in (WIDE, NARROW))
