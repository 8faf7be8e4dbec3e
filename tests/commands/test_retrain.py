"""``lmreg retrain`` after a search, and without one."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf
from tests.conftest import Compose, InProcess, Lmreg, last_given
from tests.processes import Started

from lmreg.commands.retrain import RetrainOptions, _show, suited, with_recipe
from lmreg.errors import LmregError
from lmreg.rank.intervals import over_seeds
from lmreg.task.classification import Classification
from lmreg.task.depth import Depth
from lmreg.util.files import read_json

QUICK = ("trainer.steps=6", "trainer.batch_size=16", "seeds=2", "threads=1")


def test_the_found_architecture_at_another_size(
    searched_study: Path, in_process: InProcess, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    shutil.copytree(searched_study, root)
    search = sorted((root / "nasbench201-fashion_mini" / "search").glob("*/result.json"))[0].parent
    call = ("retrain", f"run={search}", "network.cells=2", *QUICK)
    code, out, errors = in_process(*call)
    assert code == 0, errors
    (folder,) = (root / "nasbench201-fashion_mini" / "retrain").iterdir()
    assert folder.name.startswith(search.name)
    assert "trainer.steps=6" in folder.name
    result, config = read_json(folder / "result.json"), OmegaConf.load(folder / "config.yaml")
    assert result["arch"] == read_json(search / "result.json")["best"]["arch"]
    # The channels are the search's, the cells those of the call.
    assert (config.network.channels, config.network.cells) == (2, 2)
    assert [training["seed"] for training in result["trainings"]] == [0, 1]
    assert {"accuracy_percent", "loss_nats"} == set(result["test"])
    assert "accuracy_percent" in out
    assert "2 trainings, seeds 0, 1)" in out
    assert "from 3 seeds on" in out  # the interval
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        ["config.yaml", "metrics.csv", "result.json"]
        + [
            f"{kind}-s{seed}.{end}"
            for kind, end in (("weights", "pt"), ("training", "json"))
            for seed in (0, 1)
        ]
    )
    code, out, _ = in_process(*last_given(*call, "seeds=1", "seed=1"))
    assert code == 0
    assert "finished already: seed 1\n" in out
    assert read_json(folder / "result.json") == result
    code, _, errors = in_process("retrain", f"run={search}", "space=macro")
    assert code == 2
    assert "the run's space is nasbench201; leave space out" in errors
    code, _, errors = in_process("retrain", f"run={search}", "space.name=mine")
    assert code == 2
    assert "space.name=mine: the run's space is nasbench201; leave space.name out" in errors
    code, _, errors = in_process("retrain", f"run={search}", "candidate=discretised", *QUICK)
    assert code == 2
    assert "has learned no architecture; pass candidate=best" in errors


def test_results_lie_beside_the_run_or_where_it_is_said(
    searched_study: Path, in_process: InProcess, tmp_path: Path
) -> None:
    search = sorted(searched_study.glob("nasbench201-fashion_mini/search/*/result.json"))[0].parent
    one = last_given("retrain", f"run={search}", *QUICK, "seeds=1", "folder=r", f"root={tmp_path}")
    for study, options in (("nasbench201-fashion_mini", ()), ("mine", ("study=mine",))):
        code, _, errors = in_process(*one, *options)
        assert code == 0, errors
        assert (tmp_path / study / "retrain" / "r" / "result.json").exists()
    assert not (searched_study / "nasbench201-fashion_mini" / "retrain").exists()


def test_an_interval_is_shown_where_it_says_something(capsys: pytest.CaptureFixture[str]) -> None:
    def shown(*values: float) -> str:
        trainings = [{"seed": seed, "loss_nats": value} for seed, value in enumerate(values)]
        _show(
            {"trainings": trainings, "images": {"test": 9}, "test": {"loss_nats": over_seeds(values, 0.95)}}
        )
        return capsys.readouterr().out

    assert (
        over_seeds([0.5, 0.6], 0.95)["low"] is None
    )  # Student's interval would go below 0, which a loss can't be
    for few in ((0.5,), (0.5, 0.6)):
        assert "from 3 seeds on" in shown(*few)
    text = shown(0.5, 0.6, 0.7)
    assert "95 % interval" in text
    assert "0.3516 to 0.8484" in text
    assert "none: all agree" in shown(0.5, 0.5, 0.5)


def test_a_training_that_diverged_leaves_no_result(in_process: InProcess, tmp_path: Path) -> None:
    """In its last step: the last loss was finite, but the test scores are not."""
    call = ("retrain", "space=macro", "arch=22212202", "network.channels=2", f"root={tmp_path}", "folder=r")
    code, _, errors = in_process(
        *last_given(*call, *QUICK, "trainer.steps=1", "trainer.lr=1e30", "trainer.clip=null")
    )
    assert code == 2
    assert "Error: r, seed 0: the training diverged; lower trainer.lr" in errors
    assert not list(tmp_path.rglob("*-s0.json"))


@pytest.fixture(scope="module")
def other_runs(lmreg: Lmreg, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Searches of some spaces that aren't the default, by space."""
    root = tmp_path_factory.mktemp("others")
    done = lmreg(
        *("search", "-m", "space=nasbench101,macro", "reg=none", "trainer.steps=2", "strategy.budget=2"),
        *("network.channels=4", "trainer.batch_size=16", "scoring.images=64", "threads=1", f"root={root}"),
    )
    assert done.returncode == 0, done.stderr
    return {
        path.parents[2].name.partition("-")[0]: path.parent for path in root.glob("*/search/*/config.yaml")
    }


def retrained(root: Path, folder: str) -> dict[str, DictConfig]:
    """The configs of the retrainings of that name, by space."""
    paths = root.glob(f"*/retrain/{folder}/result.json")
    found = [OmegaConf.load(path.parent / "config.yaml") for path in paths]
    return {config.space.name: config for config in found if isinstance(config, DictConfig)}


def test_an_option_of_the_network_that_only_the_runs_space_has(
    other_runs: dict[str, Path], in_process: InProcess, tmp_path: Path
) -> None:
    """The default space has another network, which would refuse these options."""
    run = other_runs["nasbench101"]
    call = ("retrain", f"run={run}", "network.channels=5", "folder=mine", f"root={tmp_path}", *QUICK)
    code, _, errors = in_process(*last_given(*call, "seeds=1"))
    assert code == 0, errors
    assert retrained(tmp_path, "mine")["nasbench101"].network.channels == 5


def test_every_job_of_a_sweep_follows_its_own_run(
    searched_study: Path, other_runs: dict[str, Path], in_process: InProcess, tmp_path: Path
) -> None:
    default = sorted(searched_study.glob("nasbench201-fashion_mini/search/*/result.json"))[0].parent
    quick = last_given(*QUICK, "seeds=1", f"root={tmp_path}")
    runs = f"run={default},{other_runs['nasbench101']},{other_runs['macro']}"
    # Only two of the three networks have cells.
    code, _, errors = in_process("retrain", "-m", runs, "network.cells=2", "folder=r", *quick)
    assert code == 2
    assert "1 of the sweep's 3 jobs failed" in errors
    assert "unknown key 'network.cells'" in errors
    found = retrained(tmp_path, "r")
    sizes = {space: (config.network.channels, config.network.cells) for space, config in found.items()}
    assert sizes == {"nasbench201": (2, 2), "nasbench101": (4, 2)}
    # Where all runs have the same network, its options are checked before anything is trained.
    copy = shutil.copytree(other_runs["macro"], tmp_path / "macro" / "search" / "copy")
    both = f"run={other_runs['macro']},{copy}"
    code, _, errors = in_process("retrain", "-m", both, "network.cells=2", "folder=s", *quick)
    assert code == 2
    assert "'network.cells=2': with network=macro there is no such option" in errors


@pytest.mark.parametrize("arch", ["|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|"])
def test_an_architecture_by_its_text_form(in_process: InProcess, tmp_path: Path, arch: str) -> None:
    code, _, errors = in_process("retrain", f"arch={arch}", "network.channels=2", f"root={tmp_path}", *QUICK)
    assert code == 0, errors
    (folder,) = (tmp_path / "nasbench201-fashion_mini" / "retrain").iterdir()
    assert read_json(folder / "result.json")["arch"] == arch


def test_the_recipe_is_set_where_data_and_network_have_it_and_nothing_else_is_said(composed: Compose) -> None:
    options = RetrainOptions()
    darts, macro = composed("retrain", "space=darts"), composed("retrain", "space=macro")
    found = with_recipe(darts, options, ["space=darts"])
    assert (found.data.cutout, found.network.auxiliary, found.network.drop_path) == (0.5, 0.4, 0.2)
    assert darts.network.auxiliary == 0  # a copy
    assert with_recipe(macro, options, ["space=macro"]).network == macro.network
    found = with_recipe(darts, replace(options, cutout=None), ["network.drop_path=0.0"])
    assert (found.data.cutout, found.network.auxiliary, found.network.drop_path) == (0, 0.4, 0)


def test_a_part_of_the_recipe_that_the_network_lacks_is_refused_if_asked_for(composed: Compose) -> None:
    macro = composed("retrain", "space=macro")
    with pytest.raises(
        LmregError, match=r"auxiliary=0.4: this network has no option network.auxiliary; leave"
    ):
        with_recipe(macro, RetrainOptions(), ["space=macro", "auxiliary=0.4"])
    off = replace(RetrainOptions(), auxiliary=None, drop_path=0)
    assert with_recipe(macro, off, ["auxiliary=null", "drop_path=0"]).network == macro.network


def test_what_a_task_has_no_use_for_is_left_out_unless_it_is_given(composed: Compose) -> None:
    options, cfg = RetrainOptions(), composed("retrain")
    for task in (Classification(), Depth()):
        kept, left_out = suited(cfg, options, task, ["run=x"])
        assert (kept == options) == (not left_out) == (task.takes == "one label per image")
    kept, left_out = suited(cfg, options, Depth(), ["cutout=0.5", "label_smoothing=0.1"])
    assert (kept, left_out) == (options, {})
    _, left_out = suited(composed("retrain", "data.cutout=4"), options, Depth(), ["data.cutout=4"])
    assert set(left_out) == {"label_smoothing"}


def test_a_task_can_only_leave_out_parts_of_the_recipe(composed: Compose) -> None:
    class Own(Depth):
        unsuited = {"crop_padding": "of no use"}  # noqa: RUF012

    with pytest.raises(LmregError, match=r"Own.unsuited names 'crop_padding', which is no part"):
        suited(composed("retrain"), RetrainOptions(), Own(), [])


def test_a_killed_retraining_goes_on(lmreg: Lmreg, tmp_path: Path) -> None:
    call = ["retrain", "space=macro", "arch=22212202", "network.channels=2", "trainer.steps=60", "folder=r"]
    call += ["trainer.batch_size=16", "seeds=1", "log_every=10", "checkpoint_seconds=0", "threads=1"]
    assert lmreg(*call, f"root={tmp_path / 'straight'}").returncode == 0
    process = Started([*call, f"root={tmp_path / 'killed'}"])
    folder = tmp_path / "killed" / "macro-fashion_mini" / "retrain" / "r"
    while not (folder / "checkpoint-s0.pt").exists() and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.communicate(timeout=60)
    assert not (folder / "result.json").exists()
    done = lmreg(*call, f"root={tmp_path / 'killed'}")
    assert done.returncode == 0, done.stderr
    assert "resuming at step" in done.stdout
    straight = tmp_path / "straight" / "macro-fashion_mini" / "retrain" / "r"
    assert (folder / "metrics.csv").read_text() == (straight / "metrics.csv").read_text()
    results = [json.loads((f / "result.json").read_text())["test"] for f in (folder, straight)]
    assert results[0] == results[1]
