"""Gradients of sixteen chains in one tensor beside a loop over modules, and whole chain-steps beside devinterp's."""

from __future__ import annotations

import copy
import time

import numpy as np
import pytest

from benchmarks.measure import Contender, Unavailable, compare, machine

torch = pytest.importorskip("torch")

CHAINS = 16


def deep_linear():
    from slt_toys.learning_coefficient.deep_linear import deep_linear_problem, half_squared_error

    problem = deep_linear_problem((10, 5, 10), 2, seed=1)
    return problem.module, half_squared_error, problem.inputs, problem.targets


def convolutions():
    from cifar.training.networks import make_network

    generator = torch.Generator().manual_seed(1)
    images = torch.randn(32, 3, 32, 32, generator=generator)
    labels = torch.randint(0, 10, (32,), generator=generator)
    return make_network("all_cnn", width=8).eval(), torch.nn.functional.cross_entropy, images, labels


@pytest.mark.parametrize(("case", "most"), [(deep_linear, 0.4), (convolutions, 1.5)])
def test_stacked_gradients_against_a_loop(benchmark, case, most):
    """CPU time of the gradients of all chains, ours over the loop's: the median of paired ratios."""
    from slt_toys.learning_coefficient.stacked_loss import StackedLoss

    torch.set_num_threads(1)
    module, loss, inputs, targets = case()
    stacked = StackedLoss(module, loss, inputs, targets)
    generator = torch.Generator().manual_seed(2)
    noise = torch.randn(CHAINS, len(stacked.start), generator=generator, dtype=stacked.start.dtype)
    chains = stacked.start + 0.01 * noise
    modules = [copy.deepcopy(module) for _ in range(CHAINS)]
    for copied, row in zip(modules, chains, strict=True):
        torch.nn.utils.vector_to_parameters(row, copied.parameters())

    def loop():
        gradients = []
        for copied in modules:
            slopes = torch.autograd.grad(loss(copied(inputs), targets), list(copied.parameters()))
            gradients.append(torch.cat([slope.reshape(-1) for slope in slopes]))
        return gradients

    torch.testing.assert_close(stacked.values_and_gradients(chains)[1], torch.stack(loop()), rtol=1e-3, atol=1e-5)
    ours = Contender("stacked", lambda: stacked.values_and_gradients(chains), CHAINS)
    plain = Contender("loop", loop, CHAINS)

    found = benchmark.pedantic(compare, args=(ours, plain), rounds=1)
    benchmark.extra_info["loop"] = found.in_milliseconds()
    print(
        f"\n{machine()}\n{case.__name__}: {1e3 * found.our_cost.cpu:.3g} ms of CPU time per gradient of one chain, "
        f"{1e3 * found.other_cost.cpu:.3g} ms by a loop; {found.spread()}"
    )
    assert found.ratio < most


STEPS = {"3-1": 200, "10-8-1": 200, "50-20-10": 200, "784-32-10": 60, "784-256-10": 24, "784-800-400-10": 8}


@pytest.mark.peers
@pytest.mark.parametrize("name", STEPS)
def test_chain_steps_against_devinterp(name):
    """CPU time per step of one chain, devinterp's over ours, in turns: the median of paired ratios.

    Beside them a bare gradient of the same minibatch, which both take at every step: the bound of any ratio.
    """
    from benchmarks.coefficient_peers import Task, seconds_per_step

    torch.set_num_threads(1)
    task = Task(name, step_size=1e-7)
    try:
        ours, theirs = task.ours(CHAINS), task.devinterp(4)
    except Unavailable as reason:
        pytest.skip(str(reason))
    runs = (ours, CHAINS), (theirs, 4), (task.bare(), 1)
    for run, _ in runs:
        run(3)
    pairs = [[seconds_per_step(run, STEPS[name]) / chains for run, chains in runs] for _ in range(5)]
    costs, ratios = np.median(pairs, 0), [b / a for a, b, _ in pairs]
    print(
        f"\n{machine()}\n{name}, {task.parameters} parameters: {1e3 * costs[0]:.3g} ms of CPU time per chain-step, "
        f"devinterp {1e3 * costs[1]:.3g} ms: {np.median(ratios):.3g} times ({min(ratios):.3g} to {max(ratios):.3g}); "
        f"a bare gradient {1e3 * costs[2]:.3g} ms, by which at most {np.median([b / c for _, b, c in pairs]):.3g} times"
    )
    assert np.isfinite(ratios).all()


@pytest.mark.peers
def test_effective_draws_against_devinterp():
    """CPU time per effective draw of the energy: devinterp's chains, ours on minibatches, and Hamiltonian ones."""
    from benchmarks.coefficient_peers import BATCH, EXAMPLES, N_BETA, PULL, Task
    from slt_toys import local_learning_coefficient
    from slt_toys.samplers.statistics import summarise

    torch.set_num_threads(1)
    task = Task("10-8-1", step_size=5e-4)
    try:
        theirs = task.devinterp(4)
    except Unavailable as reason:
        pytest.skip(str(reason))

    def hamiltonian(draws: int) -> np.ndarray:
        return local_learning_coefficient(
            task.module, torch.nn.functional.mse_loss, (task.inputs, task.targets), n_beta=N_BETA, localisation=PULL,
            draws=draws, seed=1,
        ).energies  # fmt: skip

    costs = {}
    for way, run, steps in (
        ("devinterp", theirs, 2000),
        ("minibatches", task.ours(CHAINS), 2000),
        ("hmc", hamiltonian, 200),
    ):
        begun = time.process_time()
        energies = run(steps)
        spent = time.process_time() - begun
        costs[way] = 1e3 * spent / float(summarise(energies[:, steps // 5 :])[3])
    print(
        f"\n{machine()}\n10-8-1, minibatches of {BATCH} of {EXAMPLES}, ms of CPU time per effective draw: "
        + ", ".join(f"{way} {cost:.3g}" for way, cost in costs.items())
    )
    assert all(cost > 0 for cost in costs.values())
