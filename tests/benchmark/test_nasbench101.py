from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.benchmark.published import metrics, tfrecord, training, write_nasbench101
from tests.conftest import ROOT

from lmreg.benchmark.base import Imported
from lmreg.benchmark.nasbench101 import Config, NASBench101File
from lmreg.errors import LmregError
from lmreg.space.nasbench101 import NASBench101

# The cell of the benchmark's README.
INCEPTION = (
    "0111010000000100000010000100000000100000010000000|input|conv1x1-bn-relu|conv3x3-bn-relu|"
    "conv3x3-bn-relu|conv3x3-bn-relu|maxpool3x3|output"
)


def read(path: Path, epochs: int = 108) -> Imported:
    return NASBench101File(Config(epochs=epochs)).read(path)


def hash_of(cell: str) -> str:
    space = NASBench101()
    return space.benchmark_key(space.parse(cell))


def test_means_errors_and_seeds_are_those_of_the_trainings(tmp_path: Path) -> None:
    scores = write_nasbench101(tmp_path / "file", 30)
    imported = read(tmp_path / "file")
    table = imported.table
    assert table["arch"].tolist() == list(scores)
    for number, part in enumerate(("valid", "test")):
        percent = 100 * np.array([accuracies[:, number] for accuracies in scores.values()])
        name = f"{part}_acc_percent"
        np.testing.assert_allclose(table[[f"{name}_seed{s}" for s in range(3)]], percent, atol=6e-5)
        np.testing.assert_allclose(table[name], percent.mean(1), atol=2e-4)
        np.testing.assert_allclose(table[f"{name}_se"], percent.std(1, ddof=1) / np.sqrt(3), atol=2e-4)
    assert set(table["params"]) == {2_694_282}
    assert set(table["train_seconds"]) == {1000.5}
    assert set(table["train_acc_percent"]) == {99.99}
    assert imported.scores == ("valid_acc_percent", "test_acc_percent")
    assert imported.notes == (
        "90 trainings of 30 cells",
        "the published benchmark has 423,624 cells, this file 30",
    )


def test_equal_accuracies_stay_equal_whatever_single_precision_made_of_them(tmp_path: Path) -> None:
    module_hash = hash_of(INCEPTION)
    exact, single = 9361 / 9984, float(np.float32(9361 / 9984))
    assert exact != single
    records = [training(module_hash, INCEPTION, valid, 0.9) for valid in (exact, single)]
    (tmp_path / "file").write_bytes(tfrecord(records))
    table = read(tmp_path / "file").table
    assert table["valid_acc_percent_seed0"][0] == table["valid_acc_percent_seed1"][0] == 93.7600
    assert table["valid_acc_percent_se"][0] == 0


def test_repeats_need_not_stand_together_nor_be_equally_many(tmp_path: Path) -> None:
    chain = "010001000|input|conv3x3-bn-relu|output"
    a, b = hash_of(INCEPTION), hash_of(chain)
    records = [
        training(a, INCEPTION, 0.5, 0.6),
        training(b, chain, 0.7, 0.8, params=5),
        training(a, INCEPTION, 0.52, 0.62),
    ]
    (tmp_path / "file").write_bytes(tfrecord(records))
    table = read(tmp_path / "file").table
    assert table["arch"].tolist() == [INCEPTION, chain]
    assert table["valid_acc_percent"].tolist() == [51, 70]
    assert table["test_acc_percent_se"].tolist() == pytest.approx([1, np.nan], nan_ok=True)
    assert table["valid_acc_percent_seed1"].tolist() == pytest.approx([52, np.nan], nan_ok=True)
    assert table["params"].tolist() == [2_694_282, 5]


def test_trainings_of_another_length_are_told_apart(tmp_path: Path) -> None:
    module_hash = hash_of(INCEPTION)
    records = [training(module_hash, INCEPTION, e / 200, e / 200, epochs=e) for e in (4, 12, 36, 108)]
    (tmp_path / "file").write_bytes(tfrecord(records))
    imported = read(tmp_path / "file", epochs=36)
    assert imported.table["valid_acc_percent"].tolist() == [18]
    assert "3 trainings of 4, 12, 108 epochs are skipped" in imported.notes
    with pytest.raises(
        LmregError, match=r"no trainings of 50 epochs; set benchmark.epochs to one of: 4, 12, 36"
    ):
        read(tmp_path / "file", epochs=50)


def test_an_isomorphic_matrix_of_a_repeat_is_taken(tmp_path: Path) -> None:
    one = "0110000100010000|input|conv1x1-bn-relu|maxpool3x3|output"
    other = "0110000100010000|input|maxpool3x3|conv1x1-bn-relu|output"
    assert hash_of(one) == hash_of(other)
    records = [training(hash_of(one), cell, 0.5, 0.5) for cell in (one, other)]
    (tmp_path / "file").write_bytes(tfrecord(records))
    assert read(tmp_path / "file").table["arch"].tolist() == [one]


def spoilt(kind: str) -> bytes:
    record = json.loads(training(hash_of(INCEPTION), INCEPTION, 0.9, 0.9))
    message = base64.b64decode(record[4])
    if kind == "hash":
        record[0] = "0" * 32
    elif kind == "operation":
        record[3] = record[3].replace("maxpool3x3", "conv5x5")
    elif kind == "short list":
        del record[4]
    elif kind == "no list":
        record = {"hash": record[0]}
    elif kind == "no base64":
        record[4] = "?" + record[4]
    elif kind == "cut metrics":
        record[4] = base64.b64encode(message[:-3]).decode()
    elif kind == "two evaluations":
        record[4] = base64.b64encode(metrics([[0.0] * 5, [54.0, 1, 0.5, 0.5, 0.5]], 9)).decode()
    elif kind == "percent":
        record[4] = base64.b64encode(metrics([[0.0] * 5] * 2 + [[108, 1, 99.0, 93.0, 92.0]], 9)).decode()
    elif kind == "no json":
        return b"\x08\x96\x01 something else"
    return json.dumps(record).encode()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("hash", r"the cell 0111.* is filed under 0000.*, its hash is "),
        ("operation", "is not a NAS-Bench-101 cell"),
        ("percent", r"its accuracies \(99.0, 93.0, 92.0\) are not between 0 and 1"),
        ("no list", "not a training of NAS-Bench-101"),
        *[
            (kind, "not a training of NAS-Bench-101")
            for kind in ("short list", "no base64", "cut metrics", "two evaluations", "no json")
        ],
    ],
)
def test_what_is_wrong_with_a_record_is_told_with_its_number(tmp_path: Path, kind: str, message: str) -> None:
    good = training(hash_of(INCEPTION), INCEPTION, 0.9, 0.9)
    (tmp_path / "file").write_bytes(tfrecord([good, spoilt(kind)]))
    with pytest.raises(LmregError, match=rf"file, record 2: .*{message}"):
        read(tmp_path / "file")


def test_memory_is_for_the_table_not_for_the_file(tmp_path: Path) -> None:
    """Peak resident memory of a separate process before and after reading 20,000 records (9 MB)."""
    write_nasbench101(tmp_path / "small", 20)
    scores = write_nasbench101(tmp_path / "large", 100, seeds=200)
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from lmreg.benchmark.nasbench101 import Config, NASBench101File\n"
        "for name in sys.argv[1:]:\n"
        "    table = NASBench101File(Config()).read(Path(name)).table\n"
        "    print(len(table), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "small"), str(tmp_path / "large")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    (_, before), (rows, after) = (
        map(int, line.split()) for line in done.stdout.splitlines() if line[0].isdigit()
    )
    assert rows == len(scores) == 100
    assert after - before < 14_000  # kB
