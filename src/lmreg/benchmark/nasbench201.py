"""NAS-Bench-201, read through its authors' API `nas_201_api`.

Source: github.com/D-X-Y/NAS-Bench-201; Dong & Yang, "NAS-Bench-201: Extending the Scope of Reproducible
Neural Architecture Search", ICLR 2020.
"""

from __future__ import annotations

import contextlib
import os
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lmreg.benchmark.base import PERCENT_DIGITS, Benchmark, Imported, size_note
from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.space.nasbench201 import NASBench201
from lmreg.util.extras import import_extra
from lmreg.util.progress import Progress

_VALIDATION = {"cifar10": "cifar10-valid"}
"""The API's dataset with validation scores, trained on the training part only, if its name differs."""
_WITHOUT_WEIGHTS_ONLY = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


@dataclass
class Config:
    name: str = "nasbench201"
    dataset: str = option(
        "cifar10", choices=("cifar10", "cifar100", "ImageNet16-120"), help="data set of the scores"
    )
    epochs: int = option(200, choices=("12", "200"), help="length of the trainings: 12 or 200 epochs")


class TopologyBenchmark(Benchmark):
    """Reads every architecture of NAS-Bench-201's space through its authors' API.

    The benchmark's file is a pickle, which can run code when it is read: take it only from its authors.
    """

    space = "nasbench201"
    package: str
    """The package of the API, as Python names it."""

    def __init__(self, config: Config):
        self.config = config

    @abstractmethod
    def open(self, package: Any, path: Path) -> Any:
        """Return the API of the imported ``package`` on that file or folder."""

    def read(self, path: Path) -> Imported:
        if not path.exists():
            raise LmregError(f"can't read {path}: No such file or directory")
        package = import_extra(self.package, "benchmarks", f"benchmark={self.config.name}")
        with self._api_errors(path):
            api = self.open(package, path)
        space, rows = NASBench201(), []
        with Progress(f"{path.name}, architectures", len(api)) as progress:
            for index in range(len(api)):
                with self._api_errors(path, f", architecture {index}"):
                    rows.append(self._row(api, index, space))
                progress.advance("read")
        prefix = self.config.dataset
        scores = (f"{prefix}_valid_acc_percent", f"{prefix}_test_acc_percent")
        return Imported(pd.DataFrame(rows), scores, size_note(space.size, len(rows), "networks"))

    def _row(self, api: Any, index: int, space: NASBench201) -> dict[str, Any]:
        dataset, epochs = self.config.dataset, str(self.config.epochs)
        arch = space.format(space.parse(str(api.arch(index))))

        def accuracy(trained_on: str, part: str) -> float:
            # The mean over all trainings instead of a random one.
            info = api.get_more_info(index, trained_on, iepoch=None, hp=epochs, is_random=False)
            return round(float(info[f"{part}-accuracy"]), PERCENT_DIGITS)

        row: dict[str, Any] = {
            "arch": arch,
            f"{dataset}_valid_acc_percent": accuracy(_VALIDATION.get(dataset, dataset), "valid"),
            f"{dataset}_test_acc_percent": accuracy(dataset, "test"),
        }
        costs = api.get_cost_info(index, dataset, hp=epochs)  # in millions
        for name, key in (("params", "params"), ("macs", "flops")):
            row[name] = round(1e6 * float(costs[key]))
        # Otherwise the learning curves of architectures that are read on demand would fill the memory.
        api.arch2infos_dict.pop(index, None)
        return row

    @contextlib.contextmanager
    def _api_errors(self, path: Path, where: str = "") -> Iterator[None]:
        """Turn any error inside the API into a one-line error."""
        try:
            yield
        except (LmregError, MemoryError):
            raise
        except Exception as error:  # the APIs raise all kinds of errors
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise LmregError(f"{path}{where}: {self.package} can't read it ({reason[:200]})") from error


class NASBench201File(TopologyBenchmark):
    """NAS-Bench-201-v1_1-096897.pth through the package nas-bench-201, which reads all of it into memory."""

    package = "nas_201_api"

    def open(self, package: Any, path: Path) -> Any:
        # The API is older than torch's default of unpickling only weights.
        before = os.environ.get(_WITHOUT_WEIGHTS_ONLY)
        os.environ[_WITHOUT_WEIGHTS_ONLY] = "1"
        try:
            return package.NASBench201API(str(path), verbose=False)
        finally:
            del os.environ[_WITHOUT_WEIGHTS_ONLY]
            if before is not None:
                os.environ[_WITHOUT_WEIGHTS_ONLY] = before
