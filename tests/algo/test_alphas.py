"""Properties of every differentiable algorithm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.train.test_training import ALGOS, STEPS, make, regularised, run

from lmreg.algo.alphas import AlphaAlgorithm
from lmreg.reg.none import NoRegulariser
from lmreg.train.training import Training

NAMES = [name for name, new in ALGOS.items() if isinstance(new(), AlphaAlgorithm)]
WARM = int(0.3 * STEPS)  # the alphas' warm-up in ALGOS, in whole steps


def algo(training: Training) -> AlphaAlgorithm:
    assert isinstance(training.algo, AlphaAlgorithm)
    return training.algo


def alphas(training: Training) -> torch.Tensor:
    return torch.cat(algo(training).alphas).detach().clone()


def test_which_algorithms_these_are() -> None:
    assert NAMES == ["darts", "darts2", "gdas", "pcdarts"]


@pytest.mark.parametrize("name", NAMES)
def test_alphas_learn_after_their_warm_up_only_and_weights_always(name: str) -> None:
    training = make(NoRegulariser(), algo=ALGOS[name]())
    run(training, WARM)
    assert (alphas(training) == 0).all()
    weights = training.ctx.net.state_dict()["stem.0.weight"].clone()
    run(training, WARM + 3)
    assert (alphas(training) != 0).any()
    assert not torch.equal(training.ctx.net.state_dict()["stem.0.weight"], weights)


@pytest.mark.parametrize("name", NAMES)
def test_the_weights_get_no_gradient_from_the_alphas_step(name: str) -> None:
    training = run(make(NoRegulariser(), algo=ALGOS[name]()), WARM + 2)
    ctx = training.ctx
    ctx.optimizer.zero_grad(set_to_none=False)
    batch, before = next(training._train), {n: p.clone() for n, p in ctx.net.named_parameters()}
    algo(training).arch_step(ctx, batch)
    assert all((p.grad == 0).all() for p in ctx.net.parameters())
    assert all(torch.equal(p, before[n]) for n, p in ctx.net.named_parameters())


@pytest.mark.parametrize("passes", ["path", "soft_oneshot"])
@pytest.mark.parametrize("name", NAMES)
def test_alphas_get_no_gradient_from_weight_losses_and_regulariser(name: str, passes: str) -> None:
    """There is no gradient at all, not a zero one, as no autograd graph leads to an alpha."""
    reg = regularised(passes=passes, skip_satisfied=False, warmup=0.0, schedule="constant")
    training = make(reg, algo=ALGOS[name]())
    ctx, batch = training.ctx, next(training._train)
    for loss in [*training.algo.weight_losses(ctx, batch), *reg.terms(ctx, batch)]:
        assert loss.requires_grad
        loss.backward()
    assert all(parameter.grad is None for parameter in algo(training)._parameters.values())
    # The other way round they would: the same loss of the algorithm's own mixture.
    ctx.loss(algo(training).mixture(ctx), batch).backward()
    assert algo(training)._parameters["alphas"].grad is not None


@pytest.mark.parametrize("name", NAMES)
def test_the_regulariser_changes_alphas_through_the_weights_alone(name: str) -> None:
    """The alphas' first update is the same, as the regulariser's effect on the weights begins in that
    step."""
    both = [
        make(reg, algo=ALGOS[name]())
        for reg in (NoRegulariser(), regularised(warmup=0.3, schedule="constant"))
    ]
    for training in both:
        run(training, WARM + 2)
    first = alphas(both[0])
    assert (first != 0).any()
    assert torch.equal(first, alphas(both[1]))
    for training in both:
        run(training, WARM + 5)
    assert not torch.equal(alphas(both[0]), alphas(both[1]))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_learned_is_proposed(name: str, rng: np.random.Generator) -> None:
    training = make(NoRegulariser(), algo=ALGOS[name]())
    ctx, it = training.ctx, algo(training)
    wanted = ctx.space.arch((3, 2, 4, 1, 3, 0))
    with torch.no_grad():
        for row, choice in zip(it.alphas, wanted.choices, strict=True):
            row[choice] += 5.0
    assert it.discretised(ctx) == wanted
    assert algo(make(NoRegulariser(), algo=ALGOS[name]())).discretised(ctx) is None  # before they learn
    keys = [ctx.space.canonical(arch) for arch in it.propose(ctx, 40)]
    assert len(set(keys)) == 40
    # Drawn from the alphas: they share most decisions with it, uniform ones a fifth.
    close = np.mean([ctx.space.distance(arch, wanted) for arch in it.propose(ctx, 10)])
    far = np.mean([ctx.space.distance(ctx.space.sample(rng), wanted) for _ in range(100)])
    assert close < 2.5 < 4 < far


def test_alphas_have_a_stream_of_their_own() -> None:
    """The regulariser's draws must not shift the alphas' batches, or runs would not be paired."""
    seen: dict[str, list[float]] = {}
    factories: dict[str, Callable[[], Training]] = {
        "none": lambda: make(NoRegulariser(), algo=ALGOS["darts"]()),
        "landmark": lambda: make(regularised(), algo=ALGOS["darts"]()),
    }
    for name, new in factories.items():
        training, record = new(), seen.setdefault(name, [])
        it = algo(training)
        gradients = it.alpha_gradients

        def watched(ctx, train, held_out, gradients=gradients, record=record):  # type: ignore[no-untyped-def]
            record.append(held_out.images.sum().item())
            return gradients(ctx, train, held_out)

        it.alpha_gradients = watched  # type: ignore[method-assign]
        run(training)
    assert len(seen["none"]) == STEPS - WARM - 1
    assert seen["none"] == seen["landmark"]
