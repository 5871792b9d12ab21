"""Moved to `slt_toys.learning_coefficient`; ``python -m cifar.learning_coefficient`` runs it and says so."""

from __future__ import annotations

import sys

from slt_toys.learning_coefficient.study import LearningCoefficientStudy
from slt_toys.results.recipe import main

if __name__ == "__main__":
    print("this command is now: python -m slt_toys.learning_coefficient", file=sys.stderr)
    sys.exit(main(LearningCoefficientStudy))
