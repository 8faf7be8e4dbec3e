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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig

from lmreg.commands.evaluate import evaluate
from lmreg.commands.export import export
from lmreg.commands.report import report
from lmreg.commands.retrain import retrain
from lmreg.commands.search import search
from lmreg.commands.train_landmarks import train_landmarks
from lmreg.config.arguments import argument
from lmreg.config.catalogue import key_of
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
_FROM_RUN = ("space=", "space.", "network._target_=", "data=", "task=")
"""How overrides begin that a retraining of a run takes from the run."""


class Study:
    """A search space on a data set, and the folder in which its stages leave their results.

    Args:
        space, data, task: choices as on the command line (`lmreg search --help` lists them).
        root: the folder of all studies.
        name: of the study's folder; None for ``<space>-<data>``.
        overrides: options for all stages that have them, such as ``["data.path=photos", "threads=1"]``.

    Raises:
        LmregError: an option doesn't exist, parts don't go together, or the folder holds another study.
    """

    @quiet()
    def __init__(
        self,
        space: str = "nasbench201",
        data: str = "fashion_mini",
        root: str | Path = "outputs",
        *,
        task: str = "classification",
        name: str | None = None,
        overrides: Sequence[str] | None = (),
    ):
        words = _words(overrides)
        for word in words:
            if not any(takes(stage, word) for stage in _STAGES):
                raise LmregError(f"{word!r}: no stage has that option; 'lmreg search --help' lists them")
        parts = {"space": space, "data": data, "task": task}
        self._given = [argument(key, _text(key, value)) for key, value in parts.items()]
        self._given += [argument("root", _text("root", root, Path)), *words]
        if name is not None:
            self._given.append(argument("study", _text("name", name)))
        cfg, _ = composed("search", [word for word in self._given if takes("search", word)])
        study = Parts(cfg, Options(cfg.study, cfg.root, allow_packages=list(cfg.allow_packages)))
        study.check_folder("name=<new name>")
        self.name: str = str(cfg.study)
        self.folder: Path = study.folder
        self.space: Space = study.space

    def __repr__(self) -> str:
        return f"Study({str(self.folder)!r})"

    @quiet()
    def train_landmarks(
        self, count: int | None = None, pool: int | None = None, *, overrides: Sequence[str] | None = ()
    ) -> Truth:
        """Train ``count`` landmarks and a held-out ``pool`` stand-alone (None: the usual number), or read
        their scores from a table; trainings that are finished already are kept.
        """
        given = {"landmarks.count": count, "landmarks.pool": pool}
        return train_landmarks(*self._composed("train-landmarks", given, overrides))

    @quiet()
    def search(
        self,
        algo: str = "spos",
        reg: str = "landmark",
        seed: int = 0,
        *,
        overrides: Sequence[str] | None = (),
    ) -> Run:
        """Train a super-net and search it; resume a search that was stopped, read one that is finished.

        Raises:
            LmregError: an option is invalid, or ``reg`` needs landmarks and the study has none.
            Interrupted: SIGINT or SIGTERM came; the state is saved, and the same call resumes.
        """
        given = {"algo": _text("algo", algo), "reg": _text("reg", reg), "seed": seed}
        return Run(search(*self._composed("search", given, overrides)).folder)

    def runs(self) -> list[Run]:
        """Return the study's finished searches, by name."""
        found = finished_runs(self.folder) if any(self.folder.glob("search/*/result.json")) else []
        return [Run(run.folder) for run in found]

    @quiet()
    def evaluate(
        self, run: Run | str | Path | None = None, *, overrides: Sequence[str] | None = ()
    ) -> pd.DataFrame:
        """Measure how well every finished search, or only ``run``, ranks the held-out pool.

        Returns:
            ``evaluate/metrics.csv``, one figure per row. ``baselines.csv`` and ``paired.csv`` beside it have
            the cheap baselines and the gains over them, ``recommended.csv`` which ranking to trust.
        """
        given = {"study": self.name, "run": run and _folder(run)}
        folder = evaluate(*self._composed("evaluate", given, overrides))
        return read_table(folder / "metrics.csv", {"run", "statistic", "value"}, may_be_empty=True)

    @quiet()
    def report(self, *, overrides: Sequence[str] | None = ()) -> Path:
        """Write a report of the study, one HTML file, and return its path."""
        return report(*self._composed("report", {"study": self.name}, overrides))

    @quiet()
    def retrain(
        self,
        run: Run | str | Path | None = None,
        arch: Arch | str | None = None,
        *,
        overrides: Sequence[str] | None = (),
    ) -> Retrained:
        """Train what ``run`` (or the run in that folder) found, or ``arch``, alone on all training images,
        and test it.
        """
        if (run is None) == (arch is None):
            raise LmregError("retrain takes either a run or an architecture")
        if isinstance(arch, Arch):
            arch = self.space.format(arch)
        given = {"arch": _text("arch", arch, Arch)} if run is None else {"run": _folder(run)}
        cfg, words = self._composed("retrain", given, overrides, from_run=run is not None)
        return Retrained(retrain(cfg, words), tuple(cfg.allow_packages))

    def _composed(
        self, command: str, given: Mapping[str, Any], overrides: Sequence[str] | None, from_run: bool = False
    ) -> tuple[DictConfig, list[str]]:
        """Compose a command's config from the study's overrides, a method's arguments, and the call's own.

        Args:
            from_run: whether the command takes space, data and task from a run, and so perhaps another study.

        Raises:
            LmregError: an override is invalid, or puts the results in another study.
        """
        words = _words(overrides)
        named = [argument(key, value) for key, value in given.items() if value is not None]
        own = {key_of(word) for word in (*words, *named)}
        mine = [word for word in self._given if takes(command, word) and key_of(word) not in own]
        if from_run:
            mine = [word for word in mine if not word.startswith(_FROM_RUN)]
        if moved := {"study", "root"} & {key_of(word) for word in words}:
            raise LmregError(f"{moved.pop()}= belongs to the study; make another lmreg.Study for it")
        cfg, words = composed(command, [*mine, *named, *words])
        if not from_run and cfg.study != self.name:
            raise LmregError(f"these overrides are for study={cfg.study}; make another lmreg.Study for them")
        return cfg, words


def _text(name: str, value: Any, *others: type) -> str:
    """Return an argument that must be text, or one of the ``others``."""
    if not isinstance(value, (str, *others)):
        kinds = " or ".join(["text", *(f"a {kind.__name__}".replace("a A", "an A") for kind in others)])
        raise LmregError(f"{name}={value!r}: expected {kinds}")
    return str(value)


def _folder(run: Run | str | Path) -> str:
    return str(run.folder) if isinstance(run, Run) else _text("run", run, Run, Path)


def _words(overrides: Sequence[str] | None) -> list[str]:
    """Return overrides as a list; None for none."""
    words = [] if overrides is None else overrides
    is_list = isinstance(words, Iterable) and not isinstance(words, str)
    if not is_list or not all(isinstance(word, str) for word in words):
        raise LmregError(f'overrides={overrides!r}: expected a list of texts, such as ["trainer.lr=0.1"]')
    return list(words)


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
        """The training's figures by step; empty if there is no super-net to train."""
        trained = self._finished.has_super_net
        return read_table(self.folder / "metrics.csv", {"step"}) if trained else pd.DataFrame()

    @property
    def tracking(self) -> pd.DataFrame:
        """Kendall's tau on landmarks and pool by step; empty if the run has no ``tracking.csv``."""
        path = self.folder / "tracking.csv"
        return read_table(path, {"step"}) if path.exists() else pd.DataFrame()

    @property
    def ranking(self) -> pd.DataFrame:
        """The pool's scores, stand-alone and by this run; LmregError if it hasn't been evaluated."""
        path = self._finished.study_folder / "evaluate" / f"ranking-{self._finished.name}.csv"
        if not path.exists():
            raise LmregError(f"{self._finished.name} has no ranking; call Study.evaluate first")
        return read_table(path, {"arch"})

    @property
    def best(self) -> Arch:
        """The best candidate."""
        return self._parts.space.parse(str(self.result["best"]["arch"]))

    @quiet()
    def network(self) -> SuperNet:
        """Return the trained super-net: ``net(images, arch)`` gives the outputs of one architecture.

        Its batch norms always use the statistics of the batch: an image's outputs depend on the others, and
        ``eval()`` changes nothing. For single images use `Study.retrain`.

        Raises:
            LmregError: the data have changed, or can't be read.
        """
        return trained_supernet(self._finished, self._parts)

    def subnet(self, arch: Arch | str) -> Standalone:
        """Return one architecture as a module with a copy of its weights, for batches as in `network`."""
        if not isinstance(arch, Arch):
            arch = self._parts.space.read(_text("arch", arch, Arch), "arch")
        return self.network().extract(arch)

    @functools.cached_property
    @quiet()
    def _parts(self) -> Parts:
        cfg, folder = self._finished.cfg, self._finished.study_folder
        packages = list(cfg.get("allow_packages") or [])
        return Parts(cfg, Options(study=folder.name, root=str(folder.parent), allow_packages=packages))


@dataclass(frozen=True)
class Retrained:
    """A finished retraining, read from its folder; own parts in it need ``allow_packages`` to be exported."""

    folder: Path
    allow_packages: tuple[str, ...] = ()

    @property
    def result(self) -> dict[str, Any]:
        """``result.json``: the architecture, its trainings, and their test scores."""
        return read_json(self.folder / "result.json")

    @quiet()
    def export(self, *, overrides: Sequence[str] | None = ()) -> Path:
        """Write the networks as files that don't need lmreg, and return their folder."""
        words = _words(overrides)
        if "allow_packages" not in map(key_of, words):
            words.append(f"allow_packages=[{','.join(self.allow_packages)}]")
        return export(*composed("export", [argument("run", self.folder), *words]))
