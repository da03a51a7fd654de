"""Subscriber preferences, set on the subscriber's own page. Each change is one transaction and applies to running sends.

    preferences.set_lists(...)                 joins some lists, leaves others
    preferences.set_profile(...)               sets the fields of the profile
    preferences.pause(...), resume(...)        pauses all lists of the subscriber

A frozen delivery that is not under way is skipped once its subscriber has left, or paused, all lists of the send; one that may
have been sent stays as it is. The list files get the changes by their next sync (mailer.ledger.sync.syncs). Raises LedgerError.
"""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, insert

from mailer.addresses import Address
from mailer.csv.rows import Status
from mailer.ledger.deliveries.skip import skip_unsubscribed
from mailer.ledger.store.advisory_lock import CREATE_SEND, advisory_lock
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import consent, delivery
from mailer.ledger.subscribers.members import (
    known_list,
    memberships,
    set_status,
    subscribe,
    write_own,
)
from mailer.ledger.subscribers.suppressions import active_suppression
from mailer.ledger.types.subscribers import Membership, StatusSource


class Preferences:
    """Changes preferences in one ledger. An identity is a canonical address (mailer.addresses)."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def set_lists(
        self,
        person: Address,
        on: Mapping[str, Mapping[str, str]],
        off: Collection[str],
        *,
        source: str,
        words: str = "",
    ) -> None:
        """Joins the lists `on`, each with these values of the profile, and leaves those of `off`.

        `words`: the consent text that was shown for joining.

        Joining records a consent as confirmed, and lifts an opt-out: only for a subscriber who has just proved to read mail at
        the address.
        """

        def work(conn: Connection) -> None:
            at = self._context.clock()
            advisory_lock(conn, f"member {person.identity}")
            mine = {each.list: each for each in present_memberships(conn, person.identity)}
            for name in off:
                if name in mine and mine[name].status is not Status.UNSUBSCRIBED:
                    set_own_status(conn, mine[name], Status.UNSUBSCRIBED, by=source, at=at)
            skip_open_deliveries(conn, person.identity, at=at)
            has_opted_out = active_suppression(conn, person.identity) is not None
            for name in on:
                if has_opted_out or name not in mine or is_off(mine[name]):
                    subscribe(conn, name, person, on[name], source=source, at=at)
                    _keep_consent(conn, person.identity, name, words, source=source, at=at)

        self._context.writer.call(work).result()

    def set_profile(self, identity: str, own: Mapping[str, Mapping[str, str]], *, source: str) -> None:
        """Sets, by list, values of the profile. Other fields stay as they were."""

        def work(conn: Connection) -> None:
            advisory_lock(conn, f"member {identity}")
            for each in present_memberships(conn, identity):
                values = {**each.fields, **each.profile}
                changed = {
                    name: value for name, value in own.get(each.list, {}).items() if values.get(name, "") != value
                }
                if changed:
                    write_own(conn, each, {**each.profile, **changed}, by=source, at=self._context.clock())

        self._context.writer.call(work).result()

    def pause(self, identity: str, until: float, *, source: str, may_shorten: bool = True) -> None:
        """Pauses all subscribed lists until then. A pause that the subscriber set before ends then instead; without
        `may_shorten` no earlier than it would have.
        """

        def work(conn: Connection) -> None:
            at = self._context.clock()
            advisory_lock(conn, f"member {identity}")
            for each in present_memberships(conn, identity):
                is_longer = may_shorten or each.paused_until is None or each.paused_until < until
                if each.effective_status(at) is Status.SUBSCRIBED or (_is_own_pause(each) and is_longer):
                    set_own_status(conn, each, Status.PAUSED, by=source, at=at, until=until)
            skip_open_deliveries(conn, identity, at=at)

        self._context.writer.call(work).result()

    def resume(self, identity: str, *, source: str) -> None:
        """Ends a pause that the subscriber set."""

        def work(conn: Connection) -> None:
            advisory_lock(conn, f"member {identity}")
            for each in present_memberships(conn, identity):
                if _is_own_pause(each):
                    set_own_status(conn, each, Status.SUBSCRIBED, by=source, at=self._context.clock())

        self._context.writer.call(work).result()


def skip_open_deliveries(conn: Connection, identity: str, *, at: float) -> None:
    """Skips the open deliveries of the person. Waits for a send that is being created, which has read the lists already."""
    advisory_lock(conn, CREATE_SEND)
    skip_unsubscribed(conn, delivery.c.identity == identity, at=at)


def present_memberships(conn: Connection, identity: str) -> tuple[Membership, ...]:
    """Returns the present memberships of the subscriber, whatever the status."""
    return tuple(each for each in memberships(conn, identity) if each.removed_at is None)


def is_off(each: Membership) -> bool:
    return each.status in {Status.UNSUBSCRIBED, Status.UNCONFIRMED}


def _is_own_pause(each: Membership) -> bool:
    return each.status is Status.PAUSED and each.status_source is StatusSource.PERSON


def set_own_status(
    conn: Connection, each: Membership, status: Status, *, by: str, at: float, until: float | None = None
) -> None:
    set_status(conn, each.list, each.identity, status, status_source=StatusSource.PERSON, by=by, at=at, until=until)


def _keep_consent(conn: Connection, identity: str, list_name: str, words: str, *, source: str, at: float) -> None:
    """Records the consent, as confirmed: only the subscriber has a link that joins lists."""
    conn.execute(
        insert(consent).values(
            identity=identity,
            list_id=known_list(conn, list_name),
            at=at,
            form=source,
            words=words,
            ip="",
            confirmed_at=at,
        )
    )
