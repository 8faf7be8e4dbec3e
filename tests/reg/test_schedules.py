from __future__ import annotations

import pytest

from lmreg.reg.schedules import SCHEDULES, after_warmup, constant, cosine_increase


def test_ends_and_middle() -> None:
    assert cosine_increase(0.0) == 0.0
    assert cosine_increase(0.5) == pytest.approx(0.5)
    assert cosine_increase(1.0) == 1.0
    assert constant(0.3) == 1.0


@pytest.mark.parametrize("schedule", SCHEDULES.values())
def test_never_falls(schedule: object) -> None:
    values = [schedule(i / 100) for i in range(101)]  # type: ignore[operator]
    assert values == sorted(values)


def test_warmup() -> None:
    assert after_warmup(0.39, 0.4) is None
    assert after_warmup(0.4, 0.4) == 0.0
    assert after_warmup(0.7, 0.4) == pytest.approx(0.5)
    assert after_warmup(1.0, 0.4) == 1.0
    assert after_warmup(0.0, 0.0) == 0.0
    assert after_warmup(1.0, 1.0) is None
