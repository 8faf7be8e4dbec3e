from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.testing.toy import OPERATIONS, Toy, broken

from lmreg.config import catalogue
from lmreg.config.build import choice_of
from lmreg.errors import LmregError
from lmreg.space.base import Arch, Graph, Space
from lmreg.testing import SPACE_CHECKS, Fault, check_space
from lmreg.testing import space as checks


@pytest.fixture(scope="module", params=catalogue.choices("space"))
def every_space(request: pytest.FixtureRequest) -> Space:
    cls, config = choice_of("space", request.param, Space)
    return cls(config)  # type: ignore[call-arg]


@pytest.mark.parametrize("check", SPACE_CHECKS)
def test_every_space_of_the_catalogue(
    every_space: Space, check: checks.SpaceCheck, rng: np.random.Generator
) -> None:
    check(every_space, rng)


def test_a_space_of_ones_own() -> None:
    check_space(Toy())


def wild(choices: tuple[int, ...]) -> Callable[..., Arch]:
    return lambda *_: Arch("toy", choices)


def two_lines(self: Toy, text: str) -> Arch:
    try:
        return Toy.parse(self, text)
    except LmregError:
        raise LmregError("not\nan architecture") from None


def first_only(self: Toy, choices: tuple[int, ...]) -> Arch:
    if len(choices) != 4:
        raise LmregError("not four")
    return Arch("toy", choices)


class Counting:
    """Return a value that changes from call to call."""

    calls = 0

    def __call__(self, *_: Any) -> int:
        Counting.calls += 1
        return Counting.calls


COUNTING = Counting()
NO_GRAPH = Graph(("in", "out"), ((1, 0, "back"),))
NO_INPUT = Graph(("in", "out"), ((0, 1, ""),), inputs=2)


def test_each_check_is_seen_to_fail() -> None:
    """There is a fault for each check in the table below."""
    assert {fault[0] for fault in FAULTS} == set(SPACE_CHECKS)


FAULTS: list[tuple[checks.SpaceCheck, dict[str, Any], str]] = [
    (checks.check_choices, {"arch": first_only}, r"arch\(\(.*3\)\) is not refused"),
    (checks.check_choices, {"targets": (1, 2)}, "2 targets for 4 decisions"),
    (checks.check_sampling, {"sample": wild((0, 1, 2, 3))}, "draws toy-0.1.2.3 only"),
    (
        checks.check_sampling,
        {"sample": lambda self, rng: Arch("toy", (int(rng.integers(9)), 0, 0, 0))},
        "sample gives an invalid architecture",
    ),
    (
        checks.check_sampling,
        {"sample": lambda self, rng: Arch("other", Toy.sample(self, rng).choices)},
        "an architecture of other, not toy",
    ),
    (
        checks.check_sampling,
        {"sample": lambda self, rng: Arch("toy", tuple(rng.integers(3, size=4)))},
        "are not all int",
    ),
    (
        checks.check_sampling,
        {"sample_network": lambda self, rng: self.arch((COUNTING() % 3, 0, 0, 0))},
        "sample_network draws anew",
    ),
    (checks.check_sampling, {"size": 10**7}, "would enumerate 10000000 architectures"),
    (checks.check_enumeration, {"size": 80}, "size is 80, enumerate gives 81"),
    (checks.check_enumeration, {"enumerate": lambda self: [wild((0,) * 4)()] * 81}, "twice"),
    (
        checks.check_enumeration,
        {"size": 1, "enumerate": lambda self: iter([wild((0,) * 4)()])},
        "which enumerate lacks",
    ),
    (
        checks.check_text_form,
        {"format": lambda self, arch: Toy.format(self, arch) + " "},
        "a cell of a table",
    ),
    (
        checks.check_text_form,
        {"parse": lambda self, text: Toy.parse(self, "+".join(sorted(text.split("+"))))},
        "is read as",
    ),
    (checks.check_text_form, {"parse": two_lines}, "several lines"),
    (
        checks.check_text_form,
        {"parse": lambda self, text: Toy.parse(self, text or "none+none+none+none")},
        "'' is not refused",
    ),
    (checks.check_canonical, {"canonical": lambda self, arch: "all"}, "all architectures have the key"),
    (checks.check_canonical, {"canonical": lambda self, arch: str(COUNTING())}, "read from its text"),
    (
        checks.check_canonical,
        {"canonical": lambda self, arch: "+".join(OPERATIONS[-1 - c] for c in arch.choices)},
        "but as an architecture has the key",
    ),
    (checks.check_neighbours, {"neighbours": lambda self, arch: []}, "has no neighbours"),
    (checks.check_neighbours, {"neighbours": lambda self, arch: [arch]}, "its own neighbour"),
    (
        checks.check_neighbours,
        {"neighbours": lambda self, arch: 2 * Toy.neighbours(self, arch)},
        "is there twice",
    ),
    (
        checks.check_neighbours,
        {"neighbours": lambda self, arch: [Arch("toy", (*arch.choices[:-1], 3))]},
        "gives an invalid architecture",
    ),
    (checks.check_mutation, {"mutate": lambda self, arch, rng: self.sample(rng)}, "is no neighbour"),
    (checks.check_mutation, {"mutate": lambda self, arch, rng: arch}, "is no neighbour"),
    (
        checks.check_mutation,
        {
            "canonical": lambda self, arch: OPERATIONS[arch.choices[0]],
            "mutate": lambda self, arch, rng: self.neighbours(arch)[-1],
        },
        "is the same network",
    ),
    (checks.check_encoding, {"encode": lambda self, arch: np.ones(4, np.float32)}, "the same code"),
    (checks.check_encoding, {"encode": lambda self, arch: np.array(arch.choices)}, "not float32"),
    (
        checks.check_encoding,
        {"encode": lambda self, arch: np.array([COUNTING()], np.float32)},
        "differently each time",
    ),
    (
        checks.check_encoding,
        {"encode": lambda self, arch: np.full(4, np.nan, np.float32)},
        "isn't finite",
    ),
    (checks.check_distance, {"distance": lambda self, a, b: a.choices[0] - b.choices[0]}, "back"),
    (checks.check_distance, {"distance": lambda self, a, b: 1}, "to itself"),
    (checks.check_distance, {"distance": lambda self, a, b: 0}, "have the distance 0, not 1 to 4"),
    (checks.check_distance, {"distance": lambda self, a, b: 5 * (a != b)}, "have the distance 5"),
    (checks.check_graphs, {"graphs": lambda self, arch: (NO_GRAPH,)}, "'back' leads from 1 to 0"),
    (checks.check_graphs, {"graphs": lambda self, arch: (NO_INPUT,)}, "2 inputs"),
]


@pytest.mark.parametrize(
    ("check", "members", "fault"), FAULTS, ids=[f"{c.__name__}-{f[:20]}" for c, _, f in FAULTS]
)
def test_a_broken_space_is_found_out(
    check: checks.SpaceCheck, members: dict[str, Any], fault: str, rng: np.random.Generator
) -> None:
    with pytest.raises(Fault, match=fault):
        check(broken(Toy, **members)(), rng)


def test_all_checks_are_run() -> None:
    with pytest.raises(Fault, match="2 inputs"):  # the last of them
        check_space(broken(Toy, graphs=lambda self, arch: (NO_INPUT,))())
