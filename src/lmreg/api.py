"""lmreg in notebooks and scripts: the stages of a study are methods that do what the commands do.

    import lmreg

    study = lmreg.Study(space="nasbench201", data="fashion_mini")
    study.train_landmarks(count=30, pool=32)
    run = study.search(algo="spos", reg="landmark", seed=0)
    table = study.evaluate()

Methods and commands compose the same config and write the same folders, so that each can resume what the
other began. Methods return values and print nothing: messages go to the logger ``lmreg``.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lmreg.commands.evaluate import evaluate
from lmreg.commands.export import export
from lmreg.commands.report import report
from lmreg.commands.retrain import retrain
from lmreg.commands.search import search
from lmreg.commands.train_landmarks import train_landmarks
from lmreg.config.arguments import argument, quoted
from lmreg.config.compose import composed, takes
from lmreg.errors import LmregError
from lmreg.experiment.study import Options
from lmreg.experiment.study import Study as Parts
from lmreg.landmarks.truth import Truth
from lmreg.network.base import Standalone, SuperNet
from lmreg.rank.finished_run import FinishedRun, finished_runs
from lmreg.rank.score_cache import trained_supernet
from lmreg.space.base import Arch, Space
from lmreg.util.files import read_json, read_table
from lmreg.util.progress import quiet

_STAGES = ("train-landmarks", "search", "evaluate", "report", "retrain")
_FROM_RUN = ("space=", "space.", "data=", "task=")
"""How overrides begin that a retraining of a run takes from the run."""


class Study:
    """A search space on a data set, and the folder in which its stages leave their results.

    Args:
        space, data, task: choices as on the command line (`lmreg search --help` lists them).
        root: the folder of all studies.
        name: of the study's folder; None for ``<space>-<data>``.
        overrides: options for all stages that have them, such as ``["data.path=photos", "threads=1"]``.

    Raises:
        LmregError: a choice or an option doesn't exist, or parts don't go together.
    """

    def __init__(
        self,
        space: str = "nasbench201",
        data: str = "fashion_mini",
        root: str | Path = "outputs",
        *,
        task: str = "classification",
        name: str | None = None,
        overrides: Sequence[str] = (),
    ):
        for word in overrides:
            if not any(takes(stage, word) for stage in _STAGES):
                raise LmregError(f"{word!r}: no stage has that option; 'lmreg search --help' lists them")
        self._given = [f"space={space}", f"data={data}", f"task={task}", argument("root", root), *overrides]
        if name is not None:
            self._given.append(argument("study", name))
        with quiet():
            cfg, _ = composed("search", self._overrides("search"))
            options = Options(study=cfg.study, root=cfg.root, allow_packages=list(cfg.allow_packages))
            parts = Parts(cfg, options)
        self.name: str = str(cfg.study)
        self.folder: Path = parts.folder
        self.space: Space = parts.space

    def __repr__(self) -> str:
        return f"Study({str(self.folder)!r})"

    def train_landmarks(
        self, count: int | None = None, pool: int | None = None, *, overrides: Sequence[str] = ()
    ) -> Truth:
        """Train landmarks and a held-out pool stand-alone, or read their scores from a table.

        Trainings that are finished already are kept.

        Args:
            count: how many landmarks; None for the default.
            pool: how many held-out architectures; None for the default.
        """
        given = {"landmarks.count": count, "landmarks.pool": pool}
        with quiet():
            return train_landmarks(
                *composed("train-landmarks", self._overrides("train-landmarks", given, overrides))
            )

    def search(
        self, algo: str = "spos", reg: str = "landmark", seed: int = 0, *, overrides: Sequence[str] = ()
    ) -> Run:
        """Train a super-net and search it; resume a search that was stopped, read one that is finished.

        Raises:
            LmregError: an option is invalid, or ``reg`` needs landmarks and the study has none.
            Interrupted: SIGINT or SIGTERM came; the state is saved, and the same call resumes.
        """
        given = {"algo": algo, "reg": reg, "seed": seed}
        with quiet():
            return Run(search(*composed("search", self._overrides("search", given, overrides))).folder)

    def runs(self) -> list[Run]:
        """Return the study's finished searches, by name."""
        if not any(self.folder.glob("search/*/result.json")):
            return []
        return [Run(run.folder) for run in finished_runs(self.folder)]

    def evaluate(self, *, overrides: Sequence[str] = ()) -> pd.DataFrame:
        """Measure how well every finished search ranks the held-out pool.

        Returns:
            ``evaluate/metrics.csv``, one figure per row. ``baselines.csv`` and ``paired.csv`` beside it have
            the cheap baselines and the gains over them.
        """
        with quiet():
            cfg, _ = composed("evaluate", self._overrides_by_name("evaluate", overrides))
            return read_table(evaluate(cfg) / "metrics.csv", {"run", "statistic", "value"})

    def report(self, *, overrides: Sequence[str] = ()) -> Path:
        """Write a report of the study, one HTML file, and return its path."""
        with quiet():
            return report(composed("report", self._overrides_by_name("report", overrides))[0])

    def retrain(
        self, run: Run | None = None, arch: Arch | str | None = None, *, overrides: Sequence[str] = ()
    ) -> Retrained:
        """Train what ``run`` found, or ``arch``, alone on all training images, and test it."""
        if (run is None) == (arch is None):
            raise LmregError("retrain takes either a run or an architecture")
        if run is not None:
            given = [f"run={quoted([str(run.folder)])}"]
        else:
            given = [argument("arch", arch if isinstance(arch, str) else self.space.format(arch))]  # type: ignore[arg-type]
        words = self._overrides("retrain", None, overrides)
        if run is not None:  # the run determines space, data and task
            words = [word for word in words if word in overrides or not word.startswith(_FROM_RUN)]
        with quiet():
            return Retrained(retrain(*composed("retrain", [*words, *given])))

    def _overrides(
        self, command: str, given: dict[str, Any] | None = None, overrides: Sequence[str] = ()
    ) -> list[str]:
        """Return a command's overrides: the study's, those of a method's arguments, and the call's own."""
        keys = {word.lstrip("+~").partition("=")[0] for word in overrides}
        mine = [w for w in self._given if takes(command, w) and w.lstrip("+~").partition("=")[0] not in keys]
        named = [f"{key}={value}" for key, value in (given or {}).items() if value is not None]
        return [*mine, *named, *overrides]

    def _overrides_by_name(self, command: str, overrides: Sequence[str]) -> list[str]:
        """Return the overrides of a command that takes the study's name instead of its parts."""
        mine = [w for w in self._overrides(command, None, overrides) if not w.startswith("study=")]
        return [*mine, argument("study", self.name)]


@dataclass(frozen=True)
class Run:
    """A finished search, read from its folder."""

    folder: Path

    @functools.cached_property
    def _finished(self) -> FinishedRun:
        return FinishedRun.load(self.folder.resolve())

    @property
    def result(self) -> dict[str, Any]:
        """``result.json``: the best architectures, and what they come from."""
        return self._finished.result

    @property
    def candidates(self) -> pd.DataFrame:
        """The scored architectures, best first: text form, scores, parameters, MACs."""
        return read_table(self.folder / "candidates.csv", {"arch"})

    @property
    def metrics(self) -> pd.DataFrame:
        """The training's figures by step."""
        return read_table(self.folder / "metrics.csv", {"step"})

    @property
    def tracking(self) -> pd.DataFrame:
        """Kendall's tau on landmarks and pool by step; empty if the run has no ``tracking.csv``."""
        path = self.folder / "tracking.csv"
        return read_table(path, {"step"}) if path.exists() else pd.DataFrame()

    @property
    def best(self) -> Arch:
        """The best candidate."""
        return self._parts.space.parse(str(self.result["best"]["arch"]))

    def network(self) -> SuperNet:
        """Return the trained super-net: ``net(images, arch)`` gives the outputs of one architecture.

        Raises:
            LmregError: the data have changed, or can't be read.
        """
        with quiet():
            return trained_supernet(self._finished, self._parts)

    def subnet(self, arch: Arch | str) -> Standalone:
        """Return one architecture as a plain module with a copy of its shared weights: ``net(images)``."""
        arch = self._parts.space.parse(arch) if isinstance(arch, str) else arch
        return self.network().extract(arch)

    @functools.cached_property
    def _parts(self) -> Parts:
        cfg, folder = self._finished.cfg, self._finished.study_folder
        packages = list(cfg.get("allow_packages") or [])
        with quiet():
            return Parts(cfg, Options(study=folder.name, root=str(folder.parent), allow_packages=packages))


@dataclass(frozen=True)
class Retrained:
    """A finished retraining, read from its folder."""

    folder: Path

    @property
    def result(self) -> dict[str, Any]:
        """``result.json``: the architecture, its trainings, and their test scores."""
        return read_json(self.folder / "result.json")

    def export(self, *, overrides: Sequence[str] = ()) -> Path:
        """Write the networks as files that don't need lmreg, and return their folder."""
        with quiet():
            return export(composed("export", [f"run={quoted([str(self.folder)])}", *overrides])[0])
