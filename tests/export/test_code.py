"""The plain module has the same outputs as the stand-alone network, in every space."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lmreg.config import catalogue
from lmreg.config.build import choice_of
from lmreg.data.base import InputShape
from lmreg.errors import LmregError
from lmreg.export.code import to_plain_module
from lmreg.network.base import SuperNet, track_statistics
from lmreg.space.base import Space

SHAPE = InputShape(3, 9, 9)


def made(net: nn.Module) -> nn.Module:
    """Return the module that the plain code defines, with its weights."""
    plain = to_plain_module(net, SHAPE)
    module: dict[str, type[nn.Module]] = {}
    exec(plain.source, {"torch": torch, "nn": nn, "aten": torch.ops.aten}, module)
    model = module["Model"]()
    assert all(value.is_contiguous() for value in plain.state.values())  # as safetensors requires
    model.load_state_dict(plain.state)
    return model


@pytest.mark.parametrize("choice", catalogue.choices("space"))
def test_same_logits_one_image_or_many(choice: str) -> None:
    space_class, space_config = choice_of("space", choice, Space)
    space = space_class(space_config)  # type: ignore[call-arg]
    network, config = choice_of("network", choice, SuperNet)
    net = network(config, space, SHAPE, 4)  # type: ignore[call-arg]
    alone = net.standalone(space.sample(np.random.default_rng(3)))
    track_statistics(alone)
    noise = torch.Generator().manual_seed(0)
    alone(torch.randn(16, 3, 9, 9, generator=noise) + 1)  # changes the initial statistics
    model = made(alone)
    for count in (1, 5):
        x = torch.randn(count, 3, 9, 9, generator=noise)
        torch.testing.assert_close(model.eval()(x), alone.eval()(x))
    # Its layers are real layers: in training mode they use the batch's statistics like the original ones.
    x = torch.randn(6, 3, 9, 9, generator=noise)
    assert not torch.allclose(model.train()(x), model.eval()(x), atol=1e-3)


class Gate(nn.Module):
    """Weights channels by their normalised means, as in squeeze-and-excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(3), nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.linear(self.norm(x.mean((2, 3)))).sigmoid()[:, :, None, None]


class OwnKernel(nn.Module):
    """A convolution's kernel and a normalisation's statistics depend on the images."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Linear(3, 9)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.conv2d(x, self.kernel(x[0].mean((1, 2))).view(3, 3, 1, 1))
        return F.batch_norm(y, None, None, training=True)


class Frozen(nn.Module):
    """A part that is never trained and normalises by constants, like a frozen encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 4, 3, bias=False), nn.ConvTranspose2d(4, 3, 3, 2, groups=1)
        self.register_buffer("variance", torch.rand(4) + 1)
        self.conv.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.set_grad_enabled(False):
            scale = (self.variance + 1e-5).rsqrt().reshape(1, -1, 1, 1)
            y = F.relu(self.conv(x) * scale, inplace=True)
        return self.last(y)


class Transposed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.matmul(self.weight.T, x.flatten(2)).masked_fill(x.flatten(2)[:, :1] < 0, -math.inf).exp()


class Sizes(nn.Module):
    """Does arithmetic with the number of images."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, c, h, w = x.shape
        return x.reshape(n * c, h * w).softmax(1).reshape(n, c, h, w)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(9, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x.flatten(1, 2)
        return self.inner(y, y, y, need_weights=False)[0]


@pytest.mark.parametrize("module", [Gate, OwnKernel, Frozen, Transposed, Sizes, Attention])
def test_the_users_own_modules(module: type[nn.Module]) -> None:
    torch.manual_seed(0)
    net = module().eval()
    for parameter in net.parameters():  # including those initialised to zeros or ones
        nn.init.normal_(parameter)
    model = made(net).eval()
    for count in (2, 5):
        x = torch.randn(count, 3, 9, 9)
        torch.testing.assert_close(model(x), net(x))


def test_other_operations_than_torchs_are_refused() -> None:
    class Branch(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cond(x.sum() > 0, lambda y: y + 1, lambda y: y - 1, (x,))

    with pytest.raises(LmregError, match=r"can't be written as plain code: .* isn't an operation of torch's"):
        to_plain_module(Branch(), SHAPE)
