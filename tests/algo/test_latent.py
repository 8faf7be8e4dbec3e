"""The encoder, the predictor and the decoder alone, on made-up scores and on a benchmark's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from lmreg.algo.latent import LatentModel, fit
from lmreg.space.nasbench201 import NASBench201

COUNTS = (2, 5, 1, 3)
OPTIONS: dict[str, Any] = {"hidden": 32, "epochs": 200, "lr": 0.01, "trade_off": 0.8}


def every_choice() -> np.ndarray:
    return np.array(list(np.ndindex(*COUNTS)))


def ranks(values: np.ndarray) -> np.ndarray:
    return (stats.rankdata(values) - 1) / (len(values) - 1)


def predictions(model: LatentModel, choices: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model.predict(model.encode(torch.from_numpy(choices))).numpy()


@pytest.fixture(scope="module")
def fitted() -> LatentModel:
    """On all 30 architectures; the more the choices add up to, the better."""
    choices = every_choice()
    return fit(choices, ranks(choices.sum(1)), COUNTS, seed=0, **OPTIONS)


def test_decisions_may_differ_in_their_number_of_options() -> None:
    """Also before anything is learned, only what a decision offers is decoded."""
    torch.manual_seed(0)
    model, choices = LatentModel(COUNTS, hidden=8), torch.from_numpy(every_choice())
    outputs = model.encode(choices)
    assert outputs.shape == (30, 4, 8)
    assert torch.allclose(outputs.norm(dim=-1), torch.ones(30, 4))
    logits = model.decode(outputs)
    assert logits.shape == (30, 4, 11)
    offered = [[0, 1], [2, 3, 4, 5, 6], [7], [8, 9, 10]]
    for decision, tokens in enumerate(offered):
        assert logits[:, decision].isfinite().any(0).nonzero().flatten().tolist() == tokens
    for reached in model.moved(every_choice(), [-50, -1, 0, 1, 50]):
        assert (reached >= 0).all()
        assert (reached < np.array(COUNTS)).all()


def test_it_learns_scores_and_choices(fitted: LatentModel) -> None:
    choices = every_choice()
    # Ties of the scores can't be predicted as such, so tau-b stays below 1.
    assert stats.kendalltau(predictions(fitted, choices), choices.sum(1)).statistic > 0.9
    (same,) = fitted.moved(choices, [0.0])
    assert (same == choices).all()


def test_steps_lead_uphill_and_back(fitted: LatentModel) -> None:
    choices = every_choice()
    start = choices.sum(1).mean()
    up, far_up, down, far_down = (
        reached.sum(1).mean() for reached in fitted.moved(choices, [0.3, 1, -0.3, -1])
    )
    assert far_down < down < start < up < far_up


def test_a_step_follows_the_gradient_of_the_prediction(fitted: LatentModel) -> None:
    """Central differences along the direction that `moved` takes, seen through the decoder."""
    starts = every_choice()[:5]
    seen = []
    fitted.decode, decode = lambda outputs: seen.append(outputs) or decode(outputs), fitted.decode  # type: ignore
    list(fitted.moved(starts, [0.0, 1e-2]))
    fitted.decode = decode  # type: ignore[method-assign]
    before, after = (fitted.predict(outputs) for outputs in seen)
    assert (after > before).all()


def test_one_seed_gives_one_model_and_nobody_elses_numbers_move() -> None:
    choices = every_choice()
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    options = OPTIONS | {"epochs": 5}
    first, same, other = (fit(choices, ranks(choices.sum(1)), COUNTS, seed=s, **options) for s in (7, 7, 8))
    assert torch.equal(torch.rand(3), expected)
    for name, value in first.state_dict().items():
        assert torch.equal(value, same.state_dict()[name])
    assert not torch.equal(first.head.weight, other.head.weight)


class Benchmark:
    """A model fitted to 300 of the table's architectures, 500 others, and the table."""

    def __init__(self, folder: Path):
        space = NASBench201()
        table = pd.read_csv(folder / "nasbench201_half.csv").drop_duplicates("isomorph_index")
        table = table.sample(800, random_state=0)
        archs = [space.parse(text) for text in table["arch"]]
        self.accuracy = dict(zip(archs, table["cifar10_valid_acc_percent"], strict=True))
        self.choices = np.array([arch.choices for arch in archs])
        self.percent = table["cifar10_valid_acc_percent"].to_numpy()

    def fit(self, percent: np.ndarray) -> LatentModel:
        return fit(self.choices[:300], ranks(percent[:300]), [5] * 6, seed=0, **OPTIONS)

    def tau(self, model: LatentModel) -> float:
        return float(stats.kendalltau(predictions(model, self.choices[300:]), self.percent[300:]).statistic)
