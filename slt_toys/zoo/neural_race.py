r"""Neural race: pathways of a gated linear network race, and the one that tasks share wins.

*Exclusive or*: 64 rectified units without biases learn x_1 x_2 on the four points of {±1}², by gradient descent on half
the mean square error. *Routing*: M input and M output domains of four one-hot items, whose seven features are a tree of
three levels; K of the M² pairs of domains are tasks, each domain in K/M of them. A *route* is three layers from an
input domain to an output domain. All tasks *share* the middle layer of one, with a layer for each domain before and
behind it; or each task has a *dedicated* route. Time is flow time, learning rate times steps; the loss is the mean over
tasks and items of half the square error.

Exact: where each unit keeps to its own point, all four pathways follow [eq:mode-strength], s = √2/4, d = 1/2, and the
loss is [eq:xor-pathway-loss]. From a balanced, decoupled start a mode's strength on a route grows by [eq:route-growth],
at the rate of [eq:shared-route-rate] or [eq:dedicated-route-rate]; where both are in one network they keep
[eq:race-constant]. Not exact: units of the first network start anywhere, and points lie on the borders of others'
gates; random starts of the second, minibatches and temperature are simulated.

Source: Saxe, Sodhani & Lewallen (2022), The neural race reduction: dynamics of abstraction in gated networks, ICML.
Its equations are recalled and its settings could not be verified: sizes, starts and rates here are ours, as are race of
both routes in one network, minibatches and temperature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numba import njit
from numpy.typing import NDArray
from scipy.integrate import quad

from ..reference.laws import law
from ..results.claims import Claim, Table, Verdict, number_text
from ..results.progress import progress
from .exclusive_or import XOR_RATE, train_xor, xor_half_time, xor_law
from .model import Array, Check, Measured, ZooModel, mean_and_error
from .study import REACH, ControlName, Influence, Study, share

# ---- routes ---------------------------------------------------------------------------------------------------------
ITEMS, FEATURES, HIDDEN = 4, 7, 8
START, RATE = 0.15, 0.05
TREE = np.vstack([np.ones((1, 4)), np.kron(np.eye(2), np.ones((1, 2))), np.eye(4)])  # features by items
LEFT, VALUES, RIGHT = np.linalg.svd(TREE, full_matrices=False)
CORRELATIONS, VARIANCE = VALUES / ITEMS, 1 / ITEMS
Pairs = tuple[tuple[int, int], ...]
Route = list[NDArray[np.float64]]


def pairs(domains: int, number: int) -> Pairs:
    """Tasks as pairs of an input and an output domain, each domain in as many: i with i, i with i + 1, and so on."""
    if number % domains or not domains <= number <= domains**2:
        raise ValueError(f"number of tasks must be a multiple of {domains} up to {domains**2}, not {number}")
    return tuple((i, (i + shift) % domains) for shift in range(number // domains) for i in range(domains))


@dataclass(frozen=True)
class Layout:
    """Number M of domains and K of tasks, and which routes there are."""

    domains: int = 4
    tasks: int = 8
    shared: bool = True
    dedicated: bool = True

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the routes that there are."""
        return tuple(name for name in ("shared", "dedicated") if getattr(self, name))

    def places(self, kind: str) -> NDArray[np.int64]:
        """Which layer of each of a route's three stacks each task passes, shape (3, tasks)."""
        own = np.arange(self.tasks)
        if kind == "dedicated":
            return np.array([own, own, own])
        way = np.array(pairs(self.domains, self.tasks))
        return np.array([way[:, 0], 0 * own, way[:, 1]])

    def rates(self, kind: str) -> Array:
        """Share of the examples that pass each of a task's three layers."""
        if kind == "dedicated":
            return np.full(3, 1 / self.tasks)
        return np.array([1 / self.domains, 1.0, 1 / self.domains])


def aligned_start(layout: Layout, strengths: dict[str, Array]) -> dict[str, Route]:
    """Layers whose modes are those of the task, decoupled, with these strengths on a route's three edges."""
    across = np.eye(HIDDEN, ITEMS)
    found = {}
    for kind in layout.kinds:
        one, two, three = strengths[kind]
        counts = layout.places(kind).max(axis=1) + 1
        parts = (one * across @ RIGHT, two * across @ across.T, three * LEFT @ across.T)
        found[kind] = [np.repeat(part[None], count, axis=0) for part, count in zip(parts, counts, strict=True)]
    return found


def random_start(layout: Layout, random: np.random.Generator, scale: float) -> dict[str, Route]:
    """Layers with normal entries of this deviation."""
    found = {}
    for kind in layout.kinds:
        counts = layout.places(kind).max(axis=1) + 1
        shapes = ((HIDDEN, ITEMS), (HIDDEN, HIDDEN), (FEATURES, HIDDEN))
        found[kind] = [scale * random.standard_normal((n, *shape)) for n, shape in zip(counts, shapes, strict=True)]
    return found  # fmt: skip


def descend(
    layout: Layout, layers: dict[str, Route], steps: int, rate: float = RATE, *, batch: int = 0,
    temperature: float = 0.0, seed: int | Sequence[int] = 0, every: int = 20,
) -> dict[str, Array]:  # fmt: skip
    """Train the layers in place.

    Parameters
    ----------
    layout, layers
        Of the network.
    steps, rate
        Of gradient descent on the mean over tasks and items.
    batch
        Pairs of a task and an item drawn with replacement at every step; 0 for all.
    temperature
        Of white noise on every weight [loss].
    every
        Steps from one kept strength to the next, the first before training.

    Returns
    -------
    dict
        For each route the strength of the tree's modes, mean over tasks, shape (kept, 4).
    """
    random, count = np.random.default_rng(seed), layout.tasks * ITEMS
    ways = {kind: layout.places(kind) for kind in layout.kinds}
    weights, kick = np.full((layout.tasks, 1, ITEMS), 1 / count), np.sqrt(2 * rate * temperature)
    kept: dict[str, list[Array]] = {kind: [] for kind in layout.kinds}
    for step in range(steps + 1):
        maps, used = {}, {}
        for kind, (one, two, three) in layers.items():
            a, b, c = ways[kind]
            used[kind] = one[a], two[b], three[c]
            maps[kind] = three[c] @ two[b] @ one[a]
        if step % every == 0:
            for kind, found in maps.items():
                kept[kind].append(np.einsum("fm,kfi,mi->m", LEFT, found, RIGHT, optimize=True) / layout.tasks)
        if step == steps:
            break
        if batch:
            weights = random.multinomial(batch, np.full(count, 1 / count)).reshape(weights.shape) / batch
        error = (TREE - sum(maps.values())) * weights
        for kind, (one, two, three) in used.items():
            turned = np.swapaxes(three, 1, 2) @ error
            slopes = (np.swapaxes(two, 1, 2) @ turned, turned @ np.swapaxes(one, 1, 2),
                      error @ np.swapaxes(two @ one, 1, 2))  # fmt: skip
            for layer, slope, way in zip(layers[kind], slopes, ways[kind], strict=True):
                np.add.at(layer, way, rate * slope)
                if kick > 0:
                    layer += kick * random.standard_normal(layer.shape)
    return {kind: np.array(values) for kind, values in kept.items()}


@njit(cache=True)
def _edges(start: Array, rates: Array, correlations: Array, variance: float, step: float, steps: int) -> Array:
    """Products of edges (routes, modes) before every step: start and rates are (routes, 3)."""
    b = np.empty((rates.shape[0], correlations.size, 3))
    for route in range(rates.shape[0]):
        b[route] = start[route]
    found = np.empty((steps + 1, rates.shape[0], correlations.size))
    for number in range(steps + 1):
        for mode in range(correlations.size):
            left = correlations[mode]
            for route in range(rates.shape[0]):
                found[number, route, mode] = b[route, mode].prod()
                left -= variance * found[number, route, mode]
            for route in range(rates.shape[0]):
                one, two, three = b[route, mode]
                b[route, mode, 0] += step * rates[route, 0] * two * three * left
                b[route, mode, 1] += step * rates[route, 1] * one * three * left
                b[route, mode, 2] += step * rates[route, 2] * one * two * left
    return found


def edge_strengths(layout: Layout, strengths: dict[str, Array], steps: int, rate: float = RATE) -> Array:
    """Strength of each mode on each route by the reduction to edges, shape (steps + 1, routes, 4)."""
    start = np.array([strengths[kind] for kind in layout.kinds])
    rates = np.array([layout.rates(kind) for kind in layout.kinds])
    return _edges(start, rates, CORRELATIONS, VARIANCE, rate, steps)


def half_time(trace: Array, rate: float = RATE) -> float:
    """Flow time at which the dominant mode is half learned, from strengths (steps + 1, 4) at every step."""
    return float(np.argmax(trace[:, 0] > VALUES[0] / 2)) * rate


def route_rate(layout: Layout, kind: str) -> float:
    """R of a route: [eq:shared-route-rate] or [eq:dedicated-route-rate]."""
    if kind == "shared":
        return law("shared-route-rate")(domains=layout.domains)
    return law("dedicated-route-rate")(tasks=layout.tasks)


def balanced_half_time(rate: float, strength: float) -> float:
    """Flow time from a balanced route's strength to half of the dominant mode's, by [eq:route-growth]."""
    growth = law("route-growth")
    values = {"mode_correlation": CORRELATIONS[0], "input_variance": VARIANCE, "route_rate": rate}
    return quad(lambda b: 1 / growth(**values, route_strength=b), strength, VALUES[0] / 2)[0]


def race_constant(layout: Layout, shared: Array, dedicated: Array) -> Array:
    """[eq:race-constant] of both routes' strengths."""
    return law("race-constant")(
        shared_strength=shared, dedicated_strength=dedicated, shared_route_rate=route_rate(layout, "shared"),
        dedicated_route_rate=route_rate(layout, "dedicated"),
    )  # fmt: skip


def won(layout: Layout, strength: float, mode: int = 0) -> float:
    """Share of a mode that the shared route has in the end, by [eq:race-constant], from balanced edges √r c alike.

    ``strength`` is c³: each route starts at R times it.
    """
    rates = {kind: route_rate(layout, kind) for kind in ("shared", "dedicated")}
    kept = float(race_constant(layout, np.array(rates["shared"] * strength), np.array(rates["dedicated"] * strength)))
    low, high, whole = 0.0, 1.0, VALUES[mode]
    for _ in range(60):
        middle = (low + high) / 2
        now = float(race_constant(layout, np.array(whole * middle), np.array(whole * (1 - middle))))
        low, high = (middle, high) if now < kept else (low, middle)
    return (low + high) / 2


def zero_shot_loss(layout: Layout, layers: dict[str, Route]) -> float:
    """Loss of the shared route on the pairs of domains that are no tasks; NaN where there are none."""
    trained = set(pairs(layout.domains, layout.tasks))
    one, two, three = layers["shared"]
    rest = [(i, j) for i in range(layout.domains) for j in range(layout.domains) if (i, j) not in trained]
    errors = [((TREE - three[j] @ two[0] @ one[i]) ** 2).sum() / (2 * ITEMS) for i, j in rest]
    return float(np.mean(errors)) if errors else np.nan


# ---- the study ------------------------------------------------------------------------------------------------------
SCALES, XOR_BATCHES, XOR_TEMPERATURES = (1e-3, 1e-2), (4, 1), (0.0, 1e-6, 1e-5, 1e-4)
LAYOUTS = ((2, 2), (3, 9), (4, 8))
TASKS, TEMPERATURES, BATCHES = (4, 8, 12, 16), (0.0, 1e-4), (32, 4)
XOR_RUNS, RUNS, LEADS, ZERO_SHOTS, SMALL = 300, 20, 10, 8, 0.05
NEAR = 0.03  # of the loss, which starts at 1/2
UNTRAINED = 1.5  # loss of a network that says nothing
STEPS = 2400
Found = dict[str, tuple]


def _alone(domains: int, tasks: int, kind: str) -> tuple[Layout, dict[str, Array]]:
    return Layout(domains, tasks, kind == "shared", kind == "dedicated"), {kind: np.full(3, START)}


def exact_half_time(domains: int, tasks: int, kind: str) -> float:
    """Of a route alone from edges of :data:`START`."""
    return half_time(edge_strengths(*_alone(domains, tasks, kind), 3 * STEPS)[:, 0])


def _xor_part(seed: int) -> Found:
    found: Found = {}
    runs = [[train_xor([seed, 0, run], scale, 60.0) for run in range(XOR_RUNS)] for scale in SCALES]
    halves = [[xor_half_time(each) for each in group] for group in runs]
    times = np.arange(runs[0][0].size) * XOR_RATE
    departures = np.array([
        [np.abs(x - xor_law(times, h)).max() for x, h in zip(*pair, strict=True)]
        for pair in zip(runs, halves, strict=True)
    ])  # fmt: skip
    found["xor_departure"], found["xor_worst"] = ("scale", np.median(departures, axis=1)), ("scale", departures.max(1))
    near = [share(each < NEAR) for each in departures]
    found["xor_near"], found["xor_near_error"] = ("scale", [v for v, _ in near]), ("scale", [e for _, e in near])
    found["xor_least"], found["xor_most"] = (("scale", end) for end in np.quantile(halves, [0.05, 0.95], axis=1))
    found["xor_final"] = ("scale", [max(x[-1] for x in group) for group in runs])
    found["xor_loss"] = (("shown", "time"), [x[::20] for x in runs[0][:3]])
    found["xor_loss_law"] = (("shown", "time"), [xor_law(times[::20], h) for h in halves[0][:3]])
    for name, values, key in (("batch", XOR_BATCHES, "batch"), ("noise", XOR_TEMPERATURES, "temperature")):
        options: list[dict] = [{key: 0 if name == "batch" and x == 4 else x} for x in values]
        ratios = [
            mean_and_error(np.array([
                xor_half_time(train_xor([seed, 0, run], **each)) / halves[0][run] for run in range(RUNS)
            ])) for each in options
        ]  # fmt: skip
        found[f"xor_by_{key}"] = (f"xor_{key}", [float(m) for m, _ in ratios])
        found[f"xor_by_{key}_error"] = (f"xor_{key}", [float(e) for _, e in ratios])
    return found


def _leads(seed: int, options: Sequence[dict]) -> list[Measured]:
    """Half-time of the dedicated routes less that of the shared one, four domains, eight tasks, over the exact one."""
    whole = exact_half_time(4, 8, "dedicated") - exact_half_time(4, 8, "shared")
    found = []
    for i, option in enumerate(options):
        ends = []
        for kind in ("shared", "dedicated"):
            layout, start = _alone(4, 8, kind)
            ends.append([
                half_time(descend(layout, aligned_start(layout, start), 1000 if kind == "shared" else STEPS,
                                  seed=[seed, 1, i, run], every=1, **option)[kind])
                for run in range(LEADS if any(option.values()) else 2)
            ])  # fmt: skip
        found.append(mean_and_error((np.array(ends[1]) - np.array(ends[0])) / whole))
    return found


def _zero_shots(seed: int, tasks: int) -> Array:
    """Loss on pairs that are no tasks, of a shared route trained from small random starts."""
    layout, found = Layout(4, tasks, True, False), []
    for run in range(ZERO_SHOTS):
        layers = random_start(layout, np.random.default_rng([seed, 2, tasks, run]), SMALL)
        descend(layout, layers, 4000, 0.15, every=4000)
        found.append(zero_shot_loss(layout, layers))
    return np.array(found)


def dataset(seed: int) -> xr.Dataset:
    """Exclusive or by start, batch size and temperature; half-times, joint races and untrained pairs by tasks."""
    with progress("neural race", 3) as advance:
        found = _xor_part(seed)
        advance()
        options = [{"temperature": x} for x in TEMPERATURES] + [{"batch": 0 if x == 32 else x} for x in BATCHES]
        leads = _leads(seed, options)
        for name, part in (("temperature", leads[:2]), ("batch", leads[2:])):
            found[f"lead_by_{name}"] = (name, [float(m) for m, _ in part])
            found[f"lead_by_{name}_error"] = (name, [float(e) for _, e in part])
        advance()
        shots = [mean_and_error(_zero_shots(seed, tasks)) for tasks in TASKS[:-1]]
        found["zero_shot"] = ("partial", [float(m) for m, _ in shots])
        found["zero_shot_error"] = ("partial", [float(e) for _, e in shots])
        advance()
    for kind in ("shared", "dedicated"):
        found[f"{kind}_half"] = ("layout", [exact_half_time(*each, kind) for each in LAYOUTS])
        found[f"{kind}_half_by_tasks"] = ("tasks", [exact_half_time(4, each, kind) for each in TASKS])
        found[f"{kind}_trace"] = (("moment", "mode"), edge_strengths(*_alone(4, 8, kind), STEPS)[::10, 0] / VALUES)
    both = [edge_strengths(Layout(4, each), {k: np.full(3, START) for k in ("shared", "dedicated")}, 8000)
            for each in TASKS]  # fmt: skip
    found["joint"] = ("tasks", [float(each[-1, 0, 0] / VALUES[0]) for each in both])
    found["joint_early"] = ("tasks", [float(each[100, 0, 0] / VALUES[0]) for each in both])
    found["joint_law"] = ("tasks", [won(Layout(4, each), START**3) for each in TASKS])
    coords = {
        "scale": list(SCALES), "time": np.arange(0, 6001, 20) * XOR_RATE, "xor_batch": list(XOR_BATCHES),
        "xor_temperature": list(XOR_TEMPERATURES), "temperature": list(TEMPERATURES), "batch": list(BATCHES),
        "layout": [f"M = {m}, K = {k}" for m, k in LAYOUTS], "tasks": list(TASKS), "partial": list(TASKS[:-1]),
        "moment": np.arange(0, STEPS + 1, 10) * RATE,
    }  # fmt: skip
    return xr.Dataset(found, coords, {"seed": seed, "untrained": UNTRAINED})


def influences(data: xr.Dataset) -> tuple[Influence, ...]:
    """Temperature and batch size on both systems; time; and the number of tasks."""
    lead, half = "lead of the shared route, over the exact one", "half-time of exclusive or, over the plain one"

    def between(control: ControlName, lever: str, told: str, name: str) -> Influence:
        values, errors = data[name].values, data[f"{name}_error"].values
        return Influence(control, lever, told, values[0], values[-1], errors[0], errors[-1], 1.0)

    slow = data["dedicated_half_by_tasks"] / data["shared_half_by_tasks"]
    early, late = float(data["joint_early"][1]), float(data["joint"][1])
    return (
        between("temperature", "T from 0 to 1e-4, routes", lead, "lead_by_temperature"),
        between("temperature", "T from 0 to 1e-4, exclusive or", half, "xor_by_temperature"),
        between("batch size", "B from 32 to 4, routes", lead, "lead_by_batch"),
        between("batch size", "B from 4 to 1, exclusive or", half, "xor_by_batch"),
        Influence("time", f"flow time from {100 * RATE:g} to {8000 * RATE:g}", "dominant mode on the shared route",
                  early, late, 0.0, 0.0, 1.0),
        Influence("other", "tasks from 4 to 16 of four domains", "dedicated half-time over shared",
                  float(slow[0]), float(slow[-1]), 0.0, 0.0, float(slow[-1])),
    )  # fmt: skip


def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """Untrained pairs first, where random starts do not do what aligned ones do; then both laws and the race."""
    found = []
    for tasks, told in ((4, "one task"), (8, "two tasks")):
        value, error = (float(data[x].sel(partial=tasks)) for x in ("zero_shot", "zero_shot_error"))
        high, low = value + REACH * error, value - REACH * error
        verdict: Verdict = "yes" if high < UNTRAINED / 2 else "no" if low > UNTRAINED / 2 else "cannot tell"
        found.append(Claim.of(
            f"zero-shot-from-random-starts-{tasks}-tasks", f"From random starts, with {told} for each input, "
            f"untrained pairs have the loss {number_text(value, 2)} [{low:.2g}, {high:.2g}]; untrained networks 1.5.",
            value, (low, high), 0.0, verdict,
        ))  # fmt: skip
    value, error = (float(data[x][0]) for x in ("xor_near", "xor_near_error"))
    ends = value - REACH * error, min(value + REACH * error, 1.0)
    verdict = "yes" if ends[0] > 0.9 else "no" if ends[1] < 0.9 else "cannot tell"
    found.append(Claim.of(
        "xor-follows-its-law", f"The loss of exclusive or keeps within {NEAR:g} of its law in {value:.3f} "
        f"[{ends[0]:.3f}, {ends[1]:.3f}] of the runs, one number fitted.", value, ends, verdict=verdict,
    ))  # fmt: skip
    for at, (domains, tasks) in enumerate(LAYOUTS):
        one, two = float(data["shared_half"][at]), float(data["dedicated_half"][at])
        found.append(Claim.of(
            f"shared-wins-{domains}-{tasks}", f"With {domains} domains and {tasks} tasks the shared route is half "
            f"learned at {one:.3g}, dedicated ones at {two:.3g}.", two / one, verdict="yes" if two > one else "no",
        ))  # fmt: skip
    share = float(data["joint"][1])
    found.append(Claim.of(
        "winner-takes-all", f"In one network, four domains and eight tasks, the shared route ends with {share:.4f} of "
        "the dominant mode.", share, verdict="yes" if share > 0.9 else "no",
    ))  # fmt: skip
    return tuple(found)


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Exclusive or by start; routes by the number of tasks."""
    return (
        Table.of_columns("exclusive_or", f"{XOR_RUNS} runs of each start, learning rate {XOR_RATE}; departures from "
            "the law are the largest along a run.", {
            "deviation of weights": [f"{x:g}" for x in SCALES], "half-times, 90 %": [
                f"{a:.2f} to {b:.2f}" for a, b in zip(data["xor_least"].values, data["xor_most"].values, strict=True)],
            "departure, median": [f"{x:.4f}" for x in data["xor_departure"].values],
            "largest": [f"{x:.3f}" for x in data["xor_worst"].values],
            "largest final loss": [f"{x:.1g}" for x in data["xor_final"].values],
        }),
        Table.of_columns(
            "routes", "Four domains: half-times of the dominant mode alone, its share on the shared route in one "
            "network, from edges of .15 and from balanced ones, and the loss on untrained pairs from random starts.", {
                "tasks": [str(x) for x in TASKS],
                **{f"{k}, half-time": [f"{x:.3g}" for x in data[f"{k}_half_by_tasks"].values] for k in
                   ("shared", "dedicated")},
                "shared wins": [f"{x:.5f}" for x in data["joint"].values],
                "balanced, law": [f"{x:.5f}" for x in data["joint_law"].values],
                "untrained pairs": [f"{m:.2g} ± {e:.1g}" for m, e in zip(
                    data["zero_shot"].values, data["zero_shot_error"].values, strict=True)] + ["-"],
            },
        ),
    )  # fmt: skip


# ---- checks ---------------------------------------------------------------------------------------------------------
_PHASES, _TYPICAL = np.array([0.5, 0.8, 0.9, 1.1, 1.3]), 16.0


def _xor_less_law(seed: int) -> Measured:
    found = []
    for run in range(60):
        losses = train_xor([seed, run])
        half = xor_half_time(losses)
        places = np.round(_PHASES * half / XOR_RATE).astype(int)
        found.append(losses[places] - xor_law(places * XOR_RATE, half))
    return mean_and_error(np.array(found))


def _xor_wrong() -> Array:
    """The law of a pathway with half of the rate, less the law."""
    times = _PHASES * _TYPICAL
    return xor_law(_TYPICAL + (times - _TYPICAL) / 2, _TYPICAL) - xor_law(times, _TYPICAL)


def _matrices_less_edges(seed: int) -> Measured:
    layout = Layout(3, 6)
    start = dict(zip(layout.kinds, np.random.default_rng(seed).uniform(0.3, 0.5, (2, 3)), strict=True))
    by_matrix = descend(layout, aligned_start(layout, start), 600, every=100)
    by_edges = edge_strengths(layout, start, 600)[::100]
    return np.array([np.abs(by_matrix[k] - by_edges[:, i]).max() for i, k in enumerate(layout.kinds)]), np.zeros(2)


def _balanced(seed: int) -> Measured:
    found = []
    for kind in ("shared", "dedicated"):
        layout, _ = _alone(4, 8, kind)
        scale, rate = np.random.default_rng(seed).uniform(0.3, 0.4), route_rate(layout, kind)
        trace = edge_strengths(layout, {kind: np.sqrt(layout.rates(kind)) * scale}, 20_000, 0.01)[:, 0]
        found.append(half_time(trace, 0.01) / balanced_half_time(rate, rate * scale**3))
    return np.array(found), np.zeros(2)


def _kept(seed: int) -> Measured:
    layout, scale = Layout(4, 8), np.random.default_rng(seed).uniform(0.3, 0.4)
    start = {kind: np.sqrt(layout.rates(kind)) * scale for kind in layout.kinds}
    trace = edge_strengths(layout, start, 20_000, 0.01)
    ends = [float(race_constant(layout, trace[i, 0, 0], trace[i, 1, 0])) for i in (0, -1)]
    return np.array([ends[1] / ends[0]]), np.zeros(1)


MODEL = ZooModel("neural_race", (
    "mode-strength", "xor-pathway-loss", "route-growth", "shared-route-rate", "dedicated-route-rate", "race-constant",
), (
    Check("mean loss of exclusive or less that of four pathways", lambda: np.zeros(5), _xor_less_law, _xor_wrong, 0.02,
          "points lie on the borders of other pathways' gates"),
    Check("strengths of the layers less those of the edges", lambda: np.zeros(2), _matrices_less_edges,
          lambda: np.full(2, 1e-6), 1e-10, "rounding"),
    Check("half-times of balanced routes over the law's", lambda: np.ones(2), _balanced, lambda: np.array([0.5, 2.0]),
          0.01, "steps of .01"),
    Check("constant of two routes after the race over that before", lambda: np.ones(1), _kept, lambda: np.full(1, 2.0),
          0.01, "steps of .01"),
), Study(
    "Neural race: the pathway that tasks share wins",
    """Given its gates a network of linear units is linear; each *pathway* through it learns as a deep linear network.
Rectified units that learn *exclusive or* are four such pathways [eq:xor-pathway-loss]. A *route* leads from one of M
input domains to one of M output domains through three layers, and K pairs of domains are tasks. A *shared* route has
one middle layer for all tasks and grows at the rate 1/M [eq:shared-route-rate], a task's *dedicated* route at K^(-3/2)
[eq:dedicated-route-rate]. The *half-time* is the flow time at which half of a mode is there; the *lead* is that of the
dedicated routes less that of the shared one.

Laws are exact for decoupled starts. The paper's equations are recalled and its settings could not be verified; sizes,
starts, rates, random starts, temperature, minibatches and both routes in one network are ours.""",
    dataset, claims, tables, influences,
))  # fmt: skip
