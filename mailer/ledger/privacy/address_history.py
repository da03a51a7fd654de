"""The former and later addresses of a subscriber: a change of address is recorded in the history of both, which links them.

    link_addresses(conn, ...)        links two addresses after a change
    former_addresses(conn, identity) the addresses before this one, however many changes ago
    later_addresses(conn, identity)  the addresses after this one, but for changes that were taken back
    unlink_addresses(conn, ...)      removes the way from a later address to a former one, when a change is taken back
    forget_address(conn, identity)   removes an erased address from the histories of the others

A request for the data of an address, or for its erasure, includes the former addresses, never the later ones: the present address
was confirmed by its reader; a former one may be anybody's by now. An opt-out by a link in a message includes the later ones.
"""

from sqlalchemy import Column, ColumnElement, Connection, and_, insert, select, true, update

from mailer.ledger.store.tables import member_change
from mailer.ledger.types.subscribers import MemberChangeKind


def link_addresses(conn: Connection, list_id: int, before: str, after: str, *, by: str, at: float) -> None:
    """Within a transaction: records in both histories that the person changed the address, on one of their lists."""
    same = {"list_id": list_id, "at": at, "by": by, "kind": MemberChangeKind.ADDRESS, "before": before, "after": after}
    conn.execute(insert(member_change), [{**same, "identity": before}, {**same, "identity": after}])


def former_addresses(conn: Connection, identity: str) -> tuple[str, ...]:
    """Returns the identities that the person had before this one, the latest first."""
    return _follow(conn, identity, member_change.c.after, member_change.c.before)


def later_addresses(conn: Connection, identity: str, *, since: float = float("-inf")) -> tuple[str, ...]:
    """Returns the identities that the person took after this one, the earliest first; only by changes since an instant."""
    there = member_change.alias()
    is_kept = and_(  # taking a change back removes the former address from the history of the later one
        there.c.kind == MemberChangeKind.ADDRESS,
        there.c.identity == member_change.c.after,
        there.c.before == member_change.c.before,
        there.c.at == member_change.c.at,
    )
    is_taken = and_(member_change.c.at >= since, select(there.c.id).where(is_kept).exists())
    return _follow(conn, identity, member_change.c.before, member_change.c.after, is_taken)


def unlink_addresses(conn: Connection, identity: str, former: str, *, since: float) -> None:
    """Within a transaction: removes `former` from the history of `identity`, if it came there since an instant."""
    moved = (member_change.c.kind == MemberChangeKind.ADDRESS, member_change.c.identity == identity)
    came = (member_change.c.before == former, member_change.c.at >= since)
    conn.execute(update(member_change).where(*moved, *came).values(before=""))


def forget_address(conn: Connection, identity: str) -> None:
    """Within a transaction, before its own history is removed: removes this address from all other histories."""
    moved = member_change.c.kind == MemberChangeKind.ADDRESS
    ends = select(member_change.c.before, member_change.c.after).where(moved, member_change.c.identity == identity)
    linked = {each for row in conn.execute(ends.distinct()) for each in row} - {identity}
    for side in (member_change.c.before, member_change.c.after):
        of_others = update(member_change).where(moved, member_change.c.identity.in_(linked), side == identity)
        conn.execute(of_others.values({side: ""}))


def _follow(
    conn: Connection, identity: str, here: Column[str], there: Column[str], which: ColumnElement[bool] | None = None
) -> tuple[str, ...]:
    found, new = [identity], [identity]
    while new:
        query = (
            select(there)
            .distinct()
            .where(
                member_change.c.kind == MemberChangeKind.ADDRESS,
                member_change.c.identity.in_(new),
                here.in_(new),
                true() if which is None else which,
            )
        )
        new = sorted({each for each in conn.execute(query).scalars() if each} - set(found))
        found += new
    return tuple(found[1:])
