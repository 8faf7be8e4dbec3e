"""Isomorphic architectures that are too rare for `check_keys`, checked numerically."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from lmreg.config.build import choice_of
from lmreg.data.base import InputShape
from lmreg.network.base import SuperNet
from lmreg.space.base import Space
from lmreg.testing.function import _alike, _Fingerprint

CONV3, CONV1, POOL = "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"


def genotype(*nodes: str) -> str:
    """Return the genotype of cells whose nodes read like ``"skip_connect0 sep_conv_3x3_1"``."""
    edges = [(edge[:-1].rstrip("_"), int(edge[-1])) for node in nodes for edge in node.split()]
    joined = list(range(2, 2 + len(nodes)))
    return f"Genotype(normal={edges}, normal_concat={joined}, reduce={edges}, reduce_concat={joined})"


def matrix(edges: str, *operations: str) -> str:
    count, pairs = len(operations) + 2, set(edges.split())
    digits = "".join(str(int(f"{a}{b}" in pairs)) for a in range(count) for b in range(count))
    return "|".join((digits, "input", *operations, "output"))


SAME_NODE = ("skip_connect0 skip_connect1",) * 2
DECODER = "|skip_connect~p|none~f|+|none~p|none~f|skip_connect~0|/"

GROUPS = [
    # Twice a pool is the pool to a normalised convolution; two vertices may share one or have one each.
    (
        "nasbench101",
        [matrix("01 12 23 34", CONV3, POOL, CONV3), matrix("01 12 13 24 34 45", CONV3, POOL, POOL, CONV3)],
        [matrix("01 12 13 24 34 45", CONV3, CONV1, CONV1, CONV3)],
    ),
    (
        "nasbench101",
        [
            matrix("01 12 23 24 35 45", CONV3, POOL, CONV3, CONV1),
            matrix("01 12 13 24 35 46 56", CONV3, POOL, POOL, CONV3, CONV1),
        ],
        [matrix("01 12 13 24 35 46 56", CONV3, CONV1, CONV1, CONV3, CONV1)],
    ),
    # Of two nodes that are the same either may be read.
    (
        "darts",
        [
            genotype(*SAME_NODE, f"max_pool_3x3{a} sep_conv_3x3_1", "sep_conv_5x5_0 sep_conv_5x5_1")
            for a in (2, 3)
        ],
        [genotype(*SAME_NODE, "max_pool_3x3_0 sep_conv_3x3_1", "sep_conv_5x5_0 sep_conv_5x5_1")],
    ),
    # Nothing through a convolution is nothing, and so is what skip connections double.
    (
        "nds",
        [
            genotype("none0 none1", "sep_conv_3x3_2 sep_conv_5x5_0", "skip_connect0 skip_connect1", last)
            for last in ("sep_conv_3x3_0 none1", "none3 sep_conv_3x3_0", "max_pool_3x3_2 sep_conv_3x3_0")
        ],
        [
            genotype(
                "none0 none1",
                "sep_conv_3x3_2 sep_conv_5x5_0",
                "skip_connect0 skip_connect1",
                "skip_connect4 sep_conv_3x3_0",
            )
        ],
    ),
    # The first block has two inputs of one kind, and pools of sums are sums of pools.
    (
        "depth_decoder",
        [
            f"|skip_connect~p|nor_conv_3x3~f|+|none~p|none~f|avg_pool_3x3~0|/{DECODER * 3}"[:-1],
            f"|none~p|nor_conv_3x3~f|+|avg_pool_3x3~p|none~f|avg_pool_3x3~0|/{DECODER * 3}"[:-1],
            f"|nor_conv_3x3~p|none~f|+|none~p|avg_pool_3x3~f|avg_pool_3x3~0|/{DECODER * 3}"[:-1],
        ],
        [f"|skip_connect~p|nor_conv_3x3~f|+|none~p|none~f|nor_conv_3x3~0|/{DECODER * 3}"[:-1]],
    ),
]


@pytest.mark.parametrize(("name", "same", "others"), GROUPS, ids=[name for name, *_ in GROUPS])
def test_rare_twins_are_one_function_and_have_one_key(name: str, same: list[str], others: list[str]) -> None:
    cls, config = choice_of("space", name, Space)
    space = cls(config)  # type: ignore[call-arg]
    network, options = choice_of("network", name, SuperNet)
    if name == "nasbench101":
        options.channels = 24
    torch.manual_seed(0)
    side = 32 if name == "depth_decoder" else 8
    shape = InputShape(1, side, side)
    function = _Fingerprint(network(options, space, shape, 3), shape, np.random.default_rng(0))
    twins, apart = ([space.parse(text) for text in texts] for texts in (same, others))
    for one, other in itertools.pairwise(twins):
        assert space.canonical(one) == space.canonical(other)
        assert _alike(function(one), function(other))
    for arch in apart:
        assert space.canonical(arch) != space.canonical(twins[0])
        assert not _alike(function(arch), function(twins[0]))
