"""Wrong splittings are caught."""

from __future__ import annotations

import pytest

from slt_toys.kernels import underdamped as kernels_underdamped
from slt_toys.kernels.codegen import load_module
from slt_toys.potentials.catalogue import find_potential
from slt_toys.samplers import UnderdampedLangevin, underdamped
from tests.samplers import test_sampler_family as checks


@pytest.mark.parametrize(
    ("wrong", "replacement"),
    [("(1.0 - decay * decay)", "(1.0 - decay)"), ("v0 - 0.5 * dt * g0", "v0 - 0.4 * dt * g0")],
    ids=["noise scale", "force"],
)
def test_wrong_underdamped_samplers_are_caught(wrong, replacement, monkeypatch):
    potential = find_potential("regular_double_well")
    source = kernels_underdamped.underdamped_source(potential, "BAOAB")
    assert wrong in source
    module = load_module(source.replace(wrong, replacement), "wrong")
    monkeypatch.setattr(underdamped, "underdamped_kernel", lambda *_: module)
    with pytest.raises(AssertionError):
        checks.test_occupancy_and_energy_against_quadrature("regular_double_well", UnderdampedLangevin(0.05))
