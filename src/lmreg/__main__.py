"""``python -m lmreg``, as torchrun starts it."""

from lmreg.cli import main

main(prog_name="lmreg")
