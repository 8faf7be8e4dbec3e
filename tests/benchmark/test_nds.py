from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.benchmark.published import nds_entry as entry

from lmreg.benchmark.base import Imported
from lmreg.benchmark.nds import Config, NDSFile
from lmreg.errors import LmregError
from lmreg.space.nds import NDS
from lmreg.space.nds import Config as SpaceConfig

# DARTS_V2 of the DARTS paper's code, in the JSON's form.
V2 = {
    "normal": [
        *(["sep_conv_3x3", 0], ["sep_conv_3x3", 1], ["sep_conv_3x3", 0], ["sep_conv_3x3", 1]),
        *(["sep_conv_3x3", 1], ["skip_connect", 0], ["skip_connect", 0], ["dil_conv_3x3", 2]),
    ],
    "normal_concat": [2, 3, 4, 5],
    "reduce": [
        *(["max_pool_3x3", 0], ["max_pool_3x3", 1], ["skip_connect", 2], ["max_pool_3x3", 1]),
        *(["max_pool_3x3", 0], ["skip_connect", 2], ["skip_connect", 2], ["max_pool_3x3", 1]),
    ],
    "reduce_concat": [2, 3, 4, 5],
}
OTHER = V2 | {"reduce": V2["normal"]}
# A cell of ENAS's space: 5 nodes, of which the last two are read by none.
LOOSE = [
    ["avg_pool_3x3", 1],
    ["avg_pool_3x3", 1],
    ["skip_connect", 2],
    ["sep_conv_5x5", 0],
    ["max_pool_3x3", 3],
]
LOOSE += [
    ["skip_connect", 0],
    ["sep_conv_3x3", 4],
    ["skip_connect", 1],
    ["sep_conv_3x3", 4],
    ["sep_conv_3x3", 0],
]
ENAS = {"normal": LOOSE, "normal_concat": [6, 5], "reduce": LOOSE, "reduce_concat": [5, 6]}


def read(path: Path, content: Any, family: str | None = None) -> Imported:
    path.write_text(json.dumps(content))
    return NDSFile(Config(family=family)).read(path)


def test_errors_become_accuracies_of_genotypes(tmp_path: Path) -> None:
    imported = read(tmp_path / "DARTS.json", [entry(V2, 6.37), entry(OTHER, 5.5)])
    row = imported.table.iloc[0].to_dict()
    # An edge is into the node that its place in the list says; inputs and nodes have no order.
    space = NDS()
    assert row.pop("arch") == space.benchmark_key(space.parse(genotype(V2)))
    assert row == {
        "test_acc_percent": 93.63,
        "train_acc_percent": 98.75,
        "trainings": 1,
        "width": 16,
        "depth": 8,
        "epochs": 2,
        "base_lr": 0.1,
        "weight_decay": 5e-4,
        "params": 400_000,
        "flops": 60_000_000,
    }
    assert imported.table["test_acc_percent"].tolist() == [93.63, 94.5]
    assert imported.notes == ("2 trainings, 2 architectures of family darts",)


def test_isomorphic_cells_are_one_architecture(tmp_path: Path) -> None:
    inputs = V2 | {"normal": [*V2["normal"][1::-1], *V2["normal"][2:]]}
    nodes = V2 | {"normal": [*V2["normal"][4:6], *V2["normal"][:4], *V2["normal"][6:7], ["dil_conv_3x3", 3]]}
    table = read(tmp_path / "DARTS.json", [entry(V2, 6.0), entry(inputs, 5.0), entry(nodes, 4.0)]).table
    assert table["test_acc_percent"].tolist() == [95]
    assert table["trainings"].tolist() == [3]


def test_none_and_inputs_drawn_twice_are_in_the_table(tmp_path: Path) -> None:
    cell = [["none", 1], ["sep_conv_3x3", 1], ["sep_conv_3x3", 0], ["sep_conv_3x3", 0], *V2["normal"][4:]]
    drawn = V2 | {"normal": cell}
    imported = read(tmp_path / "DARTS.json", [entry(drawn, 6.0), entry(V2, 5.0)])
    assert imported.table["test_acc_percent"].tolist() == [94, 95]
    assert NDS().parse(imported.table["arch"][0]) == NDS().parse(
        NDS().benchmark_key(NDS().parse(genotype(drawn)))
    )


@pytest.mark.parametrize("family", [None, "enas"])
def test_the_family_is_that_of_the_cells(tmp_path: Path, family: str | None) -> None:
    """Other families have ENAS's operations too, but ENAS is the smallest space."""
    imported = read(tmp_path / "ENAS.json", [entry(ENAS, 6.0), entry(V2, 5.0), entry(ENAS, 5.0)], family)
    space = NDS(SpaceConfig(family="enas"))
    text = genotype(ENAS | {"normal_concat": [5, 6]})
    assert imported.table["arch"].tolist() == [space.benchmark_key(space.parse(text))]
    assert imported.space_options == ("space.family=enas",)
    assert imported.notes == (
        "3 trainings, 1 architectures of family enas",
        "1 trainings of cells that are none of family enas are skipped",
    )
    wider = ENAS | {"normal": [["sep_conv_7x7", 0], *LOOSE[1:]]}
    imported = read(tmp_path / "Amoeba.json", [entry(ENAS, 6.0), entry(wider, 5.0)])
    assert imported.space_options == ("space.family=amoeba",)


def test_a_family_that_a_file_is_not_of(tmp_path: Path) -> None:
    with pytest.raises(LmregError, match="no finished training of family darts: 2 of cells") as error:
        read(tmp_path / "ENAS.json", [entry(ENAS, 6.0), entry(ENAS, 5.0)], "darts")
    assert str(error.value).endswith("; benchmark.family=enas has such cells")
    for family in (None, "pnas"):
        with pytest.raises(LmregError, match=r"has cells of none of the families darts, enas"):
            read(tmp_path / "new.json", [entry({**V2, "normal_concat": [5]}, 6.0)] * 2, family)


def test_both_lists_of_a_file_count(tmp_path: Path) -> None:
    imported = read(tmp_path / "DARTS_in.json", {"top": [entry(V2, 30.0)], "mid": [entry(OTHER, 40.0)]})
    assert imported.table["test_acc_percent"].tolist() == [70, 60]


def test_seeds_are_averaged_settings_are_not(tmp_path: Path) -> None:
    wide = [entry(V2, 1.0), entry(OTHER, 4.0)]
    for training in wide:
        training["net"]["width"] = 32
    imported = read(tmp_path / "DARTS.json", [entry(V2, 6.0), entry(V2, 5.0), *wide])
    assert imported.table["test_acc_percent"].tolist() == [94.5, 96]
    assert imported.table["trainings"].tolist() == [2, 1]
    assert imported.notes == (
        "4 trainings, 2 architectures of family darts",
        "1 trainings that repeat an architecture under another setting are skipped",
        "widths and depths differ, and with them the scores: not only the cells",
    )


def genotype(cells: dict[str, Any]) -> str:
    """In the space's text form."""
    values = {key: [tuple(v) if isinstance(v, list) else v for v in value] for key, value in cells.items()}
    return f"Genotype({', '.join(f'{key}={value}' for key, value in values.items())})"


def outside() -> list[dict[str, Any]]:
    """Genotypes of other spaces: other operations, inputs, concatenated nodes or number of nodes."""
    other_operation = [["sep_conv_7x7", 0], *V2["normal"][1:]]
    from_itself = [["sep_conv_3x3", 2], *V2["normal"][1:]]
    return [
        *({**V2, "normal": cell} for cell in (other_operation, from_itself)),
        {**V2, "reduce_concat": [4, 5]},
        {**V2, "normal": [*V2["normal"], ["sep_conv_3x3", 0], ["sep_conv_3x3", 1]]},
    ]


def test_other_spaces_and_unfinished_trainings_are_passed_over_and_counted(tmp_path: Path) -> None:
    unfinished = [entry(OTHER, 5, test_ep_top1=[60.0]), entry(OTHER, float("nan"))]
    content = [entry(None, 5.0), entry(V2, 6.0), *(entry(g, 5.0) for g in outside()), *unfinished]
    imported = read(tmp_path / "DARTS.json", content)
    assert imported.table["test_acc_percent"].tolist() == [94]
    assert imported.notes == (
        "8 trainings, 1 architectures of family darts",
        "1 trainings of networks without cells are skipped",
        "2 trainings that were not finished are skipped",
        "4 trainings of cells that are none of family darts are skipped",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([entry(None, 5.0)], "no finished training of a network of cells: 1 of networks without"),
        ({"00000000": {"test_acc": []}}, "is not NDS's JSON: expected a list of trainings"),
        ([], "is not NDS's JSON"),
        ("text", "is not NDS's JSON"),
        ([entry(V2, 6.0), {"net": {}}], "entry 2: not a training of NDS: expected net, optim"),
        ([entry(V2, 6.0, params="many")], "entry 1: not a training of NDS"),
        ([entry({"normal": 5}, 6.0)], "entry 1: not a training of NDS"),
    ],
)
def test_other_files(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(LmregError, match=message):
        read(tmp_path / "file.json", content)


def test_files_cut_off(tmp_path: Path) -> None:
    text = json.dumps([entry(V2, 6.0)])
    (tmp_path / "file.json").write_text(text[: len(text) // 2])
    with pytest.raises(LmregError, match="is not a whole JSON file"):
        NDSFile(Config()).read(tmp_path / "file.json")
