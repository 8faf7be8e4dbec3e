"""Where landmarks and the evaluation pool get their stand-alone scores from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.selector.base import Candidates, Draw, Selector
from lmreg.space.base import Arch
from lmreg.space.draw import draw_distinct
from lmreg.streams import derive
from lmreg.study import Study


@dataclass
class SourceConfig:
    """What every source's config has."""

    name: str = "source"
    count: int = option(30, min=2, help="M, the number of landmarks")
    pool: int = option(32, min=2, help="P, the number of held-out architectures that `evaluate` ranks")


@dataclass(frozen=True)
class Scored:
    """Architectures with stand-alone scores, ready to be saved as a `Truth`.

    ``tables`` and ``columns`` (the score's column name) are by role: landmarks and pool.
    """

    tables: dict[str, pd.DataFrame]
    columns: dict[str, str]
    higher_is_better: bool
    about: dict[str, Any]


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
