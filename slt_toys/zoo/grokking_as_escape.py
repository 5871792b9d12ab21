r"""Grokking as escape: with weight decay a deep linear network sits in a minimum at 0 and learns by leaving it.

D layers of n by n weights, the loss ½|W_D ... W_1 - S|² + (γ/2) Σ|W_l|² with a target S = s e e^T of one mode, and
white noise: dW = -∇L dt + √(2T) dB in every weight, all weights 0 at the start. Where all layers are u along the mode
the loss is ½(s - u^D)² + Dγu²/2 [eq:aligned-mode-loss], in the coordinate x = √D u. At depth 2 the origin is a saddle
for γ < s. From depth 3 on it is a minimum for every γ > 0, behind a barrier [eq:weak-decay-barrier], however small the
decay. Units: loss; flow time.

Exact: the mean time by which the mode alone, one coordinate, reaches a target [eq:mean-first-passage], and its limit
[eq:eyring-kramers]. The whole network has the mode's barrier but not its rate: signs and turns of its hidden units all
lead over the saddle, and at low temperature it escapes [eq:aligned-escape-speedup] times as fast. Not exact: the whole
network at a temperature that is not low, which is simulated, and minibatches.

The temperature that the laws are given is measured in the run itself, from W·∇L, what |W|²/2 has gained and |∇L|², per
weight and time, exactly at any step [eq:stepped-temperature].

Source: the potentials and laws are ours; for an origin made special by weight decay compare Ziyin, Li & Meng (2022),
Exact solutions of a deep linear network, NeurIPS, arXiv:2202.04777 (recalled; could not be verified here).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from ..results.claims import Claim, Table, Verdict, number_text
from ..results.progress import progress
from .decayed_network import DECAY, STRENGTH, Escapes, Mode, Noise, learn_mode, learn_network
from .model import Array, Check, Measured, ZooModel
from .study import REACH, Influence, Study, share

REFERENCE = Mode()

# ---- the study -----------------------------------------------------------------------------------------------------
CLIMBS = (0.25, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0)  # barriers over the temperature
MODE_RUNS = (4000, 4000, 4000, 4000, 1000, 400, 200)
NETWORKS = ((1, 3.0, 400), (1, 5.0, 1600), (2, 3.0, 400), (2, 5.0, 800), (2, 7.0, 800), (2, 9.0, 400),
            (3, 6.0, 400), (3, 8.0, 400), (3, 10.0, 150))  # fmt: skip
SADDLE_TEMPERATURES = (1e-6, 1e-5, 1e-4, 1e-3)
BATCHES = (16, 1)
SHARE_RUNS, WITHIN, LATER, LONG = 400, 100.0, 1000.0, 500.0
SHARE_CLIMBS, DECAYS = (8.0, 5.0, 3.0), (0.4, 0.2)


def _law_error(time: Callable[[float], float], temperature: float, error: float) -> float:
    """Standard error of a law's time from that of the temperature it is given, as a share of the time."""
    up, down = time(temperature + error), time(temperature - error)
    return abs(np.log(up / down)) / 2


def mode_ratio(climb: float, runs: int, seed: int | Sequence[int]) -> tuple[Escapes, float, float]:
    """Runs of the reference mode, and its mean time over the exact one at the measured temperature, with its error."""
    found = learn_mode(REFERENCE, REFERENCE.barrier / climb, runs, seed, step=0.005 if climb <= 2 else 0.02)
    mean, error = found.time
    ratio = float(mean) / REFERENCE.time(found.temperature)
    spread = np.hypot(error / mean, _law_error(REFERENCE.time, found.temperature, found.temperature_error))
    return found, ratio, float(ratio * spread)


def network_ratio(width: int, climb: float, runs: int, seed: int | Sequence[int]) -> tuple[Escapes, float, float]:
    """Runs of the network, and its mean time over the law's at the measured temperature, with its error."""
    found = learn_network(REFERENCE, width, Noise(REFERENCE.barrier / climb), runs, seed)
    mean, error = found.time

    def told(temperature: float) -> float:
        return REFERENCE.time(temperature) / REFERENCE.speedup(width, temperature)

    spread = np.hypot(error / mean, _law_error(told, found.temperature, found.temperature_error))
    return found, float(mean) / told(found.temperature), float(mean) / told(found.temperature) * float(spread)


def _shares(seed: int) -> dict[str, tuple[str, list[float]]]:
    """Shares of networks of width 2 that have learned, by temperature, batch size, time and weight decay."""
    found: dict[str, tuple[str, list[float]]] = {}
    barrier = REFERENCE.barrier

    def put(name: str, dim: str, hits: list[np.ndarray]) -> None:
        pairs = [share(each) for each in hits]
        found[name], found[f"{name}_error"] = (dim, [v for v, _ in pairs]), (dim, [e for _, e in pairs])

    def learned(noise: Noise, number: int, mode: Mode = REFERENCE, within: float = WITHIN) -> Escapes:
        return learn_network(mode, 2, noise, SHARE_RUNS, [seed, 3, number], most=within)

    put("by_temperature", "share_climb", [learned(Noise(barrier / c), i).arrived for i, c in enumerate(SHARE_CLIMBS)])
    warm = Noise(barrier / SHARE_CLIMBS[1])
    put("with_noise", "batch", [
        learned(Noise(warm.temperature, batch), 10 + i).arrived for i, batch in enumerate(BATCHES)
    ])  # fmt: skip
    start = float(np.sqrt(warm.temperature / REFERENCE.decay))  # the spread that white noise would have made
    put("without_noise", "batch", [
        learned(Noise(0.0, batch, start=start), 20 + i, within=LONG).arrived for i, batch in enumerate(BATCHES)
    ])  # fmt: skip
    late = learned(warm, 30, within=LATER)
    put("by_time", "within", [late.arrived & (late.times <= when) for when in (WITHIN / 5, LATER)])
    put("by_decay", "decay", [learned(warm, 40 + i, Mode(decay=decay)).arrived for i, decay in enumerate(DECAYS)])
    return found


def dataset(seed: int) -> xr.Dataset:
    """Times of the mode and of whole networks over their laws, times at depth 2, and shares by each control."""
    barrier, two = REFERENCE.barrier, Mode(depth=2)
    with progress("temperatures", len(CLIMBS) + len(NETWORKS)) as advance:
        modes, networks = [], []
        for i, (climb, runs) in enumerate(zip(CLIMBS, MODE_RUNS, strict=True)):
            modes.append(mode_ratio(climb, runs, [seed, 0, i]))
            advance()
        for i, (width, climb, runs) in enumerate(NETWORKS):
            networks.append(network_ratio(width, climb, runs, [seed, 1, i]))
            advance()
    saddle = [learn_mode(two, t, 1000, [seed, 2, i], step=0.005).time for i, t in enumerate(SADDLE_TEMPERATURES)]

    def of(dim: str, rows: list[tuple[Escapes, float, float]], name: str) -> dict[str, tuple[str, list[float]]]:
        return {
            f"{name}_time": (dim, [float(each.time[0]) for each, _, _ in rows]),
            f"{name}_time_error": (dim, [float(each.time[1]) for each, _, _ in rows]),
            f"{name}_temperature": (dim, [each.temperature for each, _, _ in rows]),
            f"{name}_ratio": (dim, [ratio for _, ratio, _ in rows]),
            f"{name}_ratio_error": (dim, [error for _, _, error in rows]),
        }

    strength = np.linspace(0, 1, 101)
    return xr.Dataset(
        {
            **of("climb", modes, "mode"), **of("network", networks, "network"), **_shares(seed),
            "mode_time_law": ("climb", [REFERENCE.time(barrier / c) for c in CLIMBS]),
            "mode_kramers": ("climb", [REFERENCE.kramers_time(barrier / c) for c in CLIMBS]),
            "network_width": ("network", [w for w, _, _ in NETWORKS]),
            "network_climb": ("network", [c for _, c, _ in NETWORKS]),
            "network_time_law": ("network", [
                REFERENCE.time(barrier / c) / REFERENCE.speedup(w, barrier / c) for w, c, _ in NETWORKS
            ]),
            "network_mode_law": ("network", [REFERENCE.time(e.temperature) for e, _, _ in networks]),
            "saddle_time": ("saddle_temperature", [float(m) for m, _ in saddle]),
            "saddle_time_error": ("saddle_temperature", [float(e) for _, e in saddle]),
            "saddle_time_law": ("saddle_temperature", [two.time(t) for t in SADDLE_TEMPERATURES]),
            "loss": (("depth", "strength"), [Mode(depth=d).loss(strength) for d in (2, 3, 4)]),
        },
        {
            "climb": list(CLIMBS), "share_climb": list(SHARE_CLIMBS), "batch": list(BATCHES), "decay": list(DECAYS),
            "within": [WITHIN / 5, LATER], "saddle_temperature": list(SADDLE_TEMPERATURES), "depth": [2, 3, 4],
            "strength": strength,
        },
        {"seed": seed, "barrier": barrier, "weight_decay": REFERENCE.decay},
    )  # fmt: skip


def influences(data: xr.Dataset) -> tuple[Influence, ...]:
    """Temperature, batch size, time and weight decay: how many networks of width 2 have learned?"""

    def between(control: str, lever: str, name: str, within: str) -> Influence:
        ends = [(float(data[name][i]), float(data[f"{name}_error"][i])) for i in (0, -1)]
        return Influence(
            control, lever, f"share of networks that have learned {within}", ends[0][0], ends[1][0], ends[0][1],  # type: ignore[arg-type]
            ends[1][1], 1.0,
        )  # fmt: skip

    return (
        between("temperature", "T from an eighth to a third of the barrier", "by_temperature", "by t = 100"),
        between("batch size", "B from 16 to 1, without white noise", "without_noise", "by t = 500"),
        between("batch size", "B from 16 to 1, at T a fifth of the barrier", "with_noise", "by t = 100"),
        between("time", "flow time from 20 to 1000", "by_time", "by then"),
        between("other", "weight decay from .4 to .2", "by_decay", "by t = 100"),
    )


def limit_of_low_temperature(data: xr.Dataset, width: int) -> tuple[float, float]:
    """Ratio of a network's time to its law's, by a line in the temperature to T = 0 from a fifth down, with error."""
    rows = (data["network_width"] == width) & (data["network_climb"] >= 5)
    x = 1 / data["network_climb"].values[rows]
    ratio, error = data["network_ratio"].values[rows], data["network_ratio_error"].values[rows]
    design = np.stack([np.ones_like(x), x]).T / error[:, None]
    covariance = np.linalg.inv(design.T @ design)
    return float((covariance @ design.T @ (ratio / error))[0]), float(np.sqrt(covariance[0, 0]))


def _mean_ratio(ratio: Array, error: Array) -> tuple[float, float]:
    weight = 1 / error**2
    return float((weight * ratio).sum() / weight.sum()), float(1 / np.sqrt(weight.sum()))


def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """What the reduction to one coordinate gets wrong, what batches do not do, and what is exact."""

    def held(
        name: str, told: str, value: float, error: float, expected: float, verdict: Verdict | None = None
    ) -> Claim:
        low, high = value - REACH * error, value + REACH * error
        sentence = told.format(f"{number_text(value)} [{low:.3g}, {high:.3g}]")
        return Claim.of(name, sentence, value, (low, high), expected, verdict)

    narrow = (data["network_width"].values == 1) & (data["network_climb"].values == 5)
    own = data["network_mode_law"].values / data["network_time"].values
    single = _mean_ratio(own[narrow], (own * data["network_ratio_error"].values / data["network_ratio"].values)[narrow])
    coldest = int(np.flatnonzero(data["network_width"].values == 2)[-1])
    silent, silent_error = float(data["without_noise"][-1]), float(data["without_noise_error"][-1])
    mode = _mean_ratio(data["mode_ratio"].values, data["mode_ratio_error"].values)
    hot = np.log(data["mode_time_law"].values[1] / data["mode_time_law"].values[0]) / (CLIMBS[1] - CLIMBS[0])
    span = np.log(data["saddle_temperature"].values[-1] / data["saddle_temperature"].values[0])
    slope = float(data["saddle_time"][0] - data["saddle_time"][-1]) / span
    slope_error = float(np.hypot(data["saddle_time_error"][0], data["saddle_time_error"][-1])) / span
    still = "yes" if silent + REACH * silent_error < 0.05 else "no"
    decades = np.log10(float(data["mode_time"].max() / data["mode_time"].min()))
    return (
        held("mode-has-the-networks-rate", "At a fifth of the barrier networks of width 1 escape {} times as fast as "
             "their mode, by law 2 times.", *single, 2.0),
        held("law-at-nine", "Networks of width 2 take {} times the law of low temperature at a ninth of the barrier.",
             float(data["network_ratio"][coldest]), float(data["network_ratio_error"][coldest]), 1.0),
        held("law-at-zero", "Carried on to temperature 0 that ratio is {}.", *limit_of_low_temperature(data, 2), 1.0),
        Claim.of("batch-noise-does-not-escape", f"Minibatches of 1 alone let {number_text(silent, 2)} of the networks "
                 f"learn by t = {LONG:g}.", silent, (0.0, silent + REACH * silent_error), verdict=still),
        held("mode-time", f"Over {decades:.2g} decades the mode's times are {{}} times the exact ones.", *mode, 1.0),
        Claim.of("arrhenius", f"Between T = 4 and 2 barriers the time's slope in 1/T is {hot:.2g} barriers, not one.",
                 float(hot), expected=1.0, verdict="no"),
        held("depth-two", "At depth 2 learning takes {} more flow time for each factor e in 1/T; no barrier.", slope,
             slope_error, 1 / (2 * (STRENGTH - DECAY))),
    )  # fmt: skip


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Times of mode and networks beside their laws."""

    def cells(name: str) -> list[str]:
        return [f"{v:.4g} ± {e:.2g}" for v, e in zip(data[name].values, data[f"{name}_error"].values, strict=True)]

    return (
        Table.of_columns(
            "the_mode", "Mean flow time until the mode alone is learned, the exact time and its limit at low "
            "temperature, and the ratio to the exact time at the temperature measured in the same runs.",
            {"barrier / T": [f"{c:g}" for c in data["climb"].values], "time": cells("mode_time"),
             "exact": [f"{x:.4g}" for x in data["mode_time_law"].values],
             "Eyring-Kramers": [f"{x:.4g}" for x in data["mode_kramers"].values],
             "measured T": [f"{x:.4g}" for x in data["mode_temperature"].values], "ratio": cells("mode_ratio")},
        ),
        Table.of_columns(
            "whole_networks", "The same for whole networks and their law of low temperature.",
            {"width": [f"{w}" for w in data["network_width"].values],
             "barrier / T": [f"{c:g}" for c in data["network_climb"].values], "time": cells("network_time"),
             "mode alone": [f"{x:.4g}" for x in data["network_mode_law"].values],
             "law": [f"{x:.4g}" for x in data["network_time_law"].values],
             "measured T": [f"{x:.4g}" for x in data["network_temperature"].values], "ratio": cells("network_ratio")},
        ),
    )  # fmt: skip


# ---- checks --------------------------------------------------------------------------------------------------------
_CHECKED = (0.5, 2.0, 4.0)


def _mode_ratios(seed: int) -> Measured:
    found = [mode_ratio(climb, 4000, [seed, i])[1:] for i, climb in enumerate(_CHECKED)]
    return np.array([r for r, _ in found]), np.array([e for _, e in found])


def _arrhenius_ratios() -> Array:
    return np.array([REFERENCE.kramers_time(REFERENCE.barrier / c) / REFERENCE.time(REFERENCE.barrier / c)
                     for c in _CHECKED])  # fmt: skip


def _single_units(seed: int) -> Measured:
    _, ratio, error = network_ratio(1, 5.0, 600, seed)
    return np.array([ratio]), np.array([error])


MODEL = ZooModel(
    "grokking_as_escape",
    (
        "aligned-mode-loss", "weak-decay-barrier", "mean-first-passage", "eyring-kramers", "aligned-escape-speedup",
        "stepped-temperature",
    ),
    (
        Check("time of the mode over the exact one", lambda: np.ones(3), _mode_ratios, _arrhenius_ratios, 0.02,
              "the Euler step"),
        Check("time of networks of one unit a layer over the law", lambda: np.ones(1), _single_units,
              lambda: np.full(1, REFERENCE.speedup(1, 1.0)), 0.05,
              "the law is that of low temperature: .02 to .03 remain at a fifth of the barrier", slow=True),
    ),
    Study(
        "Grokking as escape: weight decay holds a deep network at the origin",
        """A linear network of three layers learns one mode. Weight decay makes a minimum of the origin, where all
weights are 0, and the mode is *learned* when noise has carried the network over the barrier, half way from saddle to
minimum. The *mode alone* is one coordinate, that of layers which are alike and aligned
[eq:aligned-mode-loss]; the *whole network* has every weight, with white noise in each. Its *width* counts the units of
each layer.

Exact are the mode's times, and the limit of low temperature for whole networks [eq:aligned-escape-speedup]. Nothing is
fitted: the temperature is measured in the runs whose times are told. At depth 2 nothing has to be climbed. The paper
that says the origin is special could not be verified; potential, laws and scales are ours.""",
        dataset, claims, tables, influences, most_seconds=120,
    ),
)  # fmt: skip
