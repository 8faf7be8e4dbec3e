"""Batch normalisation of a path with fixed statistics that are estimated for that path.

The statistics of a super-net's layers differ from path to path, so training keeps none. To score with fixed
statistics they are estimated anew for each path ("recalibration").

Source: Yu & Huang, "Universally Slimmable Networks and Improved Training Techniques", ICCV 2019,
section 3.3 (post-statistics of batch normalisation).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch.nn.modules.batchnorm import _BatchNorm

from lmreg.data.images import Batch
from lmreg.network.base import SuperNet, track_statistics
from lmreg.space.base import Arch

_STATE = ("running_mean", "running_var", "num_batches_tracked", "track_running_stats", "momentum", "training")


class Recalibrated:
    """A network whose batch-norm statistics can be fixed for a path; see `recalibrated`."""

    def __init__(self, net: SuperNet, layers: list[_BatchNorm]):
        self._net, self._layers = net, layers

    def fix(self, arch: Arch, batches: Sequence[Batch]) -> None:
        """Estimate mean and variance of every layer on the path ``arch`` from these images.

        Each batch is normalised with its own statistics, as in training; their average is kept.
        """
        for layer in self._layers:
            layer.training = True
        for done, batch in enumerate(batches):
            for layer in self._layers:
                # A running average. Unlike momentum=None it doesn't wait for the device.
                layer.momentum = 1 / (done + 1)
            self._net(batch.images, arch)
        for layer in self._layers:
            layer.training = False


@contextmanager
def recalibrated(net: SuperNet) -> Iterator[Recalibrated]:
    """Within this context batch-norm statistics of ``net`` can be fixed; afterwards ``net`` is as before.

    It covers torch's batch-norm classes; other normalisations don't mix images.
    """
    layers = [module for module in net.modules() if isinstance(module, _BatchNorm)]
    before = [{name: getattr(layer, name) for name in _STATE} for layer in layers]
    try:
        track_statistics(net)
        yield Recalibrated(net, layers)
    finally:
        for layer, state in zip(layers, before, strict=True):
            for name, value in state.items():
                setattr(layer, name, value)
