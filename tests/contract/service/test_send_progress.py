"""The time left of a run, from its ledger, its settings and its progress."""

import pytest

from mailer.app import App
from mailer.delivery.queue_port import SendStatus
from mailer.delivery.run_progress import SendProgress
from mailer.delivery.states import SendState
from mailer.service.sends.progress_tracker import ProgressTracker, describe_time_left, log_changes
from mailer.settings.settings import load_settings
from mailer.workspace import Workspace
from tests.support.ledger_cases import S, deliver, new_send, readers, run, session
from tests.support.workspaces import make_workspace


@pytest.fixture
def newsroom_of(tmp_path, database_url, clock):
    """Opens the newsroom of this test's workspace, with settings."""
    opened = []

    def open_one(**settings: str) -> App:
        make_workspace(tmp_path, DATABASE_URL=database_url, **settings)
        opened.append(App(Workspace(tmp_path), load_settings(tmp_path, {}), clock))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


def course_of(app: App, count: int) -> ProgressTracker:
    send = app.ledger.creator.create(new_send(), readers(count))
    return ProgressTracker(app, app.ledger.sends.summary(send.id))


def test_the_recent_throughput_is_that_of_the_last_claims(newsroom_of, clock):
    ledger = newsroom_of().ledger
    send = ledger.creator.create(new_send(), readers(100))
    assert ledger.report.rate(send.id, clock.now) is None
    mine = session(ledger, send)
    run(deliver(mine, clock.now, limit=10))
    clock.forward(3600)
    for _ in range(11):
        run(deliver(mine, clock.forward(0.5)))
    assert ledger.report.rate(send.id, clock.now) == pytest.approx(2)
    assert ledger.report.rate(send.id, clock.forward(60)) is None


def test_open_deliveries_are_counted_by_provider(newsroom_of, clock):
    ledger = newsroom_of().ledger
    from mailer.ledger.types.sends import Recipient

    names = ("a@gmail.com", "b@googlemail.com", "c@example.org", "d@example.org", "e@example.org")
    send = ledger.creator.create(new_send(), (Recipient(identity=name, address=name) for name in names))
    run(deliver(session(ledger, send), clock.now, limit=1))
    assert ledger.report.open_by_provider(send.id) == {"gmail.com": 1, "example.org": 3}


def test_a_run_is_estimated_by_its_recent_throughput(newsroom_of, clock):
    course, progress = course_of(newsroom_of(), 1000), SendProgress()
    assert course.view(progress).left.words == ""
    for _ in range(10):
        clock.forward(1.0)
        progress.accepted += 20
    view = course.view(progress)
    assert (view.done, view.rate, view.left.words, view.message) == (200, 20.0, "done in about 40 s", "")


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [({"RATE": "10"}, 100), ({"DOMAIN_RATE": '{"*": 4}'}, 250), ({"DOMAIN_RATE": '{"other.example": 4}'}, 10)],
)
def test_rate_limits_count_before_the_throughput_shows_them(newsroom_of, clock, settings, seconds):
    course, progress = course_of(newsroom_of(**settings), 1000), SendProgress()
    course.view(progress)
    clock.forward(1.0)
    progress.accepted = 100  # a burst
    left = course.view(progress).left
    assert left.seconds == pytest.approx(seconds - 1, abs=10)


def test_retries_are_part_of_the_estimate_and_logged(newsroom_of, clock):
    course, progress = course_of(newsroom_of(TIMEZONE="Europe/Berlin"), 10), SendProgress()
    progress.accepted = 7
    for minutes in (10, 5, 20):
        progress.put_off_until(clock.now + 60 * minutes)
    left = course.view(progress).left
    assert (left.words, left.seconds) == ("3 retries, the next at 09:05", 1200.0)
    progress.on_retries_claimed(1)
    progress.update(
        SendStatus(
            state=SendState.WAITING,
            counts={S.DEFERRED: 2, S.ACCEPTED: 8},
            next_at=clock.now + 600,
            last_at=clock.now + 1200,
        )
    )
    progress.accepted = 8
    assert course.view(progress).left.words == "2 retries, the next at 09:10"
    told: list[str] = []
    watch = log_changes(course, told.append)
    watch(progress)
    watch(progress)
    assert told == ["the rest is tried again at 2027-01-15T08:10:00Z (2 retries, the next at 09:10)"]


def test_an_error_is_logged_each_time_it_changes(newsroom_of):
    course, progress, told = course_of(newsroom_of(), 10), SendProgress(last_error="relay a"), []
    watch = log_changes(course, told.append, advice="call somebody")
    for trouble in ("relay a", "relay a", "relay b", ""):
        progress.last_error = trouble
        watch(progress)
    assert told == [f"{relay}; trying again, call somebody" for relay in ("relay a", "relay b")]


def test_an_excluded_relay_is_logged_once_with_its_reason(newsroom_of):
    course, progress, told = course_of(newsroom_of(), 10), SendProgress(), []
    watch = log_changes(course, told.append)
    for excluded in ((), ("a:25: sender refused",), ("a:25: sender refused",), ("a:25: sender refused", "b:25: no")):
        progress.excluded_relays = excluded
        watch(progress)
    assert told == ["relay excluded: a:25: sender refused", "relay excluded: b:25: no"]


def test_the_time_left_is_described_for_running_sends_only(newsroom_of, clock):
    app = newsroom_of(RATE="10")
    send = app.ledger.creator.create(new_send(), readers(601))
    assert describe_time_left(app, app.ledger.sends.summary(send.id)) == "", "nobody sends it"
    with session(app.ledger, send):
        assert describe_time_left(app, app.ledger.sends.summary(send.id)) == "done in about 60 s"
    app.ledger.sends.pause(send.id)
    assert describe_time_left(app, app.ledger.sends.summary(send.id)) == ""
