"""Whether higher or lower values of a table's column are better, and whether two columns agree on it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from lmreg.errors import LmregError

_LOWER = (
    *("loss", "losses", "error", "errors", "err", "errs", "rmse", "mse", "mae", "rmsle", "nll", "xent"),
    *("perplexity", "ppl", "bpc", "bpb", "epe", "wer", "cer", "eer", "ece", "fid", "silog", "absrel"),
    *("crossentropy", "logloss", "brier", "misclassification", "regret"),
)
_HIGHER = (
    *("accuracy", "accuracies", "acc", "accs", "psnr", "ssim", "iou", "miou", "map", "auc", "auroc", "f1"),
    *("dice", "bleu", "r2", "kappa", "mcc", "precision", "prec", "recall"),
)
_TOP_K = ("top1", "top5")
"""These mean an accuracy unless the name says that it is an error."""
_PREFIX = r"(?:val|valid|validation|test|train|eval|dev|best|final|mean|avg|top[15])?"
_NEGATED = {"neg", "negative", "minus", "inverse", "inv"}

_WEAK, _OPPOSED = 0.2, -0.2  # rank correlations below which columns hardly agree, or contradict each other


def lower_is_better(column: str) -> bool | None:
    """Whether a column's name says that lower is better; None if it says nothing clear."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column).lower()
    words = [w for text in (column.lower(), apart) for w in re.split(r"[^a-z0-9]+", text) if w]
    if column.strip().startswith(("-", "1-", "1 -")) or _NEGATED & set(words):
        return None
    text = " ".join(words)
    lower = _has(words, _LOWER) or bool(re.search(r"\babs rel\b|\bcross entropy\b|\blog loss\b", text))
    higher = _has(words, _HIGHER)
    if lower == higher:
        top_k = not lower and (_has(words, _TOP_K) or re.search(r"\btop [15]\b", text) is not None)
        return False if top_k else None
    return lower


def _has(words: Sequence[str], some: Sequence[str]) -> bool:
    pattern = re.compile(rf"{_PREFIX}(?:{'|'.join(some)})\d?")
    return any(pattern.fullmatch(word) for word in words)


_GIVEN, _NAMED, _ASSUMED = "as given", "by its name", "its name doesn't say"


@dataclass(frozen=True)
class Direction:
    """The direction of a column, and why it was chosen; ``option`` sets it."""

    column: str
    option: str
    lower: bool
    why: str

    @classmethod
    def of(cls, column: str, option: str, given: bool | None) -> Direction:
        """Choose the direction: as ``given``, else by the column's name, else higher is better."""
        named = lower_is_better(column)
        if given is not None:
            return cls(column, option, given, _GIVEN)
        return cls(column, option, bool(named), _ASSUMED if named is None else _NAMED)

    @property
    def given(self) -> bool:
        """Whether the column's own option set it."""
        return self.why == _GIVEN

    @property
    def sign(self) -> int:
        """+1 where a higher value is better, else −1."""
        return -1 if self.lower else 1

    @property
    def words(self) -> str:
        return f"{'lower' if self.lower else 'higher'} is better ({self.why})"

    @property
    def note(self) -> str:
        """The direction in one line, with the option that reverses it if it was only assumed."""
        return f"{self.column}: {self.words}" + (f"; {self.reverse} reverses it" * (self.why == _ASSUMED))

    @property
    def reverse(self) -> str:
        """The option that reverses the direction."""
        return f"{self.option}={str(not self.lower).lower()}"


def negation_note(path: Path, direction: Direction, values: np.ndarray) -> str | None:
    """Return a note if lower is better by the column's name alone, yet no value is above 0."""
    finite = values[np.isfinite(values)]
    if not direction.lower or direction.why != _NAMED or not len(finite) or finite.max() > 0:
        return None
    return (
        f"Note: {path}: no value of '{direction.column}' is above 0; if it is negated, so that higher is "
        f"better, pass {direction.reverse}"
    )


def agreement_note(path: Path, score: Direction, pool: Direction, values: Sequence[np.ndarray]) -> str | None:
    """Return a note if the two columns, in their directions, hardly order the rows that have both alike.

    ``values`` are those of both columns, row by row. Clearly opposite orders raise LmregError unless both
    directions were given.
    """
    both = np.isfinite(values[0]) & np.isfinite(values[1])
    x, y = score.sign * values[0][both], pool.sign * values[1][both]
    if len(x) < 5 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    rho = float(stats.spearmanr(x, y).statistic)
    highest = np.tanh(np.arctanh(np.clip(rho, -0.999999, 0.999999)) + 1.96 / np.sqrt(len(x) - 3))
    how = f"'{score.column}', {score.words}, and '{pool.column}', {pool.words}"
    measured = f"Spearman's rank correlation {rho:.2f} over the {len(x):,} rows that have both"
    if rho < _OPPOSED and highest < 0 and not (score.given and pool.given):
        raise LmregError(
            f"{path}: {how}, order the architectures in opposite ways ({measured}); reverse the wrong one "
            f"with {score.reverse} or {pool.reverse}, or pass both options to keep both"
        )
    if rho < _WEAK:
        opposed = "in opposite ways" if rho < _OPPOSED else "hardly alike"
        return f"Note: {path}: {how}, order the architectures {opposed} ({measured})."
    return None
