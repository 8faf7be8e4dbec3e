"""Drawing architectures of which no two are isomorphic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lmreg.errors import LmregError
from lmreg.space.base import Arch, Space

_PATIENCE = 10_000


def draw_distinct_up_to(
    space: Space,
    draw: Callable[[], Arch],
    count: int,
    taken: Iterable[Arch] = (),
    accept: Callable[[Arch, Sequence[Arch]], bool] = lambda arch, found: True,
    patience: int = _PATIENCE,
) -> list[Arch]:
    """Return the first ``count`` draws that are isomorphic neither to each other nor to one of ``taken``.

    Fewer are returned if more than ``patience`` draws in a row fail. ``accept`` tells whether a draw may be
    added to those found so far.
    """
    seen = {space.canonical(arch) for arch in taken}
    found: list[Arch] = []
    misses = 0
    while len(found) < count and misses <= patience:
        arch = draw()
        key = space.canonical(arch)
        if key in seen or not accept(arch, found):
            misses += 1
            continue
        misses = 0
        seen.add(key)
        found.append(arch)
    return found


def draw_distinct(
    space: Space, draw: Callable[[], Arch], count: int, taken: Iterable[Arch] = ()
) -> list[Arch]:
    """Return ``count`` architectures as `draw_distinct_up_to` does; LmregError if it finds fewer."""
    taken = list(taken)
    found = draw_distinct_up_to(space, draw, count, taken)
    if len(found) < count:
        others = len({space.canonical(arch) for arch in taken})
        raise LmregError(
            f"can't find {count} architectures of {space.name} that are other functions than each other "
            f"and {others} others: only {len(found)} were left"
        )
    return found
