"""Encoder, predictor and decoder on artificial scores and on a benchmark's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from torch import Tensor

from lmreg.algo.latent import LatentModel, fit
from lmreg.algo.nao import _STEPS
from lmreg.space.nasbench201 import NASBench201

SPACE = NASBench201()
TRUTH = "cifar10_valid_acc_percent"
COUNTS = (2, 5, 1, 3)
OPTIONS: dict[str, Any] = {"hidden": 32, "epochs": 150, "lr": 0.01, "trade_off": 0.8}


def every_choice() -> np.ndarray:
    return np.array(list(np.ndindex(*COUNTS)))


def ranks(values: np.ndarray) -> np.ndarray:
    return (stats.rankdata(values) - 1) / (len(values) - 1)


def predictions(model: LatentModel, choices: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model.predict(model.encode(torch.from_numpy(choices))).numpy()


def likeliest(reached: list[np.ndarray]) -> np.ndarray:
    """Return the most likely option of every decision, int64 [n, decisions]."""
    return np.stack([shares.argmax(1) for shares in reached], axis=1)


@pytest.fixture(scope="module")
def fitted() -> LatentModel:
    """Fit all 30 architectures with scores that increase with the sum of choices."""
    choices = every_choice()
    return fit(choices, ranks(choices.sum(1)), COUNTS, seed=0, **OPTIONS)


def test_decisions_may_differ_in_their_number_of_options() -> None:
    """Even without fitting, only a decision's own options are decoded."""
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
    for reached in model.decoded_steps(every_choice(), [-50, -1, 0, 1, 50]):
        assert [shares.shape for shares in reached] == [(30, count) for count in COUNTS]
        for shares in reached:
            np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)


def test_it_learns_scores_and_choices(fitted: LatentModel) -> None:
    choices = every_choice()
    # Ties of the scores can't be predicted as such, so tau-b stays below 1.
    assert stats.kendalltau(predictions(fitted, choices), choices.sum(1)).statistic > 0.9
    (same,) = fitted.decoded_steps(choices, [0.0])
    assert (likeliest(same) == choices).all()


def test_steps_lead_uphill_and_back(fitted: LatentModel) -> None:
    choices = every_choice()
    sums = [likeliest(reached).sum(1) for reached in fitted.decoded_steps(choices, [-2, -1, 0, 1, 2])]
    means = [each.mean() for each in sums]
    assert means == sorted(means)
    assert means[0] < means[1] < means[2] < means[3] < means[4]


def test_a_step_follows_the_gradient_of_the_prediction(fitted: LatentModel) -> None:
    """A short step raises the prediction for every architecture, whatever is decoded."""
    seen: list[Tensor] = []

    class Watched(LatentModel):
        def decode(self, outputs: Tensor) -> Tensor:
            seen.append(outputs)
            return super().decode(outputs)

    model = Watched(COUNTS, OPTIONS["hidden"])
    model.load_state_dict(fitted.state_dict())
    list(model.decoded_steps(every_choice(), [-0.01, 0, 0.01]))
    with torch.no_grad():
        down, here, up = (model.predict(outputs) for outputs in seen)
    assert (down < here).all()
    assert (here < up).all()


def test_one_seed_gives_one_model_and_nobody_elses_numbers_or_threads_change() -> None:
    choices = every_choice()
    threads = torch.get_num_threads()
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    options = OPTIONS | {"epochs": 5}
    first, same, other = (fit(choices, ranks(choices.sum(1)), COUNTS, seed=s, **options) for s in (7, 7, 8))
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads
    for name, value in first.state_dict().items():
        assert torch.equal(value, same.state_dict()[name])
    assert not torch.equal(first.head.weight, other.head.weight)


@pytest.fixture(scope="module")
def table(real_data: Path) -> pd.DataFrame:
    """Return NAS-Bench-201's accuracies in random order, with isomorphic architectures once."""
    table = pd.read_csv(real_data / "nasbench201_half.csv").sample(frac=1, random_state=0)
    table["key"] = [SPACE.canonical(SPACE.parse(text)) for text in table["arch"]]
    return table.drop_duplicates("key")


def choices_of(table: pd.DataFrame) -> np.ndarray:
    return np.array([SPACE.parse(text).choices for text in table["arch"]])


def fitted_to(table: pd.DataFrame, percent: pd.Series[float]) -> LatentModel:
    return fit(choices_of(table), ranks(percent.to_numpy()), [5] * 6, seed=0, **OPTIONS)


@pytest.fixture(scope="module")
def real(table: pd.DataFrame) -> LatentModel:
    return fitted_to(table[:300], table[:300][TRUTH])


def test_it_predicts_real_accuracies(table: pd.DataFrame, real: LatentModel) -> None:
    """From 300 architectures. A ridge regression on their operations has a tau of .64 from 200; 500
    held-out ones leave a standard deviation of about .025."""
    known, held_out = table[:300], table[300:800]

    def tau(model: LatentModel) -> float:
        return float(stats.kendalltau(predictions(model, choices_of(held_out)), held_out[TRUTH]).statistic)

    assert tau(real) > 0.6
    shuffled = known[TRUTH].sample(frac=1, random_state=0)
    assert abs(tau(fitted_to(known, shuffled))) < 0.3


def test_steps_lead_to_better_real_networks_and_back_to_worse_ones(
    table: pd.DataFrame, real: LatentModel
) -> None:
    """Steps start from the middle third of 300, so that both directions are possible. Fitted architectures
    don't count."""
    known, truth = table[:300], table.set_index("key")[TRUTH]
    middle = known.sort_values(TRUTH)[100:200]
    gains, seen = {}, set(known["key"])
    for sign in (1, -1):
        differences = {}
        for reached in real.decoded_steps(choices_of(middle), [sign * step for step in _STEPS]):
            for start, row in zip(middle[TRUTH], likeliest(reached).tolist(), strict=True):
                key = SPACE.canonical(SPACE.arch(tuple(row)))
                if key in truth.index and key not in seen:
                    differences.setdefault(key, truth[key] - start)
        assert len(differences) > 20  # half of all architectures are in the table
        gains[sign] = np.array(list(differences.values()))
    for sign, gain in gains.items():
        error = gain.std() / len(gain) ** 0.5
        assert sign * gain.mean() > 3 * error, sign
