"""Which window is the worst, by ingredient; held against sampled chains and by invariances."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.exact.draws import draw_exact
from slt_toys.potentials.catalogue import find_pair
from slt_toys.protocol.sampled import pure_energies, sample_schedule, step_counts, step_limit
from slt_toys.protocol.shifts import Late, Sudden, shift_schedules
from slt_toys.reference.laws import law
from slt_toys.worlds.onset_windows import (
    DECAY,
    EPOCHS,
    LENGTH,
    SADDLE_WIDTH,
    end_slope,
    ingredients,
    onset_curve,
    training_at,
    worst_by_temperature,
)
from tests.seeds import fresh_seed

PAIR = find_pair("regular_double_well")
HALVING = law("epochs-per-halving")(decay=DECAY)


def test_temperature_turns_the_order_of_windows_round():
    """Hot: a late window is the worst from any start. Cold: the first one, if the start lets it do harm at all."""
    hot, cold = training_at(0.6), training_at(0.05)
    late = [onset_curve(PAIR, hot, start=start).worst for start in ("equilibrium", "saddle")]
    assert late == [30, 30]
    assert onset_curve(PAIR, cold, start="saddle").worst == 0
    assert onset_curve(PAIR, cold, start="equilibrium").worst is None
    assert onset_curve(PAIR, training_at(0.6, "constant")).worst is None


def test_the_law_holds_only_where_the_first_window_is_forgotten():
    assert end_slope(PAIR, lambda size: training_at(0.8, batch_size=size)) == pytest.approx(HALVING, abs=0.1)
    for temperature in (0.05, 0.1, 0.2):
        slope = end_slope(PAIR, lambda size, t=temperature: training_at(t, batch_size=size), start="saddle")
        assert slope is not None and slope < 0.7 * HALVING
    assert end_slope(PAIR, lambda size: training_at(0.05, batch_size=size)) is None


@pytest.mark.parametrize("start", ["equilibrium", "saddle"])
@pytest.mark.parametrize("temperature", [0.6, 0.1])
def test_sampled_chains_end_as_the_exact_masses_say(start, temperature):
    """Independent route: Langevin chains through the same schedules; the masses of another start must not fit."""
    onsets, chains, seed = (0, 10, 30), 4000, fresh_seed()
    training = training_at(temperature)
    exact = onset_curve(PAIR, training, start=start, onsets=onsets)
    shifts = {"none": Sudden(0)} | {str(onset): Late(onset, LENGTH) for onset in onsets}
    stuck = []
    for number, run in enumerate(shift_schedules(training, shifts, EPOCHS)):
        random = np.random.default_rng([seed, number])
        first = (
            draw_exact(PAIR.clean, 1 / run.temperatures[0], chains, [seed, number, 1])
            if start == "equilibrium"
            else SADDLE_WIDTH * random.standard_normal((chains, 1))
        )
        steps = step_counts(run.durations, step_limit(PAIR, run.temperatures, 0.3))
        last = sample_schedule(run, pure_energies(PAIR), steps, chains=chains, seed=[seed, number], initial=first)
        stuck.append((last[:, -1, 0] < _border()).mean())
    share = np.array(stuck)
    expected = np.append(exact.without, exact.without + exact.harm)
    error = np.sqrt(np.maximum(expected * (1 - expected), 1 / chains) / chains)
    assert (np.abs(share - expected) < 5 * error + 0.002).all(), (share, expected)
    if temperature < 0.5:
        other = onset_curve(PAIR, training, start="saddle" if start == "equilibrium" else "equilibrium", onsets=onsets)
        assert (np.abs(share - np.append(other.without, other.without + other.harm)) > 10 * error).any()


def _border() -> float:
    """Where the clean potential's two regions meet: the barrier between the wells of (w²-1)² - 0.15 w."""
    roots = np.roots([4, 0, -4, -0.15])
    return float(np.sort(roots.real)[1])


@pytest.mark.slow
def test_all_ingredients_and_all_temperatures():
    data = ingredients()
    mixes = data.sel(mixing="mixes at first")
    assert np.isnan(mixes["worst_onset"].sel(noise="constant")).all()
    assert (mixes["worst_onset"].sel(noise="falling") >= 30).all()
    assert (data["worst_onset"].sel(mixing="never mixes", start="saddle") == 0).all()
    for start in ("equilibrium", "saddle"):
        by = worst_by_temperature((0.1, 0.2, 0.25, 0.5, 0.8), start)
        first = by["worst_onset"].values == 0
        slopes = by["end_slope"].values
        assert first.tolist() == [True, True, True, False, False]
        assert (np.isnan(slopes[first]) | (slopes[first] < 0.75 * HALVING)).all()
        assert np.allclose(slopes[~first], HALVING, rtol=0.02)


@pytest.mark.parametrize(
    ("given", "named"),
    [({"start": "cold"}, "start"), ({"start": "saddle", "width": 0.0}, "width"), ({"onsets": (250,)}, "epochs")],
)
def test_bad_arguments(given, named):
    with pytest.raises(ValueError, match=named):
        onset_curve(PAIR, training_at(0.3), **given)
    with pytest.raises(ValueError, match="noise"):
        training_at(0.3, "rising")
    with pytest.raises(ValueError, match="single coordinate"):
        onset_curve(find_pair("curve_against_point"), training_at(0.3))
