"""Printed laws are the derived ones, and are left aside once a derivation has changed."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sympy

from tests.seeds import fresh_generator
from theory import printed
from theory.equations import EQUATIONS, equation
from theory.printed import FILE, check_printed, compiled, names_and_source, sources_digest

LABELS = sorted(EQUATIONS)


def test_what_is_kept_is_of_todays_sources_and_of_every_equation():
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    assert kept["sources"] == sources_digest()
    assert sorted(kept["laws"]) == LABELS


@pytest.mark.slow
def test_printing_again_gives_the_same_file(tmp_path):
    assert check_printed() == []
    altered = tmp_path / "printed.json"
    altered.write_text(FILE.read_text(encoding="utf-8").replace('"decay"', '"delay"', 1))
    assert check_printed(altered) == ["printed.json is out of date; run python -m theory"]


@pytest.mark.parametrize("label", ["sgd-temperature", "crossover", "epochs-per-halving", "recorded-wait"])
def test_a_printed_law_is_the_derived_one_to_the_bit(label):
    names, function = compiled(label)
    right = equation(label).equation.rhs
    symbols = sorted(right.free_symbols, key=lambda symbol: symbol.name)
    direct = sympy.lambdify(symbols, right, modules=["scipy", "numpy"])
    assert names == tuple(symbol.name for symbol in symbols)
    for _ in range(20):
        values = fresh_generator().uniform(0.05, 0.95, len(names))
        np.testing.assert_array_equal(function(*map(np.asarray, values)), direct(*map(np.asarray, values)))


def test_a_changed_derivation_is_carried_out_anew(tmp_path, monkeypatch):
    """What is kept counts only with the digest of today's sources."""
    names, source = names_and_source("epochs-per-halving")
    other = [line.replace("return ", "return 1 + ") for line in source.splitlines()]
    stale, fresh = tmp_path / "stale.json", tmp_path / "fresh.json"
    for path, digest in ((stale, "0" * 64), (fresh, sources_digest())):
        path.write_text(
            json.dumps({"sources": digest, "laws": {"epochs-per-halving": {"names": names, "source": other}}})
        )
    kept_in = printed._kept
    for path, offset in ((stale, 0.0), (fresh, 1.0), (tmp_path / "none.json", 0.0)):
        kept = kept_in(path)
        monkeypatch.setattr(printed, "_kept", lambda kept=kept: kept)
        assert compiled("epochs-per-halving")[1](0.97) == pytest.approx(offset + np.log(2) / -np.log(0.97))
    (tmp_path / "broken.json").write_text('{"laws": 3')
    assert kept_in(tmp_path / "broken.json") == {}


def test_every_source_of_a_derivation_counts(tmp_path):
    (tmp_path / "laws").mkdir()
    (tmp_path / "pages").mkdir()
    for name in ("laws/one.py", "pages/prose.py", "two.py"):
        (tmp_path / name).write_text("x = 1\n")
    digest = sources_digest.__wrapped__
    before = digest(tmp_path)
    (tmp_path / "pages/prose.py").write_text("x = 2\n")
    assert digest(tmp_path) == before
    (tmp_path / "two.py").write_text("x = 1\r\n")
    assert digest(tmp_path) == before
    (tmp_path / "laws/one.py").write_text("x = 2\n")
    assert digest(tmp_path) != before
