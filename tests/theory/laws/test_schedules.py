"""Step decay, constant rate and fixed totals against sums over epochs, root finding and the Fokker-Planck equation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, optimize

from slt_toys.potentials.catalogue import pairs
from slt_toys.protocol.exact import exact_stuck_probability
from slt_toys.protocol.schedule import Ending
from slt_toys.protocol.training import ExponentialDecay, Training

SIZE, VARIANCE, RATE, DECAY = 50_000, 3072, 0.05, 0.97


def escapes(learning_rate, batch_size, height, attempt=1.0, power=0.0, momentum=0.0):
    """Escapes in one epoch, from the definitions of temperature and clock."""
    temperature = learning_rate * VARIANCE / (2 * batch_size * (1 - momentum))
    time = learning_rate * SIZE / (batch_size * (1 - momentum))
    return attempt * temperature**power * np.exp(-height / temperature) * time


def test_escapes_per_epoch(evaluate):
    law = evaluate(
        "hazard-per-epoch", learning_rate=0.03, batch_size=64, barrier_height=0.5, attempt_rate=0.2,
        rate_temperature_power=0.5, momentum=0.3, gradient_variance=VARIANCE, dataset_size=SIZE,
    )  # fmt: skip
    assert law == pytest.approx(escapes(0.03, 64, 0.5, 0.2, 0.5, 0.3), rel=1e-12)


def staircase_end(batch_size: float, stage: int, factor: float, height: float = 0.6, stages: int = 60) -> float:
    """Switch epoch with ln 2 escapes left, by adding up whole stages backwards."""
    per_epoch = escapes(RATE * factor ** np.arange(stages), batch_size, height)
    left = 0.0
    for n in reversed(range(stages)):
        if left + stage * per_epoch[n] >= np.log(2):
            return optimize.brentq(
                lambda e, n=n, left=left: ((n + 1) * stage - e) * per_epoch[n] + left - np.log(2),
                n * stage,
                (n + 1) * stage,
            )
        left += stage * per_epoch[n]
    raise AssertionError("more than ln 2 escapes are never reached")


@pytest.mark.parametrize(("stage", "factor"), [(30, 0.5), (20, 0.8)])
def test_step_decay(evaluate, stage, factor):
    batches = 64 * factor ** np.linspace(0, 1, 6)
    ends = [staircase_end(b, stage, factor) for b in batches]
    for batch_size, end in zip(batches, ends, strict=True):
        n = int(end // stage)
        later = sum(stage * escapes(RATE * factor**k, batch_size, 0.6) for k in range(n + 1, 60))
        law = evaluate(
            "critical-period-end-step-decay",
            stage_end=(n + 1) * stage,
            critical_hazard=np.log(2),
            later_hazard=later,
            hazard_per_epoch=escapes(RATE * factor**n, batch_size, 0.6),
        )
        assert law == pytest.approx(end, abs=1e-6)
    # Exact only for whole powers of the factor, and visibly not between (negative control).
    assert ends[-1] - ends[0] == pytest.approx(stage, abs=1e-6)
    smooth = ends[0] + stage * np.linspace(0, 1, 6)
    if factor == 0.5:
        assert np.abs(np.array(ends) - smooth).max() > 0.5


def test_constant_learning_rate(evaluate):
    per_epoch = escapes(0.004, 64, 0.6)
    assert 240 * per_epoch > np.log(2)
    end = optimize.brentq(lambda e: integrate.quad(lambda u: per_epoch, e, 240)[0] - np.log(2), 0, 240)
    law = evaluate(
        "critical-period-end-constant", total_epochs=240, critical_hazard=np.log(2), hazard_per_epoch=per_epoch
    )
    assert law == pytest.approx(end, abs=1e-8)


def test_constant_learning_rate_with_further_epochs_has_no_end():
    # Fokker-Planck: the same stuck probability whenever the switch comes, but a decline for a fixed total.
    training = Training(256, SIZE, lambda epochs: np.full(len(epochs), 0.02), VARIANCE)
    pair = pairs()["regular_double_well"]
    further = exact_stuck_probability(pair, training, [0, 20, 40], Ending("further", 30), cells=400)
    assert np.ptp(further) < 1e-6
    total = exact_stuck_probability(pair, training, [0, 20, 40], Ending("total", 70), cells=400)
    assert np.all(np.diff(total) > 1e-3)


def test_fixed_total_if_flow_time_decides(evaluate):
    endless, total = 60.0, 90.0
    needed = DECAY**endless / (1 - DECAY)
    end = optimize.brentq(lambda e: (DECAY**e - DECAY**total) / (1 - DECAY) - needed, 0, 89)
    law = evaluate(
        "finite-horizon-correction-flow-time", decay=DECAY, endless_critical_period_end=endless, total_epochs=total
    )
    assert law == pytest.approx(end, abs=1e-8)


def test_fixed_total_if_escapes_decide(evaluate):
    """Root finding on the integrated hazard: the law's relative defect is of the order of the shift."""
    height, power = 0.85, 0.25

    def hazard(epoch):
        return escapes(RATE * DECAY**epoch, 64, height, 0.01, power)

    def end(until):
        return optimize.brentq(
            lambda e: integrate.quad(hazard, e, until, epsrel=1e-12)[0] - np.log(2), -50, until - 1e-3
        )

    endless = end(300.0)
    temperature = RATE * DECAY**endless * VARIANCE / 128
    ratios = []
    for further in (14, 18, 24):
        law = evaluate(
            "finite-horizon-correction",
            reduced_barrier=height / temperature,
            rate_temperature_power=power,
            total_epochs=endless + further,
            epoch=endless,
            decay=DECAY,
        )
        shift = end(endless + further) - endless
        assert law < 0
        ratios.append(shift / law - 1)
        assert abs(ratios[-1]) < 0.4 * abs(law) + 1e-4
    assert abs(ratios[0]) > abs(ratios[1])


def test_fixed_total_in_the_reference_case(evaluate):
    """(w^2-1)^2 -+ .15 w at B = 64 by Fokker-Planck: the law has no return over the barrier and continuous epochs."""
    training = Training(64, SIZE, ExponentialDecay(RATE, DECAY), VARIANCE)
    pair = pairs()["regular_double_well"]
    switches = np.arange(54, 62)

    def end(ending):
        stuck = exact_stuck_probability(pair, training, switches, ending)
        return np.interp(0.5, stuck, switches)

    endless = end(Ending("further", 200))
    assert endless == pytest.approx(58.30, abs=0.05)
    temperature = RATE * DECAY**endless * VARIANCE / 128
    height = pair.clean.energy_function()(np.array([[pair.clean.barrier()]]))[0] - pair.clean.minimum_loss("left")
    shifts, laws, times = [], [], []
    for total in (75, 80):
        shifts.append(end(Ending("total", total)) - endless)
        laws.append(
            evaluate(
                "finite-horizon-correction",
                reduced_barrier=height / temperature,
                rate_temperature_power=0,
                total_epochs=total,
                epoch=endless,
                decay=DECAY,
            )
        )
        values = {"decay": DECAY, "endless_critical_period_end": endless, "total_epochs": total}
        times.append(evaluate("finite-horizon-correction-flow-time", **values) - endless)
    ratio = np.array(shifts) / laws
    assert np.all((ratio > 1) & (ratio < 1.5)), ratio
    assert np.all(
        np.array(times) < 10 * np.array(shifts)
    )  # negative control: flow time left would give tens of times more
