from __future__ import annotations

from tests.conftest import InProcess

ALONE = ("algo=none", "reg=none", "scoring.by=predictor")


def test_it_needs_a_predictor_and_no_regulariser(in_process: InProcess) -> None:
    for options in (("algo=none",), ALONE[:2], (*ALONE[::2], "reg=landmark")):
        code, _, errors = in_process("search", "root=nowhere", *options)
        assert (code, errors.count("\n")) == (2, 1)
        assert "give reg=none scoring.by=predictor with it" in errors
