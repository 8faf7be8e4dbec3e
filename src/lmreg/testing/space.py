"""Checks of the interface of search spaces, see `lmreg.space.base.Space`, without torch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from lmreg.errors import LmregError
from lmreg.report.graph_layout import lay_out
from lmreg.space.base import Arch, Space
from lmreg.testing.fault import require

SpaceCheck = Callable[[Space, np.random.Generator], None]

SAMPLES = 20
"""Architectures that each check uses."""
ENUMERABLE = 20_000
"""Largest space that is enumerated completely."""
LARGE = 1_000_000
"""Largest space that may be enumerated for one draw."""


def check_space(space: Space, seed: int = 0) -> None:
    """Run all `SPACE_CHECKS`, each with a generator from ``seed``; the first that fails raises `Fault`."""
    for check in SPACE_CHECKS:
        check(space, np.random.default_rng(seed))


def check_choices(space: Space, rng: np.random.Generator) -> None:
    """Check that `arch` accepts choices within the options and refuses others."""
    require(all(len(set(o)) == len(o) > 0 for o in space.options), "a decision has no options, or one twice")
    require(
        len(space.targets) in (0, len(space.options)),
        f"{len(space.targets)} targets for {len(space.options)} decisions",
    )
    choices = space.sample(rng).choices
    for wrong in (choices[:-1], (*choices, 0), (*choices[:-1], len(space.options[-1])), (-1, *choices[1:])):
        require(_refused(space.arch, wrong), f"arch({wrong}) is not refused")


def check_sampling(space: Space, rng: np.random.Generator) -> None:
    """Check that draws are valid architectures, reproducible from the generator, and not all equal."""
    own = type(space).sample_network is not Space.sample_network
    require(own or space.size <= LARGE, f"sample_network would enumerate {space.size} architectures")
    for name, sample in {"sample": space.sample, "sample_network": space.sample_network}.items():
        seed = int(rng.integers(2**32))
        one, other = ([sample(g) for _ in range(SAMPLES)] for g in map(np.random.default_rng, (seed, seed)))
        require(one == other, f"{name} draws anew from the same generator")
        require(len(set(one)) > 1, f"{name} draws {one[0].id} only")
        for arch in one:
            _require_valid(space, arch, name)


def check_enumeration(space: Space, rng: np.random.Generator) -> None:
    """Check that `enumerate` yields `size` valid, distinct architectures, including all that are drawn."""
    listed = list(itertools.islice(space.enumerate(), ENUMERABLE + 1))
    require(len(set(listed)) == len(listed), "enumerate gives an architecture twice")
    for index in rng.integers(len(listed), size=SAMPLES):
        _require_valid(space, listed[index], "enumerate")
    if len(listed) <= ENUMERABLE:
        require(len(listed) == space.size, f"size is {space.size}, enumerate gives {len(listed)}")
        for arch in _samples(space, rng):
            require(arch in set(listed), f"sample draws {arch.id}, which enumerate lacks")
    else:
        require(space.size > ENUMERABLE, f"size is {space.size}, enumerate gives more")


def check_text_form(space: Space, rng: np.random.Generator) -> None:
    """Check that `parse` inverts `format` and refuses other text in one line."""
    archs = set(_samples(space, rng))
    texts = {arch: space.format(arch) for arch in archs}
    for arch, text in texts.items():
        require(text == text.strip() != "" and "\n" not in text, f"{text!r} can't be a cell of a table")
        require(space.parse(text) == arch, f"{text} is read as {space.parse(text).id}, not as {arch.id}")
    require(len(set(texts.values())) == len(archs), "two architectures have one text form")
    for wrong in ("", "no architecture"):
        require(_refused(space.parse, wrong), f"{wrong!r} is not refused")


def check_canonical(space: Space, rng: np.random.Generator) -> None:
    """Check that keys depend only on the architecture and aren't all equal.

    A key that is a text form must be its own key, and architectures with one key must share the coarse key.
    """
    archs = _samples(space, rng)
    keys = [space.canonical(arch) for arch in archs]
    require(len(set(keys)) > 1, f"all architectures have the key {keys[0]!r}")
    for arch, key in zip(archs, keys, strict=True):
        again = space.canonical(space.parse(space.format(arch)))
        require(again == key, f"{arch.id} has the key {key!r} at first and {again!r} read from its text")
        try:
            other = space.parse(key)
        except LmregError:
            continue  # a hash, say
        require(
            space.canonical(other) == key,
            f"{key!r} is the key of {arch.id}, but as an architecture has the key {space.canonical(other)!r}",
        )
    coarse: dict[str, tuple[Arch, Hashable]] = {}
    near = [other for arch in archs[:5] for other in space.neighbours(arch)]
    for member in [*archs, *near]:
        first, expected = coarse.setdefault(space.canonical(member), (member, space.coarse_key(member)))
        require(
            space.coarse_key(member) == expected,
            f"{member.id} and {first.id} share a key, but not the coarse key",
        )


def check_neighbours(space: Space, rng: np.random.Generator) -> None:
    """Check that neighbours are valid, distinct, and not the architecture itself."""
    for arch in _samples(space, rng):
        near = space.neighbours(arch)
        require(len(near) > 0, f"{arch.id} has no neighbours")
        require(arch not in near, f"{arch.id} is its own neighbour")
        require(len(set(near)) == len(near), f"a neighbour of {arch.id} is there twice")
        for other in near:
            _require_valid(space, other, f"neighbours({arch.id})")


def check_mutation(space: Space, rng: np.random.Generator) -> None:
    """Check that a mutant is a neighbour that isn't isomorphic to the original."""
    for arch in _samples(space, rng):
        mutant = space.mutate(arch, rng)
        require(mutant in space.neighbours(arch), f"{mutant.id}, mutated from {arch.id}, is no neighbour")
        require(
            space.canonical(mutant) != space.canonical(arch),
            f"{arch.id} mutates to {mutant.id}, which is the same network",
        )


def check_encoding(space: Space, rng: np.random.Generator) -> None:
    """Check that encodings are finite float32 vectors of one length and not all equal."""
    archs = _samples(space, rng)
    codes = [space.encode(arch) for arch in archs]
    for arch, code in zip(archs, codes, strict=True):
        require(
            code.dtype == np.float32 and code.ndim == 1 and code.shape == codes[0].shape,
            f"the code of {arch.id} is {code.dtype} {list(code.shape)}, not float32 {[codes[0].size]}",
        )
        require(bool(np.isfinite(code).all()), f"the code of {arch.id} isn't finite")
        require(bool((space.encode(arch) == code).all()), f"{arch.id} is encoded differently each time")
    require(bool((np.stack(codes) != codes[0]).any()), "all architectures have the same code")


def check_distance(space: Space, rng: np.random.Generator) -> None:
    """Check that distances are symmetric, 0 to itself, and 1 to the number of decisions to other networks."""
    archs = _samples(space, rng)
    for a, b in itertools.pairwise(archs):
        there, back = space.distance(a, b), space.distance(b, a)
        require(there == back, f"from {a.id} to {b.id} it is {there}, back {back}")
        require(space.distance(a, a) == 0, f"{a.id} has the distance {space.distance(a, a)} to itself")
        least = int(space.canonical(a) != space.canonical(b))
        require(
            least <= there <= len(space.options),
            f"{a.id} and {b.id} have the distance {there}, not {least} to {len(space.options)}",
        )


def check_graphs(space: Space, rng: np.random.Generator) -> None:
    """Check that graphs, if there are any, can be drawn."""
    for arch in _samples(space, rng):
        for graph in space.graphs(arch):
            last = len(graph.nodes) - 1
            for start, end, label in graph.edges:
                require(
                    0 <= start < end <= last,
                    f"graph {graph.title!r} of {arch.id}: edge {label!r} leads from {start} to {end}",
                )
            require(0 < graph.inputs <= last, f"graph {graph.title!r} of {arch.id}: {graph.inputs} inputs")
            drawing = lay_out(graph)
            require(
                len(drawing.nodes) == len(graph.nodes) and len(drawing.edges) == len(graph.edges),
                f"graph {graph.title!r} of {arch.id} is not drawn as a whole",
            )


SPACE_CHECKS: tuple[SpaceCheck, ...] = (
    *(check_choices, check_sampling, check_enumeration, check_text_form, check_canonical),
    *(check_neighbours, check_mutation, check_encoding, check_distance, check_graphs),
)


def _samples(space: Space, rng: np.random.Generator) -> list[Arch]:
    return [space.sample(rng) for _ in range(SAMPLES)]


def _require_valid(space: Space, arch: Arch, source: str) -> None:
    require(arch.space == space.name, f"{source} gives an architecture of {arch.space}, not {space.name}")
    try:
        same = space.arch(arch.choices) == arch
    except LmregError as error:
        require(False, f"{source} gives an invalid architecture: {error}")
    require(same, f"{source} gives {arch.id}, which is not what its choices make")
    require(all(type(choice) is int for choice in arch.choices), f"{source}: {arch.choices} are not all int")


def _refused(read: Callable[[Any], Arch], wrong: object) -> bool:
    try:
        read(wrong)
    except LmregError as error:
        require("\n" not in str(error), f"the message has several lines: {error}")
        return True
    return False
