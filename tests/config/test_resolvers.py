from __future__ import annotations

from pathlib import Path

import pytest

import lmreg.experiment.study  # noqa: F401 (names are resolved by what builds a config)
from lmreg.config.resolvers import last_part


@pytest.mark.parametrize(
    ("places", "name"),
    [
        (["/data/my_images", "folder"], "my_images"),
        (["/data/my_images/", "folder"], "my_images"),
        (["/data/x/../my images (2)", "folder"], "my_images_2_"),
        ([None, "folder"], "folder"),
        (["zalando-datasets/fashion_mnist", None, "hub"], "fashion_mnist"),
        ([None, "data/birds", "hub"], "birds"),
        (["/", "folder"], "data"),
    ],
)
def test_the_first_place_names_the_data(places: list[str | None], name: str) -> None:
    assert last_part(*places) == name


def test_a_relative_path_has_the_name_of_what_it_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "birds").mkdir()
    monkeypatch.chdir(tmp_path / "birds")
    monkeypatch.setenv("HOME", str(tmp_path / "birds"))
    for place in (".", "../birds", "~", str(tmp_path / "birds")):
        assert last_part(place, "folder") == "birds"


def test_the_study_is_named_by_the_folder(composed) -> None:  # type: ignore[no-untyped-def]
    assert composed("search", "data=folder", "data.path=/a/my_images").study == "nasbench201-my_images"
    assert composed("search", "data=hub", "data.hub=x/birds").study == "nasbench201-birds"
    assert composed("search", "data=folder").study == "nasbench201-folder"
    assert composed("search", "data=folder", "data.path=/a/b", "data.name=mine").study == "nasbench201-mine"
    assert composed("search").study == "nasbench201-fashion_mini"
