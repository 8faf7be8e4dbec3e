"""Reading a user's table of stand-alone scores; errors name the file, row, column and value.

Rows are numbered as in a spreadsheet: the header is row 1, and blank rows count.
"""

from __future__ import annotations

import difflib
import gzip
import io
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lmreg.errors import LmregError
from lmreg.space.base import Arch, Space
from lmreg.util.files import refuse_special_file

_MISSING = {"", "-", "?", "na", "n/a", "#n/a", "<na>", "null", "none"}
_PARQUET, _GZIP, _UTF8_MARK = b"PAR1", b"\x1f\x8b", b"\xef\xbb\xbf"
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
"""Separators that are recognised in a header, besides commas."""
_COMMENT = "row 1 begins with # like a comment, but must name the columns"
_OTHER_FORMATS = {
    b"PK": "an Excel workbook or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ": "compressed by xz",
    b"version https://git-lfs": "a pointer to a file of Git LFS, which 'git lfs pull' fetches",
    b"<": "a web page or XML",
    b"[": "JSON",
    b"{": "JSON",
}
"""Formats that aren't tables, by the first bytes of their files."""
_MOST_LISTED = 20  # columns that a message lists


@dataclass(frozen=True)
class ScoreTable:
    """Distinct architectures (some may be isomorphic) and columns of their scores.

    Scores are float64 [rows], NaN or infinite if a row has none; ``rows`` are the row numbers in the file.
    ``separator`` is what separates the columns if not commas.
    """

    path: Path
    rows: list[int]
    archs: list[Arch]
    scores: dict[str, np.ndarray]
    separator: str = ""

    def usable(self, column: str) -> np.ndarray:
        """Return the indices of the rows with a score in ``column``, int [usable rows]."""
        return np.flatnonzero(np.isfinite(self.scores[column]))


def read_score_table(path: Path, columns: Mapping[str, str], space: Space) -> ScoreTable:
    """Read a CSV (also gzipped) or Parquet file with one row per architecture. ``columns`` has by config key
    the names of ``arch_column`` and of the columns of scores.

    In a CSV, commas, semicolons or tabs may separate the columns; only with semicolons may numbers have a
    decimal comma. Anything wrong or missing raises LmregError.
    """
    header, raw, separator = _read(path)
    for key, column in columns.items():
        _check_column(path, header, f"landmarks.{key}", column)
    arch_column = columns["arch_column"]
    wanted = {column for key, column in columns.items() if key != "arch_column"}
    if arch_column in wanted:
        raise LmregError(f"{path}: column '{arch_column}' can't be both architectures and scores")
    if raw.empty:
        raise LmregError(f"{path} has no rows")
    archs = _archs(path, raw[header.index(arch_column)], arch_column, space, distinct=True)
    scores = {c: _numbers(path, raw[header.index(c)], c, separator) for c in sorted(wanted)}
    for column, values in scores.items():
        _check_range(path, raw.index, column, values)
    _check_same_scale(path, scores)
    return ScoreTable(path, [int(row) for row in raw.index], archs, scores, _SEPARATORS.get(separator, ""))


def read_archs(path: Path, column: str, space: Space, key: str) -> list[Arch]:
    """Return the architectures of a table row by row; ``key`` is the option that sets ``column``."""
    header, raw, _ = _read(path)
    _check_column(path, header, key, column)
    if raw.empty:
        raise LmregError(f"{path} has no rows")
    return _archs(path, raw[header.index(column)], column, space, distinct=False)


def _read(path: Path) -> tuple[list[str], pd.DataFrame, str]:
    """Return the header, the rows, indexed by row number and column position, and a CSV's separator; cells of
    a CSV are text."""
    refuse_special_file(path)
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
    except (OSError, EOFError) as error:
        raise LmregError(f"can't read {path}: {getattr(error, 'strerror', None) or error}") from error
    if not content.strip():
        raise LmregError(f"{path} is empty")
    for start, kind in _OTHER_FORMATS.items():
        if content.lstrip(_UTF8_MARK).lstrip().startswith(start):
            raise LmregError(f"{path} isn't a table but {kind}; save it as CSV with commas, or as Parquet")
    return _read_parquet(path, content) if content.startswith(_PARQUET) else _read_csv(path, content)


def _read_parquet(path: Path, content: bytes) -> tuple[list[str], pd.DataFrame, str]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(io.BytesIO(content)).read()
        cells = {i: column.to_pandas() for i, column in enumerate(table.columns)}
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise LmregError(f"{path} is not a complete Parquet file: {reason}") from error
    rows = pd.DataFrame(cells).set_axis(range(2, table.num_rows + 2))
    return [name.strip() for name in table.column_names], rows, ""


def _read_csv(path: Path, content: bytes) -> tuple[list[str], pd.DataFrame, str]:
    try:
        text = content.decode("utf-8-sig")
        if "\0" in text:
            raise ValueError
    except ValueError:
        raise LmregError(
            f"{path} is neither a Parquet file nor UTF-8 text; save it as UTF-8 text, or as Parquet"
        ) from None
    first = text.strip().splitlines()[0].strip()
    if first.startswith("#") and "," not in first:
        raise LmregError(f"{path}: {_COMMENT}; remove the comment")
    commas = "," in first or "~" in first  # ~ occurs in text forms of cells
    separator = "," if commas else next((s for s in _SEPARATORS if s in first), ",")
    if separator == "|":
        raise LmregError(f"{path} is separated by bars; save it with commas between the columns")
    try:
        cells = pd.read_csv(
            io.StringIO(text),
            sep=separator,
            header=None,  # or pandas would rename columns of the same name
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
            skipinitialspace=True,
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise LmregError(f"{path} is not a CSV table: {_in_words(str(error), separator)}") from error
    cells = cells.fillna("").set_axis(range(1, len(cells) + 1))
    cells = cells[(cells != "").any(axis=1)]
    return [str(name).strip() for name in cells.iloc[0]], cells.iloc[1:], separator


def _in_words(error: str, separator: str) -> str:
    if fields := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", error):
        expected, row, seen = fields.groups()
        comma = " (a decimal comma, or a comma in a value without quotes?)" if separator == "," else ""
        return f"row {row} has {seen} values, row 1 has {expected}{comma}"
    if quote := re.search(r"EOF inside string starting at row (\d+)", error):
        return f"row {int(quote[1]) + 1} opens a quote that is never closed"  # pandas counts from 0
    return error.splitlines()[0]


def _check_column(path: Path, header: list[str], key: str, column: str) -> None:
    times = Counter(header)[column]
    if times == 0:
        there = ", ".join(name or "(no name)" for name in header[:_MOST_LISTED])
        there += ", ..." if len(header) > _MOST_LISTED else ""
        values = any(re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", name.lower()) for name in header)
        hint = "; row 1 looks like values, but must name the columns" if values else ""
        if len(header) == 1 and " " in header[0]:
            hint = "; if spaces separate its columns, save it with commas between them"
        if header[0].startswith("#"):
            hint = f"; {_COMMENT}"
        close = _close(column, header)
        hint += f"; did you mean {key}={close}?" if close else ""
        raise LmregError(f"{path} has no column '{column}'; set {key} to one of: {there}{hint}")
    if times > 1:
        raise LmregError(f"{path} has {times} columns named '{column}'; rename or remove all but one")


def _close(column: str, header: list[str]) -> str:
    """Return the name most similar to ``column``, ignoring case; empty if none is similar."""
    by_lower = {name.lower(): name for name in header}
    near = difflib.get_close_matches(column.lower(), by_lower, n=1, cutoff=0.7)
    near += [name for name in by_lower if name and (name in column.lower() or column.lower() in name)]
    return by_lower[near[0]] if near else ""


def _archs(path: Path, texts: pd.Series, column: str, space: Space, distinct: bool) -> list[Arch]:
    archs: list[Arch] = []
    first_row: dict[Arch, int] = {}
    for row, text in texts.items():
        where = f"{path}, row {row}, column '{column}'"
        if pd.isna(text):
            raise LmregError(f"{where} is empty; it must be an architecture")
        arch = space.read(text, where)
        if distinct and arch in first_row:
            raise LmregError(f"{where}: {text} is already in row {first_row[arch]}; keep one of them")
        first_row[arch] = int(str(row))
        archs.append(arch)
    return archs


def _numbers(path: Path, values: pd.Series, column: str, separator: str) -> np.ndarray:
    if separator == ";" and not values.str.contains(".", regex=False).any():
        values = values.str.replace(r"^\s*([-+]?\d*),(\d+)", r"\1.\2", regex=True)
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return values.to_numpy(float, na_value=np.nan)
    return np.array([_number(f"{path}, row {row}, column '{column}'", v) for row, v in values.items()])


def _number(where: str, value: object) -> float:
    text = str(value).strip()
    if text.lower() in _MISSING:
        return float("nan")
    try:
        if "_" in text:  # float() would accept it
            raise ValueError
        return float(text)
    except ValueError:
        hint = ""
        if text.endswith("%"):
            hint = "; leave out the % sign"
        elif re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?", text):
            hint = f"; thousands separators are not read: write {text.replace(',', '')}"
            hint += f", or {text.replace(',', '.')} if the comma is a decimal one" * (text.count(",") == 1)
        elif re.fullmatch(r"[-+]?\d+,\d+", text):
            hint = "; write a point instead of the comma"
        raise LmregError(f"{where}: {text!r} is not a number{hint}") from None


def _check_range(path: Path, rows: pd.Index, column: str, values: np.ndarray) -> None:
    """Check that a column orders architectures, and contains percent or accuracies if its name says so."""
    finite = np.isfinite(values)
    if finite.sum() > 1 and np.ptp(values[finite]) == 0:
        raise LmregError(
            f"{path}, column '{column}': all {finite.sum():,} values are {values[finite][0]:g}, which "
            "gives no order; choose another column"
        )
    percent = "percent" in column.lower()
    accuracy = re.search(r"(?<![a-z])acc(uracy)?(?![a-z])", column.lower()) is not None
    if not (percent or accuracy) or not finite.any():
        return
    wrong = np.flatnonzero(finite & ((values < 0) | (values > 100)))
    if len(wrong):
        kind = "a percentage" if percent else "an accuracy"
        raise LmregError(
            f"{path}, row {rows[wrong[0]]}, column '{column}': {values[wrong[0]]:g} isn't {kind} "
            "between 0 and 100; correct it, or rename the column if it has another meaning"
        )
    if percent and values[finite].max() <= 1:
        raise LmregError(
            f"{path}, column '{column}': the largest value is {values[finite].max():g}: these are "
            "fractions, not percent; multiply them by 100, or rename the column"
        )


def mixed_scales_note(table: ScoreTable, column: str) -> str | None:
    """Return a note if some values of a column could be fractions and the others percent."""
    values = table.scores[column]
    finite = values[np.isfinite(values)]
    small, percent = np.flatnonzero((values > 0) & (values <= 1)), finite[(finite > 1) & (finite <= 100)]
    if len(small) == 0 or len(percent) == 0 or len(small) + len(percent) < len(finite):
        return None
    if np.median(percent) < 20:
        return None
    return (
        f"Note: {table.path}, column '{column}': {len(small):,} values are at most 1 (row "
        f"{table.rows[small[0]]}: {values[small[0]]:g}), of the others the median is {np.median(percent):g}; "
        "are they fractions among percent?"
    )


def _check_same_scale(path: Path, scores: Mapping[str, np.ndarray]) -> None:
    """Refuse a column of fractions (none above 1) beside a column of the same quantity in percent."""
    if len(scores) < 2:
        return
    finite = {column: values[np.isfinite(values)] for column, values in scores.items()}
    if any(len(values) == 0 for values in finite.values()):
        return
    small, *_, large = sorted(scores, key=lambda column: finite[column].max())
    most, percent = finite[small].max(), finite[large].max()
    if not most <= 1 < percent <= 100:
        return
    both = np.isfinite(scores[small]) & np.isfinite(scores[large]) & (scores[small] > 0)
    ratios = scores[large][both] / scores[small][both]
    if len(ratios) and 50 <= np.median(ratios) <= 200:
        raise LmregError(
            f"{path}: column '{small}' has fractions (up to {most:g}), column '{large}' percent "
            f"(up to {percent:g}); convert both to the same scale"
        )
