"""``lmreg export``: a retrained network as plain files that need no lmreg."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from omegaconf import DictConfig

from lmreg.commands.options import top_level
from lmreg.config.build import resolve
from lmreg.config.schema import option
from lmreg.data.base import InputShape
from lmreg.errors import LmregError
from lmreg.export.code import plain_code
from lmreg.export.files import check, extra, write_code, write_onnx
from lmreg.files import write_json
from lmreg.network.base import SuperNet, track_statistics
from lmreg.retraining import Retraining, read_retraining
from lmreg.space.base import Space
from lmreg.study import Options
from lmreg.task.base import Task
from lmreg.train import checkpoint


@dataclass
class ExportOptions(Options):
    run: str | None = option(None, help="folder of a retraining; its training of seed= is exported")
    onnx: bool = option(True, help="also write model.onnx, checked with onnxruntime")
    out: str | None = option(None, help="folder of the files; null for <run>/export")


def run(cfg: DictConfig) -> None:
    """The command; ``cfg`` is composed from ``conf/export.yaml``."""
    options = top_level(cfg, ExportOptions)
    if options.run is None:
        raise LmregError("export needs run=<folder of a retraining>; 'lmreg retrain' makes one")
    for name in ("safetensors", *(("onnx", "onnxscript", "onnxruntime") if options.onnx else ())):
        extra(name)  # before any work
    folder = Path(options.run)
    config, result = read_retraining(folder)
    trainings = {training["seed"]: training for training in result["trainings"]}
    if options.seed not in trainings:
        raise LmregError(
            f"seed={options.seed}: {folder.name} has trainings of {', '.join(map(str, trainings))}"
        )
    about = result["input"]
    shape = InputShape(about["channels"], about["height"], about["width"])
    parts = {
        group: resolve(config[group], base, group, options.allow_packages)  # type: ignore[type-abstract]
        for group, base in (("space", Space), ("task", Task), ("network", SuperNet))
    }
    space, task = (cls(its) for cls, its in (parts["space"], parts["task"]))
    network, its_config = parts["network"]
    outputs = task.outputs(len(about["classes"]))
    alone = network(its_config, space, shape, outputs).standalone(space.parse(str(config.arch)))
    track_statistics(alone)
    path = Retraining.weights(folder, options.seed)
    weights = checkpoint.load(path, result["config_hash"], torch.device("cpu"))
    alone.net.load_state_dict({key: weights[key] for key in alone.net.state_dict()})

    out = Path(options.out) if options.out else folder / "export"
    title = f"{config.arch} of space {result['space']}, trained on {config.data.name}."
    sizes = {"channels": shape.channels, "height": shape.height, "width": shape.width}
    model = write_code(out, plain_code(alone, shape), title, sizes)
    noise = torch.Generator().manual_seed(0)
    images = torch.randn(8, shape.channels, shape.height, shape.width, generator=noise)
    with torch.inference_mode():
        check(alone(images), model, images, "model.py")
    written = ["model.py", "model.safetensors", "model.json"]
    if options.onnx:
        write_onnx(out, model, images)
        written.append("model.onnx")
    preprocessing = {key: [value / 255 for value in about[key]] for key in ("mean", "std")}
    test = {key: trainings[options.seed][key] for key in result["test"]}
    known = {"classes": about["classes"], "input": sizes, "pixels": "0 to 1, less mean, divided by std"}
    write_json(out / "model.json", {**known, **preprocessing, "test": test, "arch": str(config.arch)})
    print(f"Written to {out}: {', '.join(written)}")
