from __future__ import annotations

import numpy as np
import pytest

from lmreg.config.build import classes_of, schema_of
from lmreg.config.catalogue import choices
from lmreg.predictor.encoding import encodings, paths
from lmreg.space.base import Graph, Space
from lmreg.space.nasbench201 import NASBench201


def test_paths_are_operations_from_an_input_to_the_output() -> None:
    cell = Graph(
        ("input", "1", "2", "output"),
        ((0, 1, "conv"), (1, 2, "pool"), (0, 2, "skip_connect"), (2, 3, "conv"), (0, 3, "pool")),
    )
    assert sorted(paths(cell)) == [("conv",), ("conv", "pool", "conv"), ("pool",)]


def test_operations_may_be_on_the_nodes() -> None:
    cell = Graph(
        ("input", "conv3x3-bn-relu", "maxpool3x3", "output"), ((0, 1, ""), (1, 3, ""), (0, 2, ""), (2, 3, ""))
    )
    assert sorted(paths(cell)) == [("conv3x3-bn-relu",), ("maxpool3x3",)]


def test_what_reaches_nothing_is_on_no_path() -> None:
    cell = Graph(("input", "1", "2", "output"), ((0, 1, "conv"), (0, 3, "pool"), (1, 2, "pool")))
    assert paths(cell) == [("pool",)]
    assert paths(Graph(("input", "1", "output"), ((0, 1, "conv"),))) == []


def test_inputs_are_told_apart() -> None:
    cell = Graph(("a", "b", "1", "output"), ((0, 2, "conv"), (1, 2, "conv"), (2, 3, "")), inputs=2)
    assert sorted(paths(cell)) == [("0", "conv"), ("1", "conv")]


def test_the_numbering_of_nodes_does_not_matter() -> None:
    cell = ("input", "conv", "pool", "output"), ((0, 1, ""), (0, 2, ""), (1, 3, ""), (2, 3, ""))
    swapped = ("input", "pool", "conv", "output"), cell[1]
    assert sorted(paths(Graph(*cell))) == sorted(paths(Graph(*swapped)))


def test_values_are_roots_of_how_often_a_path_occurs() -> None:
    space = NASBench201()
    arch = space.parse(
        "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|nor_conv_3x3~0|skip_connect~1|skip_connect~2|"
    )  # 3x3, 3x3 twice (over node 1 and by node 2), 3x3 by the edge to the output
    other = space.parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    one_hot, counts = encodings(space, [arch, other])
    assert one_hot.shape == (2, 30)
    assert sorted(counts[0]) == pytest.approx([1, np.sqrt(2)])
    assert not counts[1].any()


@pytest.mark.parametrize("name", [name for name in choices("space") if name != "custom"])
def test_every_space_has_them(name: str, rng: np.random.Generator) -> None:
    cls = classes_of("space", Space)[name]  # type: ignore[type-abstract]
    space = cls(schema_of(cls)())  # type: ignore[call-arg]
    views = encodings(space, [space.sample(rng) for _ in range(5)])
    assert all(np.isfinite(view).all() and len(view) == 5 for view in views)
