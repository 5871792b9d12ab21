"""Wrong kernels of SGD are caught: noise, examples missed, lazy shuffles, normals used again."""

from __future__ import annotations

import pytest

from slt_toys.kernels import sgd as kernels_sgd
from slt_toys.kernels.codegen import load_module
from slt_toys.potentials.examples import GaussianGradients
from slt_toys.samplers import SGD, Stage
from slt_toys.samplers import sgd as sgd_module
from tests.samplers import test_sgd as checks
from tests.samplers.final_points import agree
from tests.samplers.made_sgd import QUADRATIC, pointers
from tests.samplers.made_stages import FLAT, increments


@pytest.mark.parametrize(
    ("wrong", "replacement"),
    [
        ("momentum * w[", "0.8 * momentum * w["),
        ("spread * normal", "1.2 * spread * normal"),
        ("- dt * (", "- 1.3 * dt * ("),
    ],
    ids=["momentum", "noise", "learning rate"],
)
def test_wrong_sgd_is_caught(wrong, replacement, monkeypatch):
    source = kernels_sgd.gaussian_source(GaussianGradients(QUADRATIC, 3.0), "with_replacement", False)
    assert wrong in source
    module = load_module(source.replace(wrong, replacement), "wrong")
    monkeypatch.setattr(sgd_module, "gaussian_kernel", lambda *_: module)
    with pytest.raises(AssertionError):
        checks.test_additive_noise_has_the_exact_discrete_law(0.3, 0.6, False, 2)


def test_a_sampler_that_misses_the_last_example_is_caught(monkeypatch):
    source = kernels_sgd.examples_source(pointers(5), "with_replacement", False)
    assert "left = float(size)" in source
    module = load_module(source.replace("left = float(size)", "left = float(size - 1)"), "wrong")
    monkeypatch.setattr(sgd_module, "examples_kernel", lambda *_: module)
    with pytest.raises(AssertionError):
        checks.test_with_replacement_draws_every_example_equally_often()


def test_a_lazy_shuffle_is_caught(monkeypatch):
    """Swapping with any example, not with one still to come, visits some twice."""
    source = kernels_sgd.examples_source(pointers(4), "reshuffled", False)
    any_example = {
        "left = float(size - (start + member))": "left = float(size)",
        "other = here + index * L": "other = here + (index - U(start + member)) * L",
    }
    for right, wrong in any_example.items():
        assert right in source
        source = source.replace(right, wrong)
    module = load_module(source, "wrong")
    monkeypatch.setattr(sgd_module, "examples_kernel", lambda *_: module)
    with pytest.raises(AssertionError):
        checks.test_reshuffling_visits_each_example_once_and_every_order_equally_often()


def test_left_over_normals_are_not_used_again(monkeypatch):
    """A step's added noise and the next stage's minibatch noise are independent; without the book they would not be."""
    target = GaussianGradients(FLAT, 1.0)

    def check() -> None:
        noisy = SGD(1.0, 1, added_noise=1.0)
        noise = increments([Stage(target, noisy, None, 3), Stage(target, SGD(1.0, 1), None, 2)])
        agree(noise[:, 2] * noise[:, 3], 0.0)
        agree(noise[:, 3] * noise[:, 4], 0.0)

    check()
    # Negative control: the same kernels without the count of normals in the book.
    compiled = kernels_sgd.gaussian_kernel

    def forgetful(target, order, noisy):
        source = kernels_sgd.gaussian_source(target, order, noisy)
        if noisy:
            return compiled(target, order, noisy)
        right = "if step % 2 == 0 or w[U(130)] != 1.0:"
        assert right in source
        return load_module(source.replace(right, "if step % 2 == 0:"), "wrong")

    monkeypatch.setattr(sgd_module, "gaussian_kernel", forgetful)
    with pytest.raises(AssertionError):
        check()


def test_factors_of_1_leave_the_kernel_as_it_is():
    """Kernels of isotropic noise are printed as before, and one factor is one loop."""
    plain = kernels_sgd.gaussian_source(GaussianGradients(QUADRATIC, 3.0), "with_replacement", False)
    one, two = (GaussianGradients(QUADRATIC, 3.0, factors=(each,)) for each in (1.0, 2.25))
    assert kernels_sgd.gaussian_source(one, "with_replacement", False) == plain
    scaled = kernels_sgd.gaussian_source(two, "with_replacement", False)
    assert scaled.count("*= 1.5") == 1 and "*=" not in plain
