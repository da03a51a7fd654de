"""Welcomes new subscribers: sends them a dispatch when they have confirmed, in the background of `mailer serve`.

    welcome_new_readers(app, stop, log)      until `stop` is set

A list names the slug in its settings (`welcome`). The newest edition of that slug that an editor has sent or tested is used,
never an unfinished draft, nor an edition that a writer tested; with MAILER_APPROVAL, a tested edition must also be approved.
Until there is one, welcomes wait, which is logged. Each welcome is a send of kind `welcome` with one recipient, through the
same engine as any other: with its own unsubscribe link, under the warm-up plan, counted and verifiable by its number. `mailer
status` does not list them. Nobody is welcomed who got that slug before, may still get it from
another send, or has left again.

The queued welcome is marked before its send is made. After a crash or an error in between it is queued again: a send that was
made all the same keeps its reader from being welcomed twice.
"""

import asyncio

from mailer.app import App
from mailer.csv.rows import Status
from mailer.delivery.states import SendKind
from mailer.edition.merge_fields import LIST_NAME
from mailer.edition.model import Edition
from mailer.errors import MailerError
from mailer.ledger.subscribers.transactional_mail_queue import QueuedMail
from mailer.ledger.types.editions_and_archive import NewEdition, StoredEdition
from mailer.ledger.types.errors import LedgerError, NobodyError
from mailer.ledger.types.sends import NewSend, Recipient, Repeat
from mailer.ledger.types.transactional_mail import TransactionalKind, TransactionalState
from mailer.service.lists.audience_selection import list_names
from mailer.service.periodic_jobs import Log, run_every
from mailer.service.sends.run import run_send_async

LOOK_EVERY = 2.0  # seconds
REST = 60.0  # seconds until waiting welcomes are tried again
_AT_A_TIME = 20


async def welcome_new_readers(app: App, stop: asyncio.Event, log: Log) -> None:
    """Creates the sends that welcome new readers, and resumes those that wait for a retry, until `stop` is set."""
    resumed_at = float("-inf")

    async def step() -> None:
        nonlocal resumed_at
        made = await _make_sends(app, log)
        now = asyncio.get_running_loop().time()
        if made or now - resumed_at >= REST:
            resumed_at = now
            await _resume_welcomes(app, stop, log)

    await run_every(LOOK_EVERY, step, stop, log, app=app, name="welcomes")


async def _make_sends(app: App, log: Log) -> bool:
    """Makes a send of each welcome that is due. Returns whether any was made."""
    queue = app.ledger.transactional
    due = await asyncio.to_thread(queue.due, app.clock(), _AT_A_TIME, TransactionalKind.WELCOME)
    made = False
    for mail in due:
        slug = mail.payload["slug"]
        by_another = app.settings.approval
        stored = await asyncio.to_thread(app.ledger.editions.approved, slug, by_another=by_another)
        if stored is None:
            missing = "tested and approved by another" if by_another else "tested by an editor"
            log(f"a welcome waits: no edition of “{slug}” has been sent, or {missing} (mailer test {slug} EMAIL)")
            await queue.record_result(mail, TransactionalState.QUEUED, next_at=app.clock() + REST)
        elif await queue.begin_sending(mail):
            try:
                done = await asyncio.to_thread(_make_send, app, mail, stored)
            except BaseException:
                await queue.record_result(mail, TransactionalState.QUEUED, next_at=app.clock() + REST, was_sending=True)
                raise
            made = made or bool(done)
            reply = (
                f"send {done}"
                if done
                else "unsubscribed meanwhile, or got it before, or may still get it from another send"
            )
            state = TransactionalState.SENT if done else TransactionalState.FAILED
            await queue.record_result(mail, state, reply=reply, was_sending=True)
    return made


def _make_send(app: App, mail: QueuedMail, stored: StoredEdition) -> int | None:
    """Returns the number of the send to this subscriber; None if they are no longer subscribed."""
    ledger = app.ledger
    rows = [
        each for each in ledger.members.of(mail.identity) if each.status is Status.SUBSCRIBED and not each.removed_at
    ]
    if not rows or ledger.suppressions.get(mail.identity):
        return None
    images = ledger.editions.images(stored.digest)
    compiled = Edition.from_json(stored.json, images)
    wanted = compiled.fields
    values = {name: value for each in reversed(rows) for name, value in each.values.items() if name in wanted}
    if compiled.names_list and (name := list_names(app, [rows[0].list]).get(rows[0].list)):
        values[LIST_NAME] = name
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
        key_name=app.keys.names[0],
        sender_profile=app.sender_profile.to_json(),
        repeat=Repeat.NEW_READERS,
    )
    try:
        return ledger.creator.create(new, [Recipient(identity=mail.identity, address=mail.address, fields=values)]).id
    except NobodyError:
        return None


async def _resume_welcomes(app: App, stop: asyncio.Event, log: Log) -> None:
    """Runs each welcome that is not finished as far as it goes now."""
    for send in await asyncio.to_thread(app.ledger.sends.active, SendKind.WELCOME):
        if stop.is_set():
            return
        try:
            await run_send_async(app, send.id, wait=False)
        except LedgerError:
            raise
        except MailerError as error:
            log(f"welcome {send.id}: {error}")
