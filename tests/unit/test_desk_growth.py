"""The drawing of a list's growth."""

import datetime as dt
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.web.desk.growth import MOST, Step, draw_growth, nice_ceiling

SOME = st.lists(st.tuples(st.floats(0, 4e9), st.integers(0, 10**9)), min_size=2, max_size=300)


@given(SOME)
def test_whatever_happened_the_line_stays_on_the_sheet(found):
    steps = [Step(*each) for each in sorted(found)]
    drawing = ET.fromstring(draw_growth(steps, until=steps[-1].at + 10, zone=dt.UTC))
    line = drawing.find("path[@class='line']").get("d")
    numbers = [float(each) for each in line.replace("M", " ").replace("H", " ").replace("V", " ").split()]
    assert min(numbers) >= 0 and max(numbers) <= 640
    assert line.count("V") < MOST


@pytest.mark.parametrize("steps", [[], [Step(0.0, 5)]])
def test_of_one_step_there_is_nothing_to_draw(steps):
    assert draw_growth(steps, until=10.0, zone=dt.UTC) == ""


@pytest.mark.parametrize(
    ("most", "top"), [(0, 2), (1, 2), (3, 4), (7, 10), (11, 20), (61, 100), (1_000_001, 2_000_000)]
)
def test_the_scale_ends_at_a_round_number(most, top):
    assert nice_ceiling(most) == top
