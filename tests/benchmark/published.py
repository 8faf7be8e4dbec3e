"""Benchmark files in their published formats, written independently of lmreg's readers."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lmreg.space.genotype import CELL_NAMES
from lmreg.space.macro import NASBenchMacro
from lmreg.space.nasbench101 import NASBench101
from lmreg.space.nds import NDS, Config

_BYTES = []
for _byte in range(256):
    for _ in range(8):
        _byte = _byte >> 1 ^ (0x82F63B78 if _byte & 1 else 0)
    _BYTES.append(_byte)


def masked_crc32c(content: bytes) -> int:
    """CRC-32C byte by byte, by its definition."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ _BYTES[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def tfrecord(contents: Iterable[bytes]) -> bytes:
    parts = []
    for content in contents:
        length = struct.pack("<Q", len(content))
        parts += [length, struct.pack("<I", masked_crc32c(length))]
        parts += [content, struct.pack("<I", masked_crc32c(content))]
    return b"".join(parts)


def varint(value: int) -> bytes:
    parts = []
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _double(field: int, value: float) -> bytes:
    return bytes([field << 3 | 1]) + struct.pack("<d", value)


def _bytes(field: int, content: bytes) -> bytes:
    return bytes([field << 3 | 2]) + varint(len(content)) + content


def metrics(evaluations: Sequence[Sequence[float]], params: int) -> bytes:
    """Return a ModelMetrics message; an evaluation is epoch, seconds, train, validation and test accuracy."""
    messages = []
    for number, values in enumerate(evaluations):
        message = b"".join(_double(field, value) for field, value in enumerate(values, 1))
        message += _bytes(6, b"model.ckpt-%d" % number)  # checkpoint_path, which nobody needs
        messages.append(_bytes(1, message))
    return b"".join(messages) + b"\x10" + varint(params) + _double(3, 1234.5)


def training(
    module_hash: str, cell: str, valid: float, test: float, params: int = 2_694_282, epochs: int = 108
) -> bytes:
    """Return a record of NAS-Bench-101; ``cell`` is in lmreg's text form."""
    adjacency, *operations = cell.split("|")
    halfway = (epochs / 2, 500.0, 0.6, valid / 2, test / 2)
    final = (float(epochs), 1000.5, 0.9999, valid, test)
    message = metrics([(0.0, 0.0, 0.1, 0.1, 0.1), halfway, final], params)
    parts = [module_hash, epochs, adjacency, ",".join(operations), base64.b64encode(message).decode()]
    return json.dumps(parts).encode()


def cells(count: int, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """Return hash and text form of ``count`` cells, no two isomorphic."""
    space, seen = NASBench101(), set()
    while len(seen) < count:
        arch = space.sample(rng)
        module_hash = space.benchmark_key(arch)
        if module_hash not in seen:
            seen.add(module_hash)
            yield module_hash, space.format(arch)


def write_nasbench101(path: Path, count: int, seeds: int = 3, seed: int = 0) -> dict[str, np.ndarray]:
    """A file of ``count`` cells; by cell the validation and test accuracies, [seeds, 2].

    Accuracies are shares of 9,984 images in single precision, as the benchmark's are.
    """
    rng = np.random.default_rng(seed)
    scores, records = {}, []
    for module_hash, cell in cells(count, rng):
        scores[cell] = np.float32(rng.integers(5000, 9500, (seeds, 2)) / 9984).astype(float)
        records += [training(module_hash, cell, *accuracies) for accuracies in scores[cell]]
    path.write_bytes(tfrecord(records))
    return scores


def write_macro(path: Path, count: int, seed: int = 0) -> None:
    """A NAS-Bench-Macro file of at most ``count`` networks."""
    space, rng, networks = NASBenchMacro(), np.random.default_rng(seed), {}
    for _ in range(count):
        accs = rng.uniform(60, 93, 3).round(2).tolist()
        figures = {"mean_acc": float(np.mean(accs)), "std": float(np.std(accs)), "params": 5, "flops": 7}
        networks[space.format(space.sample(rng))] = {"test_acc": accs, **figures}
    path.write_text(json.dumps(networks))


def nds_entry(genotype: dict[str, Any] | None, test: float, **changes: Any) -> dict[str, Any]:
    """A training of two epochs, errors in percent."""
    net = {"width": 16, "depth": 8, "aux": False, "drop_prob": 0.0}
    return {
        "job_id": 7,
        "rng_seed": 1,
        "net": net | ({"genotype": genotype} if genotype else {"block_type": "res_basic_block"}),
        "optim": {"base_lr": 0.1, "wd": 5e-4, "max_ep": 2},
        "params": 400_000,
        "flops": 60_000_000,
        "train_ep_top1": [50.0, 1.25],
        "train_ep_loss": [1.5, float("nan")],
        "train_it_loss": [2.0] * 100,
        "test_ep_top1": [60.0, test],
    } | changes


def write_nds(path: Path, count: int) -> None:
    """A file of trainings of random cells of the ENAS family, from the worst to the best."""
    space, rng, entries = NDS(Config(family="enas")), np.random.default_rng(0), []
    for number in range(count):
        arch = space.sample(rng)
        genotype: dict[str, Any] = {}
        for name, cell in zip(CELL_NAMES, space.cells(arch), strict=True):
            genotype[name] = [[space.edge_labels[o], source] for node in cell for source, o in node]
            genotype[f"{name}_concat"] = space.joined(cell)
        entries.append(nds_entry(genotype, 30 - number / 8))
    path.write_text(json.dumps(entries))
