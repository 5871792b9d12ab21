r"""In-context learning that comes and goes: attention copies an answer until the items are known by heart.

A context holds N_c items with labels ±1 and asks for one of them again; there are K items, whose labels never change.
In the limit of long vectors the match gets the share p = e^b/(e^b + N_c - 1) of the attention [eq:copied-share]; the
right answer's logit is f + w (p + (1 - p) ξ), with f what is remembered of the item and ξ the mean of the other
labels. Weights w and scores b follow [eq:readout-drift] and [eq:score-drift], the memory f its own slope at a rate r/K.
Units: loss in nats, time in steps of rate η.

Exact: the mean over ξ is a finite sum, so that the flow of the population loss is three equations. For many items f is
slow, and the equilibrium of (w, b) ends in a fold at f_c; in-context learning then lasts for the integral of
[eq:memorising-time] up to f_c. Not exact: finite K, where f moves on while attention is lost, and the network.

Source: our reduction of Nguyen & Reddy (2024), arXiv:2412.00104, and Singh, Chan, Moskovitz, Grant, Saxe & Hill (2023),
The transient nature of emergent in-context learning in transformers, NeurIPS 36; their parameters could not be
verified, those here are ours. In the latter in-context learning goes without any weight decay; here it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import xarray as xr
from numba import njit
from scipy.optimize import root
from scipy.stats import binom

from ..reference.laws import law
from ..results.claims import Claim, Table, Verdict, number_text
from .attention_network import Network
from .attention_network import train as train_network
from .model import Array, Check, Measured, ZooModel, mean_and_error
from .study import Influence, Study

HAS, LOST = 1.5, 0.75  # of the strength p w: in-context learning is there above the one, and gone below the other
START = (0.01, 0.0, 0.0)  # w, b, f


@dataclass(frozen=True)
class Setting:
    """Items in a context and in all, rates, decay of attention and of memory, examples a step, temperature [loss].

    The temperature is that of white noise on attention, w and b; the memory has none.
    """

    context: int = 20
    items: int = 200
    learning_rate: float = 0.05
    memory_rate: float = 5.0
    attention_decay: float = 3e-3
    memory_decay: float = 0.0
    batch_size: int = 32
    temperature: float = 0.0


REFERENCE = Setting()


def other_labels(context: int) -> tuple[Array, Array]:
    """Values of the mean label of the other items, and their probabilities."""
    right = np.arange(context)
    return (2.0 * right - (context - 1)) / (context - 1), binom.pmf(right, context - 1, 0.5)


# ---- flow and SGD --------------------------------------------------------------------------------------------------
@njit(cache=True)
def _flow(
    w: float, b: float, f: float, labels: Array, chances: Array, items: int, rate: float, memory: float, decay: float,
    memory_decay: float, steps: int, every: int,
) -> Array:  # fmt: skip
    kept, others = np.empty((steps // every, 4)), labels.size - 1
    for step in range(steps):
        p = np.exp(b) / (np.exp(b) + others)
        surprise, attended, missed = 0.0, 0.0, 0.0
        for i in range(labels.size):
            label = p + (1 - p) * labels[i]
            s = chances[i] / (1 + np.exp(f + w * label))
            surprise += s
            attended += s * label
            missed += s * (1 - labels[i])
        w, b, f = (
            w + rate * (attended - decay * w),
            b + rate * (w * p * (1 - p) * missed - decay * b),
            f + rate * (memory / items * surprise - memory_decay * f),
        )
        if (step + 1) % every == 0:
            p = np.exp(b) / (np.exp(b) + others)
            kept[(step + 1) // every - 1] = np.array([p, w, b, f])
    return kept


@njit(cache=True)
def _sgd(
    random: np.random.Generator, w: float, b: float, context: int, items: int, rate: float, memory: float,
    decay: float, memory_decay: float, batch: int, noise: float, steps: int, every: int,
) -> Array:  # fmt: skip
    kept, others, f = np.empty((steps // every, 4)), context - 1, np.zeros(items)
    asked, surprises = np.empty(batch, np.int64), np.empty(batch)
    for step in range(steps):
        p = np.exp(b) / (np.exp(b) + others)
        attended, missed = 0.0, 0.0
        for i in range(batch):
            asked[i] = random.integers(0, items)
            signs, right = random.integers(0, 1 << others), 0
            while signs:
                signs &= signs - 1
                right += 1
            other = (2.0 * right - others) / others
            label = p + (1 - p) * other
            surprises[i] = 1 / (1 + np.exp(f[asked[i]] + w * label))
            attended += surprises[i] * label / batch
            missed += surprises[i] * (1 - other) / batch
        w, b = w + rate * (attended - decay * w), b + rate * (w * p * (1 - p) * missed - decay * b)
        if noise > 0:
            w += noise * random.standard_normal()
            b += noise * random.standard_normal()
        if memory_decay > 0:
            f *= 1 - rate * memory_decay
        for i in range(batch):
            f[asked[i]] += rate * memory * surprises[i] / batch
        if (step + 1) % every == 0:
            p = np.exp(b) / (np.exp(b) + others)
            kept[(step + 1) // every - 1] = np.array([p, w, b, f.mean()])
    return kept


def flow(setting: Setting, steps: int, every: int = 100) -> Array:
    """Share p, readout w, score b and memory f of the population loss's descent, shape (kept, 4)."""
    return _flow(
        *START, *other_labels(setting.context), setting.items, setting.learning_rate, setting.memory_rate,
        setting.attention_decay, setting.memory_decay, steps, every,
    )  # fmt: skip


def train(setting: Setting, seed: int | Sequence[int], steps: int, every: int = 100) -> Array:
    """The same by SGD, each item with a memory of its own; f is their mean."""
    noise = float(np.sqrt(2 * setting.temperature * setting.learning_rate))
    return _sgd(
        np.random.default_rng(seed), *START[:2], setting.context, setting.items, setting.learning_rate,
        setting.memory_rate, setting.attention_decay, setting.memory_decay, setting.batch_size, noise, steps, every,
    )  # fmt: skip


def strength(kept: Array) -> Array:
    """p w: the logit that is copied from the context."""
    return kept[..., 0] * kept[..., 1]


def span(kept: Array, every: int = 100) -> tuple[float, float, float]:
    """Steps until in-context learning is there, until it is lost, and the memory then; NaN for never."""
    copied = strength(kept)
    there = np.flatnonzero(copied > HAS)
    if not there.size:
        return np.nan, np.nan, np.nan
    gone = np.flatnonzero(copied[there[0] :] < LOST)
    if not gone.size:
        return every * (there[0] + 1.0), np.nan, np.nan
    at = there[0] + gone[0]
    return every * (there[0] + 1.0), every * (at + 1.0), float(kept[at, 3])


# ---- the fold ------------------------------------------------------------------------------------------------------
def _copied(b: float, setting: Setting) -> float:
    return float(law("copied-share")(match_score=b, context_size=setting.context))


def drift(w: float, b: float, f: float, setting: Setting) -> tuple[Array, float]:
    """Mean drift of w and b [eq:readout-drift] [eq:score-drift], and the mean surprise."""
    labels, chances = other_labels(setting.context)
    p = _copied(b, setting)
    surprise = 1 / (1 + np.exp(f + w * (p + (1 - p) * labels)))
    shared = {
        "copied_share": p, "other_labels": labels, "surprise": surprise, "readout": w,
        "attention_decay": setting.attention_decay,
    }  # fmt: skip
    of_readout, of_score = law("readout-drift")(**shared), law("score-drift")(match_score=b, **shared)
    return np.array([chances @ of_readout, chances @ of_score]), float(chances @ surprise)


def _turning(w: float, b: float, f: float, setting: Setting, step: float = 1e-5) -> float:
    """Determinant of the drift's slopes in w and b: it vanishes at the fold."""
    slopes = [
        (drift(w + dw, b + db, f, setting)[0] - drift(w - dw, b - db, f, setting)[0]) / (2 * step)
        for dw, db in ((step, 0.0), (0.0, step))
    ]
    return float(np.linalg.det(np.column_stack(slopes)))


@dataclass(frozen=True)
class Fold:
    """Where the equilibrium of attention ends: memory, share and readout there, and steps until then by the law.

    In-context learning counts as lost a little before, where the strength falls below :data:`LOST`.
    """

    memory: float
    share: float
    readout: float
    steps: float
    memory_when_lost: float
    steps_until_lost: float


@lru_cache(maxsize=64)
def fold(setting: Setting, step: float = 0.02) -> Fold:
    """Follow the equilibrium of attention up in f to where it ends; NaN where it does not exist at f = 0.

    Steps are those of many items, in which attention has time to follow.
    """
    w, b, f = 3.0, 4.0, 0.0
    reached, surprises, strengths = [], [], []
    while True:
        found = root(lambda v, f=f: drift(v[0], v[1], f, setting)[0], [w, b], tol=1e-12)
        near = float(found.x[0]), float(found.x[1])
        # Beyond the fold the solver jumps to the branch without attention, or stays where nothing is.
        if np.abs(found.fun).max() > 1e-8 or near[0] < 0.5 or _turning(*near, f, setting) <= 0:
            break
        w, b = near
        reached.append(f)
        surprises.append(drift(w, b, f, setting)[1])
        strengths.append(_copied(b, setting) * w)
        f += step
    if not reached:
        return Fold(*[np.nan] * 6)
    unit = abs(_turning(w, b, reached[-1], setting))

    def off(v: Array) -> Array:
        w, b, f = v.tolist()
        return np.append(drift(w, b, f, setting)[0] / setting.attention_decay, _turning(w, b, f, setting) / unit)

    w, b, f = root(off, [w, b, reached[-1]], tol=1e-9).x.tolist()
    reached.append(f)
    surprises.append(drift(w, b, f, setting)[1])
    share = _copied(b, setting)
    strengths.append(share * w)
    each = law("memorising-time")(
        item_count=setting.items, learning_rate=setting.learning_rate, memory_speed=setting.memory_rate,
        mean_surprise=np.array(surprises),
    )  # fmt: skip
    steps = np.append(0.0, np.cumsum((each[1:] + each[:-1]) / 2 * np.diff(reached)))
    order = np.argsort(strengths)
    lost = [float(np.interp(LOST, np.array(strengths)[order], np.array(x)[order])) for x in (reached, steps)]
    return Fold(f, share, w, float(steps[-1]), *lost)


# ---- the study -----------------------------------------------------------------------------------------------------
TRACED = (0.0, 1e-3, 3e-3)
ITEMS = (100, 200, 400, 1000, 2000)
DIVERSITY = (20, 40, 60, 80, 100)
MEMORY_DECAYS = (0.0, 1e-4, 1e-3, 3e-3)
BATCHES = (1, 8, 32, 128)
TEMPERATURES = (0.0, 1e-4, 1e-3, 1e-2)
SEEDS = 6
LONG = 600_000  # steps, enough for every loss at 200 items
REFERENCE_LONG = 250_000  # and for that of the reference
LATE = 200_000
NETWORKS = {
    "no decay": Network(),
    "decay of attention": Network(attention_decay=1e-3),
    "decay of all": Network(attention_decay=2e-3, memory_decay=2e-3),
    "50 items": Network(attention_decay=1e-3, items=50),
}
NETWORK_STEPS, NETWORK_EVERY, NETWORK_SEEDS = 16_000, 1000, 1


def dataset(seed: int) -> xr.Dataset:
    """Traces, times by items, decay, batch size and temperature, and the accuracies of the network."""
    found: dict[str, tuple] = {}
    every = 500
    traces = [flow(replace(REFERENCE, attention_decay=x), LONG, every) for x in TRACED]
    found["strength"] = (("attention_decay", "step"), [strength(each) for each in traces])
    found["memory"] = (("attention_decay", "step"), [each[:, 3] for each in traces])
    spans = [span(flow(replace(REFERENCE, items=k), max(LONG, 1200 * k))) for k in ITEMS]
    found["lost_per_item"] = ("items", [lost / k for (_, lost, _), k in zip(spans, ITEMS, strict=True)])
    found["memory_at_loss"] = ("items", [memory for *_, memory in spans])
    found["diverse_strength"] = (
        "diversity",
        [strength(flow(replace(REFERENCE, attention_decay=1e-3, items=k), 40_000)).max() for k in DIVERSITY],
    )
    decayed = [flow(replace(REFERENCE, memory_decay=x), LATE) for x in MEMORY_DECAYS]
    found["late_strength_by_memory_decay"] = ("memory_decay", [strength(each)[-1] for each in decayed])
    for dim, name, values in (("batch", "batch_size", BATCHES), ("temperature", "temperature", TEMPERATURES)):
        lost = [
            [span(train(setting, [seed, len(dim), i, k], REFERENCE_LONG))[1] for k in range(SEEDS)]
            for i, setting in enumerate(replace(REFERENCE, **{name: x}) for x in values)
        ]
        mean, error = mean_and_error(np.array(lost).T / fold(REFERENCE).steps_until_lost)
        found[f"lost_by_{dim}"], found[f"lost_by_{dim}_error"] = (dim, mean), (dim, error)
    by_law = fold(REFERENCE)
    found["fold_memory"], found["fold_steps_per_item"] = ((), by_law.memory), ((), by_law.steps / REFERENCE.items)
    found["law_memory_at_loss"] = ((), by_law.memory_when_lost)
    found["law_lost_per_item"] = ((), by_law.steps_until_lost / REFERENCE.items)
    accuracies = np.array([
        [train_network(each, [seed, 9, i, k], NETWORK_STEPS, NETWORK_EVERY) for k in range(NETWORK_SEEDS)]
        for i, each in enumerate(NETWORKS.values())
    ])  # fmt: skip
    mean = accuracies.mean(axis=1)
    found["network_in_context"] = (("network", "network_step"), mean[..., 0])
    found["network_from_memory"] = (("network", "network_step"), mean[..., 1])
    found["network_last"] = (("network", "network_seed"), accuracies[:, :, -1, 0])
    return xr.Dataset(
        found,
        coords={
            "attention_decay": list(TRACED), "step": every * np.arange(1, LONG // every + 1), "items": list(ITEMS),
            "diversity": list(DIVERSITY), "memory_decay": list(MEMORY_DECAYS), "batch": list(BATCHES),
            "temperature": list(TEMPERATURES), "network": list(NETWORKS),
            "network_step": NETWORK_EVERY * np.arange(1, NETWORK_STEPS // NETWORK_EVERY + 1),
        },
        attrs={"seed": seed, "seeds": SEEDS, "network_seeds": NETWORK_SEEDS, "late_step": LATE},
    )  # fmt: skip


def influences(data: xr.Dataset) -> tuple[Influence, ...]:
    """Noise, batch size and time; the memory's decay and the number of items."""
    told = "steps until in-context learning is lost, over the law's"

    def lost(control: str, lever: str, dim: str, first: float, last: float) -> Influence:
        values, errors = data[f"lost_by_{dim}"], data[f"lost_by_{dim}_error"]
        ends = [(float(values.sel({dim: at})), float(errors.sel({dim: at}))) for at in (first, last)]
        return Influence(control, lever, told, ends[0][0], ends[1][0], ends[0][1], ends[1][1], 1.0)  # type: ignore[arg-type]

    own = data["strength"].sel(attention_decay=REFERENCE.attention_decay)
    peak, at = float(own.max()), data.attrs["late_step"]
    early, late = (float(own.sel(step=step)) for step in (at // 10, at))
    kept = data["late_strength_by_memory_decay"]
    diverse = data["diverse_strength"]
    return (
        lost("temperature", "noise on attention from T = 0 to .001", "temperature", 0.0, 1e-3),
        lost("temperature", "noise on attention from T = 0 to .01", "temperature", 0.0, 1e-2),
        lost("batch size", "B from 1 to 128", "batch", 1, 128),
        Influence("time", "steps from 20 000 to 200 000", "strength p w [logit]", early, late, 0.0, 0.0, peak),
        Influence(
            "other", "decay of memory from 0 to that of attention", f"strength p w after {at} steps [logit]",
            float(kept[0]), float(kept[-1]), 0.0, 0.0, peak,
        ),
        Influence(
            "other", "items from 40 to 100, decay .001", "largest strength p w in 40 000 steps [logit]",
            float(diverse.sel(diversity=40)), float(diverse.sel(diversity=100)), 0.0, 0.0, float(diverse.max()),
        ),
    )  # fmt: skip


def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """What speaks against the paper first: without decay nothing is lost."""
    free, peak = float(data["strength"].sel(attention_decay=0.0)[-1]), float(data["strength"].max())
    verdict: Verdict = "yes" if free > HAS else "no"
    per_item, limit = float(data["lost_per_item"][-1]), float(data["law_lost_per_item"])
    last = data["network_last"]
    transient, kept = (float(last.sel(network=name).mean()) for name in ("decay of attention", "no decay"))
    loses: Verdict = "yes" if transient < 0.6 < kept else "no"
    warm, error = (
        float(data[name].sel(temperature=1e-2)) for name in ("lost_by_temperature", "lost_by_temperature_error")
    )
    hastens: Verdict = "yes" if warm + 1.96 * error < float(data["lost_by_temperature"][0]) else "no"
    return (
        Claim.of(
            "needs-decay", f"Without weight decay the strength is {number_text(free, 3)} after {LONG} steps, of "
            f"{number_text(peak, 3)} at most.", free, verdict=verdict,
        ),
        Claim.of(
            "fold-time", f"At {int(data['items'][-1])} items it is lost after {per_item:.0f} steps an item; the "
            f"law for many items says {limit:.0f}.", per_item / limit, expected=1.0,
            verdict="yes" if abs(per_item / limit - 1) < 0.1 else "no",
        ),
        Claim.of(
            "network-loses-it", f"The network's accuracy in novel contexts ends at {transient:.2f} with decay of "
            f"attention and at {kept:.2f} without.", transient, verdict=loses,
        ),
        Claim.of(
            "temperature-hastens-loss", f"At temperature .01 it is lost after {warm:.2f} "
            f"[{warm - 1.96 * error:.2f}, {warm + 1.96 * error:.2f}] of the law's time.", warm,
            (warm - 1.96 * error, warm + 1.96 * error), verdict=hastens,
        ),
    )  # fmt: skip


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Times by items, and by batch size and temperature."""
    lost = [float(data[name]) for name in ("law_lost_per_item", "fold_steps_per_item")]
    memory = [float(data[name]) for name in ("law_memory_at_loss", "fold_memory")]
    items = Table.of_columns(
        "by_items", "Steps an item until in-context learning is lost, and what is remembered then; the law is that "
        "of many items, and its equilibrium ends in the fold.",
        {
            "items": [*(f"{k}" for k in data["items"].values), "law", "law, at the fold"],
            "steps an item": [f"{x:.0f}" for x in (*data["lost_per_item"].values, *lost)],
            "memory f [logit]": [f"{x:.3f}" for x in (*data["memory_at_loss"].values, *memory)],
        },
    )  # fmt: skip
    rows = [
        (told, f"{value:g}", f"{mean:.3f} ± {error:.2g}")
        for dim, told in (("batch", "batch size"), ("temperature", "temperature [loss]"))
        for value, mean, error in zip(
            data[dim].values, data[f"lost_by_{dim}"].values, data[f"lost_by_{dim}_error"].values, strict=True
        )
    ]
    caption = f"Steps until it is lost over the law's, at {REFERENCE.items} items: mean of {SEEDS} runs of SGD."
    by_noise = Table("by_noise", caption, ("control", "setting", "steps over the law's"), tuple(rows))
    network = Table.of_columns(
        "network", "Accuracy of the network in contexts of novel items after so many steps; chance is .5.",
        {"network": [str(name) for name in data["network"].values]}
        | {
            f"{step}": [f"{x:.2f}" for x in data["network_in_context"].sel(network_step=step).values]
            for step in (2000, 4000, 8000, 16_000)
        },
    )  # fmt: skip
    return items, by_noise, network


# ---- checks --------------------------------------------------------------------------------------------------------
_SHORT = Setting(items=1000, attention_decay=0.0)


def _by_sgd(seed: int) -> Measured:
    ends = np.array([train(_SHORT, [seed, k], 5000, 5000)[-1] for k in range(8)])
    return mean_and_error(ends[:, [1, 2, 3]])


def _at_loss(seed: int) -> Measured:
    found = [span(train(replace(REFERENCE, attention_decay=6e-3), [seed, k], 90_000))[2] for k in range(8)]
    mean, error = mean_and_error(np.array(found))
    return np.array([mean]), np.array([error])


def _by_torch(_: int) -> Study:
    """The network as a torch module, beside our own."""
    try:
        from .attention_module import STUDY
    except ModuleNotFoundError as missing:
        raise ValueError(f"--torch needs {missing.name}, which is not installed: pip install torch") from None
    return STUDY


MODEL = ZooModel(
    "in_context_transience", ("copied-share", "readout-drift", "score-drift", "memorising-time"), (
        Check(
            "w, b and f of SGD after 5 000 steps", lambda: flow(_SHORT, 5000, 5000)[-1, [1, 2, 3]], _by_sgd,
            lambda: flow(replace(_SHORT, items=100), 5000, 5000)[-1, [1, 2, 3]], 0.005,
            "the flow is that of even memories; items are drawn unevenly",
        ),
        Check(
            "memory at which in-context learning is lost",
            lambda: np.array([fold(replace(REFERENCE, attention_decay=6e-3)).memory_when_lost]), _at_loss,
            lambda: np.array([fold(replace(REFERENCE, attention_decay=1e-3)).memory_when_lost]), 0.1,
            "at 200 items the memory moves while attention does", slow=True,
        ),
    ),
    Study(
        "In-context learning comes and goes",
        """Attention copies the label of a match from the context; a memory learns each item's label by heart, slowly.
*In-context learning* is there once the copied logit, the *strength* p w, exceeds 1.5, and lost when it falls below .75.
*Items* are those whose labels never change; with few of them memory wins before attention has learnt. Weight decay
pulls attention back once memory leaves it nothing to learn: its equilibrium ends in a *fold*, whose place and time are
exact for many items [eq:memorising-time]. Temperature is that of white noise on attention alone.

What departs from the papers: the reduction to three numbers and all parameters are ours, and those of the papers could
not be verified. Singh et al. (2023) see in-context learning go without weight decay; here it stays then. The network
is one attention head beside a perceptron, trained on 1 000 items; [as a torch
module](zoo_in_context_transience_torch.md) it does the same.""",
        dataset, claims, tables, influences, most_seconds=120.0,
    ),
    {"torch": _by_torch},
)  # fmt: skip
