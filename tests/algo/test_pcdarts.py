from __future__ import annotations

import math

import pytest
import torch
from tests.train.test_training import make

from lmreg.algo.pcdarts import PCDARTS, Config
from lmreg.errors import LmregError
from lmreg.reg.none import NoRegulariser
from lmreg.space.nasbench201 import NASBench201


def test_edges_into_a_node_share_a_weight_of_1() -> None:
    training = make(NoRegulariser(), algo=PCDARTS(Config(partial=2)))
    ctx, algo = training.ctx, training.algo
    assert isinstance(algo, PCDARTS)
    start = algo.mixture(ctx).edges
    assert start is not None
    torch.testing.assert_close(start, torch.tensor([1, 1 / 2, 1 / 2, 1 / 3, 1 / 3, 1 / 3]))
    with torch.no_grad():
        algo._parameters["edges"][5] += math.log(2)  # from the third node to the fourth
    leaning = algo.mixture(ctx).edges
    torch.testing.assert_close(leaning, torch.tensor([1, 1 / 2, 1 / 2, 1 / 4, 1 / 4, 1 / 2]))


def test_its_super_net_has_partial_channels_and_edges_learn() -> None:
    training = make(NoRegulariser(), algo=PCDARTS(Config(partial=2, alpha_warmup=0.0)))
    assert training.ctx.net.body[0].edges[0]["nor_conv_3x3"][1].weight.shape == (2, 2, 3, 3)  # type: ignore
    training.run()
    edges = training.algo.state_dict()["edges"]
    assert edges[0] == 0  # alone before its node, so there is nothing to learn
    assert (edges[1:] != 0).all()


def test_spaces_without_edges_are_refused() -> None:
    space = NASBench201()
    space.targets = ()
    with pytest.raises(LmregError, match="decisions on edges"):
        PCDARTS().check(space)
