from __future__ import annotations

from pathlib import Path

from PIL import Image

from lmreg.data.walk import PICTURES, PassedOver, files


def test_what_is_passed_over_is_counted_by_kind(tmp_path: Path) -> None:
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
    passed = PassedOver()
    found = {path.name for path in files(tmp_path, PICTURES, passed, tmp_path)}
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
    assert "2 files of other endings" in words
    assert {"1 hidden file", "2 hidden folders", "1 empty folder", "1 link to a file that is read"} <= set(
        words
    )


def test_other_endings_are_taken_by_name_only(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "map", "PNG")
    (tmp_path / "map.npy").touch()
    passed = PassedOver()
    assert [path.name for path in files(tmp_path, (".npy",), passed, tmp_path)] == ["map.npy"]
    assert passed.words() == ("1 file without an ending",)
