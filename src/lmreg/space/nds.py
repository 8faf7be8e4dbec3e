"""NDS: five design spaces of cells whose nodes read two earlier ones, both drawn with replacement.

Source: Radosavovic et al., "On Network Design Spaces for Visual Recognition", ICCV 2019, table 2; the
operations and outputs of each space are those of the code that trained its networks, pycls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.space.base import Arch, Graph, Space
from lmreg.space.genotype import (
    CELLS,
    INPUTS,
    READ,
    CellInputs,
    cell_graphs,
    format_genotype,
    function_key,
    read_genotype,
    relabelled,
)

NONE = "none"


@dataclass(frozen=True)
class Family:
    """One of the design spaces.

    With ``loose_ends`` the output of a cell joins the nodes that no other node reads, else all nodes.
    """

    nodes: int
    loose_ends: bool
    operations: tuple[str, ...]


FAMILIES = {
    "darts": Family(
        4,
        False,
        (
            *(NONE, "max_pool_3x3", "avg_pool_3x3", "skip_connect"),
            *("sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"),
        ),
    ),
    "enas": Family(5, True, ("skip_connect", "sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3")),
    "pnas": Family(
        5,
        False,
        (
            *("sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7", "conv_7x1_1x7"),
            *("skip_connect", "avg_pool_3x3", "max_pool_3x3", "dil_conv_3x3"),
        ),
    ),
    "amoeba": Family(
        5,
        True,
        (
            *("skip_connect", "sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7"),
            *("avg_pool_3x3", "max_pool_3x3", "dil_sep_conv_3x3", "conv_7x1_1x7"),
        ),
    ),
    "nasnet": Family(
        5,
        True,
        (
            *("skip_connect", "conv_3x1_1x3", "conv_7x1_1x7", "dil_conv_3x3"),
            *("avg_pool_3x3", "max_pool_3x3", "max_pool_5x5", "max_pool_7x7"),
            *("conv_1x1", "conv_3x3", "sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7"),
        ),
    ),
}


@dataclass
class Config:
    name: str = option("nds", yaml="nds_${.family}")
    family: str = option(
        "darts",
        choices=list(FAMILIES),
        help="which of NDS's cell spaces: darts, enas, pnas, amoeba or nasnet",
        named=False,
    )


class NDS(Space):
    """Pairs of cells; a decision is an input of a node: an operation on one of the nodes before it.

    Every combination of options is an architecture. The text form is DARTS's genotype: for each node in
    turn its two inputs, operation and source, and the nodes that are joined to the cell's output.
    """

    def __init__(self, config: Config | None = None):
        config = config or Config()
        self.name, self.family = config.name, FAMILIES[config.family]
        names, last = self.family.operations, INPUTS + self.family.nodes
        inputs = [[f"{name}~{source}" for source in range(node) for name in names] for node in range(last)]
        self.options = tuple(
            tuple(inputs[n]) for _ in CELLS for n in range(INPUTS, last) for _ in range(READ)
        )
        self._none = names.index(NONE) if NONE in names else None
        # Without weights, so that zeros stay zeros.
        self._plain = {i for i, name in enumerate(names) if "pool" in name or name == "skip_connect"}
        self._different = [
            sorted({self._same(self.input(choice)) for choice in range(node * len(names))})
            for node in range(INPUTS, last)
        ]

    @property
    def edge_labels(self) -> tuple[str, ...]:
        return self.family.operations

    def input(self, choice: int) -> tuple[int, int]:
        """(source, operation) that an option of any decision stands for."""
        return divmod(choice, len(self.family.operations))

    def cells(self, arch: Arch) -> tuple[CellInputs, ...]:
        """The inputs of the nodes of the normal cell, and of those of the reduction cell."""
        inputs = [self.input(choice) for choice in arch.choices]
        nodes = list(zip(inputs[::READ], inputs[1::READ], strict=True))
        return tuple(nodes[: self.family.nodes]), tuple(nodes[self.family.nodes :])

    def joined(self, cell: CellInputs) -> list[int]:
        """The nodes whose values, one beside the other, are the output of a cell; at least the last."""
        read = {source for inputs in cell for source, _ in inputs} if self.family.loose_ends else set()
        return [node for node in range(INPUTS, INPUTS + len(cell)) if node not in read]

    def sample_network(self, rng: np.random.Generator) -> Arch:
        """An architecture drawn so that every class of one `benchmark_key` is equally likely, and within
        it every order of nodes and of their inputs.

        By rejection, each cell by itself: a draw in which nothing but `none` is surely zero is kept with
        probability 1 / number of its orders.
        """
        return self._arch([self._sample_cell(rng) for _ in CELLS])

    def _sample_cell(self, rng: np.random.Generator) -> CellInputs:
        while True:
            drawn = []
            for inputs in self._different:
                # Uniform over pairs without order: beyond the last input stands for twice the first.
                first, second = int(rng.integers(len(inputs))), int(rng.integers(len(inputs) + 1))
                drawn.append((inputs[first], inputs[first if second == len(inputs) else second]))
            cell = tuple(tuple(sorted(pair)) for pair in drawn)
            if self._simplest(cell) == cell and rng.integers(len(relabelled(cell))) == 0:
                return tuple(drawn)

    def neighbours(self, arch: Arch) -> list[Arch]:
        """What another operation of one input gives, or another source of it.

        Source: the mutations of Real et al., "Regularized Evolution for Image Classifier Architecture
        Search", AAAI 2019, section 3.2.
        """
        count, found = len(self.edge_labels), []
        for d, choice in enumerate(arch.choices):
            source, operation = self.input(choice)
            changed = [count * source + other for other in range(count) if other != operation]
            sources = range(len(self.options[d]) // count)
            changed += [count * other + operation for other in sources if other != source]
            found += [self.arch((*arch.choices[:d], new, *arch.choices[d + 1 :])) for new in changed]
        return found

    def distance(self, a: Arch, b: Arch) -> int:
        """The number of inputs, over all nodes, that two architectures have not in common, whatever their
        order; an operation on another source is another input, unless it is `none`."""
        pairs = zip(self._nodes(a), self._nodes(b), strict=True)
        return sum(0 if one == other else READ - bool(set(one) & set(other)) for one, other in pairs)

    def encode(self, arch: Arch) -> np.ndarray:
        """How many inputs of each node have each operation, and how many each source, float32 of shape
        [nodes · operations + sum of nodes' sources].

        Operations and sources are counted apart: one-hot options would be hundreds of numbers, of which
        two architectures have hardly any in common.
        """
        parts = []
        for number, inputs in enumerate(self._nodes(arch)):
            operations = [operation for _, operation in inputs]
            sources = [source for source, operation in inputs if operation != self._none]
            parts.append(np.bincount(operations, minlength=len(self.edge_labels)))
            parts.append(np.bincount(sources, minlength=INPUTS + number % self.family.nodes))
        return np.concatenate(parts).astype(np.float32)

    def canonical(self, arch: Arch) -> str:
        """A hash of what the cells compute, see `lmreg.space.genotype.function_key`.

        So neither the order of nodes matters nor that of a node's inputs, what is surely zero vanishes, and
        a node that skip connections make just another one, or twice it, is read as that.
        """
        cells = self.cells(arch)
        return function_key(cells, [self.joined(cell) for cell in cells], self.edge_labels)

    def benchmark_key(self, arch: Arch) -> str:
        """The text form of the first among the architectures that are surely the same network, by which
        `lmreg import-benchmark` makes one row of an architecture's trainings.

        As in DARTS the order of nodes doesn't matter, as long as every edge leads forward, nor does that
        of a node's inputs; nor which source `none` has. A node of which both inputs are zero is zero, and
        so are pools and skip connections of it.
        """
        cells = [min(relabelled(self._simplest(cell))) for cell in self.cells(arch)]
        return self.format(self._arch(cells))

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        cells = self.cells(arch)
        return cell_graphs(cells, [self.joined(cell) for cell in cells], self.edge_labels)

    def format(self, arch: Arch) -> str:
        cells = self.cells(arch)
        return format_genotype(cells, [self.joined(cell) for cell in cells], self.edge_labels)

    def parse(self, text: str) -> Arch:
        """The architecture of a genotype, with ``range(2, 6)`` for the list too. Nothing is evaluated.

        Raises:
            LmregError: the text is no genotype or not of this space; says why.
        """
        problem = f"{text!r} is not a genotype of {self.name}"
        cells = read_genotype(text, self.family.nodes, self.edge_labels, problem)
        meaning = "the nodes that no other reads" if self.family.loose_ends else "all nodes of the cell"
        for name, (cell, joined) in zip(CELLS, cells, strict=True):
            if joined != self.joined(cell):
                raise LmregError(f"{problem}: {name}_concat must be {self.joined(cell)}, {meaning}")
        return self._arch([cell for cell, _ in cells])

    def _arch(self, cells: list[CellInputs]) -> Arch:
        count = len(self.edge_labels)
        inputs = [pair for cell in cells for node in cell for pair in node]
        return self.arch(tuple(count * source + operation for source, operation in inputs))

    def _nodes(self, arch: Arch) -> CellInputs:
        """The inputs of the nodes of both cells in their simplest form."""
        normal, reduction = map(self._simplest, self.cells(arch))
        return (*normal, *reduction)

    def _simplest(self, cell: CellInputs) -> CellInputs:
        """The cell with each node's inputs ascending, and all that is surely zero written as `none` of
        node 0."""
        zero: set[int] = set()
        found = []
        for node, pair in enumerate(cell, start=INPUTS):
            inputs = tuple(sorted(self._same(given, zero) for given in pair))
            if all(operation == self._none for _, operation in inputs):
                zero.add(node)
            found.append(inputs)
        return tuple(found)

    def _same(self, given: tuple[int, int], zero: set[int] | frozenset[int] = frozenset()) -> tuple[int, int]:
        """An input, or if it is surely zero `none` of node 0; ``zero`` are the nodes that are."""
        source, operation = given
        if self._none is not None and (
            operation == self._none or (source in zero and operation in self._plain)
        ):
            return 0, self._none
        return given
