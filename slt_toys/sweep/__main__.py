"""``python -m slt_toys.sweep EXPERIMENT --over NAME=VALUES``."""

import sys

from slt_toys.results.progress import command_line
from slt_toys.sweep.command import Sweep, carry_out

if __name__ == "__main__":
    sys.exit(command_line(Sweep, carry_out))
