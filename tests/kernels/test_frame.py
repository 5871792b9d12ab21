"""The frame of the compiled kernels: normals of Box and Muller from xoshiro, vectors in an aligned frame."""

from __future__ import annotations

import math
import os
import platform
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from slt_toys.kernels.codegen import parameter_values
from slt_toys.kernels.frame import LANES, langevin_kernel
from slt_toys.potentials.catalogue import catalogue
from tests.seeds import fresh_seed

MASK = (1 << 64) - 1
PROGRAM = """
import re
import numpy as np
from slt_toys.potentials.catalogue import find_potential
from slt_toys.kernels.frame import langevin_kernel
from slt_toys.kernels.metropolis import metropolis_kernel, metropolis_rows

well = find_potential("regular_double_well")
rows, scratch = metropolis_rows(1, "langevin")
mala = metropolis_kernel(well, "langevin").advance
langevin = langevin_kernel(well, "euler_maruyama")
for kernel, sizes in ((langevin, (1, 2)), (mala, (rows, scratch))):
    kernel(
        np.zeros((1, 64 * sizes[0])), np.ones((1, 256), dtype=np.uint64), np.zeros((1, 64 * sizes[1])),
        np.full(len(well.parameters), 0.1), np.array([1]), np.array([0.01]), np.array([0.1]), 0,
        np.array([], dtype=np.int64), np.zeros((1, 0, 1, 64)),
    )
    (text,) = kernel.inspect_asm().values()
    found = (r"sqrtpd", r"and\\w*\\s+\\$-(64|128),\\s*%rsp", r"maskmovpd\\s+%\\w+, %\\w+, \\S*\\(")
    print(*(len(re.findall(pattern, text)) for pattern in found))
"""


def reference_pair(state: list[int]) -> tuple[float, float]:
    """xoshiro256+ and Box-Muller in plain Python integers and libm, from the algorithm's definition."""

    def draw() -> int:
        result = (state[0] + state[3]) & MASK
        t = (state[1] << 17) & MASK
        state[2] ^= state[0]
        state[3] ^= state[1]
        state[1] ^= state[2]
        state[0] ^= state[3]
        state[2] ^= t
        state[3] = ((state[3] << 45) | (state[3] >> 19)) & MASK
        return result

    first, second = draw(), draw()
    uniform = 1 - (first >> 12) / 2**52
    angle = ((second >> 12) / 2**52 - 0.5) * math.pi / 2
    radius = math.sqrt(-2 * math.log(uniform)) * (-1 if (second >> 10) & 1 else 1)
    x, y = radius * math.cos(angle), radius * math.sin(angle)
    return (y, x) if (second >> 11) & 1 else (x, y)


def kernel_normals(draws: int, bits: np.ndarray) -> np.ndarray:
    """Normals as the engine makes them: chains of pure noise with unit amplitude, differenced."""
    potential = catalogue()["regular_double_well"]
    kernel = langevin_kernel(potential, "euler_maruyama")
    state, spare = np.zeros((1, LANES)), np.zeros((1, 2 * LANES))
    collected = []
    for _ in range(draws // 2):
        kernel(
            state, bits, spare, parameter_values(potential), np.array([2]), np.array([0.0]), np.array([0.0]), 0,
            np.array([], dtype=np.int64), np.empty((1, 0, 1, LANES)),
        )  # fmt: skip
        collected.append(spare.reshape(2, LANES).copy())
    return np.concatenate(collected)


def test_normals_are_box_muller_of_xoshiro_to_rounding():
    bits = np.random.default_rng(fresh_seed()).integers(0, 2**64, (1, 4 * LANES), dtype=np.uint64)
    states = [[int(bits[0, lane + LANES * k]) for k in range(4)] for lane in range(LANES)]
    normals = kernel_normals(200, bits)
    for pair in range(100):
        for lane in range(LANES):
            expected = reference_pair(states[lane])
            np.testing.assert_allclose(normals[2 * pair : 2 * pair + 2, lane], expected, rtol=4e-15, atol=1e-16)


def test_the_radius_is_right_at_the_ends_of_the_uniform():
    """First output 0 gives radius 0; first output all ones gives the largest one, √(104 ln 2)."""
    for first, radius in ((0, 0.0), (MASK, math.sqrt(2 * 52 * math.log(2)))):
        bits = np.zeros((1, 4 * LANES), dtype=np.uint64)
        bits[0, :LANES] = np.uint64(first)
        normals = kernel_normals(2, bits)
        np.testing.assert_allclose(np.hypot(normals[0], normals[1]), radius, rtol=1e-14)


def test_normals_are_normal_and_independent():
    bits = np.stack([np.random.SeedSequence(fresh_seed()).generate_state(4 * LANES, np.uint64)])
    normals = kernel_normals(20_000, bits)
    flat = normals.ravel()
    n = flat.size
    for power, variance in ((1, 1), (2, 2), (3, 15), (4, 96), (6, 10170)):
        exact = 0 if power % 2 else math.prod(range(1, power, 2))
        assert abs(np.mean(flat**power) - exact) < 5 * math.sqrt(variance / n)
    assert stats.kstest(flat, "norm").pvalue > 1e-6
    for left, right in (
        (normals[::2], normals[1::2]),
        (normals[:-2], normals[2:]),
        (normals[:, :-1], normals[:, 1:]),
    ):
        for a, b in ((left, right), (left**2 - 1, right**2 - 1)):
            assert abs(np.mean(a * b)) < 5 * np.std(a * b) / math.sqrt(a.size)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 assembly")
def test_kernels_are_vectors_in_an_aligned_frame(tmp_path):
    # Its own cache: the text of a kernel that was loaded from a cache cannot be read.
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    for line in said.stdout.splitlines():
        roots, aligned, masked = map(int, line.split())
        assert roots > 0 and aligned > 0 and masked == 0, line
    assert len(said.stdout.splitlines()) == 2
