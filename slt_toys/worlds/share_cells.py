"""The experiment whose verdict is measured, solved once: cells, exact stuck shares, energies, and rivals.

Cells are those that ``python -m slt_toys.critical_period`` judges by default: its unlike arms within the law, run by
SGD's own steps, with shares by SGD's exact kernel. Kernels take minutes and never change, so that they are kept in
:data:`KEPT`; ``python -m slt_toys.worlds.share_cells`` solves them again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from ..inputs.arguments import checked_arguments
from ..potentials.catalogue import find_pair
from ..protocol.arms import Arm, Observation, copied_arms, find_arm
from ..protocol.sgd_pair import NoisyPair
from ..results.records import write_bytes_atomically
from .hypotheses import design
from .mechanisms import NONE, RIVALS, Rival, batch_groups
from .pair_runs import counted_arms, ends_of_arms
from .pair_shares import energies_of
from .world import MEASURED_RUNS, World, observe, thermal_two_phase

Array = NDArray[np.float64]
PAIR, SWITCHES, RUNS = "regular_double_well", tuple(range(0, 101, 5)), 250
AFTER = 100  # epochs on clean data
HIGHER = 1.25  # energies in arms with another batch size
SHARPEST = -2.5  # log width of the thresholds of a rival made up here
FEW = 20  # runs of SGD about each arm's end, of which no use is made
KEPT = Path(__file__).parents[2] / "docs" / "verdict_power_cells.json"

__all__ = ["HIGHER", "RUNS", "PowerCells", "default_cells", "kept_text", "rival_shares", "solved_cells"]


@dataclass(frozen=True, eq=False)
class PowerCells:
    """Cells and their exact stuck shares.

    Attributes
    ----------
    observations
        Their counts do not matter.
    shares
        By SGD's kernel, shape (cells,).
    energies
        Factors on energies, and shares as the verdict is told them, shape (factors, cells).
    higher
        By SGD's kernel, with energies times :data:`HIGHER` in arms with another batch size, shape (cells,).
    """

    observations: tuple[Observation, ...]
    shares: Array
    energies: tuple[Array, Array]
    higher: Array


def _world() -> World:
    return thermal_two_phase(PAIR, switch_epochs=SWITCHES, epochs_after=AFTER)


def default_cells(runs: int = RUNS) -> PowerCells:
    """Cells of the default experiment, of so many runs each."""
    kept, base = json.loads(KEPT.read_text(encoding="utf-8")), _world().training
    seen = []
    for arm, switch, loss, variance in zip(
        *(kept[name] for name in ("arm", "switch", "loss", "variance")), strict=True
    ):
        schedule = find_arm(arm).sgd_run(base, switch, AFTER).schedule(variance)
        seen.append(Observation(arm, switch, runs, 0, loss, schedule))
    table = np.array(kept["factors"]), np.array(kept["energies"])
    return PowerCells(tuple(seen), np.array(kept["shares"]), table, np.array(kept["higher"]))


@checked_arguments
def solved_cells(arms: Sequence[Arm] | None = None, runs: int = RUNS) -> PowerCells:
    """The same, solved: of some arms, which are not asked whether they are another's; else of those that count."""
    world, pair = _world(), find_pair(PAIR)
    if arms is None:
        arms = [arm for arm in counted_arms(world, ends_of_arms(pair, world, FEW, 0, 0.95)) if arm.within_the_law]
    seen = observe(world, arms, runs=runs, seed=0)
    copies = copied_arms(seen)
    seen = tuple(each for each in seen if each.arm not in copies)
    shares = _by_kernel(world, seen, np.ones(len(seen)))
    factors = np.where(batch_groups(seen)[0] > 0, HIGHER, 1.0)
    return PowerCells(seen, shares, energies_of(pair, seen, shares), _by_kernel(world, seen, factors, shares))


def _by_kernel(world: World, seen: Sequence[Observation], factors: Array, known: Array | None = None) -> Array:
    """Shares by SGD's kernel with energies times a factor; where this is 1, those that are known already."""
    shares = np.full(len(seen), np.nan) if known is None else np.where(factors == 1, known, np.nan)
    base, names = world.training, np.array([each.arm for each in seen])
    for arm in dict.fromkeys(names[np.isnan(shares)]):
        own = np.flatnonzero(names == arm)
        factor = float(factors[own[0]])
        # w - r(c dL + noise) is w - rc(dL + noise/c): rates times c, noise over c
        noisy = NoisyPair(find_pair(PAIR), base.gradient_variance / factor**2, float(base.temperatures(1)[0]) / factor)
        runs = [find_arm(arm).sgd_run(base, seen[int(at)].switch_epoch, world.epochs_after) for at in own]
        moved = [
            replace(
                run, learning_rates=run.learning_rates * factor, added_noise=run.added_noise / factor,
            )
            for run in runs
        ]  # fmt: skip
        shares[own] = noisy.kernel_shares(moved).shares
    return shares


@checked_arguments
def rival_shares(observations: Sequence[Observation], thermal: Array, name: str) -> Array:
    """Stuck shares of runs that a rival decides, shape (cells,).

    Thresholds are log-logistic. Centre and width are those by which it comes nearest to the thermal shares of the first
    arm; memory of the start has the median flow time and a width of .3, and none a share of one half.
    """
    if name == NONE:
        return np.full(len(observations), 0.5)
    rival = next(each for each in RIVALS if each.name == name)
    values = rival.log_variable(design(observations))
    control = np.array([each.arm == observations[0].arm for each in observations])
    if name == "memory of the start":
        return _log_logistic(rival, values, float(np.median(values)), float(np.log(0.3)))
    middles = np.quantile(values[control & np.isfinite(values)], [0.2, 0.4, 0.6, 0.8])
    fits = [
        optimize.minimize(
            lambda at: float(((_log_logistic(rival, values, *at) - thermal)[control] ** 2).sum()),
            [middle, -1.5],
            method="Nelder-Mead",
        )
        for middle in middles
    ]
    centre, log_width = min(fits, key=lambda fit: fit.fun).x
    return _log_logistic(rival, values, float(centre), max(float(log_width), SHARPEST))


def _log_logistic(rival: Rival, values: Array, centre: float, log_width: float) -> Array:
    sign = 1 if rival.rising else -1
    beyond = np.clip(sign * (np.nan_to_num(values, neginf=-1e9) - centre) / np.exp(log_width), -500, 500)
    return np.asarray(1 / (1 + np.exp(-beyond)), dtype=float)


def kept_text(cells: PowerCells) -> str:
    """What is kept of cells: JSON that :func:`default_cells` reads."""
    world = _world()
    variances = {
        switch: world.variance(find_arm("control").sgd_run(world.training, switch, AFTER), MEASURED_RUNS, [0, switch])
        for switch in SWITCHES
    }
    told = {
        "arm": [each.arm for each in cells.observations],
        "switch": [each.switch_epoch for each in cells.observations],
        "loss": [each.deficit_loss for each in cells.observations],
        "variance": [variances[each.switch_epoch] for each in cells.observations],
        "shares": cells.shares.tolist(),
        "factors": cells.energies[0].tolist(),
        "energies": cells.energies[1].tolist(),
        "higher": cells.higher.tolist(),
    }
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in told.items()) + "\n}\n"


def main() -> int:
    """Solve the default cells and keep them."""
    write_bytes_atomically(kept_text(solved_cells()).encode("utf-8"), KEPT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
