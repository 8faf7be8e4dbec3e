"""``python -m lmreg``, as torchrun starts it."""

from lmreg.cli.main import main

main(prog_name="lmreg")
