"""The ``lmreg`` command: a thin click group over Hydra applications.

Everything after a command's name is left to Hydra; torch is imported only when a run starts.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from lmreg.cli.shells import HOW_TO
from lmreg.util.machine import replace_unencodable_output

_PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True}


class _Lmreg(click.Group):
    """The group of all commands."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        replace_unencodable_output()
        return super().main(*args, **kwargs)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _errors_in_one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _errors_in_one_line():
            return super().invoke(ctx)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        from lmreg.config.build import nearest

        if not ctx.resilient_parsing and args[0] not in self.commands and args[0].isidentifier():
            ctx.fail(f"no command {args[0]!r}{nearest(args[0], self.commands)}")
        return super().resolve_command(ctx, args)


@contextlib.contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """Report what click refuses in one line, without its usage text."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        from lmreg.cli.app import fail

        fail(error.format_message())


@click.group(cls=_Lmreg, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(package_name="lmreg", message="lmreg %(version)s")
def main() -> None:
    """Weight-sharing architecture search whose ranking can be trusted.

    The stages read each other's results from outputs/<study>/:

    \b
      lmreg train-landmarks                   train landmarks and an evaluation pool stand-alone
      lmreg search algo=spos reg=landmark     train a super-net, then search it
      lmreg search algo=spos reg=none         the baseline: same seed, same paths, same data
      lmreg evaluate                          rank held-out architectures against their truth
      lmreg report                            one HTML page of it all
      lmreg retrain run=<a search's folder>   train the architecture that it found, to be used

    Options are config overrides (key=value); 'lmreg COMMAND --help' lists them, -m sweeps over them.
    """


def _let_idle_threads_sleep() -> None:
    """Make OpenMP's threads sleep while they wait, unless the environment sets how they wait.

    It takes effect when torch is loaded; child processes inherit it. Threads that spin wait for ones without
    a core: on two loaded cores 40 small steps took over 150 s with two threads, 2 to 8 s with two that sleep.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & os.environ.keys():
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


class _Overrides(click.types.UnprocessedParamType):
    """``key=value`` words, passed on as they are."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from lmreg.cli.completion import candidates

        words = ctx.params.get(param.name or "") or ()
        found = candidates(str(ctx.info_name), [str(word) for word in words], incomplete)
        return [CompletionItem(word, help=meaning) for word, meaning in found]


class _Command(click.Command):
    """A command whose flags are Hydra's."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        return self.params[0].type.shell_complete(ctx, self.params[0], incomplete)


def _add(name: str, summary: str, hydra: bool = True) -> None:
    @main.command(name, cls=_Command, context_settings=_PASS_ON, add_help_option=False, short_help=summary)
    @click.argument("overrides", nargs=-1, type=_Overrides())
    def command(overrides: tuple[str, ...]) -> None:
        from lmreg.cli import app

        _let_idle_threads_sleep()
        if {"--help", "-h"} & set(overrides):
            app.show_help(name, list(overrides))
            return

        def task(config: Any) -> None:
            from lmreg.commands.options import given_overrides

            module = name.replace("-", "_")
            getattr(importlib.import_module(f"lmreg.commands.{module}"), module)(config, given_overrides())

        (app.run_app if hydra else app.run_plain)(name, list(overrides), task)


_add("train-landmarks", "Train landmarks and the evaluation pool stand-alone, or read a table.")
_add("search", "Train a super-net, with or without the regulariser, and search it.")
_add("retrain", "Train a found architecture alone at full size, several seeds, and test it.")
_add("export", "Write a retrained network as plain files: Python, safetensors, ONNX.")
_add("evaluate", "Rank the held-out pool with every finished search of the study.")
_add("report", "Write one self-contained HTML page about the study, and the tables behind it.")
_add("import-benchmark", "Convert a benchmark's published file into a table, once.")
_add("runs", "List runs: how far they are, what tells them apart, their figures.", hydra=False)


_HOW_TO = "\n".join(f"  {shell:<7}{how}" for shell, how in HOW_TO.items())


@main.command(
    "completion",
    short_help="Print the completion script of a shell.",
    help=f"Print the script that completes commands, choices and options in SHELL.\n\n\b\n{_HOW_TO}",
)
@click.argument("shell", type=click.Choice(list(HOW_TO)))
def completion(shell: str) -> None:
    script = get_completion_class(shell)
    assert script is not None
    first, _, rest = script(main, {}, "lmreg", "_LMREG_COMPLETE").source().partition("\n")
    # zsh wants its #compdef first.
    lines = [first, f"# {HOW_TO[shell]}"] if first.startswith("#") else [f"# {HOW_TO[shell]}", first]
    click.echo("\n".join([*lines, rest]), nl=False)


if __name__ == "__main__":
    main()
