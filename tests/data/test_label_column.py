from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lmreg.data.label_column import number_labels, read_label_column
from lmreg.errors import LmregError


def row(i: int) -> str:
    return f"row {i}"


def labels(
    train: list[Any], test: list[Any] | None = None, names: tuple[str, ...] | None = None
) -> tuple[list[int], list[int], tuple[str, ...]]:
    parts = [
        read_label_column(pa.chunked_array([pa.array(column)]), "column 'y'", row)
        for column in (train, train if test is None else test)
    ]
    first, second, classes = number_labels(parts[0], parts[1], names, "column 'y'", row)
    assert first.dtype == second.dtype == np.int64
    return first.tolist(), second.tolist(), classes


@pytest.mark.parametrize(
    ("train", "expected", "classes"),
    [
        ([0, 1, 2, 1], [0, 1, 2, 1], "0 1 2"),
        ([1, 2, 3, 2], [0, 1, 2, 1], "1 2 3"),
        ([0, 5, 9, 5], [0, 1, 2, 1], "0 5 9"),
        ([2**40, 2**40 + 1], [0, 1], "1099511627776 1099511627777"),
        ([-1, 1, 1], [0, 1, 1], "-1 1"),
        ([1.0, 2.0], [0, 1], "1 2"),
        ([True, False], [1, 0], "False True"),
        (["dog", "cat", "dog"], [1, 0, 1], "cat dog"),
    ],
)
def test_numbers_and_text_name_classes(train: list[Any], expected: list[int], classes: str) -> None:
    assert labels(train) == (expected, expected, tuple(classes.split()))


def test_names_of_the_file_go_with_its_numbers() -> None:
    assert labels([0, 2], [1], ("a", "b", "c")) == ([0, 2], [1], ("a", "b", "c"))
    coded = pa.chunked_array([pa.array(["x", "y", "x"]).dictionary_encode()])
    assert read_label_column(coded, "column 'y'", row).tolist() == ["x", "y", "x"]


def test_classes_are_those_of_training() -> None:
    assert labels([3, 4, 5], [5, 3]) == ([0, 1, 2], [2, 0], ("3", "4", "5"))
    with pytest.raises(LmregError, match=r"column 'y' of row 4 is 9, which no training row has"):
        labels([3, 4, 5], [5, 9])
    with pytest.raises(LmregError, match=r"column 'y' of row 0 is 'a', but of row 2 1; both parts"):
        labels(["a", "b"], [1, 2])


@pytest.mark.parametrize(
    "ids",
    [range(30), range(10**9, 10**9 + 30), (i // 1.5 for i in range(60)), map("a photo {}".format, range(30))],
)
def test_ids_are_refused_as_classes(ids: Any) -> None:
    with pytest.raises(
        LmregError, match=r"column 'y' has \d+ different values in \d+ training rows .* like ids"
    ):
        labels(list(ids))


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ([0, None], "column 'y' of row 1 is None: a label must be"),
        ([None, None], "column 'y' of row 0 is None"),
        (["a", None], "column 'y' of row 1 is None"),
        (["a", ""], "column 'y' of row 1 is ''"),
        ([0.0, 0.5], "column 'y' of row 1 is 0.5: a label must be"),
        ([0.0, float("nan")], "column 'y' of row 1 is nan"),
        ([0.0, float("inf")], "column 'y' of row 1 is inf"),
        ([0, 1, -2], "column 'y' of row 2 is -2: a label must not be below 0"),
        ([[0, 1], [1, 0]], r"column 'y' of row 0 is \[0, 1\]: .*, not of type list"),
        ([{"a": 1}, {"a": 2}], r"column 'y' of row 0 is \{'a': 1\}: .*, not of type struct"),
        ([b"a", b"b"], r"column 'y' of row 0 is b'a': .*, not of type binary"),
        ([7, 7, 7], r"column 'y' of row 0 .*: all training images are of one class \(7\)"),
    ],
)
def test_values_that_cant_be_labels_are_reported_by_row(train: list[Any], message: str) -> None:
    with pytest.raises(LmregError, match=message) as error:
        labels(train)
    assert "\n" not in str(error.value)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("value", "kind"), [(1e30, "f8"), (-1e30, "f8"), (2.0**60, "f8"), (2**64 - 1, "u8")])
def test_numbers_too_large_for_a_class_are_refused(value: float, kind: str) -> None:
    column = pa.chunked_array([pa.array(np.array([0, value, 1], kind))])
    with pytest.raises(LmregError, match=r"column 'y' of row 1 is .*: too large for the number of") as error:
        read_label_column(column, "column 'y'", row)
    assert str(value) in str(error.value)
