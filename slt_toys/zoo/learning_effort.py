r"""Learning effort: when should a neuron pay for learning faster? At the start.

Labels y = ±1, inputs x = yμ + σξ, the output w (1 + g) x with a control g(t) ≥ 0, the *effort*. With G = 1 + g and
Σ = μ² + σ² the mean loss is ½(1 - 2μGw + ΣG²w²) + ½λw², and w follows its gradient: ẇ = Gμ - G²Σw - λw. The effort
costs c g² and is chosen to raise J = ∫ δ^t (-loss - c g²) dt over a horizon, δ < 1 a discount of time; g stays between
0 and .5. The effort raises the output at once, too, not only the learning. Two linear layers that learn a tree of items
have an effort for every weight, or one for each layer (``effort_network``). Units: loss; flow time.

Exact: without effort, [eq:unaided-weight]; at the horizon, [eq:last-effort]; two layers at a constant effort,
[eq:geared-mode-strength]; the gradient of J by the adjoint equation, step by step of the Euler scheme, a_k = a_{k+1}
(1 - dt (G²Σ + λ)) - δ^t dt ∂loss/∂w. The best effort is found by projected gradient ascent; for one mode of two layers
it is held to dynamic programming. With an effort for every weight ascents can end at different places: what is told is
one of them. Not built here: attention to tasks, which the paper controls, too.

Source: Carrasco-Davis, Masís & Saxe (2023), Meta-learning strategies through value maximization in neural networks,
arXiv:2310.19919. The neuron's parameters are as in their public code (rodrigcd/neuromod), of which nothing is copied;
of the two layers cost, bound and decay are, and horizon, step and start are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numba import njit
from numpy.typing import ArrayLike

from ..reference.laws import law
from ..results.claims import Claim, Table, number_text
from . import effort_network as layers
from .model import Array, Check, Measured, ZooModel, mean_and_error
from .semantic_development import NAMES as LEVEL_NAMES
from .study import REACH, Influence, Study

STEP, BOUND = 1e-3, 0.5


@dataclass(frozen=True)
class Setting:
    """Mean μ and deviation σ of inputs, decay λ, discount δ, cost c of effort, steps of the horizon."""

    mean: float = 2.0
    deviation: float = 1.0
    weight_decay: float = 0.1
    discount: float = 0.99
    cost: float = 0.3
    steps: int = 600

    @property
    def square(self) -> float:
        """Σ, mean square of the input."""
        return self.mean**2 + self.deviation**2

    def unaided(self, time: ArrayLike) -> Array:
        """Weight without effort [eq:unaided-weight]."""
        return np.asarray(
            law("unaided-weight")(
                input_mean=self.mean, input_square=self.square, weight_decay=self.weight_decay, learning_time=time
            )
        )

    def last_effort(self, weight: float) -> float:
        """Effort that is best at the horizon, where the weight is this [eq:last-effort]."""
        return law("last-effort")(
            input_mean=self.mean, input_square=self.square, effort_cost=self.cost, seen_weight=weight
        )


REFERENCE = Setting()


@njit(cache=True)
def _value(effort: Array, mean: float, square: float, decay: float, discount: float, cost: float) -> tuple:
    """J, its gradient by the effort at each step (by the adjoint equation), and the weights before each step."""
    steps = effort.size
    weights, slope = np.empty(steps + 1), np.empty(steps)
    weights[0], value = 0.0, 0.0
    for k in range(steps):
        w, gain = weights[k], 1 + effort[k]
        loss = 0.5 * (1 - 2 * mean * gain * w + square * gain**2 * w**2) + 0.5 * decay * w**2
        value -= STEP * discount ** (k * STEP) * (loss + cost * effort[k] ** 2)
        weights[k + 1] = w + STEP * (gain * mean - gain**2 * square * w - decay * w)
    adjoint = 0.0
    for k in range(steps - 1, -1, -1):
        w, gain, weight = weights[k], 1 + effort[k], STEP * discount ** (k * STEP)
        by_effort = -mean * w + square * gain * w**2
        slope[k] = -weight * (by_effort + 2 * cost * effort[k]) + adjoint * STEP * (mean - 2 * gain * w * square)
        by_weight = -mean * gain + square * gain**2 * w + decay * w
        adjoint = adjoint * (1 - STEP * (gain**2 * square + decay)) - weight * by_weight
    return value, slope, weights


@njit(cache=True)
def _best(
    steps: int, mean: float, square: float, decay: float, discount: float, cost: float, rate: float, rounds: int
) -> Array:
    """Effort after so many rounds of projected gradient ascent from none."""
    effort = np.zeros(steps)
    for _ in range(rounds):
        slope = _value(effort, mean, square, decay, discount, cost)[1]
        effort = np.minimum(np.maximum(effort + rate * slope, 0.0), BOUND)
    return effort


def value(setting: Setting, effort: Array) -> tuple[float, Array, Array]:
    """J of an effort (steps,), its gradient (steps,), and the weights (steps + 1,)."""
    return _value(effort, setting.mean, setting.square, setting.weight_decay, setting.discount, setting.cost)


def best_effort(setting: Setting, rate: float = 10.0, rounds: int = 700) -> Array:
    """The effort at each step, shape (steps,), by projected gradient ascent from none."""
    return _best(
        setting.steps, setting.mean, setting.square, setting.weight_decay, setting.discount, setting.cost, rate, rounds
    )


def gain(setting: Setting) -> float:
    """What the best effort adds to J."""
    return value(setting, best_effort(setting))[0] - value(setting, np.zeros(setting.steps))[0]


@njit(cache=True)
def _train(
    random: np.random.Generator, effort: Array, runs: int, batch: int, mean: float, deviation: float, decay: float,
    temperature: float,
) -> Array:  # fmt: skip
    found = np.empty(runs)
    kick = np.sqrt(2 * temperature * STEP)
    for run in range(runs):
        w = 0.0
        for k in range(effort.size):
            scale, pull = 1 + effort[k], 0.0
            for _ in range(batch):
                x = mean + deviation * random.standard_normal()  # times its label
                pull += (1 - scale * w * x) * scale * x / batch
            w += STEP * (pull - decay * w)
            if kick > 0:
                w += kick * random.standard_normal()
        found[run] = w
    return found


def train(
    setting: Setting, effort: Array, runs: int, batch: int, seed: int | Sequence[int], temperature: float = 0.0
) -> Array:
    """Final weights of runs by SGD on minibatches, with white noise of a temperature, shape (runs,)."""
    return _train(
        np.random.default_rng(seed), effort, runs, batch, setting.mean, setting.deviation, setting.weight_decay,
        temperature,
    )  # fmt: skip


# ---- the study -----------------------------------------------------------------------------------------------------
COSTS, DEVIATIONS, HORIZONS = (0.05, 0.1, 0.3, 1.0, 2.0), (0.5, 1.0, 2.0, 4.0), (200, 400, 600, 1000)
BATCHES, TEMPERATURES, RUNS = (1, 8, 128), (0.0, 1e-3), 4000
HOW, LAYER_COSTS = ("none", "by layer", "by weight"), (0.1, 0.3, 1.0, 3.0)


def dataset(seed: int) -> xr.Dataset:
    """Effort and losses over time, what effort gains by cost, noise and horizon, SGD's weights; two layers."""
    return xr.merge([_of_neuron(seed), _of_layers(seed)], combine_attrs="no_conflicts")


def _of_layers(seed: int) -> xr.Dataset:
    """Two layers from one balanced start: efforts by layer and by weight, and what becomes of the tree's levels."""
    task, tree = layers.REFERENCE, layers.Modes.of_tree()
    start = layers.Start.decoupled(task, [seed, 2])
    shared = layers.best_of_modes(task, tree)
    given = (layers.efforts(task), layers.efforts(task, shared), layers.best(task, start))
    runs = [layers.run(task, start, effort, how == "by layer") for how, effort in zip(HOW, given, strict=True)]
    learned = [layers.level_strengths(each.outputs) for each in runs]
    one = layers.Modes(tree.correlations[:1], (1,))
    none = np.zeros(task.blocks)
    plain = layers.run_modes(task, one, none)[0]
    return xr.Dataset(
        {
            "layer_effort": ("block", shared),
            "weight_effort": ("block", sum((layer**2).sum(axis=(1, 2)) for layer in given[2])),
            "layers_value": ("how", [each.value for each in runs]),
            "level_learned": (("how", "moment", "level"), np.array(learned)),
            "level_half_time": (("how", "level"), [_half_times(task, each) for each in learned]),
            "layer_gain": ("layer_cost", [_gain_by_layer(replace(task, cost=c), tree) for c in LAYER_COSTS]),
            "one_mode_gain": layers.run_modes(task, one, layers.best_of_modes(task, one))[0] - plain,
            "one_mode_gain_programmed": layers.programmed_value(task, one.correlations[0]) - plain,
        },
        {"block": task.times, "moment": np.append(task.times, task.steps * task.step), "how": list(HOW),
         "level": list(LEVEL_NAMES), "layer_cost": list(LAYER_COSTS)},
    )  # fmt: skip


def _half_times(task: layers.Task, learned: Array) -> list[float]:
    """Flow time at which each level (blocks + 1, 4) is half learned, NaN for never."""
    times, found = np.append(task.times, task.steps * task.step), []
    for level in learned.T:
        at = int(np.argmax(level >= 0.5))
        found.append(float(np.interp(0.5, level[at - 1 : at + 1], times[at - 1 : at + 1])) if at else np.nan)
    return found


def _gain_by_layer(task: layers.Task, tree: layers.Modes) -> float:
    found = layers.run_modes(task, tree, layers.best_of_modes(task, tree))[0]
    return found - layers.run_modes(task, tree, np.zeros(task.blocks))[0]


def _of_neuron(seed: int) -> xr.Dataset:
    effort = best_effort(REFERENCE)
    none = np.zeros(REFERENCE.steps)
    sgd = [train(REFERENCE, none, RUNS, batch, [seed, 0, batch]) for batch in BATCHES]
    hot = [train(REFERENCE, effort, RUNS, 8, [seed, 1], temperature) for temperature in TEMPERATURES]
    time = np.arange(REFERENCE.steps, dtype=np.float64) * STEP
    return xr.Dataset(
        {
            "effort": ("time", effort), "weight_with_effort": ("time", value(REFERENCE, effort)[2][:-1]),
            "unaided_weight": ("time", value(REFERENCE, none)[2][:-1]),
            "unaided_weight_law": ("time", REFERENCE.unaided(time)),
            "gain_by_cost": ("cost", [gain(replace(REFERENCE, cost=c)) for c in COSTS]),
            "gain_by_noise": ("deviation", [gain(replace(REFERENCE, deviation=s)) for s in DEVIATIONS]),
            "gain_by_horizon": ("horizon", [gain(replace(REFERENCE, steps=n)) for n in HORIZONS]),
            "final_weight": ("batch", [float(w.mean()) for w in sgd]),
            "final_weight_error": ("batch", [float(mean_and_error(w)[1]) for w in sgd]),
            "final_weight_law": ("batch", [float(REFERENCE.unaided(STEP * REFERENCE.steps))] * len(BATCHES)),
            "spread": ("batch", [float(w.std(ddof=1)) for w in sgd]),
            "hot_weight": ("temperature", [float(w.mean()) for w in hot]),
            "hot_weight_error": ("temperature", [float(mean_and_error(w)[1]) for w in hot]),
        },
        {"time": time, "cost": list(COSTS), "deviation": list(DEVIATIONS), "horizon": list(HORIZONS),
         "batch": list(BATCHES), "temperature": list(TEMPERATURES)},
        {"seed": seed, "value_without": value(REFERENCE, none)[0], "value_with": value(REFERENCE, effort)[0],
         "last_effort_law": REFERENCE.last_effort(float(value(REFERENCE, effort)[2][-2]))},
    )  # fmt: skip


def influences(data: xr.Dataset) -> tuple[Influence, ...]:
    """Temperature and batch size on the mean weight; time on the effort; horizon and cost on what it gains."""
    end, most = float(data["final_weight_law"][0]), float(data["gain_by_cost"].max())
    hot, hot_error = data["hot_weight"].values, data["hot_weight_error"].values
    mean, error = data["final_weight"].values, data["final_weight_error"].values
    effort, cost = data["effort"].values, data["gain_by_cost"].values
    horizon = data["gain_by_horizon"].values
    paid, won, half = (data[name].values for name in ("layer_effort", "layer_gain", "level_half_time"))
    return (
        Influence("temperature", "T from 0 to .001, with effort", "mean final weight", hot[0], hot[1], hot_error[0],
                  hot_error[1], end),
        Influence("batch size", "B from 1 to 128", "mean final weight", mean[0], mean[-1], error[0], error[-1], end),
        Influence("time", "from the start to the end", "effort", effort[0], effort[-1], 0.0, 0.0, BOUND),
        Influence("time", "horizon from .2 to 1", "gain of J", horizon[0], horizon[-1], 0.0, 0.0, most),
        Influence("other", "cost of effort from .05 to 2", "gain of J", cost[0], cost[-1], 0.0, 0.0, most),
        Influence("time", "two layers, from the start to the end", "effort by layer", float(paid[0]), float(paid[-1]),
                  0.0, 0.0, layers.BOUND),
        Influence("other", "two layers, cost from .1 to 3", "gain of J", float(won[0]), float(won[-1]), 0.0, 0.0,
                  float(won.max())),
        Influence("other", "two layers, no effort to the best by layer", "time to learn the leaves",
                  float(half[0, -1]), float(half[1, -1]), 0.0, 0.0, float(half[0, -1])),
    )  # fmt: skip


def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """Batch size is a spread alone; when effort is paid, and what it gains."""
    spread, steps = data["spread"].values, np.log(data["batch"].values[-1] / data["batch"].values[0])
    power = float(np.log(spread[-1] / spread[0]) / steps)
    reach = float(REACH / np.sqrt(RUNS) / steps)  # each spread's error is a share 1/√(2 runs)
    early = float(data["effort"][:300].sum() / data["effort"].sum())
    won = data.attrs["value_with"] - data.attrs["value_without"]
    last, told = float(data["effort"][-1]), data.attrs["last_effort_law"]
    ascent, programmed = float(data["one_mode_gain"]), float(data["one_mode_gain_programmed"])
    none, by_layer, by_weight = data["layers_value"].values
    half = data["level_half_time"].values[2]
    spent, times = data["weight_effort"].values, data["block"].values
    before = float(spent[times < half[-1]].sum() / spent.sum())
    return (
        Claim.of("batch-is-a-spread", f"Final weights spread as the batch size to the power {power:.3f} "
                 f"[{power - reach:.3f}, {power + reach:.3f}]; their mean stays.", power,
                 (power - reach, power + reach), -0.5),
        Claim.of("effort-is-early", f"The first half of the time gets {early:.2f} of the effort.", early,
                 verdict="yes" if early > 0.5 else "no"),
        Claim.of("gain", f"The best effort raises J by {won:.5f}, reported .00868.", won, expected=0.00868,
                 verdict="yes" if abs(won / 0.00868 - 1) < 0.02 else "no"),
        Claim.of("last-effort", f"At the horizon the effort is {last:.4f}, by its law {told:.4f}.", last, expected=told,
                 verdict="yes" if abs(last / told - 1) < 0.01 else "no"),
        Claim.of("by-dynamic-programming", f"For one mode of two layers the best effort adds {number_text(ascent)} to "
                 f"J, by dynamic programming {number_text(programmed)}.", ascent, expected=programmed,
                 verdict="yes" if abs(ascent / programmed - 1) < 0.002 else "no"),
        Claim.of("layers-pay-before-they-know", f"With an effort for every weight {before:.2f} of it is paid before "
                 "the leaves are half learned.", before, verdict="yes" if before > 0.5 else "no"),
        Claim.of("few-controls-are-cheaper", f"Two layers raise J from {none:.3g} to {by_weight:.3g} with an effort "
                 f"for every weight, to {by_layer:.3g} with one a layer.", by_layer - by_weight,
                 verdict="yes" if by_layer > by_weight > none else "no"),
    )  # fmt: skip


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """What effort gains, by cost, noise and horizon."""
    rows = [
        (told, f"{x:g}", f"{y:.5f}")
        for told, name, dim in (("cost", "gain_by_cost", "cost"), ("input noise", "gain_by_noise", "deviation"),
                                ("steps", "gain_by_horizon", "horizon"))
        for x, y in zip(data[dim].values, data[name].values, strict=True)
    ]  # fmt: skip
    rows += [("cost by layer, two layers", f"{x:g}", f"{y:.4g}") for x, y in zip(
        data["layer_cost"].values, data["layer_gain"].values, strict=True)]  # fmt: skip
    return (
        Table("gains", "What the best effort adds to J.", ("control", "setting", "gain"), tuple(rows)),
        _levels(data),
    )


def _levels(data: xr.Dataset) -> Table:
    rows = [
        (str(how), f"{value:.4g}", *(f"{x:.1f}" for x in half))
        for how, value, half in zip(
            data["how"].values, data["layers_value"].values, data["level_half_time"].values, strict=True
        )
    ]
    return Table(
        "two_layers", "J of two layers by how effort is paid, and the flow time at which each level of the tree is "
        "half learned.", ("effort", "J", *(str(name) for name in data["level"].values)), tuple(rows),
    )  # fmt: skip


# ---- checks --------------------------------------------------------------------------------------------------------
def _mean_weight(seed: int) -> Measured:
    steps = np.array([100, 300, 600])
    found = [mean_and_error(train(REFERENCE, np.zeros(n), 2000, 1, [seed, int(n)])) for n in steps]
    return np.array([m for m, _ in found]), np.array([e for _, e in found])


def _told(setting: Setting) -> Array:
    return setting.unaided(STEP * np.array([100, 300, 600]))


_FINE = layers.Task(steps=2400, step=0.01, hold=100, strength=1e-3)
_LOOKS = np.array([400, 800, 1200, 1600, 2000])  # steps


def _geared_law(effort: float) -> Array:
    """Strength of each level as the output sees it, over its final one without decay, shape (looks, 4)."""
    tree = layers.Modes.of_tree()
    seen = np.array([(1 + effort) ** 2 * tree.strengths(_FINE, effort, n * _FINE.step) for n in _LOOKS])
    return seen / (layers.ITEMS * np.array(tree.correlations))


def _geared(seed: int) -> Measured:
    found = layers.run(_FINE, layers.Start.decoupled(_FINE, seed), layers.efforts(_FINE, 0.25), by_layer=True)
    learned = layers.level_strengths(found.outputs)[_LOOKS // _FINE.hold]
    return learned, np.zeros_like(learned)


def _programmed(cost: float) -> Array:
    task, rate = replace(layers.REFERENCE, cost=cost), layers.Modes.of_tree().correlations[0]
    return np.array([layers.programmed_value(task, rate)])


def _climbed(seed: int) -> Measured:
    task, one = layers.REFERENCE, layers.Modes(layers.Modes.of_tree().correlations[:1], (1,))
    return np.array([layers.run_modes(task, one, layers.best_of_modes(task, one))[0]]), np.zeros(1)


MODEL = ZooModel("learning_effort", ("unaided-weight", "last-effort", "geared-mode-strength"), (
    Check("mean weight by SGD", lambda: _told(REFERENCE), _mean_weight,
          lambda: _told(replace(REFERENCE, deviation=1.2)), 1e-3, "the Euler step"),
    Check("levels of a tree in two layers at constant effort", lambda: _geared_law(0.25), _geared,
          lambda: _geared_law(0.0), 0.01, "the Euler step"),
    Check("J of the best effort for one mode, by dynamic programming", lambda: _programmed(0.3), _climbed,
          lambda: _programmed(0.6), 0.01, "the grid of dynamic programming"),
), Study(
    "Learning effort: a neuron pays at the start",
    """A neuron learns to tell two classes. A control scales its output, and with it its learning, at a cost: the
*effort* g, between 0 and .5. The best effort over a horizon is found by gradient ascent with an adjoint equation. J is
the discounted integral of minus loss and cost; the *gain* is what the best effort adds to it.

Exact is the weight without effort [eq:unaided-weight]. The theory is of means: white noise and minibatches spread
weights and move no mean. Effort raises the output at once, not only the learning; at the horizon, for that alone
[eq:last-effort].

Two linear layers learn a tree of items, level by level [eq:geared-mode-strength]. *By weight* every weight has an
effort of its own, and all are paid for; *by layer* the weights of a layer share one. The first is the paper's form; an
ascent may end at one of several such efforts, and one is told. Temperature and batch size are not asked of the layers,
whose starts they add to as in [semantic development](zoo_semantic_development.md). Horizon, step and start of the
layers are ours, as the paper's could not be verified; its attention to tasks is not built.""",
    dataset, claims, tables, influences, most_seconds=90.0,
))  # fmt: skip
