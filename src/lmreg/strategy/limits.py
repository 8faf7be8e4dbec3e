"""Limits on the size of a candidate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.space.base import Arch, Space

Cost = Callable[[Arch], dict[str, int]]
"""Returns the ``params`` of an architecture's stand-alone network and its ``macs`` (per image)."""

_BOUNDS = (("max_params", "params", 1), ("min_params", "params", -1), ("max_macs", "macs", 1))
_STARTS = 5


@dataclass
class Limits:
    """What every strategy's config has. An architecture that keeps the limits is *admissible*."""

    name: str = "strategy"
    max_params: int | None = option(None, min=1, help="most parameters of a candidate; null: any number")
    min_params: int | None = option(None, min=1, help="fewest parameters of a candidate; null: any number")
    max_macs: int | None = option(
        None, min=1, help="most multiply-accumulates per image of a candidate; null: any number"
    )

    def __post_init__(self) -> None:
        if self.max_params is not None and self.min_params is not None and self.max_params < self.min_params:
            raise ValueError(f"max_params={self.max_params} is below min_params={self.min_params}")

    @property
    def given(self) -> dict[str, int]:
        """The limits that are set."""
        values = {name: getattr(self, name) for name, _, _ in _BOUNDS}
        return {name: value for name, value in values.items() if value is not None}

    def excess(self, cost: dict[str, int]) -> float:
        """Return by how much the limits are exceeded, as shares of each, summed; 0 if admissible."""
        given = self.given
        shares = [
            sign * (cost[column] - given[name]) / given[name]
            for name, column, sign in _BOUNDS
            if name in given
        ]
        return sum(max(0.0, share) for share in shares)

    def example(self, space: Space, cost: Cost) -> Arch:
        """Return an admissible architecture, found by steepest descent on the excess from random starts.
        Raises LmregError if none is found; the message describes the closest architecture."""
        rng = np.random.default_rng(0)  # fixed, so that the result is always the same

        def excess(arch: Arch) -> float:
            return self.excess(cost(arch))

        nearest = space.sample(rng)
        for _ in range(_STARTS):
            arch = _descend(space.sample(rng), space, excess)
            nearest = min(nearest, arch, key=excess)
            if excess(nearest) == 0:
                return nearest
        limits = ", ".join(f"strategy.{name}={value}" for name, value in self.given.items())
        has = cost(nearest)
        raise LmregError(
            f"found no architecture of {space.name} within {limits}; the closest "
            f"has {has['params']:,} parameters and {has['macs']:,} MACs ({space.format(nearest)})"
        )


def _descend(arch: Arch, space: Space, height: Callable[[Arch], float]) -> Arch:
    """Move to the lowest neighbour until none is lower, or the height is 0."""
    while height(arch) > 0:
        lowest = min(space.neighbours(arch), key=height)
        if height(lowest) >= height(arch):
            break
        arch = lowest
    return arch
