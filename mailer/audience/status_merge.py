"""What becomes of a person's status when a list file is merged: the file, the last sync and the ledger, into a Merged.

The whole policy of contract 2, as one total function over words; `sync` asks it once for each combination that occurs.

- A file may move a person towards no, never back. A row that would is blocked: nothing changes, and its cell is set to
  what stands. Which way is which: subscribed, unknown words, paused, unconfirmed, bounced, unsubscribed, complained,
  erased.
- Two words are the file's to take back: one that we do not know (a slip of the pen), and a pause that it said itself.
- Where the file says what it said at the last sync, the ledger is ahead, and the cell follows it. The file's own stronger
  word stays as long as any suppression stands.
- A word that stops (bounced, unsubscribed, complained, erased) becomes a suppression, for the whole installation.
- A row that joins says its word anew; what the person said of this list before still stands.
"""

from dataclasses import dataclass

from mailer.csv.rows import Status

_TOWARDS_NO = (
    Status.SUBSCRIBED,
    Status.UNKNOWN,
    Status.PAUSED,
    Status.UNCONFIRMED,
    Status.BOUNCED,
    Status.UNSUBSCRIBED,
    Status.COMPLAINED,
    Status.ERASED,
)
_RANK = {status: rank for rank, status in enumerate(_TOWARDS_NO)}
_EVERYWHERE = frozenset({Status.BOUNCED, Status.UNSUBSCRIBED, Status.COMPLAINED, Status.ERASED})


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeInput:
    """What is known of a row's person. `file`: the cell's word; `base`: what it was at the last sync, None for a row that joins.

    `status`: what holds on this list, None for somebody new; `by_person`: the person said so. `everywhere`: the word of
    the suppression that stands; `held`: there is one, perhaps without a word of its own (put there by hand).
    """

    file: Status
    base: Status | None = None
    status: Status | None = None
    by_person: bool = False
    suppression: Status | None = None
    is_suppressed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeDecision:
    """What is done. `status` holds on this list from now on, `suppress` in the whole installation; `cell`: what is to be
    written into the file, if anything; `blocked`: why the row's word does not count, "" where it does.
    """

    status: Status
    suppress: Status | None = None
    cell: Status | None = None
    blocked: str = ""


def merge(now: MergeInput) -> MergeDecision:
    """Decide one situation. Total."""
    joins = now.base is None
    here = now.status if now.status is not None and (not joins or now.by_person) else Status.SUBSCRIBED
    stands = now.suppression or here
    if now.file is stands:
        by_hand = joins and now.is_suppressed and now.suppression is None
        return MergeDecision(status=here, blocked="by hand; see: mailer suppress remove" if by_hand else "")
    if not joins and now.file is now.base:
        return _keep_ledger(now, here, stands)
    if _RANK[now.file] > _RANK[stands] or _file_may_revert(now, stands):
        return _apply_file(now, here)
    return MergeDecision(status=here, cell=stands, blocked=f"{stands} {_WHY[stands]}")


def _keep_ledger(now: MergeInput, here: Status, stands: Status) -> MergeDecision:
    """The file has not changed: it follows the ledger."""
    stronger = now.is_suppressed and _RANK[now.file] >= _RANK[stands]
    return MergeDecision(status=here, cell=None if stronger else stands)


def _apply_file(now: MergeInput, here: Status) -> MergeDecision:
    if now.file in _EVERYWHERE:
        return MergeDecision(status=Status.SUBSCRIBED if here is Status.UNKNOWN else here, suppress=now.file)
    return MergeDecision(status=now.file)


def _file_may_revert(now: MergeInput, stands: Status) -> bool:
    """Whether what stands is the file's to take back."""
    return stands is Status.UNKNOWN or (stands is Status.PAUSED and not now.by_person)


_WHY = {
    Status.UNSUBSCRIBED: "by the person",
    Status.COMPLAINED: "by the person",
    Status.PAUSED: "by the person",
    Status.ERASED: "for good",
    Status.BOUNCED: "by a server; see: mailer suppress remove",
    Status.UNCONFIRMED: "until the person confirms",
}
