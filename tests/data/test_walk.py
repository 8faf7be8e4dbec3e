from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from lmreg.data.walk import PICTURE_SUFFIXES, Skipped, data_files, matching_files, pictures_in, subfolders
from lmreg.errors import LmregError


def test_skipped_files_are_counted_by_kind(tmp_path: Path) -> None:
    picture = Image.new("L", (4, 4))
    for name in ("a.png", "B.JFIF", "c.jpe", "deep/d.tga"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        kinds = {".jfif": "JPEG", ".jpe": "JPEG"}
        picture.save(tmp_path / name, kinds.get((tmp_path / name).suffix.lower()))
    picture.save(tmp_path / "no_ending", "PNG")
    for name in ("x.txt", "y.TXT", "z.heic", "LICENSE", ".DS_Store", "a.png~", "1.a", "1.b", "1.c"):
        (tmp_path / name).write_text("no picture")
    for name in (".cache", "__MACOSX", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    passed = Skipped()
    found = {path.name for path in data_files(tmp_path, PICTURE_SUFFIXES, passed, tmp_path)}
    assert found == {"a.png", "B.JFIF", "c.jpe", "d.tga", "no_ending"}
    assert passed.endings == {
        ".txt": 2,
        ".heic": 1,
        "without an ending": 1,
        ".png~": 1,
        ".a": 1,
        ".b": 1,
        ".c": 1,
    }
    words = passed.words()
    assert words[0] == "2 .txt files"
    assert "2 files with other endings" in words
    assert {"1 hidden file", "2 hidden folders", "1 empty folder", "1 link to a file that is read"} <= set(
        words
    )


def test_other_endings_are_recognised_by_name_only(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "map", "PNG")
    (tmp_path / "map.npy").touch()
    passed = Skipped()
    assert [path.name for path in data_files(tmp_path, (".npy",), passed, tmp_path)] == ["map.npy"]
    assert passed.words() == ("1 file without an ending",)


@pytest.mark.parametrize("at", [".", "a", "a/deep"])
def test_a_folder_that_cant_be_read_is_refused(
    tmp_path: Path, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "deep").mkdir(parents=True)
    Image.new("L", (4, 4)).save(tmp_path / "a" / "1.png")
    closed = str(tmp_path / at)

    def closing(name: str):  # type: ignore[no-untyped-def]
        real = getattr(os, name)

        def of(path: str | os.PathLike[str] = ".") -> Iterator[object]:
            if os.path.normpath(path) == closed:
                raise PermissionError(13, "Permission denied", str(path))
            return real(path)  # type: ignore[no-any-return]

        monkeypatch.setattr(os, name, of)

    closing("scandir")
    closing("listdir")
    message = f"can't read the folder {closed}: permission denied; make it readable or move"
    for read in (
        lambda: list(data_files(tmp_path, PICTURE_SUFFIXES, Skipped(), tmp_path)),
        lambda: matching_files(tmp_path, "*.png"),
        *([lambda: subfolders(tmp_path)] if at == "." else []),
    ):
        with pytest.raises(LmregError, match=message):
            read()


def test_only_files_are_opened(tmp_path: Path) -> None:
    """Opening a pipe would wait for ever."""
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    for name in ("pipe.png", "pipe", "pipe.txt"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "device.png").symlink_to("/dev/zero")
    (tmp_path / "nothing").symlink_to("nowhere")
    passed = Skipped()
    assert [path.name for path in data_files(tmp_path, PICTURE_SUFFIXES, passed, tmp_path)] == ["a.png"]
    assert passed.words() == ("1 .txt file", "3 pipes, sockets or devices", "1 broken link")
    assert [path.name for path in pictures_in(tmp_path)] == ["a.png"]


def test_a_broken_link_named_like_a_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to("gone/b.png")
    with pytest.raises(LmregError, match=r"a.png is a broken link \(to gone/b.png\); repair or remove it"):
        list(data_files(tmp_path, PICTURE_SUFFIXES, Skipped(), tmp_path))


def test_a_pattern_may_name_the_folder(tmp_path: Path) -> None:
    for name in ("a/data/train-0.parquet", "a/other/train-1.parquet", "data/test-0.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert matching_files(tmp_path, "data/train*.parquet") == [tmp_path / "a/data/train-0.parquet"]
    assert len(matching_files(tmp_path, "train*.parquet")) == 2
