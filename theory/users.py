"""Which modules use each equation, beyond `slt_toys.laws.law(label)`, which serves any of them."""

from __future__ import annotations

USED_BY: dict[str, tuple[str, ...]] = {
    "critical-period-end-exponential": ("slt_toys.rival_laws", "slt_toys.collapse"),
    "critical-period-end-flow-time": ("slt_toys.rival_laws",),
    "critical-period-end-flow-time-constant": ("slt_toys.rival_laws",),
    "critical-period-end-power-law": ("slt_toys.rival_laws",),
    "crossover": ("slt_toys.phase_boundaries",),
    "crossover-principal": ("slt_toys.phase_boundaries",),
    "epoch-time": ("slt_toys.training", "slt_toys.rival_laws"),
    "epochs-per-halving": ("slt_toys.equi_temperature", "slt_toys.published_findings"),
    "eyring-kramers": ("slt_toys.kinetics",),
    "kramers-correction": ("slt_toys.kinetics",),
    "mean-first-passage-ratio": ("slt_toys.kinetics",),
    "normal-crossing-learning-coefficient": ("theory.learning_coefficient", "slt_toys.phases"),
    "normal-crossing-multiplicity": ("theory.learning_coefficient",),
    "phase-free-energy": ("slt_toys.equilibrium", "slt_toys.phase_boundaries", "slt_toys.phases"),
    "sgd-temperature": ("slt_toys.training",),
    "singular-eyring-kramers": ("slt_toys.kinetics",),
    "unadjusted-langevin-bias": ("slt_toys.samplers.langevin",),
}
