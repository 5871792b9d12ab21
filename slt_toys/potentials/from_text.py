"""Potentials as an option names them: by a name of the catalogue, or by an energy such as "(w**2-1)**2 - 0.15*w"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .catalogue import POTENTIAL_NAMES, find_pair, find_potential
from .declared import potential_with_phases
from .energy_options import OwnEnergy
from .expressions import parse_expression
from .phases import PhaseError
from .potential import Potential, PotentialPair, mirrored_pair
from .same_space import in_order, in_order_of, named_alike

PLAIN = OwnEnergy()
LONGEST_COORDINATE = 3  # what is a longer name alone was meant to be in the catalogue


def read_potential(text: str, option: str, own: OwnEnergy = PLAIN) -> Potential:
    """The potential of that name or energy; ``option`` is what messages call it, ``own`` what others say of an energy.

    Raises
    ------
    ValueError
        In one line, when it is neither, or when other options do not go with it.
    """
    _check_options(own, [(option, text)])
    return _read(text, option, own)


def read_potentials(texts: Sequence[str], option: str, own: OwnEnergy = PLAIN) -> list[Potential]:
    """Several of one option, that of :func:`read_potential`; ``own`` is what is said of those that are energies."""
    if texts:
        _check_options(own, [(option, text) for text in texts])
    return [_read(text, option, own) for text in texts]


def _read(text: str, option: str, own: OwnEnergy) -> Potential:
    if text in POTENTIAL_NAMES:
        return find_potential(text, option)
    if text.isidentifier() and (len(text) > LONGEST_COORDINATE or "_" in text):
        raise ValueError(f"{option} {text!r} is not in the catalogue: {', '.join(POTENTIAL_NAMES)}")
    try:
        held = own.of(parse_expression(text, option)) if own.parameters else own
        box = held.box[0] if held.box and len(held.box) == 1 else held.box  # one pair for every coordinate
        options: dict[str, Any] = {"box": box, "parameters": dict(held.parameters)}
        if held.boundary == "periodic":  # every box reflects unless something else is said
            options["boundary"] = held.boundary
        if held.phases:
            return potential_with_phases(text, held.phases, option, **options)
        return Potential.from_expression(text, argument=option, **options)
    except PhaseError as error:
        raise error if str(error).startswith("--") else PhaseError(f"{option}: {error}") from None


def _check_options(own: OwnEnergy, texts: Sequence[tuple[str, str]]) -> None:
    """Options of an energy need one, and a parameter must be in one of them."""
    if not own.options:
        return
    energies = [(option, text) for option, text in texts if text not in POTENTIAL_NAMES]
    if not energies:
        option, text = texts[0]
        raise ValueError(
            f"{own.options[0]} goes with an energy of your own, such as (w**2-1)**2 - 0.15*w; {option} {text} is "
            "of the catalogue and has its own"
        )
    own.check_held(*(parse_expression(text, option) for option, text in energies))


def _point(potential: Potential, phase: str) -> str:
    places = ", ".join(
        f"{w.name} = {x:.4g}" for w, x in zip(potential.coordinates, potential.minimum_point(phase), strict=True)
    )
    return f"({places})"


def read_pair(
    clean: str, deficit: str | None = None, own: OwnEnergy = PLAIN, *, option: str = "--potential",
    deficit_option: str = "--deficit",
) -> PotentialPair:  # fmt: skip
    """The deficit and clean potentials.

    Parameters
    ----------
    clean
        Name or energy.
    deficit
        Likewise; a name stands for the deficit of its pair. Without it a name brings its own deficit, and an energy is
        paired with its mirror image.
    own
        What other options say of those that are energies.
    option, deficit_option
        What messages call the two.

    Raises
    ------
    ValueError
        In one line, when they cannot be read or paired, or when both prefer the same phase.
    """
    _check_options(own, [(option, clean)] + ([] if deficit is None else [(deficit_option, deficit)]))
    if deficit is None:
        if clean in POTENTIAL_NAMES:
            return find_pair(clean, option)
        return mirrored_pair(_read(clean, option, own))
    cleaned = _read(clean, option, own)
    named = deficit in POTENTIAL_NAMES
    other = find_pair(deficit, deficit_option).deficit if named else _read(deficit, deficit_option, own)
    in_order_of(cleaned.coordinates, **{deficit_option: other, option: cleaned})  # refuses by the options' names
    other = named_alike(in_order(other, cleaned.coordinates), cleaned)
    lowest = min(other.phases, key=lambda phase: other.minimum_loss(phase.name)).name
    if len(other.phases) > 1 and lowest not in {phase.name for phase in cleaned.phases}:
        raise ValueError(
            f"{deficit_option} is lowest at {_point(other, lowest)}, which lies in no phase of {option}; give a "
            "deficit whose lowest minimum lies in one"
        )
    pair = PotentialPair(cleaned.name, other, cleaned, lowest)
    preferred = min(cleaned.phases, key=lambda phase: cleaned.minimum_loss(phase.name)).name
    if preferred not in {phase.name for phase in pair.deficit.phases}:
        raise ValueError(
            f"{deficit_option} has no minimum in phase {preferred!r}, which {option} prefers; give one that has"
        )
    rest = [cleaned.minimum_loss(phase.name) for phase in cleaned.phases if phase.name != lowest]
    if cleaned.minimum_loss(lowest) <= min(rest):
        raise ValueError(
            f"{deficit_option}: the clean potential prefers phase {lowest!r} just as the deficit does, so nothing can "
            "get stuck; give a deficit that prefers another phase"
        )
    return pair
