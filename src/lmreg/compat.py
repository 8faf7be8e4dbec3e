"""What goes together: refused before any work, with what would work."""

from __future__ import annotations

from lmreg.algo.base import Algorithm
from lmreg.config import catalogue
from lmreg.config.build import class_of
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


def _algorithms(network: type[SuperNet]) -> str:
    able = [c for c in catalogue.choices("algo") if class_of("algo", c, Algorithm).needs <= network.offers]
    return f"algo={','.join(able)} (and reg=none, or reg=landmark with reg.passes=path)"


def _networks(needs: frozenset[str]) -> str:
    able = [c for c in catalogue.choices("network") if needs <= class_of("network", c, SuperNet).offers]
    return f"; {' and '.join(sorted(needs))}: network={','.join(able)}" if able else ""
