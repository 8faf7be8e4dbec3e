"""The parts that every stage of a study shares, built from its config."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import torch
from omegaconf import DictConfig

from lmreg.algo.base import Algorithm
from lmreg.config.build import classes_of, resolve, typed
from lmreg.config.common import Options
from lmreg.config.values import settled
from lmreg.data.base import DataSource
from lmreg.data.images import BatchStream, ImageData
from lmreg.errors import LmregError
from lmreg.experiment.determinism import set_deterministic
from lmreg.network.base import SuperNet, SuperNetOnly, count_macs, count_params
from lmreg.reg.base import Regulariser
from lmreg.space.base import Arch, Space
from lmreg.task.base import Task
from lmreg.train.context import Context, Scorer
from lmreg.train.optimise import TrainerConfig
from lmreg.train.random_streams import Streams, initialised
from lmreg.train.training import Training

T = TypeVar("T")


class Study:
    """Space, task, data and networks of one study; checks their whole config before any work."""

    def __init__(self, cfg: DictConfig, options: Options):
        self.cfg, self.options = settled(cfg), options
        self.folder = Path(options.root) / options.study
        self.device = pick_device(options.device)
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        set_deterministic(options.deterministic and self.device.type != "cpu")
        self.space: Space = self.part("space", Space)
        self.task: Task = self.part("task", Task)
        self._source: DataSource = self.part("data", DataSource)
        self._check_task()
        self._network = self._checked_network()
        self.trainer = typed(cfg.trainer, TrainerConfig, "trainer")

    def resolve(self, name: str, base: type[T]) -> tuple[type[T], Any]:
        """The checked class and Config of the group ``name``."""
        return resolve(self.cfg[name], base, name, self.options.allow_packages)

    def _check_task(self) -> None:
        takes, gives = self.task.takes, self._source.gives
        if takes != gives:
            raise LmregError(
                f"task={self.cfg.task.name} is about {takes}, but data={self.cfg.data.name} gives {gives}; "
                f"with this task goes {_choices('data', DataSource, 'gives', takes)}, "
                f"with this data {_choices('task', Task, 'takes', gives)}"
            )

    def _checked_network(self) -> tuple[type[SuperNet], Any]:
        cls, config = self.resolve("network", SuperNet)
        if not isinstance(self.space, cls.of_space):
            raise LmregError(
                f"network._target_={self.cfg.network._target_} has architectures of {cls.of_space.__name__}, "
                f"not of space={self.space.name}; leave network out, and it follows the space"
            )
        if cls.dense != self.task.dense:
            wants, has = (
                "maps" if dense else "one output per image" for dense in (self.task.dense, cls.dense)
            )
            raise LmregError(
                f"task={self.cfg.task.name} needs networks that give {wants}, those of "
                f"space={self.space.name} give {has}; with this task goes "
                f"{_choices('network', SuperNet, 'dense', self.task.dense, 'space')}"
            )
        return cls, config

    def part(self, name: str, base: type[T]) -> T:
        """The object of the group ``name``, a ``base``."""
        cls, config = self.resolve(name, base)
        return cls(config)  # type: ignore[call-arg]

    @property
    def of_supernet_only(self) -> dict[str, Any]:
        """The options of the super-net that the networks of single architectures don't depend on."""
        config = self._network[1]
        if not isinstance(config, SuperNetOnly):
            return {}
        return {field.name: getattr(config, field.name) for field in dataclasses.fields(SuperNetOnly)}

    @functools.cached_property
    def data(self) -> ImageData:
        """The data set, read when first asked for, once for all runs of a sweep."""
        key = json.dumps([repr(type(self._source)), vars(self._source.config), str(self.device)])
        if key not in _loaded:
            _loaded.clear()
            _loaded[key] = ImageData(self._source, self.device)
        return _loaded[key]

    def supernet(self, seed: int, algo: Algorithm) -> SuperNet:
        """A super-net for ``algo`` with initial weights from ``seed``, on the device, channels last."""
        with initialised(seed):
            return self._placed(self._new_network(**algo.network_options()))

    def standalone(self, arch: Arch, seed: int) -> SuperNet:
        """The network of ``arch`` alone, with initial weights from ``seed``."""
        skeleton = self._skeleton  # made outside: it must not draw from this architecture's stream
        with initialised(seed):
            return self._placed(skeleton.for_training(arch).net)

    def cost(self, arch: Arch) -> dict[str, int]:
        """Parameters and MACs of one image of the network of ``arch``, as columns of a table."""
        alone = self._skeleton.standalone(arch)
        return {"params": count_params(alone), "macs": count_macs(alone, self.data.shape)}

    def params(self, arch: Arch) -> int:
        """Number of parameters of the network of ``arch``; without the MACs of `cost` much quicker."""
        return count_params(self._skeleton.standalone(arch))

    def training(self, algo: Algorithm, reg: Regulariser, scorer: Scorer | None = None) -> Training:
        """A super-net's training before its first step, everything in it from the study's seed."""
        streams, config = Streams(self.options.seed, self.device), self.trainer
        train = BatchStream(self.data.split("train"), config.batch_size, streams.data)
        rank = BatchStream(self.data.split("rank"), reg.batch_size or config.batch_size, streams.rank)
        paths = algo.paths_per_step(self.space)
        total = config.total_steps(train.batches_per_epoch, paths)
        net = self.supernet(self.options.seed, algo)
        scorer = scorer if algo.uses_scores else None
        ctx = Context(self.space, net, self.task, streams, rank, total, paths_per_step=paths, scorer=scorer)
        if algo.alpha_split is not None:
            ctx.alpha_batches = BatchStream(
                self.data.split(algo.alpha_split), config.batch_size, streams.alpha
            )
        return Training(ctx, algo, reg, train, config)

    @functools.cached_property
    def _skeleton(self) -> SuperNet:
        """A super-net on the CPU, of use for its structure only."""
        return self._new_network()

    def _new_network(self, **options: int) -> SuperNet:
        cls, config = self._network
        outputs = self.task.outputs(len(self.data.classes))
        return cls(config, self.space, self.data.shape, outputs, **options)

    def _placed(self, net: SuperNet) -> SuperNet:
        # Channels last: 1.6 times faster on CPUs, faster with tensor cores too.
        return net.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]


_loaded: dict[str, ImageData] = {}


def _choices(group: str, base: type[Any], attribute: str, value: Any, shown: str = "") -> str:
    """The choices of ``group`` whose class has that attribute, as on a command line."""
    able = [name for name, cls in classes_of(group, base).items() if getattr(cls, attribute) == value]
    return f"{shown or group}={','.join(able)}"


def pick_device(name: str) -> torch.device:
    """The torch device of that name; ``auto`` is the first GPU where there is one.

    Raises:
        LmregError: no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # "meta" makes tensors without values
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0] if name.startswith("cuda") else "use auto, cpu, cuda or cuda:N"
        raise LmregError(f"device={name}: not to be had here; {reason}") from None
    return device


def as_begun(study: Study) -> dict[str, Any]:
    """What a checkpoint must tell besides a training's state, for `go_on_as_begun`."""
    return {"device": study.device.type, "threads": torch.get_num_threads()}


def go_on_as_begun(study: Study, folder: Path, state: dict[str, Any]) -> None:
    """Go on as the run in ``folder`` was begun, or its numbers would not be those of an undisturbed run.

    Takes what `as_begun` has put into the checkpoint's ``state`` out of it.

    Raises:
        LmregError: it was begun on another kind of device.
    """
    device, threads = state.pop("device"), state.pop("threads")
    if device != study.device.type:
        raise LmregError(
            f"{folder} was begun on device={device}, this is {study.device.type}; go on with "
            f"device={device}, or delete that folder to start again"
        )
    if study.options.threads is None:
        torch.set_num_threads(threads)


@contextlib.contextmanager
def same_threads_after() -> Iterator[None]:
    """For work that takes other threads, as a resumed job does: what comes next must not."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
