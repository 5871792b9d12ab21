"""``python -m slt_toys.zoo list | show NAME | run NAME | all``: solvable models of learning, and what controls them."""

from __future__ import annotations

import sys

from slt_toys.results.progress import command_line
from slt_toys.zoo.command import Zoo, carry_out

if __name__ == "__main__":
    sys.exit(command_line(Zoo, carry_out))
