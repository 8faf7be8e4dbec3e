from __future__ import annotations

import pytest

from lmreg.reg.schedules import SCHEDULES, weight_factor

# schedule, progress, value with a warm-up of 0.4: by hand.
BY_HAND = [
    ("constant", 0.4, 1.0),
    ("constant", 1.0, 1.0),
    ("cosine_increase", 0.4, 0.0),
    ("cosine_increase", 0.7, 0.5),
    ("cosine_increase", 0.6, 0.25),  # a third of the way: (1 − cos 60°) / 2
    ("cosine_increase", 1.0, 1.0),
    ("cosine_increase_released", 0.4, 0.0),
    ("cosine_increase_released", 0.9, 0.5),
    ("cosine_decrease", 0.4, 1.0),
    ("cosine_decrease", 0.6, 0.75),
    ("cosine_decrease", 1.0, 0.0),
    ("step_increase", 0.4, 0.25),
    ("step_increase", 0.56, 0.5),
    ("step_increase", 0.99, 1.0),
    ("step_increase", 1.0, 1.0),
    ("step_decrease", 0.4, 1.0),
    ("step_decrease", 0.56, 0.75),
    ("step_decrease", 1.0, 0.25),
]


@pytest.mark.parametrize(("name", "progress", "value"), BY_HAND)
def test_by_hand(name: str, progress: float, value: float) -> None:
    assert weight_factor(name, progress, 0.4) == pytest.approx(value, abs=1e-12)


def test_every_schedule_is_worked_out() -> None:
    assert {name for name, *_ in BY_HAND} == set(SCHEDULES)


@pytest.mark.parametrize(
    ("warmup", "epochs", "end"), [(100, 200, 5.0), (150, 400, 6.9), (100, 400, 8.5)], ids=str
)
def test_the_released_cosine_ends_where_the_authors_code_ends(warmup: int, epochs: int, end: float) -> None:
    assert 10 * weight_factor("cosine_increase_released", 1.0, warmup / epochs) == pytest.approx(
        end, abs=0.05
    )


@pytest.mark.parametrize("name", SCHEDULES)
def test_nothing_during_the_warmup_and_one_direction_after(name: str) -> None:
    assert weight_factor(name, 0.39, 0.4) == 0.0
    assert weight_factor(name, 1.0, 1.0) == 0.0  # all of it is warm-up
    assert weight_factor(name, 0.0, 0.0) == SCHEDULES[name](0.0, 0.0)
    values = [weight_factor(name, i / 100, 0.4) for i in range(40, 101)]
    assert all(0 <= v <= 1 for v in values)
    assert values == sorted(values, reverse=name.endswith("decrease"))
