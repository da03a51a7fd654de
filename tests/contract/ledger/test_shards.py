"""A send of several shards, on PostgreSQL: several processes send it at once, and none touches the shard of another."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url, text, update

from mailer.delivery.states import DeliveryState as S
from mailer.delivery.states import SendState
from mailer.ledger.ledger import Ledger, open_ledger
from mailer.ledger.store.lease import Lease
from mailer.ledger.store.tables import send_shard
from mailer.ledger.types.errors import FencedError
from tests.support.ledger_cases import DAY, counts, deliver, delivery_result, die, new_send, readers, run, session
from tests.support.patience import PATIENCE

POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
SIZE = 4


@pytest.fixture
def open_sharded(database_url: str, tmp_path: Path, clock: Callable[[], float]) -> Iterator[Callable[[], Ledger]]:
    """Opens the test's ledger, as often as wanted, with small shards."""
    opened: list[Ledger] = []

    def open_one() -> Ledger:
        opened.append(open_ledger(database_url, tmp_path / ".mailer", clock=clock, shard_size=SIZE))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture
def ledger(open_sharded: Callable[[], Ledger]) -> Ledger:
    return open_sharded()


def expire(ledger: Ledger, number: int) -> None:
    """Makes the lease of a shard end now, as after a long stop of its process."""
    late = update(send_shard).where(send_shard.c.number == number).values(expires_at=0.0)
    ledger.context.writer.call(lambda conn: conn.execute(late).rowcount).result()


@pytest.mark.parametrize(("frozen", "shards"), [(1, 1), (4, 1), (5, 2), (13, 4)])
def test_a_frozen_audience_is_cut_into_shards_that_have_every_delivery_once(ledger, frozen, shards):
    send = ledger.creator.create(new_send(), readers(frozen))
    found = ledger.shards.of(send.id)
    if not ledger.context.database.has_leases:
        assert len(found) == 1
    else:
        assert [each.number for each in found] == list(range(1, shards + 1))
        assert all(each.last_id - each.first_id < SIZE for each in found)
    ids = [row.delivery_id for row in ledger.report.rows(send.id)]
    assert sorted(number for each in found for number in range(each.first_id, each.last_id + 1)) == ids


@POSTGRESQL
def test_processes_take_shards_of_their_own_and_the_last_one_ends_the_send(ledger, open_sharded, clock):
    other = open_sharded()
    send = ledger.creator.create(new_send(), readers(3 * SIZE))
    first, second, third = session(ledger, send), session(other, send), session(other, send)
    assert ledger.leases.acquire(send.id, retry_for=DAY) is None
    assert ledger.leases.acquire(send.id, retry_for=DAY, number=2) is None
    shares = [run(each.claim(100, clock.now)) for each in (first, second, third)]
    assert [len(share) for share in shares] == [SIZE] * 3
    assert len({claim.delivery_id for share in shares for claim in share}) == 3 * SIZE
    second.close()
    assert counts(ledger, send) == {S.CLAIMED: 2 * SIZE, S.PENDING: SIZE}, "only its own claims are released"
    third.close()
    for claim in shares[0]:
        assert run(first.begin_sending(claim))
        run(first.record(delivery_result(claim, S.ACCEPTED, clock.now)))
    assert run(first.status()).state is SendState.FINISHED, "nothing is left of its shard"
    assert ledger.sends.get(send.id).state is SendState.RUNNING
    first.close()
    for _ in range(2):
        assert ledger.shards.next_at(send.id) == 0
        with session(other, send) as mine:
            run(deliver(mine, clock.now, limit=SIZE))
            run(mine.status())
    assert ledger.shards.next_at(send.id) is None
    assert ledger.sends.get(send.id).state is SendState.FINISHED


@POSTGRESQL
def test_a_holder_that_lost_its_shard_sends_nothing_more_and_the_others_go_on(ledger, open_sharded, clock):
    other = open_sharded()
    send = ledger.creator.create(new_send(), readers(2 * SIZE))
    zombie, living = session(ledger, send), session(other, send)
    marked, claimed, *_ = run(zombie.claim(3, clock.now))
    theirs, *_ = run(living.claim(2, clock.now))
    assert run(zombie.begin_sending(marked))
    assert run(living.begin_sending(theirs))
    expire(other, 1)
    with session(other, send) as heir:
        assert counts(other, send) == {S.UNCERTAIN: 1, S.SENDING: 1, S.CLAIMED: 1, S.PENDING: 2 * SIZE - 3}
        assert not run(zombie.begin_sending(claimed))
        with pytest.raises(FencedError):
            run(zombie.claim(1, clock.now))
        with pytest.raises(FencedError):
            run(zombie.take_back("refused", [marked.delivery_id]))
        run(deliver(heir, clock.now, limit=SIZE))
        zombie.close()
        run(living.record(delivery_result(theirs, S.ACCEPTED, clock.now)))
        run(deliver(living, clock.now, limit=SIZE))
    assert counts(other, send) == {S.UNCERTAIN: 1, S.ACCEPTED: 2 * SIZE - 2, S.CLAIMED: 1}


@POSTGRESQL
def test_a_late_result_of_a_former_holder_makes_its_shard_due_again(ledger, open_sharded, clock):
    other = open_sharded()
    send = ledger.creator.create(new_send(), readers(2 * SIZE))
    zombie = session(ledger, send)
    (marked,) = run(zombie.claim(1, clock.now))
    assert run(zombie.begin_sending(marked))
    expire(other, 1)
    with session(other, send) as heir:
        run(deliver(heir, clock.now, limit=SIZE))
        assert run(heir.status()).state is SendState.FINISHED
    with session(other, send) as heir:
        assert heir.shard.number == 2
        run(zombie.record(delivery_result(marked, S.DEFERRED, clock.now)))
        run(deliver(heir, clock.now, limit=SIZE))
        run(heir.status())
    assert ledger.sends.get(send.id).state is SendState.WAITING
    zombie.close()
    assert ledger.shards.next_at(send.id) == 0
    clock.forward(61)
    with session(other, send) as heir:
        assert heir.shard.number == 1
        run(deliver(heir, clock.now))
        assert run(heir.status()).state is SendState.FINISHED


@POSTGRESQL
def test_a_pause_stops_all_shards_and_a_breaker_does_too(ledger, open_sharded, clock):
    other = open_sharded()
    send = ledger.creator.create(new_send(), readers(2 * SIZE))
    first, second = session(ledger, send), session(other, send)
    claims = [run(each.claim(2, clock.now)) for each in (first, second)]
    run(first.trip_breaker("refused"))
    assert not run(second.begin_sending(claims[1][0]))
    assert run(second.claim(1, clock.now)) == ()
    assert run(second.status()).state is SendState.PAUSED
    ledger.sends.resume(send.id)
    assert run(second.begin_sending(claims[1][0]))
    ledger.sends.pause(send.id)
    assert not run(first.begin_sending(claims[0][0]))
    first.close()
    second.close()


@POSTGRESQL
def test_cancelling_recovers_free_shards_and_leaves_those_of_living_holders(ledger, open_sharded, clock):
    other = open_sharded()
    send = ledger.creator.create(new_send(), readers(2 * SIZE))
    dead, living = session(ledger, send), session(other, send)
    for mine in (dead, living):
        (claim,) = run(mine.claim(1, clock.now))
        assert run(mine.begin_sending(claim))
    die(dead)
    assert ledger.sends.cancel(send.id).state is SendState.PAUSED
    assert counts(ledger, send) == {S.UNCERTAIN: 1, S.SENDING: 1, S.SKIPPED: 2 * SIZE - 2}
    run(living.record(delivery_result(claim, S.ACCEPTED, clock.now)))
    assert ledger.sends.get(send.id).state is SendState.CANCELLED
    living.close()


@POSTGRESQL
def test_a_shard_with_deferred_deliveries_alone_is_due_at_the_first_of_them(ledger, clock):
    send = ledger.creator.create(new_send(), readers(2 * SIZE))
    with session(ledger, send) as mine:
        run(deliver(mine, clock.now, S.DEFERRED, limit=SIZE, next_at=clock.now + 60))
        assert run(mine.status()).next_at == clock.now + 60
        assert ledger.sends.get(send.id).state is SendState.RUNNING, "the other shard can go on"
    with session(ledger, send) as mine:
        assert mine.shard.number == 2, "the one that is due comes first"
        run(deliver(mine, clock.now, S.UNCERTAIN, limit=SIZE))
        assert run(mine.status()).state is SendState.FINISHED
    assert ledger.sends.get(send.id).state is SendState.WAITING
    assert ledger.shards.next_at(send.id) == clock.now + 60
    ledger.sends.resolve_uncertain(send.id, resend=True)
    assert ledger.shards.next_at(send.id) == 0, "its shard is due again"
    with session(ledger, send) as mine:
        assert mine.shard.number == 2
        assert len(run(mine.claim(SIZE, clock.now))) == SIZE
    assert ledger.sends.get(send.id).state is SendState.RUNNING


@POSTGRESQL
def test_what_was_taken_back_comes_last_in_its_shard(ledger, clock):
    send = ledger.creator.create(new_send(), readers(2 * SIZE))
    with session(ledger, send) as mine:
        refused = run(mine.claim(1, clock.now))
        assert run(mine.begin_sending(refused[0]))
        run(mine.record(delivery_result(refused[0], S.FAILED, clock.now)))
        run(mine.take_back("refused", [refused[0].delivery_id]))
        claims = run(mine.claim(100, clock.now))
        assert [claim.delivery_id for claim in claims] == [
            *range(mine.shard.first_id + 1, mine.shard.last_id + 1),
            refused[0].delivery_id,
        ]


@POSTGRESQL
def test_batches_of_all_shards_go_on_through_pauses(ledger, open_sharded, clock):
    """Four holders claim, mark and record at once, while the send is paused and resumed again and again."""
    send = ledger.creator.create(new_send(), readers(4 * SIZE))
    held = [session(open_sharded(), send) for _ in range(4)]

    async def send_all(mine):
        while counts(ledger, send).get(S.ACCEPTED, 0) < 4 * SIZE:
            for claim in await mine.claim(1, clock.now):
                if await mine.begin_sending(claim):
                    await mine.record(delivery_result(claim, S.ACCEPTED, clock.now))
                else:
                    await mine.release([claim], clock.now)

    async def pause_and_resume():
        for _ in range(5):
            await asyncio.to_thread(ledger.sends.pause, send.id)
            await asyncio.to_thread(ledger.sends.resume, send.id)

    async def all_at_once():
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(pause_and_resume(), *(send_all(mine) for mine in held))

    run(all_at_once())
    for mine in held:
        mine.close()
    assert counts(ledger, send) == {S.ACCEPTED: 4 * SIZE}
    assert all(check.ok for check in ledger.verifier.checks(send.id))


@POSTGRESQL
@pytest.mark.parametrize("late_one", ["acquire", "cancel"])
def test_a_process_that_stopped_after_it_took_a_shard_does_not_fence_who_took_it_since(
    ledger, open_sharded, monkeypatch, late_one
):
    send, other, taken = ledger.creator.create(new_send(), readers(SIZE)), open_sharded(), []
    take_lease = Lease.acquire

    def take_and_stop(lock: Lease, patience: float) -> bool:
        monkeypatch.setattr(Lease, "acquire", take_lease)
        assert take_lease(lock, patience)
        expire(ledger, 1)
        taken.append(other.leases.acquire(send.id, retry_for=DAY))
        return True

    monkeypatch.setattr(Lease, "acquire", take_and_stop)
    if late_one == "acquire":
        assert ledger.leases.acquire(send.id, retry_for=DAY) is None
    else:
        assert ledger.sends.cancel(send.id).state is SendState.CANCELLED
    with taken[0] as mine:
        claims = run(mine.claim(SIZE, other.context.clock()))
        assert len(claims) == (SIZE if late_one == "acquire" else 0)
        assert all(run(mine.begin_sending(each)) for each in claims)


@POSTGRESQL
def test_transactions_are_read_committed_whatever_the_database_prefers(database_url, tmp_path, clock):
    """With snapshots, two commands that wait for each other would both send a dispatch to everybody."""
    wish = "-c default_transaction_isolation=serializable -c default_transaction_read_only=on"
    url = make_url(database_url).update_query_dict({"options": wish}).render_as_string(hide_password=False)
    opened = open_ledger(url, tmp_path / ".mailer", clock=clock)
    try:
        show = text("SELECT current_setting('transaction_isolation') || current_setting('transaction_read_only')")
        assert opened.context.writer.call(lambda conn: conn.execute(show).scalar_one()).result() == "read committedoff"
    finally:
        opened.close()


@pytest.mark.parametrize("is_paused", [False, True])
def test_a_send_whose_last_results_come_while_its_process_stops_is_finished(ledger, is_paused):
    """Nobody would take a shard of which nothing is left, to find out."""
    send = ledger.creator.create(new_send(), readers(1))
    mine = ledger.leases.acquire(send.id, retry_for=DAY)
    run(deliver(mine, ledger.context.clock()))
    if is_paused:
        ledger.sends.pause(send.id)
    mine.close()
    if is_paused:
        assert ledger.sends.get(send.id).state is SendState.PAUSED
        ledger.sends.resume(send.id)
    assert ledger.sends.get(send.id).state is SendState.FINISHED
