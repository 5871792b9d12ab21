"""The error of a sampled energy against the jackknife."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from slt_toys.learning_coefficient import sampled_energy
from slt_toys.learning_coefficient.sampled_energy import sample_energy
from tests.samplers.jackknives import WELL, jackknife


@pytest.mark.parametrize("phase", ["left", "right"])
def test_the_error_of_a_sampled_energy_is_the_jackknifes(phase, monkeypatch):
    random = np.random.default_rng(4)
    chains, draws = 1000, 4
    place = WELL.minimum_point(phase)[0]
    # Draws of a chain are alike, and some have left the phase.
    points = place + 0.1 * (random.standard_normal((chains, 1)) + random.standard_normal((chains, draws)))
    points = np.where(random.random((chains, draws)) < 0.2, -place, points)[..., None]
    dims = ("chain", "draw", "coordinate")
    monkeypatch.setattr(sampled_energy, "sample_stages", lambda *_, **__: xr.Dataset({"w": (dims, points)}))
    found = sample_energy(WELL, phase, 50.0, chains=chains)
    inside = WELL.phase_index(points) == WELL.phase_number(phase)
    energy = 50.0 * (WELL.energy_function()(points) - WELL.minimum_loss(phase)) * inside
    estimate = energy.sum() / inside.sum()
    expected = jackknife(lambda kept: float(energy[kept].sum() / inside[kept].sum()), chains)
    assert found.estimate == pytest.approx(estimate, rel=1e-12)
    assert found.standard_error == pytest.approx(expected, rel=0.01)
    spread = ((energy - estimate)[inside] ** 2).mean()
    assert found.effective_sample_size == pytest.approx(spread / expected**2, rel=0.02)
    assert found.effective_sample_size < 0.8 * inside.sum(), "draws of a chain are alike"
    assert found.outside == pytest.approx(1 - inside.mean())
