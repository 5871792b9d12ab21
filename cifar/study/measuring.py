"""How much is measured where a unit of work ends; see `cifar.training.measurements`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measuring:
    """How much is measured, in images; 0 leaves a measurement out.

    Attributes
    ----------
    statistics
        Images over which batch statistics are re-estimated and training loss and accuracy are taken; None for all.
    fisher
        Images for the Fisher trace and the gradient noise.
    hessian
        Images for the top eigenvalue of the Hessian.
    lanczos_steps
        Products with the Hessian.
    learning_coefficient
        Images of the loss whose local learning coefficient is estimated.
    chains, draws
        Of that estimate.
    running_statistics
        Whether networks are evaluated with the averages that batch normalisation kept while it trained, in place of
        batch statistics estimated anew.
    """

    statistics: int | None = None
    fisher: int = 512
    hessian: int = 512
    lanczos_steps: int = 20
    learning_coefficient: int = 0
    chains: int = 8
    draws: int = 200
    running_statistics: bool = False

    def __post_init__(self) -> None:
        if (
            min(self.fisher, self.hessian, self.learning_coefficient) < 0
            or self.lanczos_steps < 2
            or (self.statistics or 1) < 1
        ):
            raise ValueError(f"measuring: {self} must count images from 0 and at least two Lanczos steps")
