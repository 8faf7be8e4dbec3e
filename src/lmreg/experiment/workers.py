"""Worker processes that share a study's work."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

import torch
from omegaconf import OmegaConf

from lmreg.errors import LmregError
from lmreg.experiment.study import Options, Study
from lmreg.train.signals import in_main_thread
from lmreg.util.machine import openmp_threads, replace_unencodable_output, usable_cores
from lmreg.util.threads import threads_restored

Job = TypeVar("Job")
Result = TypeVar("Result")
Run = Callable[[Callable[[Study, Job], Result], Sequence[Job]], Iterable[tuple[Job, Result]]]
"""Applies a function to the study and each job; yields each job with its result, in the order in which they
are finished. The function and the jobs must be picklable."""


def default_workers(study: Study) -> int:
    """Return the number of workers to use where the user gives none: one per core, or one on a GPU."""
    return 1 if study.device.type == "cuda" else usable_cores()


def threads_per_worker(study: Study, workers: int) -> int:
    """Return the number of CPU threads of each worker: those asked for, else its share of the cores."""
    return study.options.threads or openmp_threads() or max(1, usable_cores() // workers)


@contextlib.contextmanager
def worker_pool(study: Study, workers: int, most: int) -> Iterator[Run[Any, Any]]:
    """Provide a function that does jobs in worker processes, which share the cores; or in this one, if one
    worker is all there is or is of use.

    Args:
        most: how many processes are of use, such as the number of jobs.

    Raises:
        LmregError: a worker died.
    """
    # By the number of workers asked for, however many are of use: the number of threads can change the
    # last digits of sums, and a rerun must give the same numbers as an uninterrupted run.
    threads = threads_per_worker(study, workers)
    if workers == 1 or most <= 1:
        with threads_restored(threads):
            yield lambda function, some: ((job, function(study, job)) for job in some)
        return
    config: Any = OmegaConf.to_container(study.cfg, resolve=True)
    pool = ProcessPoolExecutor(
        min(workers, most),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(config, study.options, threads),
    )
    try:
        yield lambda function, some: _run_in_pool(pool, function, some)
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


def _run_in_pool(
    pool: ProcessPoolExecutor, function: Callable[[Study, Job], Result], jobs: Sequence[Job]
) -> Iterator[tuple[Job, Result]]:
    # Ctrl-C in a terminal reaches the workers too, but this process is the one to stop them.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main_thread() else None
    try:
        with _without_main_module():
            futures = {pool.submit(_work, function, job): job for job in jobs}
    finally:
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
    for future in as_completed(futures):
        try:
            result = future.result()
        except BrokenProcessPool as error:
            raise LmregError(
                "a worker process died (out of memory?); finished work is kept: run the same command again, "
                "perhaps with fewer workers"
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


def _work(function: Callable[[Study, Job], Result], job: Job) -> Result:
    assert _study is not None
    return function(_study, job)
