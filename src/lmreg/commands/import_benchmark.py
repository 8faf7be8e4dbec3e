"""``lmreg import-benchmark``: convert a benchmark's published file into a small table."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from lmreg.benchmark.base import Benchmark, Imported
from lmreg.config.arguments import argument
from lmreg.config.build import built, top_level
from lmreg.config.common import Options
from lmreg.config.schema import inherit, option
from lmreg.errors import LmregError
from lmreg.util.files import digest, file_hash, write_atomically
from lmreg.util.progress import console, new_table, say


@dataclass
class ImportOptions:
    path: str | None = option(
        None, text="path", help="the benchmark as published: a file, for nats_bench also a folder"
    )
    out: str | None = option(
        None, text="path", help="table to write; its ending, .csv or .parquet, decides the format"
    )
    allow_packages: list[str] = inherit(Options, "allow_packages")


def import_benchmark(cfg: DictConfig, overrides: list[str]) -> None:
    """Convert the file as ``cfg`` says."""
    options = top_level(cfg, ImportOptions)
    benchmark = built(cfg.benchmark, Benchmark, "benchmark", options.allow_packages)
    if options.path is None or options.out is None:
        raise LmregError("import-benchmark needs path=<the benchmark's file> and out=<table>.csv or .parquet")
    path, out = Path(options.path), Path(options.out)
    if out.suffix.lower() not in (".csv", ".parquet"):
        raise LmregError(f"out={out}: the name must end in .csv or .parquet")
    if out.is_dir():
        raise LmregError(f"out={out} is a folder; give the table a name")
    imported = benchmark.read(path)
    table, as_csv = imported.table, out.suffix.lower() == ".csv"
    content = table.to_csv(index=False).encode() if as_csv else table.to_parquet(index=False)
    existed = out.exists()
    if existed and file_hash(out) != digest(content):
        raise LmregError(
            f"{out} exists with other content (hash {file_hash(out)} instead of {digest(content)}); "
            "remove it, or choose another out"
        )
    if not existed:
        write_atomically(out, lambda file: file.write(content))
    _print_scores(imported, path.name)
    size = f"{len(table):,} rows, {len(content) / 1e6:,.1f} MB, hash {digest(content)}"
    say(f"{'Unchanged' if existed else 'Written'}: {out} ({size})")
    score, pool = imported.scores
    space = [f"space={benchmark.space}", *imported.space_options]
    source = ["landmarks=table", argument("landmarks.path", out), f"landmarks.score_column={score}"]
    say(f"To use it: lmreg train-landmarks {shlex.join([*space, *source, f'landmarks.pool_column={pool}'])}")
    say(f"Then: lmreg search {shlex.join(space)}, both with the data= that the scores were measured on")


def _print_scores(imported: Imported, title: str) -> None:
    shown = new_table(title, ("score", "rows", "lowest", "median", "highest"), ["score"])
    for column in dict.fromkeys(imported.scores):
        scores = imported.table[column].dropna()
        figures = (scores.min(), scores.median(), scores.max())
        shown.add_row(column, f"{len(scores):,}", *(f"{figure:.4f}" for figure in figures))
    console().print(shown)
    for note in imported.notes:
        say(f"Note: {note}")
