"""Running stand-alone trainings in parallel, along with other processes that work on the same records."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from lmreg.experiment.study import Study
from lmreg.experiment.workers import worker_pool
from lmreg.landmarks.records import Job, Records
from lmreg.util.progress import say

_POLL_SECONDS = 0.5


def train_all(
    jobs: Sequence[Job], study: Study, records: Records, workers: int
) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Yield the record of every job as soon as it exists, whichever process trains it.

    Jobs that another process is training are skipped at first; at the end this process waits for them, and
    trains them itself if the other process dies.
    """
    waiting = False
    with worker_pool(study, workers, len(jobs)) as run:
        while jobs:
            elsewhere = []
            for job, record in run(records.make, jobs):
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
