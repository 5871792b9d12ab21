"""The law of the deviance: p-values by hand and by simulation, sparse cells, and the scatter of repeats."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import xlogy

from slt_toys.protocol.arms import CONTROL, Observation
from slt_toys.worlds.hypotheses import HYPOTHESES, design, find_hypothesis
from slt_toys.worlds.verdict import Dispersion, deviance_law, dispersion_of_repeats, fit, judge
from slt_toys.worlds.verdict_power import redrawn
from tests.seeds import fresh_seed
from tests.worlds.made_counts import BASE, COPIES, LAWFUL, TRUE, UNLIKE, made_up


# ---- the law of the deviance ---------------------------------------------------------------------------------------
def hand_made(shares, runs: int = 1000) -> list[Observation]:
    """One arm, whose shares are given by switch epoch."""
    run = [CONTROL.schedule(BASE, switch, 100) for switch in range(len(shares))]
    return [
        Observation("control", switch, runs, round(runs * share), 0.5 - 0.01 * switch, run[switch])
        for switch, share in enumerate(shares)
    ]


def upper_gamma(freedom: int, square: float) -> float:
    """Chance of a larger chi-square, by its series for whole numbers of degrees of freedom (Abramowitz & Stegun
    26.4)."""
    if freedom % 2:
        tail = math.erfc(math.sqrt(square / 2))
        terms = [square ** (k + 0.5) / math.prod(range(1, 2 * k + 2, 2)) for k in range((freedom - 1) // 2)]
        return tail + math.sqrt(2 / math.pi) * math.exp(-square / 2) * sum(terms)
    return math.exp(-square / 2) * sum((square / 2) ** k / math.factorial(k) for k in range(freedom // 2))


def test_the_p_value_is_the_chi_square_of_the_deviance():
    """By hand: twice the sum of n (x ln x/p + (1-x) ln (1-x)/(1-p)), on cells less four degrees of freedom."""
    shares = [0.21, 0.19, 0.24, 0.18, 0.33, 0.41, 0.55, 0.68, 0.71, 0.8, 0.78, 0.83]
    seen = hand_made(shares)
    for hypothesis in HYPOTHESES:
        found = fit(hypothesis, seen)
        deviance = 2 * sum(
            1000 * (x * math.log(x / p) + (1 - x) * math.log((1 - x) / (1 - p)))
            for x, p in zip(shares, found.predicted, strict=True)
        )
        assert found.deviance == pytest.approx(deviance, rel=1e-9)
        assert found.degrees_of_freedom == 12 - 4
        assert found.p_value == pytest.approx(upper_gamma(8, deviance), rel=1e-9)
        assert found.survives == (found.p_value >= 0.01)
    assert upper_gamma(3, 5.0) == pytest.approx(stats.chi2.sf(5.0, 3))


def test_the_law_of_sparse_cells_is_their_own():
    """Moments by simulation, and plain chi-square where at least five of either fate are expected."""
    assert deviance_law(np.array([0.05, 0.5, 0.95]), np.full(3, 100.0), 1) == (1.0, 2.0)
    shares, runs = np.array([0.001, 0.01, 0.97, 0.999, 0.5]), np.array([100.0, 60.0, 50.0, 400.0, 30.0])
    number, freedom = deviance_law(shares, runs, 0)
    random = np.random.default_rng(fresh_seed())
    x = random.binomial(runs.astype(int), shares, (200_000, 5)) / runs
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.nan_to_num(x * np.log(x / shares)) + np.nan_to_num((1 - x) * np.log((1 - x) / (1 - shares)))
    deviances = 2 * runs * terms
    expected = np.append(deviances[:, :4].mean(axis=0), 1).sum(), np.append(deviances[:, :4].var(axis=0), 2).sum()
    error = np.sqrt(deviances[:, :4].var(axis=0).sum() / 200_000)
    assert abs(number * freedom - expected[0]) < 5 * error
    assert 2 * number**2 * freedom == pytest.approx(expected[1], rel=0.1)
    assert abs(number * freedom - 5) > 12 * error  # the negative control: a chi-square of every cell
    once = deviance_law(shares, runs, 1)
    assert once[0] * once[1] == pytest.approx(number * freedom - 1)
    assert deviance_law(np.full(6, 1e-3), np.full(6, 10.0), 4) == (1.0, 2.0)  # nothing to tell


def test_the_p_value_of_sparse_cells_is_by_their_own_law():
    seen = hand_made([0.0, 0.002, 0.0, 0.001, 0.002, 0.01, 0.03, 0.05, 0.002, 0.01, 0.004, 0.05], 500)
    found = fit(HYPOTHESES[1], seen)
    number, freedom = deviance_law(found.predicted, np.full(12, 500.0), 4)
    assert abs(number - 1) > 0.02 and abs(freedom - 8) > 0.1
    assert found.p_value == pytest.approx(stats.chi2.sf(found.deviance / number, freedom))
    assert abs(found.p_value / stats.chi2.sf(found.deviance, freedom) - 1) > 0.01  # and not of the deviance itself
    spread = fit(HYPOTHESES[1], seen, dispersion=Dispersion(30.0, 12))
    assert spread.p_value == pytest.approx(stats.f.sf(found.deviance / number / freedom / 2.5, freedom, 12))


NULLS = {
    "flow time left": (np.array([5.2, -1.5, 0.0, 1.0]), 60),  # many cells where hardly a run is stuck or free
    "flow time spent": (np.array([5.8, -1.5, 0.02, 0.98]), 100),
    "loss threshold": (np.array([0.2, -2.5, 0.1, 0.9]), 400),
    "temperature": (np.array([-2.7, 3.2, 1.4, 1.5]), 400),
}


def null_cells(name: str) -> tuple[list[Observation], np.ndarray]:
    """Cells, and the shares that the hypothesis gives them."""
    parameters, runs = NULLS[name]
    losses = np.random.default_rng(0).uniform(0.01, 0.5, len(UNLIKE) * 11)
    cells = made_up(0.5, runs, 0, arms=UNLIKE, losses=losses)
    return cells, find_hypothesis(name).predict(parameters, design(cells))


@pytest.mark.parametrize("name", NULLS)
def test_refusals_are_as_many_as_the_p_value_says(name):
    """Deviances of counts drawn from the shares themselves: about one in a hundred is refuted, neither more nor
    less."""
    _, shares = null_cells(name)
    runs, sets = NULLS[name][1], 20_000
    x = np.random.default_rng(fresh_seed()).binomial(runs, shares, (sets, shares.size)) / runs
    deviances = 2 * runs * (xlogy(x, x / shares) + xlogy(1 - x, (1 - x) / (1 - shares))).sum(axis=1)
    number, freedom = deviance_law(shares, np.full(shares.size, float(runs)), 0)
    chances = stats.chi2.sf(deviances / number, freedom)
    for level, off in ((0.01, 0.003), (0.05, 0.006), (0.5, 0.02)):
        share = (chances < level).mean()
        assert abs(share - level) < 5 * math.sqrt(level / sets) + off, (level, share)
    sparse = np.minimum(shares, 1 - shares) * runs < 5
    if name == "flow time left":  # the negative control: chi-square of every cell refuses nothing
        assert sparse.mean() > 0.5 and (stats.chi2.sf(deviances, shares.size) < 0.05).mean() < 0.005


def deviances_taken(name: str, sets: int) -> np.ndarray:
    """What a fit takes off the deviance of the shares that made the counts."""
    cells, shares = null_cells(name)
    seed, runs, taken = fresh_seed(), NULLS[name][1], []
    for k in range(sets):
        seen = redrawn(cells, shares, [seed, k])
        x = np.array([each.stuck for each in seen]) / runs
        of_truth = 2 * runs * (xlogy(x, x / shares) + xlogy(1 - x, (1 - x) / (1 - shares))).sum()
        found = fit(find_hypothesis(name), seen)
        assert found.degrees_of_freedom == len(cells) - 4
        taken.append(of_truth - found.deviance)
    return np.array(taken)


def test_a_fit_takes_as_much_deviance_as_it_has_parameters():
    """Four on average, at any seed: not none, and not three more."""
    taken = deviances_taken("loss threshold", 40)
    assert abs(taken.mean() - 4) < 5 * math.sqrt(8 / 40) and (taken > -1e-6).all(), taken


@pytest.mark.long
def test_so_does_a_fit_of_temperature():
    assert abs(deviances_taken("temperature", 200).mean() - 4) < 5 * math.sqrt(8 / 200)


@pytest.mark.long
@pytest.mark.parametrize("name", NULLS)
def test_one_refusal_in_a_hundred(name):
    """Two-sided: of a thousand sets of counts drawn from the hypothesis itself, about ten are refuted."""
    cells, shares = null_cells(name)
    seed, hypothesis = fresh_seed(), find_hypothesis(name)
    refuted = sum(not fit(hypothesis, redrawn(cells, shares, [seed, k])).survives for k in range(1000))
    assert stats.binom.ppf(1e-4, 1000, 0.007) <= refuted <= stats.binom.isf(1e-4, 1000, 0.013), refuted


# ---- repeats -------------------------------------------------------------------------------------------------------
def test_the_dispersion_is_that_of_repeats():
    """By hand, and for runs of which all of a cell share a part of their fate."""
    run, other = CONTROL.schedule(BASE, 10, 100), CONTROL.schedule(BASE, 20, 100)
    cells = [Observation("control", 10, 50, 20, 0.1, run), Observation("again", 10, 100, 61, 0.1, run),
             Observation("control", 20, 50, 20, 0.1, other), Observation("control", 20, 50, 0, 0.1, CONTROL.schedule(
                 BASE, 30, 100)), Observation("again", 30, 50, 0, 0.1, CONTROL.schedule(BASE, 30, 100))]  # fmt: skip
    found = dispersion_of_repeats(cells)
    assert found is not None and found.degrees_of_freedom == 1
    share = 81 / 150
    by_hand = (149 / 150) * ((20 - 50 * share) ** 2 / 50 + (61 - 100 * share) ** 2 / 100) / (share * (1 - share))
    assert found.chi_square == pytest.approx(by_hand) and found.ratio == found.chi_square
    assert found.p_value == pytest.approx(upper_gamma(1, by_hand))
    assert dispersion_of_repeats(cells[2:]) is None  # no cell twice, but one where nothing can scatter

    random, runs, correlation = np.random.default_rng(fresh_seed()), 100, 0.02
    shape = 1 / correlation - 1  # a beta law with this intra-class correlation
    shares = random.beta(0.4 * shape, 0.6 * shape, 1200)
    together = [Observation("control", 10, runs, int(random.binomial(runs, share)), 0.1, run) for share in shares]
    alone = [Observation("control", 10, runs, int(random.binomial(runs, 0.4)), 0.1, run) for _ in shares]
    expected = 1 + (runs - 1) * correlation
    for seen, ratio in ((together, expected), (alone, 1.0)):
        found = dispersion_of_repeats(seen)
        assert found is not None and found.degrees_of_freedom == 1199
        assert abs(found.ratio / ratio - 1) < 5 * math.sqrt(2 / 1199)


def test_runs_that_share_a_fate_are_judged_by_their_repeats():
    """Binomial, a true hypothesis would be refuted; with the dispersion of repeats it is as often as it should be."""
    hypothesis, parameters = find_hypothesis("flow time left"), TRUE["flow time left"]
    seed = fresh_seed()
    random, p_values, naive = np.random.default_rng(seed), [], []
    cells, sets = made_up(0.5, 200, seed, arms=UNLIKE[:3]), 24
    truth, shape = hypothesis.predict(parameters, design(cells)), 1 / 0.02 - 1
    for _ in range(sets):
        once, again = (
            redrawn(
                cells, random.beta(truth * shape, (1 - truth) * shape), [int(x) for x in random.integers(2**31, size=2)]
            )
            for _ in range(2)
        )
        dispersion = dispersion_of_repeats([*once, *again])
        p_values.append(fit(hypothesis, once, dispersion=dispersion).p_value)
        naive.append(fit(hypothesis, once).p_value)
    assert np.median(naive) < 0.01
    assert abs(np.mean(p_values) - 0.5) < 5 * math.sqrt(1 / 12 / sets)
    with pytest.raises(ValueError, match="dispersion must have a positive ratio"):
        fit(hypothesis, cells, dispersion=Dispersion(0.0, 3))


def test_the_f_law_of_the_dispersion():
    seen = hand_made([0.21, 0.19, 0.24, 0.18, 0.33, 0.41, 0.55, 0.68, 0.71, 0.8, 0.78, 0.83])
    plain = fit(HYPOTHESES[1], seen)
    spread = fit(HYPOTHESES[1], seen, dispersion=Dispersion(30.0, 12))
    assert spread.deviance == plain.deviance
    assert spread.p_value == pytest.approx(stats.f.sf(plain.deviance / 8 / 2.5, 8, 12))
    assert fit(HYPOTHESES[1], seen, dispersion=Dispersion(1e6, 1_000_000)).p_value == pytest.approx(
        plain.p_value, rel=1e-3
    )


def test_copied_arms_are_no_evidence():
    """An arm that repeats another's schedule changes neither deviance nor degrees of freedom, whatever it recorded."""
    shares = find_hypothesis("flow time left").predict(TRUE["flow time left"], design(made_up(0.5, 10, 0, arms=LAWFUL)))
    seen = made_up(shares, 100, fresh_seed(), arms=LAWFUL)
    verdict = judge(seen)
    assert set(verdict.copies) == set(COPIES)
    assert verdict.copies["momentum"] == "halve the batch" and verdict.copies["linear scaling"] == "control"
    own = [each for each in seen if each.arm not in verdict.copies]
    assert verdict.observations == tuple(own) and len(own) == len(UNLIKE) * 11
    for one, two in zip(verdict.fits, judge(own).fits, strict=True):
        assert (one.deviance, one.degrees_of_freedom) == (two.deviance, len(UNLIKE) * 11 - 4)
    assert verdict.nearest is verdict.fits[1]
