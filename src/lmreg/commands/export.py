"""``lmreg export``: write a retrained network as plain files that need no lmreg."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from lmreg.config.build import built, resolve, top_level
from lmreg.config.common import Options
from lmreg.config.schema import inherit, option
from lmreg.data.base import InputShape
from lmreg.errors import LmregError
from lmreg.experiment.retraining import Retraining, read_retraining
from lmreg.export.code import to_plain_module
from lmreg.export.preprocess import preprocessing_rules, write_preprocess
from lmreg.export.writer import write_code, write_onnx
from lmreg.network.base import Standalone, SuperNet, track_statistics
from lmreg.space.base import Space
from lmreg.task.base import Task
from lmreg.train import checkpoint
from lmreg.util.extras import import_extra
from lmreg.util.files import write_json
from lmreg.util.progress import say

_CHECKED = 8  # number of noise images whose outputs are compared
_SIXTEEN_BITS = [0, 65535]  # the range of samples in older retrainings, which didn't record it


@dataclass
class ExportOptions:
    run: str | None = option(None, text="path", help="folder of a retraining, <root>/<study>/retrain/<name>")
    seed: int | None = option(None, min=0, help="seed of the training to export; null: the first")
    onnx: bool = option(True, help="also write model.onnx, checked with onnxruntime")
    out: str | None = option(None, text="path", help="folder to write to; null: <run>/export")
    allow_packages: list[str] = inherit(Options, "allow_packages")


def export(cfg: DictConfig, overrides: list[str]) -> Path:
    """Export as ``cfg`` says; return the folder of the files."""
    options = top_level(cfg, ExportOptions)
    if options.run is None:
        raise LmregError("export needs run=<folder of a retraining>; 'lmreg retrain' makes one")
    folder = Path(options.run)
    config, result = read_retraining(folder)
    training = _training(result, options.seed, folder)
    for package in ("safetensors", *(("onnx", "onnxscript", "onnxruntime") if options.onnx else ())):
        import_extra(package, "export", "export")  # fail before any work is done
    about = result["input"]
    shape = InputShape(about["channels"], about["height"], about["width"])
    task = built(config.task, Task, "task", options.allow_packages)
    alone = _network(config, shape, task.outputs(len(about["classes"])), options.allow_packages)
    path = Retraining.weights(folder, training["seed"])
    weights = checkpoint.load(path, result["config_hash"], torch.device("cpu"))
    # Parts that only training needed, such as an auxiliary head, are left out.
    alone.net.load_state_dict({key: weights[key] for key in alone.net.state_dict()})

    out = Path(options.out) if options.out else folder / "export"
    title = f"{config.arch} of space {result['space']}, trained on {config.data.name}."
    noise = torch.Generator().manual_seed(0)
    images = torch.randn(_CHECKED, shape.channels, shape.height, shape.width, generator=noise)
    model = write_code(out, to_plain_module(alone, shape), title, alone, images, task.output)
    if options.onnx:
        write_onnx(out, model, images, task.output.name)
    else:
        (out / "model.onnx").unlink(missing_ok=True)  # from an earlier export, perhaps of other weights
    metadata = _metadata(config, result, training, shape, task)
    target = str(config.data._target_)
    reader = "" if target.startswith("lmreg.") else target
    write_preprocess(out, metadata, shape, reader)
    write_json(out / "model.json", metadata)
    written = ["model.py", "model.safetensors", "model.json", *(["model.onnx"] if options.onnx else [])]
    written.append("preprocess.py")
    say(f"Written to {out}, from the training with seed {training['seed']}: {', '.join(written)}")
    if reader:
        say(f"Note: preprocess.py has no part of your reader; do yourself what {reader} does to pictures")
    say(
        "To use them in that folder, or with that folder on Python's path:\n"
        "    import torch; from model import load; from preprocess import preprocess\n"
        f'    {task.output.name} = load()(torch.from_numpy(preprocess("picture.png")))'
    )
    return out


def _training(result: dict[str, Any], seed: int | None, folder: Path) -> dict[str, Any]:
    """Return the training with that seed, by default the first: test scores must not choose."""
    trainings: dict[int, dict[str, Any]] = {training["seed"]: training for training in result["trainings"]}
    seed = next(iter(trainings)) if seed is None else seed
    if seed not in trainings:
        raise LmregError(
            f"seed={seed}: {folder.name} has trainings with seed {', '.join(map(str, trainings))} only"
        )
    return trainings[seed]


def _network(config: DictConfig, shape: InputShape, outputs: int, allow: list[str]) -> Standalone:
    """Build the network that was trained, without its weights."""
    space = built(config.space, Space, "space", allow)
    network_class, network_config = resolve(config.network, SuperNet, "network", allow)
    net = network_class(network_config, space, shape, outputs)
    alone = net.standalone(space.parse(str(config.arch)))
    track_statistics(alone)
    return alone


def _metadata(
    config: DictConfig, result: dict[str, Any], training: dict[str, Any], shape: InputShape, task: Task
) -> dict[str, Any]:
    """Return the content of ``model.json``: how to use the network, and what it is."""
    about = result["input"]
    return {
        **({"classes": about["classes"]} if about["classes"] else {}),
        "output": asdict(task.output),
        "input": asdict(shape),
        "mode": "L" if shape.channels == 1 else "RGB",  # in Pillow's terms
        "preprocess": preprocessing_rules(
            shape, config.data.resolution, about.get("sample_range", _SIXTEEN_BITS)
        ),
        "pixels": "from 0 to 1, less mean, divided by std",
        **{key: [value / 255 for value in about[key]] for key in ("mean", "std")},
        "arch": str(config.arch),
        "space": result["space"],
        "seed": training["seed"],
        "test": {column: training[column] for column in result["test"]},
        "params": result["params"],
        "macs": result["macs"],
    }
