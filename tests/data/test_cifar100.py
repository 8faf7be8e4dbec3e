from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from lmreg.data.cifar100 import CIFAR100, Config
from lmreg.errors import LmregError


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    for name, fine in (("train", [5, 99, 0, 7]), ("test", [1, 2])):
        content = {
            b"data": rng.integers(255, size=(len(fine), 3072), dtype=np.uint8),
            b"fine_labels": fine,
            b"coarse_labels": [label // 5 for label in fine],
            b"filenames": [b"a.png"] * len(fine),
        }
        (tmp_path / name).write_bytes(pickle.dumps(content, 2))
    names = {f"{kind}_label_names".encode(): [f"{kind}{i}".encode() for i in range(n)] for kind, n in KINDS}
    (tmp_path / "meta").write_bytes(pickle.dumps(names, 2))
    return tmp_path


KINDS = (("fine", 100), ("coarse", 20))


@pytest.mark.parametrize(("kind", "count"), KINDS)
def test_fine_and_coarse_labels(folder: Path, kind: str, count: int) -> None:
    raw = CIFAR100(Config(path=str(folder), label_column=f"{kind}_label")).read()
    expected = [5, 99, 0, 7] if kind == "fine" else [1, 19, 0, 1]
    assert raw.train.targets.tolist() == expected
    assert len(raw.classes) == count
    assert raw.classes[3] == f"{kind}3"
    assert raw.train.images.shape == (4, 32, 32, 3)


def test_unknown_labels_are_refused(folder: Path) -> None:
    with pytest.raises(
        LmregError, match="meta has no 'label_names'; it has: fine_label_names, coarse_label_n"
    ):
        CIFAR100(Config(path=str(folder), label_column="label")).read()
