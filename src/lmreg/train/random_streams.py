"""Named random streams, so that the draws of one part never shift those of another."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

_NUMPY = ("arch", "reg")
_TORCH = ("data", "rank", "alpha", "gumbel", "drop")


class Streams:
    """Independent generators from one seed.

    numpy: ``arch`` draws paths, ``reg`` pairs of landmarks. torch, on the device: ``data`` draws training
    batches, ``rank`` the regulariser's batches, ``alpha`` the batches of architecture parameters, ``gumbel``
    the noise of GDAS, ``drop`` the branches that drop path leaves out.

    Initial weights have a stream of their own too, see `initialised`. Runs with and without the regulariser
    therefore have the same initial weights and training batches, and the same paths as long as the
    algorithm doesn't draw them by the weights.
    """

    def __init__(self, seed: int, device: torch.device):
        self._seed, self._device = seed, device
        self.arch, self.reg = (np.random.default_rng(derive(seed, name)) for name in _NUMPY)
        self.data, self.rank, self.alpha, self.gumbel, self.drop = (
            torch.Generator(device).manual_seed(derive(seed, name)) for name in _TORCH
        )

    def branch(self, name: str) -> Streams:
        """Return new streams for work whose draws must not shift these; equal for equal seeds and names."""
        return Streams(derive(self._seed, name), self._device)

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = {n: json.dumps(getattr(self, n).bit_generator.state) for n in _NUMPY}
        return state | {name: getattr(self, name).get_state() for name in _TORCH}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in _NUMPY:
            getattr(self, name).bit_generator.state = json.loads(state[name])
        for name in _TORCH:
            if name in state:  # else the checkpoint is older than the stream, which has not been drawn from
                getattr(self, name).set_state(state[name].cpu())


def derive(seed: int, name: str) -> int:
    """Return a 63-bit seed for the stream ``name`` of an experiment with ``seed``."""
    words = np.random.SeedSequence([seed, *name.encode()]).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))


@contextlib.contextmanager
def initialised(seed: int) -> Iterator[None]:
    """Within, new layers draw their weights from the ``init`` stream of ``seed``.

    Build networks on the CPU and move them afterwards, so that the weights are the same for every device.
    """
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(derive(seed, "init"))
        yield
