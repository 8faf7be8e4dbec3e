"""The three stages as a user runs them, on a tiny study: real processes, real files, real signals."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from tests.conftest import TINY_LANDMARKS, TINY_SEARCH, Compose, Lmreg, last_given
from tests.processes import Started

from lmreg.commands.evaluate import evaluate as evaluate_command
from lmreg.errors import Interrupted, LmregError
from lmreg.rank.proxy_scores import BESIDE, DEFAULT
from lmreg.space.nasbench201 import NASBench201
from lmreg.util.files import read_json

STUDY = "nasbench201-fashion_mini"


TWO_WORKERS = last_given(*TINY_LANDMARKS, "workers=2")


def search_folder(root: Path, name: str) -> Path:
    return root / STUDY / "search" / name


def run_folders(root: Path) -> list[Path]:
    return sorted(p for p in (root / STUDY / "search").iterdir() if p.is_dir())


def copy_of(study: Path, folder: Path) -> Path:
    """Return a new root with a copy of everything in ``study``."""
    shutil.copytree(study, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture
def searched(searched_study: Path, tmp_path: Path) -> Path:
    return copy_of(searched_study, tmp_path / "root")


@pytest.fixture
def evaluated(evaluated_study: Path, tmp_path: Path) -> Path:
    return copy_of(evaluated_study, tmp_path / "root")


@pytest.fixture
def trained(tiny_study: Path, tmp_path: Path) -> Path:
    return copy_of(tiny_study, tmp_path / "root")


Evaluate = Callable[..., str]


@pytest.fixture
def evaluate(composed: Compose, capsys: pytest.CaptureFixture[str]) -> Evaluate:
    """Run the command in this process and return what it prints."""

    def call(*overrides: str) -> str:
        evaluate_command(composed("evaluate", *overrides, "bootstrap=100", "threads=1"), [])
        return capsys.readouterr().out

    return call


def test_landmarks_and_pool(tiny_study: Path, space: NASBench201) -> None:
    folder = tiny_study / STUDY / "landmarks"
    landmarks, pool = (pd.read_csv(folder / f"{name}.csv") for name in ("landmarks", "pool"))
    assert (len(landmarks), len(pool)) == (4, 5)
    every = [*landmarks["arch"], *pool["arch"]]
    assert len({space.canonical(space.parse(text)) for text in every}) == 9
    assert landmarks["accuracy_percent"].is_monotonic_decreasing
    records = [json.loads(p.read_text()) for p in (folder / "records").glob("nasbench201-*.json")]
    assert len(records) == 18
    for table, split in ((landmarks, "rank"), (pool, "test")):
        for row in table.itertuples():
            mine = [r for r in records if r["arch"] == row.arch]
            assert {r["seed"] for r in mine} == {0, 1}
            assert {r["split"] for r in mine} == {split}  # only the pool's truth comes from test images
            values = [r["scores"]["accuracy_percent"] for r in mine]
            assert row.accuracy_percent == pytest.approx(sum(values) / 2)
            assert row.accuracy_percent_se == pytest.approx(abs(values[0] - values[1]) / 2)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["source"] == "train"
    assert manifest["trainings_per_architecture"] == {"landmarks": 2, "pool": 2}


def test_a_rerun_trains_only_what_is_missing(trained: Path, lmreg: Lmreg) -> None:
    folder = trained / STUDY / "landmarks"
    records = sorted((folder / "records").glob("nasbench201-*.json"))
    before = {p: (p.read_text(), p.stat().st_mtime_ns) for p in records}
    csv = (folder / "landmarks.csv").read_text()
    records[3].unlink()
    records[5].write_text(records[5].read_text()[:30])  # torn
    done = lmreg("train-landmarks", f"root={trained}", *TWO_WORKERS)
    assert done.returncode == 0, done.stderr
    assert "16 of 18 trainings are done already" in done.stdout
    for path, (text, changed) in before.items():
        again = json.loads(path.read_text())
        assert again["scores"] == json.loads(text)["scores"]  # the same seed, the same numbers
        assert (path.stat().st_mtime_ns == changed) == (path not in (records[3], records[5]))
    assert (folder / "landmarks.csv").read_text() == csv


def test_another_protocol_in_the_same_folder_is_refused(tiny_study: Path, lmreg: Lmreg) -> None:
    done = lmreg("train-landmarks", f"root={tiny_study}", *TINY_LANDMARKS, "trainer.lr=0.2")
    assert done.returncode == 2
    assert "another protocol (trainer.lr: 0.1 -> 0.2)" in done.stderr


def test_a_table_does_not_replace_trained_landmarks(trained: Path, lmreg: Lmreg) -> None:
    folder = trained / STUDY / "landmarks"
    before = {p.name: p.read_bytes() for p in folder.glob("*.*")}
    shutil.copy(folder / "pool.csv", trained / "table.csv")
    table = [
        "landmarks=table",
        f"landmarks.path={trained}/table.csv",
        "landmarks.score_column=accuracy_percent",
    ]
    table += ["landmarks.count=2", "landmarks.pool=2", f"root={trained}"]
    done = lmreg("train-landmarks", *table)
    assert done.returncode == 2
    assert "landmarks of another origin (source: train -> table" in done.stderr
    assert {p.name: p.read_bytes() for p in folder.glob("*.*")} == before
    assert lmreg("train-landmarks", *table, "study=other").returncode == 0
    again = lmreg("train-landmarks", *last_given(*table, "study=other", "landmarks.score_column=loss_nats"))
    assert "table_columns.landmarks: accuracy_percent -> loss_nats" in again.stderr


def test_a_search_leaves_its_files(searched: Path, space: NASBench201) -> None:
    folders = run_folders(searched)
    assert len(folders) == 4
    for folder in folders:
        names = {p.name for p in folder.iterdir()}
        assert {"config.yaml", "metrics.csv", "supernet.pt", "candidates.csv", "result.json"} <= names
        candidates = pd.read_csv(folder / "candidates.csv")
        assert len(candidates) == 4
        assert candidates["loss_nats"].is_monotonic_increasing
        result = json.loads((folder / "result.json").read_text())
        assert result["best"]["arch"] == candidates["arch"][0]
        metrics = pd.read_csv(folder / "metrics.csv")
        assert metrics["step"].tolist() == [4, 8, 12]
        assert ("violated_share" in metrics) == (result["reg"] == "landmark")
        assert len(result["landmarks"]) == (4 if result["reg"] == "landmark" else 0)


def test_a_finished_sweep_returns_at_once(searched: Path, lmreg: Lmreg) -> None:
    before = {p: p.stat().st_mtime_ns for p in (searched / STUDY / "search").rglob("*") if p.is_file()}
    words = ("search", "reg=none,landmark", "-m", "seed=0,1")  # the flag may stand anywhere
    done = lmreg(*words, f"root={searched}", *TINY_SEARCH)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Sweep: 4 jobs, 4 finished already\n")
    assert done.stdout.count(": finished already") == 4
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_another_config_in_the_same_folder_is_refused(searched: Path, lmreg: Lmreg) -> None:
    config = run_folders(searched)[0] / "config.yaml"
    config.write_text(config.read_text().replace("momentum: 0.9", "momentum: 0.8"))
    done = lmreg("search", "reg=landmark", f"root={searched}", *TINY_SEARCH)
    assert done.returncode == 2
    assert "another configuration (trainer.momentum: 0.8 -> 0.9)" in done.stderr


def test_landmarks_of_other_data_are_refused(trained: Path, lmreg: Lmreg) -> None:
    done = lmreg("search", f"root={trained}", "data.train_fraction=0.4", *TINY_SEARCH)
    assert done.returncode == 2
    assert "trained on other data or other splits" in done.stderr


def test_a_failing_job_does_not_stop_a_sweep(tmp_path: Path, lmreg: Lmreg) -> None:
    done = lmreg("search", "-m", "trainer.lr=1e30,0.05", "reg=none", f"root={tmp_path}", *TINY_SEARCH)
    assert done.returncode == 2
    assert "the training diverged" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Error: 1 of the sweep's 2 jobs failed: trainer.lr=1e+30 (the training diverged")
    finished, failed = sorted(run_folders(tmp_path), key=lambda p: "lr=1e+30" in p.name)
    assert [(p / "result.json").exists() for p in (finished, failed)] == [True, False]
    assert "error: the training diverged" in (failed / "error.txt").read_text()
    assert not (finished / "error.txt").exists()


def test_a_run_begun_on_another_device_is_not_mixed(tmp_path: Path, lmreg: Lmreg) -> None:
    assert lmreg("search", "reg=none", f"root={tmp_path}", *TINY_SEARCH).returncode == 0
    (folder,) = run_folders(tmp_path)
    (folder / "result.json").unlink()
    content = torch.load(folder / "checkpoint.pt", weights_only=True)
    content["state"]["device"] = "cuda"
    torch.save(content, folder / "checkpoint.pt")
    done = lmreg("search", "reg=none", f"root={tmp_path}", *TINY_SEARCH)
    assert done.returncode == 2
    assert "was begun on device=cuda, this is cpu" in done.stderr


def test_a_kill_after_the_last_checkpoint_loses_nothing(searched: Path, lmreg: Lmreg) -> None:
    folder = run_folders(searched)[0]
    before = {name: (folder / name).read_bytes() for name in ("metrics.csv", "candidates.csv", "supernet.pt")}
    for name in ("result.json", *before):
        (folder / name).unlink()
    (folder / ".checkpoint.pt.x.unfinished").write_text("of a process killed while writing")
    assert lmreg("search", "reg=landmark", f"root={searched}", *TINY_SEARCH).returncode == 0
    assert {name: (folder / name).read_bytes() for name in before if name != "supernet.pt"} == {
        name: content for name, content in before.items() if name != "supernet.pt"
    }
    assert not list(folder.glob("*.unfinished"))
    assert not list(folder.glob(".*.unfinished"))


def test_evaluate_names_only_what_it_has_written(evaluated: Path, evaluate: Evaluate) -> None:
    assert "none" in set(pd.read_csv(evaluated / STUDY / "evaluate" / "paired.csv")["against"])
    for folder in run_folders(evaluated)[
        :-1
    ]:  # the run without landmarks has only the cheap baselines to compare with
        shutil.rmtree(folder)
    said = evaluate(f"root={evaluated}")
    assert "No pair of runs" in said
    assert "no run has a regulariser; search with reg=landmark too." in said
    left = pd.read_csv(evaluated / STUDY / "evaluate" / "paired.csv")
    assert set(left["rivals"]) == {16}
    assert "none" not in set(left["against"])


def test_one_spoilt_run_does_not_stop_evaluate(evaluated: Path, lmreg: Lmreg) -> None:
    spoilt = run_folders(evaluated)[0]
    assert list(
        spoilt.glob(".scores/*.json")
    )  # other weights: their scores must not be taken for the new ones
    (spoilt / "supernet.pt").write_bytes(b"torn")
    done = lmreg("evaluate", f"root={evaluated}", "bootstrap=100")
    assert done.returncode == 2
    assert f"1 of 4 runs could not be ranked: {spoilt.name}" in done.stderr
    assert done.stderr.count("\n") == 1
    metrics = pd.read_csv(evaluated / STUDY / "evaluate" / "metrics.csv")
    assert metrics["run"].nunique() == 3
    assert spoilt.name not in set(metrics["run"])


def test_evaluate(searched: Path, lmreg: Lmreg, space: NASBench201) -> None:
    done = lmreg("evaluate", f"root={searched}", "bootstrap=200")
    assert done.returncode == 0, done.stderr
    out = searched / STUDY / "evaluate"
    metrics = pd.read_csv(out / "metrics.csv")
    columns = [
        "run",
        "algo",
        "reg",
        "seed",
        "score",
        "norm",
        "statistic",
        "value",
        "low",
        "high",
        "n",
        "label",
        "ceiling",
    ]
    assert list(metrics.columns) == columns
    assert len(metrics) == 4 * 2 * 9  # runs, by loss and by accuracy, statistics
    assert (metrics["norm"] == "batch").all()
    assert set(metrics["label"]) == {"spos none s0", "spos none s1", "spos landmark s0", "spos landmark s1"}
    taus = metrics[metrics["statistic"] == "kendall_tau"]
    assert (taus["n"] == 5).all()
    assert (metrics.loc[metrics["statistic"] == "kendall_tau_top_half", "n"] == 3).all()
    assert (metrics["low"] <= metrics["high"]).sum() > 50
    assert (
        metrics.loc[metrics["statistic"] == "precision_at_10", "value"].isna().all()
    )  # the pool has five architectures
    assert (metrics.loc[metrics["statistic"] == "precision_at_5", "value"] == 1).all()
    landmarks = pd.read_csv(searched / STUDY / "landmarks" / "landmarks.csv")["arch"]
    used = {space.canonical(space.parse(text)) for text in landmarks}
    for run in metrics["run"].unique():
        ranking = pd.read_csv(out / f"ranking-{run}.csv")
        assert used.isdisjoint(space.canonical(space.parse(text)) for text in ranking["arch"])
        truth, loss = ranking["truth_accuracy_percent"], ranking["loss_nats"]
        mine = metrics[(metrics["run"] == run) & (metrics["score"] == "loss")].set_index("statistic")["value"]
        assert mine["kendall_tau"] == pytest.approx(truth.corr(-loss, method="kendall"))
        assert mine["spearman"] == pytest.approx(truth.corr(-loss, method="spearman"))
        assert mine["regret"] == pytest.approx(truth.max() - truth[loss.idxmin()])
        assert mine["true_rank"] == 1 + (truth > truth[loss.idxmin()]).sum()
        assert (out / f"{run}.png").read_bytes()[:4] == b"\x89PNG"
    paired = pd.read_csv(out / "paired.csv", dtype={"seed": str})
    # Seeds 0, 1 and mean; two scores; the gain of the regulariser, and of both over the best baseline.
    cheap, best = paired[paired["against"] != "none"], paired["against"].iloc[-1]
    assert paired["against"].value_counts().to_dict() == {"none": 6, best: 12}
    assert set(cheap["rivals"]) == {16}
    for row in paired.itertuples():
        assert row.gain == pytest.approx(row.tau_with - row.tau_without)
    baselines = pd.read_csv(out / "baselines.csv")
    columns = ["baseline", "run", "label", "score", "statistic", "value", "low", "high", "n", "ceiling"]
    assert list(baselines.columns) == columns
    taus = baselines[baselines["statistic"] == "kendall_tau"].set_index("baseline")
    ceiling = taus["value"].get("ceiling")
    of_truth = {} if ceiling is None else {"ceiling": 1 / 9, "truth_seeds": 1 / 9}
    counts = (baselines["baseline"].value_counts() / 9).to_dict()
    once = ["params", *DEFAULT, *BESIDE, "vote", "ridge", "ridge_costs", "gp"]
    assert counts == dict.fromkeys(once, 1) | {"ridge_score": 8, "gp_super_net": 2} | of_truth
    # The gain is over the best baseline on the pool.
    rivals = taus.loc[once, "value"]
    assert rivals[best] == rivals.max()
    assert cheap[cheap["seed"] == "0"]["tau_without"].to_numpy() == pytest.approx([rivals.max()] * 4)
    # The pool has two seeds per architecture; their agreement bounds what a ranking can reach.
    pool = pd.read_csv(searched / STUDY / "landmarks" / "pool.csv")
    seeds = pool["accuracy_percent_s0"].corr(pool["accuracy_percent_s1"], method="kendall")
    assert taus["value"]["truth_seeds"] == pytest.approx(seeds)
    of_tau = metrics["statistic"] == "kendall_tau"
    assert metrics.loc[of_tau, "ceiling"].to_numpy() == pytest.approx([ceiling] * 8)
    assert metrics.loc[~of_tau, "ceiling"].isna().all()
    for expected in (
        "parameters",
        "ridge, 4 landmarks",
        "ridge + spos none s0",
        "best of 16 cheap rankings",
        "ceiling",
        "n = 5",
        "2 seeds",
        "paired.csv",
    ):
        assert expected in done.stdout
    kept = {p: p.stat().st_mtime_ns for p in searched.rglob(".scores/*")}
    assert len(kept) == 4
    again = lmreg("evaluate", f"root={searched}", "bootstrap=200")
    assert again.stdout == done.stdout[done.stdout.index(again.stdout[:40]) :]
    assert {p: p.stat().st_mtime_ns for p in searched.rglob(".scores/*")} == kept  # nothing is scored twice


def test_evaluate_one_run_takes_everything_from_it(evaluated: Path, lmreg: Lmreg) -> None:
    folder = run_folders(evaluated)[0]
    moved = copy_of(evaluated / STUDY, evaluated.parent / "elsewhere" / "mine")
    mine = moved / "search" / folder.name
    shutil.rmtree(mine / ".scores")
    before = {p: p.stat().st_mtime_ns for p in (moved / "evaluate").iterdir()}
    done = lmreg("evaluate", f"run=mine/search/{folder.name}/", "bootstrap=100", cwd=moved.parent)
    assert done.returncode == 0, done.stderr  # the folder's name has = in it
    assert "mine: 5 held-out architectures" in done.stdout
    assert "No pair of runs" not in done.stdout  # no comparison was asked for
    metrics = pd.read_csv(mine / "evaluate" / "metrics.csv")
    assert set(metrics["run"]) == {folder.name}
    assert {p: p.stat().st_mtime_ns for p in (moved / "evaluate").iterdir()} == before
    paired = pd.read_csv(mine / "evaluate" / "paired.csv")
    assert paired["score"].tolist() == ["loss", "accuracy"]
    assert set(paired["rivals"]) == {16}
    whole = pd.read_csv(moved / "evaluate" / "metrics.csv")
    same = whole[whole["run"] == folder.name].reset_index(drop=True)
    pd.testing.assert_frame_equal(same.drop(columns="label"), metrics.drop(columns="label"))


def test_the_batch_norm_policy_is_stored_and_can_be_changed(evaluated: Path, evaluate: Evaluate) -> None:
    assert {read_json(p / "result.json")["norm"] for p in run_folders(evaluated)} == {"batch"}
    out = evaluated / STUDY / "evaluate"
    batch = pd.read_csv(out / "metrics.csv")
    assert set(batch["norm"]) == {"batch"}
    evaluate(f"root={evaluated}", "norm=recalibrate")
    recalibrated = pd.read_csv(out / "metrics.csv")
    assert set(recalibrated["norm"]) == {"recalibrate"}
    assert not recalibrated["value"].equals(batch["value"])
    assert len(list(evaluated.rglob(".scores/*.json"))) == 8  # neither overwrites the other
    evaluate(f"root={evaluated}")
    pd.testing.assert_frame_equal(pd.read_csv(out / "metrics.csv"), batch)


def test_search_uses_the_policy_it_stores(trained: Path, lmreg: Lmreg, evaluate: Evaluate) -> None:
    policy = ("scoring.norm=recalibrate", "scoring.calibration_images=128")
    done = lmreg("search", "reg=none", *policy, f"root={trained}", *TINY_SEARCH)
    assert done.returncode == 0, done.stderr
    (folder,) = run_folders(trained)
    assert read_json(folder / "result.json")["norm"] == "recalibrate"
    candidates = trained / "candidates.csv"
    shutil.copy(folder / "candidates.csv", candidates)
    evaluate(f"root={trained}", f"table={candidates}")
    again = pd.read_csv(trained / STUDY / "evaluate" / f"scores-{folder.name}.csv")
    found = pd.read_csv(candidates)
    for column in ("loss_nats", "accuracy_percent"):
        assert again[column].to_numpy() == pytest.approx(found[column].to_numpy(), rel=1e-6)


def test_scores_of_a_table_go_on_after_an_interruption(
    searched: Path, evaluate: Evaluate, space: NASBench201, monkeypatch: pytest.MonkeyPatch
) -> None:
    archs = [space.format(space.arch((i, j, 1, 2, 3, 0))) for i in range(5) for j in range(5)]
    archs.append(archs[3])  # a table may name an architecture twice
    table = searched / "table.csv"
    pd.DataFrame({"cell": archs, "other": range(len(archs))}).to_csv(table, index=False)
    for folder in run_folders(searched)[1:]:
        shutil.rmtree(folder)
    (folder,) = run_folders(searched)
    scored = []

    def advance(self: object, figures: str | None = None, by: int = 1) -> None:
        scored.append(by)
        if len(scored) == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("lmreg.rank.score_cache._CHUNK", 4)
    monkeypatch.setattr("lmreg.rank.score_cache.Progress.advance", advance)
    arguments = (f"root={searched}", f"table={table}", "table_arch_column=cell")
    with pytest.raises(Interrupted, match="stopped with 4 of 25 architectures scored; run the same command"):
        evaluate(*arguments)
    out = searched / STUDY / "evaluate" / f"scores-{folder.name}.csv"
    assert not out.exists()
    (kept,) = folder.glob(".scores/*.json")
    before = read_json(kept)["scores"]
    assert len(before) == 4
    evaluate(*arguments)
    assert len(scored) == 25  # no architecture twice
    scores = pd.read_csv(out)
    assert scores["arch"].tolist() == archs
    assert scores.iloc[3].equals(scores.iloc[25])
    assert read_json(kept)["scores"] | before == read_json(kept)["scores"]
    kept.unlink()
    evaluate(*arguments)
    pd.testing.assert_frame_equal(pd.read_csv(out), scores)  # the same numbers without interruption
    with pytest.raises(
        LmregError, match=r"table.csv has no column 'arch'; set table_arch_column to one of: cell"
    ):
        evaluate(*arguments[:2])
    pd.DataFrame({"arch": [archs[0], "nonsense"]}).to_csv(table, index=False)
    with pytest.raises(LmregError, match=r"table.csv, row 3, column 'arch': 'nonsense'"):
        evaluate(*arguments[:2])


def state_of(folder: Path) -> dict[str, object]:
    files = {name: (folder / name).read_text() for name in ("metrics.csv", "candidates.csv", "tracking.csv")}
    net = torch.load(folder / "supernet.pt", weights_only=True)["state"]
    return files | {key: value.tolist() for key, value in net.items()}


KILLED = [*("trainer.steps=40", "strategy.budget=4", "network.channels=2", "log_every=5")]
KILLED += ["checkpoint_seconds=0", "threads=1", "seed=5", "tracking.every_epochs=0.08", "scoring.images=200"]


def killed_name(reg: str) -> str:
    return f"spos-{reg}-network.channels=2-scoring.images=200-strategy.budget=4-trainer.steps=40-s5"


@pytest.fixture(scope="module")
def straight(tiny_study: Path, lmreg: Lmreg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same searches, never interrupted."""
    root = copy_of(tiny_study, tmp_path_factory.mktemp("straight"))
    done = lmreg("search", "-m", "reg=none,landmark", f"root={root}", *KILLED)
    assert done.returncode == 0, done.stderr
    return root


@pytest.mark.parametrize(
    ("reg", "signal_name"),
    [
        ("landmark", "SIGKILL"),
        # Signals that can be handled, at moments of the test's choice: tests/landmarks/test_rounds.py.
        pytest.param("landmark", "SIGTERM", marks=pytest.mark.slow),
        pytest.param("none", "SIGINT", marks=pytest.mark.slow),
    ],
)
def test_a_killed_search_ends_with_the_same_numbers(
    trained: Path, straight: Path, reg: str, signal_name: str
) -> None:
    killed = search_folder(trained, killed_name(reg))
    command = ["search", f"root={trained}", f"reg={reg}", *KILLED]
    rng, kills = random.Random(f"{reg}{signal_name}"), 0
    while not (killed / "result.json").exists():
        seen = (killed / "checkpoint.pt").stat().st_mtime_ns if (killed / "checkpoint.pt").exists() else 0
        process = Started(command)
        while process.poll() is None and kills < 3:  # until it has made some progress, then a moment more
            if (killed / "checkpoint.pt").exists() and (killed / "checkpoint.pt").stat().st_mtime_ns > seen:
                time.sleep(rng.uniform(0, 0.2) if kills else 0)
                process.send_signal(getattr(signal, signal_name))
                break
            time.sleep(0.01)
        _, errors = process.communicate(timeout=60)
        if process.returncode == 0:
            continue
        kills += 1
        if signal_name == "SIGKILL":
            assert process.returncode == -9
        elif process.returncode > 0:
            assert process.returncode == 128 + getattr(signal, signal_name)
            assert "run the same command again" in errors
            assert "Traceback" not in errors
    assert kills > 0
    assert state_of(killed) == state_of(search_folder(straight, killed_name(reg)))


def test_killed_stand_alone_trainings_go_on(tmp_path: Path, lmreg: Lmreg, tiny_study: Path) -> None:
    process = Started(["train-landmarks", f"root={tmp_path}", *TWO_WORKERS])
    records = tmp_path / STUDY / "landmarks" / "records"
    deadline = time.monotonic() + 120
    while len(list(records.glob("nasbench201-*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert errors.count("\n") == 1
    assert "run the same command again" in errors
    assert list(records.glob(".*")) == []  # nor is a claim or an unfinished file left
    assert lmreg("train-landmarks", f"root={tmp_path}", *TINY_LANDMARKS).returncode == 0
    for name in ("landmarks.csv", "pool.csv"):
        mine = tmp_path / STUDY / "landmarks" / name
        assert mine.read_text() == (tiny_study / STUDY / "landmarks" / name).read_text()
