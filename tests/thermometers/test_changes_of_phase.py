"""Changes of phase from deep to deep: by hand, and on chains that flicker at the border."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.exact.draws import draw_exact
from slt_toys.samplers import OverdampedLangevin, sample
from slt_toys.samplers.phase_trips import phase_transitions
from slt_toys.thermometers.changes_of_phase import settled_changes
from slt_toys.thermometers.equilibrium import occupancy_thermometer
from slt_toys.worlds.gibbs import line_potential
from tests.seeds import fresh_seed

LINE = line_potential()


def test_only_the_lower_half_of_a_phase_counts():
    """A chain that goes down on either side changes once; one that only looks over the border does not."""
    places = np.array([[-1.0, -0.2, 0.0, -0.2, 0.0, 1.0], [-1.0, -0.2, 0.0, -0.2, 0.0, -1.0], [1.0] * 6])[..., None]
    index = LINE.phase_index(places)
    assert phase_transitions(index).tolist() == [3, 4, 0]
    assert settled_changes(LINE, places, index).tolist() == [1, 0, 0]
    outside = np.full_like(index, -1)
    assert settled_changes(LINE, places, outside).tolist() == [0, 0, 0]


@pytest.mark.slow
def test_flicker_at_the_border_is_no_change_of_phase():
    """Chains that began too hot and changed phase once or twice: fine recording shows fifteen crossings."""
    temperature, step = 0.3, 0.002
    drawn = sample(
        LINE, OverdampedLangevin(step, "heun"), n_beta=1 / temperature, chains=400, steps=30_000, thin=2,
        seed=fresh_seed(), initial=draw_exact(LINE, 1 / (5 * temperature), 400, fresh_seed()), diagnose=False,
    )["w"].values[:, 500:]  # fmt: skip
    counted = phase_transitions(LINE.phase_index(drawn)).mean()
    settled = [settled_changes(LINE, drawn[:, ::k], LINE.phase_index(drawn[:, ::k])).mean() for k in (1, 10, 50)]
    assert counted > 8 and max(settled) < 3 and np.ptp(settled) < 0.4
    for every in (1, 10, 50):
        found = occupancy_thermometer(LINE, drawn[:, ::every])
        assert not found.reads, found.verdict
    # What would be read is off: the start's share of the deep phase is still in it.
    share = (LINE.phase_index(drawn) == 1).mean()
    exact = (LINE.phase_index(draw_exact(LINE, 1 / temperature, 200_000, fresh_seed())) == 1).mean()
    assert exact - share > 0.02
