"""``lmreg runs``: list the searches below a folder with their state, distinguishing options and results."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from lmreg.config.arguments import word
from lmreg.config.build import dotted, typed
from lmreg.config.identity import peek_config
from lmreg.config.schema import option
from lmreg.config.values import canonical_config, plain
from lmreg.errors import LmregError
from lmreg.experiment.failures import read_failure
from lmreg.util.locks import is_locked
from lmreg.util.progress import console, format_duration, new_table

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
class RunStatus:
    """The state of one search, read from its folder without the weights."""

    folder: Path
    state: str
    detail: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    """By dotted key; empty if the run failed before it was written."""
    result: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    """Kendall's tau by score, if the run has been evaluated."""

    @property
    def seconds(self) -> float | None:
        """Duration of training (its last session) and search; None unless both are recorded."""
        parts = [self.result.get(key) for key in ("train_seconds_this_session", "search_seconds")]
        return sum(parts) if all(isinstance(part, int | float) for part in parts) else None  # type: ignore[arg-type]


def runs(cfg: DictConfig, overrides: list[str]) -> None:
    """List the runs as ``cfg`` says."""
    options = typed(cfg, RunsOptions, "")
    root = Path(options.root)
    pattern = f"{options.study or '*'}/search/*/"
    studies: dict[str, list[RunStatus]] = {}
    for folder in sorted(root.glob(pattern)):
        studies.setdefault(folder.parents[1].name, []).append(_read_run(folder))
    if root.exists() and not root.is_dir():
        raise LmregError(f"root={root} is a file; give the folder of all studies")
    if not studies:
        there = ", ".join(sorted({p.parents[1].name for p in root.glob("*/search/*/")}))
        known = f"studies there: {there}" if there else "" if root.exists() else f"there is no folder {root}"
        message = f"no searches in {root / (options.study or '')}; 'lmreg search' makes them"
        raise LmregError("; ".join(filter(None, (message, known))))
    if options.json:
        entries = [
            {"study": name, "run": r.folder.name, **asdict(r), "folder": str(r.folder), "seconds": r.seconds}
            for name, found in studies.items()
            for r in found
        ]
        print(json.dumps(entries, indent=2))
        return
    for name, found in studies.items():
        _print_table(name, found)


def _read_run(folder: Path) -> RunStatus:
    result, progress = _read_object(folder / "result.json"), _read_object(folder / "progress.json")
    config = dotted(plain(canonical_config(peek_config(folder / "config.yaml"))))
    failure = read_failure(folder)
    if result:
        run = RunStatus(folder, "finished", config=config, result=result)
        run.figures = _taus(folder.parents[1] / "evaluate" / "metrics.csv", folder.name)
        return run
    done, total = _steps_done(folder, progress)
    at = f"step {done:,}" + (f" of {total:,}" if total else "")
    if is_locked(folder):
        return RunStatus(folder, "running", at, config)
    if failure is not None:
        return RunStatus(folder, "failed", failure, config)
    return RunStatus(folder, "interrupted", at, config)


def _steps_done(folder: Path, progress: dict[str, Any]) -> tuple[int, int | None]:
    """Return the step of the last checkpoint and the total; an earlier lmreg did not record the latter."""
    if progress:
        return int(progress.get("step", 0)), progress.get("total_steps")
    rows = _read_rows(folder / "metrics.csv")
    return (int(rows[-1]["step"]) if rows else 0), None


def _taus(path: Path, run: str) -> dict[str, float]:
    """Return Kendall's tau of a run by score, from the table of `lmreg evaluate`."""
    found: dict[str, float] = {}
    for row in _read_rows(path):
        if row.get("run") == run and row.get("statistic") == "kendall_tau" and row.get("value"):
            found.setdefault(row["score"], float(row["value"]))
    return found


def _differing(runs: list[RunStatus]) -> list[str]:
    """Return the config keys by which the runs differ, apart from those that every label contains."""
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


def _print_table(study: str, runs: list[RunStatus]) -> None:
    counts = Counter(run.state for run in runs)
    title = f"{study}: {', '.join(f'{count} {state}' for state, count in counts.items())}"
    scores = sorted({score for r in runs for score in r.figures}, reverse=True)
    headings = ["run", "state", "best", *(f"τ {score}" for score in scores), "time"]
    table = new_table(title, headings, headings[:2])
    differing = _differing(runs)
    for r in runs:
        between = ": " if r.state == "failed" else " at "
        state = f"{r.state}{between}{r.detail}" if r.detail else r.state
        taus = (f"{r.figures[s]:.3f}" if s in r.figures else "" for s in scores)
        time = "" if r.seconds is None else format_duration(r.seconds)
        table.add_row(_label(r, differing), state, _best(r), *taus, time)
    console().print(table)
    for title, finished in (
        ("Folders of finished runs, in the form that 'lmreg evaluate' and 'lmreg retrain' take:", True),
        ("Folders of unfinished runs:", False),
    ):
        folders = [word("run", r.folder) for r in runs if (r.state == "finished") == finished]
        if folders:  # each on a line of its own, which can be copied whole
            print(title, *folders, sep="\n")


def _label(run: RunStatus, differing: list[str]) -> str:
    if not run.config:
        return run.folder.name
    config = run.config
    own = [f"{k}={'null' if config[k] is None else config[k]}" for k in differing if k in config]
    return " ".join(
        [str(config.get("algo.name")), str(config.get("reg.name")), *own, f"s{config.get('seed')}"]
    )


def _best(run: RunStatus) -> str:
    column = run.result.get("chosen_by", "")
    value = run.result.get("best", {}).get(column)
    if value is None:
        return ""
    unit = " %" if column.endswith("_percent") else ""
    return f"{column.rpartition('_')[0] or column} {value:.4g}{unit}"


def _read_object(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; empty if it is missing or damaged, which other runs may not be."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file; empty if it is missing or damaged."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error):
        return []
