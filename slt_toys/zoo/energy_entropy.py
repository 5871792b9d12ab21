r"""Energy and entropy: white noise weighs wells by their free energy, a minibatch's noise seeks wide minima.

*Two wells* in one coordinate: a sharp one, h_A (w + 1)²/2 on the left of the border where both cross, and a wide one,
Δ + h_B (w - 1)²/2 on its right, with h_A = 20, h_B = 1, Δ = 0.1 [loss]. *Two weights*: f = u v x is fitted to
y = x + σ ζ, x and ζ normal, by SGD on fresh minibatches of B examples or with white noise of temperature T [loss]. On
u v = 1 the loss is least, and its curvature across is u² + v²: least where the *imbalance* c = u² - v² is 0.

Exact: at temperature T the wells' odds are [eq:two-well-odds]; far from the border they cross at α = N/D of
[eq:undersampling-crossing], T = 1/N. Under Ito noise in proportion to the curvature, as label noise is, they are
[eq:two-well-odds-flat-noise], with no Δ in them. In a step of SGD c falls by [eq:imbalance-step], whatever the
minibatch; under white noise it is a martingale whose variance grows by [eq:imbalance-diffusion]. Not exact: the mean
square of SGD's gradient, [eq:label-noise-slope], is to first order in u v - 1.

Source: Zhang, Saxe, Advani & Lee (2018), Energy-entropy competition and the effectiveness of stochastic gradient
descent in machine learning, Molecular Physics 116, of which only the abstract was at hand: its equations and parameters
could not be verified, and both systems here are our own reconstruction of its idea.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numba import njit

from ..reference.laws import law
from ..results.claims import Claim, Table, number_text
from ..results.progress import progress
from .model import Array, Check, Measured, ZooModel, mean_and_error
from .study import REACH, ControlName, Influence, Study

START = (2.0, 0.5)  # u and v: u v = 1, c = 3.75
IMBALANCE = START[0] ** 2 - START[1] ** 2
RATE, LABEL_NOISE = 0.05, 0.5


@dataclass(frozen=True)
class Wells:
    """Curvatures of the sharp and the wide well, and the gap in loss between their minima: the reference's."""

    sharp: float = 20.0
    wide: float = 1.0
    gap: float = 0.1

    @property
    def border(self) -> float:
        """Where both parabolas cross between the minima at -1 and 1."""
        # h_A (w+1)²/2 = gap + h_B (w-1)²/2, the root with w > -1.
        a, b = (self.sharp - self.wide) / 2, self.sharp + self.wide
        c = (self.sharp - self.wide) / 2 - self.gap
        return -c / b if a == 0 else (-b + np.sqrt(b * b - 4 * a * c)) / (2 * a)

    def sharp_share(self, temperature: float | Array) -> Array:
        """Chance of the sharp well at a temperature [eq:two-well-odds]."""
        odds = law("two-well-odds")(
            temperature=temperature, energy_gap=self.gap, sharp_curvature=self.sharp, wide_curvature=self.wide,
            sharp_reach=self.border + 1, wide_reach=1 - self.border,
        )  # fmt: skip
        return odds / (1 + odds)

    def flat_noise_share(self, noise: float | Array) -> Array:
        """The same under noise of diffusion ``noise`` times the curvature [eq:two-well-odds-flat-noise]."""
        odds = law("two-well-odds-flat-noise")(
            noise_per_curvature=noise, sharp_curvature=self.sharp, wide_curvature=self.wide,
            sharp_reach=self.border + 1, wide_reach=1 - self.border,
        )  # fmt: skip
        return odds / (1 + odds)


WELLS = Wells()


def wide_share_in_dimensions(per_dimension: Array, dimensions: int, wells: Wells = WELLS) -> Array:
    """Chance of the wide well in so many dimensions, each with these curvatures, N = ``per_dimension`` times them.

    Far from the border: the sharp well's free energy is less by D Δ (α - α_c), [eq:undersampling-crossing].
    """
    crossing = law("undersampling-crossing")(
        energy_gap=wells.gap, sharp_curvature=wells.sharp, wide_curvature=wells.wide
    )
    return 1 / (1 + np.exp(dimensions * wells.gap * (per_dimension - crossing)))


# ---- two wells ------------------------------------------------------------------------------------------------------
@njit(cache=True)
def _loss(w: float, sharp: float, wide: float, gap: float, border: float) -> float:
    return sharp * (w + 1) ** 2 / 2 if w < border else gap + wide * (w - 1) ** 2 / 2


@njit(cache=True)
def _exchange(
    random: np.random.Generator, chains: int, sweeps: int, burn: int, temperatures: Array, sharp: float, wide: float,
    gap: float, border: float,
) -> Array:  # fmt: skip
    """Share of sweeps that each chain spends in the sharp well at each temperature, by replica exchange."""
    number = temperatures.size
    found, w, losses = np.zeros((chains, number)), np.empty(number), np.empty(number)
    for chain in range(chains):
        for i in range(number):
            w[i] = -1.0 if random.random() < 0.5 else 1.0
            losses[i] = _loss(w[i], sharp, wide, gap, border)
        for sweep in range(burn + sweeps):
            for i in range(number):
                for scale in (0.3, 1.0, 3.0):  # of the widths of both wells and the way between them
                    to = w[i] + scale * np.sqrt(temperatures[i]) * random.standard_normal()
                    there = _loss(to, sharp, wide, gap, border)
                    if random.random() < np.exp(min((losses[i] - there) / temperatures[i], 0.0)):
                        w[i], losses[i] = to, there
            for i in range(sweep % 2, number - 1, 2):
                pull = (1 / temperatures[i] - 1 / temperatures[i + 1]) * (losses[i] - losses[i + 1])
                if random.random() < np.exp(min(pull, 0.0)):
                    w[i], w[i + 1] = w[i + 1], w[i]
                    losses[i], losses[i + 1] = losses[i + 1], losses[i]
            if sweep >= burn:
                for i in range(number):
                    found[chain, i] += (w[i] < border) / sweeps
    return found


def exchange(
    temperatures: Sequence[float], chains: int, seed: int | Sequence[int], wells: Wells = WELLS, sweeps: int = 4000
) -> Array:
    """Share of the sharp well at rising temperatures by replica exchange, shape (chains, temperatures)."""
    random = np.random.default_rng(seed)
    return _exchange(random, chains, sweeps, 1000, np.array(temperatures), wells.sharp, wells.wide, wells.gap,
                     wells.border)  # fmt: skip


@njit(cache=True)
def _flat(
    random: np.random.Generator, runs: int, steps: int, burn: int, noise: float, step: float, sharp: float,
    wide: float, border: float,
) -> Array:  # fmt: skip
    """Time that each run spends in each well, (runs, 2); a step takes ``step`` over the curvature where it starts."""
    found, kick = np.zeros((runs, 2)), np.sqrt(2 * noise * step)
    for run in range(runs):
        w = 1.0
        for number in range(burn + steps):
            well = 0 if w < border else 1
            if number >= burn:
                found[run, well] += step / (sharp if well == 0 else wide)
            w += -step * (w - (-1.0 if well == 0 else 1.0)) + kick * random.standard_normal()
    return found


def flat_noise(
    noise: float, runs: int, seed: int | Sequence[int], wells: Wells = WELLS, step: float = 0.002, steps: int = 20_000
) -> Measured:
    """Chance of the sharp well under noise in proportion to curvature, and its standard error.

    dw = -h (w - m) dt + √(2 θ h) dW in Ito's sense, by its own clock h dt, on which the noise is the same everywhere:
    fixed steps of t would jump over the sharp well's border.
    """
    random = np.random.default_rng(seed)
    times = _flat(random, runs, steps, round(20 / step), noise, step, wells.sharp, wells.wide, wells.border)
    whole = times.sum()
    share = times[:, 0].sum() / whole
    spread = times[:, 0] - share * times.sum(axis=1)
    return np.array([share]), np.array([np.sqrt(runs) * spread.std(ddof=1) / whole])


@njit(cache=True)
def _langevin(
    random: np.random.Generator, runs: int, steps: int, step: float, temperature: float, noise: float, first: float,
    sharp: float, wide: float, border: float,
) -> Array:  # fmt: skip
    """Share of its steps that each run spends in the sharp well: white noise, or ``noise`` times the curvature."""
    found = np.zeros(runs)
    for run in range(runs):
        w = first
        for _ in range(steps):
            curvature, middle = (sharp, -1.0) if w < border else (wide, 1.0)
            found[run] += w < border
            kick = np.sqrt(2 * step * (temperature + noise * curvature))
            w += -step * curvature * (w - middle) + kick * random.standard_normal()
    return found / steps


def langevin(
    runs: int, seed: int | Sequence[int], temperature: float = 0.0, noise: float = 0.0, first: float = 1.0,
    steps: int = 25_000, step: float = 0.002, wells: Wells = WELLS,
) -> Array:  # fmt: skip
    """Share of steps in the sharp well by plain Euler steps from ``first``, shape (runs,): trapped at small noise."""
    return _langevin(np.random.default_rng(seed), runs, steps, step, temperature, noise, first, wells.sharp,
                     wells.wide, wells.border)  # fmt: skip


# ---- two weights ----------------------------------------------------------------------------------------------------
@njit(cache=True)
def _sgd(
    random: np.random.Generator, runs: int, steps: int, every: int, rate: float, batch: int, sigma: float, first: Array
) -> tuple[Array, Array]:
    """Imbalances, (runs, kept), and for each run the log of the product of 1 - η²g² and the mean of g²."""
    kept, sums = np.empty((runs, steps // every + 1)), np.zeros((runs, 2))
    for run in range(runs):
        u, v = first[0], first[1]
        kept[run, 0] = u * u - v * v
        for step in range(1, steps + 1):
            g = 0.0
            for _ in range(batch):
                x = random.standard_normal()
                g += ((u * v - 1) * x - sigma * random.standard_normal()) * x / batch
            u, v = u - rate * g * v, v - rate * g * u
            sums[run, 0] += np.log(np.abs(1 - rate * rate * g * g))
            sums[run, 1] += g * g / steps
            if step % every == 0:
                kept[run, step // every] = u * u - v * v
    return kept, sums


def train(
    batch: int, runs: int, seed: int | Sequence[int], steps: int = 4000, every: int = 40, rate: float = RATE
) -> tuple[Array, Array]:
    """SGD on minibatches of fresh examples.

    Returns
    -------
    tuple of numpy.ndarray
        The imbalance every so many steps, (runs, steps/every + 1), and for each run the logarithm of the product of
        [eq:imbalance-step]'s factors and the mean square of its gradient, (runs, 2).
    """
    return _sgd(np.random.default_rng(seed), runs, steps, every, rate, batch, LABEL_NOISE, np.array(START))


@njit(cache=True)
def _white(
    random: np.random.Generator, runs: int, steps: int, every: int, step: float, temperature: float, first: Array
) -> Array:
    kept, kick = np.empty((runs, steps // every + 1)), np.sqrt(2 * step * temperature)
    for run in range(runs):
        u, v = first[0], first[1]
        kept[run, 0] = u * u - v * v
        for number in range(1, steps + 1):
            g = u * v - 1
            u, v = (u - step * g * v + kick * random.standard_normal(),
                    v - step * g * u + kick * random.standard_normal())  # fmt: skip
            if number % every == 0:
                kept[run, number // every] = u * u - v * v
    return kept


def white_noise(
    temperature: float, runs: int, seed: int | Sequence[int], flow_time: float = 200.0, step: float = 0.005,
    kept: int = 100,
) -> Array:  # fmt: skip
    """Imbalance under gradient flow of the mean loss with white noise, (runs, kept + 1), evenly spaced in time."""
    steps = round(flow_time / step)
    return _white(np.random.default_rng(seed), runs, steps, steps // kept, step, temperature, np.array(START))


def imbalance_law(batch: int, steps: int, rate: float = RATE) -> Array:
    """Imbalance at every step from 0 on, by [eq:imbalance-step] with the mean square of [eq:label-noise-slope]."""
    found = np.full(steps + 1, IMBALANCE)
    step, slope = law("imbalance-step"), law("label-noise-slope")
    for number in range(steps):
        square = slope(
            learning_rate=rate, batch_size=batch, answer_noise=LABEL_NOISE**2,
            square_sum=float(np.sqrt(found[number] ** 2 + 4)),
        )  # fmt: skip
        found[number + 1] = step(imbalance=found[number], learning_rate=rate, network_gradient=np.sqrt(square))
    return found


# ---- the study ------------------------------------------------------------------------------------------------------
TEMPERATURES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
LOUDEST = 3.2  # noise over curvature at B = 1
WELL_BATCHES = (1, 2, 4, 8)
BATCHES = (1, 4, 16)
WHITE = (0.001, 0.01)
STEPS, EVERY, FLOW = 4000, 40, 200.0
DIMENSIONS = (1, 4, 16, 64)
CHAINS, RUNS, WHITE_RUNS = 400, 200, 5000


def dataset(seed: int) -> xr.Dataset:
    """Chances of the wide well by temperature, by noise that goes with curvature and by α; imbalance over training."""
    found: dict[str, tuple] = {}
    with progress("energy and entropy", 4) as advance:
        mean, error = mean_and_error(exchange(TEMPERATURES, CHAINS, [seed, 0]))
        found["wide"], found["wide_error"] = ("temperature", 1 - mean), ("temperature", error)
        found["wide_law"] = ("temperature", 1 - WELLS.sharp_share(np.array(TEMPERATURES)))
        advance()
        noises = LOUDEST / np.array(WELL_BATCHES)
        flat = [flat_noise(float(x), 1000, [seed, 1, i]) for i, x in enumerate(noises)]
        found["flat_wide"] = ("well_batch", [1 - float(m[0]) for m, _ in flat])
        found["flat_wide_error"] = ("well_batch", [float(e[0]) for _, e in flat])
        found["flat_wide_law"] = ("well_batch", 1 - WELLS.flat_noise_share(noises))
        found["gibbs_wide_law"] = ("well_batch", 1 - WELLS.sharp_share(noises))
        advance()
        found |= _balance(seed)
        advance()
        white = [white_noise(t, WHITE_RUNS, [seed, 3, i]) for i, t in enumerate(WHITE)]
        means = [mean_and_error(each / IMBALANCE) for each in white]
        found["white"] = (("white_noise", "kept"), [m for m, _ in means])
        found["white_error"] = (("white_noise", "kept"), [e for _, e in means])
        found["white_spread"] = (("white_noise", "kept"), [each.std(axis=0, ddof=1) / IMBALANCE for each in white])
        advance()
    alphas = np.linspace(5, 25, 81)
    found["wide_by_alpha"] = (
        ("dimensions", "alpha"), [wide_share_in_dimensions(alphas, number) for number in DIMENSIONS]
    )  # fmt: skip
    drawn = np.geomspace(TEMPERATURES[0], LOUDEST, 60)
    found["drawn_temperature"] = ("drawn", 1 - WELLS.sharp_share(drawn))
    found["drawn_flat"] = ("drawn", 1 - WELLS.flat_noise_share(drawn))
    coords = {
        "drawn": drawn, "temperature": list(TEMPERATURES), "well_batch": list(WELL_BATCHES),
        "noise": ("well_batch", noises),
        "batch": list(BATCHES), "white_noise": list(WHITE), "kept": np.arange(STEPS // EVERY + 1) * EVERY,
        "dimensions": list(DIMENSIONS), "alpha": alphas,
    }  # fmt: skip
    return xr.Dataset(found, coords, {"seed": seed, "learning_rate": RATE, "imbalance": IMBALANCE})


def _balance(seed: int) -> dict[str, tuple]:
    """SGD on the two weights: imbalance over its start, its rate of decay per step, and what the laws say of both."""
    traces, rates, squares, laws = [], [], [], []
    for i, batch in enumerate(BATCHES):
        kept, sums = train(batch, RUNS, [seed, 2, i], STEPS, EVERY)
        traces.append(mean_and_error(kept / IMBALANCE))
        rates.append(mean_and_error(-np.log(kept[:, -1] / IMBALANCE) / STEPS))
        squares.append(RATE**2 * float(sums[:, 1].mean()))
        laws.append(imbalance_law(batch, STEPS)[::EVERY] / IMBALANCE)
    ends = [-np.log(each[-1]) / STEPS for each in laws]
    return {
        "left": (("batch", "kept"), [m for m, _ in traces]), "left_error": (("batch", "kept"), [e for _, e in traces]),
        "left_law": (("batch", "kept"), laws), "rate": ("batch", [float(m) for m, _ in rates]),
        "rate_error": ("batch", [float(e) for _, e in rates]), "rate_by_gradient": ("batch", squares),
        "rate_law": ("batch", ends),
    }  # fmt: skip


def influences(data: xr.Dataset) -> tuple[Influence, ...]:
    """Temperature and batch size on the choice of a well and on the imbalance; time; the ratio of curvatures."""

    def between(control: ControlName, lever: str, told: str, name: str, first: dict, last: dict) -> Influence:
        ends = [(float(data[name].sel(at)), float(data[f"{name}_error"].sel(at))) for at in (first, last)]
        return Influence(control, lever, told, ends[0][0], ends[1][0], ends[0][1], ends[1][1], 1.0)

    wide, left = "chance of the wide well", "mean imbalance over that at the start"
    ratios = [float(1 - Wells(sharp=x).sharp_share(0.4)) for x in (1.0, 20.0)]
    hot = float(data["white_noise"][-1])
    cold = Influence(
        "temperature", f"T from 0 to {hot:g}, flow time {FLOW:g}", left, 1.0,
        float(data["white"].sel(white_noise=hot)[-1]), 0.0, float(data["white_error"].sel(white_noise=hot)[-1]), 1.0,
    )  # fmt: skip
    return (
        between("temperature", "T from .02 to .8", wide, "wide", {"temperature": 0.02}, {"temperature": 0.8}),
        cold,
        between("batch size", "B from 8 to 1, noise in proportion to curvature", wide, "flat_wide",
                {"well_batch": 8}, {"well_batch": 1}),
        between("batch size", f"B from 16 to 1, {STEPS} steps", left, "left",
                {"batch": 16, "kept": STEPS}, {"batch": 1, "kept": STEPS}),
        between("time", f"steps from 400 to {STEPS}, B = 1", left, "left", {"batch": 1, "kept": 400},
                {"batch": 1, "kept": STEPS}),
        Influence("other", "curvature of the sharp well from 1 to 20, T = .4", wide, ratios[0], ratios[1], 0.0, 0.0,
                  1.0),
    )  # fmt: skip


def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """What speaks against batch noise as a temperature, and how the imbalance follows its laws."""
    found = []
    quiet = data.isel(well_batch=-1)
    value, reach = float(quiet["flat_wide"]), REACH * float(quiet["flat_wide_error"])
    asked = float(quiet["gibbs_wide_law"])
    found.append(Claim.of(
        "batch-noise-is-a-temperature", f"Label noise as large as T = {float(quiet['noise']):g} on the wide well gives "
        f"it {value:.5f} of the time; a temperature {asked:.3f}.", value,
        (value - reach, min(value + reach, 1.0)), asked,
    ))  # fmt: skip
    low, error = float(data["wide"][0]), REACH * float(data["wide_error"][0])
    found.append(Claim.of(
        "temperature-leaves-the-wide-well", f"At T = {TEMPERATURES[0]:g} the wide well holds {low:.3f} "
        f"[{low - error:.3f}, {low + error:.3f}], as its law says.", low, (low - error, low + error),
        float(data["wide_law"][0]),
    ))  # fmt: skip
    for name, told in (("rate_by_gradient", "the measured η²⟨g²⟩"), ("rate_law", "the law without a fitted number")):
        ratio, error = (float(x[0] / data[name][0]) for x in (data["rate"], REACH * data["rate_error"]))
        found.append(Claim.of(
            f"{name.replace('_', '-')}-of-imbalance", f"At B = 1 the imbalance falls at {ratio:.3f} "
            f"[{ratio - error:.3f}, {ratio + error:.3f}] times {told}.", ratio, (ratio - error, ratio + error), 1.0,
        ))  # fmt: skip
    hot = data.isel(white_noise=-1, kept=-1)
    value, reach = float(hot["white"]), REACH * float(hot["white_error"])
    found.append(Claim.of(
        "temperature-does-not-balance", f"At T = {WHITE[-1]:g} the mean imbalance after flow time {FLOW:g} is "
        f"{value:.2f} [{value - reach:.2f}, {value + reach:.2f}] of the first.", value,
        (value - reach, value + reach), 1.0,
    ))  # fmt: skip
    spread = float(hot["white_spread"])
    found.append(Claim.of(
        "temperature-spreads", f"Its standard deviation has grown to {number_text(spread * IMBALANCE, 2)}, from 0; "
        "the wide minimum is not sought.", spread * IMBALANCE, verdict="yes" if spread > 1 else "no",
    ))  # fmt: skip
    return tuple(found)


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Chances of the wide well, and rates at which the imbalance falls."""

    def cells(name: str, form: str) -> list[str]:
        pairs = zip(data[name].values, data[f"{name}_error"].values, strict=True)
        return [f"{value:{form}} ± {error:.1g}" for value, error in pairs]

    return (
        Table.of_columns("by_temperature", "Chance of the wide well by replica exchange, one standard error.", {
            "T": [f"{x:g}" for x in TEMPERATURES], "sampled": cells("wide", ".4f"),
            "law": [f"{x:.4f}" for x in data["wide_law"].values],
        }),
        Table.of_columns(
            "noise_that_goes_with_curvature", "The same where the noise is in proportion to the curvature; θ is what "
            "it is on the wide well, and the last column is white noise of T = θ.", {
                "batch size": [str(x) for x in WELL_BATCHES], "θ": [f"{x:g}" for x in data["noise"].values],
                "sampled": cells("flat_wide", ".5f"), "law": [f"{x:.5f}" for x in data["flat_wide_law"].values],
                "at a temperature": [f"{x:.3f}" for x in data["gibbs_wide_law"].values],
            },
        ),
        Table.of_columns(
            "rate_of_balance", f"Rate at which the log of the imbalance falls in a step of SGD, over {STEPS} steps.",
            {"batch size": [str(x) for x in BATCHES], "rate [1e-5]": [
                f"{v * 1e5:.3f} ± {e * 1e5:.1g}" for v, e in zip(data["rate"].values, data["rate_error"].values,
                                                               strict=True)],
             "η²⟨g²⟩, measured": [f"{x * 1e5:.3f}" for x in data["rate_by_gradient"].values],
             "law": [f"{x * 1e5:.3f}" for x in data["rate_law"].values]},
        ),
    )  # fmt: skip


# ---- checks ---------------------------------------------------------------------------------------------------------
_FLAT = (0.4, 0.8)


def _exchanged(seed: int) -> Measured:
    return mean_and_error(exchange(TEMPERATURES, 200, seed))


def _flat_odds(seed: int) -> Measured:
    parts = [flat_noise(noise, 1000, [seed, i]) for i, noise in enumerate(_FLAT)]
    units = WELLS.flat_noise_share(np.array(_FLAT))
    return np.array([m[0] for m, _ in parts]) / units, np.array([e[0] for _, e in parts]) / units


def _product_of_steps(seed: int) -> Measured:
    ratios = []
    for batch in BATCHES:
        kept, sums = train(batch, 4, [seed, batch], 1000, 1000)
        ratios.append((np.log(kept[:, -1] / IMBALANCE) / sums[:, 0]).mean())
    return np.array(ratios), np.zeros(len(BATCHES))


def _martingale(seed: int) -> Measured:
    value, error = mean_and_error(white_noise(0.01, 2000, seed, 50.0)[:, -1:] / IMBALANCE)
    return value, error


MODEL = ZooModel("energy_entropy", (
    "two-well-odds", "two-well-odds-flat-noise", "undersampling-crossing", "imbalance-step", "label-noise-slope",
    "imbalance-diffusion",
), (
    Check("chance of the sharp well at six temperatures", lambda: WELLS.sharp_share(np.array(TEMPERATURES)),
          _exchanged, lambda: WELLS.flat_noise_share(np.array(TEMPERATURES))),
    Check("its chance under noise in proportion to curvature, over the law's", lambda: np.ones(2), _flat_odds,
          lambda: WELLS.sharp_share(np.array(_FLAT)) / WELLS.flat_noise_share(np.array(_FLAT)), 0.03,
          "steps of finite size: 0.5 to 1 % at the border"),
    Check("log of the imbalance over that of the product of steps", lambda: np.ones(3), _product_of_steps,
          lambda: np.zeros(3), 1e-7, "rounding"),
    Check("mean imbalance under white noise over its first", lambda: np.ones(1), _martingale, lambda: np.zeros(1),
          0.005, "a step of .005 takes .3 % of it in flow time 50"),
), Study(
    "Energy and entropy: batch noise is not temperature",
    """A deep *sharp* well lies beside a shallow *wide* one, 0.1 higher and twenty times less curved. At temperature T
the wide one's chance is that of its free energy [eq:two-well-odds]: small where T is small. Noise in proportion to the
curvature, which label noise gives to minibatches, has another law [eq:two-well-odds-flat-noise].

In the second system every minimum is as deep: a product of two weights, u v = 1, whose curvature is least where the
*imbalance* u² - v² is 0. SGD with label noise drives the imbalance down at every step [eq:imbalance-step]; white noise
spreads it and has no drift [eq:imbalance-diffusion].

Of the paper only the abstract was at hand. Its equations and parameters could not be verified; both systems, their
laws and their numbers are ours.""",
    dataset, claims, tables, influences,
))  # fmt: skip
