"""Where and how torch computes: the device, the CPU threads, and kernels that repeat their numbers."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lmreg.config.common import Options
from lmreg.errors import LmregError
from lmreg.util.threads import threads_restored

_MEMORY: Any = torch.utils.deterministic


@dataclass(frozen=True)
class Runtime:
    """A job's device, threads and kernels, as its options ask for them.

    Making one changes nothing. `apply` and `applied` are the only places that set torch's global state.
    """

    device_name: str = "auto"
    threads: int | None = None
    """CPU threads of one process; None for torch's own choice."""
    deterministic: bool = True

    @classmethod
    def of(cls, options: Options) -> Runtime:
        """Return the runtime that the options ask for."""
        return cls(options.device, options.threads, options.deterministic)

    @functools.cached_property
    def device(self) -> torch.device:
        """The device of that name, see `pick_device`."""
        return pick_device(self.device_name)

    @property
    def repeats(self) -> bool:
        """Whether the same computation gives the same numbers each time; on a CPU it always does."""
        return self.deterministic or self.device.type == "cpu"

    def apply(self) -> None:
        """Set torch's threads and kernels for this process."""
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        set_deterministic(self.deterministic and self.device.type != "cpu")

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Apply within, and restore torch's settings afterwards: other work may follow in the process."""
        with settings_restored():
            self.apply()
            yield

    def state(self) -> dict[str, Any]:
        """What a checkpoint records of the runtime, for `restore`."""
        return {"device": self.device.type, "threads": torch.get_num_threads()}

    def restore(self, state: dict[str, Any], folder: Path) -> None:
        """Compute as the run in ``folder`` did when it was saved, so that resuming changes no number. Raises
        LmregError if the run was begun on another kind of device.

        Removes from the checkpoint's ``state`` what `state` has added to it. Threads that an option asks for
        take precedence.
        """
        device, threads = state.pop("device"), state.pop("threads")
        if device != self.device.type:
            raise LmregError(
                f"{folder} was begun on device={device}, this is {self.device.type}; go on with "
                f"device={device}, or delete that folder to start again"
            )
        if self.threads is None:
            torch.set_num_threads(threads)


def pick_device(name: str) -> torch.device:
    """Return the torch device of that name; ``auto`` is the first GPU where there is one. Raises LmregError
    if there is no such device."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # "meta" makes tensors without values
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0] if name.startswith("cuda") else "use auto, cpu, cuda or cuda:N"
        if name.lower() != name and name.lower().partition(":")[0] in ("auto", "cpu", "cuda"):
            reason = f"did you mean {name.lower()!r}?"
        raise LmregError(f"device={name} is not available here; {reason}") from None
    return device


def set_deterministic(on: bool) -> None:
    """Make torch use only GPU kernels that repeat their numbers (and raise where it has none), or any kernel.

    CPU kernels always repeat their numbers as long as the number of threads stays the same. TF32 is left as
    torch sets it: it rounds more coarsely, but always in the same way.
    """
    if on:
        # cuBLAS reads it when it is first used, so it must be set before any work on a GPU.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if on != torch.are_deterministic_algorithms_enabled():  # setting it loads torch's compiler, for a second
        torch.use_deterministic_algorithms(on)
    # Filling every new tensor would only reveal reads of uninitialised memory, and takes time.
    _MEMORY.fill_uninitialized_memory = not on
    torch.backends.cudnn.deterministic = on
    torch.backends.cudnn.benchmark = False  # it would pick whichever kernel is fastest at the moment


@contextlib.contextmanager
def settings_restored() -> Iterator[None]:
    """Restore torch's threads and kernel settings at the end."""
    before = {name: getattr(torch.backends.cudnn, name) for name in ("deterministic", "benchmark")}
    fill, on = _MEMORY.fill_uninitialized_memory, torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        with threads_restored():
            yield
    finally:
        for name, value in before.items():
            setattr(torch.backends.cudnn, name, value)
        _MEMORY.fill_uninitialized_memory = fill
        if on != torch.are_deterministic_algorithms_enabled():
            torch.use_deterministic_algorithms(on, warn_only=warn_only)
