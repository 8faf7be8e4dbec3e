"""Running stand-alone trainings in parallel, along with other processes that work on the same records."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch
from omegaconf import OmegaConf

from lmreg.errors import LmregError
from lmreg.experiment.study import Options, Study
from lmreg.landmarks.records import Job, Records
from lmreg.train.signals import in_main_thread
from lmreg.util.machine import openmp_threads, replace_unencodable_output, usable_cores
from lmreg.util.progress import say
from lmreg.util.threads import threads_restored

_POLL_SECONDS = 0.5

JobResult = tuple[Job, dict[str, Any] | None]


def train_all(
    jobs: Sequence[Job], study: Study, records: Records, workers: int
) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Yield the record of every job as soon as it exists, whichever process trains it.

    Jobs that another process is training are skipped at first; at the end this process waits for them, and
    trains them itself if the other process dies.
    """
    waiting = False
    with _job_runner(study, records, workers, len(jobs)) as attempt:
        while jobs:
            elsewhere = []
            for job, record in attempt(jobs):
                if record is None:
                    elsewhere.append(job)
                else:
                    yield job, record
            if len(elsewhere) == len(jobs):
                if not waiting:
                    say(f"waiting for {len(jobs)} trainings that other processes are doing")
                waiting = True
                time.sleep(_POLL_SECONDS)
            jobs = elsewhere


def threads_per_worker(study: Study, workers: int) -> int:
    """Return the number of CPU threads of each worker: those asked for, else its share of the cores."""
    return study.options.threads or openmp_threads() or max(1, usable_cores() // workers)


@contextlib.contextmanager
def _job_runner(
    study: Study, records: Records, workers: int, jobs: int
) -> Iterator[Callable[[Sequence[Job]], Iterable[JobResult]]]:
    """Provide a function that attempts each of its jobs once; the workers share the cores."""
    # By the number of workers asked for, however many jobs are left: the number of threads can change the
    # last digits of sums, and a rerun must give the same numbers as an uninterrupted run.
    threads = threads_per_worker(study, workers)
    if workers == 1 or jobs <= 1:
        with threads_restored(threads):
            yield lambda some: ((job, records.make(study, job)) for job in some)
        return
    config: Any = OmegaConf.to_container(study.cfg, resolve=True)
    pool = ProcessPoolExecutor(
        min(workers, jobs),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(config, study.options, threads),
    )
    try:
        yield lambda some: _run_in_pool(pool, records, some)
    except BaseException:
        children = multiprocessing.active_children()
        pool.shutdown(wait=False, cancel_futures=True)
        for child in children:
            child.terminate()
        for child in children:  # their claims are only released when they have ended
            child.join(timeout=5)
        raise
    else:
        pool.shutdown()


def _run_in_pool(pool: ProcessPoolExecutor, records: Records, jobs: Sequence[Job]) -> Iterator[JobResult]:
    # Ctrl-C in a terminal reaches the workers too, but this process is the one to stop them.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main_thread() else None
    try:
        with _without_main_module():
            futures = {pool.submit(_work, records, job): job for job in jobs}
    finally:
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
    for future in as_completed(futures):
        try:
            result = future.result()
        except BrokenProcessPool as error:
            raise LmregError(
                "a worker process died (out of memory?); finished trainings are kept: "
                "run the same command again, perhaps with fewer workers"
            ) from error
        yield futures[future], result


@contextlib.contextmanager
def _without_main_module() -> Iterator[None]:
    """Within this context, new processes don't import the main module: they only need lmreg, and a script
    without ``if __name__ == "__main__"`` would run again in each of them.
    """
    main = vars(sys.modules["__main__"])
    hidden = {name: main.pop(name) for name in ("__file__", "__spec__") if name in main}
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update({"__spec__": None} | hidden)


_study: Study | None = None


def _start_worker(config: dict[str, Any], options: Options, threads: int) -> None:
    def follow_parent() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
        os._exit(1)

    # A killed parent can't stop its workers, which must not go on without it.
    threading.Thread(target=follow_parent, daemon=True).start()
    global _study
    replace_unencodable_output()
    _study = Study(OmegaConf.create(config), options)
    _study.runtime.apply()
    torch.set_num_threads(threads)


def _work(records: Records, job: Job) -> dict[str, Any] | None:
    assert _study is not None
    return records.make(_study, job)
