"""Look-up tables: the matrix of an epoch, what a table draws [eq:alias-table], and whole paths [eq:path-distance]."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.stats import chi2

from slt_toys.exact import look_up
from slt_toys.exact.fokker_planck import Grid, fokker_planck, grid_for
from slt_toys.exact.look_up import (
    EpochTable,
    cell_draws,
    epoch_matrix,
    epoch_table,
    look_up_sweep,
    stream_keys,
    uniforms,
)
from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.potential import Potential
from slt_toys.reference.laws import law
from tests.exact.made_sweeps import small_line, small_plane
from tests.seeds import fresh_generator, fresh_seed, fresh_seeds

LEAST_P = 1e-9  # of a chi-square test of one law
CIRCLE = Potential.from_expression("1-cos(2*w)/2-cos(w)/5", box=(0, 6.283185307179586), boundary="periodic")


def process_of(name: str, temperatures, cells: int | None = None):
    potential = CIRCLE if name == "circle" else find_potential(name)
    return fokker_planck(potential, grid_for(potential, temperatures, cells))


def surprise(counts: np.ndarray, expected: np.ndarray) -> float:
    """P-value of Pearson's test, cells of fewer than ten expected taken together."""
    order = np.argsort(expected)
    counts, expected = counts[order].astype(float), expected[order]
    group = np.concatenate([[0], np.cumsum(expected)[:-1] // 10]).astype(int)
    group = np.unique(group, return_inverse=True)[1]
    seen, meant = np.bincount(group, counts), np.bincount(group, expected)
    kept = meant > 0
    assert not seen[~kept].any(), "a cell that cannot be drawn was drawn"
    return float(chi2.sf(((seen - meant)[kept] ** 2 / meant[kept]).sum(), max(1, kept.sum() - 1)))


# ---- matrices -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["regular_double_well", "singular_double_well_2_4", "circle"])
@pytest.mark.parametrize("temperature", [0.6, 0.05, 0.002])
@pytest.mark.parametrize("duration", [1e-4, 0.05, 1.0, 20.0])
def test_the_matrix_is_the_exponential_of_the_generator(name, temperature, duration):
    """Another route; rows differ by less than 1e-8, and are probabilities. The control has no squarings."""
    process = process_of(name, [0.6, 0.002], 121)  # not a multiple of four
    exact = expm(process.generator(temperature).toarray() * duration)
    found = epoch_matrix(process, temperature, duration)
    assert (found >= 0).all() and np.allclose(found.sum(axis=1), 1, rtol=0, atol=1e-13)
    assert np.abs(found - exact).sum(axis=1).max() < 1e-8


def test_without_squarings_the_matrix_is_refused_or_far_off():
    process = process_of("regular_double_well", [0.6, 0.002], 121)
    with pytest.raises(ValueError, match=r"squarings: 0 leave negative probabilities, .* in a row; give more"):
        epoch_matrix(process, 0.002, 1.0, squarings=0)
    exact = expm(process.generator(0.6).toarray() * 20.0)
    assert np.abs(epoch_matrix(process, 0.6, 20.0, squarings=0) - exact).sum(axis=1).max() > 1e-4


@pytest.mark.parametrize("size", [1, 3, 4, 30, 33])
def test_our_product_is_the_matrix_product(size):
    matrix = fresh_generator().random((size, size)) ** 8
    matrix /= matrix.sum(axis=1, keepdims=True)
    band = np.triu(np.tril(matrix, 2), -1)
    for own in (matrix, band):
        assert np.allclose(look_up._squared(own, 3), np.linalg.matrix_power(own, 8), rtol=1e-12, atol=1e-18)


def test_no_time_is_no_move_and_much_of_it_is_the_stationary_law():
    process = small_line()
    assert np.array_equal(epoch_matrix(process, 0.3, 0.0), np.eye(process.grid.shape[0]))
    assert np.allclose(epoch_matrix(process, 1.0, 1e4), process.stationary(1.0), rtol=1e-6, atol=1e-12)


def test_two_epochs_are_one_of_both_durations():
    process = process_of("regular_double_well", [0.3], 60)
    both = epoch_matrix(process, 0.3, 0.2) @ epoch_matrix(process, 0.3, 0.7)
    assert np.abs(both - epoch_matrix(process, 0.3, 0.9)).sum(axis=1).max() < 1e-8


def test_units_do_not_matter():
    """Lengths, losses and times in other units: the same probabilities."""
    first = Potential.from_expression("(w**2-1)**2 - w/10", box=(-2, 2))
    other = Potential.from_expression("1000*((w/5)**2-1)**2 - 20*w", box=(-10, 10))
    edges = np.linspace(-2, 2, 81)
    one = epoch_matrix(fokker_planck(first, Grid((edges,))), 0.2, 0.3)
    two = epoch_matrix(fokker_planck(other, Grid((5 * edges,))), 200.0, 0.3 * 25 / 1000)
    assert np.abs(one - two).sum(axis=1).max() < 1e-9


@pytest.mark.parametrize(
    ("process", "options", "words"),
    [
        (small_plane(), {}, "process must be of one coordinate"),
        (process_of("regular_double_well", [0.3], 5000), {}, "process has 5000 cells"),
        (small_line(), {"squarings": 31}, "squarings must be a whole number from 0 to 30, not 31"),
        (small_line(), {"squarings": -1}, "squarings must be a whole number from 0 to 30, not -1"),
    ],
)
def test_what_has_no_table_is_refused(process, options, words):
    with pytest.raises(ValueError, match=words):
        epoch_matrix(process, 0.3, 1.0, **options)


# ---- tables ---------------------------------------------------------------------------------------------------------
def laws(random: np.random.Generator):
    for cells in (1, 2, 3, 7, 64, 65, 300):
        for power in (0, 1, 30):
            rows = random.random((4, cells)) ** power
            rows[1:, random.random(cells) < 0.3] = 0.0
            rows[:, random.integers(cells)] += 1e-6
            yield rows / rows.sum(axis=1, keepdims=True)
    yield np.eye(9)


def test_a_table_holds_its_law():
    """[eq:alias-table], read back from the entries; columns beyond the last cell give nothing."""
    for rows in laws(fresh_generator()):
        table = EpochTable.of(rows)
        cells = rows.shape[1]
        assert np.abs(table.probabilities[:, :cells] - rows).max() < 1e-13
        assert not table.probabilities[:, cells:].any()
        shares = (table.entries >> np.uint64(16)).astype(float) / 2.0**48
        other = (table.entries & np.uint64(0xFFFF)).astype(int)
        own = np.where(other == np.arange(shares.shape[1]), 1.0, shares)
        elsewhere = np.array([[(1 - own[r])[other[r] == j].sum() for j in range(cells)] for r in range(len(rows))])
        found = law("alias-table")(own_share=own[:, :cells], shares_elsewhere=elsewhere, columns=shares.shape[1])
        assert np.abs(found - rows).max() < 1e-13


def test_a_table_of_as_many_cells_as_there_may_be():
    rows = np.arange(1, 1 << 16, dtype=float)[None] ** 2
    rows /= rows.sum()
    assert np.abs(EpochTable.of(rows).probabilities[:, :-1] - rows).max() < 1e-16


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (np.ones((2, 3)), "at least 0 and sum to 1"), ([[1.5, -0.5]], "at least 0"), ([[np.nan, 1.0]], "at least 0"),
        (np.ones((1, 65537)) / 65537, "rows of 1 to 65536 cells"), (np.ones((1, 1, 1)), "rows of 1 to 65536"),
    ],
)  # fmt: skip
def test_what_is_no_law_is_refused(rows, words):
    with pytest.raises(ValueError, match=words):
        EpochTable.of(rows)


def test_draws_follow_the_law_of_their_row():
    """Any seed; the control draws from a row whose law is a hundredth off."""
    process = process_of("regular_double_well", [0.3], 40)
    matrix, runs = epoch_matrix(process, 0.3, 0.05), 400_000
    table = EpochTable.of(matrix)
    for start in (0, 7, 20, 39):
        cells = np.full(runs, start, dtype=np.uint16)
        table.draw(cells, fresh_seed())
        counts = np.bincount(cells, minlength=40)
        assert surprise(counts, runs * matrix[start]) > LEAST_P
        wrong = matrix[start] * (1 + 0.02 * (-1.0) ** np.arange(40))
        assert surprise(counts, runs * wrong / wrong.sum()) < LEAST_P


def test_two_epochs_of_one_run_are_independent_draws():
    process = process_of("regular_double_well", [0.5], 12)
    first, second, runs = epoch_matrix(process, 0.5, 0.05), epoch_matrix(process, 0.4, 0.03), 300_000
    keys, cells = stream_keys(fresh_seeds(), 2), np.full(runs, 6, dtype=np.uint16)
    EpochTable.of(first).draw(cells, keys[0])
    between = cells.astype(int)
    EpochTable.of(second).draw(cells, keys[1])
    joint = first[6][:, None] * second
    assert surprise(np.bincount(12 * between + cells, minlength=144), runs * joint.ravel()) > LEAST_P
    again = between.astype(np.uint16)
    EpochTable.of(second).draw(again, keys[0])  # the control: one key for both epochs
    assert surprise(np.bincount(12 * between + again, minlength=144), runs * joint.ravel()) < LEAST_P


def test_neighbouring_runs_and_schedules_are_independent_draws():
    values = uniforms((2, 1 << 17), stream_keys(fresh_seeds(), 1)[0])
    for one, other in ((values[0, :-1], values[0, 1:]), (values[0], values[1]), (values[0, :-64], values[0, 64:])):
        square = np.histogram2d(one, other, bins=16, range=((0, 1), (0, 1)))[0].ravel()
        assert surprise(square, np.full(256, one.size / 256)) > LEAST_P
    control = np.histogram2d(values[0], values[0] ** 1.02, bins=16, range=((0, 1), (0, 1)))[0].ravel()
    assert surprise(control, np.full(256, values[0].size / 256)) < LEAST_P


def test_the_stream_is_splitmix64():
    """Its published first numbers for the seed 1234567 (Steele, Lea and Flood 2014; as Rosetta Code lists them)."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    found = uniforms((1, 4), np.uint64(1234567))[0]
    assert np.array_equal(found, np.array([number >> 11 for number in published]) * 2.0**-53)


# ---- sweeps ---------------------------------------------------------------------------------------------------------
def swept(processes, starts: np.ndarray, table: np.ndarray, seed, threads=None) -> np.ndarray:
    cells = starts.copy()
    epochs = list(look_up_sweep(processes.__getitem__, cells, table, seed, threads))
    assert epochs == list(range(1, len(table) + 1))
    return cells


def made_table():
    """Three schedules of two energies: one begins late, one ends early."""
    table = np.zeros((6, 3, 3))
    for schedule, (first, until, switch) in enumerate([(0, 6, 3), (2, 6, 2), (0, 4, 4)]):
        epochs = np.arange(first, until)
        table[first:until, schedule] = np.stack(
            [epochs < switch, 0.5 * 0.8**epochs, 0.2 * np.ones(epochs.size)], axis=1
        )
    return table


def both_processes():
    line = small_line()
    tilted = fokker_planck(find_potential("regular_double_well"), line.grid)
    return {0.0: line, 1.0: tilted}


def test_a_sweep_of_draws_ends_in_the_law_of_a_sweep_of_masses():
    """Any seed; the control is the law of another schedule."""
    processes, table, runs = both_processes(), made_table(), 100_000
    n = processes[0.0].grid.shape[0]
    starts = np.full((3, runs), n // 3, dtype=np.uint16)
    cells = swept(processes, starts, table, fresh_seeds())
    expected = []
    for schedule in range(3):
        masses = np.eye(n)[n // 3]
        for weight, temperature, duration in table[:, schedule]:
            masses = masses @ expm(processes[weight].generator(temperature or 1.0).toarray() * duration)
        expected.append(runs * masses)
    for own, law_of in zip(cells, expected, strict=True):
        assert surprise(np.bincount(own, minlength=n), law_of) > LEAST_P
    assert surprise(np.bincount(cells[0], minlength=n), expected[2]) < LEAST_P


def test_draws_depend_on_seed_schedule_and_number_alone():
    processes, table = both_processes(), made_table()
    starts = np.full((3, 500), 20, dtype=np.uint16)
    one = swept(processes, starts, table, [3, 1], threads=1)
    assert np.array_equal(one, swept(processes, starts, table, [3, 1], threads=4))
    assert np.array_equal(one[:, :70], swept(processes, starts[:, :70], table, [3, 1]))
    assert np.array_equal(one[:2], swept(processes, starts[:2], table[:, :2], [3, 1]))
    assert not np.array_equal(one, swept(processes, starts, table, [3, 2]))


def test_cells_are_drawn_from_masses():
    masses = np.array([[0.2, 0.0], [0.3, 1.0], [0.5, 0.0]])
    drawn = cell_draws(masses, 50_000, np.uint64(fresh_seed()))
    assert (drawn[1] == 1).all()
    assert surprise(np.bincount(drawn[0], minlength=3), 50_000 * masses[:, 0]) > LEAST_P


def test_a_path_is_off_by_no_more_than_its_epochs():
    """[eq:path-distance] on matrices that are off by a known distance, over all paths of a small chain."""
    random = fresh_generator()
    for epsilon in (0.01, 0.2):
        right, epochs = random.dirichlet(np.ones(3), size=3), 5
        moved = np.roll(np.eye(3), 1, axis=1)  # a law far from most rows
        wrong = (1 - epsilon) * right + epsilon * moved
        one = other = np.eye(3)[0]
        for _ in range(epochs):
            one, other = (one[..., None] * right).reshape(-1, 3), (other[..., None] * wrong).reshape(-1, 3)
        distance = np.abs(one - other).sum() / 2
        each = (np.abs(right - wrong).sum(axis=1) / 2).max()
        bound = law("path-distance")(epoch_distance=each, looked_up_epochs=epochs)
        assert each < distance <= bound * (1 + 1e-12), "and the bound is not idle: one epoch's distance is passed"


def test_an_epoch_s_table_is_that_of_its_matrix():
    process = small_line()
    assert np.array_equal(
        epoch_table(process, 0.3, 0.1).entries, EpochTable.of(epoch_matrix(process, 0.3, 0.1)).entries
    )
