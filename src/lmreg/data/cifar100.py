"""CIFAR-100: the same source and file formats as CIFAR-10, with fine and coarse labels."""

from __future__ import annotations

from dataclasses import dataclass

from lmreg.config.schema import inherit
from lmreg.data.cifar10 import CIFAR10
from lmreg.data.cifar10 import Config as CIFAR10Config


@dataclass
class Config(CIFAR10Config):
    name: str = "cifar100"
    hub: str | None = inherit(CIFAR10Config, "hub", "uoft-cs/cifar100")
    path: str | None = inherit(
        CIFAR10Config, "path", help="folder with <split>*.parquet, or cifar-100-python"
    )
    label_column: str = inherit(
        CIFAR10Config, "label_column", "fine_label", help="fine_label: 100 classes; coarse_label: 20"
    )


class CIFAR100(CIFAR10):
    """Reads 100 fine classes, or 20 coarse ones by ``label_column``."""

    train_files = ("train",)
    test_files = ("test",)
    names_file = "meta"
    folder_name = "cifar-100-python"
    other_form = ", nor the files of cifar-100-python"

    def __init__(self, config: Config):
        super().__init__(config)
