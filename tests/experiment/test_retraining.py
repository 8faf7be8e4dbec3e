"""Retraining one architecture: exact resume, and scores of the network as it will be used."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy import stats
from tests.conftest import Compose

from lmreg.data.base import InputShape
from lmreg.errors import Interrupted, LmregError
from lmreg.experiment.retraining import Recipe, Retraining, read_retraining
from lmreg.experiment.study import Options, Study
from lmreg.network.base import track_statistics
from lmreg.network.nasbench101 import Config as Config101
from lmreg.network.nasbench101 import NASBench101Network
from lmreg.rank.intervals import over_seeds
from lmreg.space.nasbench101 import NASBench101
from lmreg.task.base import Task
from lmreg.task.classification import Classification
from lmreg.train import checkpoint

STEPS = 12


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few small images: every training is tested on all test images."""
    root, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for part, count in (("train", 40), ("test", 15)):
        for brightness, label in ((150, "a"), (255, "b")):
            (root / part / label).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(brightness, size=(8, 8), dtype=np.uint8)
                Image.fromarray(pixels).save(root / part / label / f"{i}.png")
    return root


def made(composed: Compose, folder: Path, images: Path, *more: str) -> Study:
    data = ("data=folder", f"data.path={images}", "network.channels=2")
    cfg = composed("retrain", *data, f"trainer.steps={STEPS}", "trainer.batch_size=16", *more)
    return Study(cfg, Options(root=str(folder), device="cpu"))


@pytest.fixture
def study(composed: Compose, tmp_path: Path, images: Path) -> Study:
    return made(composed, tmp_path, images, "space=macro")


def retraining(study: Study, name: str, seeds: int = 2, smoothing: float = 0.1) -> Retraining:
    arch = study.space.sample(np.random.default_rng(3))
    recipe = Recipe(arch, smoothing, range(seeds), 5, checkpoint_seconds=1e9)
    return Retraining(study, recipe, study.folder / "retrain" / name, {"run": None})


def contents(folder: Path) -> dict[str, object]:
    """Return the weights, the metrics and the scores."""
    found: dict[str, object] = {"metrics": (folder / "metrics.csv").read_text()}
    for path in sorted(folder.glob("weights-*.pt")):
        found[path.name] = torch.load(path, weights_only=True)["state"]
    found["test"] = json.loads((folder / "result.json").read_text())["test"]
    return found


def same(one: dict[str, object], other: dict[str, object]) -> None:
    assert one.keys() == other.keys()
    for key, value in one.items():
        if isinstance(value, dict) and key.startswith("weights"):
            assert all(torch.equal(value[k], other[key][k]) for k in value)  # type: ignore[index]
        else:
            assert value == other[key]


# Whatever else a training draws from goes on as well: cutout from the data's stream, drop path from its own.
@pytest.mark.parametrize(
    "options",
    [
        ("space=macro", "data.cutout=0.5"),
        ("space=darts", "network.auxiliary=0.4", "network.drop_path=0.2"),
    ],
)
def test_a_stopped_retraining_goes_on_to_the_same_numbers(
    composed: Compose, tmp_path: Path, images: Path, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = made(composed, tmp_path, images, *options)
    retraining(study, "straight").execute(0.95)

    def stop_at_row(number: int) -> None:
        rows = iter(range(1, 100))

        def shown(row: dict[str, float]) -> str:
            if next(rows) == number:
                signal.raise_signal(signal.SIGTERM)
            return ""

        monkeypatch.setattr("lmreg.experiment.resumable.row_in_words", shown)

    folder = study.folder / "retrain" / "stopped"
    for row, told in ((2, "seed 0: stopped at step 10 of 12"), (3, "seed 1: stopped at step 10 of 12")):
        stop_at_row(row)  # of the rows that this call logs
        with pytest.raises(Interrupted, match=told):
            retraining(study, "stopped").execute(0.95)
        assert not (folder / "result.json").exists()
    stop_at_row(0)
    retraining(study, "stopped").execute(0.95)
    folders = [study.folder / "retrain" / name for name in ("straight", "stopped")]
    same(contents(folders[0]), contents(folders[1]))
    assert not list(folders[1].glob("checkpoint-*"))
    rows = pd.read_csv(folders[1] / "metrics.csv")
    assert rows.groupby("seed")["step"].apply(list).to_dict() == {0: [5, 10, 12], 1: [5, 10, 12]}


def test_a_second_call_trains_nothing_and_more_seeds_only_those(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    first = retraining(study, "r").execute(0.95)
    folder = study.folder / "retrain" / "r"
    written = {p.name: p.stat().st_mtime_ns for p in folder.glob("weights-*")}
    assert retraining(study, "r").left() == []
    assert retraining(study, "r").execute(0.95) == first
    assert "r: finished already: seeds 0, 1\n" in capsys.readouterr().out
    assert retraining(study, "r", seeds=3).left() == [2]
    result = retraining(study, "r", seeds=3).execute(0.95)
    assert result["trainings"][:2] == first["trainings"]
    assert result["test"]["accuracy_percent"]["n"] == 3
    # Asked for fewer seeds, or for others, the result still covers all that there are.
    rows = (folder / "metrics.csv").read_text()
    assert retraining(study, "r", seeds=1).execute(0.95) == result
    assert (folder / "metrics.csv").read_text() == rows
    assert {p.name: p.stat().st_mtime_ns for p in folder.glob("weights-*")}.items() > written.items()
    with pytest.raises(LmregError, match=r"label_smoothing: 0.1 -> 0.2.*pass folder=<new name>"):
        retraining(study, "r", smoothing=0.2).left()
    (folder / "config.yaml").unlink()  # then the records of the trainings still have their config hash
    with pytest.raises(LmregError, match=r"training-s\d.json is a training with another configuration; pass"):
        retraining(study, "r", smoothing=0.2).execute(0.95)


def test_a_call_with_more_seeds_that_is_stopped_leaves_a_result_of_those_that_are_finished(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    retraining(study, "r", seeds=1).execute(0.95)
    more, train = retraining(study, "r", seeds=3), Retraining._train

    def stopped(self: Retraining, seed: int) -> None:
        if seed == 2:
            raise Interrupted("stopped", 143)
        train(self, seed)

    monkeypatch.setattr(Retraining, "_train", stopped)
    with pytest.raises(Interrupted):
        more.execute(0.95)
    _, result = read_retraining(more.folder)
    assert [training["seed"] for training in result["trainings"]] == [0, 1]


def test_the_figures_are_those_of_the_network_in_eval_mode_one_image_at_a_time(study: Study) -> None:
    result = retraining(study, "r", seeds=1).execute(0.95)
    config, _ = read_retraining(study.folder / "retrain" / "r")
    weights = checkpoint.load(
        Retraining.weights(study.folder / "retrain" / "r", 0), result["config_hash"], study.device
    )
    arch = study.space.parse(config.arch)
    net = study.standalone(arch, 1)
    track_statistics(net)
    net.load_state_dict(weights)
    test = study.data.split("test").plain(torch.arange(study.data.sizes["test"]))
    with torch.inference_mode():
        together = net.eval()(test.images, arch)
        alone = torch.cat([net(test.images[i : i + 1], arch) for i in range(20)])
        of_the_batch = net.train()(test.images[:20], arch)
    torch.testing.assert_close(together[:20], alone, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(of_the_batch, alone, atol=1e-2)
    accuracy = 100 * (together.argmax(1) == test.targets).double().mean().item()
    assert result["test"]["accuracy_percent"]["mean"] == pytest.approx(accuracy, abs=0.051)


def test_all_training_images_and_no_test_image_fit_the_weights(study: Study) -> None:
    full = study.data.split("full")
    assert len(full) == sum(study.data.sizes[name] for name in ("train", "rank", "score"))
    where = full._index.tolist()
    parts = [study.data.split(name)._index.tolist() for name in ("train", "rank", "score")]
    assert sorted(where) == sorted(i for part in parts for i in part)


def test_statistics_are_tracked_where_channels_are_cut_too() -> None:
    space = NASBench101()
    net = NASBench101Network(Config101(channels=4), space, InputShape(1, 8, 8), outputs=3)
    arch = space.sample(np.random.default_rng(0))
    alone = net.standalone(arch)
    track_statistics(alone)
    x = torch.randn(16, 1, 8, 8, generator=torch.Generator().manual_seed(0)) + 3
    for _ in range(100):
        in_training = alone(x)
    torch.testing.assert_close(alone.eval()(x), in_training, rtol=0.05, atol=0.05)


def test_label_smoothing_changes_the_loss_but_no_score() -> None:
    task, smooth = Classification(), Classification().smoothed(0.2)
    outputs = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([0, 1, 2, 3, 0, 1])
    log = outputs.log_softmax(1)
    expected = -(0.8 * log[range(6), targets] + 0.2 * log.mean(1)).mean()
    torch.testing.assert_close(smooth.loss(outputs, targets), expected)
    assert not torch.isclose(task.loss(outputs, targets), expected)
    assert torch.equal(smooth.measure(outputs, targets), task.measure(outputs, targets))


def test_a_task_without_labels_has_none_to_smooth() -> None:
    class Depth(Classification):
        smoothed = Task.smoothed  # type: ignore[assignment]

    with pytest.raises(LmregError, match=r"label_smoothing=0.1: Depth has no labels; pass label_smoothing=0"):
        Depth().smoothed(0.1)


def test_the_interval_over_seeds_is_students() -> None:
    values = [70.0, 72.0, 71.0, 75.0]
    found = over_seeds(values, 0.9)
    low, high = stats.t.interval(0.9, 3, loc=72.0, scale=stats.sem(values))
    assert (found["low"], found["high"]) == pytest.approx((low, high))
    assert (found["mean"], found["n"]) == (72.0, 4)
    nothing = {"confidence": 0.9, "low": None, "high": None}
    assert over_seeds([5.0], 0.9) == {"mean": 5.0, "n": 1, "sd": None} | nothing
    # A few seeds that agree on few test images don't prove that all others would.
    assert over_seeds([5.0, 5.0, 5.0], 0.9) == {"mean": 5.0, "n": 3, "sd": 0.0} | nothing
