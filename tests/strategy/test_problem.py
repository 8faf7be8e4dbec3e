from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from lmreg.algo.spos import SPOS
from lmreg.errors import LmregError
from lmreg.space.base import Arch
from lmreg.space.nasbench201 import NASBench201
from lmreg.strategy.limits import Limits
from lmreg.train.context import Context
from lmreg.train.random_streams import Streams

DIRECT = "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|"
ISOMORPHIC = "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|"


def test_a_class_is_scored_once_whichever_comes_first(problem: Any, space: NASBench201) -> None:
    made = problem()
    one, twin, other = space.parse(DIRECT), space.parse(ISOMORPHIC), space.arch((3,) * 6)
    first = made.values([twin, other, one])
    assert first[0] == first[2] != first[1]
    assert made.values([one]) == first[:1]
    assert made.calls == [[twin, other]]
    assert made.scored == 2
    assert made.candidates()["arch"].tolist() == [space.format(other), ISOMORPHIC]


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_values_grow_with_quality_and_candidates_come_best_first(
    problem: Any, higher_is_better: bool
) -> None:
    made = problem(higher_is_better=higher_is_better)
    archs = made.propose(10)
    assert made.values(archs) == [abs(v) for v in made.values(archs)]
    quality = made.candidates()["quality"]
    assert quality.abs().is_monotonic_decreasing
    assert (quality >= 0).all() == higher_is_better


def test_nan_is_the_worst_score(problem: Any, space: NASBench201) -> None:
    made = problem()
    score = made._score
    made._score = lambda archs: score(archs).assign(quality=float("nan"))
    assert made.values([space.arch((3,) * 6)]) == [-float("inf")]


def test_without_limits_the_proposals_are_the_algorithms_own(problem: Any, space: NASBench201) -> None:
    made = problem(seed=4)
    ctx = replace(made._ctx, streams=Streams(4, torch.device("cpu")))
    assert made.propose(30) == SPOS().propose(ctx, 30)


def test_only_admissible_architectures_are_proposed(problem: Any, space: NASBench201) -> None:
    made = problem(Limits(max_params=110))  # no convolution or one: 41 % of the space
    proposed = made.propose(50)
    assert len({space.canonical(a) for a in proposed}) == 50
    made.values(proposed)
    assert (made.candidates()["params"] <= 110).all()


def test_an_example_replaces_proposals_that_all_violate_the_limits(problem: Any) -> None:
    made = problem(Limits(min_params=610))  # six convolutions: 64 of 15,625
    few = made.propose(2)
    assert 1 <= len(few) <= 2
    assert all(made.admissible(a) for a in few)
    with pytest.raises(LmregError, match=r"within strategy\.max_params=9; the closest has 10 parameters"):
        problem(Limits(max_params=9)).propose(2)


class Learned(SPOS):
    """An algorithm that has learned a given architecture."""

    def __init__(self, arch: Arch):
        super().__init__()
        self._arch = arch

    def discretised(self, ctx: Context) -> Arch:
        return self._arch


def test_a_learned_architecture_is_marked_or_reported_if_it_violates_the_limits(
    problem: Any, space: NASBench201, capsys: pytest.CaptureFixture[str]
) -> None:
    learned = space.arch((3,) * 6)
    made = problem(algo=Learned(learned))
    assert made.propose(5)[0] == learned
    made.values(made.propose(5))
    origins = made.candidates().set_index("arch")["origin"]
    assert origins[space.format(learned)] == "discretised"
    assert (origins == "discretised").sum() == 1
    assert capsys.readouterr().out == ""
    assert learned not in problem(Limits(max_params=110), algo=Learned(learned)).propose(5)
    out = capsys.readouterr().out
    assert out == f"Note: the learned architecture violates the limits: {space.format(learned)}\n"
