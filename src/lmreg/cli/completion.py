"""Complete a word of a command line, given the words before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from lmreg.config.catalogue import choice_summary, choices, chosen, groups, key_of, options
from lmreg.config.renamed import with_todays_names

# Those of Hydra's flags that are useful with lmreg.
FLAGS = {
    "-m": "run every combination of comma-separated values",
    "--help": "choices and options, under the choices given",
    "--cfg": "print the composed configuration and stop: job, hydra or all",
    "--resolve": "with --cfg: interpolations resolved",
    "--info": "how the configuration came about",
    "--hydra-help": "flags of Hydra itself",
}

Candidate = tuple[str, str]
"""A word and its meaning. A word that ends in =, . or / is not complete yet."""


def candidates(command: str, words: Sequence[str], incomplete: str) -> list[Candidate]:
    """Return the words that ``incomplete`` may become after ``words``, in the order of the help."""
    words, _ = with_todays_names(words)
    if incomplete.startswith("-"):
        return [(flag, meaning) for flag, meaning in FLAGS.items() if flag.startswith(incomplete)]
    if words and words[-1] in ("--cfg", "-c"):
        return [(kind, "") for kind in ("job", "hydra", "all") if kind.startswith(incomplete)]
    key, is_value, value = incomplete.partition("=")
    plus = key[: len(key) - len(key.lstrip("+"))]
    name = key[len(plus) :]
    if not is_value:
        given = set(map(key_of, words))
        return [(plus + word, meaning) for word, meaning in _keys(command, words, name, given)]
    before, comma, last = value.rpartition(",")
    taken = before.split(",")
    found = [(v, meaning) for v, meaning in _values(command, words, name, last) if v not in taken]
    return [(f"{key}={before}{comma}{v}", meaning) for v, meaning in found if v.startswith(last)]


def _keys(command: str, words: Sequence[str], name: str, given: set[str]) -> Iterator[Candidate]:
    known = [o for o in options(command, words) if o.key not in given]
    for group, now in chosen(command, words).items():
        if group not in given and group.startswith(name):
            yield f"{group}=", f"{', '.join(choices(group))} (default: {', '.join(now)})"
        # Offer a group's options only once its name is begun: all of them at once would be too many.
        inside = [o for o in known if o.key.startswith(f"{group}.")]
        if inside and name and group.startswith(name):
            yield f"{group}.", f"options of {group}"
    for block in dict.fromkeys(o.key.partition(".")[0] for o in known if "." in o.key):
        if name and block.startswith(name) and block not in groups(command):
            yield f"{block}.", f"options of {block}"
    for option in known:
        if option.key.startswith(name) and ("." not in option.key or "." in name):
            yield f"{option.key}=", f"{option.meaning} (default: {option.default})".lstrip()


def _values(command: str, words: Sequence[str], key: str, begun: str) -> Iterator[Candidate]:
    if key in groups(command):
        yield from ((choice, choice_summary(key, choice)) for choice in choices(key))
        return
    option = next((o for o in options(command, words) if o.key == key), None)
    if option is None:
        return
    yield from ((value, "the default" if value == option.default else "") for value in option.values)
    if key == "study":
        root = next((w.partition("=")[2] for w in reversed(words) if w.startswith("root=")), "outputs")
        yield from ((p.name, "") for p in sorted(Path(root).glob("*/")))
    if key == "device":
        yield from ((name, "") for name in ("auto", "cpu", "cuda"))
    if option.field and option.field.text == "path":
        yield from ((path, "") for path in _paths(begun))


def _paths(begun: str) -> Iterator[str]:
    folder, slash, name = begun.rpartition("/")
    try:
        inside = sorted(Path(folder + slash or ".").expanduser().iterdir())
    except OSError:
        return
    for path in inside:
        if path.name.startswith(name) and (name.startswith(".") or not path.name.startswith(".")):
            yield f"{folder}{slash}{path.name}" + ("/" if path.is_dir() else "")
