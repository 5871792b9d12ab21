"""Problems whose critical periods end at an epoch that depends on the batch size: where their curves are measured."""

from __future__ import annotations

import numpy as np

from slt_toys.worlds.named_problems import named_problem
from slt_toys.worlds.problems import measure
from tests.seeds import fresh_seed


def test_measured_rows_surround_the_rise():
    problem = named_problem("regular", (16, 32, 64, 128), 0.95)
    curve = measure(problem, problem.trainings[2], 128, [fresh_seed()])
    assert curve.stuck.shape == (128, len(curve.switch_epochs)) and set(np.unique(curve.stuck)) == {0.0, 1.0}
    share = curve.exact[np.isin(curve.exact_epochs, curve.switch_epochs)]
    depth = (share - share[0]) / (share[-1] - share[0])
    assert (depth < 0.1).sum() >= 3 and (depth > 0.9).sum() >= 3 and ((depth > 0.1) & (depth < 0.9)).sum() >= 5
    assert curve.switch_epochs[0] == 0 < curve.onset < curve.switch_epochs[-1]
