from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lmreg.errors import LmregError
from lmreg.kind.base import Imported
from lmreg.kind.nds import Config, NDSFile
from lmreg.space.darts import DARTS, OPERATIONS

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


def entry(genotype: dict[str, Any] | None, test: float, **changes: Any) -> dict[str, Any]:
    """A training of two epochs, errors in percent."""
    net = {"width": 16, "depth": 8, "aux": False, "drop_prob": 0.0}
    return {
        "job_id": 7,
        "rng_seed": 1,
        "net": net | ({"genotype": genotype} if genotype else {"block_type": "res_basic_block"}),
        "optim": {"base_lr": 0.1, "wd": 5e-4, "max_ep": 2},
        "params": 400_000,
        "flops": 60_000_000,
        "train_ep_top1": [50.0, 1.25],
        "train_ep_loss": [1.5, float("nan")],
        "train_it_loss": [2.0] * 100,
        "test_ep_top1": [60.0, test],
    } | changes


def read(path: Path, content: Any) -> Imported:
    path.write_text(json.dumps(content))
    return NDSFile(Config()).read(path)


def test_errors_become_accuracies_of_genotypes(tmp_path: Path) -> None:
    imported = read(tmp_path / "DARTS.json", [entry(V2, 6.37), entry(OTHER, 5.5)])
    row = imported.table.iloc[0].to_dict()
    # An edge is into the node that its place in the list says; a node's inputs have no order.
    cells = DARTS().cells(DARTS().parse(row.pop("arch")))
    for edges, nodes in zip((V2["normal"], V2["reduce"]), cells, strict=True):
        found = [{(OPERATIONS[choice], source) for source, choice in node} for node in nodes]
        assert found == [{tuple(edge) for edge in edges[2 * i : 2 * i + 2]} for i in range(4)]  # type: ignore[misc]
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
    assert imported.notes == ("2 trainings, 2 architectures",)


def test_the_order_of_a_nodes_inputs_makes_no_second_architecture(tmp_path: Path) -> None:
    swapped = V2 | {"normal": [*V2["normal"][1::-1], *V2["normal"][2:]]}
    table = read(tmp_path / "DARTS.json", [entry(V2, 6.0), entry(swapped, 5.0)]).table
    assert table["test_acc_percent"].tolist() == [94.5]
    assert table["trainings"].tolist() == [2]


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
        "4 trainings, 2 architectures",
        "1 trainings that repeat an architecture under another setting are passed over",
        "widths and depths differ, and with them the scores: not only the cells",
    )


def outside() -> list[dict[str, Any]]:
    """Genotypes of other spaces: an operation, a node's inputs, the nodes joined, their number."""
    other_operation = [["sep_conv_7x7", 0], *V2["normal"][1:]]
    from_itself = [["sep_conv_3x3", 2], *V2["normal"][1:]]
    without_operation = [["none", 0], *V2["normal"][1:]]
    twice_the_same = [["sep_conv_3x3", 1], *V2["normal"][1:]]
    return [
        *(
            {**V2, "normal": cell}
            for cell in (other_operation, without_operation, from_itself, twice_the_same)
        ),
        {**V2, "reduce_concat": [4, 5]},
        {**V2, "normal": [*V2["normal"], ["sep_conv_3x3", 0], ["sep_conv_3x3", 1]]},
    ]


def test_other_spaces_and_unfinished_trainings_are_passed_over_and_counted(tmp_path: Path) -> None:
    unfinished = [entry(OTHER, 5, test_ep_top1=[60.0]), entry(OTHER, float("nan"))]
    content = [entry(None, 5.0), entry(V2, 6.0), *(entry(g, 5.0) for g in outside()), *unfinished]
    imported = read(tmp_path / "DARTS.json", content)
    assert imported.table["test_acc_percent"].tolist() == [94]
    assert imported.notes == (
        "10 trainings, 1 architectures",
        "1 trainings of networks without cells are passed over",
        "6 trainings of cells outside the DARTS space are passed over",
        "2 trainings that were not finished are passed over",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([entry(None, 5.0)], "no finished training of a DARTS cell: 1 of networks without cells"),
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
