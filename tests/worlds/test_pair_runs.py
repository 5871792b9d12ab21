"""Runs of a pair: the control's temperature is found where the switch epochs can show its end."""

from __future__ import annotations

from slt_toys.critical_period import CriticalPeriod
from slt_toys.protocol.arms import CONTROL
from slt_toys.protocol.exact import exact_stuck_in_arm
from slt_toys.worlds.pair_runs import MIDDLE, USUAL_TEMPERATURE, control_temperature


def test_a_temperature_is_found_at_which_the_control_ends_among_the_switch_epochs():
    config = CriticalPeriod(clean="6*((w**2-1)**2 - 0.15*w)", switch_epochs=tuple(range(0, 101, 20)))
    pair = config.potentials()
    found = control_temperature(pair, config.training, config.switch_epochs, config.epochs_after, config.level)
    low, high = (round(share * config.switch_epochs[-1]) for share in MIDDLE)

    def control(temperature: float) -> list[float]:
        runs = [CONTROL.schedule(config.training(temperature), switch, config.epochs_after) for switch in (low, high)]
        return exact_stuck_in_arm(pair, runs).tolist()

    before, after = control(found)
    assert before < config.level < after
    cold = control(USUAL_TEMPERATURE)
    assert not cold[0] < config.level < cold[1]  # where 0.6 would do, nothing is searched
