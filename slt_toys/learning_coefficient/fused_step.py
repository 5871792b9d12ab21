"""An unadjusted step in one pass over memory, with its noise, which else costs more than small minibatches' gradients.

The noise is the sum of four random bytes, of mean 0, variance 1 and no skew. That is all that the scheme's order in the
step needs of it (Milstein & Tretyakov 2004, Stochastic Numerics for Mathematical Physics, ch. 2), and where the loss is
quadratic the energy's mean depends on its variance alone: [eq:localised-energy-euler] holds as with normal noise.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from torch import Tensor

LANES = 64  # generators side by side
LEAST = 4096  # numbers, below which torch's own few passes cost nothing
MEAN, SPREAD = 510.0, (4 * (256**2 - 1) / 12) ** 0.5  # of the sum of four bytes


class FusedStep:
    """w ← w - (ε/2)(nβ (slope + tilt) + γ (w - w*)) + √ε ξ, in place, of tensors in memory of the processor.

    Parameters
    ----------
    start
        w*, shape (parameters,).
    generator
        Seeds the noise.
    """

    def __init__(self, start: Tensor, generator: torch.Generator):
        self._start = start.numpy()
        seed = torch.randint(2**62, (2,), generator=generator).tolist()
        self._state = np.random.SeedSequence(seed).generate_state(2 * LANES, np.uint64).reshape(2, LANES)

    def take(self, w: Tensor, slopes: Tensor, tilt: Tensor, *, step_size: float, n_beta: float, pull: float) -> Tensor:
        """Change w (copies, parameters), given slopes of the same shape and a tilt that all copies share.

        Returns (w - w*) times the tilt as it was before, shape (copies,), in double precision.

        Parameters
        ----------
        w, slopes, tilt
            Of one type, each row contiguous.
        step_size, n_beta, pull
            ε, nβ and γ.
        """
        number = self._start.dtype.type
        numbers = (number(x) for x in (-step_size / 2 * n_beta, -step_size / 2 * pull, step_size**0.5 / SPREAD, MEAN))
        tilted = np.empty(len(w))
        _step(w.numpy(), slopes.numpy(), tilt.numpy(), self._start, self._state, tilted, *numbers)
        return torch.from_numpy(tilted)


def fits(start: Tensor, copies: int) -> bool:
    """Whether a step of so many copies is better taken here."""
    known = start.dtype in (torch.float32, torch.float64) and start.device.type == "cpu"
    return known and copies * len(start) >= LEAST


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _step(w, slopes, tilt, start, state, tilted, drift, pull, scale, mean):
    """Lane by lane: the compiler makes vectors of loops without a call."""
    low, high = np.uint64(0x00FF00FF00FF00FF), np.uint64(0xFFFF)
    first, second = state[0], state[1]
    noise, sums_of = np.empty(2 * LANES, start.dtype), np.empty(2 * LANES, start.dtype)
    count = start.size
    for row in range(w.shape[0]):
        own, slope = w[row], slopes[row]
        sums_of[:] = 0
        for begin in range(0, count, 2 * LANES):
            for lane in range(LANES):  # xoroshiro128+ (Blackman & Vigna 2021)
                a, b = first[lane], second[lane]
                bits = a + b
                b ^= a
                first[lane] = ((a << np.uint64(24)) | (a >> np.uint64(40))) ^ b ^ (b << np.uint64(16))
                second[lane] = (b << np.uint64(37)) | (b >> np.uint64(27))
                sums = (bits & low) + ((bits >> np.uint64(8)) & low)
                sums += sums >> np.uint64(16)
                noise[lane] = np.int32(sums & high)
                noise[LANES + lane] = np.int32((sums >> np.uint64(32)) & high)
            for k in range(min(2 * LANES, count - begin)):
                at = begin + k
                here = own[at]
                away = here - start[at]
                sums_of[k] += away * tilt[at]
                force = drift * (slope[at] + tilt[at]) + pull * away
                own[at] = here + force + scale * (noise[k] - mean)
        total = 0.0
        for k in range(2 * LANES):
            total += sums_of[k]
        tilted[row] = total
