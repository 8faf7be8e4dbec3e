"""The settings that make torch repeat its numbers on a GPU, tested on the CPU, which has all kernels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.conftest import Compose, InProcess
from tests.train.test_training import ALGOS, make, regularised, run

from lmreg.commands.search import SearchOptions
from lmreg.config.build import top_level
from lmreg.errors import error_line, is_user_error
from lmreg.experiment.runtime import set_deterministic, settings_restored
from lmreg.experiment.study import Study
from lmreg.task.depth import Config, Depth


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    with settings_restored():
        yield


def switches() -> tuple[bool, bool, bool]:
    cudnn = torch.backends.cudnn
    return torch.are_deterministic_algorithms_enabled(), cudnn.deterministic, cudnn.benchmark


def test_the_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    torch.backends.cudnn.benchmark = True
    set_deterministic(True)
    assert switches() == (True, True, False)
    assert not torch.utils.deterministic.fill_uninitialized_memory
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    set_deterministic(False)
    assert switches() == (False, False, False)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    set_deterministic(True)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"  # the value that the user has set


def test_settings_are_restored() -> None:
    before, threads = switches(), torch.get_num_threads()
    with settings_restored():
        set_deterministic(True)
        torch.set_num_threads(threads + 1)
    assert (switches(), torch.get_num_threads()) == (before, threads)
    assert torch.utils.deterministic.fill_uninitialized_memory


@pytest.mark.parametrize("device", ["cuda", "cpu"])
@pytest.mark.parametrize("wanted", ["true", "false"])
def test_a_runtime_sets_them_by_its_device_and_options(
    device: str, wanted: str, composed: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = torch.get_num_threads()
    cfg = composed("search", f"deterministic={wanted}", f"threads={threads + 1}")
    monkeypatch.setattr("lmreg.experiment.runtime.pick_device", lambda name: torch.device(device))
    set_deterministic(wanted == "false")  # as an earlier job of a sweep may leave it
    before = switches()
    study = Study(cfg, top_level(cfg, SearchOptions))
    assert (switches(), torch.get_num_threads()) == (before, threads)  # building a study changes nothing
    on = device == "cuda" and wanted == "true"
    with study.runtime.applied():
        assert (switches(), torch.get_num_threads()) == ((on, on, False), threads + 1)
    assert (switches(), torch.get_num_threads()) == (before, threads)


def test_a_command_leaves_nothing_behind(in_process: InProcess, tmp_path: Path, monkeypatch: Any) -> None:
    before, threads = switches(), torch.get_num_threads()
    small = ("reg=none", "trainer.steps=1", "network.channels=2", "strategy.budget=1", "scoring.images=20")
    seen = []

    def on_whatever_is_asked(on: bool) -> None:
        seen.append(on)
        set_deterministic(True)

    monkeypatch.setattr("lmreg.experiment.runtime.set_deterministic", on_whatever_is_asked)
    code, _, errors = in_process("search", *small, f"threads={threads + 1}", f"root={tmp_path}")
    assert code == 0, errors
    assert seen == [False]
    assert (switches(), torch.get_num_threads()) == (before, threads)


@pytest.mark.parametrize("algo", ALGOS)
def test_no_algorithm_takes_what_torch_refuses(algo: str) -> None:
    """As far as a CPU can show it: it has kernels that GPUs lack."""
    set_deterministic(True)
    run(make(regularised(), algo=ALGOS[algo]()), 14)


def test_the_loss_of_depth_is_the_same() -> None:
    maps = torch.randn(6, 1, 8, 9).round(decimals=1)  # with ties
    targets = torch.rand(6, 8, 9)
    targets[torch.rand(6, 8, 9) < 0.3] = torch.nan
    targets[5] = torch.nan
    task = Depth(Config(trim=0.2))

    def loss_and_gradient() -> tuple[torch.Tensor, torch.Tensor]:
        outputs = maps.clone().requires_grad_()
        loss = task.loss(outputs, targets)
        (gradient,) = torch.autograd.grad(loss, outputs)
        return loss.detach(), gradient

    def refuse(*args: Any, **options: Any) -> None:
        raise AssertionError("not on a GPU that is to repeat its numbers")

    loss, gradient = loss_and_gradient()
    set_deterministic(True)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("median", "nanmedian", "kthvalue"):
            patch.setattr(torch.Tensor, name, refuse)
        again, same = loss_and_gradient()
    assert torch.equal(loss, again)
    # Among equal values, another one may receive the gradient.
    torch.testing.assert_close(gradient.sum((1, 2, 3)), same.sum((1, 2, 3)), atol=1e-6, rtol=0)
    assert not same[5].any()


def test_what_a_device_has_no_kernel_for_is_told() -> None:
    error = RuntimeError(
        "adaptive_avg_pool2d_backward_cuda does not have a deterministic implementation, but you set "
        "'torch.use_deterministic_algorithms(True)'. You can turn off determinism ..."
    )
    assert is_user_error(error)
    assert error_line(error).startswith(
        "adaptive_avg_pool2d_backward_cuda does not have a deterministic implementation on this device; pass "
        "deterministic=false"
    )
    assert not is_user_error(RuntimeError("something else"))
