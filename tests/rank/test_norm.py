from __future__ import annotations

import pytest
import torch
from torch import nn

from lmreg.data.images import Batch
from lmreg.network.nasbench201 import NASBench201Network
from lmreg.rank.norm import recalibrated
from lmreg.rank.scoring import score
from lmreg.space.nasbench201 import NASBench201
from lmreg.task.classification import Classification


def batches(sizes: list[int], seed: int, shift: float = 0.0) -> list[Batch]:
    """Batches of these sizes; a seed always gives the same images."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(sum(sizes), 1, 8, 8, generator=generator) + shift
    images = images * torch.linspace(0.5, 2, sum(sizes))[:, None, None, None]
    targets = torch.randint(3, (sum(sizes),), generator=generator)
    return [Batch(i, t) for i, t in zip(images.split(sizes), targets.split(sizes), strict=True)]


PATHS = [(3, 1, 0, 2, 4, 1), (2, 2, 2, 2, 2, 2), (0, 0, 0, 0, 0, 0), (1, 3, 4, 3, 0, 3)]


@pytest.mark.parametrize(("recalibrate", "same"), [(True, True), (False, False)])
def test_the_composition_of_scoring_batches_matters_only_with_their_own_statistics(
    net: NASBench201Network, space: NASBench201, recalibrate: bool, same: bool
) -> None:
    archs = [space.arch(path) for path in PATHS]
    calibration = batches([20, 20], seed=1) if recalibrate else []
    tables = [
        score(net, Classification(), archs, batches(sizes, seed=0), calibration=calibration)["loss_nats"]
        for sizes in ([60], [30, 30], [7, 50, 3])
    ]
    for other in tables[1:]:
        assert (other.to_numpy() == pytest.approx(tables[0].to_numpy(), rel=1e-5)) == same


def test_a_score_depends_only_on_its_own_path_and_the_calibration(
    net: NASBench201Network, space: NASBench201
) -> None:
    archs = [space.arch(path) for path in PATHS]
    images, calibration = batches([60], seed=0), batches([20, 20], seed=1)
    together = score(net, Classification(), archs, images, calibration=calibration)
    for i, arch in enumerate(archs):
        alone = score(net, Classification(), [arch], images, calibration=calibration)
        assert alone.to_numpy().tolist() == together.iloc[[i]].to_numpy().tolist()
    other = score(net, Classification(), archs, images, calibration=batches([20, 20], seed=1, shift=3.0))
    assert not other.equals(together)


def test_statistics_are_averages_over_the_calibration_batches(
    net: NASBench201Network, space: NASBench201
) -> None:
    calibration = batches([25, 25], seed=1)
    conv, norm = net.stem
    features = [conv(batch.images) for batch in calibration]
    with torch.inference_mode(), recalibrated(net) as fix:
        fix(space.arch(PATHS[0]), calibration)
        mean = torch.stack([f.mean((0, 2, 3)) for f in features]).mean(0)
        variance = torch.stack([f.var((0, 2, 3)) for f in features]).mean(0)
        assert torch.allclose(norm.running_mean, mean, atol=1e-6)
        assert torch.allclose(norm.running_var, variance, rtol=1e-5)


@pytest.mark.parametrize("tracked", [False, True])
def test_the_network_is_left_as_it_was(net: NASBench201Network, space: NASBench201, tracked: bool) -> None:
    if tracked:  # as in a user's own network
        net.stem[1] = nn.BatchNorm2d(4, momentum=None)
        net.stem[1].eval()
    layers = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]

    def state() -> list[object]:
        return [
            (m.training, m.track_running_stats, m.momentum, m.num_batches_tracked, m.running_mean)
            for m in layers
        ]

    weights = {key: value.clone() for key, value in net.state_dict().items()}
    arch, images = space.arch(PATHS[0]), batches([30], seed=0)
    before, outputs = state(), net(images[0].images, arch)
    score(net, Classification(), [arch], images, calibration=batches([20], seed=1))
    with pytest.raises(RuntimeError), recalibrated(net) as fix:
        fix(arch, [Batch(torch.zeros(2, 5, 8, 8), torch.zeros(2))])  # five channels: the forward pass fails
    for old, new in zip(before, state(), strict=True):
        assert all(a is b for a, b in zip(old, new, strict=True))  # type: ignore[call-overload]
    assert net.state_dict().keys() == weights.keys()
    assert all(torch.equal(weights[key], value) for key, value in net.state_dict().items())
    assert torch.equal(net(images[0].images, arch), outputs)
