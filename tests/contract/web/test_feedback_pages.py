"""What came back, at the desk and by the API: who sees it, what an admin decides, and a message that is shown as plain text."""

import re
from html import unescape

import pytest

from mailer.service.feedback.record import record_message
from tests.support.apicalls import Asking, token_of
from tests.support.deskpages import At, signed_in
from tests.support.ledger_cases import deliver, run, session
from tests.support.returned_mail import SentMail, bounce, complaint
from tests.support.site import site_in, visiting

ANA, BEN = "ana@example.com", "ben@gmail.com"
HERE = "/desk/lists:feedback"


@pytest.fixture
def site(tmp_path):
    """A send to Ana, whose message came back as full, and to Ben, who complained; and something that nobody can prove."""
    with site_in(tmp_path) as site:
        send = site.send(None, ANA, BEN)
        with session(site.ledger, send) as mine:
            run(deliver(mine, site.clock(), limit=2))
        sent = SentMail(site.app).messages(send.id)
        unproven = bounce(sent[ANA], "5.1.1", "550 5.1.1 unknown", to="bounces@example.org")
        hostile = b"Subject: x\nX-Hostile: <script>alert(1)</script><img src=https://evil.example/x>"
        for raw in (
            bounce(sent[ANA], "5.2.2", f"552 5.2.2 <{ANA}> mailbox full"),
            complaint(sent[BEN]),
            unproven.replace(sent[ANA].headers.encode(), hostile),
        ):
            assert record_message(site.app, raw, source="pipe").status == "recorded"
        yield site


@pytest.fixture
def desk_of(site):
    with visiting(site) as visitor:
        yield lambda role: At(visitor, signed_in(site, role))


def words(answer):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", re.sub(r"</?bdi>", "", answer.text))).split())


def test_an_admin_decides_about_what_waits(site, desk_of):
    desk = desk_of("admin")
    assert "Bounces and complaints" in words(desk.get("/desk/lists"))
    page = words(desk.get(HERE))
    assert f"{ANA} Bounce mailbox full 5.2.2 counted" in page
    assert "1 waits for your decision" in page
    waiting = desk.get(f"{HERE}?waiting=1&kind=nonsense&send=x&before=%00")
    assert BEN not in waiting.text and "waits for a decision" in words(waiting)
    entry = desk.get(f"{HERE}/3")
    assert "Nothing in it shows that it answers a message of yours." in words(entry)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in entry.text
    assert "<script>alert" not in entry.text and "<img" not in entry.text
    assert desk.post(f"{HERE}/3/decide", {"action": "nonsense"}).status_code == 422
    assert desk.post(f"{HERE}/3/decide", {"action": "suppress"}).status_code == 303
    assert site.ledger.suppressions.get(ANA).reason == "bounced"
    assert desk.post(f"{HERE}/3/decide", {"action": "ignore"}).status_code == 422
    assert "blocked" in words(desk.get(f"{HERE}/3")) and 'name="action"' not in desk.get(f"{HERE}/3").text
    story = words(desk.get(f"/desk/lists:reader?email={ANA}"))
    assert "came back (mailbox full; counted): “552 5.2.2" in story
    assert "Bounced" in story and "by feedback 3, decided by" in story
    assert desk.get(f"{HERE}/99").status_code == 404
    assert desk.get(f"{HERE}/csv").text.count("\r\n") == 4


def test_others_see_numbers_and_no_address(site, desk_of):
    writer = desk_of("writer")
    report = writer.get("/desk/sends/1/report")
    assert "Came back 1 of the accepted messages came back later and stays in the sum as accepted." in words(report)
    assert "example.com mailbox full 1 552 5.2.2 <…@example.com> mailbox full" in words(report)
    assert "gmail.com 1 1 100.00 %" in words(report)
    assert ANA not in report.text
    for role in ("writer", "editor"):
        desk = desk_of(role)
        assert {desk.get(path).status_code for path in (HERE, f"{HERE}/1", f"{HERE}/csv")} == {403}


def test_a_series_of_bounces_about_the_sender_is_shown(site, desk_of):
    sent = SentMail(site.app).send("ebb", *(f"r{number}@example.com" for number in range(10)))
    for each in sent.values():
        record_message(site.app, bounce(each, "5.7.1", "550 5.7.1 blocked by our reputation list"), source="pipe")
    assert "The latest bounces are all about the sender" in words(desk_of("admin").get(HERE))


def test_programs_read_it_page_by_page_and_decide(site, visitor_api):
    first = visitor_api("POST", "/feedback/search", {"limit": 2}).json()
    assert [each["id"] for each in first["feedback"]] == [3, 2]
    rest = visitor_api("POST", "/feedback/search", {"limit": 2, "cursor": first["next"]}).json()
    assert ([each["words"] for each in rest["feedback"]], rest["next"]) == ([f"552 5.2.2 <{ANA}> mailbox full"], "")
    [waiting] = visitor_api("POST", "/feedback/search", {"waiting": True}).json()["feedback"]
    done = visitor_api("POST", f"/feedback/{waiting['id']}/decide", {"action": "ignore"})
    assert (done.status_code, done.json()["decision"]) == (200, "ignore")
    assert visitor_api("POST", f"/feedback/{waiting['id']}/decide", {"action": "ignore"}).status_code == 422
    assert visitor_api("POST", "/feedback/99/decide", {"action": "ignore"}).status_code == 404
    report = visitor_api.get("/sends/1/report").json()
    assert (report["accepted"], report["came_back"], report["complaints"]) == (2, 1, 1)
    person = visitor_api("POST", "/subscribers/show", {"email": ANA}).json()
    assert [each["effect"] for each in person["feedback"]] == ["counted", "waiting"]


@pytest.fixture
def visitor_api(site):
    with visiting(site) as visitor:
        yield Asking(visitor, token_of(site))
