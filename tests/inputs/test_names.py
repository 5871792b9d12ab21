"""Messages name a Python argument, or the option of the command that runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from slt_toys.inputs.names import BOX, BOX_PAIR, DEFICIT, PHASES, Argument, options_named


def test_an_argument_is_named_as_the_caller_wrote_it():
    assert f"{BOX} {PHASES} {DEFICIT}" == "box= phases= deficit="
    with options_named(["box", "phase"]):
        assert f"{BOX} {BOX_PAIR} {PHASES}" == "--box --box LOW HIGH --phase"
        assert f"{DEFICIT}" == "a deficit of its own"  # this command has no such option
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(str, BOX).result() == "--box"
        with options_named([]):
            assert str(Argument("n_beta=", "--n-beta")) == "n_beta="
        assert f"{BOX:>6}" == " --box"
    assert str(BOX) == "box="


def test_a_refusal_ends_the_naming():
    with pytest.raises(ValueError, match="no"), options_named(["box"]):
        raise ValueError("no")
    assert str(BOX) == "box="
