"""Named random streams, so that what one part draws never shifts what another part sees."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch

_NUMPY = ("arch", "reg")
_TORCH = ("data", "rank", "alpha", "gumbel", "drop")


class Streams:
    """Independent generators from one seed: ``arch`` paths, ``reg`` landmark pairs (numpy);
    ``data`` training batches, ``rank`` the regulariser's batches, ``alpha`` those of architecture
    parameters, ``gumbel`` noise, ``drop`` what drop path leaves out (torch, on the device).

    Initial weights have their own stream too, see `initialised`. Runs with and without the
    regulariser therefore see the same initial weights and training batches, and the same paths as
    long as the algorithm draws these without a look at the weights.
    """

    def __init__(self, seed: int, device: torch.device):
        self.arch, self.reg = (np.random.default_rng(derive(seed, name)) for name in _NUMPY)
        self.data, self.rank, self.alpha, self.gumbel, self.drop = (
            torch.Generator(device).manual_seed(derive(seed, name)) for name in _TORCH
        )

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = {n: json.dumps(getattr(self, n).bit_generator.state) for n in _NUMPY}
        return state | {name: getattr(self, name).get_state() for name in _TORCH}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in _NUMPY:
            getattr(self, name).bit_generator.state = json.loads(state[name])
        for name in _TORCH:
            if name in state:  # a state from before there was this stream: nothing had been drawn from it
                getattr(self, name).set_state(state[name].cpu())


def derive(seed: int, name: str) -> int:
    """A 63-bit seed for the stream ``name`` of an experiment's ``seed``."""
    words = np.random.SeedSequence([seed, *name.encode()]).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))


class initialised:
    """Context in which new layers draw their weights from the ``init`` stream of ``seed``.

    Build on the CPU and move afterwards: the weights are then the same for every device.
    """

    def __init__(self, seed: int):
        self._seed = derive(seed, "init")
        self._fork = torch.random.fork_rng(devices=[])

    def __enter__(self) -> None:
        self._fork.__enter__()
        torch.random.default_generator.manual_seed(self._seed)

    def __exit__(self, *error: Any) -> None:
        self._fork.__exit__(*error)
