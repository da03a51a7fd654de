"""The live page of a send: its state, its events and its actions; the report, its pages and its CSV."""

import asyncio
import json
import re

import pytest

from mailer.delivery.states import DeliveryState, SendState
from mailer.ledger.types.errors import LedgerError
from mailer.service.sends.monitor import BudgetedCache, SendMonitor
from mailer.web.desk.sends.live_broadcast import SendBroadcaster
from tests.support.deskpages import At, signed_in
from tests.support.livesends import addresses, carry
from tests.support.patience import until_holds
from tests.support.site import site_in


@pytest.fixture
def site(tmp_path, database_url):
    from pydantic import SecretStr

    url = f"sqlite:///{tmp_path}/mailer.db" if database_url.startswith("sqlite") else database_url
    with site_in(tmp_path, database_url=SecretStr(url)) as made:
        yield made


@pytest.fixture
def desk(site, visitor):
    return At(visitor, signed_in(site, "editor"))


def words(page):
    """What a page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def sent(site, *outcomes, count=0):
    send = site.send(None, *addresses(count or len(outcomes)))
    carry(site, send, *outcomes)
    return send


MIXED = ("accepted", "failed", "deferred", "uncertain", "accepted")


def test_the_page_shows_counts_addresses_and_server_replies(site, desk):
    send = sent(site, *MIXED, count=8)
    page = desk.get(f"/desk/sends/{send.id}")
    said = words(page)
    for each in ("8", "3 waiting", "1 retrying", "1 failed", "1 unconfirmed", "2 accepted"):
        number, _, name = each.partition(" ")
        assert number in said and name in said
    assert re.search(r"<dt>waiting</dt><dd>3</dd>", page.text)
    assert "1 delivery needs your decision" in said
    assert "5.1.1 no such user &lt;b&gt;here&lt;/b&gt;" in page.text
    assert "no longer mailed" in said
    assert re.search(r"is delaying 1 message \( ?454 4\.7\.0 \w[^)]+\) since", said)
    assert "Not being sent at the moment." in said
    assert "style=" not in page.text


def test_a_writer_sees_counts_but_no_addresses(site, visitor):
    send = sent(site, *MIXED)
    desk = At(visitor, signed_in(site, "writer"))
    page = desk.get(f"/desk/sends/{send.id}")
    assert "<dt>failed</dt><dd>1</dd>" in page.text
    assert desk.get(f"/desk/sends/{send.id}/report").status_code == 200
    assert "reader" not in re.sub(r"readers|the reader\b", "", words(page))
    assert "formaction" not in page.text


@pytest.mark.thinned
@pytest.mark.parametrize(
    "path", ["", "/report", "/report/recipients", "/report/recipients/1", "/report/csv", "/events"]
)
def test_an_unknown_send_is_not_found(desk, path):
    assert {desk.get(f"/desk/sends/{number}{path}").status_code for number in (99, 9**30)} == {404}


def test_a_paused_send_shows_who_paused_it_and_is_resumed(site, desk):
    send = site.send(None, *addresses(3))
    carry(site, send, "accepted")
    path = f"/desk/sends/{send.id}"
    assert desk.post(f"{path}/pause").headers["location"] == path
    assert "Paused by Mara Lindqvist." in words(desk.get(path))
    desk.post(f"{path}/resume")
    assert site.ledger.sends.get(send.id).state is SendState.RUNNING
    assert [each.id for each in site.ledger.sends.run_by_server()] == [send.id]
    assert [entry.action for entry in site.ledger.audit.entries()] == ["send.resume", "send.pause"]


def test_a_send_that_makes_no_progress_shows_why(site, desk):
    send = site.send(None, *addresses(3))
    with site.ledger.leases.acquire(send.id, retry_for=3600):
        site.ledger.sends.note_hindrance(send.id, "no relay reachable since 10:00. Go on with: mailer resume SEND")
        page = words(desk.get(f"/desk/sends/{send.id}"))
        assert "Trying again: no relay reachable since 10:00." in page
        assert "mailer resume" not in page
        assert "no relay reachable since 10:00." in words(desk.get("/desk/sends"))


def test_cancelling_asks_first_and_shows_how_many_will_not_get_it(site, desk):
    send = site.send(None, *addresses(5))
    carry(site, send, "accepted")
    path = f"/desk/sends/{send.id}"
    asked = desk.post(f"{path}/cancel")
    assert "4 recipients will not get it. 1 already got it." in words(asked)
    assert 'class="danger">Cancel for 4 recipients<' in asked.text
    assert site.ledger.sends.get(send.id).state is SendState.RUNNING
    assert desk.post(f"{path}/cancel", {"sure": "1"}).status_code == 303
    assert site.ledger.sends.get(send.id).state is SendState.CANCELLED
    assert desk.post(f"{path}/pause").status_code == 303
    assert site.ledger.sends.get(send.id).state is SendState.CANCELLED
    assert "Cancelled" in words(desk.get(path))


def test_unconfirmed_deliveries_are_resolved_one_by_one_or_all_at_once(site, desk):
    send = sent(site, "uncertain", "uncertain", "uncertain", "accepted")
    path, ledger = f"/desk/sends/{send.id}", site.ledger
    page = desk.get(path).text
    numbers = re.findall(r'name="sent" value="(\d+)"', page)
    assert len(numbers) == 3
    desk.post(f"{path}/resolve", {"sent": numbers[0]})
    assert ledger.sends.summary(send.id).count(DeliveryState.ACCEPTED) == 2
    assert "1 of the accepted was counted as sent by a user" in words(desk.get(f"{path}/report"))
    for nonsense in ("x", "", "9" * 30, "0", numbers[0]):
        assert desk.post(f"{path}/resolve", {"again": nonsense}).status_code == 303
    assert ledger.sends.summary(send.id).count(DeliveryState.UNCERTAIN) == 2
    desk.post(f"{path}/resolve", {"again": "all"})
    assert ledger.sends.summary(send.id).count(DeliveryState.PENDING) == 2
    assert ledger.sends.get(send.id).state is SendState.RUNNING
    assert [each.id for each in site.ledger.sends.run_by_server()] == [send.id]


def test_deliveries_of_another_send_are_not_resolved(site, desk):
    first, second = sent(site, "uncertain"), site.send(site.named("b"), *addresses(1, "example.net"))
    carry(site, second, "uncertain")
    number = re.search(r'name="sent" value="(\d+)"', desk.get(f"/desk/sends/{second.id}").text)[1]
    desk.post(f"/desk/sends/{first.id}/resolve", {"sent": number})
    assert site.ledger.sends.summary(second.id).count(DeliveryState.UNCERTAIN) == 1


def test_subscribers_get_all_fragments_and_then_only_changes(site):
    send = site.send(None, *addresses(4))

    def render(snapshot, may_send, _before):
        return {
            "accepted": str(snapshot.summary.count(DeliveryState.ACCEPTED)),
            "name": "names" if may_send else "none",
        }

    broadcaster = SendBroadcaster(site.app, render)

    async def work():
        one, twin, writer = (broadcaster.subscribe(send.id, may_send=may_send) for may_send in (True, True, False))
        first, same = await anext(one), await anext(twin)
        assert first is same, "it was drawn and written once for both"
        told = [first, await anext(writer)]
        await asyncio.to_thread(carry, site, send, "accepted")
        told += [await anext(one), await anext(writer)]
        late = broadcaster.subscribe(send.id, may_send=True)
        told.append(await anext(late))
        for each in (one, twin, writer, late):
            await each.aclose()
        await until_holds(lambda: asyncio.all_tasks() == {asyncio.current_task()})  # nobody looks any more
        return [json.loads(event.data) for event in told]

    assert asyncio.run(work()) == [
        {"accepted": "0", "name": "names"},
        {"accepted": "0", "name": "none"},
        {"accepted": "1"},
        {"accepted": "1"},
        {"accepted": "1", "name": "names"},
    ]


@pytest.mark.parametrize("fault", [LedgerError("The database is busy.", "Wait."), ZeroDivisionError("a bug")])
def test_a_temporary_error_does_not_end_the_updates(site, monkeypatch, fault):
    send = sent(site, "accepted")
    take_snapshot, tries = SendMonitor.snapshot, []

    def sometimes(self, **options):
        tries.append(1)
        if len(tries) == 1:
            raise fault
        return take_snapshot(self, **options)

    monkeypatch.setattr(SendMonitor, "snapshot", sometimes)
    monkeypatch.setattr("mailer.web.desk.sends.live_broadcast.INTERVAL", 0.01)
    broadcaster = SendBroadcaster(site.app, lambda snapshot, _may, _before: {"state": snapshot.send.state.value})

    async def work():
        following = broadcaster.subscribe(send.id, may_send=True)
        event = await anext(following)
        await following.aclose()
        return event

    assert json.loads(asyncio.run(work()).data) == {"state": "finished"}


def test_a_slow_count_is_not_repeated_too_soon():
    now, made = [0.0], []

    def make():
        made.append(now[0])
        now[0] += 2.0
        return len(made)

    value = BudgetedCache(make, share=0.1, clock=lambda: now[0])
    assert [value.get(), value.get()] == [1, 1]
    now[0] += 19.9
    assert value.get() == 1
    now[0] += 0.2
    assert value.get() == 2
    value.forget()
    assert value.get() == 3


def test_the_report_has_counts_outcomes_and_earlier_sends(site, desk):
    first = site.send(site.named("a", "The letter before"), *addresses(2))
    carry(site, first, "accepted", "accepted")
    send = sent(site, "accepted", "failed", "uncertain")
    said = words(desk.get(f"/desk/sends/{send.id}/report"))
    assert re.search(r"recipients 3 accepted 1 failed 1 unconfirmed 1\b", said)
    assert "The letter before" in said
    assert "100.0 %" in said and "33.3 %" in said
    assert "550 5.1.1" in said
    again = words(desk.get(f"/desk/sends/{first.id}/report"))
    assert "No earlier sends yet." in again


def test_recipients_are_listed_page_by_page_without_duplicates(site, desk):
    send = sent(site, "failed", "accepted", count=120)
    path, found, pages = f"/desk/sends/{send.id}/report/recipients", [], 0
    while path:
        page = desk.get(path)
        found += re.findall(r"<bdi>(reader\d+@example.com)</bdi>", page.text)
        more = re.search(r'href="(\?s=[^"]+)">Next', page.text)
        path = more and f"/desk/sends/{send.id}/report/recipients{more[1].replace('&amp;', '&')}"
        pages += 1
    assert (len(found), len(set(found)), pages) == (120, 120, 3)


@pytest.mark.thinned
@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"q": "reader4"}, {4}),
        ({"q": "READER4@"}, {4}),
        ({"q": "no such USER"}, {1}),
        ({"q": "550"}, {1}),
        ({"q": "slow 454"}, {2}),
        ({"q": "%"}, set()),
        ({"q": "' OR 1=1 --"}, set()),
        ({"state": "failed"}, {1}),
        ({"state": "deferred"}, {2}),
        ({"state": "accepted"}, {0, 4}),
        ({"state": "nonsense"}, {0, 1, 2, 3, 4, 5}),
        ({"after": "nonsense"}, {0, 1, 2, 3, 4, 5}),
        ({"after": "9" * 40}, {0, 1, 2, 3, 4, 5}),
        ({"q": "\x00"}, {0, 1, 2, 3, 4, 5}),
    ],
)
def test_recipients_are_found_by_address_reply_and_state(site, desk, query, wanted):
    send = sent(site, *MIXED, count=6)
    page = desk.get(f"/desk/sends/{send.id}/report/recipients", params=query)
    assert page.status_code == 200
    assert {int(each) for each in re.findall(r"<bdi>reader(\d+)@example.com</bdi>", page.text)} == wanted


def test_the_page_of_a_recipient_shows_its_attempts_within_its_send_only(site, desk):
    send = sent(site, "failed")
    page = desk.get(f"/desk/sends/{send.id}/report/recipients").text
    path = re.search(r'href="(/desk/sends/\d+/report/recipients/\d+)"', page)[1]
    assert "State: failed" in (said := words(desk.get(path))) and "550 5.1.1 no such user" in said
    other = site.send(site.named("b"), "other@example.net")
    assert desk.get(path.replace(f"/{send.id}/", f"/{other.id}/", 1)).status_code == 404


def test_the_csv_is_that_of_the_command_line(site, desk):
    send = sent(site, "accepted", "failed")
    answer = desk.get(f"/desk/sends/{send.id}/report/csv")
    lines = answer.content.decode().split("\r\n")
    assert lines[0] == "email,state,reason,code,enhanced,reply,attempts,at,message_id"
    assert lines[1].startswith("reader0@example.com,accepted,,250,2.0.0,")
    assert answer.headers["content-disposition"] == f'attachment; filename="send-{send.id}.csv"'
    assert len(lines) == 4


def test_erased_readers_stay_in_the_counts_without_an_address(site, desk):
    send = sent(site, "accepted", "accepted")
    site.ledger.erasure.erase("reader0@example.com", source="by hand")
    page = desk.get(f"/desk/sends/{send.id}/report/recipients").text
    assert "reader0@" not in page
    number = re.search(r'recipients/(\d+)"><bdi>(?!reader)', page)[1]
    assert "data was erased" in words(desk.get(f"/desk/sends/{send.id}/report/recipients/{number}"))
    assert "erased" in words(desk.get(f"/desk/sends/{send.id}/report"))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_send_of_several_parts_shows_which_machine_sends_each(site, desk):
    alone = sent(site, "accepted", count=2)
    assert "By machine" not in words(desk.get(f"/desk/sends/{alone.id}")), "one part, and no worker has it"
    site.ledger.sends.cancel(alone.id)
    send = sent(site, "accepted", "accepted", count=6)
    now = site.clock()
    parts = [  # host, holder, expires_at, next_at; one recipient each
        ("tern", "a", "4000000000", 0.0),
        ("gull", "b", "1", 0.0),
        ("tern", "", "0", now + 600),
        ("", "", "0", 0.0),
    ]

    def cut(conn):
        first = conn.exec_driver_sql(f"SELECT first_id FROM send_shard WHERE send_id = {send.id}").scalar_one()
        conn.exec_driver_sql(f"UPDATE send_shard SET last_id = {first + 1}, host = 'gull' WHERE send_id = {send.id}")
        for number, (host, holder, expires_at, next_at) in enumerate(parts, 2):
            conn.exec_driver_sql(
                "INSERT INTO send_shard (send_id, number, first_id, last_id, host, holder, expires_at, next_at)"
                f" VALUES ({send.id}, {number}, {first + number}, {first + number}, '{host}', '{holder}', {expires_at}, {next_at})"
            )
        conn.exec_driver_sql(
            f"UPDATE attempt SET lost = true WHERE delivery_id = {first}"  # part 1 was continued
        )

    site.ledger.context.writer.call(cut).result()
    said = words(desk.get(f"/desk/sends/{send.id}"))
    assert "1 of 5 parts done. Sent by gull (2), tern (2). 1 part was continued after a machine had stopped." in said
    for row in (
        "Per minute 2 tern 1 0",
        " 3 gull no longer answers; another machine will continue 1 –",
        " 5 waits for a machine 1 –",
    ):
        assert row in said, row
    assert re.search(r" 4 tries again (at|on) [\w: ]+ 1 –", said)
    site.ledger.sends.cancel(send.id)
    said = words(desk.get(f"/desk/sends/{send.id}/report"))
    assert "5 parts" in said and "waits for a machine" not in said
