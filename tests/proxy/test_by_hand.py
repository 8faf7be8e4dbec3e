"""Scores of networks so small that they can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.proxy.networks import linear_gradient, output_gradient, probed, row
from torch import Tensor, nn

from lmreg.config.build import choice_of
from lmreg.data.base import InputShape
from lmreg.data.images import Batch
from lmreg.network.base import Standalone, SuperNet, layers_of
from lmreg.proxy import (
    expressivity,
    fisher,
    grad_norm,
    jacob_cov,
    macs,
    nwot,
    params,
    progressivity,
    snip,
    synflow,
    trainability,
    vkdnw,
    zen,
    zico,
)
from lmreg.proxy.probe import NormVariances, Probe, WithoutNorms
from lmreg.space.base import Space

WEIGHT = np.array([[1.0, -2.0], [0.5, 1.0], [-1.0, 0.0]])
IMAGES = np.array([[[1.0, 2.0], [0.0, -1.0]], [[3.0, 0.5], [-2.0, 1.0]]])
LABELS = np.array([[0, 2], [1, 0]])
"""Two batches of two images of two channels and one pixel, and their labels."""


def pixels(values: np.ndarray) -> Tensor:
    """Images of one pixel with these channels [B, channels]."""
    return torch.tensor(values, dtype=torch.float32)[:, :, None, None]


def linear() -> Probe:
    """A probe of a network that is one linear layer."""
    net = row(features=2, outputs=3)
    with torch.no_grad():
        layers_of(net)[0].weight.copy_(torch.tensor(WEIGHT))
    pairs = zip(IMAGES, LABELS, strict=True)
    return probed(net, [Batch(pixels(images), torch.tensor(labels)) for images, labels in pairs])


def conv(weights: list[list[float]], stride: int = 1) -> nn.Conv2d:
    """A 1×1 convolution with these weights [out, in]."""
    layer = nn.Conv2d(len(weights[0]), len(weights), 1, stride=stride, bias=False)
    layer.weight.data = torch.tensor(weights)[:, :, None, None]
    return layer


def given(*blocks: nn.Module, features: int, outputs: list[list[float]]) -> Standalone:
    """The network of these blocks with their own weights, and ``outputs`` as those of the linear layer."""
    kept = [p.detach().clone() for block in blocks for p in block.parameters()]
    net = row(*blocks, features=features, outputs=len(outputs))
    with torch.no_grad():
        for parameter, value in zip((p for block in blocks for p in block.parameters()), kept, strict=True):
            parameter.copy_(value)
        layers_of(net)[-1].weight.copy_(torch.tensor(outputs))
    return net


def on(net: Standalone, images: Tensor, seed: int = 0) -> Probe:
    """A probe of the network on two equal batches of these images."""
    batch = Batch(images, torch.zeros(len(images), dtype=torch.long))
    return probed(net, [batch, batch], seed)


def test_params_and_macs_of_two_layers() -> None:
    net = row(nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(4), features=4, outputs=5)
    probe = on(net, torch.randn(2, 3, 8, 8))
    assert params.Params(params.Config()).score(probe) == 4 * 3 * 9 + 2 * 4 + 5 * (4 + 1)
    assert macs.Macs(macs.Config()).score(probe) == 4 * 4 * 4 * 3 * 9 + 5 * (4 + 1)


def test_grad_norm_snip_and_fisher_of_a_linear_layer() -> None:
    probe = linear()
    gradient = linear_gradient(WEIGHT, IMAGES[0], LABELS[0])
    score = grad_norm.GradNorm(grad_norm.Config()).score(probe)
    assert score == pytest.approx(np.sqrt((gradient**2).sum()), rel=1e-5)
    score = snip.Snip(snip.Config()).score(probe)
    assert score == pytest.approx(np.abs(gradient * WEIGHT).sum(), rel=1e-5)
    logits = IMAGES[0] @ WEIGHT.T
    expected = ((logits * output_gradient(logits, LABELS[0])) ** 2 / 2).mean(0).sum()
    assert fisher.Fisher(fisher.Config()).score(probe) == pytest.approx(expected, rel=1e-5)


def test_fisher_adds_up_pixels_before_it_squares() -> None:
    """A network whose output is the mean over pixels, so that every pixel has the gradient's quarter."""
    net = given(conv([[1.0]]), features=1, outputs=[[1.0], [-1.0]])
    images = torch.tensor([[1.0, 2.0, 3.0, -2.0], [0.0, 1.0, 0.0, 1.0]]).view(2, 1, 2, 2)
    means = np.array([1.0, 0.5])
    errors = output_gradient(np.stack([means, -means], 1), np.zeros(2, int))
    of_conv = ((means * (errors[:, 0] - errors[:, 1])) ** 2 / 2).mean()
    of_outputs = ((np.stack([means, -means], 1) * errors) ** 2 / 2).mean(0).sum()
    score = fisher.Fisher(fisher.Config()).score(on(net, images))
    assert score == pytest.approx(of_conv + of_outputs, rel=1e-5)


def test_zico_of_a_linear_layer() -> None:
    pairs = zip(IMAGES, LABELS, strict=True)
    one, two = (linear_gradient(WEIGHT, images, labels) for images, labels in pairs)
    ratios = (np.abs(one) + np.abs(two)) / np.abs(one - two)  # for two batches the deviation is half of that
    assert (np.sign(one) != np.sign(two)).any()
    assert (np.sign(one) == np.sign(two)).any()
    assert zico.Zico(zico.Config()).score(linear()) == pytest.approx(math.log(ratios.sum()), rel=1e-5)


def test_zico_leaves_out_weights_without_deviation() -> None:
    net = given(features=2, outputs=WEIGHT.tolist())
    assert zico.Zico(zico.Config()).score(on(net, pixels(IMAGES[0]))) == -math.inf


def test_synflow_of_two_paths() -> None:
    """Absolute weights carry 1 · 3 + 2 · 1 = 5 to each of two outputs; every layer's flow is all of it."""
    blocks = (conv([[1.0], [-2.0]]), nn.BatchNorm2d(2), nn.ReLU(), conv([[3.0, -1.0]]))
    net = given(*blocks, features=1, outputs=[[1.0], [-1.0]])
    score = synflow.Synflow(synflow.Config()).score(on(net, torch.randn(2, 1, 2, 2)))
    assert score == pytest.approx(math.log(3 * 2 * 5))


def test_nwot_of_two_images_that_agree_in_one_of_four_units() -> None:
    net = given(nn.ReLU(), features=1, outputs=[[1.0]])
    images = torch.tensor([[1.0, -1.0, 2.0, -3.0], [1.0, 1.0, -2.0, 0.5]]).view(2, 1, 2, 2)
    score = nwot.Nwot(nwot.Config()).score(on(net, images))
    assert score == pytest.approx(math.log(4 * 4 - 1 * 1))


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(
    "kind", ["ReLU", "ReLU6", "LeakyReLU", "ELU", "SELU", "CELU", "SiLU", "Hardswish", "Mish"]
)
def test_nwot_knows_rectifiers_of_every_kind(kind: str, inplace: bool) -> None:
    net = given(conv([[1.0]]), getattr(nn, kind)(inplace=inplace), features=1, outputs=[[1.0]])
    images = torch.tensor([[1.0, -1.0, 2.0, -3.0], [1.0, 1.0, -2.0, 0.5]]).view(2, 1, 2, 2)
    assert nwot.Nwot(nwot.Config()).score(on(net, images)) == pytest.approx(math.log(15))


@pytest.mark.parametrize("kind", ["GELU", "PReLU"])
def test_nwot_knows_rectifiers_that_are_never_in_place(kind: str) -> None:
    net = given(getattr(nn, kind)(), features=1, outputs=[[1.0]])
    images = torch.tensor([[1.0, -1.0, 2.0, -3.0], [1.0, 1.0, -2.0, 0.5]]).view(2, 1, 2, 2)
    assert nwot.Nwot(nwot.Config()).score(on(net, images)) == pytest.approx(math.log(15))


def test_nwot_needs_rectifiers() -> None:
    net = given(nn.Sigmoid(), features=1, outputs=[[1.0]])
    assert nwot.Nwot(nwot.Config()).score(on(net, torch.randn(3, 1, 2, 2))) == -math.inf


def test_jacob_cov_of_images_with_the_same_gradient() -> None:
    """The correlations are all 1: one eigenvalue is the number of images, the others are 0."""
    ramp, outputs = torch.arange(12.0).view(3, 1, 2, 2), [[1.0, -3.0]]
    # Pixels with weights of their own: a gradient that is the same for every pixel has no correlation.
    weighted = given(Weighted(), conv([[1.0], [2.0]]), features=2, outputs=outputs)
    values = np.array([3.0, 0.0, 0.0]) + 1e-5
    score = jacob_cov.JacobCov(jacob_cov.Config()).score(on(weighted, ramp))
    assert score == pytest.approx(-(np.log(values) + 1 / values).sum(), rel=1e-4)
    plain = given(conv([[1.0], [2.0]]), features=2, outputs=outputs)
    assert jacob_cov.JacobCov(jacob_cov.Config()).score(on(plain, ramp)) == -math.inf


class Weighted(nn.Module):
    """Multiplies the pixels by 1, 2, 3, …"""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.arange(1.0, x[0, 0].numel() + 1).view(x.shape[2:])


def test_jacob_cov_is_largest_for_gradients_without_correlation() -> None:
    """A rectifier lets other pixels of each image through; half of them, and others, are uncorrelated."""
    net = given(nn.ReLU(), features=1, outputs=[[1.0]])
    images = torch.tensor([[1.0, 1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -1.0]]).view(2, 1, 2, 2)
    score = jacob_cov.JacobCov(jacob_cov.Config()).score(on(net, images))
    assert score == pytest.approx(-2 * (math.log(1 + 1e-5) + 1 / (1 + 1e-5)))
    opposite = torch.tensor([[1.0, 1.0, -1.0, -1.0], [1.0, 1.0, -1.0, 1.0]]).view(2, 1, 2, 2)
    assert jacob_cov.JacobCov(jacob_cov.Config()).score(on(net, opposite)) < score


def test_expressivity_counts_independent_channels() -> None:
    """The noise has two channels; a block that repeats one of them halves what is independent."""
    both, one, scaled = [[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]], [[2.0, 0.0], [0.0, 1.0]]
    images = torch.randn(200, 2, 8, 8)

    def scores(*weights: list[list[float]]) -> tuple[float, float]:
        probe = on(given(*map(conv, weights), features=2, outputs=[[1.0, 1.0]]), images)
        return (
            expressivity.Expressivity(expressivity.Config()).score(probe),
            progressivity.Progressivity(progressivity.Config()).score(probe),
        )

    shares = np.array([0.8, 0.2])  # variances of 4 and 1
    lower = -(shares * np.log(shares)).sum()
    assert scores(both)[0] == pytest.approx(math.log(2), abs=1e-3)
    assert scores(both)[1] == -math.inf  # there is no step
    assert scores(scaled, one)[0] == pytest.approx(lower, abs=5e-3)
    whole, step = scores(both, scaled, one)
    assert whole == pytest.approx(math.log(2) + lower, abs=5e-3)
    assert step == pytest.approx(-lower, abs=5e-3)  # the larger one of two decreases


def trainability_of(*blocks: nn.Module, features: int) -> float:
    net = given(*blocks, features=features, outputs=[[1.0] * features])
    return trainability.Trainability(trainability.Config()).score(on(net, torch.randn(4, 1, 4, 4)))


def test_trainability_of_one_channel() -> None:
    """The first block only has features: with the others' factors 2 and 1/4, it is the mean of two."""
    score = trainability_of(conv([[1.0]]), conv([[2.0]]), conv([[-0.25]]), features=1)
    assert score == pytest.approx(((2 - 2 - 1 / 2) + (2 - 1 / 4 - 4)) / 2, abs=1e-4)


def test_trainability_where_the_resolution_halves() -> None:
    """A kernel of 2×2 is a matrix from four channels, those of the folded pixels, to one."""
    kernel = nn.Conv2d(1, 1, 2, stride=2, bias=False)
    kernel.weight.data = torch.tensor([[1.0, 2.0], [2.0, 4.0]])[None, None]
    norm = math.sqrt(1 + 4 + 4 + 16)
    assert trainability_of(conv([[1.0]]), kernel, features=1) == pytest.approx(2 - norm - 1 / norm, abs=1e-4)


def test_trainability_where_the_resolution_doubles() -> None:
    """A transposed kernel is a matrix from one channel to four; signs of other pixels add noise to it."""
    kernel = nn.ConvTranspose2d(1, 1, 2, stride=2, bias=False)
    kernel.weight.data = torch.tensor([[1.0, 0.0], [0.0, 0.0]])[None, None]
    net = given(conv([[1.0]]), kernel, features=1, outputs=[[1.0]])
    score = trainability.Trainability(trainability.Config()).score(on(net, torch.randn(64, 1, 16, 16)))
    assert score == pytest.approx(0, abs=0.01)


def test_trainability_of_blocks_that_pass_gradients_on_unchanged() -> None:
    assert trainability_of(conv([[2.0]]), nn.Identity(), features=1) == -math.inf
    assert trainability_of(conv([[2.0]]), features=1) == -math.inf  # one block has none before it


def zen_of(*blocks: nn.Module, features: int, channels: int = 1, size: int = 8, seed: int = 0) -> float:
    net = row(*blocks, features=features)
    return zen.Zen(zen.Config()).score(on(net, torch.zeros(32, channels, size, size), seed))


def test_zen_of_noise_that_nothing_changes() -> None:
    """The norm of 8·8 normal numbers is 8, less 1/(4·8); the noise has a hundredth of it."""
    assert zen_of(nn.Identity(), features=1) == pytest.approx(math.log(0.01 * (8 - 1 / 32)), abs=0.03)


def test_zen_undoes_a_normalisation() -> None:
    """What a normalisation divides by is multiplied back."""
    plain = zen_of(nn.Conv2d(1, 1, 3, padding=1, bias=False), features=1)
    normed = zen_of(nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, bias=False), nn.BatchNorm2d(1)), features=1)
    assert normed == pytest.approx(plain, abs=0.01)


def test_zen_leaves_out_normalisations_behind_the_last_block() -> None:
    class Headed(nn.Module):
        """Times a hundred."""

        def forward(self, x: Tensor) -> Tensor:
            return 100 * x

    def score(end: nn.Module) -> float:
        net = row(nn.Conv2d(1, 2, 3, padding=1, bias=False), features=2)
        net.net.classifier = nn.Sequential(nn.Unflatten(1, (2, 1, 1)), Headed(), end, nn.Flatten())
        return zen.Zen(zen.Config()).score(on(net, torch.zeros(32, 1, 8, 8)))

    assert score(nn.BatchNorm2d(2)) == score(nn.Identity())


def test_zen_grows_with_the_width_by_standard_normal_weights() -> None:
    """Of k inputs, weights with variance 1 make outputs that are √k times as large, of m channels √m."""
    scores = [
        np.mean(
            [zen_of(nn.Conv2d(k, m, 1, bias=False), features=m, channels=k, seed=seed) for seed in range(4)]
        )
        for k, m in ((4, 4), (64, 4), (64, 64))
    ]
    assert np.diff(scores) == pytest.approx([math.log(4), math.log(4)], abs=0.25)


@pytest.mark.parametrize("name", ["nasbench201", "nasbench101", "darts", "nds", "macro", "mbconv"])
def test_vkdnw_has_a_direction_for_every_parameter_tensor(name: str, rng: np.random.Generator) -> None:
    """Its whole part is their number: an entropy of deciles is between 0 and log 9."""
    cls, config = choice_of("space", name, Space)
    space = cls(config)  # type: ignore[call-arg]
    network, options = choice_of("network", name, SuperNet)
    options.channels = 4
    shape = InputShape(3, 8, 8)
    net = network(options, space, shape, 5).standalone(space.sample(rng))
    number = len(list(net.parameters()))
    score = vkdnw.Vkdnw(vkdnw.Config()).score(on(net, torch.zeros(8, 3, 8, 8)))
    assert number <= score <= number + math.log(9) + 1e-9


def test_vkdnw_of_a_linear_layer() -> None:
    """Of the first weight and the first bias: the information is the mean of a matrix of two by two."""
    net = given(features=2, outputs=WEIGHT.tolist())
    probe = on(net, torch.zeros(16, 2, 1, 1))
    fisher_matrix = np.zeros((2, 2))
    for image in probe.noise(probe.random("vkdnw"))[:, :, 0, 0].double().numpy():
        logits = WEIGHT @ image
        chance = 0.95 * np.exp(logits[0]) / np.exp(logits).sum() + 0.05 / 3
        direction = np.array([image[0], 1.0])
        fisher_matrix += chance * (1 - chance) * np.outer(direction, direction) / 16
    deciles = np.quantile(np.linalg.eigvalsh(fisher_matrix), np.arange(1, 10) / 10)
    shares = deciles / deciles.sum()
    expected = 2 - (shares * np.log(shares)).sum()
    assert vkdnw.Vkdnw(vkdnw.Config()).score(probe) == pytest.approx(expected, rel=1e-6)


def test_vkdnw_of_certain_outputs_is_a_number() -> None:
    """Outputs that leave no doubt about the label would tell nothing about the weights."""
    net = given(conv([[1e4, 0.0], [0.0, 1e4]]), features=2, outputs=WEIGHT.tolist())
    assert math.isfinite(vkdnw.Vkdnw(vkdnw.Config()).score(on(net, torch.zeros(16, 2, 2, 2))))


NORMS = {
    "batch": nn.BatchNorm2d(4),
    "batch without statistics": nn.BatchNorm2d(4, track_running_stats=False),
    "group": nn.GroupNorm(2, 4),
    "instance": nn.InstanceNorm2d(4),
    "layer": nn.LayerNorm([4, 3, 3]),
}


@pytest.mark.parametrize("kind", NORMS)
def test_normalisations_are_left_out(kind: str) -> None:
    x = torch.randn(5, 4, 3, 3)
    assert not torch.allclose(NORMS[kind](x), x, atol=1e-2)
    with WithoutNorms():
        assert torch.equal(nn.Sequential(NORMS[kind], nn.ReLU())(x), x.relu())


def test_variances_are_means_over_channels() -> None:
    x, norms = torch.randn(5, 4, 3, 3) * torch.arange(1.0, 5)[None, :, None, None], NORMS["batch"]
    with NormVariances() as seen:
        norms(norms(x))
    first, second = (float(variance.detach()) for variance in seen.found)
    assert first == pytest.approx(np.var(x.numpy(), axis=(0, 2, 3)).mean(), rel=1e-5)
    assert second == pytest.approx(1, rel=1e-3)


def test_noise_is_normal_and_named() -> None:
    probe = on(row(features=2), torch.zeros(64, 2, 8, 8))
    noise = probe.noise(probe.random("one"))
    assert noise.shape == (64, 2, 8, 8)
    assert float(noise.mean()) == pytest.approx(0, abs=0.05)
    assert float(noise.std()) == pytest.approx(1, abs=0.05)
    assert torch.equal(noise, probe.noise(probe.random("one")))
    assert not torch.equal(noise, probe.noise(probe.random("other")))
