"""Contexts of trainings for tests of single parts."""

from __future__ import annotations

from typing import Any

from lmreg.network.base import SuperNet
from lmreg.space.base import Space
from lmreg.task.classification import Classification
from lmreg.train.context import Context
from lmreg.train.optimise import TrainerConfig, make_optimizer
from lmreg.train.random_streams import Streams


def make_context(
    space: Space,
    net: SuperNet | None,
    streams: Streams,
    total_steps: int,
    of: type[Context] = Context,
    **more: Any,
) -> Any:
    """Return a context of classification with the usual optimizer, of the class ``of``.

    Args:
        net: None where nothing evaluates it.
    """
    optimizer: Any = None if net is None else make_optimizer(TrainerConfig(), net)
    return of(space, net, Classification(), streams, optimizer, total_steps, **more)
