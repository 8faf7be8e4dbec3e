"""Searches whose candidates a predictor orders, with and without a super-net, to the report and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.conftest import Compose, InProcess, last_given
from tests.described import undescribed

import lmreg
from lmreg.config.identity import result_config
from lmreg.errors import LmregError
from lmreg.landmarks.truth import Truth
from lmreg.rank import predicted
from lmreg.space.nasbench201 import NASBench201
from lmreg.util.files import read_json

STUDY = "by-table"
FEW = ("proxies.use=[params,nwot]", "proxies.beside=[]")
SMALL = ("network.channels=2", "strategy.budget=8", *FEW, "proxies.workers=1", "threads=1")
TRAINED = ("trainer.steps=4", "trainer.batch_size=16", "scoring.images=60", "scoring.batch_size=30")
BY = ("reg=none", "scoring.by=predictor")
ROUNDS = ("landmarks.rounds=3", "landmarks.add=2", "landmarks.acquire=ucb")


@pytest.fixture
def root(in_process: InProcess, space: NASBench201, tmp_path: Path) -> Path:
    """A root with a study whose truth is a table: the more convolutions, the better."""
    archs = list(space.enumerate())[::2]
    table = pd.DataFrame({"arch": map(space.format, archs), "accuracy": [better(space, a) for a in archs]})
    table.to_csv(tmp_path / "table.csv", index=False)
    code, _, errors = in_process(
        *("train-landmarks", f"root={tmp_path}", f"study={STUDY}", "landmarks=table", "network.channels=2"),
        *(f"landmarks.path={tmp_path}/table.csv", "landmarks.score_column=accuracy"),
        *("landmarks.count=10", "landmarks.pool=30", "selector=random"),
    )
    assert code == 0, errors
    return tmp_path


def better(space: NASBench201, arch: object) -> float:
    text = space.format(arch)  # type: ignore[arg-type]
    return 10.0 * text.count("nor_conv") + len(text) / 100


def call(in_process: InProcess, root: Path, command: str, *options: str) -> str:
    code, out, errors = in_process(command, f"root={root}", f"study={STUDY}", *options)
    assert code == 0, errors
    return out


def search(in_process: InProcess, root: Path, *options: str) -> Path:
    out = call(in_process, root, "search", *last_given(*SMALL, *options))
    assert "candidates are ordered by" in out
    return max((root / STUDY / "search").iterdir(), key=lambda folder: folder.stat().st_mtime_ns)


def test_without_a_super_net(in_process: InProcess, root: Path, space: NASBench201) -> None:
    run = search(in_process, root, "algo=none", *BY, "strategy.budget=30")
    found, result = pd.read_csv(run / "candidates.csv"), read_json(run / "result.json")
    assert found.columns.tolist() == ["arch", "origin", "params", "macs", "nwot", "predicted", "predicted_sd"]
    assert found["predicted"].is_monotonic_decreasing
    assert (result["steps"], result["chosen_by"], result["predictor"]) == (0, "predicted", "gp")
    assert -1 <= result["left_out_tau"] <= 1
    assert result["best"]["arch"] == found["arch"][0]
    assert not (run / "supernet.pt").exists()
    truths = [better(space, space.parse(text)) for text in found["arch"]]
    assert np.mean(truths[:10]) > np.mean(truths[-10:]) + 5
    # The same search again is finished already; its ranking is judged without any super-net.
    again = last_given(*SMALL, "algo=none", *BY, "strategy.budget=30")
    out = call(in_process, root, "search", *again)
    assert "finished already" in out
    out = call(in_process, root, "evaluate", "bootstrap=100", *FEW)
    assert "has no super-net" in out
    assert "Rank by: " in out
    assert pd.read_csv(root / STUDY / "evaluate" / "metrics.csv").empty
    assert not [(file, name) for file, name in undescribed(root / STUDY) if file.startswith("search")]
    code, _, errors = in_process("report", f"root={root}", f"study={STUDY}")
    assert code == 2
    assert "none of its searches has a super-net" in errors


def test_a_super_net_joins_in_unless_it_was_fitted_to_the_landmarks(
    in_process: InProcess, root: Path
) -> None:
    alone = call(in_process, root, "search", *last_given(*SMALL, *TRAINED, "reg=none"))
    assert "ordered by" not in alone
    joined = search(in_process, root, *TRAINED, *BY)
    fitted = search(in_process, root, *TRAINED, "reg=landmark", "scoring.by=predictor")
    for run in (joined, fitted):
        found = pd.read_csv(run / "candidates.csv")
        assert {"loss_nats", "accuracy_percent", "nwot", "predicted"} <= set(found)
        assert found["predicted"].is_monotonic_decreasing
    out = call(in_process, root, "evaluate", "bootstrap=100", *FEW)
    # One super-net, whose candidates have been ordered in two ways, is one, and landmarks didn't train it.
    assert "have the same scores to the last digit" in out
    assert "was trained with other landmarks" not in out
    pairs = pd.read_csv(root / STUDY / "evaluate" / "paired.csv")
    assert pairs[pairs["against"] == "none"]["comparison"].nunique() == 1
    assert set(pd.read_csv(root / STUDY / "evaluate" / "metrics.csv")["score"]) == {"loss", "accuracy"}
    call(in_process, root, "report")


@pytest.mark.parametrize("options", [("algo=none",), TRAINED])
def test_rounds_add_what_the_predictor_is_unsure_of(
    in_process: InProcess, root: Path, space: NASBench201, options: tuple[str, ...]
) -> None:
    run = search(in_process, root, *options, *BY, *ROUNDS, "strategy.budget=40")
    rounds = pd.read_csv(run / "rounds.csv")
    by_predictor = rounds[rounds["score"] == "predictor"]
    assert set(by_predictor["set"]) == {"landmarks", "pool"}
    assert by_predictor[by_predictor["set"] == "landmarks"]["landmarks"].tolist() == [10, 12, 14]
    last = pd.read_csv(run / "rounds" / "round-3.csv")
    truth = Truth.load(root / STUDY / "landmarks", space)
    known = {space.format(arch) for arch in truth.landmarks.archs}
    added = last[~last["arch"].isin(known)]
    assert sorted(added["since_round"]) == [2, 2, 3, 3]
    assert len(added) == 4
    assert added["truth_accuracy"].mean() > truth.landmarks.scores.mean()
    assert set(read_json(run / "result.json")["landmarks"]) == set(last["arch"])


def test_evolution_by_a_predictor(in_process: InProcess, root: Path) -> None:
    evolution = ("strategy=evolution", "strategy.population=6", "strategy.tournament=2", "strategy.budget=16")
    run = search(in_process, root, "algo=none", *BY, *evolution)
    found = pd.read_csv(run / "candidates.csv")
    assert len(found) == 16
    assert "mutated" in set(found["origin"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("scoring.by=predictr",), "did you mean 'predictor'?"),
        ((*BY, "landmarks.acquire=ei"), "give landmarks.rounds=2 or more with it"),
        (("landmarks.acquire=ei",), "landmarks.acquire=ei needs to know how sure a prediction is"),
        (("reg=none", "landmarks.rounds=2"), "take reg=landmark or scoring.by=predictor"),
        (("algo=none", *BY), "no landmarks in"),
    ],
)
def test_what_can_not_be_done_is_refused(
    in_process: InProcess, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    code, _, errors = in_process("search", f"root={tmp_path}", *options)
    assert (code, errors.count("\n")) == (2, 1)
    assert said in errors


def test_ridge_knows_no_deviation(in_process: InProcess, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where left-out landmarks recommend ridge: the search ends well, and says so."""
    monkeypatch.setattr(
        predicted, "recommended", lambda found, scores: next(f for f in found if f.name == "ridge")
    )
    run = search(in_process, root, "algo=none", *BY, *ROUNDS)
    result = read_json(run / "result.json")
    assert (result["predictor"], result["best"]["predicted_sd"]) == ("ridge", None)


def test_options_of_scores_mean_nothing_without_a_predictor(composed: Compose) -> None:
    few = ("proxies.use=[nwot]", "proxies.seed=3")
    plain, other = (result_config(composed("search", *some)) for some in ((), few))
    assert plain == other
    plain, other = (result_config(composed("search", *BY, *some)) for some in ((), few))
    assert plain != other


def test_the_python_api_without_a_super_net(root: Path) -> None:
    study = lmreg.Study(space="nasbench201", data="fashion_mini", root=root, name=STUDY)
    run = study.search(algo="none", reg="none", overrides=[*SMALL, "scoring.by=predictor"])
    assert run.candidates["predicted"].is_monotonic_decreasing
    assert run.metrics.empty
    assert study.evaluate(overrides=["bootstrap=100", *FEW]).empty
    with pytest.raises(LmregError, match="has no super-net"):
        run.network()
