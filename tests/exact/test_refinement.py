"""Refined numbers against quadrature on a line and finite elements in a plane, and their errors against the truth."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy import sparse
from scipy.sparse.linalg import spsolve

from slt_toys.exact.fokker_planck import FokkerPlanck, Grid, fokker_planck, relaxation_time, spectrum
from slt_toys.exact.kinetics import (
    committor_quadrature,
    log_mean_exit_time,
    mean_exit_time,
    mean_first_passage_time,
    mean_first_passage_times,
)
from slt_toys.exact.propagator import propagator
from slt_toys.exact.refinement import (
    NotRefined,
    read_between,
    refined,
    refined_committor,
    refined_passage_time,
    refined_relaxation_time,
)
from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.potential import Phase, Potential
from tests.exact.made_units import CHANGES

COUPLED = "(w1**2-1)**2 + (w2-w1)**2 - 3*w1/20"
DOUBLE_WELL = find_potential("regular_double_well")
w = sympy.Symbol("w", real=True)
PERIOD = Potential(
    "circle", sympy.cos(w) + sympy.cos(2 * w) / 2 + sympy.sin(w) / 5, (w,), (), ((-np.pi, np.pi),),
    (Phase("whole", (sympy.Integer(2),), sympy.true, sympy.S.Zero, sympy.Rational(1, 2)),), "reflecting",
)  # fmt: skip


def elements(
    potential: Potential, temperature: float, nodes: tuple[np.ndarray, np.ndarray], fixed, value
) -> np.ndarray:
    """T ∫∇u·∇φ e^{-L/T} = ∫f φ e^{-L/T} by linear elements on triangles, another discretisation of another form.

    ``fixed`` says at which nodes u is ``value``; f is 1 for times (value None) and 0 for committors.
    """
    points = np.stack(np.meshgrid(*nodes, indexing="ij"), axis=-1)
    number = np.arange(points[..., 0].size).reshape(points.shape[:2])
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    triangles = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (a, c, d))])
    corners = points.reshape(-1, 2)[triangles]
    edges = corners[:, [2, 0, 1]] - corners[:, [1, 2, 0]]
    area = np.abs(edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]) / 2
    middles = (corners + corners[:, [1, 2, 0]]) / 2  # the midpoint rule is exact for quadratics
    energy = potential.energy_function()
    weight = np.exp(-(energy(middles) - energy(corners).min()) / temperature)
    stiff = np.einsum("tid,tjd->tij", edges, edges) * (temperature * weight.mean(axis=1) / (4 * area))[:, None, None]
    rows, columns = np.repeat(triangles, 3, axis=1), np.tile(triangles, (1, 3))
    matrix = sparse.csr_array((stiff.ravel(), (rows.ravel(), columns.ravel())))
    load = np.zeros(number.size)
    np.add.at(load, triangles, (weight + weight[:, [2, 0, 1]]) * (area / 6)[:, None])
    stuck = fixed(points).ravel()
    solution = np.zeros(number.size) if value is None else np.where(stuck, value(points).ravel(), 0.0)
    right = (load if value is None else np.zeros(number.size)) - matrix @ solution
    solution[~stuck] += spsolve(matrix[~stuck][:, ~stuck].tocsc(), right[~stuck])
    return solution.reshape(number.shape)


def beyond(level: float):
    return lambda points: points[..., 0] > level


@pytest.mark.parametrize("temperature", [0.3, 0.12])
def test_plane_against_finite_elements(temperature):
    """Times and committors to 1 %, what is asked, on triangles that know nothing of cells."""
    potential, start = Potential.from_expression(COUPLED), [-0.9, -0.7]
    nodes = np.linspace(-2.2, 0.8, 241), np.linspace(-3.2, 3.0, 311)
    times = elements(potential, temperature, nodes, lambda p: p[..., 0] > 0.8 - 1e-9, None)
    at = tuple(int(np.argmin(np.abs(axis - x))) for axis, x in zip(nodes, start, strict=True))
    begun = [float(axis[i]) for axis, i in zip(nodes, at, strict=True)]
    found = refined_passage_time(potential, temperature, begun, beyond(0.8), tolerance=0.003)
    assert found.value == pytest.approx(times[at], rel=0.01) and found.error < 0.003
    chances = elements(
        potential, temperature, nodes, lambda p: (p[..., 0] > 0.8 - 1e-9) | (p[..., 0] < -1.1),
        lambda p: (p[..., 0] > 0).astype(float),
    )  # fmt: skip
    place = [-0.05, 0.2]
    at = tuple(int(np.argmin(np.abs(axis - x))) for axis, x in zip(nodes, place, strict=True))
    chance = refined_committor(
        potential, temperature, [float(axis[i]) for axis, i in zip(nodes, at, strict=True)],
        lambda p: p[..., 0] < -1.1, beyond(0.8), tolerance=0.003,
    )  # fmt: skip
    assert chance.value == pytest.approx(chances[at], rel=0.01) and 0.1 < chance.value < 0.9


@pytest.mark.parametrize("temperature", [1.0, 0.2, 0.05])
@pytest.mark.parametrize("level", [0.5, 0.5123, 0.9])
def test_line_against_quadrature(temperature, level):
    """To 1e-6 where that is asked, wherever between cells the level is."""
    exact = mean_first_passage_time(DOUBLE_WELL, temperature, -1.0, level)
    for tolerance in (1e-3, 1e-6):
        found = refined_passage_time(DOUBLE_WELL, temperature, [-1.0], beyond(level), tolerance=tolerance)
        assert found.error <= tolerance and abs(found.value / exact - 1) < max(found.error, 1e-9)
    # Negative control: a set that begins where the first cell does is one of first order, and is not believed so soon.
    grid = Grid.uniform([(-2.5, 2.5)], 300)
    process = fokker_planck(DOUBLE_WELL, grid)
    rough = mean_first_passage_times(process, temperature, beyond(level)(grid.points))[grid.cell([-1.0])]
    assert abs(rough / exact - 1) > 1e-4


def test_error_is_what_refinement_leaves():
    """Grids of known order: the extrapolated value and its error follow; no convergence, no number."""
    grid = Grid.uniform([(0.0, 1.0)], 10)

    def quantity(order: float):
        return lambda own: 2.0 + own.shape[0] ** -order

    found = refined(quantity(2), grid, 1e-4)
    assert abs(found.value / 2 - 1) < found.error < 1e-4
    slow = refined(quantity(1), grid, 1e-3)
    assert abs(slow.value / 2 - 1) <= slow.error < 1e-3
    with pytest.raises(NotRefined, match="cells leave an error of"):
        refined(quantity(0.1), grid, 1e-6, most_cells=1000)
    with pytest.raises(NotRefined, match="cells leave an error of inf"):
        refined(quantity(2), grid, 1e-6, most_cells=15)
    with pytest.raises(ValueError, match="tolerance must lie between 0 and 1"):
        refined(quantity(2), grid, 0.0)


def test_relaxation_time_in_a_plane():
    """Of a plane that separates it is the line's."""
    plane = Potential.from_expression("(w1**2-1)**2 - 3*w1/20 + 2*w2**2")
    for temperature in (0.5, 0.1):
        line = refined_relaxation_time(DOUBLE_WELL, temperature, tolerance=1e-4)
        found = refined_relaxation_time(plane, temperature, tolerance=2e-3)
        assert found.value == pytest.approx(line.value, rel=4e-3)


@pytest.mark.parametrize("label", ["energies by a million", "stretched", "moved", "everything"])
def test_times_in_any_unit_and_with_the_coordinates_exchanged(label: str):
    """L → cL, T → cT and w → aw + b take times by a²/c, to the error that the grids report."""
    change = CHANGES[label]
    energy, stretch, shift, _ = change.numbers

    def time(potential: Potential, temperature: float, scale: float, offset: float, axis: int = 0):
        start = [offset - 0.9 * scale, offset - 0.7 * scale][:: 1 if axis == 0 else -1]
        return refined_passage_time(
            potential, temperature, start, lambda p: p[..., axis] > offset + 0.8 * scale, tolerance=0.004
        )

    plain = time(Potential.from_expression(COUPLED), 0.2, 1.0, 0.0)
    other = time(change.of(COUPLED), 0.2 * energy, stretch, shift)
    assert other.value * energy / stretch**2 == pytest.approx(plain.value, rel=plain.error + other.error + 1e-4)
    exchanged = time(Potential.from_expression("(w2**2-1)**2 + (w1-w2)**2 - 3*w2/20"), 0.2, 1.0, 0.0, 1)
    assert exchanged.value == pytest.approx(plain.value, rel=1e-6)


# ---- circles and tori ------------------------------------------------------------------------------------------------
def test_exit_time_against_pure_diffusion_and_a_first_passage():
    flat = Potential.from_expression(
        "w**8/100000000000000000000", box=(0, 1), phases=find_potential("monomial_well").phases
    )
    assert mean_exit_time(flat, 0.5, 0.3, 0.0, 1.0) == pytest.approx(0.3 * 0.7, rel=1e-12)
    # One end so high up that nothing leaves there.
    for temperature in (0.5, 0.05, 0.005):
        exit_log = log_mean_exit_time(DOUBLE_WELL, temperature, -0.9, -4.0, 0.8)
        passage = mean_first_passage_time(DOUBLE_WELL, temperature, -0.9, 0.8)
        assert exit_log == pytest.approx(np.log(passage), abs=1e-6)
    with pytest.raises(ValueError, match="start must lie between low and high"):
        mean_exit_time(flat, 0.5, 1.0, 0.0, 1.0)


@pytest.mark.parametrize("temperature", [1e-3, 1e-5, 1e-6])
def test_exit_from_the_top_of_a_barrier_takes_no_climb(temperature):
    """By symmetry the time from a wall at the top down one side; far below the barrier it was e^(L/T) too long."""
    energy, top = (1 - w**2) ** 2 / 2, 0.4
    both = mean_exit_time(Potential.from_expression(energy), temperature, 0.0, -top, top)
    one = mean_first_passage_time(Potential.from_expression(energy, box=(0, 2)), temperature, 0.0, top)
    assert both == pytest.approx(one, rel=1e-8)


@pytest.mark.parametrize("temperature", [1.0, 0.2])
def test_times_on_a_circle_tend_to_quadrature_at_second_order(temperature):
    grid, errors = Grid((np.linspace(-np.pi, np.pi, 201),), "periodic"), []
    for _ in range(3):
        centers = grid.centers[0]
        target, start = int(np.argmin(np.abs(centers + 2))), int(np.argmin(np.abs(centers - 2)))
        times = mean_first_passage_times(fokker_planck(PERIOD, grid), temperature, np.arange(centers.size) == target)
        low = float(centers[target])
        exact = mean_exit_time(PERIOD, temperature, float(centers[start]), low, low + 2 * np.pi)
        errors.append(abs(times[start] / exact - 1))
        grid = grid.halved()
    assert errors[0] < 1e-3 and errors[2] < errors[0] / 8
    # Cut open where it closes, the circle is a line with walls, and takes far longer.
    walled = fokker_planck(PERIOD, Grid(grid.edges))
    longer = mean_first_passage_times(walled, temperature, np.arange(grid.shape[0]) == grid.cell([-2.0]))
    assert longer[grid.cell([2.0])] > 1.2 * exact


def test_flat_circle_and_torus_have_known_rates():
    """T k² on a circle of length 2π, each twice; sums of them on a torus."""
    circle = FokkerPlanck(Grid.uniform([(0, 2 * np.pi)], 300, "periodic"), np.zeros(300))
    assert spectrum(circle, 0.7, 5) == pytest.approx([0, 0.7, 0.7, 2.8, 2.8], rel=1e-3)
    torus = FokkerPlanck(Grid.uniform([(0, 2 * np.pi), (0, 2 * np.pi)], 60, "periodic"), np.zeros((60, 60)))
    assert spectrum(torus, 0.7, 5) == pytest.approx([0, 0.7, 0.7, 0.7, 0.7], rel=2e-3)


def test_circle_and_torus_keep_detailed_balance_and_their_law():
    uneven = np.cumsum(np.concatenate([[0.0], np.linspace(1, 3, 40)]))
    edges = (uneven / uneven[-1] * 2 * np.pi - np.pi,)
    energy = PERIOD.energy_function()
    circle = fokker_planck(PERIOD, Grid(edges, "periodic"))
    torus = FokkerPlanck(
        Grid((*edges, np.linspace(-np.pi, np.pi, 13)), "periodic"),
        energy(Grid(edges).points)[:, None] + np.cos(np.arange(12)) * 0.3,
    )
    for process in (circle, torus):
        generator, law = process.generator(0.4).toarray(), process.stationary(0.4).ravel()
        flow = law[:, None] * generator
        assert np.abs(flow - flow.T).max() < 1e-14 * np.abs(flow).max()
        assert (generator[0] > 0).sum() == 2 * process.grid.dimension
        moved = propagator(process, 0.4, 3.0).masses(law[:, None])[:, 0]
        assert moved == pytest.approx(law, abs=1e-12)
        if process is circle:
            assert 1 / relaxation_time(process, 0.4) == pytest.approx(spectrum(process, 0.4, 2)[1], rel=1e-9)


def test_a_circle_on_which_the_energy_jumps_is_refused():
    with pytest.raises(ValueError, match="the two ends of a period"):
        fokker_planck(DOUBLE_WELL, Grid.uniform([(-1.0, 1.5)], 50, "periodic"))


@pytest.mark.parametrize("cut", [0.0, 3.9, 4.0, 4.05, 1.36])
def test_a_set_may_lie_across_the_cut_of_a_circle(cut):
    """With the cut at the set's end, nothing was taken out there, and times came out eighty times too long."""
    potential = Potential.from_expression("cos(w) + 0.8*cos(2*w + 1)", box=(cut, cut + 2 * np.pi), boundary="periodic")
    exact = mean_exit_time(potential, 0.5, 1.4, 4.1 - 2 * np.pi, 3.9)
    found = refined_passage_time(potential, 0.5, [1.4], lambda p: np.cos(p[..., 0] - 4.0) > np.cos(0.1), tolerance=1e-4)
    assert found.value == pytest.approx(exact, rel=1e-4) and found.error < 1e-4
    ring = Grid.uniform(potential.box, 64, "periodic")
    turns = np.array([cut + 0.01, cut - 0.01, cut + 6.1])
    read = [read_between(ring, np.sin(ring.centers[0]), [turn]) for turn in turns]
    np.testing.assert_allclose(read, np.sin(turns), atol=2e-3)


def test_a_set_narrower_than_a_cell_is_seen():
    potential = Potential.from_expression("w1**2/20 + w2**2/20")
    for radius in (0.05, 0.5):
        found = refined_passage_time(potential, 1.0, [2.0, 1.0], lambda p, r=radius: (p**2).sum(axis=-1) < r * r)
        r = np.linspace(
            np.log(radius), np.log(5) / 2, 4001
        )  # (1/T) ∫ e^{L/T} ∫_r^∞ s e^{-L/T} ds dr/r: the inner is 10 e^-L
        assert found.value == pytest.approx(10 * (r[-1] - r[0]), rel=0.01)
    for inside, message in (
        (lambda p: (p**2).sum(axis=-1) < 0, "inside holds the middle of none of"),
        (lambda p: (p**2).sum(axis=-1) >= 0, "start must lie outside the set inside"),
        (lambda p: (p**2).sum(axis=-1), "by booleans"),
    ):
        with pytest.raises(ValueError, match=message):
            refined_passage_time(potential, 1.0, [2.0, 1.0], inside, most_cells=20_000)


def test_reading_between_cells():
    grid = Grid.uniform([(0, 1), (0, 2)], (10, 20))
    values = 3 * grid.points[..., 0] - grid.points[..., 1]
    assert read_between(grid, values, [0.33, 1.21]) == pytest.approx(3 * 0.33 - 1.21)
    with pytest.raises(ValueError, match="outside the grid"):
        read_between(grid, values, [0.33, 2.21])


def test_committor_on_a_line_against_quadrature():
    found = refined_committor(
        DOUBLE_WELL, 0.2, [-0.1], lambda p: p[..., 0] < -0.9, beyond(0.9), tolerance=1e-3, most_cells=20_000
    )
    assert found.value == pytest.approx(committor_quadrature(DOUBLE_WELL, 0.2, -0.1, -0.9, 0.9), rel=5e-3)
