"""Hypotheses: designs and shares by hand, a master equation, fits that find their own family."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import expm

from slt_toys.protocol.arms import ARMS, Observation, find_arm
from slt_toys.protocol.schedule import Schedule
from slt_toys.worlds.hypotheses import HYPOTHESES, design, find_hypothesis
from slt_toys.worlds.verdict import fit
from tests.seeds import fresh_seed
from tests.worlds.made_counts import FEW, TRUE, made_up


def test_a_design_by_hand():
    """Units: the geometric mean of the temperatures at the switch, 1, 4 and 2, and one over the mean epoch, 10/7."""
    runs = [(1, [4.0, 1.0], [2.0, 3.0]), (1, [8.0, 4.0, 2.0], [1.0, 1.0, 1.0]), (2, [3.0, 2.0], [1.0, 1.0])]
    schedules = [Schedule((np.arange(len(t)) < at).astype(float), np.array(t), np.array(d)) for at, t, d in runs]
    given = design([Observation("x", 1, 10, 5, 0.1 * i, schedule) for i, schedule in enumerate(schedules)])
    assert given.units == pytest.approx((2.0, 0.7))
    assert np.exp(given.log_flow_left) == pytest.approx([3.0, 2.0, 0.0])
    assert np.exp(given.log_flow_spent) == pytest.approx([2.0, 1.0, 2.0])
    assert given.switch_epochs.tolist() == [1, 1, 2] and given.losses == pytest.approx([0.0, 0.1, 0.2])
    assert given.durations.tolist() == [[2.0, 3.0, 0.0], [1.0, 1.0, 1.0], [1.0, 1.0, 0.0]]
    assert given.temperatures[:, :2].tolist() == [[4.0, 1.0], [8.0, 4.0], [3.0, 2.0]]
    assert design([Observation("x", 1, 10, 5, 0.1, schedules[0])], (5.0, 7.0)).units == (5.0, 7.0)


@pytest.mark.parametrize(
    ("name", "variable", "sign"),
    [
        ("flow time left", "log_flow_left", -1),
        ("flow time spent", "log_flow_spent", 1),
        ("loss threshold", "losses", -1),
    ],
)
def test_logistic_shares_by_hand(name, variable, sign):
    """Half way at the centre, with lapses of one run in a thousand, whichever of the two shares comes first."""
    family, given = find_hypothesis(name), design(made_up(0.5, 10, 0, arms=FEW[:2], switches=[5, 10, 25]))
    values = getattr(given, variable)
    for least, most in ((0.1, 0.7), (0.7, 0.1)):
        found = family.predict(np.array([values[1], math.log(0.3), least, most]), given)
        assert found == pytest.approx(0.0005 + 0.999 * (0.1 + 0.6 / (1 + np.exp(-sign * (values - values[1]) / 0.3))))
    span, (low, high) = np.ptp(values), family.bounds(given)
    assert low == pytest.approx([values.mean() - 2 * span, math.log(0.002 * span), 0, 0])
    assert high == pytest.approx([values.mean() + 2 * span, math.log(4 * span), 1, 1])


def test_mixing_solves_its_master_equation():
    parameters = np.array([-2.0, 3.0, 2.0, 1.0])
    seen = made_up(0.5, 10, 0, arms=[find_arm("cyclic rate"), find_arm("flow-time matched")], switches=[0, 7, 25])
    given = design(seen)
    predicted = find_hypothesis("temperature").predict(parameters, given)
    a, barrier, deficit, clean = parameters
    for each, value in zip(seen, predicted, strict=True):
        run = each.schedule
        heat = run.temperatures / given.units[0]
        share = 1 / (1 + math.exp(-deficit / heat[0]))
        for epoch, time in enumerate(run.durations * given.units[1]):
            out = heat[epoch] * math.exp(a - barrier * (1 / heat[epoch] - 1))
            if epoch < run.switch_epoch:
                rates = out, out * math.exp(-deficit / heat[epoch])  # into the stuck state and out of it
            else:
                rates = out * math.exp(-clean / heat[epoch]), out
            generator = np.array([[-rates[0], rates[1]], [rates[0], -rates[1]]])  # of the masses (free, stuck)
            share = float((expm(generator * time) @ [1 - share, share])[1])
        assert value == pytest.approx(0.0005 + 0.999 * share, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "variable", "rising"),
    [
        ("flow time left", lambda each: each.schedule.flow_time_left, False),
        ("flow time spent", lambda each: each.schedule.flow_time_spent, True),
        ("loss threshold", lambda each: each.deficit_loss, False),
    ],
)
def test_a_logistic_depends_on_its_variable_alone(name, variable, rising):
    seen = made_up(0.5, 10, 0, losses=np.random.default_rng(0).random(len(ARMS) * 11))
    values = np.array([variable(each) for each in seen])
    hypothesis, given = find_hypothesis(name), design(seen)
    low, high = hypothesis.bounds(given)
    for least, most in ((0.1, 0.8), (0.8, 0.1)):
        parameters = np.array([*((low + high) / 2)[:2], least, most])
        predicted = hypothesis.predict(parameters, given)[np.argsort(values)]
        steps = np.diff(predicted)
        assert (steps >= -1e-12).all() if rising else (steps <= 1e-12).all()
        assert predicted.min() > 0.09 and predicted.max() < 0.81 and np.ptp(predicted) > 0.1


def test_all_hypotheses_have_as_many_parameters():
    assert {len(each.parameters) for each in HYPOTHESES} == {4}
    assert len({each.name for each in HYPOTHESES}) == 4


@pytest.mark.parametrize("hypothesis", HYPOTHESES, ids=lambda hypothesis: hypothesis.name)
def test_a_fit_finds_the_family_that_made_the_counts_and_rejects_others(hypothesis):
    """The deviance of binomial counts has its chi-square law, but where few are expected."""
    seed = fresh_seed()
    losses = np.random.default_rng(seed).uniform(0.01, 0.5, len(FEW) * 11)
    dummy = made_up(0.5, 10, seed, arms=FEW, losses=losses)
    seen = made_up(hypothesis.predict(TRUE[hypothesis.name], design(dummy)), 2000, seed, arms=FEW, losses=losses)
    found = fit(hypothesis, seen)
    freedom = found.degrees_of_freedom
    assert freedom == len(seen) - 4
    assert found.deviance < freedom + 5 * math.sqrt(2 * freedom), (found.deviance, found.parameters)
    right = hypothesis.predict(TRUE[hypothesis.name], design(dummy))
    assert np.abs(found.predicted - right).max() < 5 * np.sqrt(0.25 / 2000)
    for other in HYPOTHESES:
        if other is not hypothesis:
            wrong = fit(other, seen)
            assert wrong.deviance > freedom + 12 * math.sqrt(2 * freedom), (other.name, wrong.deviance)
