"""Modules that a config names: they are built from target and arguments and tested before use."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from lmreg.config.build import nearest
from lmreg.errors import LmregError, error_line
from lmreg.network.base import use_batch_statistics


def build_modules(parts: Sequence[Mapping[str, Any]], values: Mapping[str, int], where: str) -> nn.Module:
    """Return the modules of ``parts`` in sequence; their normalisations use batch statistics.

    Args:
        parts: arguments of each module and its ``_target_``, allowed by `lmreg.config.build.resolve`.
        values: values of the placeholders among the arguments.
        where: key in the config, for error messages.
    """
    # Even for a network on the meta device, as constructors may compute with values.
    with torch.device("cpu"):
        modules = [_build(part, values, where) for part in parts]
    whole = modules[0] if len(modules) == 1 else nn.Sequential(*modules)
    if any(is_lazy(p) for p in (*whole.parameters(), *whole.buffers())):
        raise LmregError(f"{where}: a lazy module has no parameters yet; give all sizes")
    use_batch_statistics(whole)
    return whole


def _build(part: Mapping[str, Any], values: Mapping[str, int], where: str) -> nn.Module:
    target = part["_target_"]
    cls = _module_class(target, f"{where}._target_={target}")
    arguments = {key: _filled(value, values) for key, value in part.items() if key != "_target_"}
    known = inspect.signature(cls).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in known.values()):
        for key in arguments:
            if key not in known:
                raise LmregError(f"{where}: {target} has no argument '{key}'{nearest(key, known)}")
    try:
        return cls(**arguments)
    except Exception as error:
        raise LmregError(f"{where}: {target} doesn't take these arguments: {error_line(error)}") from error


def _module_class(target: str, where: str) -> type[nn.Module]:
    module_name, _, name = target.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise LmregError(f"{where}: {error}") from None
    found = getattr(module, name, None)
    if isinstance(found, type) and issubclass(found, nn.Module):
        return found
    near = difflib.get_close_matches(name, dir(module), n=1)
    hint = f"; did you mean {module_name}.{near[0]}?" if near and not found else ""
    raise LmregError(f"{where}: there is no nn.Module of that name{hint}")


def _filled(value: Any, values: Mapping[str, int]) -> Any:
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    return values.get(value, value) if isinstance(value, str) else value


def require_fit(module: nn.Module, given: Sequence[int], expected: Sequence[int], where: str) -> None:
    """Check that ``module`` is a function from images of shape ``given`` to shape ``expected``.

    Shapes are channels, height, width. LmregError is raised if it fails, gives another shape, changes its
    input or its own state, or is random.
    """
    x = torch.randn(2, *given, generator=torch.Generator().manual_seed(0))
    untouched, state = x.clone(), {key: value.clone() for key, value in module.state_dict().items()}
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        try:
            first, kept = module(x), torch.equal(x, untouched)
            again = module(untouched.clone())
        except Exception as error:
            raise LmregError(f"{where} fails on images of {_shape(given)}: {error_line(error)}") from error
    if not isinstance(first, Tensor) or first.shape != (2, *expected):
        got = _shape(first.shape[1:]) if isinstance(first, Tensor) else type(first).__name__
        raise LmregError(f"{where} makes {_shape(given)} to {got}; its layer needs {_shape(expected)}")
    if not kept:
        raise LmregError(f"{where} changes its input, which other choices share; take inplace out")
    if any(not torch.equal(value, state[key]) for key, value in module.state_dict().items()):
        raise LmregError(f"{where} changes its own buffers when called, which would mix those of all paths")
    if not torch.equal(first, again):
        raise LmregError(f"{where} gives another output each time (dropout?); scores would be random")


def _shape(sizes: Sequence[int]) -> str:
    """Return "channels×height×width"."""
    return "×".join(map(str, sizes))
