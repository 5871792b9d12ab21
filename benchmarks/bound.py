"""The C bound: compiled on the spot in every sensible way, the fastest of which is kept."""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Unavailable

SOURCE = Path(__file__).with_name("langevin_bound.c")
# A sqrt that sets errno, or comparisons that may trap, would keep the loop from being vectorised; neither
# changes a value.
OPTIMISE = ("-O3", "-std=gnu11", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast")
# For the processor that kernels are compiled for: with NUMBA_CPU_NAME=haswell both have AVX2 alone.
NAMED = os.environ.get("NUMBA_CPU_NAME")
TARGETS: tuple[tuple[str, ...], ...] = (
    ((f"-march={NAMED}",),)
    if NAMED
    else (("-march=native", "-mprefer-vector-width=512"), ("-march=native",), ("-mcpu=native",))
)
GROUPS = (8, 16, 64)
LOOPS = (1, 3)


@dataclass(frozen=True)
class Bound:
    """A compiled bound: compiler and flags, and the library that holds ``advance``."""

    description: str
    library: ctypes.CDLL

    def advance(
        self, state: NDArray[np.float64], bits: NDArray[np.uint64], steps: int, *step_size_noise_and_tilt: float
    ) -> None:
        """Advance state (blocks, 64) and bits (blocks, 256) in place."""
        self._call("advance", np.float64, state, bits, steps, *step_size_noise_and_tilt)

    def advance_by_signs(
        self, state: NDArray[np.float32], bits: NDArray[np.uint64], steps: int, *step_size_noise_and_tilt: float
    ) -> None:
        """The same in single numbers with signs for noise; blocks in multiples of 8."""
        if len(state) % 8:
            raise ValueError(f"need blocks in multiples of 8, not {len(state)}")
        self._call("advance_by_signs", np.float32, state, bits, steps, *step_size_noise_and_tilt)

    def _call(
        self, name: str, kind: type, state: NDArray[Any], bits: NDArray[np.uint64], steps: int, *settings: float
    ) -> None:
        for array, dtype, width in ((state, kind, 64), (bits, np.uint64, 256)):
            if array.dtype != dtype or not array.flags.c_contiguous or array.shape != (len(state), width):
                raise ValueError(f"need contiguous {dtype.__name__} of shape ({len(state)}, {width})")
        places = (ctypes.c_void_p(array.ctypes.data) for array in (state, bits))
        counts = (ctypes.c_int64(len(state)), ctypes.c_int64(steps))
        getattr(self.library, name)(*places, *counts, *map(ctypes.c_double, settings))


@lru_cache(maxsize=2)
def load_bound(signs: bool = False) -> Bound:
    """Compile the bound, of normal noise or of signs, with the first of cc, gcc and clang.

    Raises
    ------
    Unavailable
        Without a compiler, or when it fails on every set of flags.
    """
    compiler = next((path for path in map(shutil.which, ("cc", "gcc", "clang")) if path), None)
    if compiler is None:
        raise Unavailable("no C compiler: none of cc, gcc and clang is on the path")
    candidates, complaint = [], ""
    with tempfile.TemporaryDirectory(prefix="langevin-bound-", ignore_cleanup_errors=True) as folder:
        for number, (target, group, loops) in enumerate(itertools.product(TARGETS, GROUPS, LOOPS)):
            flags = (*OPTIMISE, *target, f"-DGROUP={group}", f"-DLOOPS={loops}")
            try:
                candidates.append(_compile(compiler, flags, Path(folder) / f"bound{number}.so"))
            except (subprocess.SubprocessError, OSError) as error:
                complaint = str(getattr(error, "stderr", "") or error).strip().partition("\n")[0]
    if not candidates:
        raise Unavailable(f"{compiler} cannot compile {SOURCE.name}: {complaint}")
    return _fastest(candidates, signs)


def _compile(compiler: str, flags: Sequence[str], target: Path) -> Bound:
    command = [compiler, *flags, "-shared", "-fPIC", str(SOURCE), "-o", str(target), "-lm"]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout
    return Bound(f"{version.partition(chr(10))[0]}, {' '.join(flags)}", ctypes.CDLL(str(target)))


def _fastest(candidates: Sequence[Bound], signs: bool) -> Bound:
    """The least time of several turns each, taken in rounds so that a busy moment strikes all alike."""
    state, single = np.zeros((16, 64)), np.zeros((16, 64), np.float32)
    bits = np.random.default_rng(1).integers(0, 2**64, size=(16, 256), dtype=np.uint64)
    times = np.empty((9, len(candidates)))
    for turn in times:
        for number, bound in enumerate(candidates):
            start = time.process_time()
            if signs:
                bound.advance_by_signs(single, bits, 32_000, 0.01, 0.05, 0.15)
            else:
                bound.advance(state, bits, 10_000, 0.01, 0.05, 0.15)
            turn[number] = time.process_time() - start
    return candidates[int(times.min(axis=0).argmin())]
