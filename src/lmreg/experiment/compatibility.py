"""Whether algorithm, regulariser, super-net and space go together; checked before any work."""

from __future__ import annotations

import torch

from lmreg.algo.base import Algorithm
from lmreg.config import catalogue
from lmreg.config.build import choice_of, classes_of
from lmreg.data.base import InputShape
from lmreg.errors import LmregError
from lmreg.experiment.study import Study
from lmreg.network.base import MIXTURES, SuperNet
from lmreg.reg.base import Regulariser
from lmreg.space.base import Space

# Any values serve: the super-net is only built to see whether it can be, and takes no memory.
_SHAPE, _OUTPUTS = InputShape(3, 32, 32), 10


def check_compatible(study: Study, algo: Algorithm) -> None:
    """Raise LmregError if the study's super-net can't do what ``algo`` and the study's regulariser need; the
    message names choices that would work."""
    network, _ = study.resolve("network", SuperNet)
    reg, reg_config = study.resolve("reg", Regulariser)
    for group, needs in (("algo", algo.needs), ("reg", reg.needs(reg_config))):
        if lacks := sorted(needs - network.offers):
            raise LmregError(
                f"{group}={study.cfg[group].name} needs {' and '.join(lacks)}, which the super-net of "
                f"space={study.space.name} doesn't offer; with this space work "
                f"{_algorithms(network, study.space)}{_networks(needs, study.space)}"
            )
    algo.check(study.space)
    check_network(study, **algo.network_options())


def check_network(study: Study, **options: int) -> None:
    """Raise LmregError if the study's super-net can't be built with these ``options``."""
    network, config = study.resolve("network", SuperNet)
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        network(config, study.space, _SHAPE, _OUTPUTS, **options)


def able_algorithms(network: type[SuperNet], space: Space) -> list[str]:
    """Return the choices of ``algo`` that can train such a super-net of that space."""
    return [choice for choice in catalogue.choices("algo") if _is_able(choice, network, space)]


def _algorithms(network: type[SuperNet], space: Space) -> str:
    able = ",".join(able_algorithms(network, space))
    passes = "" if MIXTURES in network.offers else " (and reg=none, or reg=landmark with reg.passes=path)"
    return f"algo={able}{passes}"


def _is_able(algo: str, network: type[SuperNet], space: Space) -> bool:
    cls, config = choice_of("algo", algo, Algorithm)
    try:
        cls(config).check(space)  # type: ignore[call-arg]
    except LmregError:
        return False
    return cls.trains and cls.needs <= network.offers


def _networks(needs: frozenset[str], space: Space) -> str:
    classes = classes_of("network", SuperNet)
    able = [name for name, cls in classes.items() if needs <= cls.offers and isinstance(space, cls.of_space)]
    return f"; {' and '.join(sorted(needs))}: network={','.join(able)}" if able else ""
