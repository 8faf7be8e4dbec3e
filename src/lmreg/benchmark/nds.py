"""NDS as published: one JSON file per design space, with a list of trainings.

Some files have two lists, ``{"top": [...], "mid": [...]}``. An entry has the network (``net`` with its
``genotype``, ``width`` and ``depth``), the optimiser's settings and *errors* in percent after each epoch.
Source: github.com/facebookresearch/nds; Radosavovic et al., "On Network Design Spaces for Visual
Recognition", ICCV 2019.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lmreg.benchmark.base import PERCENT_DIGITS, Benchmark, Imported, read_published_json
from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.space.base import Arch
from lmreg.space.genotype import CELL_NAMES
from lmreg.space.nds import FAMILIES, NDS
from lmreg.space.nds import Config as SpaceConfig

_SPACES = {family: NDS(SpaceConfig(family=family)) for family in FAMILIES}
_KEPT = {
    *("top", "mid", "net", "optim", "genotype", "normal", "normal_concat", "reduce", "reduce_concat"),
    *("width", "depth", "base_lr", "wd", "max_ep", "rng_seed", "params", "flops"),
    *("train_ep_top1", "test_ep_top1"),
}
_SETTING = ("width", "depth", "epochs", "base_lr", "weight_decay")


@dataclass
class Config:
    name: str = "nds"
    family: str | None = option(
        None,
        choices=list(FAMILIES),
        help="space of the cells: darts, enas, pnas, amoeba or nasnet; null: the space of most of them",
    )


class NDSFile(Benchmark):
    """DARTS.json, ENAS_fix-w-d.json and similar files of the NDS data: cells, not ResNets.

    Except in ``fix-w-d`` files, entries differ in width and depth too, which affects their scores; the table
    has both as columns. There is no validation score.
    """

    space = "nds"

    def __init__(self, config: Config):
        self.config = config

    def read(self, path: Path) -> Imported:
        # Most of such a file are the losses of every iteration.
        content = read_published_json(path, lambda item: {k: v for k, v in item.items() if k in _KEPT})
        if isinstance(content, dict):
            content = [*content.get("top", ()), *content.get("mid", ())]
        if not isinstance(content, list) or not content:
            raise LmregError(f"{path} is not NDS's JSON: expected a list of trainings, or 'top' and 'mid'")
        passed, found = Counter[str](), []
        for number, entry in enumerate(content, 1):
            training = _training(f"{path}, entry {number}", entry)
            if isinstance(training, str):
                passed[training] += 1
            else:
                found.append(training)
        if not found:
            raise LmregError(f"{path} has no finished training of a network of cells: {_reasons(passed)}")
        family, rows = self.config.family or _prevailing_family(path, found), []
        for genotype, row in found:
            arch = _parsed(genotype, _SPACES[family])
            if arch is None:
                passed[f"of cells that are none of family {family}"] += 1
            else:
                rows.append({"arch": _SPACES[family].benchmark_key(arch), **row})
        if not rows:
            held = _prevailing_family(path, found)
            raise LmregError(
                f"{path} has no finished training of family {family}: {_reasons(passed)}; "
                f"benchmark.family={held} has such cells"
            )
        table, repeats = _one_row_per_architecture(pd.DataFrame(rows))
        if repeats:
            passed["that repeat an architecture under another setting"] = repeats
        notes = [f"{len(content):,} trainings, {len(table):,} architectures of family {family}"]
        notes += [f"{count:,} trainings {reason} are skipped" for reason, count in passed.items()]
        if table[["width", "depth"]].drop_duplicates().shape[0] > 1:
            notes.append("widths and depths differ, and with them the scores: not only the cells")
        score = "test_acc_percent"
        return Imported(table, (score, score), tuple(notes), (f"space.family={family}",))


def _reasons(passed: Counter[str]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in passed.items())


def _training(where: str, entry: Any) -> tuple[str, dict[str, Any]] | str:
    """Return an entry's genotype and its other columns, or the reason to skip it."""
    try:
        net, optim = entry["net"], entry["optim"]
        if "genotype" not in net:
            return "of networks without cells"
        genotype = _genotype(net["genotype"])
        train, test = entry["train_ep_top1"], entry["test_ep_top1"]
        if len(test) < optim["max_ep"] or not 0 <= test[-1] <= 100:
            return "that were not finished"
        return genotype, {
            "test_acc_percent": 100 - float(test[-1]),
            "train_acc_percent": 100 - float(train[-1]),
            "width": int(net["width"]),
            "depth": int(net["depth"]),
            "epochs": int(optim["max_ep"]),
            "base_lr": float(optim["base_lr"]),
            "weight_decay": float(optim["wd"]),
            "params": int(entry["params"]),
            "flops": int(entry["flops"]),
        }
    except (KeyError, TypeError, ValueError, IndexError) as error:
        why = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise LmregError(
            f"{where}: not a training of NDS: expected net, optim, params, flops, train_ep_top1, "
            f"test_ep_top1; {why}"
        ) from None


def _genotype(cells: dict[str, Any]) -> str:
    """Return the text form ``Genotype(normal=[...], ...)`` with the concatenated nodes ascending."""
    parts = []
    for name in CELL_NAMES:
        pairs = [(str(operation), int(source)) for operation, source in cells[name]]
        joined = sorted(int(node) for node in cells[f"{name}_concat"])
        parts += [f"{name}={pairs}", f"{name}_concat={joined}"]
    return f"Genotype({', '.join(parts)})"


def _parsed(genotype: str, space: NDS) -> Arch | None:
    """Return the architecture of a text form; None if it isn't in ``space``."""
    try:
        return space.parse(genotype)
    except LmregError:
        return None


def _prevailing_family(path: Path, found: list[tuple[str, dict[str, Any]]]) -> str:
    """Return the family that contains most of the cells, if any; of several, that of the smallest space."""

    def fit(family: str) -> tuple[int, int]:
        space = _SPACES[family]
        return sum(_parsed(genotype, space) is not None for genotype, _ in found), -space.size

    best = max(_SPACES, key=fit)
    if fit(best)[0] == 0:
        raise LmregError(f"{path} has cells of none of the families {', '.join(FAMILIES)}")
    return best


def _one_row_per_architecture(rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return one row per architecture, the mean over its trainings with the setting of the first one, and
    the number of trainings with other settings, which are left out."""
    first = rows.groupby("arch", sort=False)[list(_SETTING)].transform("first")
    same = (rows[list(_SETTING)] == first).all(axis=1)
    kept = rows[same].groupby("arch", sort=False, as_index=False)
    table = kept.agg({c: "mean" if c.endswith("percent") else "first" for c in rows.columns if c != "arch"})
    table.insert(3, "trainings", kept.size()["size"])
    percent = ["test_acc_percent", "train_acc_percent"]
    table[percent] = table[percent].round(PERCENT_DIGITS)
    return table, int((~same).sum())
