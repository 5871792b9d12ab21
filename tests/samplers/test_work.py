"""The engine's work: no stage outgrows the rows it was given."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from slt_toys.potentials.example_catalogue import two_phase_regression_examples
from slt_toys.potentials.examples import GaussianGradients
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import SGD, Stage, sample_stages
from slt_toys.samplers import sgd as sgd_module
from slt_toys.samplers.work import Work
from tests.seeds import fresh_seed


def test_a_stage_never_outgrows_its_rows(monkeypatch):
    """Kernels do not check bounds: whatever follows whatever, state and scratch have the rows the program needs."""
    enter = Work._enter
    seen = []

    def checked(self, place, blocks, number):
        enter(self, place, blocks, number)
        program = self.programs[number]
        seen.append((place.state.shape[1], place.scratch.shape[1]))
        assert seen[-1] == (64 * program.rows, 64 * program.scratch_rows)

    monkeypatch.setattr(Work, "_enter", checked)
    idle = SimpleNamespace(advance=lambda *arguments: arguments[-1].fill(0.0))  # nothing to compile
    monkeypatch.setattr(sgd_module, "gaussian_kernel", lambda *_: idle)
    monkeypatch.setattr(sgd_module, "examples_kernel", lambda *_: idle)
    potential = Potential.from_expression("w**2/2")
    targets = [
        GaussianGradients(potential, 1.0, size=24),
        GaussianGradients(potential, 1.0, "gradient", 24),
        two_phase_regression_examples(24, seed=1),
        two_phase_regression_examples(48, seed=1),
    ]
    kinds = [
        (target, SGD(0.01, batch, order=order, added_noise=noise))
        for target in targets
        for order in ("with_replacement", "reshuffled", "fixed")
        for batch in (2, 4)
        for noise in (0.0, 0.5)
    ]
    chosen = np.random.default_rng(fresh_seed()).integers(len(kinds), size=400)
    stages = [Stage(target, sampler, None, 3) for target, sampler in (kinds[k] for k in chosen)]
    draws = sample_stages(stages, chains=3, seed=fresh_seed(), initial=[0.5])["w"]
    assert np.isfinite(draws).all() and len(seen) == 400
