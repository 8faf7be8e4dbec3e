"""Weight-sharing neural architecture search with landmark regularisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lmreg.errors import Interrupted, LmregError

if TYPE_CHECKING:
    from lmreg.api import Retrained, Run, Study

__all__ = ["Interrupted", "LmregError", "Retrained", "Run", "Study"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'lmreg' has no attribute {name!r}")
    from lmreg import api  # torch is imported only when it is needed: --help shall be quick

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
