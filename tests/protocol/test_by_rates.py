"""Critical periods by rates of escape, against the exact law where there is one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy
import xarray as xr

from slt_toys.potentials.catalogue import find_pair
from slt_toys.potentials.potential import Potential, PotentialPair, declare_phase
from slt_toys.protocol.by_rates import _evolved, _last_crossing, stuck_by_rates
from slt_toys.protocol.exact import exact_stuck_probability
from slt_toys.protocol.schedule import Ending, Start
from slt_toys.protocol.shifts import three_phase_pair
from slt_toys.protocol.training import ExponentialDecay, Training
from slt_toys.reference.laws import law
from tests.seeds import fresh_generator, fresh_seed

PAIR = find_pair("regular_double_well")
COLD = Training(128, 5_000_000, ExponentialDecay(0.05, 0.97), 3072.0)  # crossings end at nine temperatures
SWITCHES = [30, 50, 60, 90]
ENDING = Ending("further", 150)


THREE = three_phase_pair()


def apart(found: xr.Dataset, exact: np.ndarray) -> np.ndarray:
    """Distances in standard errors; half a hundredth of the runs is allowed for two phases in place of a line."""
    error = (found["high"] - found["low"]).values / 3.92
    return np.maximum(np.abs(found["stuck"].values - exact) - 0.005, 0) / error


@pytest.fixture(scope="module")
def line() -> xr.Dataset:
    return stuck_by_rates(PAIR, COLD, SWITCHES, ENDING, error=0.25, seed=fresh_seed())


def test_a_line_against_the_exact_law(line):
    exact = exact_stuck_probability(PAIR, COLD, SWITCHES, ENDING)
    assert line.attrs["verdict"] == "trust" and (apart(line, exact) < 5).all()
    assert (line["low"] <= line["stuck"]).all() and (line["stuck"] <= line["high"]).all()
    warmer = Training(128, 5_000_000, ExponentialDecay(0.05, 0.97), 1.15 * 3072.0)
    assert (apart(line, exact_stuck_probability(PAIR, warmer, SWITCHES, ENDING)) > 5).any(), "the control"


def test_the_laws_of_the_rates_are_those_of_the_wells(line):
    """Barriers within 5 standard errors, and powers near 0, as of regular wells; the two energies are mirror images."""
    energy = PAIR.clean.energy_function()
    top = float(energy(np.array([PAIR.clean.barrier()])))
    for way, phase in enumerate(("left", "right")):
        height = line["height"].values[0, way]
        assert abs(height - (top - PAIR.clean.minimum_loss(phase))) < 5 * line["height_error"].values[0, way] + 0.02
        assert abs(line["power"].values[0, way]) < 5 * line["power_error"].values[0, way] + 0.3
    assert line["log_rate"].shape == (2, 2, 6) and line["energy"].values.tolist() == ["clean", "deficit"]


@pytest.mark.slow
def test_hot_endings_are_doubted():
    """Of a usual run: crossings end at four temperatures, where the answer is off by a hundredth."""
    usual = Training(128, 50_000, ExponentialDecay(0.05, 0.97), 3072.0)
    found = stuck_by_rates(PAIR, usual, [0, 40], ENDING, error=0.5, seed=fresh_seed())
    assert "crossings end at a barrier of" in found.attrs["verdict"]


@pytest.mark.slow
def test_starts_and_both_endings():
    """Too cold to cross from the start: runs stay where they were put."""
    frozen = Training(128, 5_000, ExponentialDecay(0.05, 0.97), 200.0)
    starts: tuple[tuple[Start, float], ...] = (("deficit phase", 1.0), ("clean phase", 0.0))
    for start, expected in starts:
        found = stuck_by_rates(PAIR, frozen, [0, 9], Ending("total", 9), error=0.9, seed=1, start=start)
        assert found["stuck"].values == pytest.approx(expected, abs=1e-6)


def turned(lean: sympy.Rational) -> tuple[Potential, Potential]:
    """A well in u, minima at -1 and 1 and the top at ``lean``: on a line, and with harmonic wells across, turned."""
    x, y, z = own = sympy.symbols("x y z", real=True)
    u, v, w = (2 * x + 2 * y + z) / 3, (2 * x - y - 2 * z) / 3, (x - 2 * y + 2 * z) / 3
    line = sympy.Symbol("w", real=True)

    def along(place: sympy.Expr) -> sympy.Expr:
        return place**4 - 4 * lean * place**3 / 3 - 2 * place**2 + 4 * lean * place

    energy = along(u) + 2 * v**2 + 3 * w**2
    third = sympy.Rational(1, 3)
    phases = [
        declare_phase(energy, own, name, (2 * s * third, 2 * s * third, s * third), s * (u - lean) > 0)
        for name, s in (("left", -1), ("right", 1))
    ]
    whole = Potential.from_expression(energy, box=((-4, 4),) * 3, phases=phases)
    return Potential.from_expression(along(line)), replace(whole, boundary="natural")


@pytest.mark.slow
def test_three_coordinates_that_a_turn_makes_a_line():
    """All coordinates are coupled, and the law is the line's own."""
    clean, deficit = (turned(sympy.Rational(sign * 3, 100)) for sign in (1, -1))
    line, space = (
        PotentialPair(name, d, c, "left") for name, d, c in zip(("line", "space"), deficit, clean, strict=True)
    )
    found = stuck_by_rates(space, COLD, SWITCHES, ENDING, error=0.1, seed=fresh_seed())
    exact = exact_stuck_probability(line, COLD, SWITCHES, ENDING)
    assert found.attrs["verdict"] == "trust" and (apart(found, exact) < 5).all()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads():
    one, two = (stuck_by_rates(PAIR, COLD, [50, 60], ENDING, error=0.5, seed=4, threads=threads) for threads in (1, 2))
    assert one.identical(two)


def test_epochs_follow_two_states():
    """[eq:two-state-epoch], epoch after epoch, the first two of the deficit; ways that change places are seen."""
    random = fresh_generator()
    rates = {energy: list(random.uniform(0.2, 2.0, (2, 1, 5))) for energy in ("clean", "deficit")}
    weights, durations = np.array([1.0, 1.0, 0.0, 0.0, 0.0]), random.uniform(0.1, 0.6, 5)
    share = 1.0
    for epoch, time in enumerate(durations):
        out, into = (way[0, epoch] for way in rates["deficit" if weights[epoch] else "clean"])
        share = law("two-state-epoch")(first_stuck_share=share, rate_out=out, rate_ratio=into / out, elapsed_time=time)
    assert _evolved(weights, durations, rates, "deficit phase") == pytest.approx(share, rel=1e-12)
    back = {energy: ways[::-1] for energy, ways in rates.items()}
    assert abs(float(_evolved(weights, durations, back, "deficit phase")[0]) - share) > 1e-6


def test_the_last_crossing():
    temperatures = np.array([4.0, 3.0, 2.0, 1.0])
    assert _last_crossing(temperatures, np.array([9.0, 5.0, 0.8, 0.1])) == 3.0
    assert _last_crossing(temperatures, np.array([0.1, 0.1, 0.1, 0.1])) == 0.0
    assert _last_crossing(temperatures, np.array([0.0, 0.0, 0.0, 2.0])) == 1.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"error": 2.0}, "error must lie between 0.01 and 1"), ({"start": "nowhere"}, "start must be"),
        ({"pair": find_pair("barrier_spectrum")}, r"pair: .* between .* of .*; two phases do not say where a run is"),
        ({"pair": THREE}, "must have two phases in each energy, .* among them; its clean one has"),
        ({"switch_epochs": [3, 1]}, "switch_epochs must increase"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(changes, words):
    arguments = {"pair": PAIR, "training": COLD, "switch_epochs": [0, 3], "ending": ENDING} | changes
    with pytest.raises(ValueError, match=words) as caught:
        stuck_by_rates(**arguments)
    assert "\n" not in str(caught.value)
