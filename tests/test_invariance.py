"""No unit matters to any public function: loss times 1e-6 to 1e6, lengths times 1e-3 to 1e3, all places moved."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slt_toys import Potential, crossover
from tests.made_fuzz import ALL_CHECKS
from tests.made_invariance import PLAIN, Units, apart, compared, critical_period, equilibrium, kinetics, measured

LINES = {
    "two wells": ("(w**2-1)**2 - 0.15*w", None),
    "singular": ("(w+1)**2*(w-1)**4 + w/200", None),
    "wide": ("w**2*(w-8)**2 - w", None),
    "three wells": ("4*w**2*(w**2-1)**2 - 0.3*w", None),
    "shallow": ("w**2*(w-1)**2/1000 + w**6/1000000 + w/100000", None),
    "boxed": ("(w**2-1)**2 - 0.15*w", (-1.6, 1.6)),
    "no polynomial": ("exp(w) - w - 1 + exp(-4*(w-2)**2)", (-3, 4)),
    "many wells": ("1 - cos(2*w) + w**2/20 + w/30", (-8, 8)),
    "one well": ("w**2 + w**4/7", None),
    "degenerate": ("w**4 + w**6", None),
}
PLANES = {
    "coupled": ("(w1**2-1)**2 + w2**2 + w1*w2/10 - w1/5", None),
    "product": ("(w1*w2-1)**2 + 0.1*(w1**2+w2**2) + w1/50", None),
    "separable": ("(w1**2-1)**2 - w1/10 + w2**2", None),
    "ring": ("(w1**2+w2**2-1)**2 + w1/5", None),
}
TWO_WELLS = ["two wells", "singular", "wide", "shallow", "boxed"]
# Where a number is found by a search, a fit or a grid of its own, it is no better than that.
ON_A_LINE = {
    "ladder": 3e-3, "relaxation": 1e-3, "constant": 1e-4, "quadrature": 1e-4, "crossover asymptotic": 1e-4,
    "stuck": 1e-5, "steps": 1e-6, "": 1e-7,
}  # fmt: skip
IN_A_PLANE = ON_A_LINE | {"refined": 1e-2, "saddle": 1e-6, "": 1e-5}


@st.composite
def other_units(draw) -> Units:
    def factor(decades: int) -> Fraction:
        digits, power = draw(st.integers(1, 999)), draw(st.integers(-decades, decades - 1))
        return Fraction(1) if draw(st.booleans()) else Fraction(100 + digits * 9 // 10, 100) * Fraction(10) ** power

    length = factor(3)
    return Units(factor(6), length, length * Fraction(draw(st.integers(-90, 90)), 10))


EXTREME = [
    Units(Fraction(10) ** 6), Units(Fraction(1, 10**6)), Units(length=Fraction(1000)), Units(length=Fraction(1, 1000)),
    Units(shift=Fraction(7, 3)), Units(Fraction(457, 10**6), Fraction(17, 1000), Fraction(-1, 7)),
]  # fmt: skip
some = settings(max_examples=7, suppress_health_check=ALL_CHECKS)
many = settings(max_examples=60, suppress_health_check=ALL_CHECKS)


@cache
def before(ask, name: str):
    text, box = (LINES | PLANES)[name]
    return measured(ask, text, box, PLAIN)


def check(ask, name: str, units: Units) -> None:
    text, box = (LINES | PLANES)[name]
    told = before(ask, name), measured(ask, text, box, units)
    assert not compared(told[0], told[1], units, ON_A_LINE if name in LINES else IN_A_PLANE)


@some
@given(st.sampled_from(sorted(LINES)), other_units())
def test_equilibrium_on_a_line(name, units):
    check(equilibrium, name, units)


@some
@given(st.sampled_from(sorted(LINES)), other_units())
def test_kinetics_on_a_line(name, units):
    check(kinetics, name, units)


@settings(some, max_examples=3)
@given(st.sampled_from(TWO_WELLS), other_units())
def test_the_critical_period(name, units):
    check(critical_period, name, units)


@pytest.mark.slow
@many
@given(st.sampled_from(sorted(LINES)), other_units())
def test_many_units_on_a_line(name, units):
    check(equilibrium, name, units)
    check(kinetics, name, units)
    if name in TWO_WELLS:
        check(critical_period, name, units)


@pytest.mark.slow
@pytest.mark.parametrize("name", LINES)
def test_extreme_units_on_a_line(name):
    for units in EXTREME:
        check(equilibrium, name, units)
        check(kinetics, name, units)


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANES)
def test_equilibrium_in_a_plane(name):
    for units in EXTREME:
        check(equilibrium, name, units)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["coupled", "product"])
def test_kinetics_in_a_plane(name):
    for units in EXTREME[::2]:
        check(kinetics, name, units)


def test_what_looks_from_a_tenth_to_a_hundred_millions_is_caught():
    """The negative control: a range of n_beta that does not follow the energy's own unit."""

    def fixed(potential: Potential, units: Units, unit: float):
        yield "crossover", ("inverse loss", crossover(potential, 0, 1, (0.1, 1e8)).n_beta_range)
        yield "crossings", ("number", len(crossover(potential, 0, 1, (0.1, 1e8)).asymptotic_n_beta))

    text, box = LINES["two wells"]
    units = Units(Fraction(10**6))
    found = compared(measured(fixed, text, box, PLAIN), measured(fixed, text, box, units), units, ON_A_LINE)
    assert len(found) == 2


def test_a_quantity_of_another_kind_is_caught():
    units, text = Units(Fraction(37), Fraction(3)), LINES["one well"][0]

    def wrong(potential: Potential, units: Units, unit: float):
        yield "curvature", ("loss", potential.hessian_function()(potential.minimum_point(0)[None]).ravel())

    assert compared(measured(wrong, text, None, PLAIN), measured(wrong, text, None, units), units, {"": 1e-6})


def test_units_change_what_they_should():
    units = Units(Fraction(8), Fraction(2), Fraction(3))
    other, w = units.potential("w**2*(w-1)**2 + w**4"), np.array([[0.3], [0.9]])
    plain = PLAIN.potential("w**2*(w-1)**2 + w**4")
    assert np.allclose(other.energy_function()(3 + 2 * w), 8 * plain.energy_function()(w))
    assert (
        units.of("time") == 0.5
        and units.of("gradient variance") == 16
        and units.of("inertial time") == pytest.approx(2 / 8**0.5)
    )


# ---- commands --------------------------------------------------------------------------------------------------------

KINDS = {
    "phase_diagram": {
        **dict.fromkeys(("boundary_", "loss_gap", "landscape", "phase_loss", "map_temperature"), "loss"),
        **dict.fromkeys(("switch_temperature", "temperature", "sampled_temperature"), "loss"),
        "sampled_switch_temperature": "loss",
        "crossover_asymptotic_temperature": "loss", "crossover_temperature": "loss", "crossover_": "inverse loss",
        "landscape_x": "length", "phase_minimum": "length",
    },
}  # fmt: skip


def phase_diagram_of(c: int, **more):
    from slt_toys.phase_diagram import PhaseDiagram

    small: dict = {"batch_sizes": (128, 256), "chains": 128, "resolution": 8}
    return PhaseDiagram(
        potential=f"{c}*((w**2-1)**2 - 0.15*w)", learning_rate=0.05 / c, gradient_variance=3072.0 * c**2, **small | more
    ).run()


@pytest.mark.slow
def test_a_phase_diagram_and_its_thousandfold_copy():
    c, kinds = 1000, {"landscape_x": "length"} | KINDS["phase_diagram"]
    one, two = phase_diagram_of(1), phase_diagram_of(c)
    # A law's parameters each have a unit of their own; flow time's is that of time.
    names = one["sampled_fit_parameter_name"].values
    for end in ("value", "low", "high"):
        name = f"sampled_fit_parameter_{end}"
        factor = np.where(names == "flow_time_spent", 1 / c, 1.0)
        two[name] = two[name] / factor
    found = apart(one, two, Units(Fraction(c)), kinds)
    assert set(map(str, two.variables)) == set(found)
    assert {name: value for name, value in found.items() if not value < 1e-6} == {}
    assert apart(one, two, PLAIN, kinds)["loss_gap"] > 1  # the control: without the scalings nothing agrees


@pytest.mark.slow
@pytest.mark.parametrize(("c", "a", "b"), [(1000, 1, 0), (1, 8, 0), (1, 1, 2)])
def test_temperatures_that_thermometers_read(c, a, b):
    from slt_toys.temperature import Temperature

    def asked(c: int, a: int, b: int):
        place, time = f"((w-{b})/{a})", a**2 / c
        options: dict = {"chains": 64, "batch_sizes": (4, 8), "multiples": (1, 5), "steps_per_epoch": (8,)}
        return Temperature(
            potential=f"{c}*(({place}**2-1)**2 - 0.15*{place})", temperature=0.4 * c, learning_rate=0.002 * time,
            duration=20 * time, **options,
        ).run()  # fmt: skip

    one, two = asked(1, 1, 0), asked(c, a, b)
    assert [str(x) for x in one["noise"].values][-2:] == ["loss", "regression"]
    kinds = {
        "reading_effective": "number", "expected_one": "number",
        **dict.fromkeys(("reading_", "expected_", "law_inverse", "disagreement_inverse"), "inverse loss"),
        **dict.fromkeys(("disagreement_low", "disagreement_high"), "inverse loss"), "law_temperature": "loss",
        "learning_rate": "time", "gradient_variance": "gradient variance",
    }  # fmt: skip
    units, readings = Units(Fraction(c), Fraction(a)), "reading_inverse_temperature"
    setting = one[readings].dims[0]
    # The last is a regression's own; of the one before the noise is of another kind.
    found = apart(one.isel({setting: slice(-2)}), two.isel({setting: slice(-2)}), units, kinds)
    numeric = {name: value for name, value in found.items() if "verdict" not in name and "statement" not in name}
    assert {name: v for name, v in numeric.items() if not v < 1e-6 and one[name].dtype.kind in "fiu"} == {}
    assert np.allclose(one[readings][-1], two[readings][-1], rtol=1e-6, equal_nan=True)
    assert np.allclose(one[readings][-2], units.of("loss") * two[readings][-2], rtol=1e-6, equal_nan=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["1000*((w**2-1)**2 - 0.15*w)", "((w/8)**2-1)**2 - 0.15*w/8", "((w-2)**2-1)**2 - 0.15*(w-2)"]
)
def test_ends_of_an_energy_of_ones_own(text):
    from slt_toys.equi_temperature import EquiTemperature

    one, two = (
        EquiTemperature(problems=(), potential=t, chains=128, batch_sizes=(32, 64, 128, 256)).run()
        for t in ("(w**2-1)**2 - 0.15*w", text)
    )
    for name in ("end", "end_low", "end_high", "slope", "slope_low", "slope_high"):
        assert np.allclose(one[name], two[name], rtol=1e-6, equal_nan=True), name


@pytest.mark.slow
def test_the_control_temperature_and_shifts_follow_the_energy():
    from slt_toys.critical_period import CriticalPeriod
    from slt_toys.worlds.pair_runs import control_temperature, shift_study

    told = []
    for c in (1, 1000):
        config = CriticalPeriod(clean=f"{c}*((w**2-1)**2 - 0.2*w)", learning_rate=0.05 / c)
        pair = config.potentials()
        t = control_temperature(pair, config.training, config.switch_epochs, config.epochs_after, config.level)
        study = shift_study(pair, config.training, t, 8, 40, chains=200, seeds=[1, 2])
        told.append((t / c, study))
    assert told[0][0] == pytest.approx(told[1][0], rel=1e-9)
    for part in ("pair", "three_phases"):
        for name in ("exact", "sampled"):
            one, two = (getattr(study, part)[name].values for _, study in told)
            assert np.allclose(one, two, atol=1e-6), (part, name)
