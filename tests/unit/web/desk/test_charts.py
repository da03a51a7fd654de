"""Charts: what is drawn, in which scale, with which words."""

import datetime as dt
from collections import Counter
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.states import DeliveryState
from mailer.ledger.types.delivery_counts import DomainCount, RateBucket
from mailer.service.sends.monitor import Throughput, bucket_width, counts_by_provider, top_domains
from mailer.web.desk.charts import (
    MAX_STEPS,
    ChartPart,
    Mark,
    Point,
    Step,
    amount,
    draw_growth,
    plot,
    scale,
    stack,
    ticks,
)

UTC = ZoneInfo("UTC")
START = 1_795_341_720.0  # 2026-11-22 09:02:00 UTC is 1_795_338_120; an hour later


def drawn(markup):
    """The SVG, which is XML that holds no style and no script."""
    root = ET.fromstring(markup)
    assert not [each for each in root.iter() if "style" in each.attrib or each.tag.endswith("script")]
    return root


@pytest.mark.parametrize(
    ("most", "top", "step"),
    [(0, 1, 1), (0.3, 0.3, 0.1), (1, 1, 0.25), (7, 8, 2), (412, 600, 200), (600, 600, 200), (8_570, 10_000, 2_500)],
)
def test_an_axis_has_round_numbers_above_the_highest_value(most, top, step):
    assert scale(most) == (pytest.approx(top), pytest.approx(step))


@given(st.floats(min_value=1e-6, max_value=1e9))
def test_every_axis_holds_its_values_between_few_lines(most):
    top, step = scale(most)
    assert most <= top * (1 + 1e-9)
    assert 1 <= round(top / step) <= 5


@pytest.mark.parametrize(
    ("span", "zone", "words"),
    [
        (200, "UTC", ["10:02", "10:03", "10:04", "10:05"]),
        (4, "UTC", ["10:02:00", "10:02:01", "10:02:02", "10:02:03", "10:02:04"]),
        (4 * 3600, "Asia/Kolkata", ["16:00", "17:00", "18:00", "19:00"]),
        (3 * 86_400, "UTC", ["23 Nov", "24 Nov", "25 Nov"]),
    ],
)
def test_times_stand_at_round_hours_of_the_installation(span, zone, words):
    begin = dt.datetime(2026, 11, 22, 10, 2, tzinfo=dt.UTC).timestamp()
    assert [word for _, word in ticks(begin, begin + span, ZoneInfo(zone), most=5)] == words


def test_a_plot_is_a_line_with_words_for_those_who_do_not_see_it():
    points = [Point(START + 10 * number, value) for number, value in enumerate((0, 300, 500, 412))]
    root = drawn(
        plot(points, zone=UTC, words="Messages a second: at most 500", marks=[Mark(START + 10, "454 from <b>")])
    )
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == "Messages a second: at most 500"
    line = next(each for each in root.iter() if each.attrib.get("class") == "line")
    assert line.attrib["d"].count("L") == 3
    assert [each.text for each in root.iter("text") if each.attrib.get("class") == "warn"] == ["454 from <b>"]


@given(
    st.lists(st.floats(min_value=0, max_value=1e7), min_size=1, max_size=70),
    st.floats(min_value=1, max_value=90_000),
    st.sampled_from([330, 560]),
)
def test_whatever_is_plotted_stays_within_the_picture(values, width, wide):
    points = [Point(START + width * number, value) for number, value in enumerate(values)]
    root = drawn(
        plot(points, zone=UTC, words="x", width=wide, marks=[Mark(START - 1e6, "early"), Mark(START + 1e9, "late")])
    )
    for each in root.iter():
        for name in ("x", "cx"):
            assert 0 <= float(each.attrib.get(name, 0)) <= wide
        for name in ("y", "cy"):
            assert 0 <= float(each.attrib.get(name, 0)) <= 190


def test_a_single_point_is_in_the_middle_above_its_own_time():
    root = drawn(plot([Point(START + 0.4, 3)], zone=UTC, words="One", width=560))
    (dot,) = [each for each in root.iter() if each.tag.endswith("circle")]
    (label,) = [each for each in root.iter() if each.get("text-anchor") == "middle"]
    assert dot.get("cx") == label.get("x") == "297"
    assert label.text == "10:02:00"


def test_growth_within_a_day_shows_the_time_of_day_at_both_ends():
    steps = [Step(START, 1), Step(START + 60, 3)]
    words = [each.text for each in drawn(draw_growth(steps, until=START + 600, zone=UTC)).iter() if each.text]
    assert {"22 Nov 2026, 10:02", "22 Nov 2026, 10:12"} <= set(words)
    words = [each.text for each in drawn(draw_growth(steps, until=START + 86_400, zone=UTC)).iter() if each.text]
    assert {"22 Nov 2026", "23 Nov 2026"} <= set(words)


def test_parts_lie_side_by_side_and_what_is_there_at_all_is_seen():
    parts = [ChartPart("accepted", 99_999, "good"), ChartPart("deferred", 0, "warn"), ChartPart("failed", 1, "bad")]
    rects = list(drawn(stack(parts, 200_000, words="half")).iter("rect"))
    assert [(each.attrib["class"], each.attrib["x"]) for each in rects] == [("good", "0"), ("bad", "500")]
    assert float(rects[1].attrib["width"]) >= 3
    assert list(drawn(stack(parts, 0)).iter("rect")) == []


@given(st.lists(st.integers(min_value=0, max_value=10**7), max_size=6), st.integers(min_value=0, max_value=10**6))
def test_parts_are_never_wider_than_the_whole(values, rest):
    parts = [ChartPart(f"{number}", value, "good") for number, value in enumerate(values)]
    rects = list(drawn(stack(parts, sum(values) + rest)).iter("rect"))
    assert sum(float(each.attrib["width"]) for each in rects) <= 1000.5


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0"), (0.4, "0.4"), (0.444, "0.44"), (3, "3"), (12.4, "12"), (1200, "1,200")]
)
def test_an_amount_is_short(value, words):
    assert amount(value) == words


@pytest.mark.parametrize(("span", "width"), [(1, 1), (61, 2), (400, 10), (86_400, 1800), (400 * 86_400, 7 * 86_400)])
def test_stretches_are_as_wide_as_a_clock_has_them(span, width):
    assert bucket_width(span) == width


def test_messages_a_second_count_stretches_in_which_nothing_ended_and_the_last_one_that_is_not_over():
    beats = [
        RateBucket(number=0, classification=DeliveryState.ACCEPTED, count=40),
        RateBucket(number=0, classification=DeliveryState.DEFERRED, count=9),
    ]
    beats += [RateBucket(number=2, classification=DeliveryState.FAILED, count=10)]
    rates = Throughput(since=START, until=START + 25, width=10, beats=tuple(beats)).rates
    assert [rate for _, rate in rates] == [4.0, 0.0, 2.0]


def test_domains_of_one_provider_are_one_and_the_small_ones_stand_together():
    state = DeliveryState.ACCEPTED
    found = [
        DomainCount(domain=name, state=state, count=count)
        for name, count in (("hotmail.com", 5), ("live.de", 4), ("", 1))
    ]
    found += [DomainCount(domain=f"d{number}.example", state=state, count=2) for number in range(5)]
    looks = top_domains(counts_by_provider(found), 3)
    assert [(each.name, each.number, each.total) for each in looks] == [
        ("outlook.com", 1, 9),
        ("d0.example", 1, 2),
        ("d1.example", 1, 2),
        ("", 4, 7),
    ]
    assert [each.name for each in top_domains({"": Counter({state: 1})}, 3)] == ["erased"]


COUNTS = st.lists(st.tuples(st.floats(0, 4e9), st.integers(0, 10**9)), min_size=2, max_size=300)


@given(COUNTS)
def test_whatever_happened_the_line_stays_on_the_sheet(found):
    steps = [Step(*each) for each in sorted(found)]
    drawing = ET.fromstring(draw_growth(steps, until=steps[-1].at + 10, zone=dt.UTC))
    line = drawing.find("path[@class='line']").get("d")
    numbers = [float(each) for each in line.replace("M", " ").replace("H", " ").replace("V", " ").split()]
    assert min(numbers) >= 0 and max(numbers) <= 640
    assert line.count("V") < MAX_STEPS


@pytest.mark.parametrize(
    ("seconds", "labels"),
    [(3_600, ["22 Nov 2026, 09:02", "22 Nov 2026, 10:02"]), (86_400, ["22 Nov 2026", "23 Nov 2026"])],
)
def test_the_ends_of_the_growth_of_one_day_have_times(seconds, labels):
    begin = START - 3_600
    drawing = ET.fromstring(draw_growth([Step(begin, 1), Step(begin + 60, 2)], until=begin + seconds, zone=dt.UTC))
    assert [each.text for each in drawing.iter("text")][-2:] == labels


@pytest.mark.parametrize("steps", [[], [Step(0.0, 5)]])
def test_of_one_step_there_is_nothing_to_draw(steps):
    assert draw_growth(steps, until=10.0, zone=dt.UTC) == ""


@pytest.mark.parametrize(
    ("most", "top", "step"),
    [(0, 1, 1), (1, 1, 1), (3, 3, 1), (7, 8, 2), (9, 10, 5), (61, 80, 20), (1_000_001, 1_500_000, 500_000)],
)
def test_an_axis_of_people_has_whole_numbers(most, top, step):
    assert scale(most, whole=True) == (top, step)
