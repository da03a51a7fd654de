"""Welcomes: the dispatch that greets who has just confirmed, in the background of `mailer serve`.

    welcome_new_readers(newsroom, stop, log)      until `stop` is set

A list names the slug in its settings (`welcome`). What goes out is the newest edition of that slug that an editor has sent
or tested, never a draft that lies on the disk half-written, nor what a writer tests; where MAILER_APPROVAL asks for a second
person, what was tested must have been approved, too. Until there is one, welcomes wait, and say so. Each is a send of
kind `welcome` with an audience of one, through the same engine as any other: with its own unsubscribe link, under the
warm-up plan, accounted for and provable by its number. `mailer status` does not list them. Nobody gets a welcome who got
that slug before, and nobody who has left again.

The letter is crossed off before its send is made: a crash between the two loses a welcome, and doubles none.
"""

import asyncio

from mailer.audience.row import Status
from mailer.delivery.records import NewDelivery
from mailer.delivery.state import SendKind
from mailer.edition.model import Edition
from mailer.errors import MailerError
from mailer.ledger.errors import LedgerError, NobodyError
from mailer.ledger.letters import Letter
from mailer.ledger.types_editions import NewEdition, StoredEdition
from mailer.ledger.types_sends import NewSend, Repeat
from mailer.ledger.types_subscribers import LetterKind, LetterState
from mailer.service.jobs import Log, run_every
from mailer.service.newsroom import Newsroom
from mailer.service.running import carry

LOOK_EVERY = 2.0  # seconds
REST = 60.0  # seconds until what waits is looked at again
_AT_A_TIME = 20


async def welcome_new_readers(newsroom: Newsroom, stop: asyncio.Event, log: Log) -> None:
    """Creates the sends that welcome new readers, and resumes those that wait for a retry, until `stop` is set."""
    resumed_at = float("-inf")

    async def step() -> None:
        nonlocal resumed_at
        made = await _make_sends(newsroom, log)
        now = asyncio.get_running_loop().time()
        if made or now - resumed_at >= REST:
            resumed_at = now
            await _carry_on(newsroom, stop, log)

    await run_every(LOOK_EVERY, step, stop, log, newsroom=newsroom, name="welcomes")


async def _make_sends(newsroom: Newsroom, log: Log) -> bool:
    """Make a send of each welcome that is due; whether there is one."""
    letters = newsroom.ledger.letters
    due = await asyncio.to_thread(letters.due, newsroom.clock(), _AT_A_TIME, LetterKind.WELCOME)
    made = False
    for letter in due:
        slug = letter.payload["slug"]
        by_another = newsroom.settings.approval
        stored = await asyncio.to_thread(newsroom.ledger.editions.approved, slug, by_another=by_another)
        if stored is None:
            missing = "tested and approved by another" if by_another else "tested by an editor"
            log(f"a welcome waits: no edition of “{slug}” was ever sent, or {missing} (mailer test {slug} EMAIL)")
            await letters.settle(letter.id, LetterState.QUEUED, next_at=newsroom.clock() + REST)
        elif await letters.leave(letter.id):
            done = await asyncio.to_thread(_make_send, newsroom, letter, stored)
            made = made or bool(done)
            said = f"send {done}" if done else "left meanwhile, or got it before"
            await letters.settle(letter.id, LetterState.SENT if done else LetterState.FAILED, reply=said)
    return made


def _make_send(newsroom: Newsroom, letter: Letter, stored: StoredEdition) -> int | None:
    """The number of the send to this one person; None when there is nobody to greet."""
    ledger = newsroom.ledger
    rows = [
        each for each in ledger.members.of(letter.identity) if each.status is Status.SUBSCRIBED and not each.removed_at
    ]
    if not rows or ledger.suppressions.get(letter.identity):
        return None
    images = ledger.editions.images(stored.digest)
    wanted = Edition.from_json(stored.json, images).fields
    values = {name: value for each in reversed(rows) for name, value in each.values.items() if name in wanted}
    edition = NewEdition(
        digest=stored.digest,
        slug=stored.slug,
        title=stored.title,
        subject=stored.subject,
        language=stored.language,
        json=stored.json,
        images=images,
    )
    new = NewSend(
        kind=SendKind.WELCOME,
        edition=edition,
        lists=(),
        key_name=newsroom.keys.names[0],
        sender_profile=newsroom.letterhead.to_json(),
        repeat=Repeat.NEW_READERS,
    )
    try:
        return ledger.freezer.create(
            new, [NewDelivery(identity=letter.identity, address=letter.address, fields=values)]
        ).id
    except NobodyError:
        return None


async def _carry_on(newsroom: Newsroom, stop: asyncio.Event, log: Log) -> None:
    """Take each welcome that is not over as far as it goes now."""
    for send in await asyncio.to_thread(newsroom.ledger.sends.going, SendKind.WELCOME):
        if stop.is_set():
            return
        try:
            await carry(newsroom, send.id, wait=False)
        except LedgerError:
            raise
        except MailerError as error:
            log(f"welcome {send.id}: {error}")
