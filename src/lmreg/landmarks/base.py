"""Where landmarks and the evaluation pool get their stand-alone scores from."""

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
from lmreg.landmarks.truth import Truth
from lmreg.selector.base import Candidates, Draw, Selector
from lmreg.space.base import Arch
from lmreg.space.draw import draw_distinct
from lmreg.train.random_streams import derive


@dataclass
class SourceConfig:
    """What every source's config has."""

    name: str = "source"
    count: int = option(30, min=2, help="M, number of landmarks")
    pool: int = option(32, min=2, help="P, number of held-out architectures that `lmreg evaluate` ranks")


@dataclass(frozen=True)
class Scored:
    """Architectures with stand-alone scores, ready to be saved as a `Truth`.

    By role, landmarks and pool: ``tables``, ``columns`` (the score's column name) and whether more in
    that column is better.
    """

    tables: dict[str, pd.DataFrame]
    columns: dict[str, str]
    higher_is_better: dict[str, bool]
    about: dict[str, Any]


@dataclass(frozen=True)
class Further:
    """Stand-alone scores of further architectures, got as those of a study's landmarks were.

    ``score`` takes architectures and a count: of the first so many that have or get a score it gives
    ``arch``, the landmarks' score column and ``<column>_se`` (NaN where unknown). ``how`` says where
    the scores come from.
    """

    score: Callable[[Sequence[Arch], int], pd.DataFrame]
    how: str


class LandmarkSource(ABC):
    """Draws landmarks and a pool, then finds their scores."""

    @abstractmethod
    def origin(self, study: Study) -> dict[str, Any]:
        """What tells the scores of this source from those of others; goes into the manifest."""

    @abstractmethod
    def gather(self, study: Study, selector: Selector, folder: Path, workers: int) -> Scored:
        """Scores of landmarks and pool; ``folder`` keeps what must survive an interruption.

        Several processes may be here at the same time, with one ``folder``.
        """

    @classmethod
    def further(cls, study: Study, truth: Truth, folder: Path) -> Further:
        """Of the ``truth`` in ``folder`` that this source made for the ``study``.

        Raises:
            LmregError: there can be no more such scores.
        """
        raise LmregError(f"{folder}: {cls.__name__} has no scores of further architectures")


def further_scores(study: Study, truth: Truth, folder: Path) -> Further:
    """Further scores from the source that the ``truth`` in ``folder`` came from.

    Raises:
        LmregError: that can give none, or it isn't known.
    """
    source = truth.manifest.get("source")
    if source not in catalogue.choices("landmarks"):
        raise LmregError(f"the manifest in {folder} names no source that could score more architectures")
    return choice_of("landmarks", source, LandmarkSource)[0].further(study, truth, folder)


def draw_roles(
    study: Study, selector: Selector, config: SourceConfig, landmark: Draw, held_out: Draw
) -> dict[str, list[Arch]]:
    """Landmarks and pool, no two isomorphic within or across them, each from its own stream.

    Two streams, so that asking for more of one keeps what was drawn before (but for a pool
    architecture that becomes a landmark). The pool is always drawn uniformly: how landmarks are
    chosen must not decide on what the ranking is judged by.

    Args:
        landmark: draws a candidate that has a landmark's score; the ``selector`` chooses among those.
        held_out: draws an architecture that has a score as member of the pool.
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
