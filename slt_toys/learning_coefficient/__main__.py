"""``python -m slt_toys.learning_coefficient``: deep linear networks, whose learning coefficients are theorems."""

from __future__ import annotations

import sys

from slt_toys.learning_coefficient.study import LearningCoefficientStudy
from slt_toys.results.recipe import main

if __name__ == "__main__":
    sys.exit(main(LearningCoefficientStudy))
