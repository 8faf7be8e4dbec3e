"""``lmreg runs``: every search below a folder: how far it is, what tells it from others, its figures."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.table import Table

from lmreg.config.arguments import word
from lmreg.config.build import dotted, typed
from lmreg.config.identity import peek_config
from lmreg.config.schema import option
from lmreg.config.values import canonical_config, plain
from lmreg.errors import LmregError
from lmreg.experiment.failures import read_failure
from lmreg.util.locks import is_locked
from lmreg.util.progress import console, duration

_NOT_SHOWN = {
    *("study", "root", "device", "threads", "deterministic", "allow_packages", "checkpoint_seconds"),
    *("tensorboard", "log_every"),
}


@dataclass
class RunsOptions:
    study: str | None = option(None, text="name", help="only this study; null: all below root")
    root: str = option("outputs", text="path", help="folder of all studies")
    json: bool = option(False, help="print JSON for other programs instead of a table")


@dataclass
class Run:
    """One search's folder, read without its weights."""

    folder: Path
    state: str
    detail: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    """Dotted keys; empty where the run never got so far."""
    result: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    """Kendall tau by score, where `lmreg evaluate` has been."""

    @property
    def seconds(self) -> float | None:
        """What the training (in its last session) and the search took."""
        parts = [self.result.get(key) for key in ("train_seconds_this_session", "search_seconds")]
        return sum(parts) if all(isinstance(part, int | float) for part in parts) else None  # type: ignore[arg-type]


def run(cfg: DictConfig) -> None:
    """The command; ``cfg`` is ``conf/runs.yaml`` with the user's overrides."""
    options = typed(cfg, RunsOptions, "")
    root = Path(options.root)
    pattern = f"{options.study or '*'}/search/*/"
    studies: dict[str, list[Run]] = {}
    for folder in sorted(root.glob(pattern)):
        studies.setdefault(folder.parents[1].name, []).append(_read(folder))
    if not studies:
        there = ", ".join(sorted(p.parent.name for p in root.glob("*/search/")))
        known = f"; studies there: {there}" if there else ""
        raise LmregError(f"no searches in {root / (options.study or '')}; 'lmreg search' makes them{known}")
    if options.json:
        print(json.dumps([_for_programs(name, r) for name, runs in studies.items() for r in runs], indent=2))
        return
    for name, runs in studies.items():
        _show(name, runs)


def _read(folder: Path) -> Run:
    result, progress = _json(folder / "result.json"), _json(folder / "progress.json")
    config = dotted(plain(canonical_config(peek_config(folder / "config.yaml"))))
    failure = read_failure(folder)
    if result:
        run = Run(folder, "finished", config=config, result=result)
        run.figures = _taus(folder.parents[1] / "evaluate" / "metrics.csv", folder.name)
        return run
    done, total = _steps(folder, progress)
    at = f"step {done:,}" + (f" of {total:,}" if total else "")
    if is_locked(folder):
        return Run(folder, "running", at, config)
    if failure is not None:
        return Run(folder, "failed", failure, config)
    return Run(folder, "interrupted", at, config)


def _steps(folder: Path, progress: dict[str, Any]) -> tuple[int, int | None]:
    """Steps done at the last checkpoint, and of how many; runs of an earlier lmreg don't say the latter."""
    if progress:
        return int(progress.get("step", 0)), progress.get("total_steps")
    rows = _rows(folder / "metrics.csv")
    return (int(rows[-1]["step"]) if rows else 0), None


def _taus(path: Path, run: str) -> dict[str, float]:
    """Kendall's tau of a run by score, from the table of `lmreg evaluate`."""
    found: dict[str, float] = {}
    for row in _rows(path):
        if row.get("run") == run and row.get("statistic") == "kendall_tau" and row.get("value"):
            found.setdefault(row["score"], float(row["value"]))
    return found


def _differing(runs: list[Run]) -> list[str]:
    """Keys that not all runs have the same value of, but for those that have a column."""
    configs = [run.config for run in runs if run.config]
    keys = dict.fromkeys(key for config in configs for key in config)
    named = {"algo.name", "reg.name", "seed"}
    return [
        key
        for key in keys
        if key not in named
        and key.partition(".")[0] not in _NOT_SHOWN
        and not key.endswith(("._target_", "landmarks_hash"))
        and len({json.dumps(config[key]) for config in configs if key in config}) > 1
    ]


def _show(study: str, runs: list[Run]) -> None:
    counts = {state: sum(r.state == state for r in runs) for state in dict.fromkeys(r.state for r in runs)}
    table = Table(
        title=f"{study}: {', '.join(f'{count} {state}' for state, count in counts.items())}",
        title_justify="left",
    )
    scores = sorted({score for r in runs for score in r.figures}, reverse=True)
    headings = ["run", "state", "best", *(f"τ {score}" for score in scores), "time"]
    for heading in headings:
        table.add_column(heading, overflow="fold", justify="left" if heading in headings[:2] else "right")
    differing = _differing(runs)
    for r in runs:
        between = ": " if r.state == "failed" else " at "
        state = f"{r.state}{between}{r.detail}" if r.detail else r.state
        taus = (f"{r.figures[s]:.3f}" if s in r.figures else "" for s in scores)
        time = "" if r.seconds is None else duration(r.seconds)
        table.add_row(_label(r, differing), state, _best(r), *taus, time)
    console().print(table)
    print("Their folders; of finished ones, as 'lmreg evaluate' and 'lmreg retrain' take them:")
    for r in runs:  # in lines of their own, that no table breaks
        print(word("run", r.folder))


def _label(run: Run, differing: list[str]) -> str:
    if not run.config:
        return run.folder.name
    config = run.config
    own = [f"{k}={'null' if config[k] is None else config[k]}" for k in differing if k in config]
    return " ".join(
        [str(config.get("algo.name")), str(config.get("reg.name")), *own, f"s{config.get('seed')}"]
    )


def _best(run: Run) -> str:
    column = run.result.get("chosen_by", "")
    value = run.result.get("best", {}).get(column)
    if value is None:
        return ""
    unit = " %" if column.endswith("_percent") else ""
    return f"{column.rpartition('_')[0] or column} {value:.4g}{unit}"


def _for_programs(study: str, run: Run) -> dict[str, Any]:
    about = asdict(run) | {"folder": str(run.folder)}
    return {"study": study, "run": run.folder.name, **about, "seconds": run.seconds}


def _json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; nothing where there is none or it's torn: other runs are worth a look."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error):
        return []
