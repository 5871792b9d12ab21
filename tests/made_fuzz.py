"""Energies, boxes and temperatures that nobody chose, and what public calls make of them: right, or refused."""

from __future__ import annotations

import re
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import HealthCheck
from hypothesis import strategies as st
from scipy.integrate import cumulative_simpson, quad

from slt_toys import (
    Ending,
    ExponentialDecay,
    OverdampedLangevin,
    Potential,
    Training,
    crossover,
    exact_stuck_probability,
    largest_stable_step,
    mean_first_passage_time,
    phase_table,
    sample,
    temperature_ladder,
)
from slt_toys.exact.quadrature import QuadratureError
from slt_toys.potentials.boxes import loss_unit, widened
from slt_toys.potentials.potential import mirrored_pair

ALL_CHECKS: Any = list(HealthCheck)  # a first call may compile
SECONDS = 60  # that a call may take
# What numpy, scipy and sympy say of trouble that nobody refused by name.
FOREIGN = re.compile(
    r"f\(a\) and f\(b\)|broadcast|array must not|Singular matrix|math domain|cannot convert|not enough values|"
    r"known to nan|out of bounds|truth value|zero-size|LinAlg|dtype|reshape|invalid literal|interpolat|"
    r"knot|argument of type"
)


@dataclass(frozen=True)
class Case:
    """What somebody asks."""

    text: str
    box: Any
    temperature: float  # in the energy's own unit of loss
    questions: tuple[str, ...]


@dataclass
class Told:
    """What came of one question: an answer, a refusal with its words, or a fault."""

    question: str
    outcome: str  # answered, refused, fault
    words: str = ""


def number(draw, decades: int = 2) -> str:
    """A number of two digits, of either sign, over so many powers of ten."""
    return f"{draw(st.sampled_from(['', '-']))}{size(draw, decades)}"


def size(draw, decades: int = 2) -> str:
    digits = draw(st.integers(10, 99))
    power = draw(st.integers(-decades, decades)) if decades >= 0 else decades
    return f"{digits / 10 * 10.0**power:.6g}"


def _polynomial(draw, w: str) -> str:
    degree = draw(st.sampled_from([2, 4, 4, 6, 8]))
    lower = [f"{number(draw, 1)}*{w}**{k}" for k in range(1, degree) if draw(st.booleans())]
    return " + ".join([f"{size(draw, 1)}*{w}**{degree}", *lower])


def _wells(draw, w: str) -> str:
    places = [number(draw, 0) for _ in range(draw(st.integers(2, 3)))]
    powers = [draw(st.sampled_from([1, 2, 2, 2, 4])) for _ in places]
    tilt = f" + {number(draw, -1)}*{w}" if draw(st.booleans()) else ""
    return "*".join(f"({w} - {p})**{2 * k if k > 1 else 2}" for p, k in zip(places, powers, strict=True)) + tilt


def _bumps(draw, w: str) -> str:
    bumps = [f"{number(draw, 1)}*exp(-(({w} - {number(draw, 0)})/{size(draw, 0)})**2)" for _ in range(2)]
    return " + ".join([*bumps, f"{size(draw, 1)}*{w}**2"])


def _other(draw, w: str) -> str:
    a, b, c = size(draw, 1), number(draw, 1), size(draw, 0)
    return draw(
        st.sampled_from(
            [
                f"{a}*cos({c}*{w}) + {w}**2/{c}", f"({w}**2-{a})**2/(1+{w}**2) + {b}*{w}/100",
                f"log(1+{a}*{w}**2) + {w}**2/{c}", f"sqrt(1+({w}-{c})**2) + {w}**4/{a}", f"abs({w}-{c})",
                f"abs({w}) + {a}*{w}**2", f"(tanh({w})-{b}/100)**2 + {w}**2/{a}", f"exp({w}) - {a}*{w}",
                f"exp({w}) + exp(-{c}*{w}) + {b}*{w}", f"log(cosh({w})) + {b}*exp(-{w}**2)", f"{a}*log(1+{w}**2)",
                f"abs({w}**2-{a}) + {b}*{w}/100", f"{b}*{w}", f"{w}**3 + {b}*{w}", f"-{w}**4", f"{a}*sin({w})**2",
                f"1/({w}-{c})**2 + {w}**2", f"log({w}) + {w}**2", f"sqrt({w}) + {w}", f"erf({w}) + {a}*{w}**2",
            ]
        )
    )  # fmt: skip


def _coupled(draw) -> str:
    a, b, c = number(draw, 0), size(draw, 0), number(draw, 0)
    return draw(
        st.sampled_from(
            [
                f"(w1*w2 - {a})**2 + {b}*(w1**2+w2**2)/10", f"(w1**2 - {b})**2 + w2**2 + w1*w2/10 + {c}*w1/10",
                f"({b} - w1)**2 + 10*(w2 - w1**2)**2", f"(w1**2+w2**2-{b})**2 + {c}*w1/10", "w1**2*w2**2",
                f"w1**2*w2**4 + {b}*w1**2", f"exp(-w1**2-w2**2)*{a} + {b}*(w1**2+w2**2)", f"abs(w1*w2) + {b}*w1**2",
                f"(tanh(w1)*w2 - {a}/10)**2 + {b}*(w1**2+w2**2)/20", f"cos(w1)*cos(w2) + (w1**2+w2**2)/{b}",
            ]
        )
    )  # fmt: skip


@st.composite
def cases(draw, planes: bool = True) -> Case:
    """Energies in one to three coordinates, over many powers of ten, with boxes, temperatures and questions."""
    line = st.sampled_from([_polynomial, _polynomial, _wells, _wells, _bumps, _other, _other])
    kind = draw(st.sampled_from(["line"] * 7 + (["plane", "plane", "sum"] if planes else [])))
    if kind == "line":
        text, d = draw(line)(draw, "w"), 1
    elif kind == "plane":
        text, d = _coupled(draw), 2
    else:
        d = draw(st.integers(2, 3))
        text = " + ".join(draw(line)(draw, f"w{k}") for k in range(1, d + 1))
    if draw(st.booleans()):
        text = f"{size(draw, 6)}*({text})"
    boxes = [(-2.0, 2.0), (-3.0, 3.0), (-1.0, 4.0), (-20.0, 20.0), (0.5, 3.0)]
    box = draw(st.one_of(st.none(), st.none(), st.sampled_from(boxes)))
    if any(name in text for name in ("exp", "log", "cos", "sqrt", "abs", "tanh", "sin", "/(")):
        box = box or draw(st.sampled_from(boxes))
    if draw(st.integers(0, 10**6)) % 31 == 17:
        box = draw(st.sampled_from([(1.0, -1.0), (0.0, 0.0), (float("nan"), 1.0), (-1.0, float("inf")), (1.0,)]))
    temperature = draw(st.sampled_from([1e-4, 3e-3, 0.05, 0.3, 1.0, 7.0, 100.0]))
    if draw(st.integers(0, 10**6)) % 41 == 17:
        temperature = draw(st.sampled_from([0.0, -1.0, float("nan"), float("inf"), 1e-300, 1e300]))
    more = draw(st.lists(st.sampled_from(sorted(QUESTIONS)), max_size=2, unique=True))
    return Case(text, box if d == 1 or box is None else (box,) * d, temperature, ("phase_table", *more))


# ---- questions, each with what must be true of its answer ------------------------------------------------------------
class Wrong(AssertionError):
    """An answer that cannot be right."""


def must(right: Any, what: str) -> None:
    if not right:
        raise Wrong(what)


def _phase_table(potential: Potential, t: float) -> None:
    table = phase_table(potential, 1 / t if t else np.inf)
    for name in table.data_vars:
        must(not np.isnan(np.asarray(table[name].values, dtype=float)).any(), f"{name} is nan")
    shares = table.occupancy.values[0]
    must((shares >= 0).all() and abs(shares.sum() + table.occupancy_outside.item() - 1) < 1e-6, "shares")
    expected = integrals(potential, t)
    if expected is not None:
        log_total, mean, own = expected
        unit = max(t, abs(mean))
        found = table.total_log_partition_function.item(), table.total_mean_loss.item()
        must(abs(found[0] - log_total) < 1e-4 + 1e-9 * abs(log_total), f"log Z {found[0]} is {log_total}")
        must(abs(found[1] - mean) < 1e-4 * unit, f"mean loss {found[1]} is {mean}")
        must(np.abs(shares - own).max() < 1e-4, f"shares {shares} are {own}")


def _crossover(potential: Potential, t: float) -> None:
    del t
    if len(potential.phases) < 2:
        return
    found = crossover(potential, 0, 1)
    must(np.isfinite(found.n_beta).all() and np.isfinite(found.asymptotic_n_beta).all(), "crossovers are not finite")
    for n_beta in found.n_beta[:3]:
        table = phase_table(potential, n_beta, tolerance=np.inf)
        gap = float(np.diff(table.free_energy.values[0, :2])[0])
        must(abs(gap) < 1e-5 * max(1.0, np.abs(table.free_energy.values).max()), f"free energies differ by {gap}")


def _passage(potential: Potential, t: float) -> None:
    if potential.dimension > 1:
        ends = (0.0, 1.0)
    elif len(potential.phases) > 1:
        ends = tuple(float(potential.minimum_point(k)[0]) for k in (0, 1))
    else:
        low, high = potential.box[0]
        ends = (0.6 * low + 0.4 * high, 0.4 * low + 0.6 * high)
    found = mean_first_passage_time(potential, t, *ends)
    must(found > 0, f"passage time {found}")
    expected = passage(potential, t, *ends)
    if expected is not None and 1e-280 < found < 1e280:
        must(abs(np.log(found) - expected) < 1e-3, f"log passage time {np.log(found)} is {expected}")


def _ladder(potential: Potential, t: float) -> None:
    found = temperature_ladder(potential, t, 4 * t)
    temperatures = np.array(found.temperatures)
    must((np.diff(temperatures) > 0).all() and temperatures[0] == t and temperatures[-1] == 4 * t, "ladder's ends")
    must(all(0.5 <= share <= 1 for share in found.acceptance) and np.isfinite(found.barrier), "acceptances")


def _stuck(potential: Potential, t: float) -> None:
    step = largest_stable_step(potential, t)
    must(step > 0, "stable step")
    rate = min(step, 1e300) / 20
    training = Training(100, 5000, ExponentialDecay(rate, 0.9), 2 * t * 100 / rate)
    found = exact_stuck_probability(mirrored_pair(potential), training, np.array([0, 5, 20]), Ending("further", 20))
    must(np.isfinite(found).all() and (found >= -1e-9).all() and (found <= 1 + 1e-9).all(), f"stuck {found}")


def _sample(potential: Potential, t: float) -> None:
    step = largest_stable_step(potential, t)
    must(step > 0, "stable step")
    drawn = sample(potential, OverdampedLangevin(0.2 * min(step, 1e300)), n_beta=1 / t, chains=64, steps=200, thin=10)
    must(np.isfinite(drawn["w"].values).all() and drawn.attrs["verdict"], "draws")


QUESTIONS: dict[str, Callable[[Potential, float], None]] = {
    "phase_table": _phase_table, "crossover": _crossover, "passage": _passage, "ladder": _ladder, "stuck": _stuck,
    "sample": _sample,
}  # fmt: skip


# ---- independent integrals -------------------------------------------------------------------------------------------
def integrals(potential: Potential, t: float) -> tuple[float, float, np.ndarray] | None:
    """log Z, mean loss and the phases' shares on a line by scipy's adaptive quadrature; None where that cannot tell."""
    if potential.dimension > 1 or not 0 < t < np.inf:
        return None
    energy = potential.energy_function()
    low, high = widened(potential, t).box[0]
    minima = [float(potential.minimum_point(k)[0]) for k in range(len(potential.phases))]
    inner = [x for x in minima if low <= x <= high]
    cuts = {low, high, *np.linspace(low, high, 41), *inner, *(potential.barrier(k) for k in range(len(minima) - 1))}
    for x in inner:
        cuts |= {x + s * r * (high - low) for s in (-1, 1) for r in np.geomspace(1e-8, 0.3, 25)}
    edges = sorted(x for x in cuts if low <= x <= high)
    lowest = float(energy(np.array(edges)[:, None]).min())

    def weight(x: float, power: int) -> float:
        excess = float(energy(np.array([x])))
        return float(np.exp(-(excess - lowest) / t)) * (excess - lowest) ** power

    total, parts, error = np.zeros(2), np.zeros(len(minima)), 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for a, b in pairwise(edges):
            both = [quad(weight, a, b, args=(k,), epsabs=0, epsrel=1e-9, limit=60) for k in (0, 1)]
            total += [both[0][0], both[1][0]]
            error += both[0][1]
            index = int(potential.phase_index(np.array([(a + b) / 2])))
            if index >= 0:
                parts[index] += both[0][0]
    if not (np.isfinite(total).all() and total[0] > 0 and error < 1e-6 * total[0]):
        return None
    return float(np.log(total[0]) - lowest / t), float(lowest + total[1] / total[0]), parts / total[0]


def passage(potential: Potential, t: float, start: float, target: float) -> float | None:
    """log of the mean first passage time by sums on a fine grid; None where that does not resolve it."""
    if potential.dimension > 1 or not 0 < t < np.inf or start == target:
        return None
    energy, (low, high) = potential.energy_function(), widened(potential, t).box[0]
    if not (low <= start <= high and low <= target <= high):
        return None
    # From the wall behind the start on, or from where less than e^-80 of the mass is left.
    behind = np.linspace(low if target > start else high, start, 4001)
    heights = energy(behind[:, None]) / t
    inside = np.flatnonzero(heights < min(heights.min(), float(energy(np.array([start]))) / t) + 80)
    wall, found = behind[max(int(inside[0]) - 1, 0)], []
    for points in (20_001, 40_001):
        before = np.linspace(wall, start, points)[:-1] if wall != start else np.empty(0)
        whole = np.concatenate([before, np.linspace(start, target, points)])
        height = energy(whole[:, None]) / t
        if not np.isfinite(height).all() or np.abs(np.diff(height)).max() > 0.3 or np.ptp(height) > 600:
            return None
        x = np.abs(whole - whole[0])
        inner = cumulative_simpson(np.exp(-(height - height.min())), x=x, initial=0)
        outer = (np.exp(height - height.max()) * np.maximum(inner, 0.0))[len(before) :]
        total = np.trapezoid(outer, x[len(before) :])
        if not total > 0:
            return None
        found.append(float(np.log(total / t)) + float(np.ptp(height)))
    return found[1] if abs(found[1] - found[0]) < 2e-4 else None


# ---- asking ----------------------------------------------------------------------------------------------------------
@contextmanager
def within(seconds: float) -> Iterator[None]:
    def late(*_: Any) -> None:
        raise TimeoutError(f"more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def ask(question: str, call: Callable[[], Any]) -> tuple[Told, Any]:
    """Make a call; a refusal is one line of this package's own, a ValueError or the documented QuadratureError."""
    try:
        with within(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = call()
    except (ValueError, QuadratureError) as error:
        words = str(error)
        plain = words and "\n" not in words and len(words) < 1200 and not FOREIGN.search(words)
        return Told(question, "refused" if plain else "fault", words), None
    except Exception as error:
        return Told(question, "fault", f"{type(error).__name__}: {error}"), None
    return Told(question, "answered"), answer


def told(case: Case) -> list[Told]:
    """All that came of a case."""
    made, potential = ask("from_expression", lambda: Potential.from_expression(case.text, box=case.box))
    outcomes = [made]
    if potential is not None:
        t = case.temperature * loss_unit(potential)
        for question in case.questions:
            outcomes.append(ask(question, lambda q=question: QUESTIONS[q](potential, t))[0])
    return outcomes
