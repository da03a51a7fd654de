"""A new subscriber is welcomed, once, by a send of their own: on every database."""

import asyncio
from email import message_from_bytes, policy

import pytest
from pydantic import SecretStr

from mailer.addresses import parse_address
from mailer.app import App
from mailer.delivery.states import SendKind, SendState
from mailer.edition.model import Edition
from mailer.ledger.sends.create import SendCreator
from mailer.ledger.subscribers.signups import Signup
from mailer.ledger.types.editions_and_archive import NewEdition
from mailer.ledger.types.errors import LedgerError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.ledger.types.sends import NewSend, Recipient
from mailer.ledger.types.transactional_mail import TransactionalKind, TransactionalState
from mailer.mailbox_address import Mailbox
from mailer.relay import Relay, TlsMode
from mailer.service.subscribers.welcome import REST, welcome_new_readers
from mailer.settings.settings import Settings
from mailer.workspace import Workspace
from tests.support.editions import edition

BODY = 'Welcome, {{ reader.first_name or "reader" }}!\n\n## Hello\nsource: Us\ndate: 2026-11-01\n\nIts text.'


@pytest.fixture
def app(tmp_path, clock, catcher, database_url):
    settings = Settings(
        workspace=tmp_path,
        sender=Mailbox(name="The Harbour Letter", address="letter@example.org"),
        base_url="https://letter.example.org",
        secret_keys=(SecretStr("a secret key of the tests, long enough to be one"),),
        database_url=database_url,
        relay=(Relay(host="127.0.0.1", port=catcher.port, tls=TlsMode.NONE),),
        retry=(60,),
    )
    with App(Workspace(tmp_path), settings, clock) as made:
        yield made


def approve(app, by=""):
    """An editor, or `by`, tests the dispatch."""
    made: Edition = edition(BODY, publication=app.publication)
    new = NewEdition(
        digest=made.digest,
        slug=made.slug,
        title=made.title,
        subject=made.subject,
        language=made.language,
        json=made.to_json(),
    )
    test = NewSend(kind=SendKind.TEST, edition=new, lists=(), key_name=app.keys.names[0], created_by=by)
    app.ledger.creator.create(test, [Recipient(identity="e@example.org", address="e@example.org")])
    return made.slug


def join(app, address, slug, *lists):
    signups, who = app.ledger.signups, parse_address(address)
    for name in lists or ("harbour",):
        signups.request_signup(Signup(list=name, address=who, form="page", words="…"))
    (asked,) = (each for each in app.ledger.transactional.of(who.identity) if each.kind is TransactionalKind.CONFIRM)
    names = lists or ("harbour",)
    own = {name: {"first_name": "Ana"} for name in names}
    signups.confirm(asked.id, own, source="page", welcomes=dict.fromkeys(names, slug))


def welcomes(app, address):
    found = app.ledger.transactional.of(parse_address(address).identity)
    return [each for each in found if each.kind is TransactionalKind.WELCOME]


def serve(app, until):
    told = []

    async def run():
        stop = asyncio.Event()
        job = asyncio.create_task(welcome_new_readers(app, stop, told.append))
        async with asyncio.timeout(60):
            while not until():
                await asyncio.sleep(0.02)
        stop.set()
        await job

    asyncio.run(run())
    return told


def is_greeted(app, address):
    def done():
        settled = all(
            each.state in {TransactionalState.SENT, TransactionalState.FAILED} for each in welcomes(app, address)
        )
        return settled and app.ledger.sends.active(SendKind.WELCOME) == ()

    return done


def test_a_new_subscriber_is_welcomed_by_a_send_with_one_recipient(app, catcher):
    slug = approve(app)
    join(app, "Ana@example.org", slug, "harbour", "tides")
    serve(app, is_greeted(app, "ana@example.org"))
    (path,) = catcher.messages()
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert message["To"] == "Ana@example.org"
    assert "Welcome, Ana!" in message.get_body(("plain",)).get_content()
    token = message["List-Unsubscribe"].strip().removeprefix("<https://letter.example.org/u/").removesuffix(">")
    assert app.keys.read("unsubscribe", token)
    (letter,) = welcomes(app, "ana@example.org")
    number = int(letter.reply.removeprefix("send "))
    assert app.ledger.sends.get(number).state is SendState.FINISHED
    assert app.ledger.sends.all() == ()


def test_a_welcome_that_waits_for_a_retry_keeps_a_second_one_away(app, catcher):
    slug = approve(app)
    join(app, "greylist@example.com", slug)
    serve(app, lambda: (found := welcomes(app, "greylist@example.com")) and found[0].state is TransactionalState.SENT)
    app.ledger.signups.request_signup(
        Signup(list="tides", address=parse_address("greylist@example.com"), form="page", words="…")
    )
    asked = app.ledger.transactional.of("greylist@example.com")[0]
    app.ledger.signups.confirm(asked.id, {"tides": {}}, source="page", welcomes={"tides": slug})
    serve(
        app, lambda: all(each.state is not TransactionalState.QUEUED for each in welcomes(app, "greylist@example.com"))
    )
    assert len(app.ledger.sends.active(SendKind.WELCOME)) == 1
    assert list(catcher.messages()) == []


@pytest.mark.parametrize("is_made", [False, True])
def test_an_error_while_its_send_is_made_loses_no_welcome_and_sends_none_twice(
    app, catcher, clock, monkeypatch, is_made
):
    slug = approve(app)
    join(app, "ana@example.org", slug)
    create = SendCreator.create

    def fail(creator, new, audience=()):
        monkeypatch.setattr(SendCreator, "create", create)
        if is_made:
            create(creator, new, audience)
        raise LedgerError("the connection was lost")

    monkeypatch.setattr(SendCreator, "create", fail)
    serve(app, lambda: SendCreator.create is create and welcomes(app, "ana@example.org")[0].next_at > clock.now)
    clock.forward(REST)
    serve(app, is_greeted(app, "ana@example.org"))
    assert len(list(catcher.messages())) == 1


def test_a_welcome_whose_server_died_before_its_send_was_made_is_queued_again(app, catcher):
    slug = approve(app)
    join(app, "ana@example.org", slug)
    (mail,) = welcomes(app, "ana@example.org")
    assert asyncio.run(app.ledger.transactional.begin_sending(mail))
    assert app.ledger.transactional.recover() == 0
    serve(app, is_greeted(app, "ana@example.org"))
    assert len(list(catcher.messages())) == 1


def test_nobody_is_welcomed_twice_or_after_leaving(app, catcher):
    slug = approve(app)
    join(app, "ana@example.org", slug)
    serve(app, is_greeted(app, "ana@example.org"))
    app.ledger.signups.request_signup(
        Signup(list="tides", address=parse_address("ana@example.org"), form="page", words="…")
    )
    asked = app.ledger.transactional.of("ana@example.org")[0]
    app.ledger.signups.confirm(asked.id, {"tides": {}}, source="page", welcomes={"tides": slug})
    join(app, "ben@example.org", slug)
    app.ledger.suppressions.unsubscribe("ben@example.org", source="page")
    serve(app, lambda: is_greeted(app, "ana@example.org")() and is_greeted(app, "ben@example.org")())
    assert len(list(catcher.messages())) == 1


def test_welcomes_wait_for_an_edition_that_an_editor_has_tested(app, catcher):
    join(app, "ana@example.org", "welcome")
    told = serve(app, lambda: welcomes(app, "ana@example.org")[0].next_at > app.clock())
    assert "mailer test welcome" in told[0]
    assert list(catcher.messages()) == []


def test_an_edition_tested_by_a_writer_or_a_program_welcomes_nobody(app):
    for name, role in (("Wim", Role.WRITER), ("Mara", Role.EDITOR)):
        app.ledger.users.add(name, role)
    slug = approve(app, by="Wim")
    approve(app, by="API (the site)")
    assert app.ledger.editions.approved(slug) is None
    approve(app, by="Mara")
    assert app.ledger.editions.approved(slug)


def test_with_approval_required_a_tested_welcome_must_be_approved(app, clock):
    with App(app.workspace, app.settings.model_copy(update={"approval": True}), clock) as strict:
        slug = approve(strict, by="Mara")
        join(strict, "ana@example.org", slug)
        digest = strict.ledger.editions.last_tested(slug)
        strict.ledger.approvals.approve(digest, "Mara", slug=slug, source="")
        told = serve(strict, lambda: welcomes(strict, "ana@example.org")[0].next_at > strict.clock())
        assert "approved by another" in told[0]
        strict.ledger.approvals.approve(digest, "Wim", slug=slug, source="")
        clock.forward(100)
        serve(strict, is_greeted(strict, "ana@example.org"))
        assert welcomes(strict, "ana@example.org")[0].state is TransactionalState.SENT


def test_a_greylisted_welcome_is_resumed_later(app, clock):
    slug = approve(app)
    join(app, "greylist@example.com", slug)
    going = app.ledger.sends.active
    serve(app, lambda: [each.state for each in going(SendKind.WELCOME)] == [SendState.WAITING])
    clock.forward(100)
    serve(app, lambda: going(SendKind.WELCOME) == ())
