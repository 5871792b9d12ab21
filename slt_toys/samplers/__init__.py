"""Samplers of tempered posteriors: small frozen dataclasses that name their parameters, one function that runs them.

Chains run in lanes of 64 in compiled kernels, blocks of lanes in parallel threads. Samplers compose by sequence: stages
with their own potential, temperature and step.
"""

from .annealing import annealing_schedule
from .gibbs import Gibbs
from .langevin import OverdampedLangevin, largest_stable_step
from .metropolis import MALA, RandomWalkMetropolis
from .program import Sampler
from .replica_exchange import ReplicaExchange
from .run import Stage, sample, sample_stages
from .sgd import SGD, SGLD
from .underdamped import UnderdampedLangevin

__all__ = [
    "MALA", "SGD", "SGLD", "Gibbs", "OverdampedLangevin", "RandomWalkMetropolis", "ReplicaExchange", "Sampler", "Stage",
    "UnderdampedLangevin", "annealing_schedule", "largest_stable_step", "sample", "sample_stages",
]  # fmt: skip
