"""Round trips of the idealised swap process: counted, and by hitting times for many temperatures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.seeds import fresh_seed
from theory.derivation import DerivationError
from theory.laws.round_trips import rounds_of_a_trip


def odds(acceptance) -> float:
    return float(sum((1 - a) / a for a in acceptance))


def trips_per_round(acceptance, seed: int, chains: int = 4000, rounds: int = 400, alternate: bool = True):
    """Round trips per round of each of many ladders whose pairs accept independently; a burn-in is not counted.

    Only which end a configuration visited last travels with it. With ``alternate`` off a coin chooses the pairs.
    """
    random = np.random.default_rng(seed)
    levels = len(acceptance) + 1
    from_hot = np.zeros((chains, levels), dtype=bool)
    counted = np.zeros(chains)
    for number in range(2 * rounds):
        parity = np.full(chains, number % 2) if alternate else random.integers(0, 2, chains)
        for pair, share in enumerate(acceptance):
            swap = (parity == pair % 2) & (random.random(chains) < share)
            from_hot[swap, pair], from_hot[swap, pair + 1] = from_hot[swap, pair + 1], from_hot[swap, pair]
        from_hot[:, -1] = True
        if number >= rounds:
            counted += from_hot[:, 0]
        from_hot[:, 0] = False
    return counted / rounds


@pytest.mark.parametrize("acceptance", [(0.4,), (0.7, 0.3), (0.5, 0.9, 0.35, 0.6, 0.6)])
def test_counted_round_trips(evaluate, acceptance):
    seed = fresh_seed()
    law = evaluate("round-trip-rate", rejection_odds=odds(acceptance))
    found = trips_per_round(acceptance, seed)
    error = found.std(ddof=1) / np.sqrt(found.size)
    assert abs(found.mean() - law) < 5 * error, f"seed {seed}"
    if len(acceptance) > 1:  # Negative control: pairs chosen by a coin make a walk without direction, which is slower.
        other = trips_per_round(acceptance, seed, alternate=False)
        assert law - other.mean() > 12 * other.std(ddof=1) / np.sqrt(other.size)
    # And swaps that are all accepted would be faster.
    assert evaluate("round-trip-rate", rejection_odds=0) - found.mean() > 12 * error


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.05, 1.0), min_size=1, max_size=12))
def test_hitting_times_of_the_walk(evaluate, acceptance):
    """One way up as a linear system for (level, direction), and the way down as a way up the reversed ladder."""

    def rounds_up(shares: list[float]) -> float:
        pairs = len(shares)
        system, right = np.eye(2 * pairs), np.ones(2 * pairs)  # up_0.., then down_0..
        for i, a in enumerate(shares):
            if i + 1 < pairs:
                system[i, i + 1] -= a
            system[i, pairs + i] -= 1 - a
            if i:
                system[pairs + i, pairs + i - 1] -= shares[i - 1]
                system[pairs + i, i] -= 1 - shares[i - 1]
        system[pairs, 0] -= 1
        return float(np.linalg.solve(system, right)[0])

    whole = 2 + rounds_up(acceptance) + rounds_up(acceptance[::-1])
    law = evaluate("round-trip-rate", rejection_odds=odds(acceptance))
    assert (len(acceptance) + 1) / whole == pytest.approx(law, rel=1e-9)


def test_two_temperatures():
    """Up when accepted, else a round of waiting: 2/A - 1 rounds each way, and one at each end."""
    assert rounds_of_a_trip((0.25,)) == pytest.approx(2 * (2 / 0.25 - 1) + 2)


def test_a_wrong_walk_does_not_close(monkeypatch):
    import theory.laws.round_trips as trips

    trips.derive_round_trip_rate.cache_clear()
    right = trips._rounds_up
    monkeypatch.setattr(trips, "_rounds_up", lambda acceptance: right(acceptance) + 1)
    with pytest.raises(DerivationError, match="hitting times with 1 pairs"):
        trips.derive_round_trip_rate()
