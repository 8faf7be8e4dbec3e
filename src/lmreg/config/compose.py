"""Compose a command's config within Python, from the same overrides as on the command line."""

from __future__ import annotations

from collections.abc import Iterable

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from lmreg.config import catalogue
from lmreg.config.overrides import USER_ERRORS, as_hydra_reads, one_line
from lmreg.config.paths import conf_dir
from lmreg.config.renamed import with_todays_names
from lmreg.errors import LmregError
from lmreg.util.progress import say


def composed(command: str, words: Iterable[str]) -> tuple[DictConfig, list[str]]:
    """Return the config of ``command`` with the overrides ``words``, and these as Hydra reads them."""
    words, notes = with_todays_names(words)
    for note in notes:
        say(f"Note: {note}")
    name = command.replace("-", "_")
    for word in words:
        if word.startswith("-"):
            raise LmregError(f"{word!r} is not an override (key=value); for a sweep call it in a loop")
    try:
        words = as_hydra_reads(command, words)
        return compose_words(command, words), words
    except USER_ERRORS as error:
        raise LmregError(one_line(error, name, words)) from error


def compose_words(command: str, words: list[str]) -> DictConfig:
    """Return the config of ``command`` with ``words``, which Hydra reads as they are."""
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return compose(command.replace("-", "_"), words)


def takes(command: str, word: str) -> bool:
    """Return whether ``command`` has the option, or the config group, that the override ``word`` sets."""
    key = catalogue.key_of(word)
    groups = catalogue.groups(command)
    top = {option.key for option in catalogue.top_options(command)}
    return key in top or key.partition(".")[0] in groups
