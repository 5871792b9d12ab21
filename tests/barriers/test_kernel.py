"""The kernel three ways: Fokker-Planck against the protocol's own solver, Kramers' two states, the Gumbel law."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.barriers.kernel import BarrierKernel, barrier_height, barrier_kernel, stuck_probabilities
from slt_toys.exact.kinetics import barrier_form, kramers_rate, well_form
from slt_toys.potentials.catalogue import find_pair
from slt_toys.potentials.phases import derive_phases
from slt_toys.potentials.potential import Potential, PotentialPair
from slt_toys.protocol.exact import exact_stuck_probability
from slt_toys.protocol.schedule import Ending
from slt_toys.protocol.training import ExponentialDecay, PowerDecay, Training
from slt_toys.reference.laws import law

PAIR = find_pair("regular_double_well")
TRAINING = Training(64, 50_000, ExponentialDecay(0.05, 0.9), 3072.0)
EPOCHS = np.arange(0, 40, 2)
ENDING = Ending("total", 70)


def scaled(pair: PotentialPair, scale: sympy.Rational) -> PotentialPair:
    """The pair with both energies multiplied, as potentials of their own."""

    def times(potential: Potential) -> Potential:
        energy = sympy.expand(scale * potential.bound_energy)
        return Potential("scaled", energy, potential.coordinates, (), potential.box,
                         derive_phases(energy, potential.coordinates))  # fmt: skip

    return PotentialPair("scaled", times(pair.deficit), times(pair.clean), pair.stuck_phase)


def test_heights_are_barriers_of_scaled_energies():
    half = scaled(PAIR, sympy.Rational(1, 2))
    assert barrier_height(half) == pytest.approx(barrier_height(PAIR) / 2)
    w = np.linspace(-1.5, 0.5, 200_001)
    energy = PAIR.clean.energy_function()(w[:, None])
    assert barrier_height(PAIR) == pytest.approx(energy[w > -0.5].max() - energy[w < -0.5].min(), abs=1e-8)


@pytest.mark.parametrize("ending", [ENDING, Ending("further", 30)])
def test_scaling_time_and_temperature_is_scaling_the_energy(ending):
    pair = scaled(PAIR, sympy.Rational(3, 2))
    direct = exact_stuck_probability(pair, TRAINING, EPOCHS[:12], ending)
    (by_scale,) = stuck_probabilities(PAIR, TRAINING, EPOCHS[:12], ending, [barrier_height(pair)])
    assert by_scale == pytest.approx(direct, abs=2e-3)  # of the two grids
    (wrong,) = stuck_probabilities(PAIR, TRAINING, EPOCHS[:12], ending, [0.9 * barrier_height(pair)])
    assert np.abs(wrong - direct).max() > 0.02


def test_splines_add_nothing():
    kernel = barrier_kernel(PAIR, TRAINING, EPOCHS, ENDING, 0.5, 1.2, cells=100, spacing=0.1)
    between = np.sqrt(kernel.nodes[1:] * kernel.nodes[:-1])[[1, 4, 7]]
    assert (
        np.abs(kernel(between) - stuck_probabilities(PAIR, TRAINING, EPOCHS, ENDING, between, cells=100)).max() < 1e-4
    )
    step = 1e-5
    slope = (kernel(between * np.exp(step)) - kernel(between * np.exp(-step))) / (2 * step)
    assert kernel._spline(np.log(between), 1) == pytest.approx(slope, abs=1e-6)


def test_kramers_two_states_against_fokker_planck():
    """They differ by 0.03 at most; in their levels, the longer an epoch (the colder where it freezes), the less."""
    errors = []
    for dataset_size in (5_000, 50_000_000):
        training = Training(64, dataset_size, ExponentialDecay(0.05, 0.9), 3072.0)
        epochs = np.arange(0, 60, 3)
        exact, two = (
            stuck_probabilities(PAIR, training, epochs, Ending("total", 90), [0.5, 1.5], method=method)
            for method in ("fokker_planck", "eyring_kramers")
        )
        assert np.abs(exact - two).max() < 0.03
        errors.append(np.abs(exact - two)[:, [0, -1]].max())
    assert errors[1] < 0.4 * errors[0]
    # Control: a rate wrong by a factor is far off.
    wrong = stuck_probabilities(PAIR, Training(64, 100_000_000, ExponentialDecay(0.05, 0.9), 3072.0), epochs,
                                Ending("total", 90), [0.5, 1.5], method="eyring_kramers")  # fmt: skip
    assert np.abs(exact - wrong).max() > 0.1


@pytest.mark.parametrize("ending", [Ending("further", 25), ENDING])
def test_two_states_follow_the_protocol(ending):
    """Against Euler steps of dp/dt = back (1 - p) - out p through one run after another."""
    epochs = EPOCHS[8:14]
    (found,) = stuck_probabilities(PAIR, TRAINING, epochs, ending, [0.8], method="eyring_kramers")
    scale = 0.8 / barrier_height(PAIR)
    last = ending.last_epoch(int(epochs[-1]))
    temperatures, durations = TRAINING.temperatures(last) / scale, TRAINING.durations(last) * scale

    def rates(potential, epoch):
        barrier = barrier_form(potential)
        left, right = (kramers_rate(well_form(potential, side), barrier, float(temperatures[epoch])) for side in (0, 1))
        return left, right

    for column, switch in enumerate(epochs):
        out, back = rates(PAIR.deficit, 0)
        mass = back / (out + back)
        for epoch in range(ending.last_epoch(int(switch))):
            out, back = rates(PAIR.deficit if epoch < switch else PAIR.clean, epoch)
            steps = 1 + int((out + back) * durations[epoch] / 2e-3)
            if steps > 20_000:  # relaxed within the epoch
                mass = back / (out + back)
                continue
            for _ in range(steps):
                mass += durations[epoch] / steps * (back * (1 - mass) - out * mass)
        assert found[column] == pytest.approx(mass, abs=1e-3)


def test_gumbel_kernel_is_the_law_and_its_width():
    kernel = barrier_kernel(PAIR, TRAINING, EPOCHS, ENDING, 0.05, 6.0, method="gumbel")
    rows, centres, widths, _ = kernel._steps
    temperature = TRAINING.temperatures(int(EPOCHS[-1]) + 1)[EPOCHS[rows]]
    by_law = law("barrier-spectrum-kernel-width")(temperature=temperature, sliding_barrier=np.exp(centres))
    # The law is for one attempt rate. A family's grows with the height: 1/height less in the slope of log escapes.
    widened = 1 / (1 / by_law - np.exp(-centres))
    inside = (centres > np.log(0.15)) & (centres < np.log(4.0))  # the whole step, between the ends of the nodes
    resolved = np.flatnonzero((widths > 0.15) & inside)  # three nodes in a width
    assert resolved.size >= 5
    assert (widths * np.exp(centres))[resolved] == pytest.approx(widened[resolved], rel=0.08)
    assert (widths * np.exp(centres) / by_law)[resolved].min() > 1.12  # control: without that, wrong
    assert kernel.values.min() >= 0 and kernel.values.max() <= 1
    exact = barrier_kernel(PAIR, TRAINING, EPOCHS, ENDING, 0.5, 1.5, cells=100, spacing=0.2)
    one_way = kernel(exact.nodes)
    # The step lies where the exact one does, though the exact one ends at the masses of its equilibria.
    steepest = [np.abs(np.diff(curves, axis=1)).argmax(axis=1) for curves in (exact.values, one_way)]
    assert np.abs(steepest[0] - steepest[1]).max() <= 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: stuck_probabilities(PAIR, TRAINING, EPOCHS, ENDING, [-1.0]), "heights must be positive"),
        (lambda: stuck_probabilities(PAIR, TRAINING, EPOCHS, ENDING, [1.0], method="guess"), "method must be one of"),  # type: ignore[arg-type]
        (lambda: stuck_probabilities(PAIR, TRAINING, [3, 2], ENDING, [1.0]), "switch_epochs must be whole"),
        (lambda: stuck_probabilities(PAIR, TRAINING, [0, 90], ENDING, [1.0]), "end of training"),
        (lambda: barrier_height(find_pair("curve_against_point")), "one coordinate and two phases"),
        (lambda: barrier_kernel(PAIR, TRAINING, EPOCHS, ENDING, 2.0, 1.0), "highest must exceed lowest"),
        (
            lambda: stuck_probabilities(
                PAIR, Training(64, 50_000, PowerDecay(0.1, 1.0), 3072.0), EPOCHS, ENDING, [1.0], method="gumbel"
            ),
            "law of exponential decay",
        ),
        (
            lambda: BarrierKernel(EPOCHS, np.geomspace(1, 2, 5), np.ones((5, EPOCHS.size)), "own")(3.0),
            "heights must lie between 1 and 2",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
