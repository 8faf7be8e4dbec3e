"""What goes together: refused before any work, with what would work."""

from __future__ import annotations

from omegaconf import OmegaConf

from lmreg.algo.base import Algorithm
from lmreg.config import catalogue
from lmreg.config.build import resolve
from lmreg.config.paths import conf_dir
from lmreg.errors import LmregError
from lmreg.network.base import SuperNet
from lmreg.reg.base import Regulariser
from lmreg.study import Study


def check_compatible(study: Study, algo: Algorithm, reg: Regulariser) -> None:
    """Nothing if the study's super-net can do what ``algo`` and ``reg`` need.

    Raises:
        LmregError: it can't; says with what it would.
    """
    algo.check(study.space)
    network, _ = study.resolve("network", SuperNet)
    for group, part in (("algo", algo), ("reg", reg)):
        if lacks := sorted(part.needs - network.offers):
            raise LmregError(
                f"{group}={study.cfg[group].name} needs {' and '.join(lacks)}, which the super-net of "
                f"space={study.space.name} doesn't offer; with this space work {_algorithms(network)}"
                f"{_networks(part.needs)}"
            )


def _classes(group: str, base: type) -> dict[str, type]:
    """The class of every choice of a config group."""
    nodes = {name: OmegaConf.load(conf_dir() / group / f"{name}.yaml") for name in catalogue.choices(group)}
    return {name: resolve(node, base, group)[0] for name, node in nodes.items()}  # type: ignore[arg-type]


def _algorithms(network: type[SuperNet]) -> str:
    able = [name for name, cls in _classes("algo", Algorithm).items() if cls.needs <= network.offers]  # type: ignore[attr-defined]
    return f"algo={','.join(able)} (and reg=none, or reg=landmark with reg.passes=path)"


def _networks(needs: frozenset[str]) -> str:
    able = [name for name, cls in _classes("network", SuperNet).items() if needs <= cls.offers]  # type: ignore[attr-defined]
    return f"; {' and '.join(sorted(needs))}: network={','.join(able)}" if able else ""
