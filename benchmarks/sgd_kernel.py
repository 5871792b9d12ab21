"""The exact kernel of SGD beside the SGD sampler: cost of one end of a critical period, in one run."""

from __future__ import annotations

import numpy as np

from benchmarks.measure import Contender
from slt_toys.exact.sgd_kernel import _epoch_kernel
from slt_toys.potentials.catalogue import find_pair
from slt_toys.protocol.arms import find_arm
from slt_toys.protocol.coupled_pair import coupled_pair
from slt_toys.protocol.sgd_pair import NoisyPair
from slt_toys.protocol.training import ExponentialDecay, Training

BASE = Training(128, 50_000, ExponentialDecay(0.05, 0.97), 3072.0)
CHAINS, AFTER = 4_096, 100
# Switch epochs about each arm's end, at which both must agree; the kernel gives those in between for nothing.
CASES = {"control": (32, 40), "momentum": (54, 62), "reshuffled": (28, 36), "anisotropic noise": (42, 50)}


def kernel(arm: str) -> Contender:
    """Shares at two switch epochs, from kernels made afresh."""
    noisy = _noisy(arm)
    runs = [find_arm(arm).sgd_run(BASE, switch, AFTER) for switch in CASES[arm]]

    def run() -> np.ndarray:
        _epoch_kernel.cache_clear()
        return noisy.kernel_shares(runs).shares

    return Contender("exact kernel", run, len(runs))


def sampler(arm: str, until: int) -> Contender:
    """The same from chains, until nothing crosses any more."""
    noisy = _noisy(arm)
    runs = [find_arm(arm).sgd_run(BASE, switch, AFTER) for switch in CASES[arm]]

    def run() -> np.ndarray:
        return np.array(
            [noisy.stuck(each, chains=CHAINS, seed=[1, k], until=until).mean() for k, each in enumerate(runs)]
        )

    return Contender(f"SGD, {CHAINS} chains", run, len(runs))


def _noisy(arm: str) -> NoisyPair:
    pair = find_pair("regular_double_well")
    return NoisyPair(coupled_pair(pair) if find_arm(arm).anisotropy != 1 else pair, BASE.gradient_variance, 0.6)
