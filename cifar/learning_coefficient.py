"""Moved to `slt_toys.learning_coefficient`; ``python -m cifar.learning_coefficient`` runs it and says so."""

from __future__ import annotations

import sys

from slt_toys.learning_coefficient.estimator import LearningCoefficientEstimate, local_learning_coefficient

__all__ = ["LearningCoefficientEstimate", "local_learning_coefficient"]

if __name__ == "__main__":
    from slt_toys.learning_coefficient.study import main

    print("this command is now: python -m slt_toys.learning_coefficient", file=sys.stderr)
    sys.exit(main())
