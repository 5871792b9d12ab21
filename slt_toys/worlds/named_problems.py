"""The problems of the equi-temperature experiment by name."""

from __future__ import annotations

from collections.abc import Sequence

from ..potentials.catalogue import barrier_spectrum, find_pair
from ..potentials.own_units import relative_time
from ..potentials.potential import PotentialPair
from .minibatch_problems import SETTINGS, minibatch_problem
from .problems import LEARNING_RATE, Problem, decaying, harmonic
from .simulated_problems import cold_pathways, regression, thermal_valley

PLANE_VARIANCE, SPECTRUM_VARIANCE, COLD_VARIANCE = 24.0, 24.0, 13.0  # for each example of the largest batch
BARRIERS = 6
REGULAR, SINGULAR = "regular_double_well", "singular_double_well_2_4"


def named_problem(name: str, batch_sizes: Sequence[int], decay: float) -> Problem:
    """A problem; batch sizes and decay are of the energies under exponential decay, the others have their own."""
    if name in SETTINGS:
        return minibatch_problem(name)
    largest = max(batch_sizes)
    match name:
        case "regular":
            return decaying(find_pair(REGULAR), "regular wells", batch_sizes, decay)
        case "singular":
            return decaying(find_pair(SINGULAR), "singular well", batch_sizes, decay)
        case "flat_barrier":
            return decaying(find_pair("flat_topped_barrier"), "singular barrier", batch_sizes, decay)
        case "plane":
            # A plane is dear, so its learning rate decays twice as fast; then little more than half of its mass is ever
            # stuck.
            return decaying(find_pair("curve_against_point"), "two coordinates", batch_sizes, decay**2,
                            variance=PLANE_VARIANCE * largest, runs_share=0.375, level=0.3)  # fmt: skip
        case "many_barriers":
            deficit, clean = (barrier_spectrum(BARRIERS, sign) for sign in (-1, 1))
            pair = PotentialPair("barrier_spectrum", deficit, clean, "all left")
            return decaying(pair, "many barriers", batch_sizes, decay, variance=SPECTRUM_VARIANCE * largest,
                            runs_share=0.1875)  # fmt: skip
        case "minibatches":
            return regression()
        case "thermal_pathways":
            return thermal_valley()
        case "regular_power_law":
            return harmonic(find_pair(REGULAR), "regular, other schedule")
        case "singular_power_law":
            return harmonic(find_pair(SINGULAR), "singular, other schedule")
        case "start_remembered":
            return decaying(find_pair(REGULAR), "start remembered", batch_sizes, decay,
                            variance=COLD_VARIANCE * largest, expected="start remembered", start="clean phase",
                            name=f"{REGULAR}, from the clean phase")  # fmt: skip
        case "cold_pathways":
            return cold_pathways()
    raise ValueError(f"name: {name!r} is no problem of this experiment")


def own_problem(pair: PotentialPair, batch_sizes: Sequence[int], decay: float) -> Problem:
    """A pair of one coordinate, the user's own, under exponential decay in its own unit of time.

    Raises
    ------
    ValueError
        In one line, when it has more coordinates.
    """
    if pair.clean.dimension != 1:
        raise ValueError(f"--potential must have one coordinate, not {pair.clean.dimension} as {pair.name}")
    rate = LEARNING_RATE * relative_time(pair.clean)
    return decaying(pair, "your own", batch_sizes, decay, learning_rate=rate)
