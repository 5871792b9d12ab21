"""Whether slopes agree: against least squares in closed form, and on simulated slopes whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import chi2

from slt_toys.fits.agreement import agreement, halvings_of_rate, joint_fit, slopes_per_halving
from tests.seeds import fresh_generator


def test_the_weighted_mean_is_least_squares():
    random = fresh_generator()
    slopes, errors = random.normal(1, 0.1, 6), random.uniform(0.02, 0.2, 6)
    found = agreement(slopes, errors)
    (mean,), (square,), *_ = np.linalg.lstsq(1 / errors[:, None], slopes / errors, rcond=None)
    assert found.slope == pytest.approx(mean)
    assert found.chi_square == pytest.approx(square) and found.degrees_of_freedom == 5
    assert found.p_value == pytest.approx(chi2.sf(square, 5))
    against = float(np.sum((slopes - 1) ** 2 / errors**2))
    assert found.theory_chi_square == pytest.approx(against)
    assert found.theory_p_value == pytest.approx(chi2.sf(against, 6))
    assert (found.low + found.high) / 2 == pytest.approx(mean) and found.problems == 6


def test_the_joint_fit_is_least_squares_with_offsets():
    random, points, rows, values = fresh_generator(), {}, [], []
    own = 0.0
    for number in range(4):
        sizes = 2.0 ** np.arange(3 + number, 8 + number)
        ends, errors = 8 - np.log2(sizes) + random.normal(0, 0.3, 5), random.uniform(0.1, 0.5, 5)
        points[f"problem {number}"] = (sizes, ends, errors)
        one = np.column_stack([-np.log2(sizes), np.eye(4)[number][None, :].repeat(5, axis=0)]) / errors[:, None]
        rows.append(one)
        values.append(ends / errors)
        own += float(np.linalg.lstsq(one[:, [0, 1 + number]], ends / errors, rcond=None)[1][0])
    design, target = np.concatenate(rows), np.concatenate(values)
    solution, (square,), *_ = np.linalg.lstsq(design, target, rcond=None)
    found = joint_fit(points)
    assert found.slope == pytest.approx(solution[0])
    assert found.standard_error == pytest.approx(math.sqrt(np.linalg.inv(design.T @ design)[0, 0]))
    assert found.chi_square == pytest.approx(square - own) and found.degrees_of_freedom == 3


def test_agreement_by_hand():
    """Weights 100, 25, 100: mean 1.0 + 0.3/9 - 0.2 * 4/9, and DerSimonian and Laird's (1986) spread."""
    found = agreement([1.0, 1.3, 0.8], [0.1, 0.2, 0.1], theory=0.9, confidence=0.9)
    mean = (100 + 25 * 1.3 + 80) / 225
    square = 100 * (1 - mean) ** 2 + 25 * (1.3 - mean) ** 2 + 100 * (0.8 - mean) ** 2
    assert found.slope == pytest.approx(mean, rel=1e-12) and found.standard_error == pytest.approx(1 / 15, rel=1e-12)
    assert (found.low, found.high) == pytest.approx((mean - 1.6448536269514722 / 15, mean + 1.6448536269514722 / 15))
    assert found.chi_square == pytest.approx(square, rel=1e-12) and found.degrees_of_freedom == 2
    assert found.p_value == pytest.approx(math.exp(-square / 2), rel=1e-9)  # chi-square of two degrees of freedom
    assert found.spread == pytest.approx(math.sqrt((square - 2) / (225 - (100**2 + 25**2 + 100**2) / 225)), rel=1e-12)
    against = 100 * 0.1**2 + 25 * 0.4**2 + 100 * 0.1**2
    assert found.theory_chi_square == pytest.approx(against, rel=1e-12)
    survival = math.erfc(math.sqrt(against / 2)) + math.sqrt(2 * against / math.pi) * math.exp(-against / 2)
    assert found.theory_p_value == pytest.approx(survival, rel=1e-9)  # of three


def test_chances_are_chances():
    random, groups = fresh_generator(), 1000
    errors = random.uniform(0.01, 0.1, (groups, 7))
    alike = 1 + errors * random.standard_normal((groups, 7))
    found = [agreement(slopes, error) for slopes, error in zip(alike, errors, strict=True)]
    for chances in ([one.p_value for one in found], [one.theory_p_value for one in found]):
        for level in (0.05, 0.5):
            bound = 5 * math.sqrt(level * (1 - level) / groups)
            assert abs(np.mean(np.array(chances) < level) - level) < bound
    covered = np.mean([one.low < 1 < one.high for one in found])
    assert abs(covered - 0.95) < 5 * math.sqrt(0.95 * 0.05 / groups)
    # Negative control: slopes that differ by two standard errors are seen to, and by how much.
    apart = alike + 0.2 * random.standard_normal((groups, 7))
    unlike = [agreement(slopes, error) for slopes, error in zip(apart, errors, strict=True)]
    assert np.mean([one.p_value < 0.05 for one in unlike]) > 0.05 + 12 * math.sqrt(0.05 * 0.95 / groups)
    squares = np.array([one.spread**2 for one in unlike])
    assert abs(squares.mean() - 0.2**2) < 5 * squares.std(ddof=1) / math.sqrt(groups)


def test_slopes_are_those_of_lines():
    sizes = np.array([16, 45, 64, 300])
    ends = fresh_generator().normal(0, 1, (3, 4))
    expected = [-np.polyfit(np.log2(sizes), row, 1)[0] for row in ends]
    assert slopes_per_halving(sizes, ends) == pytest.approx(expected)
    assert halvings_of_rate([0.4, 0.1, 0.05], 0.4) == pytest.approx([0, 2, 3])


BAD = {
    "cannot be compared": lambda: agreement([1.0], [0.1]),
    "shapes (2,) and (3,)": lambda: agreement([1.0, 1.0], [0.1, 0.1, 0.1]),
    "positive standard error": lambda: agreement([1.0, 1.0], [0.1, 0.0]),
    "finite number": lambda: agreement([1.0, np.nan], [0.1, 0.1]),
    "nothing to agree with": lambda: joint_fit({"one": ([1, 2], [2, 1], [0.1, 0.1])}),
    "two batch sizes or more": lambda: joint_fit({"one": ([1], [2], [0.1]), "two": ([1, 2], [2, 1], [0.1, 0.1])}),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_refused_in_one_line(message):
    with pytest.raises(ValueError) as refused:
        BAD[message]()
    assert message in str(refused.value) and "\n" not in str(refused.value)


def test_the_spread_between_problems_is_that_of_dersimonian_and_laird():
    """By hand: (Q - (k-1)) / (sum w - sum w^2 / sum w), its root; none where Q is below its mean."""
    slopes, errors = np.array([0.9, 1.0, 1.3]), np.array([0.05, 0.1, 0.1])
    weights = errors**-2
    mean = (weights * slopes).sum() / weights.sum()
    square = (weights * (slopes - mean) ** 2).sum()
    by_hand = np.sqrt((square - 2) / (weights.sum() - (weights**2).sum() / weights.sum()))
    assert agreement(slopes, errors).spread == pytest.approx(by_hand)
    assert agreement([1.0, 1.01, 0.99], errors).spread == 0
