"""Drawing architectures of which no two are isomorphic."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lmreg.errors import LmregError
from lmreg.space.base import Arch, Space

_PATIENCE = 10_000


def draw_distinct(
    space: Space, draw: Callable[[], Arch], count: int, taken: Iterable[Arch] = ()
) -> list[Arch]:
    """The first ``count`` draws that are isomorphic neither to each other nor to one of ``taken``.

    Raises:
        LmregError: after 10,000 draws in a row without a new class, so none is likely to be left.
    """
    seen = {space.canonical(arch) for arch in taken}
    found: list[Arch] = []
    misses = 0
    while len(found) < count:
        arch = draw()
        key = space.canonical(arch)
        misses = misses + 1 if key in seen else 0
        if misses > _PATIENCE:
            raise LmregError(
                f"can't find {count} architectures of {space.name} that differ up to isomorphism "
                f"from each other and from {len(seen) - len(found)} others: only {len(found)} were left"
            )
        if key not in seen:
            seen.add(key)
            found.append(arch)
    return found
