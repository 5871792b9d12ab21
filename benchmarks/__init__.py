"""Speed, measured against a bound and against peers in the same run; see README.md beside this file."""

import os
from pathlib import Path

# Linear algebra on one thread, set before numpy is loaded: threads that spin while idle would be charged to
# whoever runs next.
for _library in ("OPENBLAS", "MKL", "OMP", "BLIS"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

REPETITIONS = 9
RESULTS = Path(__file__).with_name("RESULTS.md")
