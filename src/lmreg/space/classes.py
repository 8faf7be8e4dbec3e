"""Finding isomorphic architectures in a long list without the key of each."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from lmreg.space.base import Arch, Space


class Classes:
    """A list of architectures by isomorphism class.

    A key is only made of those that share a `Space.sketch` with another: all 212,000 keys of half of
    NAS-Bench-101 would take a minute, the sketches take seconds.
    """

    def __init__(self, space: Space, archs: Iterable[Arch]):
        self._space, self._archs = space, list(archs)
        self._by_sketch: dict[Hashable, list[int]] = {}
        for place, arch in enumerate(self._archs):
            self._by_sketch.setdefault(space.sketch(arch), []).append(place)
        self._keyed: dict[Hashable, dict[str, list[int]]] = {}

    def like(self, arch: Arch) -> list[int]:
        """The places in the list of those that are isomorphic to ``arch``, ascending."""
        sketch = self._space.sketch(arch)
        if sketch not in self._by_sketch:
            return []
        return self._keys_of(sketch).get(self._space.canonical(arch), [])

    def repeated(self) -> Iterator[list[int]]:
        """The places of every class that is there more than once, each ascending."""
        for sketch, places in self._by_sketch.items():
            if len(places) > 1:
                yield from (some for some in self._keys_of(sketch).values() if len(some) > 1)

    def _keys_of(self, sketch: Hashable) -> dict[str, list[int]]:
        """The places of one sketch by key."""
        if sketch not in self._keyed:
            keys: dict[str, list[int]] = {}
            for place in self._by_sketch[sketch]:
                keys.setdefault(self._space.canonical(self._archs[place]), []).append(place)
            self._keyed[sketch] = keys
        return self._keyed[sketch]
