from __future__ import annotations

from pathlib import Path

import pytest

from lmreg.data.layout import difference, find, nearly_same, part_of
from lmreg.errors import LmregError


def made(root: Path, *paths: str) -> Path:
    """``root`` with these files and, of paths that end in a slash, folders."""
    for path in paths:
        place = root / path
        (place if path.endswith("/") else place.parent).mkdir(parents=True, exist_ok=True)
        if not path.endswith("/"):
            place.touch()
    return root


def parts(root: Path, train: str = "train", test: str = "test") -> tuple[str, str | None]:
    layout = find(root, train, test)
    return str(layout.train.relative_to(root)), layout.test and str(layout.test.relative_to(root))


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("Train", "Test"),
        ("TRAIN", "TEST"),
        ("training", "testing"),
        ("training_set", "test_set"),
        ("Train Data", "test-images"),
        ("trainset", "Testset"),
    ],
)
def test_parts_go_by_any_usual_name(tmp_path: Path, train: str, test: str) -> None:
    made(tmp_path, f"{train}/a/", f"{train}/b/", f"{test}/a/", f"{test}/b/", "val/a/", "notes/")
    assert parts(tmp_path) == (train, test)
    layout = find(tmp_path, "train", "test")
    assert layout.taken == tuple(
        f"{there}/ taken as the {name} part"
        for there, name in ((train, "train"), (test, "test"))
        if there != name
    )


@pytest.mark.parametrize(
    "around", ["images", "my_data/images", "dataset", "some/where", "training_set/../data"]
)
def test_a_folder_around_the_parts_is_looked_into(tmp_path: Path, around: str) -> None:
    made(tmp_path, *(f"{around}/{part}/{name}/" for part in ("Train", "test") for name in "ab"))
    inner = (tmp_path / around).resolve().relative_to(tmp_path.resolve())
    if around.startswith("training_set"):
        (tmp_path / "training_set").rmdir()
    assert parts(tmp_path) == (f"{inner}/Train", f"{inner}/test")
    assert find(tmp_path, "train", "test").taken[0] == f"{inner}/ taken as the data set"


def test_a_folder_around_classes_is_looked_into_if_its_name_says_nothing(tmp_path: Path) -> None:
    made(tmp_path, "one/images/a/", "one/images/b/", "two/cats/tabby/", "two/cats/black/")
    assert parts(tmp_path / "one") == ("images", None)
    assert parts(tmp_path / "two") == (".", None)  # one class, of two folders: asked for elsewhere
    made(
        tmp_path,
        "three/train/train/a/",
        "three/train/train/b/",
        "three/test/images/a/",
        "three/test/images/b/",
    )
    assert parts(tmp_path / "three") == ("train/train", "test/images")


def test_names_of_the_options_go_first(tmp_path: Path) -> None:
    made(tmp_path, *(f"{part}/{name}/" for part in ("train", "Training", "test", "val") for name in "ab"))
    assert parts(tmp_path) == ("train", "test")
    assert parts(tmp_path, "Training", "val") == ("Training", "val")
    with pytest.raises(
        LmregError, match=r"data.train_folder=trian: .* has no such folder with classes in it"
    ):
        find(tmp_path, "trian", "test")


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (("Train/1.png", "Test/2.png"), "has Train and Test, which are names of parts, not of classes"),
        (("a/1.png", "train/1.png", "Val/2.png"), "has train and Val, which are names of parts"),
        (("Test/a/1.png", "Test/b/1.png", "a/1.png"), "has Test with folders in it, but no train folder"),
        (
            ("Train/a/", "Train/b/", "training/a/", "training/b/"),
            "has Train and training; say which is the train",
        ),
        (("train/a/", "train/b/", "Test/1.png"), "Test has no folders in it, so that its images have none"),
        (("train/a/", "train/b/", "val/a/"), r"there is no .*test with the same; .*\(there are: val\)"),
        (
            ("images/1.png", "masks/1.png"),
            "has images and masks, which look like images and what belongs to them",
        ),
        (("Images/1.png", "Labels/1.txt"), "has Images and Labels, which look like images"),
    ],
)
def test_what_cant_be_told_is_asked(tmp_path: Path, paths: tuple[str, ...], message: str) -> None:
    made(tmp_path, *paths)
    with pytest.raises(LmregError, match=message) as error:
        find(tmp_path, "train", "test")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "names", [("bus", "train"), ("valid", "invalid"), ("test", "control"), ("cat", "dog")]
)
def test_classes_may_have_the_name_of_one_part(tmp_path: Path, names: tuple[str, ...]) -> None:
    made(tmp_path, *(f"{name}/1.png" for name in names))
    assert parts(tmp_path) == (".", None)


def test_names_of_parts() -> None:
    assert [part_of(name) for name in ("Train", "Valid", "TEST ", "trains", "images", "dev")] == [
        *("train", "validation", "test", None, None, "validation")
    ]


def test_names_that_are_nearly_the_same() -> None:
    assert nearly_same(("Cat", "a", "A", "cat", "dog", "dog ")) == [("Cat", "cat"), ("dog", "dog ")]
    composed, apart = "\u00e9", "e\u0301"
    assert nearly_same((composed, apart)) == [(composed, apart)]
    assert difference(composed, apart) == "the Unicode form of accents"
    assert difference("dog", "dog ") == "case or spaces"


def test_a_test_part_that_is_asked_for_is_not_forgotten(tmp_path: Path) -> None:
    made(tmp_path, "a/1.png", "b/1.png", "hold/a/1.png", "hold/b/1.png")
    for name, told in (
        (
            "hold",
            "there is no folder of the training part beside it in .*; name it by data.train_folder=<name>",
        ),
        ("held", "has no such folder"),
    ):
        with pytest.raises(LmregError, match=f"data.test_folder={name}: .*{told}"):
            find(tmp_path, "train", name)
