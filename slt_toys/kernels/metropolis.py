"""Templates of Metropolis kernels: a random walk, and MALA (Besag 1994; Roberts & Tweedie 1996), in lanes.

A third, Crank-Nicolson (Neal 1998; Cotter et al. 2013), proposes √(1 - ε²) x + ε ξ, which leaves a standard normal
prior as it is: accepted by the loss alone, it samples exp(-L/T) times that prior, whatever the temperature.

Accepting is a selection, not a branch. The energy difference, and for MALA the ratio of the proposals' densities, are
summed over the independent components before the lane decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from types import ModuleType
from typing import Literal

from ..potentials.potential import Potential
from .codegen import ComponentGroup, component_groups, energy_lines, gradient_lines, load_module
from .frame import LOG_UNIFORM_ROW, component_loop, draw_normals, indent, kernel_source, normal_rows, walls

Proposal = Literal["random_walk", "langevin", "crank_nicolson"]

# State rows of a block: positions, gradient at the positions, energy, number of accepted proposals. Scratch rows behind
# the normals: proposed positions, gradient there, proposed energy, log ratio, logarithm of a uniform.
# In few dimensions everything happens in one loop over lanes (_fused). In many, the components' terms are summed in
# scratch rows first, and the lanes' decisions are applied to all rows afterwards.
# A selection reads what it may keep before it writes to scratch: else the compiler sees that keeping changes nothing
# and writes under a mask, which takes some processors ten times as long as writing.
MOST_FUSED = 16
_MOVE = """for i in range(L):
    normal[U({new_energy}) + i] = 0.0
    normal[U({log_ratio}) + i] = 0.0
{propose}
{decide}
for j in range(U({rows})):
    for i in range(L):
        kept = normal[U({log_ratio}) + i]
        old = w[j * L + i]
        new = normal[U({proposed}) + j * L + i]
        normal[U({proposed}) + j * L + i] = old
        w[j * L + i] = new if kept > 0.0 else old
for i in range(L):
    kept = normal[U({log_ratio}) + i]
    old = w[U({energy}) + i]
    new = normal[U({new_energy}) + i]
    normal[U({new_energy}) + i] = old
    w[U({energy}) + i] = new if kept > 0.0 else old
    w[U({energy} + 64) + i] += kept
"""


def metropolis_rows(dimension: int, proposal: Proposal) -> tuple[int, int]:
    """Rows of state and of scratch that a block needs."""
    moved = dimension * (2 if proposal == "langevin" else 1)
    return moved + 2, normal_rows(dimension) + moved + 3


def metropolis_source(potential: Potential, proposal: Proposal) -> str:
    """Print the Metropolis kernel of a potential."""
    d = potential.dimension
    rows, scratch = metropolis_rows(d, proposal)
    moved = rows - 2
    proposed = 64 * (scratch - moved - 3)
    places = {"energy": 64 * moved, "proposed": proposed, "new_energy": proposed + 64 * moved}
    places |= {"log_ratio": places["new_energy"] + 64, "log_uniform": places["new_energy"] + 128}
    groups = component_groups(potential)
    prepare = ["for i in range(L):", f"    w[U({places['energy']}) + i] = 0.0"]
    for number, group in enumerate(groups):
        prepare += component_loop(number, group, _prepare(group, proposal, d, places))
    if d <= MOST_FUSED or (len(groups) == 1 and len(groups[0].coordinate_table) == 1):
        move = _fused(potential, proposal, places)
    else:
        propose: list[str] = []
        for number, group in enumerate(groups):
            numbers, own = range(len(group.coordinates)), range(len(group.parameters))
            body = _proposal(group, numbers, own, proposal, potential, [f"o{k}" for k in numbers])
            propose += component_loop(number, group, [*body, *_summed(group, proposal, d, places)])
        decide = "\n".join(_decision(places))
        move = _MOVE.format(propose="\n".join(propose), decide=decide, rows=moved, **places).rstrip().split("\n")
    per_segment = [
        "temperature = segment_temperature[segment]",
        "noise = " + ("np.sqrt(2.0 * temperature * dt)" if proposal == "langevin" else "dt"),
        "per_noise = 1.0 / noise",
        "cold = 1.0 / temperature",
    ]
    if proposal == "crank_nicolson":
        per_segment.append("kept_share = np.sqrt(1.0 - dt * dt)")
    return kernel_source(potential, "segment_temperature", per_segment, [*draw_normals(d), *move], prepare)


@lru_cache(maxsize=256)
def metropolis_kernel(potential: Potential, proposal: Proposal) -> ModuleType:
    """Compile (or load from the cache) a Metropolis kernel; the module has ``advance`` and ``prepare``."""
    return load_module(metropolis_source(potential, proposal), f"metropolis_{proposal}")


def _proposal(
    group: ComponentGroup,
    coordinates: Sequence[int],
    parameters: Sequence[int],
    proposal: Proposal,
    potential: Potential,
    offsets: Sequence[str],
) -> list[str]:
    """Print a component's proposal y, its energy e and its log ratio of proposal densities."""
    places = list(zip(coordinates, offsets, strict=True))
    own = [f"p{k}" for k in parameters]
    body = [f"x{k} = w[{o} + i]" for k, o in places]
    body += [f"z{k} = normal[half + {o} + i]" for k, o in places]
    if proposal == "langevin":
        slope = f"U({64 * potential.dimension})"
        body += [f"y{k} = x{k} - dt * w[{o} + {slope} + i] + noise * z{k}" for k, o in places]
        body += gradient_lines(group, f"c{coordinates[0]}_", "y", "h", coordinates, own)
        # log q(x|y) - log q(y|x), the proposals' densities: normals of variance 2 T dt about x - dt ∇L.
        body += [f"b{k} = (x{k} - y{k} + dt * h{k}) * per_noise" for k, _ in places]
        body += ["ratio = " + " + ".join(f"0.5 * (z{k} * z{k} - b{k} * b{k})" for k, _ in places)]
    else:
        kept = "kept_share * " if proposal == "crank_nicolson" else ""
        body += [f"y{k} = {kept}x{k} + noise * z{k}" for k, _ in places]
        body += ["ratio = 0.0"]
    body += energy_lines(group, f"d{coordinates[0]}_", "y", coordinates, own)
    for (k, _), (low, high) in zip(places, walls(potential, group), strict=False):
        body += [f"ratio = -np.inf if (y{k} < {low!r} or y{k} > {high!r}) else ratio"]
    return body


def _fused(potential: Potential, proposal: Proposal, places: dict[str, int]) -> list[str]:
    """Propose, decide and select for all components within one loop over lanes, sums kept in registers."""
    energy_row, row = places["energy"], f"U({places['log_uniform']})"
    energy = f"w[U({energy_row}) + i]"
    used = {k for group in component_groups(potential) for row in group.parameter_table for k in row}
    body = ["new_energy = 0.0", "total = 0.0"]
    for group in component_groups(potential):
        for coordinates, parameters in zip(group.coordinate_table, group.parameter_table, strict=True):
            offsets = [f"U({64 * k})" for k in coordinates]
            body += _proposal(group, coordinates, parameters, proposal, potential, offsets)
            body += ["new_energy += e", "total += ratio"]
    slopes = [f"w[U({64 * (potential.dimension + k)}) + i]" for k in range(potential.dimension)]
    if proposal == "langevin":
        body += [f"g{k} = {slope}" for k, slope in enumerate(slopes)]
    body += [f"old_energy = {energy}", f"accepted = normal[{row} + i] < total - (new_energy - old_energy) * cold"]
    body += [f"normal[{row} + i] = 1.0 if accepted else 0.0"]
    body += [f"w[U({64 * k}) + i] = y{k} if accepted else x{k}" for k in range(potential.dimension)]
    if proposal == "langevin":
        body += [f"{slope} = h{k} if accepted else g{k}" for k, slope in enumerate(slopes)]
    body += [f"{energy} = new_energy if accepted else old_energy"]
    body += [f"w[U({energy_row + 64}) + i] += 1.0 if accepted else 0.0"]
    drawn = LOG_UNIFORM_ROW.format(row=row).rstrip().split("\n")
    return [*drawn, *(f"p{k} = parameters[{k}]" for k in sorted(used)), "for i in range(L):", *indent(body, 1)]


def _summed(group: ComponentGroup, proposal: Proposal, dimension: int, places: dict[str, int]) -> list[str]:
    """Leave the component's proposal and its terms in the scratch rows."""
    size = len(group.coordinates)
    body = [f"normal[U({places['proposed']}) + o{k} + i] = y{k}" for k in range(size)]
    if proposal == "langevin":
        body += [f"normal[U({places['proposed'] + 64 * dimension}) + o{k} + i] = h{k}" for k in range(size)]
    return [*body, f"normal[U({places['new_energy']}) + i] += e", f"normal[U({places['log_ratio']}) + i] += ratio"]


def _decision(places: dict[str, int]) -> list[str]:
    """Replace the proposals' log ratio by 1 where the proposal is accepted, else by 0 (an overflow is not)."""
    ratio, new, old = (f"U({places[name]}) + i" for name in ("log_ratio", "new_energy", "energy"))
    row = f"U({places['log_uniform']})"
    return [
        *LOG_UNIFORM_ROW.format(row=row).rstrip().split("\n"),
        "for i in range(L):",
        f"    rise = (normal[{new}] - w[{old}]) * cold",
        f"    normal[{ratio}] = 1.0 if normal[{row} + i] < normal[{ratio}] - rise else 0.0",
    ]


def _prepare(group: ComponentGroup, proposal: Proposal, dimension: int, places: dict[str, int]) -> list[str]:
    size = len(group.coordinates)
    body = [f"x{k} = w[o{k} + i]" for k in range(size)]
    body += [*energy_lines(group, "d"), f"w[U({places['energy']}) + i] += e"]
    if proposal == "langevin":
        body += gradient_lines(group, "c")
        body += [f"w[o{k} + U({64 * dimension}) + i] = g{k}" for k in range(size)]
    return body
