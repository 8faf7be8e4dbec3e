"""Chains of layers in stages, where a layer that does nothing may have any place in its stage."""

from __future__ import annotations

from collections.abc import Sequence

from lmreg.space.base import Graph


def idle_last(choices: Sequence[int], depths: Sequence[int], idle: int) -> tuple[int, ...]:
    """The isomorphic choices in which the layers that do nothing come last in their stages.

    The first layer of each stage changes the shape, so it always does something and stays.

    Args:
        choices: one per layer.
        depths: layers per stage.
        idle: the choice, of a later layer, that does nothing.
    """
    found: list[int] = []
    for depth in depths:
        first, *later = choices[len(found) : len(found) + depth]
        active = [choice for choice in later if choice != idle]
        found += [first, *active, *[idle] * (len(later) - len(active))]
    return tuple(found)


def chain_graph(labels: Sequence[str]) -> Graph:
    """A network whose layers have these labels, from the stem to the head."""
    nodes = ("stem", *(str(layer) for layer in range(1, len(labels))), "head")
    return Graph(nodes, tuple((i, i + 1, label) for i, label in enumerate(labels)), title="network")
