"""Which modules use each equation, beyond `slt_toys.laws.law(label)`, which serves any of them."""

from __future__ import annotations

USED_BY: dict[str, tuple[str, ...]] = {
    "bottleneck-passage-time": ("slt_toys.zoo.bottleneck",),
    "confound": ("slt_toys.arms",),
    "critical-period-end-exponential": ("slt_toys.rival_laws", "slt_toys.collapse"),
    "critical-period-end-flow-time": ("slt_toys.rival_laws",),
    "critical-period-end-flow-time-constant": ("slt_toys.rival_laws",),
    "critical-period-end-power-law": ("slt_toys.rival_laws",),
    "crossover": ("slt_toys.phase_boundaries",),
    "crossover-principal": ("slt_toys.phase_boundaries",),
    "effective-initialisation-decay": ("slt_toys.zoo.diagonal_linear_network",),
    "effective-initialisation-shift": ("slt_toys.zoo.diagonal_linear_network",),
    "effective-initialisation-step": ("slt_toys.zoo.diagonal_linear_network",),
    "epoch-time": ("slt_toys.training", "slt_toys.rival_laws"),
    "epochs-per-halving": ("slt_toys.equi_temperature", "slt_toys.published_findings"),
    "eyring-kramers": ("slt_toys.kinetics",),
    "kramers-correction": ("slt_toys.kinetics",),
    "mean-first-passage-ratio": ("slt_toys.kinetics",),
    "normal-crossing-learning-coefficient": ("theory.learning_coefficient", "slt_toys.phases"),
    "normal-crossing-multiplicity": ("theory.learning_coefficient",),
    "pathway-invariant": ("slt_toys.zoo.deep_linear_pathways",),
    "pathway-share-shallow": ("slt_toys.zoo.deep_linear_pathways",),
    "pathway-share-thermal": ("slt_toys.zoo.deep_linear_pathways",),
    "phase-free-energy": ("slt_toys.equilibrium", "slt_toys.phase_boundaries", "slt_toys.phases"),
    "reshuffling-temperature-factor": ("slt_toys.arms",),
    "saddle-variance": ("slt_toys.zoo.memorising_saddle",),
    "sgd-temperature": ("slt_toys.training",),
    "singular-eyring-kramers": ("slt_toys.kinetics",),
    "unadjusted-langevin-bias": ("slt_toys.samplers.langevin",),
}
