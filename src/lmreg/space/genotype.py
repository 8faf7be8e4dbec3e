"""Pairs of cells, a normal and a reduction cell, whose nodes add up two operations on earlier nodes.

Source: Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, whose released code
writes them as genotypes.
"""

from __future__ import annotations

import ast
import re
from abc import abstractmethod
from collections.abc import Iterator, Sequence

from lmreg.errors import LmregError
from lmreg.space.base import Arch, Graph, Space, md5_of
from lmreg.space.symbolic import SymbolicCell, add

CELL_NAMES = ("normal", "reduce")
CELL_INPUTS = 2
"""A cell's nodes 0 and 1 are the outputs of the last cell but one and of the last cell."""
NODE_INPUTS = 2
"""Inputs of every other node."""

_EXAMPLE = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ...], normal_concat=[2, 3, ...], "
    "reduce=[...], reduce_concat=[...])"
)
_LARGEST_NODE = 99
"""Limit for numbers in a ``range``, far above the number of nodes of any cell."""
_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")
_BEFORE = re.compile(r"[\d/:.,\-\[\] ]*((AM|PM|INFO)[: ]+(root:)?)*(\w+ ?[=:] ?)?(\w+\.)*")
"""Text allowed before ``Genotype(``: a log line's time and level, a variable's name, a module."""

NodeInputs = tuple[tuple[int, int], ...]
"""(source, operation) of each input of one node."""
CellInputs = tuple[NodeInputs, ...]
"""The inputs of each of a cell's nodes, from node 2 on."""


def reorderings(cell: CellInputs) -> set[CellInputs]:
    """Return the cell with its nodes in every order in which all edges lead forward, with sorted inputs."""
    found = set()
    for order in _orders(cell):
        place = {node: place for place, node in enumerate([*range(CELL_INPUTS), *order])}
        found.add(tuple(tuple(sorted((place[s], o) for s, o in cell[node - CELL_INPUTS])) for node in order))
    return found


def _orders(cell: CellInputs, placed: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Yield the orders of a cell's nodes that begin with ``placed`` and in which all edges lead forward."""
    if len(placed) == len(cell):
        yield placed
    for node, inputs in enumerate(cell, start=CELL_INPUTS):
        if node not in placed and all(source < CELL_INPUTS or source in placed for source, _ in inputs):
            yield from _orders(cell, (*placed, node))


def read_genotype(
    text: str, nodes: int, operations: Sequence[str | None], problem: str
) -> list[tuple[CellInputs, object]]:
    """Return, for each cell of a genotype, its nodes' inputs and the value of its ``_concat``.

    The text is parsed, not evaluated. It may be copied from logs or code: ``genotype = Genotype(...)`` with
    the line's time before it and commas or semicolons after it, over several lines, with ``range(2, 6)`` for
    the list ``[2, 3, 4, 5]`` and ``np.int64(2)`` for 2. ``operations`` are names by number, None for a number
    that no edge may have. Other text raises LmregError, which begins with ``problem``.
    """
    values = _keywords(text)
    if values is None or set(values) != set(_FIELDS):
        raise LmregError(f"{problem}; expected {_EXAMPLE}")
    return [
        (_cell(values[name], nodes, operations, f"{problem}: {name}"), values[f"{name}_concat"])
        for name in CELL_NAMES
    ]


class GenotypeSpace(Space):
    """A space of pairs of cells.

    The text form is DARTS's genotype: operation and source of each node's two inputs, and the nodes that are
    concatenated to each cell's output.
    """

    nodes: int
    """Nodes of a cell besides its two inputs."""
    written: tuple[str | None, ...]
    """The operations that the text form may name, by number; None for a number that no edge may have."""
    joined_nodes = "all nodes of the cell"
    """What `joined` returns, in words."""

    @abstractmethod
    def cells(self, arch: Arch) -> tuple[CellInputs, ...]:
        """Return the inputs of the nodes of the normal cell, and those of the reduction cell."""

    @abstractmethod
    def of_cells(self, cells: Sequence[CellInputs]) -> Arch:
        """Return the architecture with these cells, or raise LmregError if there is none."""

    def joined(self, cell: CellInputs) -> list[int]:
        """Return the nodes that are concatenated to a cell's output."""
        return list(range(CELL_INPUTS, CELL_INPUTS + len(cell)))

    def canonical(self, arch: Arch) -> str:
        """Return a hash of the functions of the two cells, see `lmreg.space.symbolic`.

        Neither the order of a node's inputs nor that of the nodes matters: layers that read a cell's output
        see all its channels. A skip connection equals its source, except on an input of the reduction cell,
        where it is a strided convolution. Pools are normalised.
        """
        texts, operations = [], self.edge_labels
        for name, cell in zip(CELL_NAMES, self.cells(arch), strict=True):
            symbolic = SymbolicCell(("before", "last"))
            values = list(symbolic.inputs)
            for inputs in cell:
                read = []
                for source, choice in inputs:
                    operation, value = operations[choice], values[source]
                    if operation == "skip_connect" and not (name == "reduce" and source < CELL_INPUTS):
                        read.append(value)
                    elif operation != "none":
                        plain = operation.startswith(("max_pool", "avg_pool"))
                        read.append((symbolic.normalised if plain else symbolic.weighted)(operation, value))
                values.append(add(read))
            texts.append(symbolic.key([values[node] for node in self.joined(cell)]))
        return md5_of(" / ".join(texts))

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        graphs, operations = [], self.edge_labels
        for title, cell in zip(("normal cell", "reduction cell"), self.cells(arch), strict=True):
            names = ("last but one", "last", *(str(node) for node in range(1, len(cell) + 1)), "output")
            edges = [
                (source, node, operations[choice])
                for node, inputs in enumerate(cell, start=CELL_INPUTS)
                for source, choice in inputs
                if operations[choice] != "none"
            ]
            edges += [(node, len(names) - 1, "") for node in self.joined(cell)]
            graphs.append(Graph(names, tuple(edges), title=title, inputs=CELL_INPUTS))
        return tuple(graphs)

    def format(self, arch: Arch) -> str:
        parts, operations = [], self.edge_labels
        for name, cell in zip(CELL_NAMES, self.cells(arch), strict=True):
            edges = [(operations[choice], source) for inputs in cell for source, choice in inputs]
            parts.append(f"{name}={edges}, {name}_concat={self.joined(cell)}")
        return f"Genotype({', '.join(parts)})"

    def parse(self, text: str) -> Arch:
        """Return the architecture of a genotype in any of the spellings of `read_genotype`."""
        problem = f"{text!r} is not a genotype of {self.name}"
        read = read_genotype(text, self.nodes, self.written, problem)
        for name, (cell, joined) in zip(CELL_NAMES, read, strict=True):
            if joined != self.joined(cell):
                raise LmregError(f"{problem}: {name}_concat must be {self.joined(cell)}, {self.joined_nodes}")
        try:
            return self.of_cells([cell for cell, _ in read])
        except LmregError as error:
            raise LmregError(f"{problem}: {error}") from None


def _keywords(text: str) -> dict[str, object] | None:
    """Return the arguments of a call ``Genotype(...)`` by name; None if ``text`` isn't such a call."""
    before, call, rest = " ".join(text.split()).partition("Genotype(")
    if not _BEFORE.fullmatch(before):
        return None
    try:
        node = ast.parse((call + rest).rstrip(",; "), mode="eval").body
        if not isinstance(node, ast.Call) or len(node.args) > len(_FIELDS):
            return None
        named = [(keyword.arg, keyword.value) for keyword in node.keywords]
        given = [*zip(_FIELDS, node.args, strict=False), *named]
        if len({name for name, _ in given}) < len(given):
            return None
        values = {str(name): _value(value) for name, value in given}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):  # all that ast may raise
        return None
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _value(node: ast.expr) -> object:
    """Return the value of an expression of literals, ranges, and numpy values as printed; else ValueError."""
    if isinstance(node, ast.List | ast.Tuple):
        values = [_value(element) for element in node.elts]
        return values if isinstance(node, ast.List) else tuple(values)
    if not isinstance(node, ast.Call):
        return ast.literal_eval(node)
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    values = [_value(argument) for argument in node.args]
    if name == "range" and all(type(value) is int and abs(value) <= _LARGEST_NODE for value in values):
        return list(range(*values))  # type: ignore[call-overload]
    if len(values) == 1:
        (value,) = values
        if name in ("array", "list", "tuple") and isinstance(value, list | tuple):
            return list(value)
        if re.fullmatch(r"u?int\d*|str_?", name) and isinstance(value, str if name[:3] == "str" else int):
            return value
    raise ValueError(f"{name}(...) is no literal")


def _cell(edges: object, nodes: int, operations: Sequence[str | None], problem: str) -> CellInputs:
    """Return the nodes' inputs of a genotype's list of edges; errors begin with ``problem``."""
    if not isinstance(edges, list) or len(edges) != NODE_INPUTS * nodes:
        raise LmregError(
            f"{problem} must list {NODE_INPUTS * nodes} edges, {NODE_INPUTS} for each of {nodes} nodes"
        )
    return tuple(
        tuple(
            _edge(edge, node, operations, problem)
            for edge in edges[NODE_INPUTS * (node - CELL_INPUTS) :][:NODE_INPUTS]
        )
        for node in range(CELL_INPUTS, CELL_INPUTS + nodes)
    )


def _edge(edge: object, node: int, operations: Sequence[str | None], problem: str) -> tuple[int, int]:
    """Return (source, operation) of an edge into ``node`` such as ``('sep_conv_3x3', 0)``."""
    names = [name for name in operations if name is not None]
    operation, source = edge if isinstance(edge, tuple | list) and len(edge) == 2 else (None, None)
    if operation not in names or type(source) is not int or not 0 <= source < node:
        raise LmregError(
            f"{problem}: {edge!r} is no edge into node {node}; expected ('op', source) with a source from "
            f"0 to {node - 1} and op one of {', '.join(names)}"
        )
    return source, operations.index(operation)
