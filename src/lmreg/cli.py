"""The ``lmreg`` command: a thin click group over Hydra applications.

Everything after a command's name goes to Hydra untouched; torch is imported only when a run starts.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

_PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True}


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
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

    Options are config overrides (key=value); 'lmreg COMMAND --help' lists them, -m sweeps over them.
    """


def _add(name: str, summary: str) -> None:
    @main.command(name, context_settings=_PASS_ON, add_help_option=False, short_help=summary)
    @click.argument("overrides", nargs=-1, type=click.UNPROCESSED)
    def command(overrides: tuple[str, ...]) -> None:
        from lmreg.config.app import run_app

        def task(config: Any) -> None:
            importlib.import_module(f"lmreg.commands.{name.replace('-', '_')}").run(config)

        run_app(name, list(overrides), task)


_add("train-landmarks", "Train landmarks and the evaluation pool stand-alone, or read a table.")
_add("search", "Train a super-net, with or without the regulariser, and search it.")
_add("evaluate", "Rank the held-out pool with every finished search of the study.")
_add("report", "Write one self-contained HTML page about the study, and the tables behind it.")


if __name__ == "__main__":
    main()
