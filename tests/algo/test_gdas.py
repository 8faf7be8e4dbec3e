from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from tests.train.test_training import STEPS, make, regularised, run

from lmreg.algo.gdas import GDAS, Config
from lmreg.reg.none import NoRegulariser


@pytest.mark.parametrize("warmup", [0.0, 0.5, 0.9, 1.0])
def test_the_temperature_falls_over_the_alphas_phase_and_stays_positive(warmup: float) -> None:
    algo = GDAS(Config(alpha_warmup=warmup, temperature=10.0, temperature_end=0.1))
    values = [algo.temperature(p) for p in np.linspace(0, 1, 1001)]
    assert min(values) > 0
    assert values[0] == 10.0
    assert algo.temperature(warmup) == 10.0
    assert algo.temperature(1.0) == pytest.approx(0.1 if warmup < 1 else 10.0)
    assert algo.temperature((1 + warmup) / 2) == pytest.approx(5.05 if warmup < 1 else 10.0)
    assert all(a >= b for a, b in itertools.pairwise(values))


def test_samples_are_hard_and_follow_the_alphas() -> None:
    training = make(NoRegulariser(), algo=GDAS())
    ctx, algo = training.ctx, training.algo
    assert isinstance(algo, GDAS)
    with torch.no_grad():
        algo.alphas[0][:] = torch.tensor([0.1, 0.2, 0.3, 0.4, 1e-9]).log()
    counts = np.zeros((6, 5))
    for _ in range(2000):
        mixture = algo.mixture(ctx)
        assert mixture.active is not None
        for decision, (row, choice) in enumerate(zip(mixture.weights, mixture.active, strict=True)):
            counts[decision, choice] += 1
            assert row.tolist() == [float(i == choice) for i in range(5)]
    shares = counts / 2000
    # Four standard deviations of a share of 2,000 draws: at most .045.
    np.testing.assert_allclose(shares[0], [0.1, 0.2, 0.3, 0.4, 0.0], atol=0.045)
    np.testing.assert_allclose(shares[1:], 0.2, atol=0.045)


def test_gradients_pass_straight_through_to_all_alphas_of_a_decision() -> None:
    """The soft sample's Jacobian times the gradient of the evaluated operation, computed by hand."""
    training = make(NoRegulariser(), algo=GDAS(Config(temperature=2.0)))
    ctx, algo = training.ctx, training.algo
    assert isinstance(algo, GDAS)
    state = ctx.streams.gumbel.get_state()
    mixture = algo.mixture(ctx)
    assert mixture.active is not None
    chosen = mixture.active[0]
    (gradient,) = torch.autograd.grad(mixture.weights[0][chosen], algo._parameters["alphas"])
    ctx.streams.gumbel.set_state(state)
    noise = -torch.empty(30).exponential_(generator=ctx.streams.gumbel).log()
    soft = (noise[:5] / 2.0).softmax(0)  # alphas are 0, which a softmax doesn't see
    expected = soft[chosen] * ((torch.arange(5) == chosen).float() - soft) / 2.0
    torch.testing.assert_close(gradient[:5], expected)
    assert (gradient[5:] == 0).all()


def test_a_step_trains_one_path_and_before_the_alphas_learn_it_is_uniform() -> None:
    training = make(NoRegulariser(), algo=GDAS(Config(alpha_warmup=1.0)))
    seen = []
    loss = training.ctx.loss

    def watched(choice, batch):  # type: ignore[no-untyped-def]
        seen.append(choice)
        return loss(choice, batch)

    training.ctx.loss = watched  # type: ignore[method-assign]
    run(training)
    assert len(seen) == STEPS
    assert all(row.sum() == row.max() == 1 for mixture in seen for row in mixture.weights)
    assert not any(row.requires_grad for mixture in seen for row in mixture.weights)
    assert len({mixture.active for mixture in seen}) > STEPS - 3


def test_the_same_paths_with_and_without_the_regulariser_until_the_alphas_learn() -> None:
    seen = []
    for reg in (NoRegulariser(), regularised(warmup=0.0)):
        training = make(reg, algo=GDAS(Config(alpha_warmup=0.5)))
        states = []
        for _ in training.steps(log_every=100):
            states.append(training.ctx.streams.gumbel.get_state().tolist())
            if training.ctx.progress == 0.5:
                break
        seen.append((states, torch.cat(training.algo.alphas).tolist()))  # type: ignore[attr-defined]
    assert seen[0] == seen[1]  # the noise alone decides while all alphas are 0


def test_the_temperature_is_logged() -> None:
    rows = run(make(NoRegulariser(), algo=GDAS(Config(alpha_warmup=0.0)))).rows
    temperatures = [row["temperature"] for row in rows]
    assert temperatures == sorted(temperatures, reverse=True)
    assert temperatures[-1] > 0.1
    assert rows[0]["alpha_entropy_nats"] == pytest.approx(np.log(5), abs=0.01)


def test_following_the_gradients_lowers_the_expected_loss() -> None:
    """With fixed weights, descent on the alphas' gradients gives a lower expected loss than ascent."""
    means = {}
    for sign in (-1, 1):
        training = run(make(NoRegulariser(), algo=GDAS(Config(temperature=1.0, alpha_warmup=1.0))), 20)
        ctx, algo = training.ctx, training.algo
        assert isinstance(algo, GDAS)
        batch = next(training._train)
        for _ in range(150):
            (gradient,) = algo.alpha_gradients(ctx, batch, batch)
            algo._parameters["alphas"].data += sign * 5 * gradient
        with torch.no_grad():
            means[sign] = [ctx.loss(algo.mixture(ctx), batch).item() for _ in range(200)]
    # Five standard errors of the difference.
    noise = 5 * (np.var(means[1]) / 200 + np.var(means[-1]) / 200) ** 0.5
    assert np.mean(means[-1]) < np.mean(means[1]) - noise
