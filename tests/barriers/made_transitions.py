"""Decay laws and records of known transitions, for the tests of both."""

from __future__ import annotations

from sympy import Rational

from slt_toys.potentials.catalogue import barrier_spectrum

SYSTEM = barrier_spectrum(4, 1, Rational(4, 5))
TEMPERATURE = 0.09
SIDES = ("all left", "all right")
