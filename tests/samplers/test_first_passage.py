"""Mean first passage by quadrature, by linear solve and by sampling agree; a control that is 5 % too hot does not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.interpolate import RectBivariateSpline

from slt_toys.exact.fokker_planck import Grid, fokker_planck, grid_for, relaxation_time
from slt_toys.exact.kinetics import cells_near, mean_first_passage_time, mean_first_passage_times
from slt_toys.potentials.catalogue import catalogue
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import OverdampedLangevin
from slt_toys.samplers.first_passage import FirstPassage, sample_first_passage
from tests.seeds import fresh_seed

# Potential, temperature, start, target: from one minimum to the other; means between 8 and 35.
LINES = [
    ("regular_double_well", 0.35, -1.0, 1.0),
    ("regular_double_well", 0.35, 1.0, -1.0),
    ("singular_double_well_2_4", 0.35, -1.0, 1.0),
    ("flat_topped_barrier", 0.3, -1.0, 1.0),
]
# From the point's phase of curve_against_point over the barrier until w1 falls to 1: the circle's edge.
START, TARGET, WARM = (2.35, 0.0), 1.0, 0.2


def sampled(name: str, temperature: float, start, target: float, step_size: float = 0.004) -> FirstPassage:
    return sample_first_passage(
        catalogue()[name], OverdampedLangevin(step_size, "heun"), temperature=temperature, start=start, target=target,
        chains=16_000, max_time=2000, seed=fresh_seed(),
    )  # fmt: skip


def agree(passage: FirstPassage, exact: float) -> None:
    assert passage.times.size > 1000 and passage.standard_error < 0.01 * passage.mean
    assert abs(passage.mean - exact) < 5 * passage.standard_error, f"{passage.mean} against {exact}"


def solved_line(name: str, temperature: float, start: float, target: float, cells: int) -> float:
    """Mean first passage time on a grid with a cell's midpoint at the target, where the process is absorbed."""
    potential = catalogue()[name]
    width = abs(target - start) / cells
    low, high = potential.box[0]
    numbers = np.arange(-math.ceil((target - low) / width), math.ceil((high - target) / width), dtype=np.float64)
    edges = target + width * (numbers + 0.5)
    process = fokker_planck(potential, Grid((edges,)))
    return float(
        mean_first_passage_times(process, temperature, cells_near(process.grid, target))[process.grid.cell(start)]
    )


def solved_plane(cells: int) -> float:
    """Mean time from START until w1 <= TARGET; the first column of midpoints lies on the target."""
    potential = catalogue()["curve_against_point"]
    width = (3.4 - TARGET) / cells
    grid = Grid(
        (TARGET + width * (np.arange(cells + 1, dtype=np.float64) - 0.5), np.linspace(-2.4, 2.4, 2 * cells + 1))
    )
    process = fokker_planck(potential, grid)
    beyond = process.energy[-1].min(), process.energy[:, 0].min(), process.energy[:, -1].min()
    assert min(beyond) > 40 * WARM, "the cut ends of the box are never reached"
    target = np.zeros(grid.shape, dtype=bool)
    target[0] = True
    times = mean_first_passage_times(process, WARM, target)
    return float(RectBivariateSpline(*grid.centers, times).ev(*START))


def extrapolated(coarse: float, fine: float) -> float:
    """Of a second-order rule with cells halved."""
    return fine + (fine - coarse) / 3


@pytest.mark.parametrize("name, temperature, start, target", LINES)
def test_three_routes_agree_on_a_line(name, temperature, start, target):
    exact = mean_first_passage_time(catalogue()[name], temperature, start, target)
    assert 5 < exact < 50
    solved = [solved_line(name, temperature, start, target, cells) for cells in (50, 100)]
    assert solved[1] == pytest.approx(exact, rel=2e-3)
    assert extrapolated(*solved) == pytest.approx(exact, rel=1e-5)
    agree(sampled(name, temperature, [start], target), exact)


def test_linear_solve_and_sampling_agree_in_two_coordinates():
    solved = [solved_plane(cells) for cells in (30, 60, 120)]
    pairs = [extrapolated(*solved[:2]), extrapolated(*solved[1:])]
    assert pairs[0] == pytest.approx(pairs[1], rel=1e-3)
    assert 5 < pairs[1] < 50
    agree(sampled("curve_against_point", WARM, START, TARGET, step_size=0.002), pairs[1])


@pytest.mark.parametrize("name, temperature, start, target", LINES)
def test_a_sampler_eight_percent_too_hot_or_cold_is_caught(name, temperature, start, target):
    exact = mean_first_passage_time(catalogue()[name], temperature, start, target)
    for wrong in (1.08, 0.92):
        with pytest.raises(AssertionError, match="against"):
            agree(sampled(name, wrong * temperature, [start], target), exact)


def test_a_wrong_temperature_in_two_coordinates_is_caught():
    exact = extrapolated(solved_plane(30), solved_plane(60))
    with pytest.raises(AssertionError, match="against"):
        agree(sampled("curve_against_point", 1.08 * WARM, START, TARGET, step_size=0.002), exact)


def free_line() -> Potential:
    """As good as flat on [0, 1]: from x the first passage of b takes (b² - x²)/2T."""
    phases = catalogue()["monomial_well"].phases
    return Potential.from_expression("w**8/100000000000000000000", box=(0, 1), phases=phases)


def diffusion(step_size: float, seed: int = 0) -> FirstPassage:
    return sample_first_passage(
        free_line(), OverdampedLangevin(step_size), temperature=0.5, start=[0.25], target=0.75, chains=16_000,
        max_time=50, seed=seed or fresh_seed(),
    )  # fmt: skip


def test_crossings_between_steps_are_not_missed(monkeypatch):
    """Steps of a tenth in length: seen only at its steps a chain would be 0.5826 √(2T·step) late, 18 % here."""
    agree(diffusion(0.01), 0.5)
    monkeypatch.setattr(
        "slt_toys.samplers.first_passage._crossed_between", lambda left, *_: np.zeros_like(left[:, 1:], bool)
    )
    late = diffusion(0.01)
    assert late.mean == pytest.approx((0.75 + 0.05826) ** 2 - 0.25**2, rel=0.03)
    with pytest.raises(AssertionError, match="against"):
        agree(late, 0.5)


def test_the_same_seed_gives_the_same_times_and_chunks_do_not_matter_to_the_law(monkeypatch):
    assert np.array_equal(diffusion(0.01, seed=7).times, diffusion(0.01, seed=7).times)
    assert not np.array_equal(diffusion(0.01, seed=7).times, diffusion(0.01, seed=8).times)
    monkeypatch.setattr("slt_toys.samplers.first_passage.STATES_AT_ONCE", 3 * 16_000)
    agree(diffusion(0.01), 0.5)


@pytest.mark.parametrize("name", sorted({line[0] for line in LINES}))
def test_relaxation_time_is_set_by_both_first_passages_when_cold(name):
    """1/relaxation time = 1/τ_AB + 1/τ_BA but for what the barrier holds: spectrum against quadrature."""
    potential = catalogue()[name]
    departures = []
    for temperature in (0.1, 0.05, 0.02):
        there, back = (mean_first_passage_time(potential, temperature, s, -s) for s in (-1.0, 1.0))
        grid = grid_for(potential, temperature, 960)
        times = [relaxation_time(fokker_planck(potential, cells), temperature) for cells in (grid, grid.halved())]
        departures.append(abs(extrapolated(*times) * (1 / there + 1 / back) - 1))
    assert 1e-4 < departures[0] < 0.05
    assert departures[1] < departures[0] / 20
    assert departures[2] < 3e-8


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"temperature": -1.0}, "temperature must be positive"),
        ({"max_time": math.nan}, "max_time must be positive"),
        ({"max_time": 0.5}, "max_time 0.5 is too short"),
        ({"chains": 1}, "chains must be at least 2"),
        ({"coordinate": 1}, "coordinate must lie between 0 and 0"),
        ({"start": [1.0]}, "start must not lie on the target"),
        ({"sampler": OverdampedLangevin(np.full(10, 0.01))}, "step_size must be one number"),
    ],
)
def test_bad_input_is_refused_in_one_line(changed, message):
    settings = {
        "potential": catalogue()["regular_double_well"], "sampler": OverdampedLangevin(0.01), "temperature": 0.35,
        "start": [-1.0], "target": 1.0, "chains": 100, "max_time": 1000.0, "seed": 1,
    }  # fmt: skip
    with pytest.raises(ValueError, match=message) as caught:
        sample_first_passage(**(settings | changed))
    assert "\n" not in str(caught.value)
