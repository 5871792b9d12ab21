"""What the compiler makes of a kernel: vectors, an aligned frame, and no write under a mask in MALA's step."""

import os
import platform
import subprocess
import sys

import pytest

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


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 assembly")
def test_kernels_are_vectors_in_an_aligned_frame(tmp_path):
    # Its own cache: the text of a kernel that was loaded from a cache cannot be read.
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    for line in said.stdout.splitlines():
        roots, aligned, masked = map(int, line.split())
        assert roots > 0 and aligned > 0 and masked == 0, line
    assert len(said.stdout.splitlines()) == 2
