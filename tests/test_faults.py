"""Damaged, foreign and future files, and full disks: the error is one line, and nothing is lost."""

from __future__ import annotations

import contextlib
import json
import pickle
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.conftest import TINY_SEARCH, InProcess, Lmreg

STUDY = "nasbench201-fashion_mini"
SEARCH = ("search", "reg=landmark", *TINY_SEARCH)
EVALUATE = ("evaluate", "bootstrap=100")


@pytest.fixture(scope="module")
def made(evaluated_study: Path, lmreg: Lmreg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with landmarks, two finished searches, their evaluation and report."""
    root = tmp_path_factory.mktemp("made") / "root"
    shutil.copytree(evaluated_study, root)
    for folder in (root / STUDY / "search").glob("*-s1"):
        shutil.rmtree(folder)
    for command in (EVALUATE, ("report",)):
        done = lmreg(*command, f"root={root}")
        assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "root")
    return tmp_path / "root"


def run_of(root: Path, reg: str = "landmark") -> Path:
    (folder,) = (root / STUDY / "search").glob(f"*-{reg}-*-s0")
    return folder


class Trap:
    """Unpickling this would leave a file."""

    def __init__(self, sign: Path):
        self.sign = sign

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.sign,)  # type: ignore[return-value]


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def junk(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 3)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def removed(path: Path) -> None:
    path.unlink()


def trapped(path: Path) -> None:
    path.write_bytes(pickle.dumps(Trap(path.parent / "sprung")))


def edited(**changes: object) -> Callable[[Path], None]:
    """Return a function that changes keys of a JSON file, or removes those whose value is None."""

    def edit(path: Path) -> None:
        value = {**json.loads(path.read_text()), **changes}
        path.write_text(json.dumps({k: v for k, v in value.items() if v is not None}))

    return edit


def edited_checkpoint(**changes: object) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        torch.save({**torch.load(path, weights_only=True), **changes}, path)

    return edit


def replaced(old: str, new: str) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return edit


def of_other_data(path: Path) -> None:
    edited(data_hash="0")(path)
    shutil.rmtree(path.parent / ".scores")  # cached scores would need no data


def first_rows(count: int) -> Callable[[Path], None]:
    return lambda path: path.write_text("\n".join(path.read_text().splitlines()[: count + 1]) + "\n")


# file in the study, what is done to it, the command that meets it, what its line says
LANDMARKS = [
    ("landmarks/manifest.json", half, "manifest.json is not valid JSON"),
    ("landmarks/manifest.json", junk, "manifest.json is not valid JSON"),
    ("landmarks/manifest.json", emptied, "manifest.json is not valid JSON"),
    ("landmarks/manifest.json", lambda p: p.write_text("[]"), "manifest.json"),
    ("landmarks/manifest.json", removed, "'lmreg train-landmarks' makes them"),
    ("landmarks/manifest.json", edited(format=2), "has format 2, this lmreg reads 1"),
    ("landmarks/manifest.json", edited(format=None), "manifest.json lacks format"),
    ("landmarks/manifest.json", edited(space=None), "manifest.json lacks space"),
    ("landmarks/manifest.json", edited(pool=None), "manifest.json lacks pool"),
    ("landmarks/manifest.json", edited(landmarks={"column": "x"}), "manifest.json lacks landmarks.hash"),
    ("landmarks/manifest.json", edited(space="darts"), "has landmarks of space darts, not of nasbench201"),
    ("landmarks/manifest.json", edited(data_hash="0"), "trained on other data or other splits"),
    ("landmarks/landmarks.csv", removed, "can't read"),
    ("landmarks/landmarks.csv", emptied, "landmarks.csv is not a CSV table"),
    ("landmarks/landmarks.csv", junk, "landmarks.csv"),
    ("landmarks/landmarks.csv", half, "landmarks.csv"),
    ("landmarks/landmarks.csv", first_rows(0), "landmarks.csv has no rows"),
    ("landmarks/landmarks.csv", first_rows(1), "landmarks.csv is not what manifest.json describes"),
    ("landmarks/landmarks.csv", replaced("nor_conv_3x3", "nor_conv_5x5"), "is not a NAS-Bench-201 cell"),
    ("landmarks/landmarks.csv", replaced("accuracy_percent,", "acc,"), "no column 'accuracy_percent'"),
    ("landmarks/pool.csv", removed, "can't read"),
    ("landmarks/pool.csv", first_rows(2), "pool.csv is not what manifest.json describes"),
]

FINISHED = [
    ("config.yaml", junk, SEARCH, "config.yaml can't be read"),
    ("config.yaml", replaced("lr: 0.05", "lr: [0.05"), EVALUATE, "config.yaml can't be read, line "),
    ("config.yaml", emptied, SEARCH, "config.yaml is not a configuration"),
    ("config.yaml", half, SEARCH, "delete"),
    ("config.yaml", replaced("lr: 0.05", "lr: 0.06"), SEARCH, "trainer.lr: 0.06 -> 0.05"),
    ("result.json", half, SEARCH, "result.json is not valid JSON"),
    ("result.json", half, EVALUATE, "result.json is not valid JSON"),
    ("result.json", lambda p: p.write_text("{}"), EVALUATE, "result.json lacks algo, chosen_by"),
    ("result.json", of_other_data, EVALUATE, "trained on other data"),
    ("config.yaml", half, EVALUATE, "config.yaml"),
    ("config.yaml", replaced("lmreg.algo.spos.SPOS", "os.system"), ("report",), ""),
    (
        "config.yaml",
        replaced("lmreg.space.nasbench201.NASBench201", "os.system"),
        EVALUATE,
        "only classes of",
    ),
    ("candidates.csv", removed, SEARCH, "can't read"),
    ("candidates.csv", first_rows(0), SEARCH, "candidates.csv has no rows"),
    ("supernet.pt", half, EVALUATE, "supernet.pt is not a readable checkpoint"),
    ("supernet.pt", removed, EVALUATE, "supernet.pt"),
    ("supernet.pt", trapped, EVALUATE, "supernet.pt is not a readable checkpoint"),
    ("supernet.pt", edited_checkpoint(format=2), EVALUATE, "supernet.pt has format 2, this lmreg reads 1"),
    ("supernet.pt", edited_checkpoint(config_hash="x"), EVALUATE, "belongs to another configuration"),
]

BEGUN = [
    (half, "checkpoint.pt is not a readable checkpoint"),
    (emptied, "checkpoint.pt is not a readable checkpoint"),
    (junk, "checkpoint.pt is not a readable checkpoint"),
    (trapped, "checkpoint.pt is not a readable checkpoint"),
    (edited_checkpoint(format=2), "checkpoint.pt has format 2, this lmreg reads 1"),
    (edited_checkpoint(config_hash="x"), "checkpoint.pt belongs to another configuration"),
    (edited_checkpoint(state={}), "checkpoint.pt"),
]

EVALUATED = [
    ("metrics.csv", emptied, "metrics.csv"),
    ("metrics.csv", removed, "'lmreg evaluate'"),
    ("metrics.csv", replaced("statistic", "figure"), "no column 'statistic'"),
    ("paired.csv", junk, "paired.csv"),
    ("baselines.csv", first_rows(0), "baselines.csv"),
]


def one_line(outcome: tuple[int, str, str], says: str) -> None:
    code, _, errors = outcome
    assert code == 2, errors
    assert errors.startswith("Error: ")
    assert errors.count("\n") == 1
    assert says in errors


def each(cases: list[tuple]) -> list:  # type: ignore[type-arg]
    return [
        pytest.param(*case, id=f"{i}-{case[0] if isinstance(case[0], str) else ''}")
        for i, case in enumerate(cases)
    ]


@pytest.mark.parametrize(("file", "damage", "says"), each(LANDMARKS))
def test_damaged_landmarks(
    root: Path, in_process: InProcess, file: str, damage: Callable[[Path], None], says: str
) -> None:
    damage(root / STUDY / file)
    one_line(in_process("search", "reg=landmark", "seed=7", f"root={root}", *TINY_SEARCH), says)
    assert not list((root / STUDY / "search").glob("*s7"))  # refused before anything is trained


@pytest.mark.parametrize(("file", "damage", "call", "says"), each(FINISHED))
def test_damaged_runs(
    root: Path,
    in_process: InProcess,
    file: str,
    damage: Callable[[Path], None],
    call: tuple[str, ...],
    says: str,
) -> None:
    damage(run_of(root) / file)
    outcome = in_process(*call, f"root={root}")
    if call == ("report",):  # it builds nothing, so that a foreign class is only a text
        assert outcome[0] == 0
        return
    one_line(outcome, says)
    assert not list(root.rglob("sprung"))


@pytest.mark.parametrize(("damage", "says"), each(BEGUN))
def test_damaged_checkpoints(
    root: Path, in_process: InProcess, damage: Callable[[Path], None], says: str
) -> None:
    (run_of(root) / "result.json").unlink()
    damage(run_of(root) / "checkpoint.pt")
    one_line(in_process(*SEARCH, f"root={root}"), says)
    assert not list(root.rglob("sprung"))


@pytest.mark.parametrize(("file", "damage", "says"), each(EVALUATED))
def test_damaged_evaluations(
    root: Path, in_process: InProcess, file: str, damage: Callable[[Path], None], says: str
) -> None:
    damage(root / STUDY / "evaluate" / file)
    one_line(in_process("report", f"root={root}"), says)


def test_evaluate_mends_what_is_damaged(root: Path, in_process: InProcess) -> None:
    """All at once: `evaluate` reads none of these files."""
    for file, damage, _ in EVALUATED[2:]:
        damage(root / STUDY / "evaluate" / file)
    assert in_process("report", f"root={root}")[0] == 2
    assert in_process(*EVALUATE, f"root={root}")[0] == 0
    assert in_process("report", f"root={root}")[0] == 0


def test_a_torn_score_store_is_told(root: Path, in_process: InProcess) -> None:
    (store,) = (run_of(root) / ".scores").glob("*.json")
    half(store)
    one_line(in_process(*EVALUATE, f"root={root}"), "delete it to have it made again")


@contextlib.contextmanager
def tiny_disk() -> Iterator[None]:
    """No file may grow beyond 4 kB: the system refuses to write more, as it does on a full disk.

    Only while a command runs: pytest's own output may be a longer file.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_and_leaves_what_was_there(root: Path, in_process: InProcess) -> None:
    run = run_of(root)
    (run / "result.json").unlink()
    checkpoint = (run / "checkpoint.pt").read_bytes()
    (run / "supernet.pt").unlink()
    with tiny_disk():
        outcome = in_process(*SEARCH, f"root={root}")
    one_line(outcome, "can't write")
    assert (run / "checkpoint.pt").read_bytes() == checkpoint
    assert not (run / "supernet.pt").exists()
    assert not list(root.rglob("*.unfinished"))


def test_a_full_disk_at_the_report(root: Path, in_process: InProcess) -> None:
    page = root / STUDY / "report" / "index.html"
    before = page.read_bytes()
    with tiny_disk():
        outcome = in_process("report", f"root={root}", "title=another")
    one_line(outcome, "can't write")
    assert page.read_bytes() == before


@pytest.mark.parametrize("command", ["train-landmarks", "search", "evaluate", "report"])
def test_a_place_that_cannot_be_written(root: Path, in_process: InProcess, command: str) -> None:
    """There is a file in place of a folder: permissions wouldn't stop a superuser."""
    place = {"train-landmarks": "landmarks", "search": "search", "evaluate": "evaluate", "report": "report"}
    study = root / STUDY
    shutil.rmtree(study / place[command])
    if command != "search":
        (study / place[command]).write_text("in the way")
        (root / "x").mkdir()
    else:
        (study / "search").write_text("in the way")
    sizes = {"train-landmarks": ("landmarks.count=2", "landmarks.pool=2", "workers=1", "trainer.steps=1")}
    extra = TINY_SEARCH if command == "search" else sizes.get(command, ())
    one_line(in_process(command, f"root={root}", *extra), place[command])
