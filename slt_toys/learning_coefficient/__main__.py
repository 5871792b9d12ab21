"""``python -m slt_toys.learning_coefficient``: deep linear networks, whose learning coefficients are theorems.

With ``--referee`` all problems whose λ and energy at finite nβ are exact; with ``--track`` checkpoints in training.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from slt_toys.learning_coefficient.referee import LearningCoefficientReferee
from slt_toys.learning_coefficient.study import LearningCoefficientStudy
from slt_toys.learning_coefficient.track_study import CheckpointTracks
from slt_toys.results.recipe import main

REFEREE, TRACK = "--referee", "--track"


def chosen(arguments: Sequence[str]) -> int:
    """Run the study, the referee or the tracks; returns the exit status."""
    if REFEREE in arguments:
        return main(LearningCoefficientReferee, [each for each in arguments if each != REFEREE])
    if TRACK in arguments:
        return main(CheckpointTracks, [each for each in arguments if each != TRACK])
    return main(LearningCoefficientStudy, arguments)


if __name__ == "__main__":
    sys.exit(chosen(sys.argv[1:]))
