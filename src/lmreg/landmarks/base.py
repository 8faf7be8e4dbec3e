"""Sources of the landmarks' and the evaluation pool's stand-alone scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lmreg.config import catalogue
from lmreg.config.build import choice_of
from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.experiment.study import Study
from lmreg.landmarks.truth import GatheredScores, Truth
from lmreg.selector.base import Candidates, Draw, Selector
from lmreg.space.base import Arch
from lmreg.space.distinct import draw_distinct
from lmreg.train.random_streams import derive


@dataclass
class SourceConfig:
    """The options that all sources have."""

    name: str = "source"
    count: int = option(30, min=2, help="M, number of landmarks")
    pool: int = option(32, min=2, help="P, number of held-out architectures that `lmreg evaluate` ranks")


@dataclass(frozen=True)
class StandaloneScorer:
    """Gets stand-alone scores of more architectures in the same way as those of a study's landmarks.

    ``score`` takes architectures and a count, and returns a table of the first architectures, up to that
    count, that have or get a score: ``arch``, the landmarks' score column, and ``<column>_se`` (NaN where
    unknown). ``origin`` says in words where the scores come from.
    """

    score: Callable[[Sequence[Arch], int], pd.DataFrame]
    origin: str


class LandmarkSource(ABC):
    """Draws landmarks and a pool, then gets their scores."""

    @abstractmethod
    def origin(self, study: Study) -> dict[str, Any]:
        """Return what distinguishes this source's scores from those of other sources, for the manifest."""

    @abstractmethod
    def gather(self, study: Study, selector: Selector, folder: Path, workers: int) -> GatheredScores:
        """Draw landmarks and pool and get their scores; ``folder`` keeps what must survive an interruption.

        Several processes may do this at the same time with the same ``folder``.
        """

    @classmethod
    def scorer(cls, study: Study, truth: Truth, folder: Path) -> StandaloneScorer:
        """Return a scorer that continues the ``truth`` in ``folder``, which this source made for ``study``;
        raise LmregError if the source can't score more architectures."""
        raise LmregError(f"{folder}: {cls.__name__} can't score more architectures")


def standalone_scorer(study: Study, truth: Truth, folder: Path) -> StandaloneScorer:
    """Return a scorer from the source that the ``truth`` in ``folder`` came from, if it can score more."""
    source = truth.manifest.get("source")
    if source not in catalogue.choices("landmarks"):
        raise LmregError(f"the manifest in {folder} names no source that could score more architectures")
    return choice_of("landmarks", source, LandmarkSource)[0].scorer(study, truth, folder)


def draw_roles(
    study: Study, selector: Selector, config: SourceConfig, landmark: Draw, held_out: Draw
) -> dict[str, list[Arch]]:
    """Draw landmarks and pool, no two isomorphic within or across them, each from its own random stream.

    With two streams, asking for more of one keeps what was drawn before (except a pool architecture that
    becomes a landmark). The pool is always drawn uniformly, as the choice of landmarks must not affect what
    the ranking is judged by. ``landmark`` draws candidates with a landmark score, among which the
    ``selector`` chooses; ``held_out`` draws an architecture with a pool score.
    """
    seed, space = study.options.seed, study.space
    rngs = {role: np.random.default_rng(derive(seed, role)) for role in ("landmarks", "pool")}
    candidates = Candidates(space, landmark, study.params)
    landmarks = selector.select(candidates, config.count, rngs["landmarks"])
    try:
        pool = draw_distinct(space, lambda: held_out(rngs["pool"]), config.pool, taken=landmarks)
    except LmregError as error:
        raise LmregError(
            f"{error}; lower landmarks.count (now {config.count}) or landmarks.pool (now {config.pool})"
        ) from None
    return {"landmarks": landmarks, "pool": pool}
