"""Decoders for dense prediction: fusion blocks that are cells with NAS-Bench-201's operations.

Source: Yu, Ranftl & Salzmann, "Landmark Regularization", CVPR 2021, section 4.3 (monocular depth): the
fusion blocks of MiDaS's decoder (Ranftl et al., TPAMI 2020) become cells.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.space.base import Arch, Graph, Space
from lmreg.space.nasbench201 import OPERATIONS, apply_operation
from lmreg.space.symbolic import Sum, SymbolicCell, add

BLOCKS = 4
INPUTS = ("p", "f")
"""A cell's inputs: the previous block's output and the encoder's feature of the block's level. The first
block has two projections of the deepest feature instead."""
UPSAMPLINGS = ("bilinear", "nearest", "transposed", "shuffle")
"""Ways to double a block's resolution: interpolation, a transposed convolution, or a pixel shuffle."""
NONE = OPERATIONS.index("none")
_DRAWS = 1000  # attempts of rejection sampling; nearly all cells are valid


@dataclass
class Config:
    name: str = "depth_decoder"
    nodes: int = option(
        2, min=1, max=3, help="n, nodes of a cell besides its two inputs; the last is its output"
    )
    shared: bool = option(
        False, help="one cell for all four blocks (with weights for each) instead of four cells"
    )
    upsampling: list[str] = option(
        ["bilinear"],
        help="what doubles a block's resolution; several of bilinear, nearest, transposed, shuffle make it a "
        "decision of each block",
    )

    def __post_init__(self) -> None:
        if not self.upsampling or len(set(self.upsampling)) < len(self.upsampling):
            raise ValueError(f"upsampling={self.upsampling}: give at least one, none twice")
        if wrong := sorted(set(self.upsampling) - set(UPSAMPLINGS)):
            raise ValueError(f"upsampling={wrong[0]}: must be one of {', '.join(UPSAMPLINGS)}")


class DepthDecoder(Space):
    """Cells with two inputs and n nodes; each node has edges from both inputs and all earlier nodes.

    In an architecture every cell has a path without `none` from an input to the output, so that each block's
    output depends on the image, through its own level's feature or through the previous block.

    The text form joins the blocks by ``/``, beginning with the deepest, and the nodes of a block by ``+``. A
    node lists its edges' operations and sources; ``^`` precedes the upsampling if there is a choice of it:
    ``|nor_conv_3x3~p|none~f|+|none~p|skip_connect~f|nor_conv_1x1~0|^nearest``.
    """

    def __init__(self, config: Config | None = None):
        config = config or Config()
        self.name, self.nodes, self.shared = config.name, config.nodes, config.shared
        self.upsamplings = tuple(config.upsampling)
        self.edges = tuple((s, len(INPUTS) + j) for j in range(self.nodes) for s in range(len(INPUTS) + j))
        """(from, to) of a cell's edges; 0 and 1 are its inputs."""
        self.cells = 1 if self.shared else BLOCKS
        self._chosen = len(self.upsamplings) > 1
        block = (OPERATIONS,) * len(self.edges) + ((self.upsamplings,) if self._chosen else ())
        self.options = block * self.cells
        self._length = len(block)
        if not self._chosen:
            self.targets = tuple(t + self.nodes * cell for cell in range(self.cells) for _, t in self.edges)
        self._paths = _paths(self.edges, self.nodes)

    def block(self, number: int) -> slice:
        """Return the decisions of block ``number``, 0 the deepest: edges, then upsampling if searched."""
        start = 0 if self.shared else number * self._length
        return slice(start, start + self._length)

    @property
    def size(self) -> int:
        """Number of architectures, with isomorphic ones counted separately."""
        carries = len(OPERATIONS) - 1
        valid = sum(
            carries ** sum(used)
            for used in itertools.product((False, True), repeat=len(self.edges))
            if self._connected(used)
        )
        return int((valid * len(self.upsamplings)) ** self.cells)

    def arch(self, choices: tuple[int, ...]) -> Arch:
        """Return the architecture with these choices; LmregError also if a cell's output isn't reached."""
        arch = super().arch(choices)
        for cell in range(self.cells):
            if not self._valid(arch.choices[self.block(cell)]):
                raise LmregError(
                    f"{self.format(arch)} is not an architecture of {self.name}: no path without `none` "
                    f"leads from an input to the output of block {cell + 1}"
                )
        return arch

    def sample(self, rng: np.random.Generator) -> Arch:
        """Draw uniformly."""
        return self.sample_from([np.ones(len(names)) for names in self.options], rng)

    def sample_network(self, rng: np.random.Generator) -> Arch:
        """Draw, for each cell, first the number of edges with an operation uniformly, then such a cell.

        Uniform draws of cells rarely have few such edges. There are too many isomorphism classes to count.
        """
        rows: list[int] = []
        for _ in range(self.cells):
            count = 1 + int(rng.integers(len(self.edges)))
            while True:
                choices = np.zeros(self._length, np.int64)
                used = rng.choice(len(self.edges), count, replace=False)
                choices[used] = rng.integers(1, len(OPERATIONS), size=count)
                if self._valid(tuple(choices.tolist())):
                    break
            if self._chosen:
                choices[-1] = rng.integers(len(self.upsamplings))
            rows += choices.tolist()
        return self.arch(tuple(rows))

    def enumerate(self) -> Iterator[Arch]:
        """Yield every architecture once; the last decision varies fastest."""

        def extended(before: tuple[int, ...], left: int) -> Iterator[Arch]:
            if not left:
                yield Arch(self.name, before)
                return
            for cell in itertools.product(*map(range, map(len, self.options[: self._length]))):
                if self._valid(cell):
                    yield from extended(before + cell, left - 1)

        return extended((), self.cells)

    def strongest(self, weights: Sequence[np.ndarray]) -> Arch:
        """Return the option of largest weight at every decision.

        If a cell's output has no path then, the path that reduces the product of weights least is added.
        """
        choices = [int(np.argmax(row)) for row in weights]
        for cell in range(self.cells):
            start = cell * self._length
            if self._valid(tuple(choices[start : start + self._length])):
                continue
            rows = [np.log(np.maximum(weights[start + e], 1e-30)) for e in range(len(self.edges))]
            loss = [float(row.max() - row[1:].max()) for row in rows]
            for edge in min(self._paths, key=lambda path: sum(loss[e] for e in path)):
                choices[start + edge] = 1 + int(np.argmax(rows[edge][1:]))
        return self.arch(tuple(choices))

    def sample_from(self, weights: Sequence[np.ndarray], rng: np.random.Generator) -> Arch:
        """Draw in proportion to the product of the options' weights, [options] per decision.

        By rejection, cell by cell; the `strongest` if nearly all weight is on cells without a path.
        """
        shares = [np.asarray(row, np.float64) / np.sum(row) for row in weights]
        choices: list[int] = []
        for cell in range(self.cells):
            mine = shares[cell * self._length : (cell + 1) * self._length]
            for _ in range(_DRAWS):
                drawn = tuple(int(rng.choice(len(row), p=row)) for row in mine)
                if self._valid(drawn):
                    choices += drawn
                    break
            else:
                return self.strongest(weights)
        return self.arch(tuple(choices))

    def canonical(self, arch: Arch) -> str:
        """Return the functions of the blocks, see `lmreg.space.symbolic`.

        If a block doesn't use the previous block, all blocks before it are left out. The inputs of the first
        block are interchangeable, as both are projections of the same feature.
        """
        cells = [arch.choices[self.block(number)] for number in range(self.cells)]
        found = [self._function(cell, INPUTS) for cell in cells]
        texts = [text for text, _ in found]
        if not self.shared:
            texts[0] = min(texts[0], self._function(cells[0], INPUTS[::-1])[0])
        first = max((number for number, (_, below) in enumerate(found) if not below), default=0)
        return "/".join(["-"] * first + texts[first:])

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        names = ("previous", "feature", *(str(j) for j in range(self.nodes - 1)), "output")
        graphs = []
        for number in range(self.cells):
            choices = arch.choices[self.block(number)]
            named = ((*edge, OPERATIONS[c]) for edge, c in zip(self.edges, choices, strict=False))
            edges = tuple(edge for edge in named if edge[2] != "none")
            title = "all blocks" if self.shared else f"block {number + 1}"
            if self._chosen:
                title += f", {self.upsamplings[choices[-1]]}"
            graphs.append(Graph(names, edges, title=title, inputs=len(INPUTS)))
        return tuple(graphs)

    def format(self, arch: Arch) -> str:
        return "/".join(self._format(arch.choices[self.block(number)]) for number in range(self.cells))

    def parse(self, text: str) -> Arch:
        blocks = text.strip().split("/")
        choices = [choice for block in blocks for choice in self._parse(block)]
        if len(blocks) == self.cells and len(choices) == len(self.options) and None not in choices:
            arch = Arch(self.name, tuple(c for c in choices if c is not None))
            if self.format(arch) == text.strip():
                return self.arch(arch.choices)
        block = self._format((NONE,) * self._length).replace("none", "op")
        raise LmregError(
            f"{text!r} is not an architecture of {self.name}; expected {self.cells} of '{block}' joined by "
            f"'/', with op one of {', '.join(OPERATIONS)}"
        )

    def _format(self, choices: Sequence[int]) -> str:
        nodes, sources = [], (*INPUTS, *range(self.nodes))
        for node in range(len(INPUTS), len(INPUTS) + self.nodes):
            edges = [(s, OPERATIONS[c]) for (s, t), c in zip(self.edges, choices, strict=False) if t == node]
            nodes.append("|" + "".join(f"{name}~{sources[s]}|" for s, name in edges))
        return "+".join(nodes) + (f"^{self.upsamplings[choices[-1]]}" if self._chosen else "")

    def _parse(self, block: str) -> list[int | None]:
        """Return the choices in a block's text, None for unknown options."""
        cell, _, upsampling = block.partition("^")
        names = re.findall(r"(\w+)~", cell)
        found = [OPERATIONS.index(name) if name in OPERATIONS else None for name in names]
        if self._chosen:
            found.append(self.upsamplings.index(upsampling) if upsampling in self.upsamplings else None)
        return found

    def _valid(self, choices: Sequence[int]) -> bool:
        return self._connected([choice != NONE for choice in choices[: len(self.edges)]])

    def _connected(self, used: Sequence[bool]) -> bool:
        """Whether a path of ``used`` edges leads from an input to the output."""
        return any(all(used[edge] for edge in path) for path in self._paths)

    def _function(self, choices: Sequence[int], inputs: Sequence[str]) -> tuple[str, bool]:
        """Return the key of a block's function, and whether it depends on the previous block."""
        symbolic = SymbolicCell(inputs)
        into: list[list[Sum]] = [[value] for value in symbolic.inputs] + [[] for _ in range(self.nodes)]
        for (source, target), choice in zip(self.edges, choices, strict=False):
            into[target].append(apply_operation(symbolic, OPERATIONS[choice], add(into[source])))
        output = [add(into[-1])]
        end = f"^{self.upsamplings[choices[-1]]}" if self._chosen else ""
        return symbolic.key(output) + end, inputs.index(INPUTS[0]) in symbolic.dependencies(output)


def _paths(edges: Sequence[tuple[int, int]], nodes: int) -> list[tuple[int, ...]]:
    """Return all paths from an input to the last node, as indices of edges."""
    number = {edge: index for index, edge in enumerate(edges)}
    last, found = len(INPUTS) + nodes - 1, []
    for count in range(nodes):
        for between in itertools.combinations(range(len(INPUTS), last), count):
            for start in range(len(INPUTS)):
                stops = (start, *between, last)
                found.append(tuple(number[pair] for pair in itertools.pairwise(stops)))
    return found
