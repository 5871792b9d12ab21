"""What is trusted is right within its error: losses that a localisation, a type of numbers or a crossing hides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from slt_toys.learning_coefficient import curvature as curvature_spectrum
from slt_toys.learning_coefficient.deep_linear import deep_linear_problem, half_squared_error
from slt_toys.learning_coefficient.estimator import local_learning_coefficient
from slt_toys.learning_coefficient.flat_directions import Flatness
from slt_toys.learning_coefficient.number_resolution import Resolution
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from slt_toys.learning_coefficient.verdict import verdict_on
from tests.learning_coefficient.made_evidence import evidence
from tests.learning_coefficient.made_losses import Loss, mean
from tests.seeds import fresh_generator, fresh_seed

DOUBLE = torch.float64


def regression(scales, *, centre=0.0, examples=1000, dtype=DOUBLE):
    """A linear regression at its least squares solution, with features of these standard deviations and mean."""
    rng = np.random.default_rng(fresh_seed())
    x = torch.from_numpy(rng.standard_normal((examples, len(scales))) * np.asarray(scales) + centre)
    y = x.sum(1, keepdim=True) + torch.from_numpy(rng.standard_normal((examples, 1)))
    module = nn.Linear(len(scales), 1, bias=False).double()
    with torch.no_grad():
        module.weight.copy_(torch.linalg.lstsq(x, y).solution.mT)
    return module.to(dtype), (x.to(dtype), y.to(dtype))


def measured(module, data, *, loss=half_squared_error, **options):
    return local_learning_coefficient(module, loss, data, **(dict[str, Any](seed=fresh_seed()) | options))


def of_function(function, start, *, dtype=DOUBLE, **options):
    ones = torch.ones(2, 1, dtype=dtype)
    return measured(Loss(function, start, dtype), (ones, ones), loss=mean, **options)


def deep_linear(widths, rank, minimum, *, noise=0.1, dtype=DOUBLE, drawn=None, **options):
    seed = fresh_seed()
    drawn = seed if drawn is None else drawn
    problem = deep_linear_problem(widths, rank, noise=noise, minimum=minimum, seed=drawn, dtype=dtype)
    data = problem.inputs, problem.targets
    found = measured(problem.module, data, examples=problem.examples, seed=seed, **options)
    return found, float(problem.exact.value)


def right_or_doubted(found, exact) -> bool:
    return not found.trusted or abs(found.estimate - exact) <= 4 * found.standard_error


def majority(once) -> bool:
    """Two of three: a single run may be doubted by chance, once in a hundred."""
    first, second = bool(once()), bool(once())
    return first if first == second else bool(once())


# ---- never wrong and trusted ----


SPREADS = {"condition 10": (10, 0.0), "condition 1e4": (1e4, 0.0), "condition 1e8": (1e8, 0.0), "mean 5": (1, 5.0)}


@pytest.mark.parametrize("spread", SPREADS)
def test_regression_with_soft_directions_is_right(spread):
    """Ten features of these scales and mean: λ = 5 whatever they are, and trusted."""
    condition, centre = SPREADS[spread]

    def once():
        found = measured(*regression(np.geomspace(1, condition**-0.5, 10), centre=centre), draws=160)
        assert abs(found.estimate - 5) < 5 * found.standard_error and found.standard_error < 0.3
        return found.trusted

    assert majority(once)


def test_one_localisation_for_all_directions_freezes_the_soft_ones():
    """The negative control: what a hundredth of the largest stiffness makes of the same regression."""
    module, data = regression(np.geomspace(1, 1e-2, 10))
    found = measured(module, data, sampler="sgld", draws=300)
    given = measured(module, data, localisation=found.localisation, draws=160)
    for wrong in (found, given):
        assert 5 - wrong.estimate > 10 * wrong.standard_error
        assert "the localisation takes" in wrong.verdict and "make it weaker" in wrong.verdict


def test_inputs_that_are_scaled_or_shifted_change_nothing():
    """Parameters that mix linearly: columns scaled by up to 10⁴, and a shift that the bias takes up."""
    rng = np.random.default_rng(fresh_seed())
    x, y = rng.standard_normal((300, 4)), rng.standard_normal((300, 1))
    found = []
    for scales, shift in ((np.ones(4), 0.0), (np.geomspace(1, 1e-4, 4), 0.0), (np.ones(4), 30.0)):
        inputs = torch.from_numpy(np.hstack([x * scales + shift, np.ones((300, 1))]))
        module = nn.Linear(5, 1, bias=False).double()
        with torch.no_grad():
            module.weight.copy_(torch.linalg.lstsq(inputs, torch.from_numpy(y)).solution.mT)
        found.append(measured(module, (inputs, torch.from_numpy(y)), seed=1, draws=60))
    for other in found[1:]:
        assert other.estimate == pytest.approx(found[0].estimate, rel=1e-4)
        assert other.standard_error == pytest.approx(found[0].standard_error, rel=1e-3)


def test_soft_directions_are_seen_by_quadrature_too(monkeypatch):
    monkeypatch.setattr(curvature_spectrum, "EXACT_UP_TO", 0)
    found = measured(*regression(np.geomspace(1, 1e-2, 10)), draws=60, sampler="sgld")
    assert "the localisation takes" in found.verdict


@pytest.mark.parametrize(("power", "exact", "examples"), [(4, 0.75, 1e3), (4, 0.75, 1e9), (6, 0.5 + 1 / 6, 1e6)])
def test_directions_of_different_order_are_right(power, exact, examples):
    """Without localisation the energy is λ at every n."""

    def once():
        found = of_function(lambda w: w[0] ** 2 + w[1] ** power, [0.0, 0.0], examples=int(examples), draws=160)
        assert abs(found.estimate - exact) < 5 * found.standard_error and found.standard_error < 0.12
        return found.trusted

    assert majority(once)


def test_a_fourth_order_in_every_direction_is_right():
    def once():
        found = of_function(lambda w: (w**4).sum(), [0.0, 0.0], examples=10**5, draws=160)
        assert abs(found.estimate - 0.5) < 5 * found.standard_error
        return found.trusted

    assert majority(once)


@pytest.mark.parametrize(
    ("function", "start"),
    [
        (lambda w: w[0] ** 2 - w[1] ** 2, [0.0, 0.0]),
        (lambda w: w[0] ** 2 - 1e-2 * w[1] ** 2 + w[1] ** 4, [0.0, 0.0]),
        (lambda w: w[0] ** 2 - 1e-6 * w[1] ** 2, [0.0, 0.0]),
        (lambda w: w[0] ** 2 + 1e-4 * w[1], [0.0, 0.0]),
        (lambda w: (w[0] ** 2 - 1) ** 2 + w[1] ** 2, [0.0, 0.0]),
    ],
)
def test_saddles_and_slopes_are_doubted(function, start):
    found = of_function(function, start, examples=10**6, draws=60)
    assert "off the minimum" in found.verdict or "negative" in found.verdict


@pytest.mark.parametrize(
    ("function", "weights"),
    [
        (lambda w: (w[0] * w[1]) ** 2, 2),
        (lambda w: (w[0] * w[1] * w[2]) ** 2, 3),
        (lambda w: (w[0] ** 2 - w[1] ** 3) ** 2, 2),
        (lambda w: w[0] ** 2 + (w[1] * w[2]) ** 2, 3),
    ],
)
@pytest.mark.parametrize("localisation", [None, 1.0])
def test_crossings_without_curvature(function, weights, localisation):
    found = of_function(function, [0.0] * weights, n_beta=1e4, localisation=localisation, draws=60)
    assert found.verdict.startswith("doubt") and "flat directions are not flat" in found.verdict


@pytest.mark.parametrize("noise", [0.0, 0.1, 1.0])
@pytest.mark.parametrize(("widths", "rank"), [((5, 3, 5), 2), ((5, 4, 4, 5), 2)])
def test_deep_linear_networks_at_the_crossing(widths, rank, noise):
    found, _ = deep_linear(widths, rank, "crossing", noise=noise, draws=60)
    assert "flat directions are not flat" in found.verdict


def test_a_crossing_is_seen_at_a_weaker_localisation_where_directions_are_not_known(monkeypatch):
    monkeypatch.setattr(curvature_spectrum, "EXACT_UP_TO", 0)
    found, exact = deep_linear((10, 5, 10), 2, "crossing", draws=400)
    assert right_or_doubted(found, exact)
    assert "depends on the localisation" in found.verdict or "not quadratic" in found.verdict


# ---- and not everything is doubted ----


def test_a_regular_model_is_trusted_and_right():
    def once():
        found = measured(*regression([1.0, 0.7, 1.4]), chains=32, draws=300)
        assert right_or_doubted(found, 1.5)
        return found.trusted

    assert majority(once)


@pytest.mark.parametrize("exact_spectrum", [True, False])
def test_a_typical_point_of_a_deep_linear_network_is_trusted_and_right(monkeypatch, exact_spectrum):
    if not exact_spectrum:
        monkeypatch.setattr(curvature_spectrum, "EXACT_UP_TO", 0)

    def once():
        found, exact = deep_linear((3, 2, 3), 1, "typical", drawn=1, chains=32, draws=300)  # of others .4 are doubted
        assert right_or_doubted(found, exact)
        return found.trusted

    assert majority(once)


def dead_network():
    first = nn.Linear(2, 3)
    with torch.no_grad():
        first.bias.fill_(-40.0)
    network = nn.Sequential(first, nn.ReLU(), nn.Linear(3, 1, bias=False)).double()
    return network, (torch.rand(50, 2).double(), torch.zeros(50, 1).double())


@pytest.mark.parametrize("sampler", ["hmc", "sgld"])
@pytest.mark.parametrize("localisation", [4.0, None])
def test_dead_units_are_flat_and_trusted(sampler, localisation):
    found = measured(*dead_network(), sampler=sampler, localisation=localisation, draws=40)
    assert (found.estimate, found.standard_error) == (0.0, 0.0)
    assert found.verdict.startswith("trust") and found.verdict.endswith(": the loss is the same wherever chains went")


def test_dead_units_beside_live_ones():
    def once():
        h = torch.tensor([1.0, 2.0], dtype=DOUBLE)
        found = of_function(
            lambda w: (h * w[:2] ** 2).sum() + torch.relu(w[2] - 9.0) ** 2, [0.0, 0.0, 0.0], examples=1000, chains=32
        )
        assert right_or_doubted(found, 1.0)
        return found.trusted

    assert majority(once)


# ---- what changes nothing ----


def test_units_of_the_loss_and_of_parameters_change_nothing():
    """Powers of two are exact, but for the rounding of eigenvectors."""
    module, data = regression(np.geomspace(1, 0.1, 4))
    seed = fresh_seed()
    plain = measured(module, data, seed=seed, n_beta=128.0, draws=60)
    louder = measured(module, data, loss=lambda o, t: 16 * half_squared_error(o, t), seed=seed, n_beta=8.0, draws=60)
    wider = nn.Linear(4, 1, bias=False).double()
    with torch.no_grad():
        wider.weight.copy_(module.weight / 32)
    stretched = measured(wider, (32 * data[0], data[1]), seed=seed, n_beta=128.0, draws=60)
    for other in (louder, stretched):
        assert other.estimate == pytest.approx(plain.estimate, rel=1e-6)
        assert other.verdict.split(":")[1:] == plain.verdict.split(":")[1:]
    assert louder.localisation == pytest.approx(plain.localisation)
    assert stretched.localisation == pytest.approx(1024 * plain.localisation)


# ---- types of numbers ----


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_double(dtype):
    """What is left of it is a start off the minimum, by the rounding of the parameters."""

    def once():
        found = measured(*regression(np.ones(10), dtype=dtype), draws=160)
        assert abs(found.estimate - 5) < 5 * found.standard_error
        return found.trusted or "off the minimum" in found.verdict

    assert majority(once)
    module, data = regression(np.ones(3), dtype=dtype)
    with torch.no_grad():
        module.weight.mul_(1.1)
    assert "off the minimum" in measured(module, data, examples=10**6, draws=60).verdict


class Fixed(nn.Module):
    """Computes in single numbers, whatever it is given."""

    def __init__(self, linear):
        super().__init__()
        self.linear = linear

    def forward(self, x):
        return (x.float() @ self.linear.weight.float().mT).to(x.dtype)


@pytest.mark.parametrize("fixed", [True, False])
def test_a_loss_far_from_zero_is_beyond_single_precision(fixed):
    """Told where it cannot be helped, and else computed in double precision."""
    module, data = regression(np.ones(3), dtype=torch.float32)

    def far(outputs, targets):
        return (half_squared_error(outputs, targets) + 3e4).float()

    def loss(outputs, targets):
        return half_squared_error(outputs, targets) + 3e4

    found = measured(Fixed(module) if fixed else module, data, loss=far if fixed else loss, examples=10**5, draws=60)
    if fixed:
        assert "float32 does not resolve the loss" in found.verdict
    else:
        assert "resolve" not in found.verdict and abs(found.estimate - 1.5) < 5 * found.standard_error


def test_a_billion_examples_in_single_numbers():
    found = measured(*regression(np.ones(10), dtype=torch.float32), examples=10**9, draws=60)
    assert abs(found.estimate - 5) < 5 * found.standard_error and "resolve" not in found.verdict


def test_single_precision_is_enough_for_an_ordinary_loss():
    found = measured(*regression(np.ones(3), dtype=torch.float32), draws=60)
    assert "resolve" not in found.verdict


# ---- localisation 0 ----


def test_localisation_zero_is_none():
    found = measured(*regression([1.0, 0.5]), localisation=0, draws=60)
    assert (found.localisation, found.localisation_effect) == (0, 0)
    assert found.quadratic_energy == pytest.approx(1.0)
    assert "off the minimum" not in found.verdict and "the localisation takes" not in found.verdict
    assert abs(found.posterior_energy - 1) < 5 * found.standard_error
    loose = of_function(lambda w: w[0] ** 2 + 0 * w[1], [0.0, 0.0], n_beta=10.0, localisation=0, draws=60)
    assert "nothing holds the chains in flat directions at localisation 0" in loose.verdict
    with pytest.raises(ValueError, match=r"^localisation: 0 leaves nothing to hold .* a positive number$"):
        of_function(lambda w: (w[0] * w[1]) ** 2, [0.0, 0.0], n_beta=10.0, localisation=0)


# ---- refusals ----


def summed(outputs, targets):
    return (outputs - targets).square().sum() / 2


@pytest.mark.parametrize(
    ("loss", "options", "message"),
    [
        (summed, {"examples_at_once": 30}, r"^loss: .* mean of their two halves; .*\(reduction='mean'\)$"),
        (summed, {"sampler": "sgld", "batch_size": 20}, r"^loss: .* mean of their two halves"),
        (summed, {}, r"^loss: .* on each of them twice; it must be the mean over examples"),
        (lambda o, t: half_squared_error(o, t) ** 2, {"examples_at_once": 30}, r"^loss: .* mean of their two halves"),
        (lambda o, t: (o - t).square(), {}, r"^loss: it gives shape \(\d+, 1\); it must give one number"),
        (lambda o, t: 1.0, {}, r"^loss: it gives float; it must give one number"),
        (lambda o, t: nn.functional.dropout(o, 0.5).mean(), {}, r"^module: .* draws random numbers"),
        (lambda o, t: o.mean() * fresh_generator().random(), {}, r"^module: .* not the same twice"),
        (lambda o, t: o.float() @ t, {}, r"^module: it and the loss cannot be evaluated on the data: "),
        (lambda o, t: o.mean() / 0, {}, r"^module: its loss on the data is not finite"),
        (lambda o, t: (0 * o.sum()).abs().sqrt(), {}, r"^module: the slope of its loss on the data is not finite"),
    ],
)
def test_a_loss_that_is_no_mean_or_no_function_is_refused(loss, options, message):
    with pytest.raises(ValueError, match=message) as refusal:
        measured(*regression([1.0, 2.0], examples=100), loss=loss, **options)
    assert "\n" not in str(refusal.value)


def test_a_sum_taken_at_once_at_its_own_temperature_is_measured():
    module, data = regression([1.0, 2.0], examples=64)
    seed = fresh_seed()
    found = measured(module, data, loss=summed, n_beta=0.25, draws=30, seed=seed)
    plain = measured(module, data, n_beta=16.0, draws=30, seed=seed)
    assert found.posterior_energy == pytest.approx(plain.posterior_energy, rel=1e-6)


def test_pieces_of_a_mean_are_taken():
    module, data = regression([1.0, 2.0], examples=100)
    seed = fresh_seed()
    whole = measured(module, data, draws=30, seed=seed)
    pieces = measured(module, data, draws=30, seed=seed, examples_at_once=30)
    assert pieces.estimate == pytest.approx(whole.estimate, rel=1e-6)


def test_a_noiseless_loss_is_no_sum():
    """At the minimum it is nothing but rounding; elsewhere it tells."""
    problem = deep_linear_problem((5, 4, 4, 5), 2, noise=0.0, seed=1)
    StackedLoss(problem.module, half_squared_error, problem.inputs, problem.targets).check(pieces=3, mean=True)
    sums = StackedLoss(problem.module, summed, problem.inputs, problem.targets)
    sums.check(pieces=None, mean=False)
    for pieces, whole in ((3, False), (None, True)):
        with pytest.raises(ValueError, match=r"^loss: "):
            sums.check(pieces=pieces, mean=whole)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"examples": float("nan")}, "examples must be a whole number, not nan"),
        ({"examples": -5, "n_beta": 10.0}, "examples: -5 must be a positive number"),
        ({"n_beta": "a"}, "n_beta must be a number, not 'a'"),
        ({"localisation": -1.0}, "localisation: -1.0 must be a positive number or 0"),
        ({"chains": 2.5}, "chains must be a whole number, not 2.5"),
        ({"draws": True}, "draws must be a whole number, not True"),
    ],
)
def test_bad_numbers_are_refused_in_one_line(options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        measured(*regression([1.0]), **options)


# ---- each reason, and its bound ----


@pytest.mark.parametrize(
    ("within", "beyond", "reason"),
    [
        ({"estimate": 5.29}, {"estimate": 5.31}, "above 5, half the number of parameters"),
        ({"drop": 0.149}, {"drop": 0.151}, "the loss falls 0.151 below it"),
        ({"drop": 0.19, "standard_error": 0.2}, {"drop": 0.21, "standard_error": 0.2}, "the loss falls 0.21 below it"),
        ({"step_bias": 0.49}, {"step_bias": 0.51}, "the step adds 0.51"),
        ({"start_excess": 0.49}, {"start_excess": 0.51}, "the slope at the start says it lies 0.51 above"),
        ({"start_excess": 0.9, "height": 0.76}, {"start_excess": 0.9, "height": 0.74}, "it lies 0.9 above it"),
        ({"lowest_curvature": -1.49}, {"lowest_curvature": -1.51}, "a direction of negative stiffness -1.51"),
        (
            {"lowest_curvature": -0.009, "localisation": 0.0, "flat_directions": False},
            {"lowest_curvature": -0.011, "localisation": 0.0, "flat_directions": False},
            "negative stiffness -0.011",
        ),
        (
            {"localisation": 0.0, "lowest_curvature": 0.0, "flat_directions": False},
            {"localisation": 0.0, "lowest_curvature": 0.0},
            "nothing holds the chains in flat directions",
        ),
        ({"r_hat": 1.049}, {"r_hat": 1.051}, "chains do not agree: R-hat 1.05"),
        ({"r_hat": 1.0}, {"r_hat": float("nan")}, "chains do not agree: R-hat nan"),
        ({"effective": 401.0}, {"effective": 399.0}, "399 effective draws, fewer than 400"),
        ({"acceptance": 0.21}, {"acceptance": 0.19}, "acceptance 0.19"),
        ({"minibatch_excess": 0.49}, {"minibatch_excess": 0.51}, "minibatch gradients add 0.51"),
        ({"missing": (0.099, 0.01)}, {"missing": (0.101, 0.01)}, "the localisation takes 0.301 by the quadratic, of"),
        ({"missing": (0.14, 0.05)}, {"missing": (0.16, 0.05)}, "the localisation takes 0.36 by"),
        ({"localisation_effect": 0.44}, {"localisation_effect": 0.46}, "the localisation takes 0.51 by"),
        (
            {"unexplained": (0.149, 0.01), "standard_error": 0.04, "missing": (0.0, 0.01)},
            {"unexplained": (0.151, 0.01), "standard_error": 0.04, "missing": (0.0, 0.01)},
            "not quadratic: the energy is +0.151",
        ),
        ({"unexplained": (0.29, 0.01)}, {"unexplained": (0.31, 0.01)}, "not quadratic: the energy is +0.31"),
        ({"unexplained": (-0.49, 0.14)}, {"unexplained": (-0.54, 0.14)}, "not quadratic: the energy is -0.54"),
        (
            {"unexplained": (1.14, 0.01), "free": 2},
            {"unexplained": (1.31, 0.01), "free": 2},
            "not quadratic: the energy",
        ),
        (
            {"free": 1, "spreading": 1.49, "flatness": Flatness(9.0, 0.2, 3.0)},
            {"free": 1, "spreading": 1.51, "flatness": Flatness(9.0, 0.2, 3.0)},
            "chains go 1.2 times as far at a weaker localisation",
        ),
        ({"flatness": Flatness(0.1, 0.2, 3.0)}, {"flatness": Flatness(0.1, 0.2, 3.0, soft=True)}, "not flat: 0.1 nβ"),
        ({"flatness": Flatness(0.2, 0.2, 3.0)}, {"flatness": Flatness(0.21, 0.2, 3.0)}, "not flat: 0.21 nβ"),
        ({"flatness": None}, {"flatness": Flatness(float("nan"), 0.2, 3.0)}, "not flat: nan nβ"),
        ({"rising": (0.29, 0.1)}, {"rising": (0.31, 0.1)}, "depends on the localisation: at a weaker one"),
        ({"rising": None}, {"rising": (-0.31, 0.1)}, "the energy changes by -0.31"),
        ({"rising": (0.049, 1e-3)}, {"rising": (-0.051, 1e-3)}, "depends on the localisation"),
        ({"rising": (-0.39, 1e-3), "bent": True}, {"rising": (-0.41, 1e-3), "bent": True}, "changes by -0.41"),
        ({"rising": (0.049, 1e-3), "bent": True}, {"rising": (0.051, 1e-3), "bent": True}, "changes by +0.051"),
        (
            {"resolution": Resolution("float32", 0.049, 0.001)},
            {"resolution": Resolution("float32", 0.051, 0.001)},
            "float32 does not resolve the loss at this nβ: it errs by 0.051",
        ),
        (
            {"resolution": Resolution("float32", 0.01, 0.0049)},
            {"resolution": Resolution("float32", 0.0, 0.0051)},
            "float32 does not resolve the loss at this nβ: it errs by 0.0051",
        ),
    ],
)
def test_each_reason_has_its_bound(within, beyond, reason):
    known = evidence()
    if "localisation_effect" in within:
        known = replace(known, unexplained=(0.0, 0.1))
    assert verdict_on(replace(known, **within)).startswith("trust at localisation")
    verdict = verdict_on(replace(known, **beyond))
    assert verdict.startswith("doubt: ") and reason in verdict
    assert verdict.count("; ") <= 1, "no other reason"


def test_reasons_of_the_draws():
    known = evidence()
    assert "3 chains, fewer than 4" in verdict_on(replace(known, energies=known.energies[:3]))
    assert verdict_on(replace(known, energies=known.energies[:4])).startswith("trust")
    assert "chains never moved" in verdict_on(replace(known, distances=np.zeros((8, 200))))
    assert "negative (mean energy -1" in verdict_on(replace(known, energies=known.energies - known.energies.mean() - 1))
    assert "negative (" in verdict_on(replace(known, estimate=-0.3))
    assert "diverged" in verdict_on(replace(known, energies=np.full((8, 200), np.nan)))
    flat = replace(known, energies=np.zeros((8, 200)), estimate=0.0, standard_error=0.0, half_width=0.0,
                   localisation_effect=0.0, start_excess=0.0, step_bias=0.0, missing=(0.0, 0.0), unexplained=(0.0, 0.0),
                   rising=None, r_hat=float("nan"), effective=float("nan"),
                   resolution=Resolution("float64", 0.0, 0.0))  # fmt: skip
    assert verdict_on(flat).startswith("trust at localisation 3: the loss is the same wherever chains went")
