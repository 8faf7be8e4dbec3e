from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lmreg.errors import LmregError
from lmreg.landmarks.direction import Direction, agreement_note, lower_is_better

LOWER = [
    *(
        "loss",
        "val_loss",
        "loss_nats",
        "valLoss",
        "Test Loss",
        "error",
        "test-error",
        "top1_err",
        "top-5 error",
    ),
    *("rmse_percent", "RMSE", "abs_rel", "valid.mse", "perplexity", "val_ppl", "valloss", "testError", "nll"),
    *("cross_entropy", "test_error_percent", "mae", "regret", "loss1"),
]
HIGHER = [
    *("accuracy", "test_acc", "cifar10_valid_acc_percent", "test_acc_seed0", "mean_acc", "acc@1", "Acc1"),
    *("top1", "val_top5", "top_1", "psnr", "SSIM", "mIoU", "miou", "f1", "auc", "testacc", "valAccuracy"),
]
UNCLEAR = [
    *("v", "score", "valid", "test", "params", "neg_loss", "neg_mean_squared_error", "-loss", "1-error"),
    *("gloss", "terror", "lossless", "acc_loss", "accession", "", "flops", "latency_map_err_acc"),
]


@pytest.mark.parametrize(("columns", "lower"), [(LOWER, True), (HIGHER, False), (UNCLEAR, None)])
def test_names(columns: list[str], lower: bool | None) -> None:
    assert {column: lower_is_better(column) for column in columns} == dict.fromkeys(columns, lower)


def test_directions_are_described() -> None:
    option = "landmarks.score_lower_is_better"
    taken = [
        Direction.of(*of) for of in (("loss", option, None), ("loss", option, False), ("x", option, None))
    ]
    assert [direction.sign for direction in taken] == [-1, 1, 1]
    assert [direction.note for direction in taken] == [
        "loss: lower is better (by its name)",
        "loss: higher is better (as given)",
        f"x: higher is better (its name doesn't say); {option}=true reverses it",
    ]


def test_columns_are_compared_over_the_rows_that_have_both(rng: np.random.Generator) -> None:
    path, score, pool = Path("t.csv"), Direction.of("s", "a", None), Direction.of("p", "b", False)
    x = rng.normal(size=60)
    holes = np.where(np.arange(60) < 20, np.nan, x)
    assert agreement_note(path, score, pool, [holes, 3 * x]) is None
    assert agreement_note(path, score, pool, [x, np.ones(60)]) is None  # nothing to compare
    assert agreement_note(path, score, pool, [np.full(60, np.nan), x]) is None
    with pytest.raises(
        LmregError, match=r"t\.csv: 's', higher .* -1\.00 over the 40 rows .* a=true or b=true"
    ):
        agreement_note(path, score, pool, [holes, -x])
    note = agreement_note(path, score, pool, [x, rng.normal(size=60)])
    assert note is not None
    assert "hardly alike" in note
    few = agreement_note(path, score, pool, [x[:6], (-x + 4 * rng.normal(size=60))[:6]])
    assert few is None or "Note" in few  # of six rows nothing is certain
