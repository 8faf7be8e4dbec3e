from __future__ import annotations

import math
import re

import numpy as np
import pytest

from lmreg.report.chart import Axis, Frame, cloud, polyline, span, whisker, whisker_axis


def frame(falls: bool = False) -> Frame:
    return Frame.of((300, 200), ("x", (0.0, 10.0)), ("y", (-1.0, 1.0)), falls)


def test_an_axis_maps_its_ends_to_its_pixels_and_keeps_the_rest_inside() -> None:
    axis = Axis("x", 2, 4, 100, 300)
    assert [axis.at(v) for v in (2, 3, 4)] == [100, 200, 300]
    assert [axis.at(v) for v in (-9, 9)] == [100, 300]
    assert list(axis.holds(np.array([1.9, 2, 4, 4.1]))) == [False, True, True, False]


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0, 10, ["0", "2", "4", "6", "8", "10"]),
        (-0.31, 0.62, ["−0.2", "0.0", "0.2", "0.4", "0.6"]),
        (0.1, 0.9, ["0.2", "0.4", "0.6", "0.8"]),
        (0, 0.05, ["0.00", "0.01", "0.02", "0.03", "0.04", "0.05"]),
        (0, 2000, ["0", "500", "1,000", "1,500", "2,000"]),
        (72.4, 72.9, ["72.4", "72.5", "72.6", "72.7", "72.8", "72.9"]),
    ],
)
def test_ticks_are_round_values_with_no_more_digits_than_they_need(
    low: float, high: float, texts: list[str]
) -> None:
    ticks = Axis("x", low, high, 0, 100).ticks
    assert [text for _, text in ticks] == texts
    assert all(0 <= pixel <= 100 for pixel, _ in ticks)


def test_up_is_better_also_for_a_score_that_falls() -> None:
    up, down = frame(), frame(falls=True)
    assert up.y.at(1.0) < up.y.at(-1.0)
    assert down.y.at(1.0) > down.y.at(-1.0)


def test_a_span_ignores_values_that_are_not_finite_and_is_never_empty() -> None:
    assert span([1.0, 3.0, math.nan, math.inf], margin=0) == (1.0, 3.0)
    low, high = span([5.0, 5.0])
    assert low < 5 < high
    assert span([math.nan]) == pytest.approx((-0.05, 1.05))
    low, high = span([0.5], least=1.0, margin=0)
    assert (low, high) == pytest.approx((0.0, 1.0))


def test_every_point_is_drawn_once_and_those_outside_as_crosses_at_the_edge() -> None:
    x, y = np.array([1.0, 5.0, 9.0, 50.0, 3.0]), np.array([0.0, 0.5, -0.5, 0.0, math.nan])
    drawn = cloud(frame(), x, y)
    assert sum(path.count("M") for path in drawn.dots) == 3
    assert drawn.outside == drawn.crosses.count("l6 6") == 1
    first = float(re.match(r"M([\d.]+) ", drawn.crosses).group(1)) + 3  # type: ignore[union-attr]
    assert first == pytest.approx(frame().x.end)


def test_a_line_breaks_where_a_value_is_missing() -> None:
    path = polyline(frame(), [0, 1, 2, 3, 4], [0, 0.1, math.nan, 0.2, 0.3])
    assert re.sub(r"[^ML]", "", path) == "MLML"


def test_a_long_line_is_averaged_in_groups() -> None:
    x = np.arange(1000) / 100
    path = polyline(frame(), x, np.where(np.arange(1000) % 2, 1.0, -1.0), most=100)
    points = re.findall(r"[ML]([\d.]+) ([\d.]+)", path)
    assert len(points) == 100
    middle = frame().y.at(0.0)
    assert {float(y) for _, y in points} == {middle}


def test_a_whisker_beyond_the_axis_is_marked_as_cut() -> None:
    axis = Axis("", -0.5, 0.5, 0, 100)
    assert whisker(axis, 0.0, -0.25, 0.25).cut == (False, False)
    cut = whisker(axis, 0.1, -3.0, 0.2)
    assert (cut.low, cut.high, cut.cut) == (0.0, 70.0, (True, False))
    bare = whisker(axis, 0.1, math.nan, math.nan)
    assert (bare.at, bare.low, bare.high) == (60.0, None, None)
    assert whisker(axis, math.nan, math.nan, math.nan).at is None


def test_a_whisker_axis_contains_zero_if_asked_for() -> None:
    assert whisker_axis([0.4, 0.5], zero=True).holds(0.0)
    assert not whisker_axis([0.4, 0.5]).holds(0.0)
