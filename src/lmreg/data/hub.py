"""Image data sets in the Hugging Face hub's layout, from the hub or from a local folder of Parquet files."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lmreg.config.schema import option
from lmreg.data.base import DataSource, DeepDataConfig, Part, RawData, ReadSummary, data_folder
from lmreg.data.bit_depth import arrays_to_bytes, parse_value_range
from lmreg.data.description import classes_in_words
from lmreg.data.label_column import number_labels, read_label_column
from lmreg.data.picture_column import read_picture_column
from lmreg.data.pixels import decode_pictures
from lmreg.data.walk import describe_unread, matching_files
from lmreg.errors import LmregError
from lmreg.util.extras import import_extra


@dataclass
class Config(DeepDataConfig):
    name: str = option("hub", yaml="${last_part:${.hub},${.path},hub}", help="its last part; names the study")
    hub: str | None = option(
        None, text="text", help="name on the hub, such as zalando-datasets/fashion_mnist; used without path"
    )
    subset: str | None = option(None, text="text", help="which subset of a hub data set that has several")
    path: str | None = option(
        None, text="path", help="folder with <split>*.parquet files, used in place of the hub", result=False
    )
    image_column: str = option("image", text="text", help="column of the images")
    label_column: str = option("label", text="text", help="column of the labels")
    train_split: str = option(
        "train", text="text", help="training split; names of Parquet files begin with it"
    )
    test_split: str = option("test", text="text", help="test split; names of Parquet files begin with it")


@dataclass(frozen=True)
class _Split:
    """The rows of one split: encoded images, labels, and class names if the source has them; ``name(i)``
    says where row i is stored."""

    contents: list[Any]
    labels: np.ndarray
    classes: tuple[str, ...] | None
    name: Callable[[int], str]


class HubImages(DataSource):
    """Reads images and labels by column name: Parquet files with pyarrow, the hub with `datasets`."""

    other_form = ""
    """For messages: the other files that a subclass reads."""

    def __init__(self, config: Config):
        self.config: Config = config
        self._files_read: list[str] = []

    @property
    def place(self) -> str:
        return f"data.hub={self.config.hub}" if self.config.path is None else f"data.path={self.config.path}"

    def read(self) -> RawData:
        train, test = self._split(self.config.train_split), self._split(self.config.test_split)
        count = len(train.contents)

        def name(i: int) -> str:
            return train.name(i) if i < count else test.name(i - count)

        config, contents = self.config, [*train.contents, *test.contents]
        skipped = self._skipped(contents)
        if train.classes and test.classes and train.classes != test.classes:
            raise LmregError(
                f"{self.place}: {config.train_split} has {classes_in_words(train.classes)}, but "
                f"{config.test_split} has {classes_in_words(test.classes)}; both need the same classes "
                "in the same order"
            )
        labels = number_labels(
            train.labels, test.labels, train.classes, f"column {config.label_column!r}", name
        )
        given, of_arrays = parse_value_range(config.value_range), None
        if isinstance(contents[0], np.ndarray) and isinstance(contents[-1], np.ndarray):
            contents, of_arrays = arrays_to_bytes(contents, count, given, name, self.place)
            given = None
        images, mapping = decode_pictures(contents, name, self.place, config.resolution, count, given)
        mapping = of_arrays or mapping
        return RawData(
            Part(images[:count], labels[0]),
            Part(images[count:], labels[1]),
            labels[2],
            mapping.sample_range,
            ReadSummary(mapping.words, (), skipped, mapping.notes),
        )

    def _split(self, split: str) -> _Split:
        config, files = self.config, self._files(split)
        rows, classes = self._from_hub(split) if files is None else self._from_files(files, split)
        name = _row_name(self.place, split, files)
        labels = read_label_column(rows[config.label_column], f"column {config.label_column!r}", name)
        folder = Path(files[0]).parent if files else None
        what = f"column {config.image_column!r}"
        contents = read_picture_column(rows[config.image_column], what, name, folder)
        return _Split(contents, labels, tuple(classes or ()) or None, name)

    def _select(self, there: Sequence[str], split: str) -> list[str]:
        """Return the names of the two columns to read, after checking that they are ``there``."""
        columns = [self.config.image_column, self.config.label_column]
        for column in columns:
            if column not in there:
                raise LmregError(
                    f"{self.place}: no column {column!r} in {split}; its columns are: {', '.join(there)}"
                )
        return columns

    def _skipped(self, contents: list[Any]) -> tuple[str, ...]:
        """Describe the files in the folder that belong to neither split; name the Parquet files."""
        if self.config.path is None:
            return ()
        read = [*map(Path, self._files_read), *(content for content in contents if isinstance(content, Path))]
        return describe_unread(Path(self.config.path), read, (".parquet",))

    def _from_hub(self, split: str) -> tuple[Any, Sequence[str] | None]:
        """Return a split's two columns as an arrow table, and its class names if the hub has them."""
        config = self.config
        if config.hub is None:
            raise LmregError(
                f"data={config.name} needs data.hub=<name on the hub> or data.path=<folder of Parquet files>"
            )
        datasets = import_extra("datasets", "hub", f"reading {config.hub} from the hub (without data.path)")
        datasets.disable_progress_bars()
        # Its warnings about every retry would bury the one line that says what to do.
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
        try:
            dataset = datasets.load_dataset(config.hub, config.subset, split=split)
        except ValueError as error:  # an unknown split or subset; the message lists those that exist
            reason = " ".join(str(error).split())
            raise LmregError(f"data.hub={config.hub}, split {split!r}: {reason}") from error
        except Exception as error:  # the library raises dozens of kinds: network, cache, format
            raise LmregError(
                f"can't load {config.hub!r} from the hub ({type(error).__name__}); "
                "if you have its Parquet files, pass data.path=<folder>"
            ) from error
        columns = self._select(dataset.column_names, split)
        # In arrow format the pictures stay encoded: they are decoded in threads later.
        rows = dataset.select_columns(columns).with_format("arrow")[:]
        return rows, getattr(dataset.features[config.label_column], "names", None)

    def _files(self, split: str) -> list[str] | None:
        """Return the split's Parquet files, or None if it comes from the hub."""
        if self.config.path is None:
            return None
        folder = data_folder(self.config.path, self.config.name, "Parquet files")
        files = [str(path) for path in matching_files(folder, f"{split}*.parquet")]
        if not files:
            others = ", ".join(sorted(p.name for p in matching_files(folder, "*.parquet"))[:5])
            hint = f"; there are: {others} (name the split with data.train_split or data.test_split)"
            hint = hint if others else self.other_form
            raise LmregError(f"data.path={folder}: there is no {split}*.parquet in that folder{hint}")
        if len(places := {str(Path(file).parent) for file in files}) > 1:
            raise LmregError(
                f"data.path={folder} has several data sets: {', '.join(sorted(places))}; pass one of them"
            )
        _check_shards(files)
        self._files_read += files
        return files

    def _from_files(self, files: list[str], split: str) -> tuple[Any, Sequence[str] | None]:
        """Return the two columns of all ``files`` as one arrow table, and the class names, which the hub's
        files hold in their metadata."""
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile

        tables, classes = [], None
        try:
            for path in files:
                with ParquetFile(path) as file:
                    schema = file.schema_arrow
                    columns = self._select(schema.names, split)
                    classes = classes or _class_names(schema.metadata, self.config.label_column)
                    # In small batches, as arrow can't put 2 GB of nested bytes into one.
                    batches = list(file.iter_batches(_ROWS, columns=columns))
                    if batches:
                        tables.append(pa.Table.from_batches(batches).select(columns))
            if tables:
                return pa.concat_tables(tables, promote_options="permissive"), classes
        except (pa.ArrowException, OSError, ValueError) as error:
            raise LmregError(f"can't read {', '.join(files)}: {str(error).splitlines()[0]}") from error
        raise LmregError(f"{', '.join(files)} has no rows")


_ROWS = 1000  # rows that are read at a time

_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.parquet$")


def _class_names(metadata: Mapping[bytes, bytes] | None, column: str) -> list[str] | None:
    """Return the names of a column's classes as the library `datasets` writes them into a Parquet file."""
    try:
        return json.loads((metadata or {})[b"huggingface"])["info"]["features"][column]["names"]
    except (KeyError, TypeError, ValueError):
        return None


def _check_shards(files: list[str]) -> None:
    """Check that all files of a split are there according to their names, and none of another."""
    shards = {file: (int(found[1]), int(found[2])) for file in files if (found := _SHARD.search(file))}
    if not shards:
        return
    totals = {total for _, total in shards.values()}
    if len(shards) < len(files) or len(totals) > 1:
        raise LmregError(
            f"{', '.join(files[:4])}: files of several data sets or versions; leave only those of one"
        )
    if missing := sorted(set(range(min(totals))) - {number for number, _ in shards.values()}):
        raise LmregError(
            f"{files[0]} is one of {min(totals)} files, of which {len(missing)} are missing (number "
            f"{missing[0]:05} first); add them"
        )


def _row_name(place: str, split: str, files: list[str] | None) -> Callable[[int], str]:
    """Return a function that says where row i of a split is stored, for messages."""

    def name(i: int) -> str:
        from pyarrow.parquet import read_metadata

        for file in files or ():
            rows = read_metadata(file).num_rows
            if i < rows:
                return f"row {i} of {file}"
            i -= rows
        return f"row {i} of {split} in {place}"

    return name
