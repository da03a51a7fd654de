"""The merge of a subscriber's status in a sync: list file, last sync and ledger give one decision.

The whole policy, as one total function of statuses; a sync calls it once for each combination that occurs.

- A file may move a subscriber towards an opt-out, never back. A row that would is blocked: nothing changes, and its cell is set
  to the current status. The order is: subscribed, unknown words, paused, unconfirmed, bounced, unsubscribed, complained, erased.
- The file may revert two statuses: an unknown word (a typing error), and a pause that the file itself set.
- If the file has the status of the last sync, the ledger is newer, and the cell gets the ledger's status. A stronger status of
  the file stays while any suppression exists.
- Bounced, unsubscribed, complained and erased become a suppression, for the whole installation.
- The status of a row that joins counts; a status that the person set on this list before still counts.
"""

from dataclasses import dataclass

from mailer.csv.rows import Status

_WEAKEST_FIRST = (
    Status.SUBSCRIBED,
    Status.UNKNOWN,
    Status.PAUSED,
    Status.UNCONFIRMED,
    Status.BOUNCED,
    Status.UNSUBSCRIBED,
    Status.COMPLAINED,
    Status.ERASED,
)
_RANK = {status: rank for rank, status in enumerate(_WEAKEST_FIRST)}
_SUPPRESSING = frozenset({Status.BOUNCED, Status.UNSUBSCRIBED, Status.COMPLAINED, Status.ERASED})


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeInput:
    """The statuses of one subscriber. `file`: in the list file; `base`: in the file at the last sync, None for a row that joins.

    `status`: in the ledger on this list, None for a new member; `by_person`: the person set it. `suppression`: the status of the
    suppression; `is_suppressed`: there is one, perhaps without a status (added by hand).
    """

    file: Status
    base: Status | None = None
    status: Status | None = None
    by_person: bool = False
    suppression: Status | None = None
    is_suppressed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeDecision:
    """The result: the new `status` on this list, and a new suppression `suppress` for the whole installation.

    `cell`: the status to write into the file, if any; `blocked`: why the status of the file does not count, "" if it does.
    """

    status: Status
    suppress: Status | None = None
    cell: Status | None = None
    blocked: str = ""


def merge_status(now: MergeInput) -> MergeDecision:
    """Decides about one subscriber. Total."""
    is_new = now.base is None
    on_list = now.status if now.status is not None and (not is_new or now.by_person) else Status.SUBSCRIBED
    current = now.suppression or on_list
    if now.file is current:
        by_hand = is_new and now.is_suppressed and now.suppression is None
        return MergeDecision(
            status=on_list, blocked="blocked by an admin; see: mailer suppress remove" if by_hand else ""
        )
    if not is_new and now.file is now.base:
        return _keep_ledger(now, on_list, current)
    if _RANK[now.file] > _RANK[current] or _file_may_revert(now, current):
        return _apply_file(now, on_list)
    return MergeDecision(status=on_list, cell=current, blocked=f"{current} {_BLOCKED_BECAUSE[current]}")


def _keep_ledger(now: MergeInput, on_list: Status, current: Status) -> MergeDecision:
    """Decides if the file has not changed: its cell gets the status of the ledger."""
    keeps_file = now.is_suppressed and _RANK[now.file] >= _RANK[current]
    return MergeDecision(status=on_list, cell=None if keeps_file else current)


def _apply_file(now: MergeInput, on_list: Status) -> MergeDecision:
    if now.file in _SUPPRESSING:
        return MergeDecision(status=Status.SUBSCRIBED if on_list is Status.UNKNOWN else on_list, suppress=now.file)
    return MergeDecision(status=now.file)


def _file_may_revert(now: MergeInput, current: Status) -> bool:
    """Whether the file may revert the current status."""
    return current is Status.UNKNOWN or (current is Status.PAUSED and not now.by_person)


_BLOCKED_BECAUSE = {
    Status.UNSUBSCRIBED: "by the person",
    Status.COMPLAINED: "by the person",
    Status.PAUSED: "by the person",
    Status.ERASED: "permanently",
    Status.BOUNCED: "by a mail server; see: mailer suppress remove",
    Status.UNCONFIRMED: "until the person confirms",
}
