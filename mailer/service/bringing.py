"""Lists as a send needs them: what their files say now, on a connection that sees it.

    with brought_up(newsroom, names, record=True) as lists: ...      synced
    with brought_up(newsroom, names, record=False) as lists: ...     only rehearsed, where nothing may be recorded
    with brought_up(..., record=False, rehearse=False) as lists: ... as they were synced last, for a quick look

Raises what a sync raises (mailer.service.lists).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection

from mailer.ledger.ledger import Ledger
from mailer.ledger.types_subscribers import SyncPlan
from mailer.service.list_digest import digest_of
from mailer.service.lists import BY_HAND, stage_list, sync_list, unchanged
from mailer.service.newsroom import Newsroom


@dataclass(frozen=True, slots=True, kw_only=True)
class BroughtUp:
    """A ledger in which lists are as their files say now, and a connection that sees it; `plans`: what that took.

    `behind`: lists whose files say something else by now, and which are as they were synced last all the same.
    """

    ledger: Ledger
    conn: Connection
    plans: Mapping[str, SyncPlan]
    behind: tuple[str, ...] = ()


@contextmanager
def brought_up(
    newsroom: Newsroom, names: Sequence[str], *, record: bool, allow_removals: bool = False, rehearse: bool = True
) -> Iterator[BroughtUp]:
    """Have each of the lists as its file says now. `record`: by syncing them; else nothing stays of it, no ledger is made.

    Without `rehearse` a list that was ever synced is taken as the ledger has it: a rehearsal holds up whoever writes.
    """
    plans = {name: sync_list(newsroom, name) for name in names} if record else {}
    with newsroom.ledger_to_look_at() as ledger:
        files = {name: newsroom.workspace.list_file(name) for name in names}
        digests = {} if record else {name: digest_of(path) for name, path in files.items()}
        stale = [name for name, digest in digests.items() if not ledger.syncs.is_current(name, digest)]
        known = {} if rehearse else {name: state for name in stale if (state := ledger.syncs.state(name))}
        behind = tuple(name for name, state in known.items() if state.digest != digests[name])
        stale = [name for name in stale if name not in known]
        if not stale:
            plans.update((name, unchanged(newsroom, name)) for name in names if name not in plans)
            with ledger.syncs.looking() as conn:
                yield BroughtUp(ledger=ledger, conn=conn, plans=plans, behind=behind)
            return
        with ledger.syncs.bench() as bench:
            staged = [
                stage_list(bench, files[name], name, number=number, keep=False)
                for number, name in enumerate(stale, start=1)
            ]
            with bench.rehearsing() as conn:
                for each in staged:
                    done = ledger.syncs.merge(
                        conn, each.source.name, each.rows, each.reading, by=BY_HAND, allow_removals=allow_removals
                    )
                    plans[each.source.name] = done.plan
                plans.update((name, unchanged(newsroom, name)) for name in names if name not in plans)
                yield BroughtUp(ledger=ledger, conn=conn, plans=plans, behind=behind)
