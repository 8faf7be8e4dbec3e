"""Bring values of options to one spelling: ``seed=00`` is 0, ``flip=yes`` is true."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from omegaconf import BooleanNode, DictConfig, FloatNode, IntegerNode, ListConfig, OmegaConf, StringNode
from omegaconf.errors import ValidationError

from lmreg.config.index import Fields, index
from lmreg.config.resolvers import absolute

_NODES: dict[str, Callable[[Any], Any]] = {
    "int": IntegerNode,
    "float": FloatNode,
    "bool": BooleanNode,
    "str": StringNode,
}


def resolved(node: Any) -> Any:
    """Return a config node as dicts, lists and values, with interpolations resolved."""
    return OmegaConf.to_container(node, resolve=True) if isinstance(node, DictConfig | ListConfig) else node


def plain(node: Any) -> Any:
    """Return a config node like `resolved`, with whole floats as integers: 3.0 may also be given as 3."""
    value = resolved(node)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def canonical(value: Any, kind: str) -> Any:
    """Return ``value`` as an option with the annotation ``kind`` has it, unchanged if that isn't possible."""
    kind = kind.partition(" | ")[0]
    if kind.startswith("list[") and isinstance(value, list):
        return [canonical(item, kind[5:-1]) for item in value]
    if kind == "int" and isinstance(value, float) and value.is_integer():
        return int(value)  # 1e3 is 1000
    if value is None or kind not in _NODES:
        return value
    try:
        return _NODES[kind](value)._value()
    except ValidationError:  # reported where the option is read
        return value


def canonical_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resolved config with every value as its option's type has it.

    Options of classes that aren't lmreg's stay unchanged: their types aren't known without importing them.
    """

    def group(values: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
        return {
            key: canonical(value, fields[key].type if key in fields else "") for key, value in values.items()
        }

    # An option in no group has the same type in all commands.
    top = {key: field for fields in index().commands.values() for key, field in fields.items()}
    nested = {
        key: group(value, index().node_fields(key, value.get("_target_")))
        for key, value in config.items()
        if isinstance(value, Mapping)
    }
    return group(config, top) | nested


def shown_config(cfg: DictConfig, resolve: bool) -> str:
    """Return ``cfg`` as yaml, with every value as the command uses it."""
    return OmegaConf.to_yaml(canonical_config(OmegaConf.to_container(cfg, resolve=resolve)))  # type: ignore[arg-type]


def settled(cfg: DictConfig) -> DictConfig:
    """Return a copy of ``cfg`` that means the same from any folder, at any time, and in any spelling.

    The file of a space is read now, and paths become absolute.
    """
    config = canonical_config(resolved(cfg))
    for key, value in config.items():
        fields = index().node_fields(key, value.get("_target_")) if isinstance(value, dict) else {}
        for name, field in fields.items():
            if field.text == "path" and value.get(name):
                value[name] = absolute(value[name])
    return OmegaConf.create(config)


def shown(value: Any) -> str:
    """Return ``value`` as a message has it: text as it is, anything else as an override has it."""
    return value if isinstance(value, str) else written(resolved(value))


def written(value: Any) -> str:
    """Return ``value`` as an override has it, always in the same spelling."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(written, value)) + "]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if not isinstance(value, str):
        # `plain` turns whole floats into integers: don't write all digits of 1e30.
        long = isinstance(value, int) and abs(value) >= 10**16 and int(float(value)) == value
        return str(float(value)) if long else str(value)
    return value if _reads_as(value) else QuotedString(value, Quote.single).with_quotes()


def _reads_as(text: str) -> bool:
    """Return whether Hydra reads ``text`` without quotes as the same text."""
    try:
        return OverridesParser.create().parse_override(f"key={text}").value() == text
    except Exception:  # errors of the parser and the lexer have no common base
        return False
