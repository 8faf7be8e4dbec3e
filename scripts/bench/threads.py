"""The time of a small search by the number of threads and OpenMP's way of waiting, alongside other work.

    python scripts/bench/threads.py [--busy 0,1,2] [--rounds 3] [key=value ...]    # as for `lmreg search`

Each setting runs in its own process and is timed without the imports. Settings alternate, so that other load
on the machine affects all alike. This prints medians over rounds of the seconds, and of the ratios to one
thread with the same number of busy loops.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

WAITING = {
    "as libgomp does": {},
    "passive": {"OMP_WAIT_POLICY": "PASSIVE"},
    "spin 1,000": {"GOMP_SPINCOUNT": "1000"},
}
SETTINGS = [(1, "as libgomp does"), *((2, name) for name in WAITING)]
SEARCH = ("reg=none", "trainer.steps=150", "strategy.budget=10", "scoring.images=1000", "log_every=150")
_OURS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_NUM_THREADS")


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Run ``count`` other processes that are always busy."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def seconds(threads: int, waiting: str, overrides: list[str]) -> float:
    """Return the seconds of a search, without the start of Python and torch."""
    environment = {key: value for key, value in os.environ.items() if key not in _OURS} | WAITING[waiting]
    program = (
        "import sys, time, torch, lmreg.commands.search\n"
        "from lmreg.cli.main import main\n"
        "start = time.perf_counter()\n"
        "try: main(sys.argv[1:], prog_name='lmreg')\n"
        "except SystemExit: pass\n"
        "print('took', time.perf_counter() - start)\n"
    )
    with tempfile.TemporaryDirectory() as root:
        call = ["search", *SEARCH, f"threads={threads}", f"root={root}", *overrides]
        done = subprocess.run(
            [sys.executable, "-c", program, *call],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
    return float(done.stdout.split("took")[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--busy", default="0,1,2")
    parser.add_argument("--rounds", type=int, default=3)
    options, overrides = parser.parse_known_args()
    loads = [int(part) for part in options.busy.split(",")]
    times: dict[tuple[int, int, str], list[float]] = {}
    start = time.monotonic()
    for _ in range(options.rounds):
        for load in loads:
            with busy(load):
                for threads, waiting in SETTINGS:
                    found = times.setdefault((load, threads, waiting), [])
                    found.append(seconds(threads, waiting, overrides))
                    print(f"{load} busy, {threads} threads, {waiting}: {found[-1]:.1f} s", file=sys.stderr)
    average = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(
        f"{os.cpu_count()} cores, load {average}; {options.rounds} rounds, {time.monotonic() - start:.0f} s"
    )
    for (load, threads, waiting), values in times.items():
        one = times[(load, *SETTINGS[0])]
        ratio = statistics.median(a / b for a, b in zip(values, one, strict=True))
        spread = " ".join(f"{value:.1f}" for value in values)
        middle = statistics.median(values)
        print(f"{load} busy  {threads} threads  {waiting:16} {middle:7.1f} s {ratio:6.2f} ×  [{spread}]")


if __name__ == "__main__":
    main()
