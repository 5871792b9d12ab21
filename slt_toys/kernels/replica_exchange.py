"""Template of replica exchange: a driver around any sampler's kernel, and swaps in lanes.

The driver and the kernel it drives are printed into one module, so that numba may cache them together. A block's
replicas take turns on its lanes, a piece of steps each, until the next swaps are due. Each has a random stream of its
own, so that the bits do not depend on where a piece was cut; swaps draw from the coldest one's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any

from ..potentials.potential import Potential
from .codegen import component_groups, energy_lines, load_module
from .frame import LOG_UNIFORM, component_loop, indent


@dataclass(frozen=True)
class InnerKernel:
    """A sampler's kernel as replica exchange builds on it; a sampler's ``replica_kernel(potential)`` returns one."""

    # Text of its module, with ``advance(state, bits, spare, parameters, segment_steps, segment_step_size, *settings,
    # *constants, first, records, out)``.
    source: str
    # For each argument of its own with one value for each segment, that value: an expression in ``dt``, the step size,
    # and ``temperature``.
    settings: tuple[str, ...]
    constants: tuple[Any, ...]  # what it takes after those
    # How many of its first state rows belong to a configuration and travel with it: positions, momenta if it has any,
    # and what is known of the positions. Counters do not.
    moved: int
    energy_row: int | None = None  # of its state, with the energy at the positions; None when the swaps must compute it
    step_power: float = 0.0  # by default the replica at T takes (T / T_coldest)**step_power times the coldest's step


@dataclass(frozen=True)
class ReplicaRows:
    """Where a block's state keeps what: the replicas from the coldest up, and behind them, all in rows of 64 lanes."""

    # For each replica how far its configuration is on a round trip: 1 since it was at the coldest temperature, 2 since
    # it was at the hottest one after that, 0 before.
    journeys: int
    accepted: int  # for each pair of neighbours the number of accepted swaps
    trips: int  # round trips finished, of all configurations together
    rounds: int  # number of even and of odd rounds
    total: int

    @classmethod
    def of(cls, replicas: int, rows: int) -> ReplicaRows:
        """Rows for so many replicas of so many rows each."""
        journeys = replicas * rows
        accepted = journeys + replicas
        trips = accepted + replicas - 1
        return cls(journeys, accepted, trips, trips + 1, trips + 3)


def extra_scratch_rows(replicas: int) -> int:
    """Scratch rows that the swaps need behind the replicas' own: their energies, and who is exchanged."""
    return replicas + 1


_DRIVER = '''

@njit(nogil=True, cache=True, fastmath={{"contract"}}, error_model="numpy", boundscheck=False)
def advance(
    state, bits, spare, parameters, segment_steps, segment_step_size, temperatures, step_ratios, constants, swap_every,
    first, records, out,
):
    """Advance blocks of replicas in lanes, exchanging neighbours' configurations every so many steps."""
    replicas = temperatures.shape[0]
    one_steps = np.empty(1, dtype=np.int64)
    one_step_size = np.empty(1)
{allocate}
    for block in range(state.shape[0]):
        whole = state[block]
        random = bits[block][:256]
        energies = spare[block][replicas * {scratch}:]
        chosen = energies[replicas * 64:]
        journeys = whole[replicas * {rows}:]
        accepted = journeys[replicas * 64:]
        trips = accepted[(replicas - 1) * 64:]
        rounds = trips[64:]
        step = first
        record = 0
        for segment in range(segment_steps.shape[0]):
            left = segment_steps[segment]
            while left > 0:
                # Swaps open a step, so that what is kept after a step is what the next one starts from.
                if replicas > 1 and step > 0 and step % swap_every == 0:
                    parity = (step // swap_every - 1) % 2
{swap}
                run = min(left, swap_every - step % swap_every)
                until = record
                while until < records.shape[0] and records[until] <= step + run:
                    until += 1
                one_steps[0] = run
                for replica in range(replicas):
                    temperature = temperatures[replica]
                    dt = segment_step_size[segment] * step_ratios[replica]
                    one_step_size[0] = dt
{settle}
                    kept = until if replica == 0 else record
                    advance_one(
                        whole[replica * {rows}:(replica + 1) * {rows}].reshape((1, {rows})),
                        bits[block][replica * 256:(replica + 1) * 256].reshape((1, 256)),
                        spare[block][replica * {scratch}:(replica + 1) * {scratch}].reshape((1, {scratch})),
                        parameters, one_steps, one_step_size, {arguments}step, records[record:kept],
                        out[block][record:kept].reshape((1, kept - record, {dimension}, 64)),
                    )
                record = until
                step += run
                left -= run
'''
# Both terms of the joint density trade places: log ratio (1/T_a - 1/T_b)(L_a - L_b), for neighbours a colder than b.
# Momenta go along scaled by the root of the temperatures' ratio. Then p²/2T is as it was, the map is its own inverse
# and its Jacobian is (T_a/T_b)^(d/2) (T_b/T_a)^(d/2) = 1: the ratio is that of the positions alone, and Maxwell's law
# holds at both temperatures. All lanes decide for themselves.
_SWAP = """\
for pair in range(parity, replicas - 1, 2):
    cold = whole[pair * {rows}:(pair + 1) * {rows}]
    hot = whole[(pair + 1) * {rows}:(pair + 2) * {rows}]
    cold_energy = {cold_energy}
    hot_energy = {hot_energy}
    pair_accepted = accepted[pair * 64:]
    gain = 1.0 / temperatures[pair] - 1.0 / temperatures[pair + 1]
    warmed = np.sqrt(temperatures[pair + 1] / temperatures[pair])
    cooled = 1.0 / warmed
{decide}
    for j in range(U({moved})):
        to_hot = warmed if {is_momentum} else 1.0
        to_cold = cooled if {is_momentum} else 1.0
        for i in range(L):
            x = cold[j * L + i]
            y = hot[j * L + i]
            cold[j * L + i] = y * to_cold if chosen[i] > 0.0 else x
            hot[j * L + i] = x * to_hot if chosen[i] > 0.0 else y
    cold_journey = journeys[pair * 64:]
    hot_journey = journeys[(pair + 1) * 64:]
    for i in range(L):
        x = cold_journey[i]
        y = hot_journey[i]
        cold_journey[i] = y if chosen[i] > 0.0 else x
        hot_journey[i] = x if chosen[i] > 0.0 else y
last_journey = journeys[(replicas - 1) * 64:]
for i in range(L):
    rounds[parity * 64 + i] += 1.0
    trips[i] += 1.0 if journeys[i] == 2.0 else 0.0
    journeys[i] = 1.0
    last_journey[i] = 2.0 if last_journey[i] == 1.0 else last_journey[i]
"""
_DECIDE = """\
    swapped = 1.0 if log_uniform < gain * (cold_energy[i] - hot_energy[i]) else 0.0
    chosen[i] = swapped
    pair_accepted[i] += swapped
"""


def replica_source(potential: Potential, inner: InnerKernel, rows: int, scratch_rows: int, momenta: bool) -> str:
    """Print replica exchange over a kernel.

    Parameters
    ----------
    potential
        Of all replicas.
    inner
        The kernel that advances one replica.
    rows, scratch_rows
        Rows of state and of scratch that one replica takes.
    momenta
        Whether the d rows after the positions are momenta.
    """
    d = potential.dimension
    if inner.source.count("\ndef advance(") != 1:
        raise ValueError("source of an inner kernel must define advance once")
    names = [f"setting_{k}" for k in range(len(inner.settings))]
    numbers = [f"constants[{k}]" for k in range(len(inner.constants))]
    swap = [] if inner.energy_row is not None else _energies(potential, 64 * rows)
    energy = "energies[{0} * 64:]" if inner.energy_row is None else f"{{1}}[{64 * inner.energy_row}:]"
    swap += _SWAP.format(
        rows=64 * rows,
        cold_energy=energy.format("pair", "cold"),
        hot_energy=energy.format("(pair + 1)", "hot"),
        decide="\n".join(indent([*LOG_UNIFORM.rstrip().split("\n"), *_DECIDE.rstrip().split("\n")], 1)),
        moved=inner.moved,
        is_momentum=f"{d} <= j < {2 * d}" if momenta else "False",
    ).rstrip().split("\n")  # fmt: skip
    driver = _DRIVER.format(
        allocate="\n".join(indent([f"{name} = np.empty(1)" for name in names], 1)),
        swap="\n".join(indent(swap, 5)),
        settle="\n".join(
            indent([f"{name}[0] = {value}" for name, value in zip(names, inner.settings, strict=True)], 5)
        ),
        arguments="".join(f"{name}, " for name in [*names, *numbers]),
        rows=64 * rows,
        scratch=64 * scratch_rows,
        dimension=d,
    )
    return inner.source.replace("\ndef advance(", "\ndef advance_one(") + driver


@lru_cache(maxsize=256)
def replica_kernel(potential: Potential, inner: InnerKernel, rows: int, scratch_rows: int, momenta: bool) -> ModuleType:
    """Compile (or load from the cache) replica exchange over a kernel; the module has ``advance``."""
    return load_module(replica_source(potential, inner, rows, scratch_rows, momenta), "replica")


def _energies(potential: Potential, width: int) -> list[str]:
    """Print the energies of the replicas that are to be paired, into their scratch rows."""
    lines = [
        f"w = whole[replica * {width}:(replica + 1) * {width}]",
        "energy = energies[replica * 64:(replica + 1) * 64]",
        "for i in range(L):",
        "    energy[i] = 0.0",
    ]
    for number, group in enumerate(component_groups(potential)):
        body = [f"x{k} = w[o{k} + i]" for k in range(len(group.coordinates))]
        body += [*energy_lines(group, "d"), "energy[i] += e"]
        lines += component_loop(number, group, body)
    return ["for replica in range(parity, parity + 2 * ((replicas - parity) // 2)):", *indent(lines, 1)]
