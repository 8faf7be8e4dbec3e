from __future__ import annotations

import copy

import pytest
import torch
from tests.train.test_training import make

from lmreg.algo.darts2 import DARTS2, after_step
from lmreg.data.images import Batch
from lmreg.reg.none import NoRegulariser
from lmreg.train.context import Context
from lmreg.train.optimise import TrainerConfig, make_optimizer

TRAINERS = {
    "plain": TrainerConfig(steps=24, batch_size=16, lr=0.2, momentum=0.0, weight_decay=0.0),
    "decay": TrainerConfig(steps=24, batch_size=16, lr=0.2, momentum=0.0, weight_decay=0.05),
    "momentum": TrainerConfig(steps=24, batch_size=16, lr=0.2, momentum=0.9, weight_decay=0.05),
    "nesterov": TrainerConfig(
        steps=24, batch_size=16, lr=0.2, momentum=0.9, weight_decay=0.05, nesterov=True
    ),
}


def in_double(trainer: TrainerConfig, steps: int) -> tuple[Context, DARTS2, Batch, Batch]:
    """Return a training in float64 after some steps, so that there is momentum, and two batches."""
    training = make(NoRegulariser(), trainer=trainer, algo=DARTS2())
    ctx, algo = training.ctx, training.algo
    assert isinstance(algo, DARTS2)
    assert ctx.alpha_batches is not None
    ctx.net.double()
    ctx.optimizer = make_optimizer(trainer, ctx.net)
    algo.begin(ctx)
    generator = torch.Generator().manual_seed(0)
    alphas = torch.randn(30, dtype=torch.float64, generator=generator).requires_grad_()
    algo._parameters["alphas"] = alphas
    train, held_out = (
        Batch(batch.images.double(), batch.targets)
        for batch in (next(training._train), next(ctx.alpha_batches))
    )
    for _ in range(steps):
        step(ctx, algo, train)
    return ctx, algo, train, held_out


def step(ctx: Context, algo: DARTS2, batch: Batch) -> None:
    """Take the optimizer's step on the search loss."""
    ctx.optimizer.zero_grad(set_to_none=False)
    with torch.no_grad():
        mixture = algo.mixture(ctx)
    ctx.loss(mixture, batch).backward()
    ctx.optimizer.step()


def loss_after_a_real_step(ctx: Context, algo: DARTS2, train: Batch, held_out: Batch) -> float:
    weights, state = copy.deepcopy(ctx.net.state_dict()), copy.deepcopy(ctx.optimizer.state_dict())
    step(ctx, algo, train)
    with torch.no_grad():
        loss = ctx.loss(algo.mixture(ctx), held_out).item()
    ctx.net.load_state_dict(weights)
    ctx.optimizer.load_state_dict(state)
    return loss


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("trainer", TRAINERS)
def test_gradients_equal_finite_differences_through_the_real_step(trainer: str, steps: int) -> None:
    ctx, algo, train, held_out = in_double(TRAINERS[trainer], steps)
    (gradient,) = algo.alpha_gradients(ctx, train, held_out)
    alphas = algo._parameters["alphas"]
    through_the_step, first_order = [], []
    for i in range(0, 30, 4):
        losses = []
        for shift in (1e-6, -1e-6):
            alphas.data[i] += shift
            losses.append(loss_after_a_real_step(ctx, algo, train, held_out))
            alphas.data[i] -= shift
        through_the_step.append((losses[0] - losses[1]) / 2e-6)
        first_order.append(torch.autograd.grad(ctx.loss(algo.mixture(ctx), held_out), alphas)[0][i].item())
    found = gradient[::4]
    expected = torch.tensor(through_the_step, dtype=torch.float64)
    # Differences of 1e-6 leave an error of about 1e-9 by rounding, and of 1e-12 by curvature.
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-8)
    # First-order gradients are not these: the test can tell.
    assert (torch.tensor(first_order) - expected).abs().max() > 1e-3


@pytest.mark.parametrize("trainer", TRAINERS)
@pytest.mark.parametrize("steps", [0, 3])
def test_the_unrolled_step_is_the_optimizers_own(trainer: str, steps: int) -> None:
    ctx, algo, train, _ = in_double(TRAINERS[trainer], steps)
    weights = dict(ctx.net.named_parameters())
    loss = ctx.loss(algo.mixture(ctx), train)
    gradients = torch.autograd.grad(loss, list(weights.values()), materialize_grads=True)
    expected = after_step(ctx.optimizer, weights, gradients)
    step(ctx, algo, train)
    for name, weight in ctx.net.named_parameters():
        torch.testing.assert_close(weight, expected[name])
