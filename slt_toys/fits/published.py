"""What the published CIFAR-10 curves say about rival laws of the critical period's end, and what they cannot
say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from slt_toys.fits.batch_size import Comparison, EpochsPerHalving, compare, epochs_per_halving, usable_ends
from slt_toys.fits.collapse import BatchCurve, BestExponent, Collapse, best_exponent, collapse, exponent_name
from slt_toys.fits.ends import HALF_DEPTH, HINGE, CriticalPeriodEnd, replicate_epochs
from slt_toys.fits.resampling import end_with_interval, resample_curve
from slt_toys.fits.rival_laws import rival_models
from slt_toys.reference.laws import law
from slt_toys.reference.published import DATASET_SIZE, DECAY, LEARNING_RATE, MOMENTUM, published_curves

from ..inputs.arguments import checked_arguments

DEFINITIONS = (HINGE, HALF_DEPTH)


@dataclass(frozen=True)
class PublishedFindings:
    """Everything fitted to the published curves; per definition of e* where there is one. Epochs."""

    ends: dict[str, dict[int, CriticalPeriodEnd]]
    epochs_per_halving: dict[str, EpochsPerHalving]
    comparisons: dict[str, Comparison]
    collapse: dict[str, Collapse]
    best_exponent: BestExponent
    theorem_epochs_per_halving: float

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary for JSON, with what it all amounts to in words."""
        return {
            "critical_period_end": {
                name: {str(size): end.to_dict() for size, end in ends.items()} for name, ends in self.ends.items()
            },
            "epochs_per_halving": {name: shift.to_dict() for name, shift in self.epochs_per_halving.items()},
            "comparison": {name: comparison.to_dict() for name, comparison in self.comparisons.items()},
            "collapse": {name: spread.to_dict() for name, spread in self.collapse.items()},
            "best_exponent": self.best_exponent.to_dict(),
            "theorem_epochs_per_halving": self.theorem_epochs_per_halving,
            "in_words": what_the_published_curves_can_tell(self),
        }


def published_batch_curves() -> list[BatchCurve]:
    """The published accuracies as curves to collapse, by increasing batch size."""
    return [
        BatchCurve(size, curve.switch_epochs, curve.final_accuracy, curve.learning_rate(), curve.deficit_train_loss)
        for size, curve in sorted(published_curves().items())
    ]


@checked_arguments
def published_findings(*, repetitions: int = 2000, seed: int = 0, confidence: float = 0.95) -> PublishedFindings:
    """Fit everything to the published curves.

    Parameters
    ----------
    repetitions : int
        Resampled curves per batch size and definition.
    seed : int
        Of the resampling: equal seeds give equal findings.
    confidence : float
        Of all intervals.
    """
    curves = published_curves()
    ends: dict[str, dict[int, CriticalPeriodEnd]] = {}
    halvings: dict[str, EpochsPerHalving] = {}
    comparisons: dict[str, Comparison] = {}
    models = rival_models(
        list(curves), decay=DECAY, learning_rate=LEARNING_RATE, dataset_size=DATASET_SIZE, momentum=MOMENTUM
    )
    resampled = {}
    for position, definition in enumerate(DEFINITIONS):
        resampled = {
            size: resample_curve(
                curve.switch_epochs,
                curve.final_accuracy,
                definition,
                confidence=confidence,
                repetitions=repetitions,
                seed=[seed, position, size],
            )
            for size, curve in curves.items()
        }
        ends[definition.name] = found = {
            size: end_with_interval(
                curve.switch_epochs,
                curve.final_accuracy,
                resampled[size],
                definition,
                confidence=confidence,
                method="residual bootstrap, one seed",
            )
            for size, curve in curves.items()
        }
        drawn = [replicate_epochs(curves[size].switch_epochs, resampled[size], definition) for size in found]
        sizes, epochs, errors, _ = usable_ends(found)
        halvings[definition.name] = epochs_per_halving(
            sizes, epochs, replicates=np.column_stack(drawn), confidence=confidence
        )
        comparisons[definition.name] = compare(models, sizes, epochs, errors, confidence=confidence)
    batch_curves = published_batch_curves()
    return PublishedFindings(
        ends=ends,
        epochs_per_halving=halvings,
        comparisons=comparisons,
        collapse=collapse(batch_curves, dataset_size=DATASET_SIZE),
        # the last definition is half depth, whose resampling assumes no shape of the curve
        best_exponent=best_exponent(batch_curves, replicates=resampled, confidence=confidence),
        theorem_epochs_per_halving=law("epochs-per-halving")(decay=DECAY),
    )


def what_the_published_curves_can_tell(findings: PublishedFindings) -> str:
    """A few plain sentences, every number of which is taken from the findings."""
    said = [_the_table(), *(_the_shift(findings, name) for name in findings.epochs_per_halving)]
    slopes = [shift.slope for shift in findings.epochs_per_halving.values()]
    said.append(
        f"The definitions were fixed beforehand and differ by {max(slopes) - min(slopes):.1f} epochs per "
        "halving: whether these curves follow the theorem depends on what is called their end."
    )
    open_laws: list[str] = []
    count = 0
    for name, comparison in findings.comparisons.items():
        chances = _join(f"{_spoken(law)} {_chance(fit.p_value)}" for law, fit in comparison.fits.items())
        said.append(f"Fitted to the ends by {_spoken(name)}, the laws leave p-values of {chances}.")
        count = len(comparison.epochs)
        open_laws = [law for law, fit in comparison.fits.items() if fit.corrected_criterion is None]
    if open_laws:
        said.append(
            f"{count} batch sizes cannot tell {_join(map(_spoken, open_laws), 'from')}: they are too few for "
            "a corrected Akaike criterion with that many parameters."
        )
    if min(pair.shift for shift in findings.epochs_per_halving.values() for pair in shift.pairs) > 0:
        said.append(
            "Every halving delays the end, by either definition, which speaks against a constant end and "
            "against a threshold on the flow time already spent (it would come earlier)."
        )
    said.append(_the_collapse(findings))
    said.append(
        "No curve of this kind can separate temperature from flow time left: under a learning rate that "
        "decays by a constant factor per epoch both are functions of learning rate / batch size alone. The "
        "intervals show the scatter between rows only; how much another seed would move a whole curve is "
        "not in the table."
    )
    return " ".join(said)


def _the_table() -> str:
    curves = published_curves()
    rows = [len(curve.switch_epochs) for curve in curves.values()]
    gaps = np.concatenate([np.diff(curve.switch_epochs) for curve in curves.values()])
    return (
        f"The published table holds {len(curves)} curves (batch sizes {_join(sorted(curves))}), one seed "
        f"each, of {min(rows)} to {max(rows)} switch epochs {gaps.min():g} to {gaps.max():g} epochs apart."
    )


def _the_shift(findings: PublishedFindings, name: str) -> str:
    shift, theorem = findings.epochs_per_halving[name], findings.theorem_epochs_per_halving
    ends = _join(f"{size}: {end.statement()}" for size, end in sorted(findings.ends[name].items()))
    pairs = _join(f"{pair.shift:.1f} ({pair.larger:g} to {pair.smaller:g})" for pair in shift.pairs[::-1])
    return (
        f"By {_spoken(name)} the critical period ends at epoch {ends}, so that halving the batch delays it "
        f"by {pairs} epochs, {_number(shift.slope, shift.low, shift.high)} on average; the theorem says "
        f"{theorem:.2f}, which lies {_inside(theorem, shift.low, shift.high)} this interval."
    )


def _the_collapse(findings: PublishedFindings) -> str:
    best = findings.best_exponent
    one, loss = findings.collapse[exponent_name(1.0)].spread, findings.collapse["deficit_train_loss"].spread
    text = (
        "The whole curves collapse best over learning rate / batch size^a at a = "
        f"{_number(best.exponent, best.low, best.high, 2)}, a flat minimum (within "
        f"{100 * best.flat_within:.0f} % of it from {best.flat_low:.2f} to {best.flat_high:.2f}); the "
        f"theorem's a = 1 lies {_inside(1.0, best.low, best.high)} the interval."
    )
    if one is None or loss is None:
        return text
    better, verdict = ("better", "is not excluded") if loss < one else ("less well", "explains less")
    return (
        f"{text} They collapse {better} over the deficit train loss at the switch (spread {loss:.3f} against "
        f"{one:.3f}), so a loss threshold {verdict}."
    )


def _spoken(name: str) -> str:
    return {"hinge": "the hinge", "flow_time": "flow time spent"}.get(name, name.replace("_", " "))


def _join(items: Any, last: str = "and") -> str:
    words = [str(item) for item in items]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _number(value: float, low: float | None, high: float | None, digits: int = 1) -> str:
    ends = ["open" if end is None else f"{end:.{digits}f}" for end in (low, high)]
    return f"{value:.{digits}f} [{ends[0]}, {ends[1]}]"


def _inside(value: float, low: float | None, high: float | None) -> str:
    return "inside" if (low is None or low <= value) and (high is None or value <= high) else "outside"


def _chance(p_value: float | None) -> str:
    if p_value is None:
        return "none (cannot tell)"
    return "below .001" if p_value < 0.001 else f"{p_value:.2g}"
