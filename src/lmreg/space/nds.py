"""NDS: five design spaces of cells in which each node reads two earlier nodes, drawn with replacement.

Source: Radosavovic et al., "On Network Design Spaces for Visual Recognition", ICCV 2019, table 2; the
operations and outputs of each space are those of the code that trained its networks, pycls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmreg.config.schema import option
from lmreg.space.base import Arch
from lmreg.space.darts import OPERATIONS
from lmreg.space.genotype import CELL_INPUTS, CELL_NAMES, NODE_INPUTS, CellInputs, GenotypeSpace, reorderings

NONE = "none"


@dataclass(frozen=True)
class Family:
    """One of the design spaces.

    With ``loose_ends`` a cell's output concatenates only the nodes that no other node reads, else all nodes.
    """

    nodes: int
    loose_ends: bool
    operations: tuple[str, ...]


_POOLS = ("avg_pool_3x3", "max_pool_3x3")
_SEPARABLE = ("sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7")
FAMILIES = {
    "darts": Family(4, False, OPERATIONS),
    "enas": Family(5, True, ("skip_connect", *_SEPARABLE[:2], *_POOLS)),
    "pnas": Family(5, False, (*_SEPARABLE, "conv_7x1_1x7", "skip_connect", *_POOLS, "dil_conv_3x3")),
    "amoeba": Family(5, True, ("skip_connect", *_SEPARABLE, *_POOLS, "dil_sep_conv_3x3", "conv_7x1_1x7")),
    "nasnet": Family(
        5,
        True,
        (
            *("skip_connect", "conv_3x1_1x3", "conv_7x1_1x7", "dil_conv_3x3", *_POOLS),
            *("max_pool_5x5", "max_pool_7x7", "conv_1x1", "conv_3x3", *_SEPARABLE),
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


class NDS(GenotypeSpace):
    """Pairs of cells; a decision is an input of a node: an operation on one of the nodes before it.

    Every combination of options is an architecture.
    """

    def __init__(self, config: Config | None = None):
        config = config or Config()
        self.name, self.family = config.name, FAMILIES[config.family]
        self.nodes, self.written = self.family.nodes, self.family.operations
        if self.family.loose_ends:
            self.joined_nodes = "the nodes that no other reads"
        names, last = self.family.operations, CELL_INPUTS + self.nodes
        inputs = [[f"{name}~{source}" for source in range(node) for name in names] for node in range(last)]
        self.options = tuple(
            tuple(inputs[n]) for _ in CELL_NAMES for n in range(CELL_INPUTS, last) for _ in range(NODE_INPUTS)
        )
        self._none = names.index(NONE) if NONE in names else None
        # Operations without weights, which turn zeros into zeros.
        self._plain = {i for i, name in enumerate(names) if "pool" in name or name == "skip_connect"}
        self._different = [
            sorted({self._same(self.input(choice)) for choice in range(node * len(names))})
            for node in range(CELL_INPUTS, last)
        ]

    @property
    def edge_labels(self) -> tuple[str, ...]:
        return self.family.operations

    def input(self, choice: int) -> tuple[int, int]:
        """Return (source, operation) of an option; these are the same for every decision."""
        return divmod(choice, len(self.family.operations))

    def cells(self, arch: Arch) -> tuple[CellInputs, ...]:
        inputs = [self.input(choice) for choice in arch.choices]
        nodes = list(zip(inputs[::NODE_INPUTS], inputs[1::NODE_INPUTS], strict=True))
        return tuple(nodes[: self.nodes]), tuple(nodes[self.nodes :])

    def joined(self, cell: CellInputs) -> list[int]:
        """Return the nodes that are concatenated to a cell's output; the last node is always one of them."""
        read = {source for inputs in cell for source, _ in inputs} if self.family.loose_ends else set()
        return [node for node in super().joined(cell) if node not in read]

    def sample_network(self, rng: np.random.Generator) -> Arch:
        """Draw such that classes of one `benchmark_key` are equally likely, and within a class all orders of
        nodes and of their inputs.

        By rejection, separately for each cell: a draw in which only `none` is certainly zero is kept with
        probability 1 / number of its orders.
        """
        return self.of_cells([self._sample_cell(rng) for _ in CELL_NAMES])

    def _sample_cell(self, rng: np.random.Generator) -> CellInputs:
        while True:
            drawn = []
            for inputs in self._different:
                # Uniform over unordered pairs: an index after the last input means the first input again.
                first, second = int(rng.integers(len(inputs))), int(rng.integers(len(inputs) + 1))
                drawn.append((inputs[first], inputs[first if second == len(inputs) else second]))
            cell = tuple(tuple(sorted(pair)) for pair in drawn)
            if self._simplest(cell) == cell and rng.integers(len(reorderings(cell))) == 0:
                return tuple(drawn)

    def neighbours(self, arch: Arch) -> list[Arch]:
        """Return the architectures in which one input has another operation or another source.

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
        """Return the number of inputs, over all nodes, that two architectures don't share, in any order.

        The same operation on another source is another input, unless it is `none`.
        """
        pairs = zip(self._nodes(a), self._nodes(b), strict=True)
        return sum(0 if one == other else NODE_INPUTS - bool(set(one) & set(other)) for one, other in pairs)

    def encode(self, arch: Arch) -> np.ndarray:
        """Return, for each node, how many inputs have each operation and how many each source, float32 of
        shape [nodes · operations + sum of nodes' sources].

        Operations and sources are counted separately, as one-hot options would be hundreds of numbers of
        which two architectures share hardly any.
        """
        parts = []
        for number, inputs in enumerate(self._nodes(arch)):
            operations = [operation for _, operation in inputs]
            sources = [source for source, operation in inputs if operation != self._none]
            parts.append(np.bincount(operations, minlength=len(self.edge_labels)))
            parts.append(np.bincount(sources, minlength=CELL_INPUTS + number % self.nodes))
        return np.concatenate(parts).astype(np.float32)

    def benchmark_key(self, arch: Arch) -> str:
        """Return the text form of the first of the architectures that are certainly the same network.

        `lmreg import-benchmark` merges their trainings into one row. As in DARTS, the order of nodes doesn't
        matter as long as every edge leads forward; neither does the order of a node's inputs nor the source
        of `none`. A node whose inputs are both zero is zero, and so are pools and skip connections of it.
        """
        cells = [min(reorderings(self._simplest(cell))) for cell in self.cells(arch)]
        return self.format(self.of_cells(cells))

    def of_cells(self, cells: Sequence[CellInputs]) -> Arch:
        count = len(self.edge_labels)
        inputs = [pair for cell in cells for node in cell for pair in node]
        return self.arch(tuple(count * source + operation for source, operation in inputs))

    def _nodes(self, arch: Arch) -> CellInputs:
        """Return the inputs of the nodes of both cells in their simplest form, see `_simplest`."""
        normal, reduction = map(self._simplest, self.cells(arch))
        return (*normal, *reduction)

    def _simplest(self, cell: CellInputs) -> CellInputs:
        """Return the cell with sorted inputs and with `none` of node 0 for all that is certainly zero."""
        zero: set[int] = set()
        found = []
        for node, pair in enumerate(cell, start=CELL_INPUTS):
            inputs = tuple(sorted(self._same(given, zero) for given in pair))
            if all(operation == self._none for _, operation in inputs):
                zero.add(node)
            found.append(inputs)
        return tuple(found)

    def _same(self, given: tuple[int, int], zero: set[int] | frozenset[int] = frozenset()) -> tuple[int, int]:
        """Return ``given``, or `none` of node 0 if it is certainly zero because its source is in ``zero``."""
        source, operation = given
        if self._none is not None and (
            operation == self._none or (source in zero and operation in self._plain)
        ):
            return 0, self._none
        return given
