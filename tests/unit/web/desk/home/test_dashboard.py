"""The first page of the desk: for each role what it can do, each line a link; and no query that counts readers or messages."""

import re

import pytest
from sqlalchemy import Engine, event, insert, update

from mailer.delivery.states import DeliveryState, SendState
from mailer.ledger.store.tables import delivery, feedback, list_sync, send
from mailer.service.lists.sync import sync_list
from tests.support.deskpages import At, signed_in
from tests.support.site import site_in, visiting
from tests.support.workspaces import make_workspace

DAY = 86_400.0


@pytest.fixture
def site(tmp_path):
    make_workspace(tmp_path)
    with site_in(tmp_path, approval=True) as made:
        yield made


@pytest.fixture
def visitor(site):
    with visiting(site) as one:
        yield one


def seen(visitor, site, role):
    answer = At(visitor, signed_in(site, role)).get("/desk/")
    assert answer.status_code == 200
    return " ".join(re.sub(r"<svg.*?</svg>", "", answer.text, flags=re.DOTALL).split())


def change(site, *statements):
    def work(conn):
        for each in statements:
            conn.execute(each)

    site.ledger.context.writer.call(work).result()


def ended(site, *, uncertain=0, failed=0):
    made = site.send(site.letter(), "a@example.com", "b@example.com", "c@example.com")
    states = [DeliveryState.UNCERTAIN] * uncertain + [DeliveryState.FAILED] * failed
    states += [DeliveryState.ACCEPTED] * (3 - len(states))
    rows = [row.delivery_id for row in site.ledger.report.rows(made.id)]
    now = site.clock()
    finished = update(send).where(send.c.id == made.id).values(state=SendState.FINISHED, begun_at=now, ended_at=now)
    one = [
        update(delivery).where(delivery.c.id == row).values(state=state)
        for row, state in zip(rows, states, strict=True)
    ]
    change(site, finished, *one)
    return made


def complaint(number, made, at):
    return insert(feedback).values(
        source="smtp",
        source_id=str(number),
        at=at,
        kind="complaint",
        identity="a@example.com",
        address="a@example.com",
        send_id=made.id,
        status="",
        reason="feedback",
        permanent=False,
        delayed=False,
        report_type="abuse",
        words="",
        proof="none",
        effect="waiting",
    )


def test_a_new_installation_shows_an_admin_the_first_steps_and_each_of_them_is_a_link(visitor, site):
    page = seen(visitor, site, "admin")
    assert "2 of 7 done" in page  # the postal address and the public address
    assert '<li class="open"><a href="/desk/settings/newsletter#sender">Enter the sender' in page
    assert '<li class="done"><a href="/desk/settings/newsletter#sender">Enter your postal address' in page
    assert '<li class="open"><a href="/desk/lists">Import your first list' in page
    sync_list(site.app, "readers", by="a test")
    assert '<li class="done"><a href="/desk/lists">Import your first list' in seen(visitor, site, "admin")
    ended(site)
    assert "First steps" not in seen(visitor, site, "admin")


def test_each_role_sees_what_it_can_do(visitor, site):
    made = ended(site, uncertain=2, failed=1)
    now = site.clock()
    change(site, complaint(1, made, now - 29 * DAY), complaint(2, made, now - 31 * DAY))
    paused = site.send(site.named("fog", "Fog"), "d@example.com")
    change(site, update(send).where(send.c.id == paused.id).values(state=SendState.PAUSED))
    undecided = f'<a class="bad" href="/desk/sends/{made.id}">2 unconfirmed messages of “A letter”'
    stopped = f'<a class="bad" href="/desk/sends/{paused.id}">“Fog” is paused'
    approval = '<a href="/desk/dispatches/tide/send">“The tide table” has no approval yet.'
    complaints = '<a href="/desk/lists:feedback?kind=complaint">1 complaint in the last 30 days'
    waiting = '<a href="/desk/lists:feedback?waiting=1">2 bounces and complaints need your decision.'
    shown = {role: seen(visitor, site, role) for role in ("writer", "editor", "admin")}
    expected = {
        "writer": [False] * 5,
        "editor": [True, True, True, False, False],
        "admin": [True] * 5,
    }
    for role, page in shown.items():
        found = [each in page for each in (undecided, stopped, approval, complaints, waiting)]
        assert found == expected[role], role
        assert "Waiting for you" in page or role == "writer"
        assert f'href="/desk/sends/{made.id}/report"' in page
        for words, number in (("recipients", 3), ("accepted", 0), ("failed", 1), ("complaints", 1)):
            assert f"<dt>{words}</dt><dd>{number}</dd>" in page, (role, words)
        assert '<a href="/desk/dispatches/tide"><bdi>The tide table</bdi></a>' in page


def test_the_next_dispatch_and_what_is_under_way_are_shown(visitor, site):
    assert "No dispatch is scheduled." in seen(visitor, site, "writer")
    made, running = site.send(site.named("fog", "Fog"), "d@example.com"), site.send(site.letter())
    later = update(send).where(send.c.id == made.id).values(state=SendState.SCHEDULED, scheduled_at=site.clock() + DAY)
    change(site, later, update(send).where(send.c.id == running.id).values(state=SendState.RUNNING))
    page = seen(visitor, site, "writer")
    assert f'<a class="headline" href="/desk/sends/{made.id}"><bdi>Fog</bdi></a></p> <p class="quiet">on <time' in page
    assert f'<a class="headline" href="/desk/sends/{running.id}"><bdi>A letter</bdi></a>' in page


def test_readers_over_time_fall_when_a_reader_leaves(visitor, site):
    assert "not read yet" in seen(visitor, site, "writer")
    sync_list(site.app, "readers", by="a test")
    mailed = site.ledger.member_search.count("readers")[""]
    site.clock.forward(31 * DAY)
    identity = site.ledger.member_search.page("readers").members[0].identity
    site.ledger.suppressions.unsubscribe(identity, source="page")
    sync_list(site.app, "readers", by="a test")
    [growth] = site.ledger.dashboard.growth(0)
    assert [readers for _, readers in growth.steps] == [mailed, mailed - 1]
    page = seen(visitor, site, "writer")
    assert f'<td class="number">{mailed - 1}</td> <td class="number">−1</td>' in page
    # a sync of an earlier version did not count them
    change(site, update(list_sync).values(counts=dict.fromkeys(site.ledger.syncs.history("readers")[0].counts, 0)))
    assert f'<td class="number">{mailed - 1}</td> <td class="number">–</td>' in seen(visitor, site, "writer")


def test_the_queries_of_the_page_do_not_grow_with_lists_sends_and_messages(visitor, site):
    statements = []

    def record(_conn, _cursor, statement, *_rest):
        statements.append(statement)

    def count():
        statements.clear()
        seen(visitor, site, "admin")
        return len(statements)

    sync_list(site.app, "readers", by="a test")
    ended(site)
    seen(visitor, site, "admin")
    event.listen(Engine, "before_cursor_execute", record)
    before = count()
    for number in range(3):
        (site.app.workspace.subscribers / f"more{number}.csv").write_text(f"email\nx{number}@example.com\n")
        sync_list(site.app, f"more{number}", by="a test")
        ended(site, failed=1)
    after = count()
    event.remove(Engine, "before_cursor_execute", record)
    assert after == before
    assert not any("FROM member" in each for each in statements)
