from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lmreg.predictor.base import Known
from lmreg.predictor.gp import Config, GaussianProcess, _median_distance, _squared_distances
from lmreg.predictor.vote import Config as VoteConfig
from lmreg.predictor.vote import Vote, vote


def known(
    rng: np.random.Generator, landmarks: int, n: int = 80, truth: str = "both"
) -> tuple[Known, np.ndarray]:
    """Return architectures of 12 binary choices, two scores, and their truth: what scores tell and don't."""
    choices = rng.integers(2, size=(n, 12)).astype(float)
    size, rest = choices[:, :6].sum(1), choices[:, 6:9].sum(1)
    proxies = np.column_stack([size + rng.normal(0, 0.5, n), size + rng.normal(0, 0.5, n)])
    value = {"both": size + 1.5 * rest, "scores": size, "noise": rng.normal(size=n)}[truth]
    return Known((choices,), proxies, value[:landmarks]), value


def tau(a: np.ndarray, b: np.ndarray) -> float:
    return float(stats.kendalltau(a, b).statistic)


def test_landmarks_correct_the_vote() -> None:
    gains = []
    for seed in range(8):
        it, truth = known(np.random.default_rng(seed), 40)
        found = GaussianProcess(Config()).predict(it).mean
        gains.append(tau(found[40:], truth[40:]) - tau(vote(it.proxies)[40:], truth[40:]))
    assert min(gains) > 0
    assert np.mean(gains) > 0.05


@pytest.mark.parametrize("truth", ["scores", "both", "noise"])
def test_few_landmarks_do_no_harm(truth: str) -> None:
    gains = []
    for seed in range(8):
        it, values = known(np.random.default_rng(seed), 10, truth=truth)
        found = GaussianProcess(Config()).predict(it).mean
        gains.append(tau(found[10:], values[10:]) - tau(vote(it.proxies)[10:], values[10:]))
    assert np.mean(gains) > -0.03
    assert truth == "noise" or min(gains) > -0.06  # of noise, every ranking is as good as another


def test_landmarks_turn_against_a_misleading_score() -> None:
    """Of three scores one is right and two are opposite to the truth: so is their vote."""
    for seed in range(4):
        it, values = known(np.random.default_rng(seed), 30, truth="scores")
        misleading = -it.proxies @ np.array([[1.0, 0.5], [0.5, 1.0]])
        it = Known(it.views, np.column_stack([it.proxies[:, 0], misleading]), it.scores)
        assert tau(vote(it.proxies)[30:], values[30:]) < 0
        assert tau(GaussianProcess(Config()).predict(it).mean[30:], values[30:]) > 0.4


def test_what_it_says_of_a_left_out_landmark_is_what_it_says_without_it() -> None:
    """The closed form has the hyper-parameters of all landmarks, so the two are nearly the same."""
    it, truth = known(np.random.default_rng(0), 20)
    found = GaussianProcess(Config()).predict(it)
    without = []
    for i in range(20):
        order = [k for k in range(80) if k != i]
        order.append(i)
        fewer = Known((it.views[0][order],), it.proxies[order], it.scores[np.arange(20) != i])
        without.append(GaussianProcess(Config()).predict(fewer).mean[-1])
    assert np.corrcoef(found.left_out, without)[0, 1] > 0.97
    assert np.corrcoef(found.mean[:20], without)[0, 1] < np.corrcoef(found.left_out, without)[0, 1]
    assert tau(found.left_out, truth[:20]) < tau(found.mean[:20], truth[:20])


def test_it_is_surer_near_landmarks() -> None:
    it, _ = known(np.random.default_rng(1), 30)
    found = GaussianProcess(Config()).predict(it)
    distances = _squared_distances(it.views[0], it.views[0][:30]).min(1)
    assert found.deviation[distances == 0].mean() < found.deviation[distances >= 3].mean()
    assert (found.deviation >= 0).all()


def test_an_outlier_weighs_no_more_than_a_bad_network() -> None:
    it, _ = known(np.random.default_rng(2), 30)
    scores = it.scores.copy()
    scores[scores.argmin()] = -1e6
    same = Known(it.views, it.proxies, scores)
    np.testing.assert_allclose(
        GaussianProcess(Config()).predict(same).mean, GaussianProcess(Config()).predict(it).mean
    )


def test_it_needs_no_training_free_scores() -> None:
    it, truth = known(np.random.default_rng(3), 40)
    found = GaussianProcess(Config()).predict(Known(it.views, np.zeros((80, 0)), it.scores))
    assert tau(found.mean[40:], truth[40:]) > 0.3


@pytest.mark.parametrize("scores", [[1.0, 1.0], [2.0, 1.0], [0.0, 0.0, 0.0]])
def test_a_few_equal_landmarks_are_enough(scores: list[float]) -> None:
    it, _ = known(np.random.default_rng(4), 30)
    found = GaussianProcess(Config()).predict(Known(it.views, it.proxies, np.array(scores)))
    assert np.isfinite(found.mean).all()
    assert np.isfinite(found.left_out).all()


def test_distances() -> None:
    rows = np.array([[0.0, 0], [3, 4], [0, 0], [6, 8]])
    assert _squared_distances(rows, rows[:2]) == pytest.approx(
        np.array([[0, 25], [25, 0], [0, 25], [100, 25.0]])
    )
    assert _median_distance(rows) == 25
    assert _median_distance(np.ones((3, 2))) == 1


def test_a_score_that_does_not_vote_has_the_weight_that_landmarks_give_it() -> None:
    rng = np.random.default_rng(5)
    it, truth = known(rng, 30, truth="scores")
    hidden = -truth + rng.normal(0, 0.3, len(truth))  # worse, the larger it is: as a voter it would mislead
    noise = rng.normal(size=(len(truth), 2))
    both = Known(it.views, np.column_stack([noise, hidden]), it.scores, voters=2)
    np.testing.assert_array_equal(both.ballot, noise)
    np.testing.assert_array_equal(Vote(VoteConfig()).predict(both).mean, vote(noise))
    with_it, without = (
        GaussianProcess(Config()).predict(some).mean for some in (both, Known(it.views, noise, it.scores))
    )
    assert tau(with_it[30:], truth[30:]) > tau(without[30:], truth[30:]) + 0.1
