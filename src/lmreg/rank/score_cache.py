"""The scores of a finished search's super-net, computed once for each architecture and kept on disk."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from lmreg.algo.base import Algorithm
from lmreg.errors import Interrupted, LmregError
from lmreg.experiment.study import Options, Study
from lmreg.network.base import SuperNet
from lmreg.rank.finished_run import FinishedRun
from lmreg.rank.scoring import ScoringConfig, score
from lmreg.space.base import Arch
from lmreg.train import checkpoint
from lmreg.train.signals import StopRequest
from lmreg.util.files import digest, file_hash, read_json, write_json
from lmreg.util.progress import Progress

_WEIGHTS = "supernet.pt"
_CHUNK = 16
_SAVE_SECONDS = 10.0


def trained_supernet(run: FinishedRun, study: Study) -> SuperNet:
    """Load the super-net of ``run`` on the device of ``study``, which is built from the run's config. Raises
    LmregError if the run's data or super-net have changed since."""
    if not run.has_super_net:
        raise LmregError(f"{run.name} has no super-net: algo={run.result['algo']} trains none")
    if study.data.hash != run.result["data_hash"]:
        raise LmregError(f"{run.name}: the data at data.path has changed since it was trained; search again")
    net = study.supernet(0, study.part("algo", Algorithm))
    expected = f"{run.result['config_hash']}-{run.result['data_hash']}"
    net.load_state_dict(checkpoint.load(run.folder / _WEIGHTS, expected, study.device))
    return net


class ScoreCache:
    """A run's scores by architecture, kept in ``<run>/.scores/``.

    There is one file for each scoring protocol and state of the super-net, so kept scores always fit. Data
    and weights are read only when a score is missing.
    """

    def __init__(self, run: FinishedRun, options: Options, norm: str | None = None):
        """``norm`` is the batch-norm policy; None for the run's own."""
        self.run, self.norm = run, norm or run.scoring.norm
        self.study = Study(run.cfg, options)
        self.columns = [s.column for s in self.study.task.scores.values()]
        self._scoring: ScoringConfig = replace(run.scoring, norm=self.norm).checked(self.study.task)
        about = {"supernet": file_hash(run.folder / _WEIGHTS), "scoring": self._scoring.protocol}
        self._path = run.folder / ".scores" / f"{digest(repr(about).encode())}.json"
        self._about = about
        known = read_json(self._path, {"scores"})["scores"] if self._path.exists() else {}
        self._scores: dict[str, list[float]] = known

    def scores(self, archs: Sequence[Arch]) -> pd.DataFrame:
        """Return one row per architecture, in their order, and one column per score of the task. Raises
        LmregError if the run's data or super-net have changed since, or a score is not finite.

        Scores are saved every few seconds, so an interrupted call continues where it stopped.
        """
        missing = list(dict.fromkeys(arch for arch in archs if arch.id not in self._scores))
        if missing:
            self._add(missing)
        values = np.array([self._scores[arch.id] for arch in archs])
        return pd.DataFrame(values, columns=self.columns)

    def _add(self, archs: list[Arch]) -> None:
        study, run, scoring = self.study, self.run, self._scoring
        net = trained_supernet(run, study)
        batches, calibration = scoring.batches(study.data), scoring.calibration(study.data)
        saved = time.monotonic()
        with Progress(f"ranking {run.name}", len(archs)) as progress, StopRequest() as stop:
            for start in range(0, len(archs), _CHUNK):
                some = archs[start : start + _CHUNK]
                table = score(net, study.task, some, batches, lambda: progress.advance(""), calibration)
                if not np.isfinite(table.to_numpy()).all():
                    raise LmregError(f"{run.name}: its super-net yields scores that are not finite")
                self._scores |= dict(zip([a.id for a in some], table.to_numpy().tolist(), strict=True))
                last = start + _CHUNK >= len(archs)
                stopped = stop.signal_number is not None
                if last or stopped or time.monotonic() - saved >= _SAVE_SECONDS:
                    write_json(self._path, {**self._about, "columns": self.columns, "scores": self._scores})
                    saved = time.monotonic()
                if stop.signal_number is not None:
                    raise Interrupted(
                        f"{run.name}: stopped with {min(start + _CHUNK, len(archs))} of {len(archs)} "
                        "architectures scored; run the same command again to go on",
                        stop.signal_number,
                    )
