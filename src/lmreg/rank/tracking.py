"""How well the super-net ranks during training: Kendall's tau on the landmarks and on the held-out pool.

These figures are for inspection and choose nothing. Sub-nets are scored on the score split; test images enter
only through the truth of the pool.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.experiment.study import Study
from lmreg.landmarks.truth import MANIFEST, LandmarkSet, Truth
from lmreg.rank.correlation import kendall_tau_b
from lmreg.rank.pool import held_out
from lmreg.rank.scoring import PREDICTED, PREDICTOR, ScoringConfig, score
from lmreg.task.base import Score, Task
from lmreg.train.training import Training
from lmreg.util.progress import say

# A fixed seed, so that every run of a study tracks the same part of its pool.
_SEED = 20210620


@dataclass
class TrackingConfig:
    """When and on what the ranking is tracked; no part of what trains."""

    every_epochs: float | None = option(
        4, min=0.001, help="epochs between two looks at how well the super-net ranks; null: never"
    )
    pool: int = option(
        16, min=2, help="held-out architectures at most, drawn at random (all landmarks are taken)"
    )
    images: int = option(128, min=2, help="images of the score split to use")


class Tracker:
    """Records Kendall's tau at regular intervals of a training, in ``rows``, which the training saves with
    its state. Records nothing in a study without landmarks. Reads the study's landmarks and pool if ``truth``
    is None."""

    def __init__(self, config: TrackingConfig, scoring: ScoringConfig, study: Study, truth: Truth | None):
        self.rows: list[dict[str, float | str]] = []
        self._config, self._task = config, study.task
        self._sets: dict[str, LandmarkSet] = {}
        if config.every_epochs is None:
            return
        truth = truth or _truth_of(study)
        if truth is None:
            return
        self._sets = {"landmarks": truth.landmarks, **tracked_pool(config, truth, study)}
        images = min(config.images, scoring.images or config.images)
        self._batches = study.data.split("score").scoring_batches(scoring.batch_size, images)
        self._calibration = scoring.calibration(study.data)

    def look(self, training: Training) -> None:
        """Add rows if the present step is due; leaves the training unchanged."""
        ctx = training.ctx
        if not self._sets or self._config.every_epochs is None:
            return
        interval = training.steps_in(self._config.every_epochs)
        if ctx.step % interval != 0 and ctx.step != ctx.total_steps:
            return
        archs = [arch for members in self._sets.values() for arch in members.archs]
        table = score(ctx.net, self._task, archs, self._batches, calibration=self._calibration)
        for name, members in self._sets.items():
            mine, table = table[: len(members.archs)], table[len(members.archs) :]
            at: dict[str, float | str] = {"step": ctx.step, "epoch": training.epoch}
            self.rows += [at | row for row in tau_rows(name, members, mine, self._task)]


def tau_rows(
    name: str, members: LandmarkSet, table: pd.DataFrame, task: Task
) -> list[dict[str, float | str]]:
    """Return Kendall's tau on the set ``name`` by each score: ``set``, ``score``, ``kendall_tau``, ``n``.
    ``table`` has the super-net's scores of ``members``, in their order, and perhaps what is predicted."""
    truth = members.better_sign * members.scores
    rows: list[dict[str, Any]] = []
    for short, figure in {**task.scores, PREDICTOR: Score(PREDICTED, True)}.items():
        if figure.column not in table:
            continue
        values = figure.sign * table[figure.column].to_numpy()
        tau = kendall_tau_b(truth, values, np.ones((1, len(truth))))
        rows.append({"set": name, "score": short, "kendall_tau": float(tau[0]), "n": len(truth)})
    return rows


def tracked_pool(config: TrackingConfig, truth: Truth, study: Study) -> dict[str, LandmarkSet]:
    """Return the tracked part of the pool under the key ``pool``; empty if none of it is held out."""
    with contextlib.suppress(LmregError):
        pool = held_out(truth, [], study)
        drawn = np.random.default_rng(_SEED).permutation(len(pool.archs))[: config.pool]
        return {"pool": pool.subset(np.sort(drawn))}
    return {}


def _truth_of(study: Study) -> Truth | None:
    """Return the study's landmarks and pool; None if there are none that fit, as tracking is optional."""
    folder = study.folder / "landmarks"
    if not (folder / MANIFEST).exists():
        return None
    try:
        truth = Truth.load(folder, study.space)
        if not truth.fits(study.data.hash):
            raise LmregError(f"the landmarks in {folder} were trained on other data or other splits")
    except LmregError as error:
        say(f"Note: the ranking is not tracked during training: {error}")
        return None
    return truth
