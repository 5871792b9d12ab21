"""The local learning coefficient along training: at every checkpoint a number that compares, and what it is.

At a minimum it is a learning coefficient, "trust". On a slope or at a saddle there is none: the local energy of the
loss less its tangent is measured all the same, at one nβ and one γ for all checkpoints, and is called "track". What
speaks against the number itself is a "doubt".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from slt_toys.inputs.arguments import checked_arguments, shown
from slt_toys.learning_coefficient.checkpoint_states import Checkpoint, checkpoints_of
from slt_toys.learning_coefficient.data import as_data
from slt_toys.learning_coefficient.estimator import local_learning_coefficient
from slt_toys.learning_coefficient.local_energy import LocalEnergy, Look, chosen_localisation, local_energy, look
from slt_toys.learning_coefficient.stacked_loss import BatchNorm, Loss, StackedLoss
from slt_toys.learning_coefficient.study_cases import finished_case
from slt_toys.results.progress import progress
from slt_toys.results.records import writable_folder

if TYPE_CHECKING:
    import xarray as xr

LARGEST_SHARE = 0.1  # of the estimate, which the slope may take at a minimum
# Between the track's estimate and one at the minimum's own localisation: standard errors, and a share of the latter.
LARGEST_OFF, LARGEST_APART = 3.0, 0.03
UNITS = {
    "loss": "loss", "slope": "loss/length", "lowest_curvature": "loss/length^2", "largest_curvature": "loss/length^2",
    "localisation": "1/length^2",
}  # fmt: skip


@checked_arguments(finite=False)
def track(
    checkpoints: Any,
    module: nn.Module,
    loss: Loss,
    data: Any,
    *,
    examples: int | None = None,
    n_beta: float | None = None,
    localisation: float | None = None,
    chains: int = 16,
    draws: int = 256,
    batch_norm: BatchNorm = "frozen",
    examples_at_once: int | None = None,
    folder: str | Path | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Local learning coefficients along training, all at one nβ and one localisation.

    Parameters
    ----------
    checkpoints
        A mapping from steps, or an iterable of pairs (step, checkpoint) or of checkpoints at steps 0, 1, 2, ... Each is
        a module, a state dict, or the path of a file that ``torch.load(..., weights_only=True)`` reads. A generator
        may train a module between two.
    module
        Whose states they are; it is left as it is.
    loss, data, examples, batch_norm, examples_at_once
        As `slt_toys.learning_coefficient.estimator.local_learning_coefficient` takes them.
    n_beta
        nβ [1/loss] of all checkpoints; None for n/log n.
    localisation
        γ [1/length²] of all checkpoints; None to choose it from the last: a hundredth of its largest stiffness nβh, or
        a tenth of that of its softest curved direction where this is less, but no weaker than one over the mean square
        of its parameters. Directions in which a checkpoint's loss falls by more than half of it are held by twice
        their fall.
    chains, draws
        Of Hamiltonian Monte Carlo, at each checkpoint; at least 4 and 20.
    folder
        Where finished checkpoints are kept, so that the same call goes on where it stopped; None to keep nothing.
    seed
        Of everything random. A checkpoint's chains follow from it and from its step, whatever others there are.

    Returns
    -------
    xarray.Dataset
        Along ``step``: ``estimate`` with ``standard_error`` and ``interval`` (95 %), ``outcome`` ("trust", "track" or
        "doubt") and ``reason``; ``loss``; ``slope`` [loss/length] and ``tilt``, what it takes from an estimate that
        samples the loss itself; ``lowest_curvature`` and ``largest_curvature`` [loss/length²], ``falling``, how many
        directions fall; ``quadratic``, the estimate of a quadratic loss; ``learning_coefficient`` and
        ``learning_coefficient_error``, λ̂ at the minimum's own localisation, NaN where there is no minimum; ``r_hat``,
        ``effective_draws``; ``n_beta`` and ``localisation``.

    Raises
    ------
    ValueError
        For an argument out of range, and a checkpoint that is no finite state of the module, naming its step, before
        work starts; for what `local_learning_coefficient` refuses.
    OSError
        For a folder that cannot be written to.
    """
    _check(chains, draws, n_beta, localisation, examples, seed)
    if folder is not None and not isinstance(folder, str | Path):
        raise ValueError(f"folder: {shown(folder)} must be the path of a folder, or None to keep nothing")
    found = checkpoints_of(checkpoints, module)
    options: dict[str, Any] = {"batch_norm": batch_norm, "examples_at_once": examples_at_once}
    last = _stacked(found[-1], module, loss, data, options)
    last.check(pieces=examples_at_once, mean=n_beta is None)
    count = last.examples if examples is None else examples
    if n_beta is None:
        if count < 3:
            raise ValueError(f"examples: n/log n needs at least 3, got {count}; give n_beta")
        n_beta = count / math.log(count)
    if localisation is None:
        localisation = chosen_localisation(last, n_beta=n_beta, generator=torch.Generator().manual_seed(seed))
    kept = None if folder is None else writable_folder(Path(folder), argument="folder")
    plan = _Plan(module, loss, data, options, count, n_beta, localisation, chains, draws, seed)
    rows = []
    with progress("checkpoints", len(found)) as advance:
        for checkpoint in found:
            rows.append(_finished(checkpoint, plan, kept))
            advance()
    return _dataset(found, rows, plan)


@dataclass(frozen=True)
class _Plan:
    """What is the same at all checkpoints."""

    module: nn.Module
    loss: Loss
    data: Any
    options: dict[str, Any]
    examples: int
    n_beta: float
    localisation: float
    chains: int
    draws: int
    seed: int

    def seeds(self, step: int) -> tuple[int, int]:
        """Of a checkpoint's own chains, and of those of its λ̂."""
        state = np.random.SeedSequence((self.seed, step)).generate_state(2, np.uint64) >> np.uint64(1)
        return int(state[0]), int(state[1])


def _stacked(checkpoint: Checkpoint, module: nn.Module, loss: Loss, data: Any, options: dict[str, Any]) -> StackedLoss:
    held = as_data(data, next((p.device for p in module.parameters()), None))
    return StackedLoss(checkpoint.module(module), loss, held, **options)


def _finished(checkpoint: Checkpoint, plan: _Plan, folder: Path | None) -> dict[str, Any]:
    """One row: read where an earlier call finished it. Loss and slope at the checkpoint tell data and loss apart."""
    stacked = _stacked(checkpoint, plan.module, plan.loss, plan.data, plan.options)
    value, slope = stacked.values_and_gradients(stacked.start[None])
    if not bool(torch.isfinite(value).all() & torch.isfinite(slope).all()):
        raise ValueError(f"checkpoints: step {checkpoint.step}: its loss on the data, or the slope, is not finite")
    case = {
        "state": checkpoint.digest(), "loss": float(value[0]), "slope": float(slope.double().norm()),
        "examples": stacked.examples, "n_beta": plan.n_beta, "localisation": plan.localisation, "chains": plan.chains,
        "draws": plan.draws, "seeds": list(plan.seeds(checkpoint.step)), "options": shown(plan.options),
    }  # fmt: skip
    return finished_case(folder, case, lambda: _row(checkpoint, plan, stacked))


def _row(checkpoint: Checkpoint, plan: _Plan, stacked: StackedLoss) -> dict[str, Any]:
    seed, other = plan.seeds(checkpoint.step)
    generator = torch.Generator(device=stacked.start.device).manual_seed(seed)
    at = look(stacked, n_beta=plan.n_beta, localisation=plan.localisation, generator=generator)
    energy = local_energy(at, chains=plan.chains, draws=plan.draws, generator=generator)
    outcome, reason, coefficient, error = _outcome(checkpoint, plan, at, energy, other)
    return {
        "estimate": energy.estimate,
        "standard_error": energy.standard_error,
        "low": energy.interval[0],
        "high": energy.interval[1],
        "outcome": outcome,
        "reason": reason,
        "loss": at.value,
        "slope": at.slope,
        "tilt": at.tilt,
        "lowest_curvature": at.bare.lowest_curvature / plan.n_beta,
        "largest_curvature": float(at.bare.curvature.max()) / plan.n_beta,
        "falling": at.falling,
        "quadratic": energy.quadratic,
        "learning_coefficient": coefficient,
        "learning_coefficient_error": error,
        "r_hat": energy.r_hat,
        "effective_draws": energy.effective_draws,
    }


def _outcome(
    checkpoint: Checkpoint, plan: _Plan, at: Look, energy: LocalEnergy, seed: int
) -> tuple[str, str, float, float]:
    """Outcome, reason, and λ̂ with its error where the checkpoint looks like a minimum."""
    none = math.nan, math.nan
    if energy.doubts:
        return "doubt", "; ".join(energy.doubts), *none
    kinds = []
    if at.falling:
        kinds.append(f"saddle: the loss falls in {at.falling:.0f} direction{'s' if at.falling > 1.5 else ''}")
    if at.tilt > LARGEST_SHARE * max(energy.estimate, 0.0) and at.tilt > 0:
        kinds.append(f"slope: it would take {at.tilt:.3g} from the estimate")
    if kinds:
        return "track", "; ".join(kinds), *none
    found = local_learning_coefficient(
        checkpoint.module(plan.module), plan.loss, plan.data, examples=plan.examples, n_beta=plan.n_beta,
        chains=plan.chains, draws=plan.draws, seed=seed, **plan.options,
    )  # fmt: skip
    coefficient = found.estimate, found.standard_error
    if found.verdict.startswith("doubt: off the minimum"):
        return "track", found.verdict.removeprefix("doubt: "), *none
    if not found.trusted:
        return "doubt", found.verdict.removeprefix("doubt: "), *coefficient
    apart = energy.estimate - found.estimate
    allowed = max(LARGEST_OFF * math.hypot(*coefficient[1:], energy.standard_error), LARGEST_APART * found.estimate)
    if abs(apart) > allowed:
        told = f"localisation: at the minimum's own the estimate is {found.estimate:.4g} ± {found.standard_error:.2g}"
        return "track", told, *coefficient
    return "trust", "a minimum: two localisations agree", *coefficient


def _dataset(found: list[Checkpoint], rows: list[dict[str, Any]], plan: _Plan) -> xr.Dataset:
    import xarray as xr

    columns = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    low, high = columns.pop("low"), columns.pop("high")
    variables: dict[str, Any] = {
        key: ("step", values, {"units": UNITS[key]} if key in UNITS else {}) for key, values in columns.items()
    }
    variables["interval"] = (("step", "end"), np.stack([low, high], 1))
    variables["n_beta"] = ("step", np.full(len(rows), plan.n_beta), {"units": "1/loss"})
    variables["localisation"] = ("step", np.full(len(rows), plan.localisation), {"units": UNITS["localisation"]})
    attributes = {
        "examples": plan.examples, "n_beta": plan.n_beta, "localisation": plan.localisation, "chains": plan.chains,
        "draws": plan.draws, "seed": plan.seed,
    }  # fmt: skip
    coordinates = {"step": [each.step for each in found], "end": ["low", "high"]}
    return xr.Dataset(variables, coordinates, attributes)


def _check(chains: Any, draws: Any, n_beta: Any, localisation: Any, examples: Any, seed: Any) -> None:
    for name, value, least in (("chains", chains, 4), ("draws", draws, 20), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name}: {shown(value)} must be a whole number, at least {least}")
    for name, value in (("n_beta", n_beta), ("localisation", localisation), ("examples", examples)):
        number = isinstance(value, Real) and not isinstance(value, bool)
        if value is not None and not (number and 0 < float(value) < math.inf):
            raise ValueError(f"{name}: {shown(value)} must be a positive number, or None to choose it")
