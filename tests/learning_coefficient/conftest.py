"""Without torch only what samples the toys' energies is tested here."""

from __future__ import annotations

from pathlib import Path

try:
    import torch
except ImportError:
    TOYS = {"test_sampled_energy.py", "test_four_ways.py"}
    collect_ignore = [path.name for path in Path(__file__).parent.glob("test_*.py") if path.name not in TOYS]
else:
    torch.set_num_threads(1)
