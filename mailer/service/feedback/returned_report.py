"""What came back of a send, for its report: how many messages, why and from where, and how many recipients complained.

Gmail asks senders to stay below 0.1 % complaints, and never to reach 0.3 %; it counts them itself, and reports none of them.
"""

import re
from collections import Counter
from dataclasses import dataclass

from mailer.app import App
from mailer.delivery.states import DeliveryState
from mailer.delivery.throttle import provider_of
from mailer.ledger.types.feedback import ReturnedGroup

GOOD_RATE, HIGHEST_RATE = 0.1, 0.3  # per cent
_LOCAL_PART = re.compile(r"[^\s<>()\[\]:;,\"']+@")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintRate:
    """How many of the `accepted` messages were complained about; `provider` is "" for all of a send."""

    provider: str = ""
    accepted: int
    complaints: int

    @property
    def percent(self) -> float:
        return 100 * self.complaints / self.accepted if self.accepted else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedReport:
    """`messages`: how many came back. `groups`: by domain and reason; their words name nobody. `providers`: with a complaint."""

    messages: int
    groups: tuple[ReturnedGroup, ...]
    complaints: ComplaintRate
    providers: tuple[ComplaintRate, ...]


def returned_report(app: App, send_id: int, accepted: int) -> ReturnedReport:
    """Returns what came back of a send with so many accepted messages. Raises LedgerError."""
    returned = app.ledger.returned
    complaints = Counter[str]()
    for domain, count in returned.complaints(send_id).items():
        complaints[provider_of(f"@{domain}")] += count
    sent = Counter[str]()
    for each in app.ledger.stats.domains(send_id) if complaints else ():
        if each.state is DeliveryState.ACCEPTED:
            sent[provider_of(f"@{each.domain}")] += each.count
    return ReturnedReport(
        messages=returned.count(send_id),
        groups=tuple(_without_names(each) for each in returned.groups(send_id)),
        complaints=ComplaintRate(accepted=accepted, complaints=complaints.total()),
        providers=tuple(
            ComplaintRate(provider=provider, accepted=sent[provider], complaints=count)
            for provider, count in complaints.most_common()
        ),
    )


def returned_object(report: ReturnedReport) -> dict[str, object]:
    """Returns the keys of `mailer report --json` about what came back."""
    return {
        "came_back": report.messages,
        "returned": [
            {"domain": each.domain, "reason": each.reason.value, "count": each.count, "words": each.words}
            for each in report.groups
        ],
        "complaints": report.complaints.complaints,
        "complaint_rate": round(report.complaints.percent, 3),
        "complaints_by_provider": [
            {
                "provider": each.provider,
                "accepted": each.accepted,
                "complaints": each.complaints,
                "rate": round(each.percent, 3),
            }
            for each in report.providers
        ],
    }


def _without_names(group: ReturnedGroup) -> ReturnedGroup:
    """Returns the group with server's words that contain no address."""
    return ReturnedGroup(
        domain=group.domain, reason=group.reason, count=group.count, words=_LOCAL_PART.sub("…@", group.words)
    )
