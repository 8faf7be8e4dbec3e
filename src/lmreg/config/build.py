"""Turn a config node into a class and a checked config object.

``_target_`` names the class; the dataclass that annotates its constructor's ``config`` is its schema.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import re
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import lmreg
import lmreg.config.resolvers
from lmreg.config import catalogue
from lmreg.config.groups import GROUPS
from lmreg.config.paths import WRITE_CONF, conf_dir
from lmreg.config.schema import range_error
from lmreg.config.values import canonical, resolved, shown
from lmreg.errors import LmregError, error_line

T = TypeVar("T")
COMMAND = "python scripts/conf.py"
OPTIONS_OF = re.compile(rf"# Options of ([\w.]+), written by '{COMMAND}':\n")


def nearest(word: str, names: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` with the closest of ``names``, or a list of them if none is close.

    Dotted words are compared with the names of the same group first.
    """
    names = sorted(names)
    group, dot, leaf = word.rpartition(".")
    siblings = [name for name in names if dot and name.rpartition(".")[0] == group]
    leaves = {name.rpartition(".")[2]: name for name in siblings or names}
    close = difflib.get_close_matches(leaf, leaves, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {leaves[close[0]]!r}?"
    shown = siblings or [name for name in names if "." not in name]
    return f"; there are: {', '.join(shown)}"


def unknown_choice(group: str, choice: str, names: Iterable[str]) -> str:
    """Say that a group has no such choice among ``names``, and what was probably meant."""
    new = Path(lmreg.__file__).parent / group / f"{choice}.py"
    hint = f"; if {group}/{new.name} is a new part, {WRITE_CONF}" if new.exists() else nearest(choice, names)
    return f"unknown choice '{group}={choice}'{hint}"


def dotted(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested mappings into one with dotted keys."""
    items: dict[str, Any] = {}
    for key, value in node.items():
        name = f"{prefix}{key}"
        items |= dotted(value, f"{name}.") if isinstance(value, Mapping) and value else {name: value}
    return items


def typed(node: Mapping[str, Any] | DictConfig, schema: type[T], where: str) -> T:
    """Return ``node`` as an instance of the dataclass ``schema``, with every key, type and range checked.

    Args:
        node: the values; ``_target_`` is ignored. A missing option gets the value that runs had before the
            option existed, if it declares one, else its default.
        schema: a dataclass whose options are declared by `lmreg.config.schema.option`.
        where: the node's place in the config, for messages; empty at the top level.

    Raises:
        LmregError: an unknown key, a value of the wrong type or out of range; one line.
    """
    values = {str(key): value for key, value in dict(node).items() if key != "_target_"}
    prefix = f"{where}." if where else ""
    fields = {f.name: f for f in dataclasses.fields(schema)}  # type: ignore[arg-type]
    before = {name: f.metadata["before"] for name, f in fields.items() if "before" in f.metadata}
    blocks = {name: f.metadata["block"] for name, f in fields.items() if "block" in f.metadata}
    config = OmegaConf.structured(schema)
    for key, value in (before | values).items():
        if key in blocks:
            continue
        if key not in fields:
            raise LmregError(f"unknown key '{prefix}{key}'{nearest(key, fields)}")
        try:
            config[key] = canonical(resolved(value), str(fields[key].type))
        except OmegaConfBaseException as error:
            raise LmregError(f"{prefix}{key}={shown(value)}: {_expected(fields[key], error)}") from None
    try:
        result: T = OmegaConf.to_object(config)  # type: ignore[assignment]
    except ValueError as error:  # a schema's own check that its values fit together
        raise LmregError(f"{where or 'config'}: {error}") from None
    for name, field in fields.items():
        if problem := range_error(field, getattr(result, name)):
            raise LmregError(f"{prefix}{name}={shown(getattr(result, name))}: {problem}")
    for name, block in blocks.items():
        setattr(result, name, typed(values.get(name, {}), block, f"{prefix}{name}"))
    return result


_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "list[str]": "a list, such as [name] or [name,other],",
    "list[Any]": "a list, such as [a,b],",
    "list[int]": "a list of whole numbers, such as [5,10],",
    "list[float]": "a list of numbers, such as [0,4095],",
}


def _expected(field: dataclasses.Field[Any], error: Exception) -> str:
    """Say what values of this field's type look like."""
    kind, *others = str(field.type).split(" | ")
    if kind not in _KINDS:
        return str(error).splitlines()[0]
    return f"must be {_KINDS[kind]} or null" if "None" in others else f"must be {_KINDS[kind]}".rstrip(",")


def resolve(node: DictConfig, base: type[T], where: str, allow: Iterable[str] = ()) -> tuple[type[T], Any]:
    """Return the class that ``node._target_`` names, and the node as that class's config.

    Only subclasses of ``base`` from ``lmreg`` and the packages in ``allow`` are accepted, so that a config
    can't call anything else. Targets inside the node are checked in the same way, but may also be in
    ``torch.nn``; whoever builds them accepts modules only.
    """
    cls = class_of(str(node.get("_target_") or ""), base, where, allow)
    config: Any = typed(node, schema_of(cls), where)
    for place, inner in _targets_within(vars(config), where):
        if not inner.startswith("torch.nn."):
            _require_allowed(inner, place, {"lmreg", *allow}, "lmreg and torch.nn")
    return cls, config


def class_of(target: str, base: type[T], where: str, allow: Iterable[str] = ()) -> type[T]:
    """Return the class ``target``, a ``base``, see `resolve`."""
    _require_allowed(target, where, {"lmreg", *allow})
    module_name, _, class_name = target.rpartition(".")
    try:
        cls = getattr(importlib.import_module(module_name), class_name, None)
    except Exception as error:  # whatever a module of the user's own raises
        reason = error if isinstance(error, ImportError) else error_line(error)
        raise LmregError(f"{where}._target_={target}: {reason}") from error
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise LmregError(f"{where}._target_={target}: there is no {base.__name__} of that name")
    return cls


def built(node: DictConfig, base: type[T], where: str, allow: Iterable[str] = ()) -> T:
    """Return an object of the class that ``node._target_`` names, see `resolve`."""
    cls, config = resolve(node, base, where, allow)
    return cls(config)  # type: ignore[call-arg]


def _require_allowed(target: str, where: str, allow: Iterable[str], own: str = "lmreg") -> None:
    package = target.partition(".")[0] if "." in target else ""
    if package not in allow:
        wanted = sorted({*allow, package or "name"} - {"lmreg"})  # keep what is allowed already
        raise LmregError(
            f"{where}._target_={target}: only classes of {own} are built; to allow a package of "
            f"your own pass 'allow_packages=[{','.join(wanted)}]'"
        )


def _targets_within(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Yield every ``_target_`` in nested mappings and lists, after the place of its mapping."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "_target_":
                yield where, str(item)
            yield from _targets_within(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _targets_within(item, f"{where}[{index}]")


def check_config(command: str, cfg: DictConfig) -> None:
    """Check every group and option of a command's composed config as the command itself does."""
    options = top_level(cfg, options_of(conf_dir() / f"{command.replace('-', '_')}.yaml"))
    for group in catalogue.groups(command):
        base: type = resolve_name(GROUPS[group].base)
        if dataclasses.is_dataclass(base):
            typed(cfg[group], base, group)
        else:
            resolve(cfg[group], base, group, options.allow_packages)


def top_level(cfg: DictConfig, schema: type[T]) -> T:
    """Return the options of a command that are in no group, typed and checked; refuse unknown groups."""
    own = {field.name for field in dataclasses.fields(schema)}  # type: ignore[arg-type]
    for key, value in cfg.items():
        if isinstance(value, DictConfig) and key not in GROUPS.keys() | own:
            raise LmregError(f"unknown config group '{key!s}'{nearest(str(key), GROUPS)}")
    return typed({k: v for k, v in cfg.items() if k in own or k not in GROUPS}, schema, "")  # type: ignore[misc]


def options_of(path: Path) -> Any:
    """Return the dataclass whose options a command's yaml file has, as a line in it says."""
    marker = OPTIONS_OF.search(path.read_text(encoding="utf-8"))
    if marker is None:
        raise LmregError(f"{path} lacks the line \"# Options of <dataclass>, written by '{COMMAND}':\"")
    return resolve_name(marker[1])


def choice_of(group: str, choice: str, base: type[T]) -> tuple[type[T], Any]:
    """Return the class that a choice of a config group builds, and its config as its yaml file has it."""
    node = OmegaConf.load(conf_dir() / group / f"{choice}.yaml")
    assert isinstance(node, DictConfig)
    return resolve(node, base, group)


def classes_of(group: str, base: type[T]) -> dict[str, type[T]]:
    """Return the class of every choice of a config group, by the choice's name."""
    return {choice: choice_of(group, choice, base)[0] for choice in catalogue.choices(group)}


def schema_of(cls: type) -> type:
    """Return the dataclass that annotates the ``config`` of a class's constructor."""
    hint = typing.get_type_hints(cls.__init__).get("config")  # type: ignore[misc]
    if hint is None:
        raise LmregError(
            f"{cls.__module__}.{cls.__name__}: annotate its constructor's config with a dataclass"
        )
    options = [part for part in typing.get_args(hint) or (hint,) if part is not type(None)]
    return options[0]
