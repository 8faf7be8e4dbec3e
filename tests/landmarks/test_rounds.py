"""Iterative landmarks: which are added, what stays the same, and exact resume from any moment of a round."""

from __future__ import annotations

import functools
import importlib
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tests.conftest import Compose, InProcess, Lmreg
from tests.described import undescribed
from tests.processes import Started
from tests.settings import name_of

from lmreg.config.identity import config_hash, result_config
from lmreg.errors import Interrupted, LmregError
from lmreg.experiment.study import Options, Study
from lmreg.landmarks.base import standalone_scorer
from lmreg.landmarks.rounds import round_ends
from lmreg.landmarks.truth import LandmarkSet, Truth
from lmreg.rank.finished_run import FinishedRun
from lmreg.rank.proxy_scores import BESIDE, DEFAULT
from lmreg.reg.landmark import Config, Landmark
from lmreg.space.nasbench201 import NASBench201

STUDIES = {"train": "nasbench201-fashion_mini", "table": "by-table"}
ROUNDS = ("landmarks.rounds=3", "landmarks.add=2")
SIZE = ("trainer.steps=12", "strategy.budget=6", "network.channels=2", "log_every=2", "reg.warmup=0.25")
SIZE += ("scoring.images=60", "scoring.batch_size=30", "tracking.pool=3", "threads=1")
SIZE += ("trainer.batch_size=32",)
ENDS = (6, 9, 12)


def call(root: Path, source: str, *more: str) -> tuple[str, ...]:
    return ("search", f"root={root}", f"study={STUDIES[source]}", *SIZE, *more)


def run_of(root: Path, source: str) -> Path:
    (folder,) = (root / STUDIES[source] / "search").glob("*rounds*")
    return folder


@pytest.fixture(scope="module")
def landmarked(
    tiny_study: Path, lmreg: Lmreg, space: NASBench201, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A root with landmarks from trainings in one study and from a table of the whole space in another."""
    root = tmp_path_factory.mktemp("landmarked") / "root"
    shutil.copytree(tiny_study, root)
    archs = list(space.enumerate())
    scores = np.random.default_rng(1).permutation(len(archs)) / 200.0
    scores[::7] = np.nan  # some architectures have no score
    table = pd.DataFrame({"cell": [space.format(arch) for arch in archs], "acc": scores})
    table.to_csv(root / "table.csv", index=False)
    options = ("landmarks=table", f"landmarks.path={root}/table.csv", "landmarks.arch_column=cell")
    options += ("landmarks.score_column=acc", "landmarks.count=4", "landmarks.pool=500")
    done = lmreg("train-landmarks", f"root={root}", f"study={STUDIES['table']}", *options)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="module")
def straight(
    landmarked: Path, lmreg: Lmreg, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Path, str]]:
    """Return, by source, a root in which the search was never interrupted, and its output."""

    @functools.cache
    def make(source: str) -> tuple[Path, str]:
        root = tmp_path_factory.mktemp(source) / "root"
        shutil.copytree(landmarked, root)
        done = lmreg(*call(root, source, *ROUNDS))
        assert done.returncode == 0, done.stderr
        return root, done.stdout

    return make


def state_of(run: Path) -> dict[str, Any]:
    """Return everything that a search writes except its times."""
    files = [
        *("metrics.csv", "candidates.csv", "tracking.csv", "rounds.csv"),
        *(f"rounds/round-{r}.csv" for r in (1, 2, 3)),
    ]
    state: dict[str, Any] = {name: (run / name).read_text() for name in files}
    for name in ("supernet.pt", "checkpoint.pt"):
        saved = torch.load(run / name, weights_only=True)["state"]
        state[name] = json.dumps(saved, default=lambda x: x.tolist())  # as text: NaN equals NaN
    result = json.loads((run / "result.json").read_text())
    return state | {key: result[key] for key in ("landmarks", "landmark_scores", "best")}


MOMENTS = {
    "table": [
        ("lmreg.rank.tracking.Tracker.look", 6),  # in the last step of the first round
        ("lmreg.strategy.supernet.score", 1),  # before its first candidate is scored
        (
            "lmreg.strategy.problem.SearchProblem.candidates",
            2,
        ),  # when the candidates of the second round are scored
        ("lmreg.strategy.supernet.SupernetSearch.scores", 2),  # while the second round's landmarks are scored
        ("lmreg.experiment.resumable.checkpoint.save", 2),  # done, but not yet saved
        ("lmreg.landmarks.rounds.write_table", 1),  # saved, but no file is written
        ("lmreg.landmarks.rounds.write_table", 4),  # between two files of the second round
        ("lmreg.rank.tracking.Tracker.look", 11),  # in the training of the last
    ],
    "train": [
        ("lmreg.landmarks.records.Records._train", 2),  # in a stand-alone training
        ("lmreg.landmarks.records.write_json", 7),  # in those of the second round
    ],
}


def stopping(where: str, count: int, number: int, patch: Callable[[Any, str, Any], None] = setattr) -> None:
    """Send the process the signal ``number`` when ``where`` is called for the ``count``-th time."""
    *names, name = where.split(".")
    modules = [".".join(names[:end]) for end in range(len(names), 0, -1)]
    module = next(filter(_is_module, modules))
    owner = functools.reduce(getattr, names[module.count(".") + 1 :], importlib.import_module(module))
    real, calls = getattr(owner, name), 0

    def stopped(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == count:
            os.kill(os.getpid(), number)
        return real(*args, **options)

    patch(owner, name, stopped)


def _is_module(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


# Moments that fast tests cover too: with a kill, or one step away.
SLOW = {
    ("table", "lmreg.rank.tracking.Tracker.look", 6),
    ("table", "lmreg.strategy.supernet.score", 1),
    ("table", "lmreg.strategy.supernet.SupernetSearch.scores", 2),
    ("table", "lmreg.experiment.resumable.checkpoint.save", 2),
    ("table", "lmreg.landmarks.rounds.write_table", 1),
    ("table", "lmreg.landmarks.rounds.write_table", 4),
    ("train", "lmreg.landmarks.records.write_json", 7),
    ("train", "lmreg.landmarks.records.Records._train", 2),
}


@pytest.mark.parametrize(
    ("source", "where", "count"),
    [
        pytest.param(source, *m, marks=[pytest.mark.slow] if (source, *m) in SLOW else [])
        for source, moments in MOMENTS.items()
        for m in moments
    ],
)
def test_a_search_stopped_in_a_round_ends_with_the_same_numbers(
    landmarked: Path,
    straight: Callable[[str], tuple[Path, str]],
    tmp_path: Path,
    in_process: InProcess,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    where: str,
    count: int,
) -> None:
    root = tmp_path / "root"
    shutil.copytree(landmarked, root)
    with monkeypatch.context() as patched:
        stopping(where, count, signal.SIGTERM, patched.setattr)
        code, _, errors = in_process(*call(root, source, *ROUNDS))
    assert code == 128 + signal.SIGTERM, errors
    assert errors.count("\n") == 1
    assert "run the same command again to go on" in errors
    assert not list(root.rglob("*.unfinished"))
    assert not (run_of(root, source) / "result.json").exists()
    code, said, errors = in_process(*call(root, source, *ROUNDS))
    assert code == 0, errors
    assert "resuming at step" in said
    assert state_of(run_of(root, source)) == state_of(run_of(straight(source)[0], source))


KILLED = [
    ("table", "lmreg.landmarks.rounds.write_table", 4),
    pytest.param("train", "lmreg.landmarks.records.write_json", 6, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("source", "where", "count"), KILLED)
def test_a_search_killed_in_a_round_does_too(
    landmarked: Path,
    straight: Callable[[str], tuple[Path, str]],
    tmp_path: Path,
    lmreg: Lmreg,
    source: str,
    where: str,
    count: int,
) -> None:
    root = tmp_path / "root"
    shutil.copytree(landmarked, root)
    killed = Started(call(root, source, *ROUNDS), before=(stopping, where, count, signal.SIGKILL))
    _, errors = killed.communicate(timeout=300)
    assert killed.returncode == -signal.SIGKILL, errors
    again = lmreg(*call(root, source, *ROUNDS))
    assert again.returncode == 0, again.stderr
    assert state_of(run_of(root, source)) == state_of(run_of(straight(source)[0], source))


@pytest.mark.parametrize("source", STUDIES)
def test_the_set_grows_by_the_best_candidates_and_never_by_the_pool(
    straight: Callable[[str], tuple[Path, str]], landmarked: Path, space: NASBench201, source: str
) -> None:
    root, said = straight(source)
    folder, run = root / STUDIES[source] / "landmarks", run_of(root, source)
    for name in ("landmarks.csv", "pool.csv", "manifest.json"):
        assert (folder / name).read_bytes() == (
            landmarked / STUDIES[source] / "landmarks" / name
        ).read_bytes()
    of_the_users = {(f"landmarks/{role}.csv", "acc") for role in ("landmarks", "pool") if source == "table"}
    assert undescribed(root / STUDIES[source]) == of_the_users
    truth = Truth.load(folder, space)
    column = truth.landmarks.column
    tables = [pd.read_csv(run / "rounds" / f"round-{r}.csv") for r in (1, 2, 3)]
    assert [len(t) for t in tables] == [6, 8, 8]
    assert tables[2]["since_round"].value_counts().to_dict() == {1: 4, 2: 2, 3: 2}
    assert all(t[f"truth_{column}"].is_monotonic_decreasing for t in tables)
    first = tables[2][tables[2]["since_round"] == 1]
    assert first["arch"].tolist() == [space.format(arch) for arch in truth.landmarks.archs]
    classes = [space.canonical(space.parse(text)) for text in tables[2]["arch"]]
    assert len(set(classes)) == 8
    assert set(classes).isdisjoint(space.canonical(arch) for arch in truth.pool.archs)
    result = json.loads((run / "result.json").read_text())
    assert result["landmarks"] == tables[2]["arch"].tolist()
    assert result["landmark_scores"] == tables[2][f"truth_{column}"].tolist()
    assert "2 landmarks added, now 6:" in said
    assert "2 landmarks added, now 8:" in said
    for table, before in zip(tables[1:], tables, strict=False):  # no landmark leaves, no score changes
        kept = table[table["arch"].isin(before["arch"])]
        assert kept[f"truth_{column}"].tolist() == before[f"truth_{column}"].tolist()
        assert kept["loss_nats"].tolist() != before["loss_nats"].tolist()
    rounds = pd.read_csv(run / "rounds.csv")
    assert rounds["step"].unique().tolist() == list(ENDS)
    for (number, name), rows in rounds.groupby(["round", "set"]):
        assert rows["n"].tolist() == [2 + 2 * number if name == "landmarks" else 3] * 2
        assert (rows["added"] == (2 if number < 3 else 0)).all()
        if name == "landmarks":  # of the landmarks that the round has trained with
            mine = tables[number - 1]
            mine = mine[mine["since_round"] <= number]
            tau = mine[f"truth_{column}"].corr(-mine["loss_nats"], method="kendall")
            assert rows.set_index("score")["kendall_tau"]["loss"] == pytest.approx(tau)


def test_scores_are_those_of_the_source(
    straight: Callable[[str], tuple[Path, str]], space: NASBench201
) -> None:
    root, _ = straight("table")
    known = pd.read_csv(root / "table.csv")
    table = pd.read_csv(run_of(root, "table") / "rounds" / "round-3.csv")
    of_class = known.groupby([space.canonical(space.parse(text)) for text in known["cell"]])["acc"].mean()
    own = known.set_index("cell")["acc"][table["arch"]]
    others = of_class[[space.canonical(space.parse(text)) for text in table["arch"]]]
    for value, exact, of_others in zip(table["truth_acc"], own, others, strict=True):
        assert value == (pytest.approx(of_others) if np.isnan(exact) else exact)
    root, _ = straight("train")
    table = pd.read_csv(run_of(root, "train") / "rounds" / "round-3.csv")
    records = [
        json.loads(p.read_text()) for p in (root / STUDIES["train"]).glob("landmarks/records/nasbench201-*")
    ]
    for row in table.itertuples():
        mine = [r["scores"]["accuracy_percent"] for r in records if r["arch"] == row.arch]
        assert len(mine) == 2
        assert row.truth_accuracy_percent == pytest.approx(np.mean(mine))
        assert row.truth_accuracy_percent_se == pytest.approx(abs(mine[0] - mine[1]) / 2)
    protocols = {r["protocol"] for r in records}
    assert len(protocols) == 1  # new landmarks are trained as the study's were


def test_the_training_is_the_same_until_the_set_grows(
    straight: Callable[[str], tuple[Path, str]], tmp_path: Path, landmarked: Path, in_process: InProcess
) -> None:
    """Paths and batches are the same to the end; ending a round doesn't change the super-net."""
    shutil.copytree(landmarked, tmp_path / "root")
    code, said, errors = in_process(*call(tmp_path / "root", "table", "landmarks.rounds=1"))
    assert code == 0, errors
    assert "Landmarks:" not in said
    assert "Round 1" not in said
    (plain,) = (tmp_path / "root" / STUDIES["table"] / "search").iterdir()
    assert not (plain / "rounds.csv").exists()
    run = run_of(straight("table")[0], "table")
    without, with_rounds = (pd.read_csv(folder / "metrics.csv") for folder in (plain, run))
    same = (without == with_rounds) | without.isna()
    assert same[without["step"] <= ENDS[0]].all(axis=None)
    assert not same[without["step"] > ENDS[0]]["train_loss_nats"].any()
    states = [torch.load(f / "checkpoint.pt", weights_only=True)["state"] for f in (plain, run)]
    assert states[0]["streams"]["arch"] == states[1]["streams"]["arch"]
    assert torch.equal(states[0]["streams"]["data"], states[1]["streams"]["data"])
    order = [s["train_batches"] for s in states]
    assert {k: v.tolist() if isinstance(v, torch.Tensor) else v for k, v in order[0].items()} == {
        k: v.tolist() if isinstance(v, torch.Tensor) else v for k, v in order[1].items()
    }


def test_a_regulariser_goes_on_with_more_landmarks(space: NASBench201) -> None:
    rng = np.random.default_rng(0)
    archs = tuple(space.sample(rng) for _ in range(5))
    scores = np.array([5.0, 4, 3, 2, 1])
    more = LandmarkSet(archs, scores, np.full(5, np.nan), "acc", 1)
    reg = Landmark(Config(warmup=0.3), more.subset([0, 2]))
    reg.load_state_dict({"sums": torch.tensor([4.0, 2.0, 1.0]), "weight": 3.0})
    grown = reg.with_landmarks(more)
    assert isinstance(grown, Landmark)
    assert grown.config is reg.config
    assert grown.warmup == 0.3
    assert grown._archs == archs
    assert len(grown._pairs) == 10
    assert grown.figures() == reg.figures() == {"reg_weight": 3.0, "violated_share": 0.5, "pair_loss": 0.25}


def test_rounds_divide_what_follows_the_warm_up() -> None:
    assert round_ends(100, 0.4, 1) == []
    assert round_ends(100, 0.4, 3) == [60, 80, 100]
    assert round_ends(100, 0.0, 4) == [25, 50, 75, 100]
    assert round_ends(10, 0.6, 4) == [7, 8, 9, 10]
    for steps, warmup, rounds in ((10, 0.6, 5), (100, 1.0, 2), (1, 0.0, 2)):
        with pytest.raises(LmregError, match="too many for"):
            round_ends(steps, warmup, rounds)


def test_one_round_is_a_search_as_it_always_was(composed: Compose) -> None:
    config = composed("search", "landmarks.rounds=1")
    assert "landmarks" not in result_config(config)
    assert config_hash(result_config(config)) == config_hash(
        result_config(composed("search", "landmarks.add=9"))
    )
    assert result_config(composed("search", "landmarks.rounds=2"))["landmarks"] == {"rounds": 2, "add": 5}
    assert (
        name_of(config, ["landmarks.rounds=1"]) == name_of(config, ["landmarks.add=5"]) == name_of(config, [])
    )
    assert "landmarks.rounds=2" in name_of(composed("search", "landmarks.rounds=2"), ["landmarks.rounds=2"])


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (("landmarks.rounds=3", "reg=none"), "but reg=none uses none; take reg=landmark"),
        (("landmarks.rounds=2", "landmarks.add=7"), "landmarks.add=7 is above the 6 candidates"),
        (("landmarks.rounds=10",), "landmarks.rounds=10 is too many for 12 steps"),
        (("landmarks.rounds=0",), "landmarks.rounds=0: must be at least 1"),
        (("landmarks.roundz=2",), "unknown key 'landmarks.roundz=2'; did you mean 'landmarks.rounds'?"),
        (
            ("landmarks=table",),
            "landmarks=table is for 'lmreg train-landmarks'; 'lmreg search' has",
        ),
        (("landmarks=null",), "'lmreg search' has landmarks.rounds, landmarks.add"),
    ],
)
def test_impossible_rounds_are_refused_before_any_work(
    landmarked: Path, tmp_path: Path, in_process: InProcess, overrides: tuple[str, ...], says: str
) -> None:
    shutil.copytree(landmarked / STUDIES["table"], tmp_path / STUDIES["table"])
    given = call(tmp_path, "table", *overrides)
    if "reg=none" in overrides:
        given = tuple(o for o in given if "warmup" not in o)
    code, _, errors = in_process(*given)
    assert code == 2
    assert says in errors
    assert errors.count("\n") == 1
    assert not list(tmp_path.rglob("checkpoint.pt"))


@pytest.fixture
def by_table(composed: Compose, landmarked: Path, tmp_path: Path) -> tuple[Study, Path]:
    """The study and the table that its landmarks come from; tests may damage both."""
    shutil.copytree(landmarked / STUDIES["table"], tmp_path / STUDIES["table"])
    table = shutil.copy(landmarked / "table.csv", tmp_path / "table.csv")
    manifest = tmp_path / STUDIES["table"] / "landmarks" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "table": str(table)}))
    return Study(composed("search"), Options(study=STUDIES["table"], root=str(tmp_path))), Path(table)


def test_candidates_without_a_score_are_passed_over(by_table: tuple[Study, Path]) -> None:
    study, path = by_table
    folder, space = study.folder / "landmarks", study.space
    scorer = standalone_scorer(study, Truth.load(folder, space), folder)
    known = pd.read_csv(path)
    known["key"] = [space.canonical(space.parse(text)) for text in known["cell"]]
    of_class = known.groupby("key")["acc"].transform("mean")
    expected = known["acc"].fillna(of_class)  # the rows of isomorphic forms, where its own has no score
    assert expected.isna().any()
    assert (expected.notna() & known["acc"].isna()).any()
    nothing = known[expected.isna()].index[0]
    some = known.index[[*range(5, 17), nothing]]
    table = scorer.score([space.parse(text) for text in known["cell"][some]], 20)
    found = [place for place in some if place != nothing]
    assert table["arch"].tolist() == known["cell"][found].tolist()
    assert table["acc"].tolist() == pytest.approx(expected[found].tolist())
    assert len(scorer.score([space.parse(text) for text in known["cell"][some]], 7)) == 7
    assert scorer.score([space.parse(known["cell"][nothing])], 1).empty


def test_a_table_that_is_not_what_it_was_is_refused(by_table: tuple[Study, Path]) -> None:
    study, path = by_table
    folder = study.folder / "landmarks"
    truth = Truth.load(folder, study.space)
    path.write_text(path.read_text() + "\n")
    with pytest.raises(LmregError, match=r"table.csv, the table of the study's landmarks, has changed since"):
        standalone_scorer(study, truth, folder)
    path.unlink()
    with pytest.raises(LmregError, match="is gone; restore it"):
        standalone_scorer(study, truth, folder)
    manifest = {k: v for k, v in truth.manifest.items() if k != "table_arch_column"}
    with pytest.raises(LmregError, match=r"'lmreg train-landmarks' with the same options"):
        standalone_scorer(study, Truth(truth.landmarks, truth.pool, manifest), folder)
    for source in ({}, {"source": "oracle"}):
        with pytest.raises(LmregError, match="names no source"):
            standalone_scorer(study, Truth(truth.landmarks, truth.pool, source), folder)


def test_evaluate_and_report_go_by_the_runs_own_landmarks(
    straight: Callable[[str], tuple[Path, str]], tmp_path: Path, in_process: InProcess, space: NASBench201
) -> None:
    root = tmp_path / "root"
    shutil.copytree(straight("train")[0], root)
    where = (f"root={root}", f"study={STUDIES['train']}")
    bare = [o for o in call(root, "train", "reg=none") if "warmup" not in o]
    for command in (bare, ("evaluate", "bootstrap=100", *where), ("report", *where)):
        code, said, errors = in_process(*command)
        assert code == 0, errors
        if command[0] == "evaluate":
            assert "ridge, 4 landmarks" in said
            assert "ridge, 8 landmarks of spos landmark" in said
    folder, run = root / STUDIES["train"], run_of(root, "train")
    paired = pd.read_csv(folder / "evaluate" / "paired.csv")
    baselines = pd.read_csv(folder / "evaluate" / "baselines.csv")
    taus = baselines[baselines["statistic"] == "kendall_tau"].set_index("baseline")
    untrained, own = taus.loc[["params", *DEFAULT, *BESIDE]], taus[taus["run"] == run.name]
    assert {"ridge", "ridge_costs", "gp", "vote"} < set(own.index)
    # The run is compared with the best baseline for the landmarks that it had in the end.
    best = pd.concat([untrained, own.drop("ridge_score")])["value"].max()
    rival = paired[(paired["against"] != "none") & paired["comparison"].str.contains("landmark")]
    assert rival["tau_without"].tolist() == pytest.approx([best, best])
    assert (paired["against"] == "none").sum() == 2
    studys = Truth.load(folder / "landmarks", space).landmarks
    mine = FinishedRun.load(run).landmarks(space, studys)
    assert mine is not None
    assert set(mine.archs) > set(studys.archs)
    assert mine.column == studys.column
    page = (folder / "report" / "index.html").read_text()
    assert "added landmarks during training and ended with 8" in page


def test_a_signal_that_came_before_ends_what_begins() -> None:
    from lmreg.train.signals import StopRequest

    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.signal_number == signal.SIGTERM  # only recorded
        with pytest.raises(Interrupted, match="at the end of it"), stop.at_once("at the end of it"):
            raise AssertionError("begun all the same")
    with StopRequest() as stop, pytest.raises(Interrupted, match="now"), stop.at_once("now"):
        signal.raise_signal(signal.SIGTERM)
