"""The result of a finished search."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from lmreg.experiment.study import Study
from lmreg.landmarks.truth import LandmarkSet
from lmreg.rank.scoring import DEVIATION, PREDICTED, ScoringConfig
from lmreg.strategy.problem import DISCRETISED
from lmreg.task.base import Task
from lmreg.train.training import Training
from lmreg.util.files import read_json, read_table


@dataclass(frozen=True)
class Result:
    """A finished search, read from its folder."""

    folder: Path
    summary: dict[str, Any]
    candidates: pd.DataFrame

    @property
    def run(self) -> str:
        """The name of the run."""
        return self.folder.name

    @classmethod
    def load(cls, folder: Path) -> Result:
        """Read the folder of a finished search. Raises LmregError if a file is missing or damaged."""
        candidates = read_table(folder / "candidates.csv", {"arch"})
        if "origin" not in candidates:  # older than algorithms that learn an architecture
            candidates["origin"] = "sampled"
        return cls(folder, read_json(folder / "result.json"), candidates)


def summary_of(
    study: Study,
    training: Training,
    candidates: pd.DataFrame,
    scoring: ScoringConfig,
    landmarks: LandmarkSet | None,
) -> dict[str, Any]:
    """Return the content of ``result.json`` except for the run's name, config hash and times, given the
    scored architectures, best first, and all landmarks that the training has used."""
    learned = candidates[candidates["origin"] == DISCRETISED]
    return {
        "algo": study.cfg.algo.name,
        "reg": study.cfg.reg.name,
        "seed": study.options.seed,
        "steps": training.ctx.total_steps,
        "paths": training.paths,
        "best": _found(candidates, study.task),
        # The architecture that the algorithm has learned, whatever its score.
        "discretised": None if learned.empty else _found(learned, study.task),
        "candidates": len(candidates),
        "chosen_by": scoring.order(study.task).column,
        "norm": scoring.norm,
        "affine": study.of_supernet_only.get("affine"),
        "landmarks": [study.space.format(arch) for arch in landmarks.archs] if landmarks else [],
        "landmark_scores": landmarks.scores.tolist() if landmarks else [],
        "data_hash": study.data.hash,
        "split_sizes": study.data.sizes,
        "device": device_name(study.device),
        "threads": torch.get_num_threads(),
        "deterministic": study.runtime.repeats,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Return the versions of lmreg, torch and Python that make the result."""
    return {"lmreg": version("lmreg"), "torch": torch.__version__, "python": platform.python_version()}


def _found(candidates: pd.DataFrame, task: Task) -> dict[str, Any]:
    best = candidates.iloc[0]
    columns = [*(s.column for s in task.scores.values()), PREDICTED, DEVIATION]
    values = {column: float(best[column]) for column in columns if column in best}
    return {"arch": best["arch"]} | {c: value if np.isfinite(value) else None for c, value in values.items()}


def device_name(device: torch.device) -> str:
    """Return the name of the GPU, or the kind of CPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine() + " CPU"
