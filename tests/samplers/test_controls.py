"""Negative controls: for every check and sampler a wrong variant that the check must catch by 12 standard errors."""

from __future__ import annotations

from typing import Any

import pytest

from slt_toys.potentials.catalogue import find_potential
from slt_toys.samplers import MALA, RandomWalkMetropolis
from tests.samplers import test_discrete_laws as discrete
from tests.samplers.checks import agree, disagree
from tests.samplers.registry import Pair, scheme
from tests.samplers.test_registry import CHAINS, MANY_CHAINS, exchange, invariance
from tests.samplers.wrong import make_wrong

NOISE = {"noise * normal": "1.2 * noise * normal"}
THERMOSTAT = {"(1.0 - decay * decay)": "1.4 * (1.0 - decay * decay)"}
FORCE = "0.5 * dt * g0"
WALLS = {f"{x} = 0.0 + abs({x} - 0.0)": f"{x} = max({x}, 0.0)" for x in ("x0", "x1")}
TURNS = {f"{v} = -{v} if": f"{v} = {v} if" for v in ("v0", "v1")}
PASSED = {
    f"ratio = -np.inf if ({y} < 0.0 or {y} > 1.0)": f"ratio = 0.0 if ({y} < 0.0 or {y} > 1.0)" for y in ("y0", "y1")
}
WELL, CORNER = "regular_double_well", "normal_crossing"

# Sampler, potential, factor on the usual step, what is wrong, and how.
INVARIANCE: list[tuple[str, str, str, dict[str, str]]] = [
    ("euler_maruyama", WELL, "noise", NOISE),
    ("euler_maruyama", WELL, "force", {"dt * g0": "0.75 * dt * g0"}),
    ("euler_maruyama", CORNER, "clamped at walls", WALLS),
    ("heun", WELL, "noise", NOISE),
    ("heun", WELL, "force", {"(g0 + h0)": "0.75 * (g0 + h0)"}),
    ("heun", WELL, "noise used twice", {"(step % 2) * 64": "0 * 64"}),
    ("heun", CORNER, "clamped at walls", WALLS),
    ("BAOAB", WELL, "noise", THERMOSTAT),
    ("BAOAB", WELL, "force", {FORCE: "0.38 * dt * g0"}),
    ("BAOAB", CORNER, "momentum at walls", TURNS),
    ("OBABO", WELL, "noise", THERMOSTAT),
    ("OBABO", WELL, "force", {FORCE: "0.38 * dt * g0"}),
    ("OBABO", CORNER, "momentum at walls", TURNS),
    ("ABOBA", WELL, "noise", THERMOSTAT),
    ("ABOBA", WELL, "force", {FORCE: "0.38 * dt * g0"}),
    ("ABOBA", CORNER, "momentum at walls", TURNS),
    ("MALA", WELL, "no proposal ratio", {"0.5 * (z0 * z0 - b0 * b0)": "0.0"}),
    ("MALA", WELL, "sign of the ratio", {"0.5 * (z0 * z0 - b0 * b0)": "-0.5 * (z0 * z0 - b0 * b0)"}),
    ("MALA", WELL, "no energy", {"< total -": "< total - 0.0 *"}),
    ("MALA", WELL, "temperature", {"cold = 1.0 / temperature": "cold = 0.75 / temperature"}),
    ("MALA", WELL, "stale slope", {"h0 if accepted": "g0 if accepted"}),
    ("MALA", CORNER, "walls", PASSED),
    ("MALA", CORNER, "stuck coordinate", {"y1 = x1 - dt * w[U(64) + U(128) + i] + noise * z1": "y1 = x1"}),
    ("random_walk", WELL, "always accepts", {"< total": "< 1e300 + total"}),
    ("random_walk", WELL, "temperature", {"cold = 1.0 / temperature": "cold = 0.75 / temperature"}),
    ("random_walk", WELL, "stale energy", {"new_energy if accepted else": "0.5 * new_energy if accepted else"}),
    ("random_walk", CORNER, "walls", PASSED),
    ("random_walk", CORNER, "stuck coordinate", {"y1 = x1 + noise * z1": "y1 = x1"}),
    ("Gibbs", WELL, "temperature", {"cold = 1.0 / temperature": "cold = 0.75 / temperature"}),
    ("Gibbs", WELL, "no level", {"height * cold - log_uniform": "height * cold + 1.0"}),
    ("Gibbs", WELL, "one end left out", {"missed and at < old": "missed and at < -9.0"}),
    ("Gibbs", CORNER, "temperature", {"cold = 1.0 / temperature": "cold = 0.75 / temperature"}),
    ("Gibbs", CORNER, "stale neighbour", {"x1 = w[o1 + i]": "x1 = 0.8 * w[o1 + i]"}),
    ("Gibbs", CORNER, "always accepts", {"log_uniform > away": "-1e300 > away"}),
]  # fmt: skip


def named(rows: list[tuple[Any, ...]]) -> list[Any]:
    return [pytest.param(*row, id="-".join(str(part) for part in row[:-1])) for row in rows]


@pytest.mark.parametrize(("name", "potential", "what", "changes"), named(INVARIANCE))
def test_exact_draws_do_not_stay_exact(name, potential, what, changes, seed, monkeypatch):
    pair = Pair(scheme(name), potential)
    make_wrong(monkeypatch, pair.sampler(), find_potential(potential), changes)
    disagree(invariance(pair, seed, MANY_CHAINS if what == "clamped at walls" else CHAINS))


# One coordinate after the other: the law stays, the order of the coordinates tells past from future.
EVEN, ODD = "(1 - step % 2)", "(step % 2)"
IN_TURN = {
    "random_walk": {f"y{k} = x{k} +": f"y{k} = x{k} + {turn} *" for k, turn in enumerate((EVEN, ODD))},
    "MALA": {
        "y0 = x0 -": f"y0 = x0 + {EVEN} * (-", "noise * z0": "noise * z0)",
        "y1 = x1 -": f"y1 = x1 + {ODD} * (-", "noise * z1": "noise * z1)",
        "0.5 * (z0 * z0": f"0.5 * {EVEN} * (z0 * z0", "0.5 * (z1 * z1": f"0.5 * {ODD} * (z1 * z1",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", IN_TURN)
def test_no_detailed_balance_without_an_even_order(name, seed, monkeypatch):
    pair = Pair(scheme(name), CORNER)
    make_wrong(monkeypatch, pair.sampler(), find_potential(CORNER), IN_TURN[name])
    agree(invariance(pair, seed))
    disagree(exchange(pair, seed))


# ---- finite steps ---------------------------------------------------------------------------------------------------
STATIONARITY: list[tuple[str, str, dict[str, str]]] = [
    ("euler_maruyama", "noise", {"noise * normal": "1.05 * noise * normal"}),
    ("euler_maruyama", "force", {"dt * g0": "0.94 * dt * g0"}),
    ("heun", "noise", {"noise * normal": "1.05 * noise * normal"}),
    ("heun", "predictor without noise", {"- dt * g0 + z0": "- dt * g0"}),
    ("heun", "Euler's drift", {"0.5 * (g0 + h0)": "g0"}),
    ("BAOAB", "noise", {"(1.0 - decay * decay)": "1.1 * (1.0 - decay * decay)"}),
    ("BAOAB", "force", {"0.5 * dt * g0": "0.47 * dt * g0"}),
    ("OBABO", "noise", {"(1.0 - decay * decay)": "1.1 * (1.0 - decay * decay)"}),
    ("OBABO", "force", {"0.5 * dt * g0": "0.47 * dt * g0"}),
    ("ABOBA", "noise", {"(1.0 - decay * decay)": "1.1 * (1.0 - decay * decay)"}),
    ("ABOBA", "force", {"0.5 * dt * g0": "0.47 * dt * g0"}),
]


@pytest.mark.parametrize(("name", "what", "changes"), named(STATIONARITY))
def test_another_stationary_law(name, what, changes, seed, monkeypatch):
    step = dict(discrete.LARGE_STEPS)[name]
    sampler = discrete.make(name, step)
    make_wrong(monkeypatch, sampler, discrete.bumpy_well(), changes)
    disagree(discrete.stationarity(sampler, discrete.stationary_law(name, step), seed, round(20 / step)))


@pytest.mark.parametrize(("name", "step"), discrete.LARGE_STEPS)
def test_the_bias_shows(name, step, seed):
    """A right kernel against the law at step 0."""
    sampler = discrete.make(name, step)
    disagree(discrete.stationarity(sampler, discrete.limit_law(), seed, round(20 / step)))


@pytest.mark.parametrize("name", ["MALA", "random_walk"])
def test_a_metropolis_bias_shows(name, seed, monkeypatch):
    sampler = MALA(0.4) if name == "MALA" else RandomWalkMetropolis(1.0)
    make_wrong(monkeypatch, sampler, discrete.bumpy_well(), {"cold = 1.0 / temperature": "cold = 0.94 / temperature"})
    disagree(discrete.stationarity(sampler, discrete.limit_law(), seed, 100))


@pytest.mark.parametrize(("name", "step"), discrete.MOVING)
def test_too_slow_or_too_fast(name, step, seed, monkeypatch):
    """A friction that is wrong has the right equilibrium; overdamped chains get a wrong clock."""
    if name in ("euler_maruyama", "heun"):
        potential = find_potential(WELL)
        # Time runs a tenth slower, at the same temperature.
        changes = {"noise = segment_noise[segment]": "noise = segment_noise[segment] * 0.9**0.5; dt = 0.9 * dt"}
        make_wrong(monkeypatch, discrete.make(name, step), potential, changes)
        disagree(discrete.motion(name, step, seed))
    else:
        disagree(discrete.motion(name, step, seed, friction=1.2 * discrete.FRICTION))
