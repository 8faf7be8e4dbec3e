"""Finding isomorphic architectures in a long list."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from lmreg.space.base import Arch, Space


class IsomorphismIndex:
    """An index of a list of architectures by isomorphism class.

    The canonical key is computed only for architectures that share their `Space.coarse_key` with another: for
    half of NAS-Bench-101, 212,000 canonical keys would take a minute, and the coarse keys take seconds.
    """

    def __init__(self, space: Space, archs: Iterable[Arch]):
        self._space, self._archs = space, list(archs)
        self._by_coarse_key: dict[Hashable, list[int]] = {}
        for position, arch in enumerate(self._archs):
            self._by_coarse_key.setdefault(space.coarse_key(arch), []).append(position)
        self._keyed: dict[Hashable, dict[str, list[int]]] = {}

    def isomorphic_to(self, arch: Arch) -> list[int]:
        """Return the positions in the list, ascending, of architectures that are isomorphic to ``arch``."""
        coarse = self._space.coarse_key(arch)
        if coarse not in self._by_coarse_key:
            return []
        return self._by_canonical_key(coarse).get(self._space.canonical(arch), [])

    def duplicates(self) -> Iterator[list[int]]:
        """Yield, for every class with several members in the list, their positions, ascending."""
        for coarse, positions in self._by_coarse_key.items():
            if len(positions) > 1:
                yield from (same for same in self._by_canonical_key(coarse).values() if len(same) > 1)

    def _by_canonical_key(self, coarse: Hashable) -> dict[str, list[int]]:
        """Return the positions of architectures with this coarse key by canonical key."""
        if coarse not in self._keyed:
            keys: dict[str, list[int]] = {}
            for position in self._by_coarse_key[coarse]:
                keys.setdefault(self._space.canonical(self._archs[position]), []).append(position)
            self._keyed[coarse] = keys
        return self._keyed[coarse]
