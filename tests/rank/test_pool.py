from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf

from lmreg.errors import LmregError
from lmreg.experiment.study import Options, Study
from lmreg.landmarks.truth import LandmarkSet, Truth
from lmreg.rank.compare import matched_pairs
from lmreg.rank.finished_run import FinishedRun, finished_runs
from lmreg.rank.pool import held_out
from lmreg.space.nasbench201 import NASBench201

DIRECT = "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|"
ISOMORPHIC = "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|"


def landmark_set(space: NASBench201, texts: list[str]) -> LandmarkSet:
    archs = tuple(space.parse(text) for text in texts)
    return LandmarkSet(archs, np.arange(len(archs), dtype=float)[::-1], np.full(len(archs), np.nan), "acc", 1)


def finished(cfg: DictConfig, landmarks: list[str]) -> FinishedRun:
    reg, seed = cfg.reg.name, cfg.seed
    result = {"landmarks": landmarks, "reg": reg, "seed": seed, "data_hash": "d"}
    return FinishedRun(Path(f"spos-{reg}-s{seed}"), cfg, result)


@pytest.fixture
def others(space: NASBench201) -> list[str]:
    return [space.format(space.arch((3, 3, 3, 3, 3, i))) for i in range(3)]


def test_no_landmark_nor_its_isomorph_is_ranked(composed, space: NASBench201, others: list[str]) -> None:  # type: ignore[no-untyped-def]
    study = Study(composed("search"), Options())
    pool = landmark_set(space, [others[0], ISOMORPHIC, others[1], others[2]])
    # One is a landmark of the study, the other only of an older run.
    truth = Truth(landmark_set(space, [DIRECT]), pool, {})
    run = finished(composed("search"), [others[1]])
    ranked = held_out(truth, [run], study)
    assert [space.format(a) for a in ranked.archs] == [others[0], others[2]]
    assert ranked.scores.tolist() == [3.0, 0.0]  # each with its own truth
    with pytest.raises(LmregError, match=r"enlarge landmarks\.pool"):
        held_out(truth, [finished(composed("search"), others)], study)
    with pytest.raises(LmregError, match=r"spos-.*/result\.json, landmarks: 'junk' is not a NAS-Bench-201"):
        held_out(truth, [finished(composed("search"), ["junk"])], study)


@pytest.mark.parametrize(
    "twin",
    [
        # By the published key these aren't isomorphic to DIRECT, so earlier pools may contain them.
        "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|",
        "|nor_conv_1x1~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|nor_conv_1x1~2|",
    ],
)
def test_a_functional_twin_in_a_pool_of_an_earlier_lmreg_is_not_ranked(  # type: ignore[no-untyped-def]
    composed, space: NASBench201, others: list[str], twin: str
) -> None:
    assert space.benchmark_key(space.parse(twin)) != space.benchmark_key(space.parse(DIRECT))
    study = Study(composed("search"), Options())
    truth = Truth(landmark_set(space, [DIRECT]), landmark_set(space, [others[0], twin, others[1]]), {})
    ranked = held_out(truth, [], study)
    assert [space.format(a) for a in ranked.archs] == others[:2]


def test_only_runs_that_agree_in_everything_else_are_compared(composed) -> None:  # type: ignore[no-untyped-def]
    def run(*overrides: str) -> FinishedRun:
        return finished(composed("search", *overrides), [])

    runs = [
        run("reg=none", "seed=0"),
        run("reg=landmark", "seed=0"),
        run("reg=landmark", "seed=0", "reg.weight=5"),
        run("reg=landmark", "seed=1"),  # no baseline with this seed
        run("reg=none", "seed=2", "trainer.lr=0.1"),
        run("reg=landmark", "seed=2"),  # its baseline has another learning rate
    ]
    assert matched_pairs(runs) == [(runs[0], runs[1]), (runs[0], runs[2])]


def test_a_run_of_an_older_lmreg_pairs_with_a_new_one(composed) -> None:  # type: ignore[no-untyped-def]
    old, new = (finished(composed("search", f"reg={reg}"), []) for reg in ("none", "landmark"))
    OmegaConf.set_struct(old.cfg, False)
    del old.cfg.scoring["norm"], old.cfg.scoring["calibration_images"]
    assert matched_pairs([old, new]) == [(old, new)]
    other = finished(composed("search", "reg=landmark", "scoring.norm=recalibrate"), [])
    assert matched_pairs([old, other]) == []


def test_a_study_without_finished_runs_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(LmregError, match="'lmreg search' makes one"):
        finished_runs(tmp_path)


def test_a_folder_without_a_finished_run_is_refused_in_one_line(tmp_path: Path) -> None:
    for folder, message in (
        (
            tmp_path / "nowhere",
            f"there is no folder {tmp_path}/nowhere; a run is <root>/<study>/search/<run>, "
            "'lmreg runs' lists them",
        ),
        (tmp_path, f"{tmp_path} is not the folder of a search: it has no config.yaml"),
    ):
        with pytest.raises(LmregError) as error:
            FinishedRun.load(folder)
        assert str(error.value) == message
    (tmp_path / "config.yaml").write_text("seed: 0")
    with pytest.raises(LmregError, match="is not finished; run its search command again to continue it"):
        FinishedRun.load(tmp_path)
    (tmp_path / "config.yaml").write_text("seed: 0\nlabel_smoothing: 0.1")  # started
    with pytest.raises(LmregError, match="is the folder of a retraining, not of a search"):
        FinishedRun.load(tmp_path)


def test_a_misspelt_folder_of_a_run_gets_a_suggestion(tmp_path: Path) -> None:
    search = tmp_path / "nasbench201-fashion_mini" / "search"
    for name in ("spos-none-trainer.lr=0.1-s0", "spos-landmark-s0"):
        (search / name).mkdir(parents=True)
    for slip in (search / "spos-landmarks-s0", tmp_path / "nasbench201-fashion_min/serch/spos-landmark-s0"):
        with pytest.raises(LmregError, match=r"there is no folder .*; did you mean (.*)\?$") as error:
            FinishedRun.load(slip)
        assert str(error.value).endswith(f"{search / 'spos-landmark-s0'}?")
    for other in (search / "gdas", tmp_path / "nasbench201-fashion_min" / "search" / "gdas"):
        with pytest.raises(LmregError, match="'lmreg runs' lists them"):
            FinishedRun.load(other)
    (search / "result.json").touch()
    with pytest.raises(LmregError, match=r"result.json is a file; a run is <root>/<study>/search/<run>"):
        FinishedRun.load(search / "result.json")
