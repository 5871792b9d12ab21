"""Potentials as an option names them: by a name of the catalogue, or by an energy such as "(w**2-1)**2 - 0.15*w"."""

from __future__ import annotations

from .catalogue import POTENTIAL_NAMES, find_pair, find_potential
from .expressions import ExpressionError
from .phases import PhaseError
from .potential import Potential, PotentialPair, mirrored_pair


def read_potential(text: str, option: str) -> Potential:
    """The potential of that name or energy; ``option`` is what messages call it.

    Raises
    ------
    ValueError
        In one line, when it is neither.
    """
    if text in POTENTIAL_NAMES:
        return find_potential(text, option)
    try:
        return Potential.from_expression(text, argument=option)
    except ExpressionError as error:
        if text.replace("_", "").isalnum() and "_" in text:
            raise ValueError(f"{option} {text!r} is not in the catalogue: {', '.join(POTENTIAL_NAMES)}") from None
        raise error
    except PhaseError as error:
        raise PhaseError(f"{option}: {error}") from None


def read_pair(
    clean: str, deficit: str | None = None, *, option: str = "--potential", deficit_option: str = "--deficit"
) -> PotentialPair:
    """The deficit and clean potentials.

    Parameters
    ----------
    clean
        Name or energy.
    deficit
        Likewise; a name stands for the deficit of its pair. Without it a name brings its own deficit, and an energy is
        paired with its mirror image.
    option, deficit_option
        What messages call the two.

    Raises
    ------
    ValueError
        In one line, when they cannot be read or paired, or when both prefer the same phase.
    """
    if deficit is None:
        if clean in POTENTIAL_NAMES:
            return find_pair(clean, option)
        return mirrored_pair(read_potential(clean, option))
    own = read_potential(clean, option)
    named = deficit in POTENTIAL_NAMES
    other = find_pair(deficit, deficit_option).deficit if named else read_potential(deficit, deficit_option)
    lowest = min(other.phases, key=lambda phase: other.minimum_loss(phase.name)).name
    pair = PotentialPair(own.name, other, own, lowest)
    if own.minimum_loss(lowest) <= min(own.minimum_loss(phase.name) for phase in own.phases if phase.name != lowest):
        raise ValueError(
            f"{deficit_option}: the clean potential prefers phase {lowest!r} just as the deficit does, so nothing can "
            "get stuck; give a deficit that prefers another phase"
        )
    return pair
