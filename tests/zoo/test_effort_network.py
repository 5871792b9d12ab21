"""Effort of two layers: slopes by three routes, one law, dynamic programming, and what the best effort does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from slt_toys.zoo import effort_network as net
from slt_toys.zoo.semantic_development import features
from tests.seeds import fresh_generator, fresh_seed

SHORT = net.Task(steps=60, step=0.2, hold=10, strength=1e-2)


def test_the_adjoint_s_slopes_are_those_of_torch():
    """J of the same scheme, differentiated through every step by torch."""
    random, start = fresh_generator(), net.Start.random(SHORT, fresh_seed(), 0.2)
    effort = tuple(0.05 * random.standard_normal(layer.shape) for layer in net.efforts(SHORT))
    found = net.run(SHORT, start, (effort[0], effort[1]))
    g1, g2 = gains = [torch.tensor(layer, requires_grad=True) for layer in effort]
    w1, w2, target = (torch.tensor(x) for x in (start.first, start.second, features()))
    value = torch.zeros((), dtype=torch.float64)
    for k in range(SHORT.steps):
        up, down = 1 + g1[k // SHORT.hold], 1 + g2[k // SHORT.hold]
        a, b = w1.detach().requires_grad_() if k == 0 else w1, w2.detach().requires_grad_() if k == 0 else w2
        loss = ((target - (b * down) @ (a * up)) ** 2).sum() / 16 + 0.005 * ((a**2).sum() + (b**2).sum())
        cost = torch.exp(0.3 * ((up - 1) ** 2).sum() + 0.3 * ((down - 1) ** 2).sum()) - 1
        value = value - SHORT.step * SHORT.discount ** (k * SHORT.step) * (loss + cost)
        slopes = torch.autograd.grad(loss, (a, b), create_graph=True)
        w1, w2 = a - SHORT.step * slopes[0], b - SHORT.step * slopes[1]
    assert found.value == pytest.approx(value.item(), rel=1e-12)
    for own, other in zip(found.slopes, torch.autograd.grad(value, gains), strict=True):
        np.testing.assert_allclose(own, other.numpy(), rtol=1e-9, atol=1e-12)


def test_by_layer_the_network_is_its_levels():
    """J and its slope by the modes alone, from any turn of a balanced start; not from a random one."""
    effort, task = 0.4 * fresh_generator().random(net.REFERENCE.blocks), net.REFERENCE
    value, slope, kept = net.run_modes(task, net.Modes.of_tree(), effort)
    whole = net.run(task, net.Start.decoupled(task, fresh_seed()), net.efforts(task, effort), by_layer=True)
    assert whole.value == pytest.approx(value, rel=1e-11)
    np.testing.assert_allclose(sum(x.sum(axis=(1, 2)) for x in whole.slopes), slope, rtol=1e-9, atol=1e-10)
    seen = (1 + effort[-1]) ** 2 * kept[-1] / (net.ITEMS * np.array(net.Modes.of_tree().correlations))
    np.testing.assert_allclose(net.level_strengths(whole.outputs)[-1], seen, rtol=1e-9)
    other = net.run(task, net.Start.random(task, fresh_seed()), net.efforts(task, effort), by_layer=True)
    assert abs(other.value - value) > 1e-3 * abs(value)


def test_constant_effort_follows_its_law_to_the_order_of_the_step():
    """[eq:geared-mode-strength]: half the step, half the error; without the effort's fourth power nothing agrees."""
    errors = []
    for step in (0.04, 0.02):
        task = net.Task(steps=round(16 / step), step=step, hold=10, strength=1e-3)
        tree = net.Modes.of_tree()
        kept = net.run_modes(task, tree, np.full(task.blocks, 0.25))[2][-1]
        errors.append(np.abs(kept - tree.strengths(task, 0.25, 16.0)).max())
    assert errors[1] < 0.02 and 1.6 < errors[0] / errors[1] < 2.4


def test_the_best_effort_is_that_of_dynamic_programming():
    """A finer grid comes nearer; a cost that is not the model's own is far off."""
    task, one = replace(net.REFERENCE, steps=900), net.Modes(net.Modes.of_tree().correlations[:1], (1,))
    best = net.run_modes(task, one, net.best_of_modes(task, one))[0]
    coarse, fine = (net.programmed_value(task, one.correlations[0], points) for points in (60, 240))
    assert abs(fine - best) < 5e-3 and abs(fine - best) < abs(coarse - best)
    assert abs(net.programmed_value(replace(task, cost=0.4), one.correlations[0], 240) - best) > 0.1


def test_an_ascent_ends_where_nothing_can_be_gained():
    """By weight: J's slope vanishes where no bound holds; from one start, twice the rounds add next to nothing."""
    start = net.Start.decoupled(SHORT, fresh_seed())
    few, many = (net.best(SHORT, start, rounds=n) for n in (400, 800))
    found = net.run(SHORT, start, many)
    for layer, slope in zip(many, found.slopes, strict=True):
        free = np.abs(layer) < net.BOUND
        assert np.abs((slope / SHORT.weights[:, None, None])[free]).max() < 1e-3
    assert abs(found.value - net.run(SHORT, start, few).value) < 1e-4 * abs(found.value)
    assert found.value > net.run(SHORT, start, net.efforts(SHORT)).value


def test_effort_is_early_and_learning_is_sooner():
    task, tree = net.REFERENCE, net.Modes.of_tree()
    effort = net.best_of_modes(task, tree)
    assert effort[0] == net.BOUND and (np.diff(effort) < 1e-3).all() and effort[-1] < 0.2
    half, learned = np.array(tree.correlations) * net.ITEMS / 2, []
    for paid in (effort, np.zeros(task.blocks)):
        seen = (1 + paid[:, None]) ** 2 * net.run_modes(task, tree, paid)[2][:: task.hold][:-1]
        learned.append((seen > half).argmax(axis=0))
    assert (learned[0] > 0).all() and (learned[0] < 0.7 * learned[1]).all()


@pytest.mark.parametrize(
    ("given", "told"),
    [({"hidden": 7}, "hidden must be at least 8"), ({"steps": 100}, "steps must be a multiple of hold = 15, not 100")],
)
def test_refusals(given, told):
    with pytest.raises(ValueError, match=told):
        net.Task(**given)
