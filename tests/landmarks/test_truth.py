from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmreg.errors import LmregError
from lmreg.landmarks.truth import GatheredScores, LandmarkSet, Truth
from lmreg.space.nasbench201 import NASBench201

UP = {"landmarks": True, "pool": True}


@pytest.fixture
def folder(tmp_path: Path, space: NASBench201) -> Path:
    archs = [space.format(a) for a in list(space.enumerate())[:6]]
    tables = {
        "landmarks": pd.DataFrame({"arch": archs[:3], "acc": [1.0, 3.0, 2.0]}),
        "pool": pd.DataFrame({"arch": archs[3:], "acc": [0.1 + 0.2, 5.0, 6.0]}),
    }
    GatheredScores(tables, dict.fromkeys(tables, "acc"), UP, {"source": "test"}).save(tmp_path, space)
    return tmp_path


def test_it_comes_back_best_first(folder: Path, space: NASBench201) -> None:
    truth = Truth.load(folder, space)
    assert truth.landmarks.scores.tolist() == [3.0, 2.0, 1.0]
    assert truth.pool.scores.tolist() == pytest.approx([6.0, 5.0, 0.1 + 0.2], rel=1e-12)
    assert truth.manifest["source"] == "test"


def test_landmarks_and_pool_may_have_opposite_directions(tmp_path: Path, space: NASBench201) -> None:
    archs = [space.format(a) for a in list(space.enumerate())[:6]]
    tables = {
        "landmarks": pd.DataFrame({"arch": archs[:3], "loss": [1.0, 3.0, 2.0]}),
        "pool": pd.DataFrame({"arch": archs[3:], "acc": [1.0, 3.0, 2.0]}),
    }
    directions = {"landmarks": False, "pool": True}
    GatheredScores(tables, {"landmarks": "loss", "pool": "acc"}, directions, {}).save(tmp_path, space)
    truth = Truth.load(tmp_path, space)
    assert (truth.landmarks.better_sign, truth.pool.better_sign) == (-1, 1)
    assert truth.landmarks.scores.tolist() == [1.0, 2.0, 3.0]
    assert truth.pool.scores.tolist() == [3.0, 2.0, 1.0]


def test_missing_landmarks_name_the_command(tmp_path: Path, space: NASBench201) -> None:
    with pytest.raises(LmregError, match="'lmreg train-landmarks' makes them"):
        Truth.load(tmp_path, space)


def spoil(folder: Path, kind: str) -> None:
    manifest = folder / "manifest.json"
    if kind == "edited":
        text = (folder / "landmarks.csv").read_text()
        (folder / "landmarks.csv").write_text(text.replace("2.0", "9.0"))
    elif kind in ("junk", "gap"):
        lines = (folder / "pool.csv").read_text().splitlines()
        lines[2] = f"{'resnet' if kind == 'junk' else ''},5.0"
        (folder / "pool.csv").write_text("\n".join(lines))
    elif kind == "torn":
        manifest.write_text(manifest.read_text()[:50])
    elif kind == "newer":
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 2}))
    elif kind == "other space":
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"space": "darts"}))
    elif kind in ("emptied", "without rows", "cut off"):
        text = (folder / "pool.csv").read_text()
        size = {"emptied": 0, "without rows": text.index("\n"), "cut off": 4}[kind]
        (folder / "pool.csv").write_text(text[:size])
    else:
        (folder / "pool.csv").unlink()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("edited", "landmarks.csv is not what manifest.json describes"),
        ("junk", r"/pool\.csv, row 3, column 'arch': 'resnet' is not a NAS-Bench-201 cell"),
        ("gap", r"/pool\.csv, row 3, column 'arch': 'nan' is not a NAS-Bench-201 cell"),
        ("torn", "is not valid JSON"),
        ("newer", "has format 2, this lmreg reads 1"),
        ("other space", "landmarks of space darts, not of nasbench201"),
        ("missing", r"can't read .*pool\.csv: .*; 'lmreg train-landmarks' writes it again"),
        ("emptied", r"/pool\.csv is not a CSV table: .*; 'lmreg train-landmarks' writes it again"),
        ("without rows", r"/pool\.csv has no rows; 'lmreg train-landmarks' writes it again"),
        ("cut off", r"/pool\.csv has no column 'a.*'; .*; 'lmreg train-landmarks' writes it again"),
    ],
)
def test_a_damaged_folder_is_refused(folder: Path, space: NASBench201, kind: str, message: str) -> None:
    spoil(folder, kind)
    with pytest.raises(LmregError, match=message):
        Truth.load(folder, space)


def test_scores_that_seeds_change_as_much_as_architectures_are_called_noisy() -> None:
    space = NASBench201()
    archs = tuple(space.arch((i,) * 6) for i in range(3))

    def note(scores: list[float], error: float) -> str | None:
        return LandmarkSet(archs, np.array(scores), np.full(3, error), "accuracy_percent", 1).noise_note()

    assert note([60.0, 58.0, 56.0], 0.1) is None
    assert note([60.0, 58.0, 56.0], float("nan")) is None  # one seed each, so the error is unknown
    warning = note([60.0, 58.0, 56.0], 2.0)
    assert warning is not None
    assert "a standard error of 2 where the architectures differ by 1.6" in warning
