"""The wheel carries its configuration and data, and runs from any folder."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from tests.conftest import ROOT, TINY_SEARCH


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*pip, "-w", out, ROOT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = out.glob("lmreg-*.whl")
    return path


def test_it_ships_every_yaml_and_the_embedded_images(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {f"lmreg/{p.relative_to(ROOT)}" for p in (ROOT / "conf").rglob("*.yaml")}
    assert shipped <= names
    assert {"lmreg/data/fashion_mini.npz", "lmreg/conf/options.json"} <= names
    assert wheel.stat().st_size < 3_000_000


def test_it_searches_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    clean, elsewhere = tmp_path / "venv", tmp_path / "elsewhere"
    elsewhere.mkdir()
    venv.create(clean, with_pip=True)
    python = clean / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, capture_output=True)
    # Dependencies come from this environment; a path file doesn't bring its editable lmreg along.
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True).stdout.strip()
    (Path(site) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    found = subprocess.run(
        [python, "-c", "import lmreg; print(lmreg.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=elsewhere,
    )
    assert found.stdout.startswith(str(clean))
    call = [clean / "bin" / "lmreg", "search", "reg=none", *TINY_SEARCH]
    done = subprocess.run(call, capture_output=True, text=True, cwd=elsewhere, check=False)
    assert done.returncode == 0, done.stderr
    (result,) = elsewhere.glob("outputs/nasbench201-fashion_mini/search/*/result.json")
    assert result.stat().st_size > 0
