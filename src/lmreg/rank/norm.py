"""Batch normalisation of a path with fixed statistics that are estimated for that path.

The statistics of a super-net's layers differ from path to path, so training keeps none. To score with fixed
statistics they are estimated anew for each path ("recalibration").

Source: Yu & Huang, "Universally Slimmable Networks and Improved Training Techniques", ICCV 2019,
section 3.3 (post-statistics of batch normalisation).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from torch.nn.modules.batchnorm import _BatchNorm

from lmreg.data.images import Batch
from lmreg.network.base import SuperNet, track_statistics
from lmreg.space.base import Arch

_STATE = ("running_mean", "running_var", "num_batches_tracked", "track_running_stats", "momentum", "training")


@contextmanager
def recalibrated(net: SuperNet) -> Iterator[Callable[[Arch, Sequence[Batch]], None]]:
    """Provide a function that fixes the batch-norm statistics of ``net``: it estimates mean and variance of
    every layer on a path from images. Afterwards ``net`` is as before.

    Each batch is normalised with its own statistics, as in training; their average is kept. This covers
    torch's batch-norm classes; other normalisations don't mix images.
    """
    layers = [module for module in net.modules() if isinstance(module, _BatchNorm)]
    before = [{name: getattr(layer, name) for name in _STATE} for layer in layers]

    def fix(arch: Arch, batches: Sequence[Batch]) -> None:
        for layer in layers:
            layer.training = True
        for done, batch in enumerate(batches):
            for layer in layers:
                # A running average. Unlike momentum=None it doesn't wait for the device.
                layer.momentum = 1 / (done + 1)
            net(batch.images, arch)
        for layer in layers:
            layer.training = False

    try:
        track_statistics(net)
        yield fix
    finally:
        for layer, state in zip(layers, before, strict=True):
            for name, value in state.items():
                setattr(layer, name, value)
