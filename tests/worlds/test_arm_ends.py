"""Ends three ways: kernel and SGD agree in every arm, redundant arms are named, and what cannot be had says why."""

from __future__ import annotations

import pytest

from slt_toys.potentials.catalogue import find_pair
from slt_toys.protocol.arms import ARMS, find_arm
from slt_toys.protocol.sgd_pair import NoisyPair
from slt_toys.protocol.training import ExponentialDecay, Training
from slt_toys.worlds.arm_ends import REDUNDANT, ArmEnd, arm_ends
from tests.seeds import fresh_seed

BASE = Training(128, 50_000, ExponentialDecay(0.05, 0.97), 3072.0)
NOISY = NoisyPair(find_pair("regular_double_well"), 3072.0, 0.6)


def ends_of(names: list[str], switches: range, runs: int, langevin: bool = False) -> dict[str, ArmEnd]:
    found = arm_ends(
        NOISY, BASE, [find_arm(name) for name in names], switches, 100, 0.5, runs=runs, seed=fresh_seed(),
        langevin=langevin,
    )  # fmt: skip
    return {end.arm: end for end in found}


@pytest.mark.slow
def test_kernel_and_sgd_end_together_and_copies_are_named():
    ends = ends_of(
        ["control", "linear scaling", "loss-dependent noise", "weight averaging", "reset at the switch"],
        range(20, 51, 5), 1_000,
    )  # fmt: skip
    for name in ("control", "loss-dependent noise"):
        end = ends[name]
        assert end.kernel is not None and end.kernel.epoch is not None and end.sampled is not None
        assert end.sampled.epoch is not None and abs(end.kernel.epoch - end.sampled.epoch) < 5 * 0.45
        assert end.distance < 5 and end.error < 1e-3 and not end.redundant_with
    assert ends["control"].kernel.epoch == pytest.approx(35.6, abs=0.1)  # type: ignore[union-attr]
    assert {name: ends[name].redundant_with for name in ("linear scaling", "weight averaging")} == {
        "linear scaling": "control", "weight averaging": "control",
    }  # fmt: skip
    assert 0 < ends["linear scaling"].difference < REDUNDANT and ends["weight averaging"].difference == 0
    assert ends["reset at the switch"].kernel.state == "later"  # type: ignore[union-attr]


@pytest.mark.slow
def test_anisotropic_noise_ends_where_a_second_coordinate_is_coupled():
    """Beside its own control, which it ends ten epochs after: what temperature it is told predicts no shift."""
    end = ends_of(["anisotropic noise"], range(0, 61, 5), 2_000)["anisotropic noise"]
    assert (
        end.pair == "regular_double_well in a leaning valley, 16 times fewer examples and more runs" and not end.refusal
    )
    assert end.control is not None and end.control.epoch == pytest.approx(17.9, abs=0.2)
    assert end.kernel is not None and end.kernel.epoch == pytest.approx(28.3, abs=0.2)
    assert end.sampled is not None and end.sampled.epoch is not None and end.langevin is None
    assert end.kernel.epoch is not None
    assert abs(end.sampled.epoch - end.kernel.epoch) < 5 * 0.2 and end.runs == 32_000
    assert end.distance < 5 and end.error < 5e-3 and not end.redundant_with


def test_an_experiments_own_coupled_pair_says_what_the_kernel_costs():
    walls = NoisyPair(find_pair("normal_crossing_against_point"), 1.0, 0.5)
    (end,) = arm_ends(walls, BASE, [find_arm("control")], [0, 5], 5, 0.5, runs=20, seed=1, langevin=False)
    assert end.kernel is None and "two coupled coordinates: the kernel takes minutes" in end.refusal


def test_a_fixed_order_is_sampled_where_the_kernel_refuses():
    end = ends_of(["fixed order"], range(0, 41, 8), 300)["fixed order"]
    assert end.kernel is None and "a fixed order repeats" in end.refusal
    assert end.sampled is not None and end.sampled.epoch is not None and 10 < end.sampled.epoch < 26


@pytest.mark.slow
def test_every_arm_ends_within_half_an_epoch_of_its_kernel():
    """5 000 runs at each of two switch epochs: the end's standard error is about .15 epochs."""
    ends = ends_of([arm.name for arm in ARMS], range(0, 101, 5), 5_000, langevin=True)
    known = {"control": 35.6, "halve the batch": 58.3, "momentum": 58.0, "reshuffled": 31.8,
             "halve the learning rate": 12.9}  # fmt: skip
    for name, end in ends.items():
        if name == "fixed order":
            continue
        assert end.kernel is not None and end.sampled is not None, name
        assert end.kernel.state == end.sampled.state and end.distance < 5, name
        if end.kernel.epoch is not None and end.sampled.epoch is not None:
            assert abs(end.kernel.epoch - end.sampled.epoch) < 0.8, name
        if name in known:
            assert end.kernel.epoch == pytest.approx(known[name], abs=0.15)
    assert ends["reshuffled"].langevin is not None and ends["reshuffled"].langevin.epoch == pytest.approx(35.6, abs=0.1)
    copies = {name: end.redundant_with for name, end in ends.items() if end.redundant_with}
    assert copies == {"linear scaling": "control", "momentum": "halve the batch", "Nesterov momentum": "control",
                      "label noise": "added gradient noise", "weight averaging": "control"}  # fmt: skip
