r"""Two logistic pathways: the earliest deficit window is the worst, while the Fisher information is still low.

The logit of a label y = ±1 at the input x = y is y s, s = p_a + p_b, and each pathway is a product of two weights,
p_k = u_k v_k, balanced (u_k = v_k). Gradient flow of the mean of log(1 + e^{-s}) from p_a = p_b = s₀/2; a deficit
takes the input of b away, so that p_b rests and the logit is p_a alone.

Exact: the time to a logit [eq:logistic-flow-time], for one pathway alone likewise; the trace of the Fisher information
[eq:logistic-fisher-trace], which rises and then falls; and the share of b, which clean data conserve
[eq:logistic-pathway-share]. So what a window of the deficit costs follows from its onset and length, and nothing undoes
it. The cost falls with the onset from the start of training; the Fisher information has its maximum later.

Source: Achille, Rovere & Soatto (2019), Critical learning periods in deep networks, ICLR, for both facts in networks;
the model and its laws are ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from ..reference.laws import law
from .model import Array, Check, Measured, ZooModel

START = 0.01  # s₀
LARGEST_LOGIT = 60.0  # the time to it is beyond e⁶⁰


def logit_after(flow_time: ArrayLike, initial_logit: float = START) -> Array:
    """Logit s after flow times on clean data, any shape; of one pathway alone if it starts at its own logit.

    Raises
    ------
    ValueError
        If a time is negative or not finite, or the initial logit is not positive.
    """
    times = np.asarray(flow_time, dtype=float)
    if not (np.isfinite(times) & (times >= 0)).all():
        raise ValueError("flow_time must be finite and not negative")
    if not 0 < initial_logit < LARGEST_LOGIT:
        raise ValueError(f"initial_logit must lie between 0 and {LARGEST_LOGIT:g}, not {initial_logit}")
    time_to = law("logistic-flow-time")

    def reached(time: float) -> float:
        if time == 0:
            return initial_logit
        # in logarithms of the logit: growth is exponential at first
        low = np.log(initial_logit)
        root = brentq(
            lambda log_s: time_to(initial_logit=initial_logit, logit=np.exp(log_s)) - time,
            low, min(low + 2 * time + 1e-9, np.log(LARGEST_LOGIT)), xtol=1e-14, rtol=1e-14,
        )  # fmt: skip
        return float(np.exp(root))

    return np.vectorize(reached, otypes=[float])(times)


def fisher_trace(logit: ArrayLike) -> Array:
    """Trace of the Fisher information of all weights at a logit."""
    return np.asarray(law("logistic-fisher-trace")(logit=logit))


def fisher_peak() -> float:
    """Logit at which the trace of the Fisher information is largest: s tanh(s/2) = 1."""
    return float(brentq(lambda s: s * np.tanh(s / 2) - 1, 1.0, 2.0, xtol=1e-15))


def share_after_window(onset: float, length: float, initial_logit: float = START) -> float:
    """Share of the deprived pathway after a window of the deficit, exactly; 1/2 without one.

    Parameters
    ----------
    onset, length
        Of the window, in flow time.
    initial_logit
        Of both pathways together at the start.
    """
    half = float(logit_after(onset, initial_logit)) / 2
    grown = float(logit_after(length, half))
    return float(law("logistic-pathway-share")(pathway_open=grown, pathway_deprived=half))


def simulate(onset: float, length: float, total: float, initial_logit: float = START, step: float = 0.002) -> Array:
    """All four weights (u_a, v_a, u_b, v_b) at the end, by steps of Heun's scheme on their own gradients.

    Parameters
    ----------
    onset, length, total
        Window of the deficit and end of the run, in flow time.
    initial_logit
        Of both pathways together.
    step
        Largest step.
    """
    weights = np.full(4, np.sqrt(initial_logit / 2))
    for duration, deficit in ((onset, False), (length, True), (total - onset - length, False)):
        steps = int(np.ceil(duration / step - 1e-9))
        for _ in range(steps):
            h = duration / steps
            first = _velocity(weights, deficit)
            weights = weights + h / 2 * (first + _velocity(weights + h * first, deficit))
    return weights


def _velocity(weights: Array, deficit: bool) -> Array:
    u_a, v_a, u_b, v_b = weights
    seen = 0.0 if deficit else 1.0
    push = 1 / (1 + np.exp(u_a * v_a + seen * u_b * v_b))
    return push * np.array([v_a, u_a, seen * v_b, seen * u_b])


# ---- checks --------------------------------------------------------------------------------------------------------
_ONSETS: Sequence[float] = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0)
_LENGTH, _TOTAL = 1.5, 8.0
_TIMES = np.array([0.5, 2.0, 4.0, 6.0, 12.0])
_LOGITS = np.array([0.1, 0.8, 1.5434, 3.0, 6.0])


def _exact_shares() -> Array:
    return np.array([share_after_window(onset, _LENGTH) for onset in _ONSETS])


def _simulated_shares(_: int) -> Measured:
    ends = [simulate(onset, _LENGTH, _TOTAL) for onset in _ONSETS]
    shares = np.array([u_b * v_b / (u_a * v_a + u_b * v_b) for u_a, v_a, u_b, v_b in ends])
    return shares, np.zeros(shares.size)


def _simulated_logits(_: int) -> Measured:
    ends = np.array([simulate(0.0, 0.0, time) for time in _TIMES])
    return ends[:, 0] * ends[:, 1] + ends[:, 2] * ends[:, 3], np.zeros(_TIMES.size)


def _drawn_fisher_traces(seed: int) -> Measured:
    """Mean squared gradient of the log likelihood over labels drawn from the model."""
    random, draws = np.random.default_rng(seed), 40_000
    # |d log p(y) / dw|² = (1 - p(y))² times the sum of squared weights, which is 2s
    right = random.random((_LOGITS.size, draws)) < (1 / (1 + np.exp(-_LOGITS)))[:, None]
    chance = np.where(right, 1 / (1 + np.exp(-_LOGITS))[:, None], 1 / (1 + np.exp(_LOGITS))[:, None])
    squares = (1 - chance) ** 2 * 2 * _LOGITS[:, None]
    return squares.mean(axis=1), squares.std(axis=1) / np.sqrt(draws)


def _squared_gradients() -> Array:
    """The same over the data's own labels: not the Fisher information."""
    return 2 * _LOGITS / (1 + np.exp(_LOGITS)) ** 2


MODEL = ZooModel(
    "logistic_pathways",
    ("logistic-flow-time", "logistic-fisher-trace", "logistic-pathway-share"),
    (
        Check(
            "logit by flow time",
            lambda: logit_after(_TIMES),
            _simulated_logits,
            lambda: logit_after(1.05 * _TIMES),
            1e-4,
            "Heun steps of 0.002",
        ),
        Check(
            "deprived share by onset of the window",
            _exact_shares,
            _simulated_shares,
            lambda: np.array([share_after_window(onset + 0.1, _LENGTH) for onset in _ONSETS]),
            1e-5,
            "Heun steps of 0.002",
        ),
        Check(
            "trace of the Fisher information by drawn labels",
            lambda: fisher_trace(_LOGITS),
            _drawn_fisher_traces,
            _squared_gradients,
        ),
    ),
)
