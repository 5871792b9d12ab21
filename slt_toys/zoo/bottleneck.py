r"""A recovery without a barrier: after the deficit, gradient flow has to pass a bottleneck, and that takes its time.

Deficit loss h (x+1)²/2, clean loss -(ε x + c x³/3), whose flow is dx/dt = ε + c x². The deficit brings every
run to x = -1, whatever its start; a run is stuck if it has not passed x = 1 when training ends. The drive ε differs
from run to run (lognormal: initialisation, sample). Time is gradient flow time. Exact: the passage from -1 to 1 takes
[eq:bottleneck-passage-time], so that the stuck share after a flow time is a normal probability of its logarithm.

Source: the normal form of a saddle-node bifurcation (Strogatz, Nonlinear Dynamics and Chaos, 4.3); as a model of a
critical period it is ours. Temperature enters nowhere: it is the deterministic limit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from scipy.optimize import brentq
from scipy.special import ndtr

from ..reference.laws import law
from .model import Array, Check, Measured, ZooModel

DEFICIT_CURVATURE = 1.0
CURVING = 1.0
DRIVE = 0.05
DRIVE_SPREAD = 0.4  # standard deviation of ln ε between runs
START_SPREAD = 0.5
STEP = 0.02


def passage_time(drive: Array | float) -> Array:
    """Flow time from -1 to 1 [eq:bottleneck-passage-time]."""
    return np.asarray(law("bottleneck-passage-time")(bottleneck_drive=drive, bottleneck_curving=CURVING))


def stuck_share(flow_time_left: Array) -> Array:
    """Exact share of runs that have not passed after these flow times from x = -1."""

    def share(duration: float) -> float:
        if duration <= 0:
            return 1.0
        # the drive that just passes; the passage time falls with the drive
        log_drive = brentq(lambda y: float(passage_time(np.exp(y))) - duration, -40.0, 40.0)
        return float(ndtr((log_drive - np.log(DRIVE)) / DRIVE_SPREAD))

    return np.array([share(float(t)) for t in np.atleast_1d(flow_time_left)])


def simulate(
    spent: float, left: float, runs: int, seed: int | Sequence[int], step: float = STEP
) -> tuple[Array, Array, Array]:
    """Gradient flow of runs, each with a start and a drive of its own: ``spent`` under the deficit, ``left`` on clean
    data, both flow times; ``step`` is the largest of the fourth-order Runge-Kutta scheme.

    Returns
    -------
    tuple
        Position at the switch, deficit loss there, position at the end, each of shape (runs,). Positions end at 1.
    """
    random = np.random.default_rng(seed)
    start = START_SPREAD * random.standard_normal(runs)
    drive = DRIVE * np.exp(DRIVE_SPREAD * random.standard_normal(runs))
    # linear, hence exact
    at_switch = np.minimum(-1 + (start + 1) * np.exp(-DEFICIT_CURVATURE * spent), 1.0)
    return at_switch, DEFICIT_CURVATURE * (at_switch + 1) ** 2 / 2, _flow(at_switch, drive, CURVING, left, step)


@njit(cache=True)
def _flow(start: Array, drive: Array, curving: float, duration: float, step: float) -> Array:
    steps = max(1, int(np.ceil(duration / step)))
    h = duration / steps
    end = start.copy()
    for run in range(start.size):
        x = start[run]
        for _ in range(steps):
            if x >= 1.0:
                break
            k1 = drive[run] + curving * x * x
            y = x + h * k1 / 2
            k2 = drive[run] + curving * y * y
            y = x + h * k2 / 2
            k3 = drive[run] + curving * y * y
            y = x + h * k3
            k4 = drive[run] + curving * y * y
            x += h * (k1 + 2 * k2 + 2 * k3 + k4) / 6
        end[run] = min(x, 1.0)
    return end


_TIMES = np.array([6.0, 9.0, 12.0, 16.0])


def _simulated_shares(seed: int) -> Measured:
    runs = 4000
    shares = np.array([(simulate(30.0, t, runs, [seed, i])[2] < 1).mean() for i, t in enumerate(_TIMES)])
    return shares, np.sqrt(np.maximum(shares * (1 - shares), 1 / runs) / runs)


MODEL = ZooModel("bottleneck", ("bottleneck-passage-time",), (
    Check("stuck share by flow time left", lambda: stuck_share(_TIMES), _simulated_shares,
          lambda: stuck_share(1.15 * _TIMES)),
))  # fmt: skip
