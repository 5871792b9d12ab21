"""What the published CIFAR-10 curves say about rival laws of the critical period's end, and what they cannot say."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..inputs.arguments import checked_arguments
from ..reference.laws import law
from ..reference.published import DATASET_SIZE, DECAY, LEARNING_RATE, MOMENTUM, published_curves
from .batch_size import Comparison, EpochsPerHalving, compare, epochs_per_halving, usable_ends
from .collapse import BatchCurve, BestExponent, Collapse, best_exponent, collapse
from .ends import HALF_DEPTH, HINGE, CriticalPeriodEnd, replicate_epochs
from .resampling import ONE_SEED, end_with_interval, resample_curve
from .rival_laws import rival_models

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


@checked_arguments
def published_findings(*, repetitions: int = 2000, seed: int = 0, confidence: float = 0.95) -> PublishedFindings:
    """Fit everything to the published curves, with so many resampled curves per batch size and definition.

    Equal seeds give equal findings; ``confidence`` is that of all intervals.
    """
    curves = published_curves()
    ends: dict[str, dict[int, CriticalPeriodEnd]] = {}
    halvings, comparisons, resampled = {}, {}, {}
    models = rival_models(
        list(curves), decay=DECAY, learning_rate=LEARNING_RATE, dataset_size=DATASET_SIZE, momentum=MOMENTUM
    )
    for position, definition in enumerate(DEFINITIONS):
        own, drawn = ends.setdefault(definition.name, {}), []
        for size, curve in curves.items():
            rows = curve.switch_epochs, curve.final_accuracy
            resampled[size] = resample_curve(
                *rows, definition, confidence=confidence, repetitions=repetitions, seed=[seed, position, size]
            )
            own[size] = end_with_interval(
                *rows, resampled[size], definition, confidence=confidence, method="residual bootstrap, one seed",
                within=ONE_SEED,
            )  # fmt: skip
            drawn.append(replicate_epochs(curve.switch_epochs, resampled[size], definition))
        sizes, epochs, errors, _ = usable_ends(own)
        shift = epochs_per_halving(sizes, epochs, replicates=np.column_stack(drawn), confidence=confidence)
        halvings[definition.name] = replace(shift, within=ONE_SEED)
        comparisons[definition.name] = compare(models, sizes, epochs, errors, confidence=confidence)
    batch_curves = [
        BatchCurve(size, curve.switch_epochs, curve.final_accuracy, curve.learning_rate(), curve.deficit_train_loss)
        for size, curve in sorted(curves.items())
    ]
    return PublishedFindings(
        ends, halvings, comparisons, collapse(batch_curves, dataset_size=DATASET_SIZE),
        # the last definition is half depth, whose resampling assumes no shape of the curve
        best_exponent=best_exponent(batch_curves, replicates=resampled, confidence=confidence),
        theorem_epochs_per_halving=law("epochs-per-halving")(decay=DECAY),
    )  # fmt: skip
