"""Tracking: its values are right, training is unchanged, and its rows survive a resume."""

from __future__ import annotations

import copy
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from tests.settings import folder_of, name_of
from torch import Tensor, nn

from lmreg.algo.spos import SPOS
from lmreg.config.identity import config_hash, result_config
from lmreg.data.images import Batch
from lmreg.errors import Interrupted
from lmreg.experiment.search import SearchParts, SearchRun
from lmreg.experiment.study import Options, Study
from lmreg.landmarks.rounds import RoundsConfig
from lmreg.landmarks.truth import GatheredScores
from lmreg.rank.proxy_scores import ProxiesConfig
from lmreg.rank.scoring import ScoringConfig, score
from lmreg.rank.tracking import Tracker, TrackingConfig
from lmreg.reg.none import NoRegulariser
from lmreg.space.nasbench201 import NASBench201
from lmreg.strategy.random import Config, RandomSearch
from lmreg.train.context import Context

TINY = ("reg=none", "trainer.steps=12", "network.channels=2", "strategy.budget=2", "threads=1")
OFTEN = TrackingConfig(every_epochs=5 / 12, pool=4, images=40)
DIRECT = "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|"
ISOMORPHIC = "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|"


@pytest.fixture
def study(composed: Any, space: NASBench201, tmp_path: Path) -> Study:
    """A study with three landmarks and a pool of seven, one isomorphic to a landmark; the truth is a loss."""
    study = Study(composed("search", *TINY), Options(study="s", root=str(tmp_path)))
    rng = np.random.default_rng(1)
    texts = [space.format(space.sample(rng)) for _ in range(8)]
    tables = {
        "landmarks": pd.DataFrame({"arch": [DIRECT, *texts[:2]], "error": [0.3, 0.1, 0.2]}),
        "pool": pd.DataFrame({"arch": [ISOMORPHIC, *texts[2:]], "error": np.linspace(0.7, 0.1, 7)}),
    }
    columns = {"landmarks": "error", "pool": "error"}
    scores = GatheredScores(tables, columns, dict.fromkeys(columns, False), {})
    scores.save(study.folder / "landmarks", space)
    return study


def trained(study: Study, tracker: Tracker | None, algo: SPOS | None = None) -> Any:
    training = study.training(algo or SPOS(), NoRegulariser())
    for _ in training.steps(log_every=5):
        if tracker is not None:
            tracker.look(training)
    return training


def test_figures_are_tau_on_landmarks_and_on_the_pool_without_them(study: Study, space: NASBench201) -> None:
    tracker = Tracker(OFTEN, ScoringConfig(), study, None)
    training = trained(study, tracker)
    rows = pd.DataFrame(tracker.rows)
    assert rows.columns.tolist() == ["step", "epoch", "set", "score", "kendall_tau", "n"]
    assert rows["step"].unique().tolist() == [5, 10, 12]  # every 5 steps and the last
    assert rows["epoch"].unique().tolist() == [5 / 12, 10 / 12, 12 / 12]
    assert rows.groupby("set")["n"].unique().map(list).to_dict() == {"landmarks": [3], "pool": [4]}
    pool = tracker._sets["pool"]
    assert space.canonical(space.parse(DIRECT)) not in {space.canonical(a) for a in pool.archs}
    batches = study.data.split("score").scoring_batches(500, 40)
    for name, members in tracker._sets.items():
        table = score(training.ctx.net, study.task, members.archs, batches)
        for short, column, sign in (("loss", "loss_nats", -1), ("accuracy", "accuracy_percent", 1)):
            expected = stats.kendalltau(-members.scores, sign * table[column]).statistic
            got = rows[(rows["step"] == 12) & (rows["set"] == name) & (rows["score"] == short)]
            np.testing.assert_allclose(got["kendall_tau"].item(), expected)


def test_the_part_of_the_pool_is_the_same_for_every_run_and_not_its_best(study: Study) -> None:
    three = TrackingConfig(every_epochs=5 / 12, pool=3)
    parts = [Tracker(three, ScoringConfig(), study, None)._sets["pool"] for _ in range(2)]
    assert parts[0].archs == parts[1].archs
    whole = Tracker(TrackingConfig(pool=99), ScoringConfig(), study, None)._sets["pool"]
    assert len(whole.archs) == 5  # one of the six computes the same function as a landmark
    assert parts[0].archs != whole.archs[:3]
    assert set(parts[0].archs) < set(whole.archs)


class RunningStatistics(nn.Module):
    """A different super-net: its batch norms keep running statistics and depend on the mode."""

    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner, self.norm = inner, nn.BatchNorm1d(10)
        self.learning_rates = inner.learning_rates

    def forward(self, x: Tensor, arch: Any) -> Tensor:
        return self.norm(self.inner(x, arch))


@pytest.mark.parametrize("wrap", [False, True])
def test_tracking_changes_no_bit_of_the_training(
    study: Study, wrap: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if wrap:
        plain = study.supernet
        monkeypatch.setattr(study, "supernet", lambda seed, algo: RunningStatistics(plain(seed, algo)))
    tracker = Tracker(OFTEN, ScoringConfig(), study, None)
    without, with_it = trained(study, None).state_dict(), trained(study, tracker).state_dict()
    assert len(tracker.rows) == 12
    assert without["streams"].keys() == with_it["streams"].keys()
    for part in ("net", "streams", "train_batches"):
        for key, value in without[part].items():
            same = torch.equal(value, with_it[part][key]) if isinstance(value, Tensor) else None
            assert same or value == with_it[part][key], (part, key)
    assert without["rows"] == with_it["rows"]


def test_a_study_without_landmarks_is_not_tracked(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    off = Tracker(TrackingConfig(every_epochs=None), ScoringConfig(), study, None)
    (study.folder / "landmarks" / "pool.csv").write_text("arch,error\n")
    torn = Tracker(OFTEN, ScoringConfig(), study, None)
    assert "Note: the ranking is not tracked during training:" in capsys.readouterr().out
    (study.folder / "landmarks" / "manifest.json").unlink()
    none = Tracker(OFTEN, ScoringConfig(), study, None)
    assert capsys.readouterr().out == ""
    for tracker in (off, torn, none):
        trained(study, tracker)
        assert tracker.rows == []


class Stopping(SPOS):
    """Terminates its own process, as a scheduler does, at one step of the training."""

    def __init__(self, at: int):
        super().__init__()
        self.at = at

    def weight_losses(self, ctx: Context, batch: Batch) -> Iterator[Tensor]:
        if ctx.step == self.at:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().weight_losses(ctx, batch)


def search(study: Study, algo: SPOS, tracking: TrackingConfig = OFTEN, name: str = "") -> SearchRun:
    strategy, study = RandomSearch(Config(budget=2)), copy.copy(study)
    if name:  # a separate study, since a config has one folder in a study
        landmarks, study.folder = study.folder / "landmarks", study.folder / name
        shutil.copytree(landmarks, study.folder / "landmarks", dirs_exist_ok=True)
    parts = SearchParts(
        algo,
        NoRegulariser(),
        strategy,
        ScoringConfig(),
        tracking,
        RoundsConfig(),
        ProxiesConfig(),
        truth=None,
    )
    return SearchRun(study, parts, folder_of(study.cfg, [], study.folder), [])


def test_a_resumed_run_has_the_same_rows(study: Study) -> None:
    straight, killed = search(study, SPOS(), name="a"), search(study, Stopping(6), name="b")
    straight.execute(5, 60)
    with pytest.raises(Interrupted):
        killed.execute(5, 60)
    assert len(pd.read_csv(killed.folder / "tracking.csv")) == 4
    (killed.folder / "tracking.csv").unlink()
    search(study, SPOS(), name="b").execute(5, 60)
    for file in ("tracking.csv", "metrics.csv", "candidates.csv"):
        assert (killed.folder / file).read_text() == (straight.folder / file).read_text(), file
    assert len(pd.read_csv(killed.folder / "tracking.csv")) == 12


def test_a_finished_run_is_finished_whatever_tracking_says(study: Study, composed: Any) -> None:
    done = search(study, SPOS())
    done.execute(5, 60)
    assert search(study, SPOS(), TrackingConfig(every_epochs=None)).finished() is not None
    other = composed("search", "tracking.every_epochs=1", "tracking.pool=3")
    assert config_hash(result_config(other)) == config_hash(result_config(composed("search")))
    assert name_of(other, ["tracking.every_epochs=1", "tracking.pool=3"]) == name_of(other, [])


def test_a_checkpoint_from_before_tracking_is_resumed(study: Study) -> None:
    killed = search(study, Stopping(6))
    with pytest.raises(Interrupted):
        killed.execute(5, 60)
    saved = killed.folder / "checkpoint.pt"
    content = torch.load(saved, weights_only=True)
    del content["state"]["tracking"]
    torch.save(content, saved)
    search(study, SPOS()).execute(5, 60)
    assert pd.read_csv(killed.folder / "tracking.csv")["step"].unique().tolist() == [10, 12]
