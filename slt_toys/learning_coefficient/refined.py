"""What draws say of single examples: λ̂ on other data, covariances of losses, susceptibilities; and draws as ArviZ's.

A λ̂ is refined by weights where only a part of them moves (`parameters` of `local_learning_coefficient`), and by data
where the loss is that of other examples than the chains saw (Wang, Hoogland, van Wingerden, Furman & Murfet 2024, arXiv
2410.02984). A susceptibility is the change of λ̂ with the weight of one example (after Baker, Wang, Hoogland & Murfet
2025, arXiv 2504.18274): under exp(-nβ (L + h (ℓ - L))) the derivative of the mean energy by h is
-nβ Cov(energy, ℓ - L).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from slt_toys.inputs.arguments import shown
from slt_toys.learning_coefficient.example_losses import ExampleLosses
from slt_toys.learning_coefficient.stacked_loss import StackedLoss

if TYPE_CHECKING:
    from slt_toys.learning_coefficient.estimator import LearningCoefficientEstimate

Array = NDArray[np.float64]
Callback = Callable[[int, Tensor, Array], object]

MOST_LAGS = 100
MOST_HELD = 2**31  # bytes of losses of examples


class Recorder:
    """What is done with every draw: losses of examples are kept, a callback is called.

    Parameters
    ----------
    callback
        Called with the draw's number, a copy of the parameters (chain, parameter) and the energies (chain,).
    examples
        Whose losses are kept; None for none.
    chains, draws
        How many.

    Raises
    ------
    ValueError
        For more losses than memory can be expected to hold.
    """

    def __init__(self, callback: Callback | None, examples: StackedLoss | None, chains: int, draws: int):
        self._callback, self.losses, self.at_start = callback, None, None
        self.asked = callback is not None or examples is not None
        if examples is None:
            return
        if 8 * chains * draws * examples.examples > MOST_HELD:
            raise ValueError(
                f"example_losses: {chains} chains, {draws} draws and {examples.examples} examples are more than "
                f"{MOST_HELD >> 30} GiB; give fewer examples, or take what is needed in a callback"
            )
        self._of = ExampleLosses(examples)
        self.at_start: Array | None = self._of(examples.start[None])[0].cpu().numpy()
        self.losses: Array | None = np.full((chains, draws, examples.examples), np.nan)

    def __call__(self, draw: int, parameters: Tensor, energies: Tensor) -> None:
        """One draw of all chains."""
        if self.losses is not None:
            self.losses[:, draw] = self._of(parameters).cpu().numpy()
        if self._callback is not None:
            self._callback(draw, parameters.detach().clone(), energies.cpu().numpy().copy())


def check_recorded(example_losses: Any, callback: Any, batch_norm: str) -> None:
    """Refuse what cannot be recorded.

    Raises
    ------
    ValueError
        Naming the argument.
    """
    pair = isinstance(example_losses, tuple | list) and len(example_losses) == 2
    if not (example_losses is None or isinstance(example_losses, bool) or pair):
        raise ValueError(
            f"example_losses: {shown(example_losses)} must be True, a pair of inputs and targets, or None for none"
        )
    if (pair or example_losses is True) and batch_norm == "batch":
        raise ValueError("example_losses: with statistics of a batch no example has a loss of its own; give None")
    if isinstance(callback, type) or not (callback is None or callable(callback)):
        raise ValueError(f"callback: {shown(callback)} must be a function of draw, parameters and energies, or None")


def like(loss: StackedLoss, other: StackedLoss) -> StackedLoss:
    """The other loss in the type of numbers of the first.

    Raises
    ------
    ValueError
        Where it cannot be computed in it.
    """
    if loss.start.dtype == other.start.dtype:
        return other
    twin = other.doubled()
    if twin is None or loss.start.dtype != torch.float64:
        raise ValueError(f"example_losses: data cannot be taken in {loss.start.dtype}, in which chains run")
    return twin


def _kept(found: LearningCoefficientEstimate) -> tuple[Array, Array]:
    """Energies (chain, draw) and losses of examples above the start's (chain, draw, example), after the burn-in."""
    if found.example_losses is None or found.example_losses_at_start is None:
        raise ValueError("found: it holds no losses of examples; give local_learning_coefficient example_losses=True")
    above = found.example_losses[:, found.burn_in :] - found.example_losses_at_start
    return found.energies[:, found.burn_in :], above


def on_examples(found: LearningCoefficientEstimate) -> tuple[float, float]:
    """The energy nβ (E[ℓ] - ℓ(w*)) of the recorded examples, and its standard error from the chains' scatter.

    On the chains' own data it is their posterior energy; on others it is λ̂ refined by data.
    """
    of_chains = found.n_beta * _kept(found)[1].mean((1, 2))
    return float(of_chains.mean()), float(of_chains.std(ddof=1) / np.sqrt(len(of_chains)))


def covariance(found: LearningCoefficientEstimate) -> Array:
    """Posterior covariance of the examples' losses, shape (example, example) [loss²]."""
    above = _kept(found)[1].reshape(-1, _kept(found)[1].shape[2])
    return np.cov(above, rowvar=False).reshape(above.shape[1], above.shape[1])


def susceptibilities(found: LearningCoefficientEstimate) -> tuple[Array, Array]:
    """By how much the energy changes with the weight of each example, and the jackknife's errors over chains.

    Returns
    -------
    tuple of arrays
        -nβ Cov(energy, ℓ - L) and its standard errors, shape (example,) [1].
    """
    energies, above = _kept(found)
    tilt = found.n_beta * above - energies[:, :, None]
    centred = energies - energies.mean()
    count, chains = energies.shape[1], len(energies)
    first, of_tilt = centred.sum(1), tilt.sum(1)
    product = np.einsum("cd,cde->ce", centred, tilt)

    def of(without: NDArray[np.bool_]) -> Array:
        number = count * int((~without).sum())
        means = first[~without].sum() / number, of_tilt[~without].sum(0) / number
        return -(product[~without].sum(0) / number - means[0] * means[1])

    less = np.array([of(np.arange(chains) == chain) for chain in range(chains)])
    errors = np.sqrt((chains - 1) / chains * ((less - less.mean(0)) ** 2).sum(0))
    return of(np.zeros(chains, dtype=bool)), errors


def draws_of(found: LearningCoefficientEstimate) -> xr.DataTree:
    """Energies, and losses of examples where there are any, laid out as ArviZ reads them.

    Groups ``posterior`` and ``warmup_posterior`` hold `energy`, ``log_likelihood`` holds `loss`, minus the losses of
    examples (which is a log likelihood where the loss is one); dimensions are chain, draw and example.
    """

    def of(first: int, last: int | None) -> dict[str, Any]:
        return {"energy": (("chain", "draw"), found.energies[:, first:last])}

    chains, draws = found.energies.shape
    number = {"chain": np.arange(chains)}
    attributes = {
        "estimate": found.estimate, "standard_error": found.standard_error, "n_beta": found.n_beta,
        "localisation": found.localisation, "step_size": found.step_size, "sampler": found.sampler,
        "verdict": found.verdict,
    }  # fmt: skip
    burn_in = found.burn_in
    after = number | {"draw": np.arange(burn_in, draws)}
    groups = {
        "posterior": xr.Dataset(of(burn_in, None), after, attributes),
        "warmup_posterior": xr.Dataset(of(0, burn_in), number | {"draw": np.arange(burn_in)}, attributes),
    }
    if found.example_losses is not None:
        losses = -found.example_losses[:, burn_in:]
        groups["log_likelihood"] = xr.Dataset({"loss": (("chain", "draw", "example"), losses)}, after)
    return xr.DataTree.from_dict(groups)


def diagnostics(*found: LearningCoefficientEstimate) -> xr.Dataset:
    """What `figures.learning_coefficient_diagnostics` draws: chains of the first, and energies of all against γ.

    Parameters
    ----------
    *found
        One or more estimates of the same network, such as at several localisations.
    """
    if not found:
        raise ValueError("found: give at least one estimate")
    energies = found[0].energies
    kept = energies[:, found[0].burn_in :]
    centred = kept - kept.mean()
    lags = np.arange(min(MOST_LAGS, kept.shape[1] // 2))
    total = kept.shape[1]
    products = [(centred[:, : total - lag] * centred[:, lag:]).mean() for lag in lags]
    spread = products[0] if products[0] > 0 else 1.0
    return xr.Dataset(
        {
            "energy": (("chain", "draw"), energies),
            "autocorrelation": ("lag", np.array(products) / spread),
            "localisation": ("run", np.array([each.localisation for each in found])),
            "run_energy": ("run", np.array([each.posterior_energy for each in found])),
            "run_estimate": ("run", np.array([each.estimate for each in found])),
            "run_error": ("run", np.array([each.standard_error for each in found])),
            "burn_in": found[0].burn_in,
        },
        {"lag": lags},
        {"sampler": found[0].sampler, "verdict": found[0].verdict},
    )
