from __future__ import annotations

import re
from pathlib import Path

import pytest

from lmreg.data.layout import confusable_pairs, describe_difference, find_layout, part_named
from lmreg.errors import LmregError


def made(root: Path, *paths: str) -> Path:
    """Create these files in ``root``, and folders for paths that end in a slash."""
    for path in paths:
        place = root / path
        (place if path.endswith("/") else place.parent).mkdir(parents=True, exist_ok=True)
        if not path.endswith("/"):
            place.touch()
    return root


def parts(root: Path, train: str = "train", test: str = "test") -> tuple[str, str | None]:
    layout = find_layout(root, train, test)
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
    layout = find_layout(tmp_path, "train", "test")
    assert layout.assumptions == tuple(
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
    assert find_layout(tmp_path, "train", "test").assumptions[0] == f"{inner}/ taken as the data set"


def test_a_folder_around_classes_is_looked_into_if_its_name_says_nothing(tmp_path: Path) -> None:
    made(tmp_path, "one/images/a/", "one/images/b/", "two/cats/tabby/", "two/cats/black/")
    assert parts(tmp_path / "one") == ("images", None)
    assert parts(tmp_path / "two") == (".", None)  # a single class, which the reader refuses
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
        find_layout(tmp_path, "trian", "test")


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
        (("train/a/", "train/b/", "Test/1.png"), "Test has no folders in it, so its images have none"),
        (
            ("train/a/", "train/b/", "val/a/"),
            r"there is no .*test with the same classes; .*\(there are: val\)",
        ),
        (
            ("images/1.png", "masks/1.png"),
            "has images and masks, which look like images and their targets",
        ),
        (("Images/1.png", "Labels/1.txt"), "has Images and Labels, which look like images"),
        (("X_train/1.png", "X_test/2.png"), "has X_train and X_test, .* but they contain no class folders"),
    ],
)
def test_ambiguous_layouts_are_refused(tmp_path: Path, paths: tuple[str, ...], message: str) -> None:
    made(tmp_path, *paths)
    with pytest.raises(LmregError, match=message) as error:
        find_layout(tmp_path, "train", "test")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "names", [("bus", "train"), ("valid", "invalid"), ("test", "control"), ("cat", "dog")]
)
def test_classes_may_have_the_name_of_one_part(tmp_path: Path, names: tuple[str, ...]) -> None:
    made(tmp_path, *(f"{name}/1.png" for name in names))
    assert parts(tmp_path) == (".", None)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("X_train", "X_test"),
        ("train1", "test1"),
        ("trainA", "testA"),
        ("cats-training", "cats-val"),
        ("my photos.Train", "HOLDOUT_TEST_2"),
        ("XTrain", "XTesting"),
    ],
)
def test_parts_whose_names_only_contain_the_word_are_asked_for(tmp_path: Path, train: str, test: str) -> None:
    made(tmp_path, *(f"{part}/{name}/1.png" for part in (train, test) for name in "ab"), "other/1.png")
    options = re.escape(f"; pass data.train_folder={train} data.test_folder={test}")
    with pytest.raises(LmregError, match=rf"which are names of parts, not of classes{options}$"):
        find_layout(tmp_path, "train", "test")
    assert parts(tmp_path, train, test) == (train, test)


@pytest.mark.parametrize(
    "names", [("обучение", "тест"), ("训练", "测试"), ("tr", "te"), ("fold1", "fold2", "fold3")]
)
def test_folders_that_could_be_parts_in_any_language_are_noted(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    made(tmp_path, *(f"{part}/{name}/1.png" for part in names for name in ("cat", "dog")))
    layout = find_layout(tmp_path, "train", "test")
    assert (layout.train, layout.test) == (tmp_path, None)
    assert layout.notes == (
        f"{', '.join(sorted(names))} are read as classes, but each contains the folders cat, dog; if the "
        "latter are the classes, name the parts with data.train_folder=<name> data.test_folder=<name>",
    )
    assert not find_layout(tmp_path, *names[:2]).notes


@pytest.mark.parametrize(
    "paths",
    [
        ("animal/cat/", "animal/dog/", "vehicle/car/", "vehicle/bus/"),
        ("a/x/", "b/x/"),
        ("a/x/", "a/y/", "b/x/", "b/y/", "c/"),
        ("train/tracks/", "train/station/", "test_tube/glass/", "test_tube/rack/"),
    ],
)
def test_other_folders_within_classes_are_not_noted(tmp_path: Path, paths: tuple[str, ...]) -> None:
    made(tmp_path, *(f"{path}1.png" for path in paths))
    if paths[0].startswith("train"):
        (tmp_path / "train").rename(tmp_path / "a train")  # a folder called train would be the part
    layout = find_layout(tmp_path, "train", "test")
    assert (layout.train, layout.test, layout.notes) == (tmp_path, None, ())


def test_names_of_parts() -> None:
    assert [part_named(name) for name in ("Train", "Valid", "TEST ", "trains", "images", "dev")] == [
        *("train", "validation", "test", None, None, "validation")
    ]


def test_names_that_are_nearly_the_same() -> None:
    assert confusable_pairs(("Cat", "a", "A", "cat", "dog", "dog ")) == [("Cat", "cat"), ("dog", "dog ")]
    assert confusable_pairs(("A", "a", "a ")) == [("a", "a ")]
    composed, apart = "\u00e9", "e\u0301"
    assert confusable_pairs((composed, apart)) == [(composed, apart)]
    assert describe_difference(composed, apart) == "the Unicode form of accents"
    assert describe_difference("dog", "dog ") == "case or spaces"


def test_a_test_part_that_is_asked_for_must_exist(tmp_path: Path) -> None:
    made(tmp_path, "a/1.png", "b/1.png", "hold/a/1.png", "hold/b/1.png")
    for name, message in (
        (
            "hold",
            "there is no training folder beside it in .*; name it with data.train_folder=<name>",
        ),
        ("held", "has no such folder"),
    ):
        with pytest.raises(LmregError, match=f"data.test_folder={name}: .*{message}"):
            find_layout(tmp_path, "train", name)
