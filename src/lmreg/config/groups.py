"""The config groups: what their choices are, and what a choice means for results.

A group of parts has a choice for every module of ``lmreg/<group>/`` that defines a subclass of the group's
base; the choice is named after the module. A group of options has the choices that ``PRESETS`` beside its
dataclass declares, or only ``default``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Group:
    """A config group.

    Attributes:
        base: the base class of the parts, or the dataclass of the options.
        named_by: whether the name of a run begins with the choice, or the name of the study tells it; None if
            the choice is told among the run's options.
        result: whether results depend on the group's options.
    """

    base: str
    named_by: Literal["run", "study"] | None = None
    result: bool = True


GROUPS = {
    "space": Group("lmreg.space.base.Space", named_by="study"),
    "network": Group("lmreg.network.base.SuperNet"),
    "data": Group("lmreg.data.base.DataSource", named_by="study"),
    "task": Group("lmreg.task.base.Task", named_by="study"),
    "landmarks": Group("lmreg.landmarks.base.LandmarkSource"),
    "selector": Group("lmreg.selector.base.Selector"),
    "algo": Group("lmreg.algo.base.Algorithm", named_by="run"),
    "reg": Group("lmreg.reg.base.Regulariser", named_by="run"),
    "trainer": Group("lmreg.train.optimise.TrainerConfig"),
    "strategy": Group("lmreg.strategy.base.Strategy"),
    "scoring": Group("lmreg.rank.scoring.ScoringConfig"),
    "proxy": Group("lmreg.proxy.base.Proxy"),
    "predictor": Group("lmreg.predictor.base.Predictor"),
    "proxies": Group("lmreg.rank.proxy_scores.ProxiesConfig"),
    "tracking": Group("lmreg.rank.tracking.TrackingConfig", result=False),
    "benchmark": Group("lmreg.benchmark.base.Benchmark"),
}
