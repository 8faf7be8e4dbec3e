"""Image data sets in the hub's layout: from the hub by name, or from a local folder of Parquet files."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lmreg.config.schema import option
from lmreg.data.base import DataSource, DeepDataConfig, Part, RawData, Reading, data_folder
from lmreg.data.cells import pictures_of
from lmreg.data.description import names_in_words
from lmreg.data.labels import numbered, plain_labels
from lmreg.data.pixels import read_pictures
from lmreg.data.samples import as_bytes, given_range
from lmreg.data.walk import below, left_over
from lmreg.errors import LmregError


@dataclass
class Config(DeepDataConfig):
    name: str = option(
        "hub",
        yaml="${last_part:${.hub},${.path},hub}",
        help="name of the data set or folder; names the study",
    )
    hub: str | None = option(
        None,
        text="text",
        help="name on the hub, such as zalando-datasets/fashion_mnist; used if path is null",
    )
    subset: str | None = option(None, text="text", help="which subset of a hub data set that has several")
    path: str | None = option(
        None, text="path", help="folder with <split>*.parquet files, used in place of the hub", result=False
    )
    image_column: str = option("image", text="text", help="column of the images")
    label_column: str = option("label", text="text", help="column of the labels")
    train_split: str = option(
        "train", text="text", help="training split on the hub; names of Parquet files begin with it"
    )
    test_split: str = option(
        "test", text="text", help="test split on the hub; names of Parquet files begin with it"
    )


@dataclass(frozen=True)
class _Split:
    """Encoded images, labels, class names where they are told, and where image i lies."""

    contents: list[Any]
    labels: np.ndarray
    classes: tuple[str, ...] | None
    name: Callable[[int], str]


class HubImages(DataSource):
    """Reads images and labels by column name with the `datasets` library."""

    other_form = ""
    """For messages: what else a subclass reads."""

    def __init__(self, config: Config):
        self.config: Config = config
        self._read: list[str] = []  # the files of splits that have been read

    @property
    def place(self) -> str:
        return f"data.hub={self.config.hub}" if self.config.path is None else f"data.path={self.config.path}"

    def read(self) -> RawData:
        train, test = self._split(self.config.train_split), self._split(self.config.test_split)
        count = len(train.contents)

        def name(i: int) -> str:
            return train.name(i) if i < count else test.name(i - count)

        config, contents = self.config, [*train.contents, *test.contents]
        passed = self._passed_over(contents)
        if train.classes and test.classes and train.classes != test.classes:
            raise LmregError(
                f"{self.place}: {config.train_split} has {names_in_words(train.classes)}, but "
                f"{config.test_split} has {names_in_words(test.classes)}; both need the same, in one order"
            )
        labels = numbered(train.labels, test.labels, train.classes, f"column {config.label_column!r}", name)
        given, samples = given_range(config.value_range), None
        if isinstance(contents[0], np.ndarray) and isinstance(contents[-1], np.ndarray):
            contents, samples = as_bytes(contents, count, given, name, self.place)
            given = None
        decoded = read_pictures(contents, name, self.place, config.resolution, count, given)
        images, samples = decoded.images, samples or decoded.samples
        return RawData(
            Part(images[:count], labels[0]),
            Part(images[count:], labels[1]),
            labels[2],
            samples.sample_range,
            Reading(samples.words, (), passed, samples.notes or decoded.samples.notes),
        )

    def _split(self, split: str) -> _Split:
        config = self.config
        files = self._files(split)
        table = self._from_hub(split) if files is None else self._from_files(files)
        for column in (config.image_column, config.label_column):
            if column not in table.column_names:
                there = ", ".join(table.column_names)
                raise LmregError(f"{self.place}: no column {column!r} in {split}; there are: {there}")
        name = _row_name(self.place, split, files)
        # As it is stored: the library leaves the pictures for threads to decode.
        rows = table.select_columns([config.image_column, config.label_column]).with_format("arrow")[:]
        labels = plain_labels(rows[config.label_column], f"column {config.label_column!r}", name)
        folder = Path(files[0]).parent if files else None
        what = f"column {config.image_column!r}"
        contents = pictures_of(rows[config.image_column], what, name, folder)
        feature = table.features[config.label_column]
        return _Split(contents, labels, tuple(getattr(feature, "names", None) or ()) or None, name)

    def _passed_over(self, contents: list[Any]) -> tuple[str, ...]:
        """What in the folder belongs to neither split; Parquet files by name."""
        if self.config.path is None:
            return ()
        read = [*map(Path, self._read), *(content for content in contents if isinstance(content, Path))]
        return left_over(Path(self.config.path), read, (".parquet",))

    def _from_hub(self, split: str) -> Any:
        import datasets

        datasets.disable_progress_bars()
        # Its warnings about every retry would bury the one line that tells what to do.
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
        config = self.config
        if config.hub is None:
            raise LmregError(
                f"data={config.name} needs data.hub=<name on the hub> or data.path=<folder of Parquet files>"
            )
        try:
            return datasets.load_dataset(config.hub, config.subset, split=split)
        except ValueError as error:  # an unknown split or subset; the message lists what there is
            reason = " ".join(str(error).split())
            raise LmregError(f"data.hub={config.hub}, split {split!r}: {reason}") from error
        except Exception as error:  # the library raises dozens of kinds: network, cache, format
            raise LmregError(
                f"can't load {config.hub!r} from the hub ({type(error).__name__}); "
                "with local Parquet files pass data.path=<folder>"
            ) from error

    def _files(self, split: str) -> list[str] | None:
        """The split's Parquet files; None where it comes from the hub."""
        if self.config.path is None:
            return None
        folder = data_folder(self.config.path, self.config.name, "Parquet files")
        files = [str(path) for path in below(folder, f"{split}*.parquet")]
        if not files:
            others = ", ".join(sorted(p.name for p in below(folder, "*.parquet"))[:5])
            hint = f"; there are: {others} (name the split by data.train_split or data.test_split)"
            hint = hint if others else self.other_form
            raise LmregError(f"data.path={folder}: there is no {split}*.parquet in that folder{hint}")
        if len(places := {str(Path(file).parent) for file in files}) > 1:
            raise LmregError(
                f"data.path={folder} has several data sets: {', '.join(sorted(places))}; name one"
            )
        _check_shards(files)
        self._read += files
        return files

    def _from_files(self, files: list[str]) -> Any:
        import datasets
        from pyarrow.parquet import read_metadata

        datasets.disable_progress_bars()
        logging.getLogger("datasets").setLevel(logging.CRITICAL)  # the error is told here
        try:
            empty = not any(read_metadata(file).num_rows for file in files)
            # Read straight from the files: no second copy in the library's cache.
            table = None if empty else datasets.Dataset.from_parquet(files, keep_in_memory=True)
        except Exception as error:
            reason = str(error.__cause__ or error).splitlines()[0]
            raise LmregError(f"can't read {', '.join(files)}: {reason}") from error
        if table is None:
            raise LmregError(f"{', '.join(files)} has no rows")
        return table


_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.parquet$")


def _check_shards(files: list[str]) -> None:
    """Nothing where all of the files that a split is told to have are there.

    Raises:
        LmregError: one is missing, or there are others beside them.
    """
    shards = {file: (int(found[1]), int(found[2])) for file in files if (found := _SHARD.search(file))}
    if not shards:
        return
    totals = {total for _, total in shards.values()}
    if len(shards) < len(files) or len(totals) > 1:
        raise LmregError(
            f"{', '.join(files[:4])}: files of several data sets or versions; leave those of one"
        )
    if missing := sorted(set(range(min(totals))) - {number for number, _ in shards.values()}):
        raise LmregError(
            f"{files[0]} is one of {min(totals)} files, of which {len(missing)} are missing (number "
            f"{missing[0]:05} first); get them too"
        )


def _row_name(place: str, split: str, files: list[str] | None) -> Callable[[int], str]:
    """What tells a user where row i of a split lies."""

    def name(i: int) -> str:
        from pyarrow.parquet import read_metadata

        for file in files or ():
            rows = read_metadata(file).num_rows
            if i < rows:
                return f"row {i} of {file}"
            i -= rows
        return f"row {i} of {split} in {place}"

    return name
