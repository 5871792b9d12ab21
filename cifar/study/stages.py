"""A run as data: what stays the same (`Recipe`) and a sequence of stages.

Everything the study varies is a stage or a field of one: a deficit until the switch is two stages, a window is three,
a warm start is two with another share of the data. A stage of n epochs is n epochs, counted from 0: whether a switch
"at epoch e" is a stage of e or of e + 1 of them is the study's convention (`cifar.study.arms.Protocol`), and a run's
stages and the report say which. Two runs whose recipe and whose stages agree up to an epoch are in the same state
there, so that this state, and its key, are shared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from cifar.study.names import DEFICITS, GENERATED, NETWORKS

COOLING = 0.4  # of the learning rate, per epoch
LATER = ("normalisation", "padding", "partial_batch", "initialisation")  # fields that the first recipes did not have


@dataclass(frozen=True)
class Recipe:
    """What does not change during a run.

    Attributes
    ----------
    network, width, depth
        See `cifar.training.networks.make_network`; or a perceptron on curves (`cifar.training.stacked`).
    batch_size
        Examples of a step, drawn without replacement; an epoch drops what does not fill a batch.
    momentum
        Of the heavy ball, without damping.
    precision
        ``float32`` or ``bfloat16``: of the arithmetic inside a step; the weights are always kept in float32.
    deficit_after_augmentation
        Whether images are blurred in every epoch after being shifted and flipped (Baker 2023), or once before it.
    data
        Checksum of the images.
    seed
        Of initial weights, order and augmentation.
    normalisation
        ``images``: by mean and deviation of each channel; ``half``: from -1 to 1, whatever the images.
    padding
        What a shift uncovers: ``mean`` colour or ``black``.
    partial_batch
        Whether the images that fill no batch make a last, smaller one.
    initialisation
        ``torch``'s own, or ``fan_out``: convolutions by He et al. (2015) with the outputs' number, as torchvision.
    """

    network: str = "all_cnn"
    width: int | None = None
    depth: int | None = None
    batch_size: int = 128
    momentum: float = 0.9
    precision: str = "float32"
    deficit_after_augmentation: bool = False
    data: str = ""
    seed: int = 0
    normalisation: str = "images"
    padding: str = "mean"
    partial_batch: bool = False
    initialisation: str = "torch"

    def __post_init__(self) -> None:
        if self.network not in (*NETWORKS, GENERATED):
            raise ValueError(f"network: {self.network!r} is unknown; use one of {', '.join(NETWORKS)}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size: {self.batch_size} is no batch; give a positive whole number")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum: {self.momentum} is not from 0 to below 1; 0.9 is usual")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision: {self.precision!r} is unknown; use float32 or bfloat16")
        for name, known in (
            ("normalisation", ("images", "half")), ("padding", ("mean", "black")),
            ("initialisation", ("torch", "fan_out")),
        ):  # fmt: skip
            if getattr(self, name) not in known:
                raise ValueError(f"{name}: {getattr(self, name)!r} is unknown; use {' or '.join(known)}")

    def told(self) -> dict[str, Any]:
        """The fields that files and keys hold: later ones only where they differ from what was done before them."""
        return {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name not in LATER or getattr(self, each.name) != each.default
        }


@dataclass(frozen=True)
class Stage:
    """Epochs during which nothing changes but the learning rate.

    Attributes
    ----------
    epochs
        How many.
    deficit
        One of `cifar.data.deficits.DEFICITS`.
    learning_rate, decay
        The learning rate is ``learning_rate * decay**c`` in the epoch that the clock calls c.
    clock
        ``run``: epochs since the run began; ``stage``: since the stage began, a learning rate reset at the switch.
    clock_start
        Added to the clock: the rate that a run reaches at this epoch, given to one that begins there.
    period
        The clock starts again after so many epochs; 0 for never.
    weight_decay
        Coefficient of half the squared norm of all weights.
    augment
        Whether images are shifted and flipped.
    share
        Of the training images, the same ones in every epoch (a warm start has less than 1).
    added_noise
        Each example's loss is weighted by 1 + sqrt(added_noise) times a standard normal number: gradient noise of
        about that multiple of the minibatch's own is added, without bias. 1 is like half the batch.
    cooling
        In so many last epochs of the stage the learning rate falls by `COOLING` an epoch besides. Where a run ends hot,
        its final accuracy is that of its noise; a run that is cooled says where it has come to.
    shrink, perturb
        Before the stage, weights become shrink * weights + perturb * (fresh initial weights) (Ash & Adams 2020).
    """

    epochs: int
    deficit: str = "none"
    learning_rate: float = 0.05
    decay: float = 0.97
    clock: str = "run"
    clock_start: int = 0
    period: int = 0
    weight_decay: float = 0.001
    augment: bool = True
    share: float = 1.0
    added_noise: float = 0.0
    shrink: float = 1.0
    perturb: float = 0.0
    cooling: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.period, self.clock_start, self.cooling) < 0:
            raise ValueError(
                f"epochs: {self.epochs}, period {self.period}, clock start {self.clock_start}, cooling {self.cooling}; "
                "none below 0"
            )
        if self.deficit not in DEFICITS:
            raise ValueError(f"deficit: {self.deficit!r} is unknown; use one of {', '.join(DEFICITS)}")
        if self.clock not in ("run", "stage"):
            raise ValueError(f"clock: {self.clock!r} is unknown; use run or stage")
        if not 0 < self.decay <= 1:
            raise ValueError(f"decay: {self.decay} is not above 0 and at most 1; 0.97 is usual")
        if not (self.learning_rate > 0 and self.weight_decay >= 0 and self.added_noise >= 0 and 0 < self.share <= 1):
            raise ValueError(
                f"stage: learning rate {self.learning_rate}, weight decay {self.weight_decay}, added noise "
                f"{self.added_noise}, share {self.share}; they must be > 0, >= 0, >= 0 and in (0, 1]"
            )

    def rate(self, epoch: int, begin: int) -> float:
        """Learning rate in an epoch of the run, for a stage that began at epoch ``begin``."""
        clock = epoch + self.clock_start - (begin if self.clock == "stage" else 0)
        cooling = min(self.cooling, self.epochs)
        cooled = min(cooling, max(0, cooling - (begin + self.epochs - 1 - epoch)))
        return self.learning_rate * self.decay ** (clock % self.period if self.period else clock) * COOLING**cooled

    def told(self) -> dict[str, Any]:
        """The fields that files and keys hold: cooling, which the first stages did not have, where there is any."""
        return {name: value for name, value in asdict(self).items() if name != "cooling" or value}


@dataclass(frozen=True)
class EpochRecord:
    """One epoch: mean loss of its steps (nats) on augmented images, and the share of them that was right."""

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float


def stages(*parts: Stage) -> tuple[Stage, ...]:
    """The parts that have epochs, written in one way: from the start of a run both clocks are the same.

    Only the last is cooled.
    """
    kept = [part for part in parts if part.epochs]
    if kept and kept[0].clock == "stage":
        kept[0] = replace(kept[0], clock="run")
    return (*[replace(part, cooling=0) for part in kept[:-1]], *kept[-1:])


def total_epochs(parts: Sequence[Stage]) -> int:
    """Epochs of all stages."""
    return sum(part.epochs for part in parts)


def deficit_epochs(parts: Sequence[Stage]) -> int:
    """Epochs of the stages that have a deficit."""
    return sum(part.epochs for part in parts if part.deficit != "none")


def until(parts: Sequence[Stage], epoch: int) -> tuple[Stage, ...]:
    """The stages up to an epoch, the last one cut."""
    kept: list[Stage] = []
    for part in parts:
        left = epoch - total_epochs(kept)
        if left <= 0:
            break
        cut = max(0, part.epochs - left)
        kept.append(replace(part, epochs=part.epochs - cut, cooling=max(0, part.cooling - cut)))
    return tuple(kept)


def stage_of(parts: Sequence[Stage], epoch: int) -> tuple[Stage, int]:
    """The stage that an epoch belongs to, and the epoch at which it began."""
    begin = 0
    for part in parts:
        if epoch < begin + part.epochs:
            return part, begin
        begin += part.epochs
    raise ValueError(f"epoch: {epoch} is not below the {begin} epochs of the stages")


def key(recipe: Recipe, parts: Sequence[Stage]) -> str:
    """What identifies the state at the end of these stages: a hash of all that it depends on."""
    text = json.dumps([recipe.told(), [part.told() for part in parts]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
