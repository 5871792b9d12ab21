"""Energies of the literature, each from its text: how many phases, and that their minima are all that descents find.

Their sources stand in :mod:`tests.potentials.literature`; what is refused says why.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy.optimize import minimize

from slt_toys.potentials.boxes import box_at, scale_of
from slt_toys.potentials.kinks import has_kinks
from slt_toys.potentials.potential import Potential
from tests.potentials.literature import CANNOT_BE_SHOWN, DOES_NOT, GROWS
from tests.seeds import fresh_generator

# How the text begins, and its number of phases.
PHASES = {
    "(1-w1)**2 + 100*(w2-w1**2)**2": 1, "(w1**2+w2-11)**2": 4, "(w1**4-16*w1**2": 4, "4*w1**2-2.1*w1**4": 6,
    "2*w1**2-1.05*w1**4": 3, "(w1+2*w2-7)**2": 1, "0.26*(w1**2+w2**2)": 1, "(w1-1)**2 + 2*(2*w2**2-w1)**2": 2,
    "(-13+w1+((5-w2)*w2-2)*w2)**2": 2, "w1**2+w2**2 + (0.5*w1+w2)**2": 1, "-200*exp": 3, "4*(w**8": 4,
    "w1**4+w2**4-2*w1**2-4*w2**2": 3, "(w**2-1)**2 - 0.15*w": 2, "w**2*(w**2-1)**2": 3, "exp(w) - w - 1": 1,
    "1 - cos(w) + w**2/20": 3, "(w1**2-1)**2 + (w2**2-1)**2": 4, "(w1**2+w2**2-1)**2 + w1/5": 1, "w**6 - 3*w**4": 3,
    "(w**2-1)**2/(1+w**2)": 2, "1 - exp(-(w-1)**2)": 2, "w1**4/4 - w1**2/2": 2, "(w1*w2-1)**2 + 0.1*(w1": 2,
    "(w1*w2-1)**2 + (w1-w2)**2": 2, "(tanh(w)-0.5)**2": 1, "(w2*tanh(w1)-0.5)**2": 2, "log(1+exp(-w)) + w**2/10": 1,
    "log(1+exp(-w1-w2))": 1, "log(1+exp(w)) - w/2": 1, "w1**2/200": 1, "log(1+w**2) + w**2/10": 1, "log(1+w**2)": 1,
    "3*log(1+(w-1)**2/5)": 1, "sqrt(1+w**2)": 1, "log(cosh(w))": 1, "abs(w)": 1, "abs(w-1) + abs(w+2)": 1,
    "w**2/2 + abs(w)": 1, "100*(w2-w1**2)**2 + (1-w1)**2 + 100": 1,
}  # fmt: skip
REFUSED = {
    "(w1+10*w2)**2": "phases of 4 coupled coordinates are not derived", "100*(w1**2-w2)**2": "phases of 4 coupled",
    "20 + w1**2+w2**2 - 10*cos": "3969 combinations of minima", "1 + (w1**2+w2**2)/4000": "cannot be decided near",
    "sin(3*pi*w1)**2": "cannot be shown where its critical points end, so box= must say",
    "w1**4*w2**2 + w1**2*w2**4 - 3*w1**2*w2**2 + 1 + 0.01": "borders of the basins .* cannot be followed near",
    "(w1**2+w2**2-1)**2": "critical points that are not isolated", "(w1*w2*w3-1)**2 + 0.01": "5 isolated minima and 4",
    "(w1-1)**2 + (w1-w2)**2 + abs": "has kinks that couple coordinates", "abs(w1)**1.5": "has kinks that couple",
}  # fmt: skip
SLOW = {
    "(w1**2+w2-11)**2", "4*w1**2-2.1*w1**4", "-200*exp", "(w1**2-1)**2 + (w2**2-1)**2", "(1-w1)**2 + 100*(w2-w1**2)**2",
    "100*(w2-w1**2)**2 + (1-w1)**2 + 100", "w1**2+w2**2 + (0.5*w1+w2)**2", "w1**4+w2**4-2*w1**2-4*w2**2",
    "(-13+w1+((5-w2)*w2-2)*w2)**2", "20 + w1**2+w2**2 - 10*cos",
}  # fmt: skip


def text_of(beginning: str) -> str:
    return min((text for text in GROWS if text.startswith(beginning)), key=len)


def marked(names):
    return [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in names]


def test_every_energy_has_its_row():
    assert len(PHASES) >= 40
    assert {text_of(name) for name in (*PHASES, *REFUSED)} == set(GROWS)
    assert len({text_of(name) for name in (*PHASES, *REFUSED)}) == len(PHASES) + len(REFUSED)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of line searches that look far out
@pytest.mark.parametrize("name", marked(PHASES))
def test_minima_are_what_descents_find(name):
    potential = Potential.from_expression(text_of(name))
    assert len(potential.phases) == PHASES[name]
    wells = np.array([potential.minimum_point(i) for i in range(len(potential.phases))])
    loss, random = potential.energy_function(), fresh_generator()
    # Each is lower than all around it.
    reach = np.array([high - low for low, high in potential.box])
    for i, well in enumerate(wells):
        away = random.normal(size=(400, potential.dimension))
        away *= 1e-4 * reach.min() / np.linalg.norm(away, axis=1)[:, None]
        assert (loss(well + away) > potential.minimum_loss(i)).all()
    # And descents from where mass is end nowhere else.
    smooth = not has_kinks(potential.energy) and not potential.energy.has(
        sympy.log
    )  # flat far out, where slopes mislead
    low, high = np.array(box_at(potential, scale_of(potential))).T
    starts, ends = random.uniform(low, high, size=(12, potential.dimension)), []
    for start in np.concatenate([starts, wells + 1e-3 * reach * random.uniform(-1, 1, wells.shape)]):
        method = {"jac": potential.gradient_function(), "method": "BFGS"} if smooth else {"method": "Nelder-Mead"}
        options = {"gtol": 1e-9} if smooth else {"xatol": 1e-9, "fatol": 1e-13}
        found = minimize(loss, start, options=options, **method)
        # A step may land on a saddle, which a nudge leaves.
        found = minimize(loss, found.x + 1e-3 * reach * random.normal(size=reach.size), options=options, **method)
        slope = np.linalg.norm(potential.gradient_function()(found.x)) if smooth else 0.0
        # Far out a logarithm is as flat as it likes, but not over such a distance.
        if np.isfinite(found.fun) and slope * (reach.max() + np.abs(found.x).max()) < 1e-5 * scale_of(potential):
            ends.append(found.x)
    apart = np.linalg.norm((np.array(ends)[:, None] - wells) / reach, axis=-1)
    assert len(ends) >= len(wells) and apart.min(axis=1).max() < 1e-3  # saddles are no ends
    assert set(apart.argmin(axis=1)) == set(range(len(wells)))


@pytest.mark.parametrize("name", marked(REFUSED))
def test_what_is_refused_says_why(name):
    with pytest.raises(ValueError, match=REFUSED[name]) as refused:
        Potential.from_expression(text_of(name))
    assert "declare" in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("text", [*DOES_NOT, *CANNOT_BE_SHOWN])
def test_what_does_not_grow_asks_for_a_box(text):
    with pytest.raises(ValueError, match=r"does not grow in every direction: along|cannot be shown to grow") as refused:
        Potential.from_expression(text)
    assert "give box=" in str(refused.value)
