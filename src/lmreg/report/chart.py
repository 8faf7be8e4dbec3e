"""The geometry of charts: values to pixels. The page's template draws them, so that CSS sets the colours."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

_LAYERS = 4  # number of translucent layers of a scatter plot, so that dense places are darker


@dataclass(frozen=True)
class Axis:
    """A linear scale: values from ``low`` to ``high`` lie at pixels from ``start`` to ``end``."""

    label: str
    low: float
    high: float
    start: float
    end: float
    most_ticks: int = 5

    def at(self, value: Any) -> Any:
        """Return the pixel of a value (a number or an array); values outside are moved to the edge."""
        share = (np.clip(value, self.low, self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def holds(self, value: Any) -> Any:
        """Return whether a value (a number or an array) is on the axis."""
        return (value >= self.low) & (value <= self.high)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """(pixel, text) of round values, with no more digits than they need."""
        locator = MaxNLocator(self.most_ticks, steps=[1, 2, 2.5, 5, 10])
        values = locator.tick_values(self.low, self.high)
        step = values[1] - values[0]
        digits = next((d for d in range(9) if math.isclose(round(step, d), step, rel_tol=1e-6)), 9)
        inside = [v for v in values if self.low - step / 1e6 <= v <= self.high + step / 1e6]
        return [(round(float(self.at(v)), 1), _tick_text(v, digits)) for v in inside]


def _tick_text(value: float, digits: int) -> str:
    return f"{value + 0:,.{digits}f}".replace("-", "−").removeprefix("−" if round(value, digits) == 0 else "")


def span(values: Iterable[float], least: float = 0.0, margin: float = 0.05) -> tuple[float, float]:
    """Return the range of the finite ``values``, at least ``least`` wide, with a margin as a share of it."""
    finite = np.asarray([v for v in values if math.isfinite(v)], float)
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    missing = max(0.0, max(least, 1e-9 * max(1, abs(low))) - (high - low)) / 2
    pad = margin * (high - low + 2 * missing)
    return low - missing - pad, high + missing + pad


@dataclass(frozen=True)
class Frame:
    """The area between two axes of an SVG ``width`` by ``height`` pixels."""

    width: int
    height: int
    x: Axis
    y: Axis

    @classmethod
    def of(
        cls,
        size: tuple[int, int],
        x: tuple[str, tuple[float, float]],
        y: tuple[str, tuple[float, float]],
        falls: bool = False,
    ) -> Frame:
        """Make a frame of ``size`` from (label, range) of its axes; with ``falls`` y grows downwards."""
        width, height = size
        left, right, top, bottom = 52, width - 15, 8, height - 40
        across = Axis(x[0], *x[1], left, right)
        ends = (top, bottom) if falls else (bottom, top)
        return cls(width, height, across, Axis(y[0], *y[1], *ends))

    def split(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which of the points (x, y) are within both axes, and which finite ones are outside."""
        inside = self.x.holds(x) & self.y.holds(y)
        return inside, np.isfinite(x) & np.isfinite(y) & ~inside


@dataclass(frozen=True)
class Cloud:
    """Points of a scatter plot as SVG paths: ``dots`` within the frame, ``crosses`` moved to its edge."""

    dots: list[str]
    crosses: str
    outside: int


def cloud(frame: Frame, x: np.ndarray, y: np.ndarray) -> Cloud:
    """Return the points (x, y) as SVG paths; those that aren't finite are left out."""
    inside, outside = (
        list(zip(frame.x.at(x[which]), frame.y.at(y[which]), strict=True)) for which in frame.split(x, y)
    )
    # A line of zero length with round ends is a dot, in a twentieth of the bytes of a circle element.
    dots = [f"M{a:.1f} {b:.1f}h0" for a, b in inside]
    layers = ["".join(dots[i::_LAYERS]) for i in range(_LAYERS)]
    crosses = "".join(f"M{a - 3:.1f} {b - 3:.1f}l6 6m0-6l-6 6" for a, b in outside)
    return Cloud([layer for layer in layers if layer], crosses, len(outside))


def polyline(frame: Frame, x: Sequence[float], y: Sequence[float], most: int = 160) -> str:
    """Return a line through the points as an SVG path, with gaps where ``y`` is not finite.

    More than ``most`` points are averaged in groups.
    """
    parts, pen_down = [], False
    for a, b in _thinned(np.asarray(x, float), np.asarray(y, float), most):
        if math.isfinite(b):
            parts.append(f"{'L' if pen_down else 'M'}{frame.x.at(a):.1f} {frame.y.at(b):.1f}")
        pen_down = math.isfinite(b)
    return "".join(parts)


def _thinned(x: np.ndarray, y: np.ndarray, most: int) -> Iterator[tuple[float, float]]:
    for chunk_x, chunk_y in zip(*(np.array_split(v, min(most, len(x))) for v in (x, y)), strict=True):
        known = chunk_y[np.isfinite(chunk_y)]
        yield float(chunk_x.mean()), float(known.mean()) if len(known) else math.nan


@dataclass(frozen=True)
class Whisker:
    """A value and its interval in percent of the axis; ``cut`` says at which ends the interval leaves it."""

    at: float | None
    low: float | None
    high: float | None
    cut: tuple[bool, bool]


def whisker(axis: Axis, value: float, low: float, high: float) -> Whisker:
    """Return a value and its interval on an axis whose pixels are percents."""
    known = math.isfinite(low) and math.isfinite(high)
    place = [float(round(axis.at(v), 2)) if math.isfinite(v) else None for v in (value, low, high)]
    cut = (known and low < axis.low, known and high > axis.high)
    return Whisker(place[0], place[1] if known else None, place[2] if known else None, cut)


def whisker_axis(values: Iterable[float], *, zero: bool = False) -> Axis:
    """Return an axis in percent that covers ``values``, and zero if asked for."""
    low, high = span([*values, 0.0] if zero else values, least=0.1, margin=0.08)
    return Axis("", low, high, 3, 97, most_ticks=4)
