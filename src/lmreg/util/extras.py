"""Importing packages that only an optional extra of lmreg installs."""

from __future__ import annotations

import importlib
from typing import Any

from lmreg.errors import LmregError


def import_extra(module: str, extra: str, needed_by: str) -> Any:
    """Import and return ``module``, which ``pip install 'lmreg[<extra>]'`` installs. Raises LmregError if it
    isn't installed or its import fails, with the command or option that it is ``needed_by``."""
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ImportError:
        raise LmregError(
            f"{needed_by} needs the package {package}; install it with: pip install 'lmreg[{extra}]'"
        ) from None
    except Exception as error:  # for example from a torchvision built for another torch
        raise LmregError(
            f"{needed_by}: importing {package} fails ({str(error).splitlines()[0]}); are it and what it "
            "needs, such as torch and torchvision, of matching versions?"
        ) from error
