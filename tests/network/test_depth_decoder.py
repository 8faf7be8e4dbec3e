from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from lmreg.data.base import InputShape
from lmreg.errors import LmregError
from lmreg.network.base import count_params
from lmreg.network.depth_decoder import Config, DepthDecoderNetwork
from lmreg.space.depth_decoder import UPSAMPLINGS, DepthDecoder
from lmreg.space.depth_decoder import Config as SpaceConfig
from lmreg.testing import check_network
from lmreg.train.optimise import TrainerConfig, make_optimizer

SHAPE = InputShape(3, 22, 19)  # sizes that halve with a remainder


def made(config: Config | None = None, **options: object) -> tuple[DepthDecoderNetwork, DepthDecoder]:
    torch.manual_seed(0)
    space = DepthDecoder(SpaceConfig(**options))  # type: ignore[arg-type]
    small = Config(channels=4, widths=[4, 4, 6, 6])
    return DepthDecoderNetwork(config or small, space, SHAPE, 2), space


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"nodes": 3}, marks=pytest.mark.slow),
        {"nodes": 1, "shared": True, "upsampling": list(UPSAMPLINGS)},
        {"upsampling": ["transposed"]},
    ],
)
def test_every_variant_conforms(options: dict[str, object]) -> None:
    net, space = made(**options)
    check_network(net, space, SHAPE)


def test_maps_have_the_size_of_the_images_and_see_all_levels() -> None:
    net, space = made()
    x = torch.randn(2, 3, 22, 19, requires_grad=True)
    arch = space.sample(np.random.default_rng(0))
    out = net(x, arch)
    assert out.shape == (2, 2, 22, 19)
    whole = space.arch((3,) * len(space.options))
    (gradient,) = torch.autograd.grad(net(x, whole)[0, 0, 11, 9], x)
    assert (gradient[0].abs().sum(0) > 0).float().mean() > 0.9  # the deepest level sees nearly everything
    assert len(net.projections) == 5


def test_a_block_that_ignores_what_is_below_makes_it_useless() -> None:
    net, space = made()
    fresh = "|none~p|none~f|+|none~p|nor_conv_3x3~f|none~0|"
    other = "|none~p|none~f|+|nor_conv_1x1~p|skip_connect~f|none~0|"
    x = torch.randn(2, 3, 22, 19)
    pair = [space.parse("/".join([block, other, fresh, other])) for block in (fresh, other)]
    assert space.canonical(pair[0]) == space.canonical(pair[1])
    torch.testing.assert_close(net(x, pair[0]), net(x, pair[1]))


def test_shared_cells_have_weights_of_their_own_in_each_block() -> None:
    net, space = made(shared=True)
    one, _ = made()
    assert count_params(net) == count_params(one)
    assert len(space.options) == 5


def test_the_encoder_may_learn_at_another_rate() -> None:
    net, _ = made(Config(channels=4, widths=[4, 4, 6, 6], encoder_lr=0.1))
    optimizer = make_optimizer(TrainerConfig(), net)
    encoder = {id(p) for p in net.encoder.parameters()}
    groups = {group.get("factor", 1): {id(p) for p in group["params"]} for group in optimizer.param_groups}
    assert groups == {0.1: encoder, 1: {id(p) for p in net.parameters()} - encoder}
    plain, _ = made()
    (group,) = make_optimizer(TrainerConfig(), plain).param_groups
    assert len(group["params"]) == len(list(plain.parameters()))
    assert "factor" not in group


def test_frozen_weights_are_not_decayed() -> None:
    net, _ = made()
    net.encoder.requires_grad_(False)
    before = {name: p.clone() for name, p in net.named_parameters()}
    make_optimizer(TrainerConfig(weight_decay=0.1), net).step()
    for name, p in net.named_parameters():
        decayed = not torch.equal(p, before[name])
        assert decayed == (not name.startswith("encoder.") and bool(p.any())), name


@pytest.mark.parametrize("widths", [[8, 8, 8], [8, 8, 8, 0]])
def test_wrong_widths_are_refused(widths: list[int]) -> None:
    with pytest.raises(ValueError, match="widths="):
        Config(widths=widths)


@pytest.mark.parametrize("option", [{"encoder_weights": "file"}, {"encoder_frozen": True}])
def test_options_of_the_other_encoder_are_refused(option: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="of encoder=timm"):
        Config(**option)  # type: ignore[arg-type]


def test_a_missing_library_is_told_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(
        LmregError, match=r"needs the package timm; install it with: pip install 'lmreg\[depth\]'"
    ):
        made(Config(encoder="timm"))


@pytest.mark.parametrize("frozen", [False, True])
def test_features_of_timm_with_weights_from_disk(frozen: bool, tmp_path: pytest.TempPathFactory) -> None:
    timm = pytest.importorskip("timm", exc_type=Exception)
    model = timm.create_model("resnet18")
    path = f"{tmp_path}/weights.pth"
    torch.save(model.state_dict(), path)
    config = Config(channels=4, encoder="timm", encoder_weights=path, encoder_frozen=frozen)
    net, space = made(config)
    first = dict(net.encoder.named_parameters())["model.conv1.weight"]
    assert torch.equal(first, model.state_dict()["conv1.weight"])
    check_network(net, space, SHAPE)
    # Reading the weights draws nothing: what is drawn after the encoder is that of one without weights.
    fresh, _ = made(Config(channels=4, encoder="timm", encoder_frozen=frozen))
    torch.testing.assert_close(fresh.projections.state_dict(), net.projections.state_dict(), rtol=0, atol=0)
    net.train()
    make_optimizer(TrainerConfig(), net).step()
    assert torch.equal(first, model.state_dict()["conv1.weight"]) == frozen
    norms = [m for m in net.encoder.modules() if isinstance(m, nn.BatchNorm2d)]
    assert bool(norms) != frozen
    assert all(norm.running_mean is None for norm in norms)
    with pytest.raises(LmregError, match="encoder_name=resnet: timm has no such model; there are"):
        made(Config(encoder="timm", encoder_name="resnet"))
    with pytest.raises(LmregError, match="there is no such file"):
        made(Config(encoder="timm", encoder_weights=f"{tmp_path}/none.pth"))
