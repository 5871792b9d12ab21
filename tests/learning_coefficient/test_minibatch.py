"""Chains on minibatches against the exact stationary law of their scheme, a linear recursion of second moments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from slt_toys.learning_coefficient import minibatch
from slt_toys.learning_coefficient.chains import Plan, Posterior
from slt_toys.learning_coefficient.curvature import spectrum
from slt_toys.learning_coefficient.deep_linear import half_squared_error
from slt_toys.learning_coefficient.estimator import local_learning_coefficient
from slt_toys.learning_coefficient.minibatch import Looked, run_plan
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from slt_toys.reference.laws import law
from tests.learning_coefficient.made_losses import generator
from tests.seeds import fresh_seed

N, SCALES = 400, (1.0, 0.5, 2.0)


def regression(examples=N):
    rng = np.random.default_rng(7)
    x = torch.from_numpy(rng.standard_normal((examples, 3))) * torch.tensor(SCALES)
    y = x.sum(1, keepdim=True) + torch.from_numpy(rng.standard_normal((examples, 1)))
    module = nn.Linear(3, 1, bias=False).double()
    with torch.no_grad():
        module.weight.copy_(torch.linalg.lstsq(x, y).solution.mT)
    return module, (x, y)


def exact_energy(x, n_beta, pull, step, batch):
    """nβ E[L_n(w) - L_n(w*)] of the scheme with control variates: its second moments are a linear recursion's."""
    x = x.numpy()
    hessian = x.T @ x / len(x)
    shrunk = np.eye(3) - step / 2 * (n_beta * hessian + pull * np.eye(3))
    each = np.einsum("ki,kj,km,kl->ijml", x, x, x, x).reshape(9, 9) / len(x)  # V -> mean of H_i V H_i
    noise = (each - np.kron(hessian, hessian)) / batch
    whole = np.kron(shrunk, shrunk) + step**2 / 4 * n_beta**2 * noise
    moments = np.linalg.solve(np.eye(9) - whole, step * np.eye(3).ravel()).reshape(3, 3)
    return n_beta * np.trace(hessian @ moments) / 2


def test_the_exact_law_without_noise_is_the_schemes():
    _, (x, _) = regression()
    curvature = np.linalg.eigvalsh(x.numpy().T @ x.numpy() / N)
    known = law("localised-energy-euler")(n_beta=60.0, curvature=curvature, localisation=2.0, step_size=0.005).sum()
    assert exact_energy(x, 60.0, 2.0, 0.005, np.inf) == pytest.approx(known)


def test_energies_on_minibatches_against_their_exact_law():
    module, data = regression()
    options: dict[str, Any] = {"sampler": "sgld", "localisation": 2.0, "n_beta": 60.0, "step_size": 0.006}
    found = local_learning_coefficient(
        module, half_squared_error, data, batch_size=6, draws=700, chains=64, seed=fresh_seed(), **options
    )
    exact = exact_energy(data[0], 60.0, 2.0, 0.006, 6)
    whole = exact_energy(data[0], 60.0, 2.0, 0.006, np.inf)
    sampled = (found.standard_error**2 - found.minibatch_error**2) ** 0.5
    assert abs(found.posterior_energy - exact) < 5 * sampled
    assert exact - whole > 5 * sampled, "the noise is seen"
    assert found.minibatch_excess == pytest.approx(exact - whole, rel=0.4)
    assert abs(found.estimate - 1.5) < 5 * found.standard_error


def test_chains_that_warm_together_are_not_taken_for_independent():
    """With minibatches of two they are twice as warm, in common: their means' scatter shows a part of the error."""
    drawn, _ = run(plan_of(chains=64, draws=500, step_size=0.006), seed=fresh_seed())
    kept = drawn.energies[:, 50:]
    scatter = float(kept.mean(1).std(ddof=1)) / 8
    assert minibatch.common_error(kept) > 1.2 * scatter
    apart = np.random.default_rng(fresh_seed()).gamma(3.0, 1.0, (64, 450))
    assert minibatch.common_error(apart) == pytest.approx(3**0.5 / (64 * 450) ** 0.5, rel=0.5)


def test_a_control_variate_without_which_the_start_is_warm():
    """At the start its noise is none: plain minibatch gradients scatter there by the residuals."""
    module, data = regression()
    loss = StackedLoss(module, half_squared_error, *data)
    posterior = Posterior(loss, 60.0, 2.0, torch.ones(3).double())
    plan = Plan("sgld", 2, 20, 1, 0.002, 1, 0, 20)
    looking = minibatch._Looking(posterior, plan, generator(1))
    w = loss.start.expand(2, -1)
    above, slopes, tilt = looking._on(w, torch.arange(20), None)
    slopes = slopes + tilt
    assert torch.allclose(above, torch.zeros(2).double()) and torch.allclose(slopes, looking.whole.expand(2, -1))
    plain = loss.values_and_gradients(w, torch.arange(20))[1]
    assert float((plain - slopes).abs().max()) > 0.01
    away = w + 0.1
    means = [looking._step(away.clone(), rows) for rows in torch.arange(N).split(20)]
    exact = 60.0 * (loss.values(away) - loss.values(w))
    assert torch.allclose(torch.stack(means).mean(0), exact)


def plan_of(**changed) -> Plan:
    given: dict[str, Any] = {
        "sampler": "sgld", "chains": 8, "draws": 200, "thin": 1, "step_size": 0.002, "leapfrogs": 1, "adapt": 0,
        "batch_size": 2,
    }  # fmt: skip
    return Plan(**(given | changed))


def run(plan: Plan, examples=N, seed=1):
    module, data = regression(examples)
    posterior = Posterior(StackedLoss(module, half_squared_error, *data), 60.0, 2.0, torch.ones(3).double())
    drawn, looked = run_plan(posterior, plan, generator=generator(seed), advance=lambda _: None)
    assert looked is not None
    return drawn, looked


def test_energies_look_at_more_until_their_error_is_small(monkeypatch):
    drawn, looked = run(plan_of())
    assert looked.examples > 2
    late = slice(120, None)
    own = drawn.energies[:, late].var(0, ddof=1).mean() / 8
    assert np.nanmean(np.square(looked.errors[late])) < own
    monkeypatch.setattr(minibatch, "GROWTH", 1e6)
    _, as_it_is = run(plan_of())
    assert as_it_is.examples == 2
    assert np.nanmean(as_it_is.errors[late] ** 2) > 4 * np.nanmean(looked.errors[late] ** 2)
    monkeypatch.setattr(minibatch, "GROWTH", -1.0)  # never enough: in the end all of them
    _, every = run(plan_of(), examples=30)
    assert every.examples == 30 and np.nanmax(np.abs(every.errors[late])) == 0


def test_the_error_from_examples_is_that_of_many_runs(monkeypatch):
    """Energies of one and the same state from new examples scatter by what the halves' differences say."""
    monkeypatch.setattr(minibatch, "GROWTH", 1e6)
    module, data = regression()
    posterior = Posterior(StackedLoss(module, half_squared_error, *data), 60.0, 2.0, torch.ones(3).double())
    looking = minibatch._Looking(posterior, plan_of(batch_size=20, thin=1), generator(fresh_seed()))
    state = looking.start + 0.1 * torch.randn((8, 3), generator=generator(3)).double()
    many = [looking._step_by_halves(state.clone()) for _ in range(600)]
    means = np.array([float(energies.mean()) for energies, _ in many])
    said = np.array([halves.error for _, halves in many])
    chance = np.sqrt(2 * 4 / 600)  # fourth moments of both, at most thrice a normal's
    assert np.square(said).mean() == pytest.approx(means.var(), rel=5 * chance)
    exact = 60.0 * float((posterior.loss.values(state) - posterior.loss.values(looking.start[None])).mean())
    assert abs(means.mean() - exact) < 5 * means.std() / 600**0.5
    noise = np.array([halves.variance for _, halves in many])
    slopes = torch.stack([torch.add(*looking._on(state, looking._rows(20), None)[1:]) for _ in range(600)])
    assert noise.mean() == pytest.approx(60.0**2 * float(slopes.var(0).sum(1).mean()), rel=5 * chance)


def test_standard_error_by_hand():
    looked = Looked(np.array([9.0, 3.0, 4.0, np.nan]), np.ones(4), torch.zeros(1, 3), 2)
    assert looked.standard_error(1) == pytest.approx((12.5 / 3) ** 0.5)


def test_directions_by_lanczos_are_those_of_the_eigenvectors():
    module, data = regression()
    loss = StackedLoss(module, half_squared_error, *data)
    posterior = Posterior(loss, 60.0, 2.0, torch.ones(3).double())
    _, looked = run(plan_of())
    known = spectrum(loss, n_beta=60.0, localisation=2.0, scales=posterior.scales, generator=generator())
    noise = looked.noise.double()
    exact = minibatch._share(noise[:4], known, posterior, 0.002)[0]
    assert minibatch._share(noise[:4], replace(known, vectors=None), posterior, 0.002)[0] == pytest.approx(exact)


@pytest.mark.slow
def test_the_estimate_of_a_minibatch_is_trusted_or_doubted_with_a_number():
    module, data = regression()
    options: dict[str, Any] = {"sampler": "sgld", "draws": 1500, "seed": fresh_seed()}
    found = local_learning_coefficient(module, half_squared_error, data, batch_size=100, **options)
    assert abs(found.estimate - 1.5) < 5 * found.standard_error and "minibatch" not in found.verdict
    warm = local_learning_coefficient(module, half_squared_error, data, batch_size=1, step_size=1e-2, **options)
    assert "minibatch gradients add" in warm.verdict or "diverged" in warm.verdict
