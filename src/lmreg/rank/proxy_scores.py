"""The training-free scores of a study's architectures, computed once and kept on disk."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from omegaconf import OmegaConf

from lmreg.config.build import built, choice_of, nearest
from lmreg.config.catalogue import choices
from lmreg.config.identity import config_hash, result_config
from lmreg.config.schema import option
from lmreg.data.images import Batch
from lmreg.errors import Interrupted, LmregError, error_line
from lmreg.experiment.study import Study
from lmreg.experiment.workers import default_workers, worker_pool
from lmreg.proxy.base import Proxy
from lmreg.proxy.probe import Probe
from lmreg.space.base import Arch
from lmreg.train.random_streams import derive
from lmreg.train.signals import StopRequest
from lmreg.util.files import read_table, write_table
from lmreg.util.progress import Progress, say

_TOGETHER = 8  # architectures of one job of a worker
_WORTH_A_PROCESS = 32  # architectures, since a process takes seconds to start
_SAVE_SECONDS = 10.0
_BATCHES = 2

# If one of them changes, the value of ``before`` below stays as it is now: identities of searches rest on it.
DEFAULT = [
    *("macs", "nwot", "synflow", "zico"),
    *("expressivity", "progressivity", "trainability", "jacob_cov"),
]
# Large gradients are a good sign in one space and a bad one in another.
BESIDE = ["grad_norm", "snip", "fisher"]


Advance = Callable[[int], object]
"""Is told how many more architectures are done."""


@dataclass
class ProxiesConfig:
    """Which training-free scores are computed, and on what."""

    # With these values, options are no part of the identity of searches that were made before they existed.
    use: list[str] = option(
        DEFAULT, help="those that vote: names, or dotted names of classes; []: no scores", before=DEFAULT
    )
    beside: list[str] = option(
        BESIDE,
        help="further ones, which don't vote: predictors weigh them by the landmarks alone",
        before=BESIDE,
    )
    batch_size: int = option(
        64,
        min=2,
        help="training images in each of the two batches that they look at, if there are as many",
        before=64,
    )
    repeats: int = option(
        1, min=1, help="initialisations per architecture, whose scores are averaged", before=1
    )
    network: dict[str, Any] = option(
        {},
        help="options of the networks that they look at, such as {channels:16,cells:5}, else the study's",
        before={},
    )
    workers: int | None = option(
        None, min=1, help="parallel processes; null: one per core, or one on a GPU", result=False
    )
    seed: int = option(0, min=0, help="seed of their initial weights and noise", before=0)

    def __post_init__(self) -> None:
        self.use = list(dict.fromkeys(self.use))
        self.beside = [name for name in dict.fromkeys(self.beside) if self.use and name not in self.use]


class ProxyScores:
    """Training-free scores by architecture, kept in ``<study>/proxies/<hash>.csv``: the hash is of all that
    they depend on, and the file has a column per score."""

    def __init__(self, study: Study, config: ProxiesConfig, data_hash: str):
        """``data_hash`` is of the data whose images the scores look at; it is checked when one is missing."""
        self._config, self._study = config, _with_network(study, config.network)
        self.voters = len(_proxies(study, config.use))
        """How many of the names vote, the first ones."""
        self.names = list(_proxies(study, config.use) | _proxies(study, config.beside, "proxies.beside"))
        whole = result_config(self._study.cfg)
        about = {key: whole[key] for key in ("space", "network", "task")}
        about["network"] = {k: v for k, v in about["network"].items() if k not in study.of_supernet_only}
        about |= {key: getattr(config, key) for key in ("batch_size", "repeats", "seed")}
        self._data_hash = about["data_hash"] = data_hash
        self.path = study.folder / "proxies" / f"{config_hash(about)}.csv"

    def table(self, archs: Sequence[Arch], advance: Advance | None = None) -> pd.DataFrame:
        """Return a row per architecture, in their order, and a column per score; larger is better, and −∞
        where a score is not defined.

        Scores are saved every few seconds, so that an interrupted call continues where it stopped.

        Args:
            advance: told how many more are done, in place of a progress display of their own.
        """
        space, names = self._study.space, self.names
        texts = [space.format(arch) for arch in archs]
        if not names:
            if advance is not None:
                advance(len(archs))
            return pd.DataFrame(index=texts)
        known = self._read()
        complete = set(known.reindex(columns=names).dropna().index)
        missing = {text: a for text, a in zip(texts, archs, strict=True) if text not in complete}
        if advance is not None:
            advance(len(archs) - len(missing))
        if missing:
            with _display(len(missing)) if advance is None else nullcontext(advance) as computed:
                for rows in self._computed(list(missing.values()), computed):
                    known = pd.DataFrame(rows).set_index("arch").combine_first(known)
                    write_table(self.path, known.reset_index(names="arch"))
            undefined = np.isneginf(known.loc[list(missing), names]).all()
            for name in undefined.index[undefined] if len(missing) > 1 else ():
                say(f"Note: the training-free score {name} is defined for none of these architectures.")
        return known.loc[texts, names]

    def _read(self) -> pd.DataFrame:
        if not self.path.exists():
            return pd.DataFrame(columns=self.names, dtype=float)
        return read_table(self.path, {"arch"}).astype({"arch": str}).set_index("arch")

    def _computed(self, archs: list[Arch], advance: Advance) -> Iterator[list[dict[str, Any]]]:
        """Compute the scores of ``archs``; yield the rows since the last time, every few seconds."""
        if self._study.data.hash != self._data_hash:
            raise LmregError("the data at data.path has changed since the searches; search again")
        workers = self._config.workers or default_workers(self._study)
        jobs = [tuple(archs[i : i + _TOGETHER]) for i in range(0, len(archs), _TOGETHER)]
        score = functools.partial(_scores, config=replace(self._config, use=self.names, beside=[]))
        rows: list[dict[str, Any]] = []
        saved, done = time.monotonic(), 0
        with (
            StopRequest() as stop,
            worker_pool(self._study, workers, len(archs) // _WORTH_A_PROCESS) as run,
        ):
            for job, found in run(score, jobs):
                rows += found
                done += len(job)
                advance(len(job))
                stopped = stop.signal_number is not None
                if done == len(archs) or stopped or time.monotonic() - saved >= _SAVE_SECONDS:
                    yield rows
                    rows, saved = [], time.monotonic()
                if stop.signal_number is not None:
                    raise Interrupted(
                        f"stopped with {done} of {len(archs)} architectures scored without training; run the "
                        "same command again to go on",
                        stop.signal_number,
                    )


@contextmanager
def _display(count: int) -> Iterator[Advance]:
    """Show the progress of ``count`` architectures; provide what it is to be told."""
    with Progress("training-free scores", count) as progress:
        yield functools.partial(progress.advance, "")


def _scores(study: Study, archs: Sequence[Arch], config: ProxiesConfig) -> list[dict[str, Any]]:
    """Return ``arch`` and the scores of each architecture."""
    proxies = _proxies(study, config.use)
    batches = _batches(study, config.batch_size)
    rows = []
    for arch in archs:
        found = []
        for repeat in range(config.repeats):
            seed = derive(config.seed, f"proxy {repeat}")
            probe = Probe(
                study.untrained(arch, seed), study.task, batches, torch.Generator().manual_seed(seed)
            )
            found.append([_score(name, proxy, probe) for name, proxy in proxies.items()])
        means = np.nan_to_num(np.mean(found, axis=0), nan=-np.inf, posinf=-np.inf)
        rows.append({"arch": study.space.format(arch), **dict(zip(proxies, means.tolist(), strict=True))})
    return rows


def _score(name: str, proxy: Proxy, probe: Probe) -> float:
    """Return the score; LmregError if it can't be computed, which happens with scores of the user's own."""
    try:
        return float(proxy.score(probe))
    except LmregError:
        raise
    except Exception as error:
        raise LmregError(f"the training-free score {name} failed: {error_line(error)}") from error


def _batches(study: Study, size: int) -> list[Batch]:
    """Return batches of training images, equally large; smaller ones if there are too few images."""
    train = study.data.split("train")
    size = min(size, len(train) // _BATCHES)
    if size < 2:
        raise LmregError(
            f"training-free scores look at {_BATCHES} batches of two images or more, and {train.name} has "
            f"{len(train)}; leave them out by proxies.use=[]"
        )
    return train.scoring_batches(size, _BATCHES * size)


def _with_network(study: Study, options: dict[str, Any]) -> Study:
    """Return the study with other options of its networks."""
    if not options:
        return study
    cfg = study.cfg.copy()
    for key, value in options.items():
        if key not in cfg.network:
            raise LmregError(f"proxies.network has the key {key!r}{nearest(key, map(str, cfg.network))}")
        cfg.network[key] = value
    return Study(cfg, study.options)


def _proxies(study: Study, names: Sequence[str], where: str = "proxies.use") -> dict[str, Proxy]:
    """Return the scores by name: a choice of the group ``proxy``, or the dotted name of a class."""
    found: dict[str, Proxy] = {}
    for name in names:
        if "." in name:
            node = OmegaConf.create({"_target_": name})
            found[name] = built(node, Proxy, where, study.options.allow_packages)
        elif name not in choices("proxy"):
            raise LmregError(f"{where}={name}{nearest(name, choices('proxy'))}")
        else:
            cls, config = choice_of("proxy", name, Proxy)
            found[name] = cls(config)  # type: ignore[call-arg]
    takes = study.task.takes
    return {name: proxy for name, proxy in found.items() if proxy.takes in (None, takes)}
