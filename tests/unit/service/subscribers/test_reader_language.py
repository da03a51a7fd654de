"""The language of a reader's pages and transactional mail."""

import re

import pytest

from mailer.addresses import parse_address
from mailer.ledger.types.transactional_mail import TransactionalKind
from mailer.link_tokens import MailedLink
from mailer.service.subscribers.reader_language import language_of_reader
from mailer.service.transactional.compose import compose
from tests.support.ledger_cases import join
from tests.support.site import ANA, BEN, site_in, visiting

IDENTITY, NEW = ANA.lower(), "ana.new@example.net"


@pytest.fixture
def site(tmp_path):
    """An English publication with a German list and a list without a language."""
    folder = tmp_path / "subscribers"
    folder.mkdir()
    for name, text in {
        "hafen": 'title = "Der Hafenbrief"\npublic = true\nlanguage = "de"\n',
        "harbour": "public = true\n",
    }.items():
        (folder / f"{name}.csv").write_text("email\n", encoding="utf-8")
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    with site_in(tmp_path) as made:
        yield made


@pytest.fixture
def visitor(site):
    with visiting(site) as made:
        yield made


@pytest.mark.parametrize(
    ("lists", "language"),
    [((), "en"), (("hafen",), "de"), (("harbour",), "en"), (("hafen", "harbour"), "en")],
)
def test_a_reader_is_written_to_in_the_language_that_all_their_lists_share(site, lists, language):
    for name in lists:
        join(site.ledger, name, parse_address(ANA))
    assert language_of_reader(site.app, IDENTITY) == language


def test_a_list_with_an_error_in_its_settings_has_the_language_of_the_publication(site):
    join(site.ledger, "hafen", parse_address(ANA))
    (site.app.workspace.subscribers / "hafen.toml").write_text("public = maybe\n", encoding="utf-8")
    assert language_of_reader(site.app, IDENTITY) == "en"


def test_a_reader_who_left_every_list_keeps_its_language(site):
    join(site.ledger, "hafen", parse_address(ANA))
    site.ledger.preferences.set_lists(parse_address(ANA), {}, ["hafen"], source="page")
    assert language_of_reader(site.app, IDENTITY) == "de"


def test_a_list_that_was_left_does_not_count(site):
    reader = parse_address(ANA)
    join(site.ledger, "hafen", reader)
    join(site.ledger, "harbour", reader)
    site.ledger.preferences.set_lists(reader, {}, ["harbour"], source="page")
    assert language_of_reader(site.app, IDENTITY) == "de"
    site.clock.forward(60)
    site.ledger.preferences.set_lists(reader, {}, ["hafen"], source="page")
    assert language_of_reader(site.app, IDENTITY) == "de"  # that of the list left last


def test_every_page_of_the_link_in_a_german_message_is_german(site, visitor):
    link = f"/u/{site.token(site.send(site.letter(language='de')))}"
    page = visitor.get(link)
    answers = [page, visitor.get(re.search(r'href="(/preferences/[a-z2-7]{26})"', page.text)[1]), visitor.post(link)]
    undo = re.search(r'name="undo" value="([^"]+)"', answers[-1].text)[1]
    answers += [
        visitor.post(link, data={"undo": undo, "why": "elsewhere"}),
        visitor.post(link, data={"undo": undo, "why": ""}),
        visitor.get(link),
        visitor.post(link, data={"undo": undo}),
        visitor.post(link, data={"undo": "x"}),
    ]
    assert {each.headers["Content-Language"] for each in answers} == {"de"}


def test_the_language_of_the_list_beats_that_of_the_issue(site, visitor):
    (site.app.workspace.subscribers / "readers-1.csv").write_text("email\n", encoding="utf-8")
    (site.app.workspace.subscribers / "readers-1.toml").write_text('language = "fr"\n', encoding="utf-8")
    send = site.send(site.letter(language="de"), ANA, BEN)
    join(site.ledger, "readers-1", parse_address(ANA))
    assert visitor.get(f"/u/{site.token(send)}").headers["Content-Language"] == "fr"


def test_pages_and_mails_of_a_personal_link_are_in_the_language_of_the_lists(site, visitor):
    join(site.ledger, "hafen", parse_address(ANA))
    own = site.mailed_page()
    queue = site.ledger.transactional
    page = visitor.get(own)
    nonce = re.search(r'name="nonce" value="([^"]+)"', page.text)[1]
    answers = [
        page,
        visitor.get(f"{own}/erase"),
        visitor.post(own, data={"nonce": nonce, "do": "address", "email": NEW}),
    ]
    asked = next(each for each in queue.of(NEW) if each.kind is TransactionalKind.ADDRESS)
    link = f"/address/{site.mailed(asked, MailedLink.ADDRESS)}"
    answers += [visitor.get(link), visitor.post(link), visitor.get(own)]
    assert {each.headers["Content-Language"] for each in answers} == {"de"}
    told = next(each for each in queue.of(IDENTITY) if each.kind is TransactionalKind.MOVED)
    for mail in (*queue.of(IDENTITY), asked, told):
        if mail.kind is TransactionalKind.LINK:
            continue
        text = compose(site.app, mail).message.text
        assert b"Content-Language: de" in text
        assert b"Der Hafenbrief" in text  # the only list of the reader, not the publication
