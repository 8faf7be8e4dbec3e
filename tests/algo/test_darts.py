from __future__ import annotations

import math

import torch
from tests.train.test_training import make

from lmreg.algo.darts import DARTS
from lmreg.network.mixture import Mixture
from lmreg.reg.none import NoRegulariser


def test_weights_train_on_the_softmax_of_the_alphas() -> None:
    training = make(NoRegulariser(), algo=DARTS())
    ctx, algo, batch = training.ctx, training.algo, next(training._train)
    assert isinstance(algo, DARTS)
    uniform = Mixture((torch.full((5,), 0.2),) * 6)
    (loss,) = algo.weight_losses(ctx, batch)
    torch.testing.assert_close(loss, ctx.loss(uniform, batch))
    with torch.no_grad():
        algo.alphas[0][3] += math.log(4)
    (leaning,) = algo.weight_losses(ctx, batch)
    first = torch.tensor([0.125, 0.125, 0.125, 0.5, 0.125])
    torch.testing.assert_close(leaning, ctx.loss(Mixture((first, *uniform.weights[1:])), batch))
    assert leaning != loss


def test_first_order_gradients_are_those_of_the_held_out_loss() -> None:
    """Compared with central differences in float64."""
    training = make(NoRegulariser(), algo=DARTS())
    ctx, algo = training.ctx, training.algo
    assert isinstance(algo, DARTS)
    assert ctx.alpha_batches is not None
    ctx.net.double()
    algo.begin(ctx)
    algo._parameters["alphas"] = torch.randn(
        30, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    ).requires_grad_()
    batch = next(ctx.alpha_batches)
    batch = type(batch)(batch.images.double(), batch.targets)
    (gradient,) = algo.alpha_gradients(ctx, batch, batch)
    for i in range(0, 30, 7):
        losses = []
        for shift in (1e-6, -1e-6):
            with torch.no_grad():
                algo._parameters["alphas"][i] += shift
                losses.append(ctx.loss(algo.mixture(ctx), batch).item())
                algo._parameters["alphas"][i] -= shift
        torch.testing.assert_close(gradient[i].item(), (losses[0] - losses[1]) / 2e-6, rtol=1e-5, atol=1e-8)
