"""Recorded operations give what they were recorded from, or are not used."""

from __future__ import annotations

import torch
from torch import nn

from slt_toys.learning_coefficient.deep_linear import half_squared_error
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from slt_toys.learning_coefficient.traced_loss import OFTEN, SMALL, TracedSlopes
from tests.seeds import fresh_generator


class Counted:
    """The slopes and values of Σ w⁴, and how often they were asked for here."""

    def __init__(self):
        self.calls = 0

    def __call__(self, w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.calls += 1
        return 4 * w**3, (w**4).sum(1)


def drawn(*shape: int) -> torch.Tensor:
    return torch.from_numpy(fresh_generator().standard_normal(shape))


def test_what_is_asked_often_is_recorded_once_for_each_shape():
    plain = Counted()
    traced = TracedSlopes(plain)
    for shape in ((4, 3), (2, 3)):
        for _ in range(OFTEN):
            traced(drawn(*shape))
        begun = plain.calls
        w = drawn(*shape)
        slopes, values = traced(w)
        assert plain.calls == begun, "Python is not asked any more"
        assert torch.equal(slopes, 4 * w**3) and torch.equal(values, (w**4).sum(1))
        assert not values.requires_grad


def test_what_comes_out_otherwise_is_not_used():
    """A function that looks at the numbers, of which a record keeps but one branch; and what cannot be recorded."""

    def branched(w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        factor = 2.0 if w.detach().numpy()[0, 0] > 0 else 3.0
        return factor * w, (factor * w**2).sum(1) / 2

    traced = TracedSlopes(branched)
    for sign in (1.0, -1.0) * OFTEN:
        w = sign * drawn(4, 3).abs()
        assert torch.equal(traced(w)[0], (2.0 if sign > 0 else 3.0) * w)


def test_many_numbers_are_left_alone():
    plain = Counted()
    traced, w = TracedSlopes(plain), torch.zeros(2, SMALL)
    for _ in range(OFTEN + 5):
        traced(w)
    assert plain.calls == OFTEN + 5


def test_a_stacked_loss_gives_the_same_bits_before_and_after():
    generator = torch.Generator().manual_seed(int(fresh_generator().integers(2**31)))
    for module in (
        nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)),
        nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.GELU(), nn.Linear(4, 2)),
    ):
        module = module.double()
        data = torch.randn(20, 3, generator=generator).double(), torch.randn(20, 2, generator=generator).double()
        loss = StackedLoss(module, half_squared_error, *data)
        w = loss.start + 0.1 * torch.randn(5, len(loss.start), generator=generator)
        before = loss.values_and_gradients(w)
        for _ in range(OFTEN + 1):
            after = loss.values_and_gradients(w)
        assert loss._traced is not None and loss._traced._recorded
        assert all(torch.allclose(a, b, rtol=1e-13, atol=1e-15) for a, b in zip(before, after, strict=True))
        elsewhere = loss.moved_to(loss.start + 1)
        assert torch.equal(elsewhere.values_and_gradients(w)[0], before[0])


def test_data_that_are_taken_in_pieces_are_not_recorded():
    module, x = nn.Linear(3, 1).double(), drawn(20, 3)
    loss = StackedLoss(module, half_squared_error, x, x[:, :1], examples_at_once=7)
    assert loss._traced is None
