"""What the published CIFAR-10 curves (Baker 2023; one seed for each batch size) say: dataset, table and claims."""

from __future__ import annotations

import math

import xarray as xr

from ..fits.ends import HINGE, hinge_fit
from ..fits.published import DEFINITIONS, PublishedFindings
from ..fits.seeds import scatter_that_admits
from ..protocol.curves import pad
from ..reference.published import published_curves
from ..results.claims import Claim, Table, estimate_text, number_text, spoken, texts
from .fits import collapse_variables, comparison_variables, end_variables, halving_variables

SURE = 0.95  # of an Akaike weight


def published_dataset(findings: PublishedFindings) -> xr.Dataset:
    """The published curves and all that was fitted to them; its variables begin with ``published_``."""
    curves, names, laws = published_curves(), [d.name for d in DEFINITIONS], list(findings.comparisons[HINGE.name].fits)
    hinges = [hinge_fit(curve.switch_epochs, curve.final_accuracy) for curve in curves.values()]
    ends = [[findings.ends[name][size] for size in curves] for name in names]
    variables_of_collapse = list(findings.collapse)
    return xr.Dataset(
        {
            **{
                f"published_{name}": (
                    ("published_batch_size", "published_row"),
                    pad([getattr(curve, field) for curve in curves.values()]),
                )
                for name, field in (("switch_epoch", "switch_epochs"), ("accuracy", "final_accuracy"))
            },
            **{
                f"published_hinge_{field}": ("published_batch_size", [getattr(hinge, field) for hinge in hinges])
                for field in ("intercept", "slope")
            },
            **end_variables(ends, ("published_definition", "published_batch_size"), "published_end_"),
            **halving_variables(findings.epochs_per_halving, "published_definition", "published_halving_"),
            **comparison_variables(
                [findings.comparisons[name] for name in names], laws, "published_definition", "published_fit_"
            ),
            **collapse_variables(
                findings.collapse, findings.best_exponent, variables_of_collapse, "published_collapse_"
            ),
            "published_halving_law": ((), findings.theorem_epochs_per_halving),
        },
        coords={
            "published_batch_size": list(curves),
            "published_definition": names,
            "collapse_variable": variables_of_collapse,
            "rival_law": laws,
        },
    )


def published_table(data: xr.Dataset) -> Table:
    """Ends by both definitions."""
    fields = ("larger", "smaller", "shift", "low", "high")
    pair = {name: data[f"published_halving_pair_{name}"].values for name in fields}
    halvings = [f"{larger:g} to {smaller:g}" for larger, smaller in zip(*(pair[f][0] for f in fields[:2]), strict=True)]
    columns = {"batch size": [*texts(data["published_batch_size"].values), *halvings]}
    for row, name in enumerate(data["published_definition"].values):
        shifts = zip(pair["shift"][row], pair["low"][row], pair["high"][row], strict=True)
        ends = texts(data["published_end_statement"].values[row])
        columns[spoken(name)] = [*ends, *(estimate_text(*each) for each in shifts)]
    caption = (
        "End of the critical period of the published CIFAR-10 curves, and by how much each halving of the batch delays "
        "it, in epochs. 95 % intervals hold within the one seed of each curve: they lack what another seed would move. "
        f"{_admitted(data)}"
    )
    return Table.of_columns("published_ends", caption, columns)


def _admitted(data: xr.Dataset) -> str:
    """How far ends would have to scatter between seeds for each definition to agree with the law."""
    sizes, law = data["published_batch_size"].values, data["published_halving_law"].item()
    told = []
    for name in data["published_definition"].values:
        own = data.sel(published_definition=name)
        slope, low, high = (own[f"published_halving_{end}"].item() for end in ("slope", "low", "high"))
        if not all(map(math.isfinite, (slope, low, high))):
            continue
        scatter = scatter_that_admits(slope, low, high, law, sizes)
        told.append(f"{f'{scatter:.1f} epochs' if scatter else 'none'} by {spoken(name)}")
    return f"Scatter of ends between seeds from which on they agree with the law: {', '.join(told)}." if told else ""


def halving_claim(data: xr.Dataset, name: str) -> Claim:
    """Epochs per halving by one definition against the law's."""
    own = data.sel(published_definition=name)
    slope, low, high = (own[f"published_halving_{end}"].item() for end in ("slope", "low", "high"))
    expected = data["published_halving_law"].item()
    by = "the hinge" if name == HINGE.name else spoken(name)
    sentence = (
        f"By {by}, halving the batch delays the published CIFAR-10 end by "
        f"{estimate_text(slope, low, high)} epochs within one seed each; the law says {expected:.2f}."
    )
    return Claim.of(f"published-halving-{name.replace('_', '-')}", sentence, slope, (low, high), expected)


def loss_claim(data: xr.Dataset) -> Claim:
    """Whether the curves collapse better over the law's variable than over a loss."""
    spread = data["published_collapse_spread"]
    loss, rate = (
        spread.sel(collapse_variable=name).item() for name in ("deficit_train_loss", "learning_rate/batch_size")
    )
    sentence = (
        f"Published curves collapse to a spread of {number_text(loss, 2)} over the deficit's training loss, of "
        f"{number_text(rate, 2)} over the law's learning rate / batch size."
    )
    verdict = "cannot tell" if math.isnan(loss + rate) else "no" if loss < rate else "yes"
    return Claim.of("published-loss-collapse", sentence, loss, expected=rate, verdict=verdict)


def log_law_claim(data: xr.Dataset) -> Claim:
    """Whether the ends by the hinge tell the law's form from a power of the batch size."""
    fits = data.sel(published_definition=HINGE.name)
    (log_p, weight), (power_p, other) = (
        [fits[f"published_fit_{field}"].sel(rival_law=name).item() for field in ("p_value", "weight")]
        for name in ("log_law", "power_law")
    )
    sentence = (
        f"By the hinge, a law in log B (p = {number_text(log_p, 2)}) and a power of B "
        f"(p = {number_text(power_p, 2)}) compete for {data.sizes['published_batch_size']} published ends."
    )
    verdict = "yes" if weight > SURE else "no" if other > SURE else "cannot tell"
    return Claim.of("published-log-law", sentence, weight, verdict=verdict)
