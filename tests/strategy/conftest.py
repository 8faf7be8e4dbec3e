"""A search problem whose scores are a known function of the architecture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest
import torch
from tests.train.contexts import make_context

from lmreg.algo.base import Algorithm
from lmreg.algo.spos import SPOS
from lmreg.network.nasbench201 import NASBench201Network
from lmreg.space.base import Arch
from lmreg.space.nasbench201 import NASBench201
from lmreg.strategy.limits import Limits
from lmreg.strategy.problem import SearchProblem
from lmreg.task.base import Score
from lmreg.train.random_streams import Streams

MakeProblem = Callable[..., SearchProblem]
WEIGHTS = (0.0, 1.0, 2.0, 3.0, 1.5)


def convolutions(arch: Arch) -> int:
    return sum(choice in (2, 3) for choice in arch.choices)


@pytest.fixture
def problem(space: NASBench201, net: NASBench201Network) -> MakeProblem:
    """A factory ``problem(limits, higher_is_better, seed, algo)``; ``.calls`` lists the scored
    architectures."""

    def make(
        limits: Limits | None = None,
        higher_is_better: bool = True,
        seed: int = 0,
        algo: Algorithm | None = None,
    ) -> SearchProblem:
        by, calls = Score("quality", higher_is_better), []

        def score(archs: Sequence[Arch]) -> pd.DataFrame:
            calls.append(list(archs))
            quality = [sum(WEIGHTS[c] * (i + 1) for i, c in enumerate(a.choices)) for a in archs]
            return pd.DataFrame({"quality": by.sign * np.array(quality)})

        def cost(arch: Arch) -> dict[str, int]:
            return {"params": 100 * convolutions(arch) + 10, "macs": 7}

        streams = Streams(seed, torch.device("cpu"))
        ctx = make_context(space, net, streams, 1)
        made = SearchProblem(ctx, algo or SPOS(), score, by, cost, limits or Limits())
        made.calls = calls  # type: ignore[attr-defined]
        return made

    return make
