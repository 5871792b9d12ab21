"""Whether intervals cover the truth as often as they say: neither less often nor more often."""

from __future__ import annotations

from scipy.stats import binomtest

RARE = 1e-6  # chance that a right interval fails, about 5 standard errors on either side


def coverage_p_value(hits: int, trials: int, nominal: float = 0.95) -> float:
    """Chance, if each of the trials' intervals covers with the nominal probability, of hits as far from it."""
    return float(binomtest(int(hits), trials, nominal).pvalue)


def covers(hits: int, trials: int, nominal: float = 0.95) -> bool:
    """Whether that many hits are what the nominal coverage gives, up to chance."""
    return coverage_p_value(hits, trials, nominal) > RARE
