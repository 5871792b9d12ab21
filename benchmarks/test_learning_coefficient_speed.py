"""Gradients of sixteen chains in one tensor, beside a loop over modules as one would write it."""

from __future__ import annotations

import copy

import pytest

from benchmarks.measure import Contender, compare, machine

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
