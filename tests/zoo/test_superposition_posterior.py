"""The posterior of superposition: the generated loss is the loss, the proposals keep the prior, shares as reported."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.potentials.phases import Phase
from slt_toys.potentials.potential import Potential
from slt_toys.samplers.replica_exchange import ReplicaExchange
from slt_toys.samplers.run import sample
from slt_toys.zoo.superposition_loss import losses, sides
from slt_toys.zoo.superposition_posterior import CrankNicolson, potential, sample_posterior
from tests.seeds import fresh_generator, fresh_seed


def test_the_generated_energy_is_half_the_loss():
    places = fresh_generator().standard_normal((200, 18))
    assert potential(6).energy_function()(places) == pytest.approx(losses(places) / 2, rel=1e-12)


def test_proposals_keep_the_prior_at_every_temperature():
    """With the energy c w²/2 the law at temperature T is normal of variance 1/(1 + c/T), not T/c."""
    w = sympy.Symbol("w", real=True)
    whole = Phase("all", (sympy.S.Zero,), sympy.true, sympy.S.Zero, sympy.Rational(1, 2))
    target = Potential("well", w**2 / 2, (w,), (), ((-8.0, 8.0),), (whole,))
    for cold in (0.5, 4.0):
        exchange = ReplicaExchange(CrankNicolson(0.7), (cold, 4 * cold), 5, (0.7, 0.9))
        drawn = sample(
            target, exchange, n_beta=1 / cold, chains=512, steps=2000, thin=50, seed=fresh_seed(), initial=(0.3,),
            diagnose=False,
        )  # fmt: skip
        each = (drawn["w"].values[:, 10:, 0] ** 2).mean(axis=1)
        error, law = each.std(ddof=1) / np.sqrt(each.size), 1 / (1 + 1 / cold)
        assert abs(each.mean() - law) < 5 * error
        assert abs(each.mean() - cold) > 12 * error  # what tempering the prior, or having none, would give


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match="sizes must be at least two positive numbers, falling"):
        sample_posterior(0, 1, sizes=(5.0, 100.0))


@pytest.mark.slow
def test_shares_as_reported():
    """Reported, good to .04: P(6) and P(5) at six values of N."""
    reported = {
        130: (0.37, 0.45), 180: (0.42, 0.44), 250: (0.49, 0.43), 480: (0.65, 0.35), 650: (0.80, 0.20),
        900: (0.96, 0.04),
    }  # fmt: skip
    found = sample_posterior(fresh_seed(), 300, burn=200)
    again = sample_posterior(fresh_seed(), 300, burn=200)
    for size, (six, five) in reported.items():
        row = int(np.flatnonzero(found.sizes == size)[0])
        for k, share in ((6, six), (5, five)):
            each = np.concatenate([(sides(run.draws[row]) == k).mean(axis=0) for run in (found, again)])
            assert abs(each.mean() - share) < 0.04 + 5 * each.std(ddof=1) / np.sqrt(each.size)
    assert (found.swaps > 0.25).all() and (found.acceptance > 0.2).all() and found.round_trips > 50
    counts = found.counts()
    assert counts.shape == (15, 64, 7) and (counts.sum(axis=2) == 300).all()
