"""The Eyring–Kramers law over a saddle against the spectral gap of a generator on a plane."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import eigsh


def gap(coupling: float, temperature: float, cells: int) -> float:
    """Second eigenvalue of the symmetrised generator of (x² - 1)² + coupling (y - x)², by square-root rates."""
    x, y = np.linspace(-1.9, 1.9, cells), np.linspace(-2.6, 2.6, cells)
    loss = (x[:, None] ** 2 - 1) ** 2 + coupling * (y[None, :] - x[:, None]) ** 2
    number = np.arange(cells**2).reshape(cells, cells)
    size, diagonal, rows, columns, values = cells**2, np.zeros(cells**2), [], [], []
    for axis, step in ((0, x[1] - x[0]), (1, y[1] - y[0])):
        one, two = (np.take(number, range(*part), axis).ravel() for part in ((cells - 1,), (1, cells)))
        rise = (loss.ravel()[two] - loss.ravel()[one]) / (2 * temperature)
        scale = temperature / step**2
        np.add.at(diagonal, one, scale * np.exp(-rise))
        np.add.at(diagonal, two, scale * np.exp(rise))
        rows += [one, two]
        columns += [two, one]
        values += [np.full(one.size, -scale)] * 2
    matrix = sparse.csc_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), (size, size)
    ) + sparse.diags_array(diagonal)
    start = np.exp(-(loss.ravel() - loss.min()) / (2 * temperature)) * np.sign(x).repeat(cells)
    found = eigsh(matrix.tocsc(), k=2, sigma=-1e-6, v0=start + 1e-3, return_eigenvectors=False)
    return float(np.sort(found)[1])


@pytest.mark.parametrize("coupling", [0.5, 3.0])
def test_gap_of_two_equal_wells_tends_to_twice_the_rate(evaluate, coupling):
    """With departures of order T, removed by extrapolation; without the determinants another number comes out."""
    hessian = {place: np.array([[12 * place**2 - 4 + 2 * coupling, -2 * coupling], [-2 * coupling, 2 * coupling]])
               for place in (0, 1)}  # fmt: skip
    unstable = -float(np.linalg.eigvalsh(hessian[0])[0])
    ratios = []
    for temperature in (0.12, 0.06):
        # Second order in the step: the last two grids are extrapolated.
        coarse, fine = (gap(coupling, temperature, cells) for cells in (90, 180))
        rate = evaluate(
            "eyring-kramers-saddle", barrier_curvature=unstable, well_determinant=float(np.linalg.det(hessian[1])),
            saddle_determinant=-float(np.linalg.det(hessian[0])), barrier_height=1.0, temperature=temperature,
        )  # fmt: skip
        ratios.append((4 * fine - coarse) / 3 / (2 * rate))
    assert abs(ratios[1] - 1) < 0.06 and abs(ratios[1] - 1) < 0.6 * abs(ratios[0] - 1)
    assert 2 * ratios[1] - ratios[0] == pytest.approx(1, abs=0.01)
    line = evaluate("eyring-kramers", well_curvature=8.0, barrier_curvature=4.0, barrier_height=1.0, temperature=0.06)
    assert abs(ratios[1] * rate / line - 1) > 0.08
