"""A whole command and the first use of a sampler, in processes of their own, beside the parts that none can do without.

A part's cost is that of a process that does it alone: it imports the same packages and no more of this one than the
part takes.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measure import Cost
from slt_toys.kernels.frame import langevin_source
from slt_toys.potentials.potential import Potential

ROOT = Path(__file__).parents[1]
LINE, PLANE = "(w**2-1)**2 - 0.37*w", "(w1**2-1)**2 - 0.37*w1 + w2**2*(1+w1**2)/2"
FEWEST, STEPS = 256, 200  # chains and steps of a first use: hardly any work
CACHES = ("SLT_TOYS_CACHE", "NUMBA_CACHE_DIR", "MPLCONFIGDIR")

PACKAGES = "import numba, numpy, pandas, scipy.linalg, scipy.optimize, scipy.sparse.linalg, sympy, xarray\n"
OUTPUT = "import h5netcdf, matplotlib.pyplot, tyro\n"
CHAINS = """
from slt_toys.phase_diagram import PhaseDiagram
from slt_toys.protocol.components import preferred_phase
from slt_toys.protocol.curves import begin_stuck_curve
from slt_toys.protocol.maps import begin_equilibrium_map
from slt_toys.protocol.schedule import Ending
import numpy, time

def beside(work, advance=None):
    began = time.process_time()
    result = work(lambda _: None)
    spent.append(time.process_time() - began)
    return lambda: result

spent, case = [], PhaseDiagram()
pair, trainings = case.pair(), case.trainings()
highest = max(training.temperatures(1)[0] for training in trainings)
temperatures = numpy.geomspace(highest / 100, highest, case.resolution)
begin_equilibrium_map(
    pair, preferred_phase(pair), temperatures, chains=4 * case.chains, seed=case.seed, beside=beside
)
for training in trainings:
    begin_stuck_curve(
        pair, training, Ending("further", case.epochs_after), chains=case.chains,
        seed=[case.seed, int(training.batch_size)], beside=beside,
    )
print(sum(spent))
"""
FILES = """
import sys, time, xarray
from figures.phase_diagram import draw
from slt_toys.results.records import write_dataset, write_figure

dataset = xarray.load_dataset(sys.argv[1] + "/phase_diagram.nc", engine="h5netcdf")
began = time.process_time()
write_figure(draw(dataset), sys.argv[1] + "/again")
write_dataset(dataset, sys.argv[1] + "/again.nc")
print(time.process_time() - began)
"""
FIRST_USE = f"""
import sys
from slt_toys import OverdampedLangevin, Potential, sample

sample(Potential.from_expression(sys.argv[1]), OverdampedLangevin(1e-3), n_beta=10.0, chains={FEWEST}, steps={STEPS})
"""
COMPILED = """
import sys, importlib.util
import numpy as np

spec = importlib.util.spec_from_file_location("alone", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
d, one = int(sys.argv[2]), np.ones(1)
state, spare = np.zeros((1, 64 * d)), np.zeros((1, 128 * d))
bits = np.random.default_rng(0).integers(1, 2**63, (1, 256)).astype(np.uint64)
steps = np.ones(1, dtype=np.int64)
module.advance(state, bits, spare, np.empty(0), steps, 1e-3 * one, one, 0, steps, np.empty((1, 1, d, 64)))
"""


@dataclass(frozen=True)
class Parts:
    """A job, and what each of its parts costs alone: seconds of CPU time, and for the job of wall time."""

    job: Cost
    parts: dict[str, float]

    @property
    def ratio(self) -> float:
        """CPU time of the job over that of the parts."""
        return self.job.cpu / sum(self.parts.values())


def process(*arguments: str, **environment: str) -> tuple[Cost, str]:
    """Seconds that a python process with these arguments takes, start and end included, and what it prints."""
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    wall, after = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, wall), done.stdout


def main_job(repetitions: int, warm: bool = True) -> Parts:
    """The phase diagram of the reference case, with what was compiled at hand or with all caches empty."""
    jobs, parts = [], {"packages imported": [], "chains": [], "figure and data written": []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(repetitions + warm):
            empty = {} if warm else {name: f"{folder}/{name}{number}" for name in CACHES}
            cost, _ = process("-m", "slt_toys.phase_diagram", "--out", folder, **empty)
            imported, _ = process("-c", PACKAGES + OUTPUT)
            if number < warm:  # compiles what is not at hand
                continue
            jobs.append(cost)
            parts["packages imported"].append(imported.cpu)
            parts["chains"].append(float(process("-c", CHAINS)[1]))
            parts["figure and data written"].append(float(process("-c", FILES, folder)[1]))
    return _medians(jobs, parts)


def first_use(expression: str, repetitions: int) -> Parts:
    """An energy never seen before, from its text to draws; and its kernel compiled by numba alone."""
    potential = Potential.from_expression(expression)
    jobs, parts = [], {"packages imported": [], "kernel compiled": []}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "alone.py")
        source.write_text(langevin_source(potential, "euler_maruyama"), encoding="utf-8")
        bare, _ = process("-c", "import numba, numpy, slt_toys.kernels.bits")
        for number in range(repetitions + 1):
            cost, _ = process("-c", FIRST_USE, expression, SLT_TOYS_CACHE=f"{folder}/{number}")
            imported, _ = process("-c", PACKAGES)
            compiled, _ = process(
                "-c", COMPILED, str(source), str(potential.dimension), NUMBA_CACHE_DIR=f"{folder}/alone{number}"
            )
            if not number:  # compiles what is this package's own and kept beside it
                bare, _ = process("-c", "import numba, numpy, slt_toys.kernels.bits")
                continue
            jobs.append(cost)
            parts["packages imported"].append(imported.cpu)
            parts["kernel compiled"].append(compiled.cpu - bare.cpu)
    return _medians(jobs, parts)


def _medians(jobs: list[Cost], parts: dict[str, list[float]]) -> Parts:
    job = Cost(float(np.median([each.cpu for each in jobs])), float(np.median([each.wall for each in jobs])))
    return Parts(job, {name: float(np.median(values)) for name, values in parts.items()})


JOBS = {
    "`python -m slt_toys.phase_diagram`": main_job,
    "the same with empty caches": lambda repetitions: main_job(repetitions, warm=False),
    "first draws of a new energy, 1-D": lambda repetitions: first_use(LINE, repetitions),
    "first draws of a new energy, 2-D": lambda repetitions: first_use(PLANE, repetitions),
}
# CPU time over that of the parts, at most. Empty caches hold nothing that was compiled: compiling is no part there.
LIMITS = {name: 1.6 for name in JOBS if "empty" not in name}
