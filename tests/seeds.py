"""Seeds for tests that hold for any: by the name of the test, the same in every run, unless others are asked for.

What a statistical test claims holds for every seed. A run that draws its own finds the rare fault, and cannot be
repeated; so a run uses the seeds of ``--entropy 0``, and ``--entropy fresh`` draws seeds nobody chose. The header of a
run says which it used.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

FRESH, DEFAULT = "fresh", 0


class _Source:
    """Who asks, how often already, and the number that all seeds of a run follow from."""

    entropy = DEFAULT
    name = ""
    asked = 0

    def next(self) -> np.random.SeedSequence:
        self.asked += 1
        return np.random.SeedSequence([self.entropy, zlib.crc32(self.name.encode()), self.asked])


_SOURCE = _Source()


def entropy_from(text: str) -> int:
    """The number behind ``--entropy``: as given, or drawn."""
    return int(np.random.SeedSequence().generate_state(1)[0]) if text == FRESH else int(text)


def begin(entropy: int) -> None:
    _SOURCE.entropy = entropy


@contextmanager
def seeds_of(name: str) -> Iterator[None]:
    """Whatever is drawn within belongs to a name, whichever worker draws it and whatever ran before."""
    before = _SOURCE.name, _SOURCE.asked
    _SOURCE.name, _SOURCE.asked = name, 0
    try:
        yield
    finally:
        _SOURCE.name, _SOURCE.asked = before


def fresh_seed() -> int:
    return int(_SOURCE.next().generate_state(1)[0])


def fresh_seeds() -> list[int]:
    """Two words: a seed that can be extended by the number of a repetition."""
    return _SOURCE.next().generate_state(2).tolist()


def fresh_generator() -> np.random.Generator:
    return np.random.default_rng(_SOURCE.next())
