"""Bad calls end with one line and exit code 2, whatever the mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import InProcess

from lmreg.config.catalogue import options

BAD_CALLS = {
    "search reg=landmrk": "unknown choice 'reg=landmrk'; did you mean 'landmark'?",
    "search algo=xyz": "unknown choice 'algo=xyz'; there are: darts, darts2, fairnas",
    "search reg.wieght=3": "unknown key 'reg.wieght=3'; did you mean 'reg.weight'?",
    "search seeed=3": "unknown key 'seeed=3'; did you mean 'seed'?",
    "search alg=spos": "unknown key 'alg=spos'; did you mean 'algo'?",
    "search +reg.qqq=1": "unknown key 'reg.qqq'; there are: batch, batch_size",
    "search +more=1": "unknown key 'more'",
    "search +more.less=1": "unknown config group 'more'",
    "search reg.weight=heavy": "reg.weight=heavy: must be a number",
    "search reg.weight=-1": "reg.weight=-1.0: must be at least 0",
    "search reg.warmup=1.5": "reg.warmup=1.5: must be between 0 and 1",
    "search reg.schedule=cosine": "reg.schedule=cosine: must be one of constant, cosine_increase",
    "search seed=x": "seed=x: must be a whole number",
    "search threads=all": "threads=all: must be a whole number or null",
    "search reg.skip_satisfied=maybe": "reg.skip_satisfied=maybe: must be true or false",
    "search reg=": "reg=: reg needs one of its choices: landmark, none",
    "search reg=null": "reg=null: reg needs one of its choices: landmark, none",
    "search trainer={}": "trainer={}: trainer needs one of its choices: retrain, standalone, supernet",
    "search algo=5": "algo=5: algo needs one of its choices",
    "search algo@x=spos": "algo@x=spos: a choice can't be put elsewhere by @; write algo=spos",
    "search ~reg": "~reg: reg needs one of its choices",
    "search ~trainer.lr": "~trainer.lr: an option can't be taken out; give it the value",
    "search ~seed": "~seed: an option can't be taken out",
    "search =0.1": "can't read '=0.1': expected key=value",
    "search reg=none reg.name=landmark": "told apart by that name, here none; take reg=landmark",
    "search algo.name=quick": "told apart by that name, here spos; leave it out",
    "search data.name=cifar10": "told apart by that name, here fashion_mini; take data=cifar10",
    "search trainer.epochs=inf": "trainer.epochs=inf: must be finite",
    "search trainer.clip=inf": "trainer.clip=inf: must be finite",
    "search data=folder data.path=. data.value_range=[0,inf]": "must be finite",
    "search trainer.lr = 0.1": "expected key=value, without spaces around =",
    "search trainer.lr": "can't read 'trainer.lr': expected key=value",
    "search trainer..lr=3": "'trainer..lr' can't be the name of an option",
    "search trainer.steps=１０": "write its digits as 0 to 9",
    "search trainer.steps=99999999999999999999": "must be less than 2^63",
    "search trainer.lr=null": "trainer.lr=null: must be a number",
    "search trainer.lr=true": "trainer.lr=true: must be a number",
    "search threads=100000": "threads=100000: must be between 1 and 4096",
    "search --cfg job trainer.steps=10%": "trainer.steps=10%: must be a whole number or null",
    "search trainer.steps=-5 --cfg job": "trainer.steps=-5: must be at least 1",
    "search --cfg all log_every=0": "log_every=0: must be at least 1",
    "train-landmarks landmarks=table landmarks.pool_seed_columns=x": "must be a list, such as [name] or",
    "search reg=none device=CPU": "device=CPU is not available here; did you mean 'cpu'?",
    "report device=foo": "device=foo is not available here",
    "rnus": "no command 'rnus'; did you mean 'runs'?",
    "completion ksh": "'ksh' is not one of 'bash', 'zsh', 'fish'",
    "search trainer.clip=~": "can't read 'trainer.clip=~'",
    "search reg=none device=meta": "device=meta is not available here",
    "search seed=-1": "seed=-1: must be at least 0",
    "search seed=1,2": "seed=1,2: several values; for a sweep over them add -m",
    "search reg=none reg.weight=5": "with reg=none there is no such option; it belongs to reg=landmark",
    "search data.path=x": "with data=fashion_mini there is no such option; it belongs to data=cifar10",
    "search data._target_=my.Reader data.path=x": "to allow a package of your own pass 'allow_packages=[my]'",
    "search algo._target_=my.Algo allow_packages=[my] algo.depth=2": "No module named 'my'",
    "search +network.channels=4": "'network.channels' exists already; leave out the plus",
    "search trainer.batch_size=1": "trainer.batch_size=1: must be at least 2",
    "search trainer.epochs=0": "trainer.epochs=0.0: must be at least 0.01",
    "search scoring.by=acuracy": "scoring.by=acuracy; did you mean 'accuracy'?",
    "search device=gpu": "device=gpu is not available here; use auto, cpu, cuda or cuda:N",
    "search reg._target_=os.system": "only classes of lmreg are built",
    "search reg landmark": "can't read 'reg': expected key=value",
    "search device={a": "can't read 'device={a'",
    "search -m algo=darts,spos algo.alpha_lr=1": "'algo.alpha_lr' belongs to algo=darts",
    "search algo=pcdarts algo.partial=3 reg=none": "partial channels need a multiple of 3;",
    "search algo=darts algo.alpha_split=test reg=none": "algo.alpha_split=test: must be one of",
    "search -m reg=none,landmark reg.weight=5": "'reg.weight' belongs to reg=landmark only; sweep",
    "search --foo": "unknown flag '--foo'",
    "search --cfg": "argument --cfg/-c: expected one argument",
    "search reg=landmark": "'lmreg train-landmarks' makes them",
    "search reg=none trainer.batch_size=5000": "a batch of 5000 needs more images than the",
    "search reg=none data.train_fraction=0.9": "the split fractions",
    "search reg=none data=cifar10 data.path=nowhere": "there is no such folder",
    "search reg=none data=cifar10 data.path=.": "no train*.parquet in that folder",
    "search --reg none": "options have no dashes: reg=<value>",
    "evaluate reg=none": "unknown key 'reg=none'",
    "search reg=none root=/dev/null/x": "can't write to /dev/null/x",
    "search reg=nothing --help": "unknown choice 'reg=nothing'; there are: landmark, none",
    "runs": "no searches in outputs; 'lmreg search' makes them",
    "runs root=nowhere": "no searches in nowhere; 'lmreg search' makes them; there is no folder nowhere",
    "runs root=/dev/null": "root=/dev/null is a file",
    "runs stdy=x": "unknown key 'stdy=x'; did you mean 'study'?",
    "runs x": "can't read 'x': expected key=value",
    "runs -m": "unknown flag '-m'",
    "runs json=maybe": "json=maybe: must be true or false",
    "runs json=[": "can't read 'json=['",
    "retrain": "needs either run=<folder of a search> or arch='<text form>'",
    "retrain arch=2221220": "'2221220' is not a NAS-Bench-201 cell; expected",
    "retrain run=nowhere": "there is no folder",
    "retrain run=x/a=1-s0,x/b=2-s0": "Error: run=x/a=1-s0,x/b=2-s0: several values; for a sweep",
    "retrain run=nowhere arch=22212202": "needs either run=",
    "retrain arch=22212202 candidate=worst": "candidate=worst: must be one of best, discretised",
    "retrain space=macro arch=2221220x": "'2221220x' is not a NAS-Bench-Macro architecture; expected 8",
    "retrain arch=x cutout=-1": "cutout=-1.0: must be at least 0",
    "export": "export needs run=<folder of a retraining>; 'lmreg retrain' makes one",
    "export run=nowhere": "there is no folder nowhere; a retraining is <root>/<study>/retrain/<name>",
    "export run=.": "is not the folder of a retraining; 'lmreg retrain' makes one",
    "export onx=false": "unknown key 'onx=false'; did you mean 'onnx'?",
    "evaluate": "no finished search in",
    "evaluate bootstrap=5": "bootstrap=5: must be at least 100",
    "import-benchmark": "import-benchmark needs path=<the benchmark's file> and out=<table>.csv or .parquet",
    "import-benchmark benchmark=macr path=x out=y.csv": (
        "unknown choice 'benchmark=macr'; did you mean 'macro'?"
    ),
    "import-benchmark path=x out=y.txt": "out=y.txt: the name must end in .csv or .parquet",
    "import-benchmark path=x out=y.csv": "can't read x: No such file or directory",
    "import-benchmark benchmark=macro benchmark.epochs=4 path=x out=y.csv": (
        "it belongs to benchmark=nasbench101"
    ),
    "import-benchmark benchmark.epochs=0 path=x out=y.csv": "benchmark.epochs=0: must be at least 1",
    "import-benchmark benchmark=nats_bench benchmark.dataset=svhn path=x out=y.csv": (
        "must be one of cifar10, cifar100"
    ),
    "import-benchmark file=x": "unknown key 'file=x'; there are: allow_packages, benchmark, out, path",
    "report": "no finished search in",
    "report titel=x": "unknown key 'titel=x'; did you mean 'title'?",
    "report reg=none": "unknown key 'reg=none'",
    "train-landmarks workers=0": "workers=0: must be at least 1",
    "train-landmarks landmarks.count=1": "landmarks.count=1: must be at least 2",
    "train-landmarks landmarks.score=f1": "landmarks.score=f1: must be one of loss, accuracy",
    "train-landmarks space=custom landmarks.count=9999": "lower landmarks.count (now 9999)",
    "train-landmarks landmarks=table": "landmarks=table needs landmarks.path=<CSV or Parquet file>",
    "train-landmarks landmarks=table landmarks.path=none.csv": "none.csv: No such file",
}


@pytest.mark.parametrize("call", BAD_CALLS)
def test_a_bad_call_gets_one_helpful_line(
    in_process: InProcess, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, errors = in_process(*call.split())
    assert code == 2
    assert BAD_CALLS[call] in errors
    assert errors.startswith("Error: ")
    assert errors.count("\n") == 1


def test_a_bad_call_in_a_process_of_its_own(lmreg, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    done = lmreg("search", "reg=landmrk", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: unknown choice 'reg=landmrk'; did you mean 'landmark'?\n"


def test_an_unknown_command_is_refused(lmreg) -> None:  # type: ignore[no-untyped-def]
    done = lmreg("serch")
    assert done.returncode == 2
    assert done.stderr == "Error: no command 'serch'; did you mean 'search'?\n"


@pytest.mark.parametrize(
    "command",
    ["train-landmarks", "search", "retrain", "export", "evaluate", "report", "runs", "import-benchmark"],
)
def test_help_shows_an_example_and_every_option(
    in_process: InProcess, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = in_process(command, "--help")
    assert code == 0
    assert f"\n  lmreg {command}" in out
    for option in options(command):
        assert f"  {option.key}={option.default.partition(', zico')[0]}" in out  # a long default is wrapped
    assert "_target_" not in out
    assert "\x1b" not in out
    assert list(tmp_path.iterdir()) == []


def test_hydra_shows_the_config(lmreg, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    done = lmreg("search", "--cfg", "job", "reg.weight=3", cwd=tmp_path)
    assert done.returncode == 0
    assert "weight: 3" in done.stdout
    assert "_target_: lmreg.reg.landmark.Landmark" in done.stdout
    assert lmreg("search", "--info", cwd=tmp_path).returncode == 0


def test_the_config_is_shown_as_the_command_uses_it(
    in_process: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("trainer.steps=01000", "seed=1e3", "data.flip=yes")
    for call in (("--cfg", "job", "--resolve", *words), (words[0], "--cfg", "job", *words[1:], "--resolve")):
        code, out, errors = in_process("search", "root=x", *call)
        assert code == 0, errors
        assert "steps: 1000\n" in out
        assert "\nseed: 1000\n" in out
        assert "flip: true\n" in out
        assert "study: nasbench201-fashion_mini\n" in out
    assert "study: ${space.name}-${data.name}\n" in in_process("search", "--cfg", "job")[1]
    assert list(tmp_path.iterdir()) == []
