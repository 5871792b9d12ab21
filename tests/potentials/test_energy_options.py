"""Walls, phases and parameters of an energy as options: the same in every experiment, and refused in one line."""

from __future__ import annotations

import pytest

from slt_toys.critical_period import CriticalPeriod
from slt_toys.equi_temperature import EquiTemperature
from slt_toys.four_way_check import FourWayCheck
from slt_toys.phase_diagram import PhaseDiagram
from slt_toys.potentials.energy_options import EnergyOptions
from slt_toys.potentials.potential import Potential
from slt_toys.results.progress import command_line
from slt_toys.temperature import Temperature

DOUBLE = "(w**2-1)**2 - a*w"
EXPERIMENTS = {
    "phase_diagram": (PhaseDiagram, "--potential", lambda own: own.pair().clean),
    "temperature": (Temperature, "--potential", lambda own: own.energy()),
    "critical_period": (CriticalPeriod, "--clean", lambda own: own.potentials().clean),
    "equi_temperature": (EquiTemperature, "--potential", lambda own: own.pair().clean),
    "four_way_check": (FourWayCheck, "--potential", lambda own: own.chosen()[0]),
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_takes_the_same_options(name):
    experiment, option, read = EXPERIMENTS[name]
    said = ["--box", "-3", "3", "--boundary", "reflecting", "--phase", "near=-1", "--phase", "far=1:1/2"]
    seen: list[Potential] = []
    arguments = [option, DOUBLE, *said, "--parameter", "a=0.2"]
    assert command_line(experiment, lambda chosen: seen.append(read(chosen)), arguments) == 0
    (own,) = seen
    assert own.box == ((-3.0, 3.0),) and own.boundary == "reflecting"
    assert [phase.name for phase in own.phases] == ["near", "far"]
    derived = Potential.from_expression(DOUBLE, box=(-3, 3), parameters={"a": "0.2"})
    assert own.bound_energy == derived.bound_energy
    assert [p.minimum for p in own.phases] == [p.minimum for p in derived.phases]


@pytest.mark.parametrize("name", EXPERIMENTS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--box", "-3", "3"], "--box goes with an energy of your own"),
        (["--phase", "left=-1"], "--phase goes with an energy of your own"),
        (["--parameter", "a=1"], "--parameter goes with an energy of your own"),
        (["--boundary", "periodic"], "--boundary periodic needs --box LOW HIGH"),
        (["--box", "3", "-3"], "--box must be pairs LOW HIGH with LOW below HIGH, not 3 -3"),
        (["--box", "-3", "3", "5"], "--box must be pairs LOW HIGH"),
        (["--box", "a", "3"], "--box must be a real number such as 1.5, 1/3 or 2*pi, not 'a'"),
        (["--parameter", "a"], "--parameter must be NAME=VALUE, such as a=0.15, not 'a'"),
        (["--parameter", "a=w"], "--parameter a must be a real number"),
        (["--parameter", "a=1", "--parameter", "a=2"], "--parameter must have different names; 'a' comes twice"),
        (["--phase", "left=0", "--phase", "left=1"], "--phase must have different names; 'left' comes twice"),
        (["--phase", "left"], "--phase must be NAME=POINT[:λ[:m]], such as left=-1"),
    ],
)
def test_options_without_an_energy_or_a_meaning_are_refused_in_one_line(name, arguments, message, capfd):
    experiment, _, read = EXPERIMENTS[name]
    assert command_line(experiment, read, arguments) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and message in said, said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--potential", "w**2*(2+sin(w))"], "--potential"),
        (["--potential", "(w1*w2-1)**2"], "or give --box LOW HIGH"),
        (["--potential", "(w**2-1)**2"], "give --deficit"),
        (["--potential", "(w**2-1)**2 - w/5", "--box", "-2", "3"], "give --box about the middle of its wells"),
        (["--potential", "(w**2-1)**2 - w/5", "--box", "1.5", "3"], "enlarge --box or declare --phase"),
        (
            ["--potential", "(w**2-1)**2 - w/5", "--box", "-3", "3", "-2", "2"],
            "must be (low, high) or 1 such pairs",
        ),
        (["--potential", "(w**2-1)**2 - w/5", "--parameter", "b=2"], "--parameter names 'b', which no energy holds"),
        (["--potential", "cusp", "--box", "-1", "1"], "--potential cusp is of the catalogue and has its own"),
        (["--potential", "w**4"], "without --deficit it needs"),
        (["--potential", "(w1**2-1)**2 + (w2-w1)**2*w3**2 + (w4-w1)**4 + w2**4 + w3**4"], "--phase declares them"),
    ],
)
def test_refusals_from_a_command_name_options_and_no_argument_of_python(arguments, message, capfd):
    assert command_line(PhaseDiagram, lambda own: own.pair(), arguments) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and message in said, said
    assert not [name for name in ("box=", "phases=", "deficit=", "parameters[", "boundary=") if name in said]


def test_parameters_go_to_the_energy_that_holds_them():
    said = PhaseDiagram(potential=DOUBLE, deficit="(w**2-1)**2 - b*w", box=("-2", "2"), parameter=("a=1/5", "b=-0.3"))
    pair = said.pair()
    assert (dict(pair.clean.parameters).keys(), dict(pair.deficit.parameters).keys()) == ({"a"}, {"b"})
    assert pair.stuck_phase == "left"


def test_options_that_are_not_given_say_nothing():
    assert not EnergyOptions().own_energy(None).options
    assert CriticalPeriod().potentials().name == "regular_double_well"
