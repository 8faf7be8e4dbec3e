"""NAO: paths are drawn from a pool of architectures that is improved by steps in a learned latent space.

Source: Luo et al., "Neural Architecture Optimization", NeurIPS 2018, with weight sharing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from lmreg.algo.base import Algorithm
from lmreg.algo.latent import LatentModel, fit
from lmreg.config.schema import option
from lmreg.data.images import Batch
from lmreg.errors import LmregError
from lmreg.space.base import Arch
from lmreg.space.distinct import draw_distinct_up_to
from lmreg.train.context import Context

_STEPS = tuple(0.1 * i for i in range(1, 31))
"""Lengths of the latent steps, in units of an encoder's output; longer steps all end at the same point."""
_NO_FIGURES: dict[str, float] = {
    "predictor_kendall_tau": float("nan"),
    "predictor_n": 0,
    "new_by_gradient": 0,
    "new_at_random": 0,
}


@dataclass
class Config:
    name: str = "nao"
    pool: int = option(100, min=2, help="architectures in the pool that paths are drawn from")
    warmup: float = option(
        0.4, min=0, max=1, help="share of the training before there is a pool; until then paths are uniform"
    )
    refresh_epochs: float = option(
        3.0,
        min=0.001,
        help="epochs between two refreshes of the pool (the landmark paper's code: 40 of 400); each scores "
        "the pool, which costs as much as several epochs of training",
    )
    keep: float = option(
        0.5, min=0, max=1, help="best share of a pool, which stays and from which latent steps start"
    )
    hidden: int = option(64, min=1, help="units of the encoder, the predictor and the decoder")
    predictor_epochs: int = option(200, min=1, help="passes over the pool when these three are fitted")
    predictor_lr: float = option(0.01, min=0, help="learning rate of their Adam")
    trade_off: float = option(
        0.8, min=0, max=1, help="weight of the predicted score's error; the rest weighs the reconstruction"
    )
    holdout: float = option(0.2, min=0, max=0.9, help="share of the pool that only tests the predictor")


class NAO(Algorithm):
    """Trains one path per step: uniform over the space before the first refresh, then uniform over the pool.

    The original trains on a random pool from the start. That would only restrict the paths before scores are
    meaningful, so here the pool is drawn at the first refresh.
    """

    uses_scores = True

    def __init__(self, config: Config | None = None):
        self.config = config or Config()
        self.interval_epochs = self.config.refresh_epochs
        self._pool: list[tuple[int, ...]] = []
        self._figures = _NO_FIGURES
        self._last_round: PoolRound | None = None

    def weight_losses(self, ctx: Context, batch: Batch) -> Iterator[Tensor]:
        self._last_round = None  # outdated, as the weights change
        pool, rng = self._pool, ctx.streams.arch
        path = ctx.space.arch(pool[int(rng.integers(len(pool)))]) if pool else ctx.space.sample(rng)
        yield ctx.loss(path, batch)

    def on_interval(self, ctx: Context) -> None:
        # After the last step no more paths are drawn, and `propose` makes its own round.
        if self.config.warmup <= ctx.progress < 1:
            latest = self._round(ctx)
            self._pool = [arch.choices for arch in latest.take(ctx, self.config.pool)]
            self._figures = latest.figures

    def propose(self, ctx: Context, count: int) -> list[Arch]:
        """Return the best of the pool and architectures from latent steps, by one more round on the weights.

        Later calls continue where this one ended, until training continues.
        """
        if self._last_round is None:
            self._last_round = self._round(ctx)
        return self._last_round.take(ctx, count)

    def _round(self, ctx: Context) -> PoolRound:
        pool = [ctx.space.arch(choices) for choices in self._pool]
        return PoolRound(ctx, pool or _uniform(ctx, self.config.pool, set()), self.config)

    def figures(self) -> dict[str, float]:
        """Return figures of the last refresh.

        ``predictor_kendall_tau`` is that between predictions and super-net scores of the ``predictor_n``
        held-out architectures (NaN before the first refresh). ``new_by_gradient`` and ``new_at_random`` count
        the new architectures of the pool.
        """
        return dict(self._figures)

    def state_dict(self) -> dict[str, Any]:
        return {"pool": self._pool, "figures": self._figures}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._pool, self._figures = state["pool"], state["figures"]


class PoolRound:
    """A pool with its scores, a latent model fitted to them, and the architectures that it gives."""

    def __init__(self, ctx: Context, pool: list[Arch], config: Config):
        self._keep = config.keep
        # Ranks, as a few networks that learn nothing would otherwise take up the whole range of scores.
        scores = stats.rankdata(np.nan_to_num(ctx.scores(pool), nan=-np.inf)) - 1
        scores /= max(1, len(pool) - 1)
        choices = np.array([arch.choices for arch in pool])
        order = ctx.streams.arch.permutation(len(pool))
        held_out, fitted = np.split(order, [int(config.holdout * len(pool))])
        model = fit(
            choices[fitted],
            scores[fitted],
            [len(options) for options in ctx.space.options],
            seed=int(ctx.streams.arch.integers(2**63)),
            hidden=config.hidden,
            epochs=config.predictor_epochs,
            lr=config.predictor_lr,
            trade_off=config.trade_off,
        )
        best = [pool[i] for i in np.argsort(-scores, kind="stable")]
        self._seen = {ctx.space.canonical(arch) for arch in pool}
        self._best = iter(best)
        self._decoded = self._climb(ctx, model, best[: max(1, round(self._keep * len(best)))])
        tau = _kendall_tau(model, choices[held_out], scores[held_out])
        self.figures = _NO_FIGURES | {"predictor_kendall_tau": tau, "predictor_n": len(held_out)}

    def take(self, ctx: Context, count: int) -> list[Arch]:
        """Return up to ``count`` architectures not returned before, no two isomorphic.

        The pool's best come first, then latent steps, uniform draws if these are too few, the pool's rest.
        """
        kept = list(islice(self._best, round(self._keep * count)))
        decoded = list(islice(self._decoded, count - len(kept)))
        drawn = _uniform(ctx, count - len(kept) - len(decoded), self._seen)
        self._seen.update(map(ctx.space.canonical, drawn))
        self.figures["new_by_gradient"] += len(decoded)
        self.figures["new_at_random"] += len(drawn)
        found = [*kept, *decoded, *drawn]
        return found + list(islice(self._best, count - len(found)))

    def _climb(self, ctx: Context, model: LatentModel, starts: list[Arch]) -> Iterator[Arch]:
        """Yield new architectures by latent steps from ``starts``, the shortest steps first."""
        for weights in model.decoded_steps(np.array([arch.choices for arch in starts]), _STEPS):
            for row in range(len(starts)):
                try:
                    arch = ctx.space.strongest([options[row] for options in weights])
                except LmregError:  # not every combination is an architecture
                    continue
                if (key := ctx.space.canonical(arch)) not in self._seen:
                    self._seen.add(key)
                    yield arch


def _uniform(ctx: Context, count: int, seen: set[str]) -> list[Arch]:
    """Draw up to ``count`` architectures uniformly whose keys aren't in ``seen``."""
    space, rng = ctx.space, ctx.streams.arch
    return draw_distinct_up_to(
        space, lambda: space.sample(rng), count, accept=lambda arch, _: space.canonical(arch) not in seen
    )


def _kendall_tau(model: LatentModel, choices: np.ndarray, scores: np.ndarray) -> float:
    """Return tau-b between predictions and scores; NaN if there are fewer than two or all are equal."""
    if len(choices) < 2:
        return float("nan")
    with torch.no_grad():
        predicted = model.predict(model.encode(torch.from_numpy(choices)))
    return float(stats.kendalltau(predicted.numpy(), scores).statistic)
