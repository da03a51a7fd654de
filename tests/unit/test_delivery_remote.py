"""The owner's end of a carriage: what it tells the worker, and what becomes of a claim when the worker goes."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from mailer.delivery.carriage import UnmadeError
from mailer.delivery.channel import Word, pack_claim, pack_outcome
from mailer.delivery.fence import Fence, steady
from mailer.delivery.lane import WITHHELD, Outcome
from mailer.delivery.records import Claim, Reply, Stage
from mailer.delivery.remote import Remote, WorkerFault
from mailer.delivery.state import DeliveryState as S
from mailer.delivery.verdict import Scope, lost, verdict
from mailer.errors import MailerError

OK = Reply(code=250, enhanced="2.0.0", text="queued")
ACCEPTED = Outcome(verdict=verdict(OK, Stage.DOT), stage=Stage.DOT, reply=OK)


def claim(number: int) -> Claim:
    address = f"reader{number}@example.com"
    return Claim(delivery_id=number, identity=address, address=address, fields={}, attempt=1, date=1.8e9)


FIRST, SECOND = claim(1), claim(2)


class Told:
    """Stands for the channel: keeps what is told."""

    def __init__(self) -> None:
        self.notes: list[tuple[Any, ...]] = []

    def tell(self, *note: Any) -> None:
        self.notes.append(note)


@dataclass
class Answers:
    """Stands for the sender: what it answers. `committing`: it commits when that is set."""

    allowed: bool = True
    next: Claim | None = None
    sending: bool = True
    committing: asyncio.Event | None = None

    async def commit(self, _claim: Claim) -> bool:
        if self.committing:
            await self.committing.wait()
        return self.allowed

    def may_send(self, _claim: Claim) -> bool:
        return self.sending

    def following(self) -> Claim | None:
        return self.next


class Scene:
    """One carriage, and a worker that is played by the test."""

    def __init__(self, *, pipelining: bool = True) -> None:
        self.told = Told()
        self.forgotten: list[int] = []
        self.remote = Remote(7, self.told, pipelining=pipelining, forget=self.forgotten.append)  # type: ignore[arg-type]

    def deliver(
        self, what: Claim, *, allowed: bool = True, following: Claim | None = None, may_send: bool = True
    ) -> "asyncio.Task[Outcome]":
        answers = Answers(allowed, following, may_send)
        return asyncio.ensure_future(self.remote.deliver(what, answers))

    async def words(self) -> list[tuple[Any, ...]]:
        """What was told by now."""
        await asyncio.sleep(0.001)
        notes, self.told.notes = self.told.notes, []
        return notes

    def offered(self) -> None:
        self.remote.on_note(Word.OFFERED, [])

    def outcome(self, outcome: Outcome, *, is_open: bool = True) -> None:
        self.remote.on_note(Word.OUTCOME, [is_open, pack_outcome(outcome)])


def play(scenario: Callable[[Scene], Coroutine[None, None, None]], **options: Any) -> None:
    async def run() -> None:
        async with asyncio.timeout(60):
            await scenario(Scene(**options))

    asyncio.run(run())


def test_a_claim_is_carried_committed_and_the_next_one_goes_along() -> None:
    async def scenario(scene: Scene) -> None:
        first = scene.deliver(FIRST, following=SECOND)
        assert await scene.words() == [(Word.CARRY, 7, pack_claim(FIRST))]
        scene.offered()
        assert await scene.words() == [(Word.GO, 7, pack_claim(SECOND))]
        scene.outcome(ACCEPTED)
        assert await first == ACCEPTED
        scene.offered()  # the worker went on by itself
        second = scene.deliver(SECOND)
        assert await scene.words() == [(Word.GO, 7, None)]
        scene.outcome(ACCEPTED, is_open=False)
        assert await second == ACCEPTED
        assert not scene.remote.is_open

    play(scenario)


def test_without_pipelining_nothing_is_announced() -> None:
    async def scenario(scene: Scene) -> None:
        task = scene.deliver(FIRST, following=SECOND)
        await scene.words()
        scene.offered()
        assert await scene.words() == [(Word.GO, 7, None)]
        scene.outcome(ACCEPTED)
        await task

    play(scenario, pipelining=False)


@pytest.mark.parametrize("is_offered", [False, True])
def test_a_fault_of_a_worker_says_how_the_message_stands_if_it_may_have_left(*, is_offered: bool) -> None:
    async def scenario(scene: Scene) -> None:
        task = scene.deliver(FIRST)
        await scene.words()
        if is_offered:
            scene.offered()
            await scene.words()
        scene.remote.on_note(Word.UNMADE, ["", "", 2, "IndexError: a bug of ours"])
        with pytest.raises(UnmadeError) as raised:
            await task
        assert isinstance(raised.value.fault, WorkerFault)
        left = raised.value.outcome
        assert (left.verdict.state if left else None) == (S.UNCERTAIN if is_offered else None)

    play(scenario)


@pytest.mark.parametrize("answers", [{"allowed": False}, {"may_send": False}])
def test_what_may_not_be_sent_is_withheld(answers: dict[str, bool]) -> None:
    async def scenario(scene: Scene) -> None:
        task = scene.deliver(FIRST, following=SECOND, **answers)
        await scene.words()
        scene.offered()
        assert await scene.words() == [(Word.WITHHOLD, 7)]
        withheld = Outcome(verdict=WITHHELD, stage=Stage.DATA, withheld=True)
        scene.outcome(withheld, is_open=False)
        assert await task == withheld

    play(scenario)


@pytest.mark.parametrize(
    ("when", "state"), [("carried", S.PENDING), ("offered, not allowed", S.PENDING), ("told to go", S.UNCERTAIN)]
)
def test_a_worker_that_ends_leaves_uncertain_only_what_was_told_to_go(when: str, state: S) -> None:
    async def scenario(scene: Scene) -> None:
        task = scene.deliver(FIRST, allowed=when == "told to go", following=SECOND)
        await scene.words()
        if when != "carried":
            scene.offered()
            await scene.words()
        scene.remote.desert()
        outcome = await task
        assert (outcome.verdict.state, outcome.verdict.scope) == (state, Scope.WORKER)
        assert not scene.remote.is_open
        again = await scene.deliver(SECOND)
        assert again.verdict.state is S.PENDING
        await scene.remote.quit()
        assert scene.forgotten == [7]

    play(scenario)


def test_a_worker_that_ends_while_the_ledger_commits_was_never_told_to_go() -> None:
    async def scenario(scene: Scene) -> None:
        committing = asyncio.Event()
        task = asyncio.ensure_future(scene.remote.deliver(FIRST, Answers(next=SECOND, committing=committing)))
        scene.offered()
        await scene.words()
        scene.remote.desert()
        committing.set()
        assert (await task).verdict.state is S.PENDING
        assert not any(note[0] is Word.GO for note in await scene.words())

    play(scenario)


def test_a_connection_that_ended_while_idle_leaves_the_claim_unsent() -> None:
    async def scenario(scene: Scene) -> None:
        scene.remote.on_note(Word.ENDED, [])
        outcome = await scene.deliver(FIRST)
        assert (outcome.verdict.state, outcome.stage) == (S.PENDING, Stage.MAIL)

    play(scenario)


@pytest.mark.parametrize(
    ("answer", "state"),
    [(ACCEPTED, S.ACCEPTED), (Outcome(verdict=lost(Stage.TEXT, "closed by us"), stage=Stage.TEXT), S.PENDING)],
)
def test_what_is_broken_off_is_as_the_worker_says(answer: Outcome, state: S) -> None:
    async def scenario(scene: Scene) -> None:
        task = scene.deliver(FIRST)
        scene.offered()
        await scene.words()
        task.cancel()
        await asyncio.wait([task])
        abandoning = asyncio.ensure_future(scene.remote.abandon())
        assert await scene.words() == [(Word.CLOSE, 7)]
        scene.outcome(answer, is_open=False)
        assert (await abandoning).verdict.state is state

    play(scenario)


def test_what_is_broken_off_before_its_text_is_unsent_whatever_the_worker_says() -> None:
    async def scenario(scene: Scene) -> None:
        task = scene.deliver(FIRST)
        await scene.words()
        task.cancel()
        await asyncio.wait([task])
        assert (await scene.remote.abandon()).verdict.state is S.PENDING
        assert await scene.words() == [(Word.CLOSE, 7)]

    play(scenario)


def test_a_message_that_cannot_be_made_is_told_with_its_words() -> None:
    async def scenario(scene: Scene) -> None:
        task = scene.deliver(FIRST)
        scene.remote.on_note(Word.UNMADE, ["Too many.", "Use fewer.", 1, ""])
        with pytest.raises(UnmadeError) as caught:
            await task
        fault = caught.value.fault
        assert isinstance(fault, MailerError)
        assert (str(fault), fault.exit_code) == ("Too many. Use fewer.", 1)
        task = scene.deliver(FIRST)
        scene.remote.on_note(Word.UNMADE, ["", "", 2, "Traceback: a bug"])
        with pytest.raises(UnmadeError, match="a bug") as caught:
            await task
        assert isinstance(caught.value.fault, WorkerFault)

    play(scenario)


@pytest.mark.parametrize(
    ("owner", "ahead", "allowed"),
    [(os.getppid(), 10.0, True), (os.getppid(), -0.001, False), (os.getpid(), 10.0, False)],
    ids=["owned", "run out", "another owner"],
)
def test_the_fence_holds_by_time_and_by_the_owner_s_life(owner: int, ahead: float, allowed: bool) -> None:
    fence = Fence(owner)
    assert not fence.allows()
    fence.until = steady() + ahead
    assert fence.allows() is allowed
