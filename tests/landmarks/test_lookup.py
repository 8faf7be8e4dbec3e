"""Scores of architectures that a table contains in another form."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.conftest import Compose

from lmreg.errors import LmregError
from lmreg.experiment.study import Options, Study
from lmreg.landmarks.base import standalone_scorer
from lmreg.landmarks.lookup import ScoreLookup
from lmreg.landmarks.scores import ScoreTable
from lmreg.landmarks.table import Config, TableSource
from lmreg.landmarks.truth import Truth
from lmreg.selector.random import Config as RandomConfig
from lmreg.selector.random import RandomSelector
from lmreg.space.base import Arch, Space
from lmreg.space.darts import DARTSSpace
from lmreg.space.nasbench101 import OPERATIONS, NASBench101
from lmreg.space.nds import NDS
from lmreg.space.nds import Config as NDSConfig


def table_of(archs: list[Arch], scores: list[float]) -> ScoreTable:
    return ScoreTable(Path("t.csv"), list(range(2, len(archs) + 2)), archs, {"acc": np.array(scores)})


def relabelled(space: NASBench101, arch: Arch, rng: np.random.Generator) -> Arch | None:
    """Return the same cell with two neighbouring vertices swapped; None if every swap gives the same."""
    cell = space.cell(arch)
    for vertex in rng.permutation(np.arange(1, cell.vertices - 2)):
        if (vertex, vertex + 1) in cell.edges:
            continue
        order = [*range(vertex), vertex + 1, vertex, *range(vertex + 2, cell.vertices)]
        matrix = cell.matrix()[np.ix_(order, order)]
        names = [OPERATIONS[cell.operations[v - 1]] for v in order[1:-1]]
        text = "|".join(("".join(map(str, matrix.flatten())), "input", *names, "output"))
        if (other := space.parse(text)) != arch:
            return other
    return None


def test_a_nasbench101_cell_is_found_in_any_order_of_its_vertices(rng: np.random.Generator) -> None:
    """Only one encoding in three is the table's: there are 1,293,208 for 423,624 networks."""
    space = NASBench101()
    archs = list({space.canonical(arch): arch for arch in (space.sample(rng) for _ in range(300))}.values())
    lookup = ScoreLookup(table_of(archs, list(range(len(archs)))), "acc", space)
    others = [(place, relabelled(space, arch, rng)) for place, arch in enumerate(archs)]
    found = [(place, other) for place, other in others if other is not None]
    assert len(found) > 100
    for place, other in found:
        assert other not in archs
        assert lookup.score(other) == place


def swapped(space: Space, arch: Arch) -> list[Arch]:
    """Return other architectures of the same key, by swapping two decisions (such as inputs of a node)."""
    key, found = space.canonical(arch), []
    for a in range(len(arch.choices)):
        for b in range(a):
            choices = list(arch.choices)
            choices[a], choices[b] = choices[b], choices[a]
            try:
                other = space.arch(tuple(choices))
            except LmregError:
                continue
            if other != arch and space.canonical(other) == key:
                found.append(other)
    return found


@pytest.mark.parametrize("make", [NDS, lambda: NDS(NDSConfig(family="enas"))], ids=["darts", "enas"])
def test_a_cell_of_nds_is_found_with_its_inputs_in_any_order(
    make: Callable[[], NDS], rng: np.random.Generator
) -> None:
    space, missed = make(), 0
    for number in range(40):
        arch = space.sample(rng)
        lookup = ScoreLookup(table_of([space.sample(rng), arch], [1.0, 2.0]), "acc", space)
        others = swapped(space, arch)
        missed += not others
        assert [lookup.score(other) for other in others] == [2.0] * len(others), number
    assert missed < 20


def test_an_architectures_own_row_counts_else_the_mean_of_its_class(space: Space) -> None:
    texts = [
        "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|",
        "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|",
        "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|",
        "|nor_conv_1x1~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|",
    ]
    archs = [space.parse(text) for text in texts]
    assert len({space.canonical(arch) for arch in archs[:3]}) == 1
    lookup = ScoreLookup(table_of(archs[:3], [10.0, 20.0, float("nan")]), "acc", space)
    assert [lookup.score(arch) for arch in archs] == [10.0, 20.0, 15.0, None]


def test_scores_of_added_landmarks_are_found_in_any_form(
    composed: Compose, tmp_path: Path, rng: np.random.Generator
) -> None:
    """As in rounds: a table of 200 cells, and candidates whose vertices are in another order."""
    space = NASBench101()
    archs = list({space.canonical(arch): arch for arch in (space.sample(rng) for _ in range(200))}.values())
    scores = rng.uniform(80, 95, len(archs))
    pd.DataFrame({"arch": [space.format(arch) for arch in archs], "acc": scores}).to_csv(
        tmp_path / "t.csv", index=False
    )
    study = Study(composed("train_landmarks", "landmarks=table", "space=nasbench101"), Options())
    source = TableSource(Config(path=str(tmp_path / "t.csv"), score_column="acc", count=4, pool=5))
    scored = source.gather(study, RandomSelector(RandomConfig()), tmp_path, workers=1)
    folder = tmp_path / "landmarks"
    about = source.origin(study) | scored.about
    dataclasses.replace(scored, about=about).save(folder, space)
    scorer = standalone_scorer(study, Truth.load(folder, space), folder)
    others = [(score, relabelled(space, arch, rng)) for score, arch in zip(scores, archs, strict=True)]
    known = [(score, arch) for score, arch in others if arch is not None]
    table = scorer.score([arch for _, arch in known], 50)
    assert table["arch"].tolist() == [space.format(arch) for _, arch in known[:50]]
    assert table["acc"].tolist() == [score for score, _ in known[:50]]


def test_darts_cells_are_found_by_their_key(rng: np.random.Generator) -> None:
    space, found = DARTSSpace(), 0
    for _ in range(30):
        arch = space.sample(rng)
        lookup = ScoreLookup(table_of([arch], [5.0]), "acc", space)
        others = swapped(space, arch)
        found += len(others)
        assert [lookup.score(other) for other in others] == [5.0] * len(others)
    assert found >= 3  # nodes that can be swapped are rare
