from __future__ import annotations

import functools

import pytest

from lmreg.config.build import typed
from lmreg.data.base import InputShape
from lmreg.errors import LmregError
from lmreg.network import nasbench101
from lmreg.network.base import count_macs, count_params
from lmreg.network.nasbench201 import NASBench201Network
from lmreg.space.base import Arch
from lmreg.space.nasbench101 import NASBench101
from lmreg.space.nasbench201 import NASBench201
from lmreg.strategy.limits import Cost, Limits


@pytest.fixture
def cost(net: NASBench201Network) -> Cost:
    @functools.cache
    def measure(arch: Arch) -> dict[str, int]:
        alone = net.standalone(arch)
        return {"params": count_params(alone), "macs": count_macs(alone, InputShape(1, 8, 8))}

    return measure


def test_excess_adds_up_the_shares() -> None:
    limits = Limits(max_params=100, min_params=50, max_macs=1000)
    assert limits.excess({"params": 100, "macs": 1000}) == 0
    assert limits.excess({"params": 50, "macs": 1}) == 0
    assert limits.excess({"params": 150, "macs": 1200}) == pytest.approx(0.5 + 0.2)
    assert limits.excess({"params": 40, "macs": 1200}) == pytest.approx(0.2 + 0.2)
    assert Limits().excess({"params": 10**9, "macs": 10**12}) == 0


def test_an_example_is_found_where_few_architectures_are_admissible(space: NASBench201, cost: Cost) -> None:
    largest, smallest = (cost(space.arch((option,) * 6)) for option in (3, 0))
    for limits in (
        Limits(max_params=smallest["params"]),
        Limits(max_macs=smallest["macs"]),
        Limits(min_params=largest["params"]),
        Limits(max_params=largest["params"] - 1, min_params=largest["params"] - 3000),
    ):
        assert limits.excess(cost(limits.example(space, cost))) == 0


def test_an_example_in_a_space_with_invalid_choices() -> None:
    space = NASBench101()
    skeleton = nasbench101.NASBench101Network(
        nasbench101.Config(channels=4),
        space,
        InputShape(1, 8, 8),
        outputs=3,
        only=space.arch((0,) * 15 + (1,) + (0,) * 10),
    )

    def cost(arch: Arch) -> dict[str, int]:
        return {"params": count_params(skeleton.standalone(arch)), "macs": 0}

    smallest = count_params(skeleton)
    largest = 2 * smallest
    for limits in (Limits(max_params=smallest * 5 // 4), Limits(min_params=largest)):
        assert limits.excess(cost(limits.example(space, cost))) == 0


def test_impossible_limits_are_refused_with_the_closest_architecture(space: NASBench201, cost: Cost) -> None:
    smallest = cost(space.arch((0,) * 6))
    with pytest.raises(LmregError, match="no architecture of nasbench201") as error:
        Limits(max_params=smallest["params"] - 1).example(space, cost)
    assert f"strategy.max_params={smallest['params'] - 1};" in str(error.value)
    assert f"has {smallest['params']:,} parameters" in str(error.value)
    assert "\n" not in str(error.value)


def test_limits_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(LmregError, match="strategy: max_params=1 is below min_params=2"):
        typed({"max_params": 1, "min_params": 2}, Limits, "strategy")
