"""What the four-way check amounts to: its dataset, its table and its claims."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr

from ..learning_coefficient.four_ways import PhaseCheck
from ..learning_coefficient.sampled_energy import SampledEnergy
from ..results.claims import Claim, Table, estimate_text
from ..results.variables import variables

REACH = 1.96  # standard errors of a 95 % interval

TITLE = "Four-way check: is every declared learning coefficient right?"
INTRODUCTION = """\
A *phase* is a region of weights around the minima of one loss L_α. Its *learning coefficient* λ and *multiplicity* m
say how its volume shrinks with the inverse temperature n_beta: -log Z_α ~ n_beta L_α + λ log n_beta - (m - 1) log log
n_beta. Every phase of the catalogue *declares* both as exact numbers. Three other routes must agree.

*Derived*: theory finds λ and m at the exact minimum, by the method named. *Slope by quadrature*: the exact integral Z_α
gives λ as its slope against log n_beta, ± the bound on the error, and m by how its logarithms grow. *Sampled energy*:
n_beta times the mean excess loss of Langevin chains in the phase, ± one standard error. It must agree with the *exact*
value at that n_beta and with the law that λ and m declare; λ itself is only its limit at n_beta → ∞. An estimate that
hits λ where the exact value is another would be wrong."""


def dataset(rows: Sequence[PhaseCheck]) -> xr.Dataset:
    """The checks along one dimension, ``row``; exact numbers also as text, with ``_exact``."""
    columns = variables(PhaseCheck, rows, ["row"], also=["verdict"])
    for name in ("declared", "derived"):
        exact = [getattr(row, name) for row in rows]
        columns[f"{name}_exact"] = (("row",), np.array([str(value) for value in exact], dtype=object))
        columns[name] = (("row",), np.array([np.nan if value is None else float(value) for value in exact]))
    for route in ("derived", "slope", "sampled"):
        columns[f"{route}_agrees"] = (("row",), np.array([route not in row.failures for row in rows], dtype=float))
    return xr.Dataset(
        {**columns, **variables(SampledEnergy, [row.sampled for row in rows], ["row"], "sampled_")}
    ).set_coords(["potential", "phase"])


def failures(data: xr.Dataset) -> list[str]:
    """Phases that fail, and by which routes."""
    told = zip(data["potential"].values, data["phase"].values, data["verdict"].values, strict=True)
    return [f"{potential} {phase}: {verdict}" for potential, phase, verdict in told if verdict != "agree"]


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """One row for each phase."""
    rows = [
        (
            row["potential"].item(),
            row["phase"].item(),
            f"{row['declared_exact'].item()} ({row['declared_multiplicity'].item():g})",
            "—"
            if math.isnan(row["derived"])
            else f"{row['derived_exact'].item()} ({row['derived_multiplicity'].item():g})",
            row["method"].item(),
            f"{row['slope'].item():.5f} ± {max(row['slope_error'].item(), 1e-5):.5f}",
            f"{row['n_beta'].item():g}",
            f"{row['sampled_estimate'].item():.4f} ± {row['sampled_standard_error'].item():.4f}",
            f"{row['exact'].item():.4f}",
            f"{row['declared'].item():.4f}",
            row["verdict"].item(),
        )
        for row in (data.isel(row=number) for number in range(data.sizes["row"]))
    ]
    headings = (
        "potential", "phase", "declared λ (m)", "derived λ (m)", "method", "slope by quadrature", "nβ",
        "sampled energy", "exact at nβ", "λ (nβ → ∞)", "verdict",
    )  # fmt: skip
    caption = "Learning coefficients four ways; energies are n_beta (E_α[L] - L_α)."
    return (Table("four_way_check", caption, headings, tuple(rows)),)


def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """That λ is not the energy at a finite n_beta; that three routes agree with every declaration."""
    spoken = {
        "derived": "Theory derives the declared λ and m of {} phases of {}.",
        "slope": "The slope and logarithms of the exact integral give the declared λ and m of {} phases of {}.",
        "sampled": "Sampled energies agree with the exact ones and with the law of λ and m in {} phases of {}.",
    }
    return (_limit(data), *(_route(data, route, sentence) for route, sentence in spoken.items()))


def _limit(data: xr.Dataset) -> Claim:
    """Of the phase whose exact energy departs most from λ."""
    row = data.isel(row=int(np.argmax(np.abs(data["exact"].values - data["declared"].values))))
    estimate, reach = row["sampled_estimate"].item(), REACH * row["sampled_standard_error"].item()
    expected, exact = row["declared"].item(), row["exact"].item()
    low, high = estimate - reach, estimate + reach
    sentence = (
        f"In {row['potential'].item()}, {row['phase'].item()}, the energy at n_beta {row['n_beta'].item():g} is "
        f"{estimate_text(estimate, low, high)} sampled, {exact:.3g} exactly; λ is {expected:.3g}."
    )
    return Claim.of("energy-equals-lambda", sentence, estimate, (low, high), expected)


def _route(data: xr.Dataset, route: str, sentence: str) -> Claim:
    agree, count = int(data[f"{route}_agrees"].sum()), data.sizes["row"]
    verdict = "yes" if agree == count else "no"
    return Claim.of(f"{route}-agrees", sentence.format(agree, count), agree, expected=count, verdict=verdict)
