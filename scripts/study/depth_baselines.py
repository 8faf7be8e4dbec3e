"""How difficult the embedded scenes are: the scores of predictions without a network on the test images.

python scripts/study/depth_baselines.py
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lmreg.data.images import ImageData
from lmreg.data.shapes_depth import ShapesDepth
from lmreg.task.depth import Depth


def main() -> None:
    data, task = ImageData(ShapesDepth(), torch.device("cpu")), Depth()
    batches = data.split("test").scoring_batches(250)
    train = data.split("train")
    median = train.plain(torch.arange(len(train))).targets.nanmedian(0).values
    predictions: dict[str, Callable[[Tensor], Tensor]] = {
        "a constant": lambda x: torch.zeros_like(x[:, :1]),
        "the pixel's brightness": lambda x: x.mean(1, keepdim=True),
        "the median training map": lambda x: median.expand(len(x), 1, -1, -1),
    }
    print(f"| prediction, n = {sum(len(b.targets) for b in batches)} | {' | '.join(task.scores)} |")
    print(f"|---|{'---|' * len(task.scores)}")
    for name, predict in predictions.items():
        sums = sum(task.measure(predict(b.images), b.targets) for b in batches)
        means = torch.as_tensor(sums) / sum(len(b.targets) for b in batches)
        print(f"| {name} | {' | '.join(f'{value:.3g}' for value in means.tolist())} |")


if __name__ == "__main__":
    main()
