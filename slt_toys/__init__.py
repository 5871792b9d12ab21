"""Toy models of singular learning theory.

Theory says it, a toy shows it, a sampler checks it, CIFAR-10 is asked the same question: which phase does the
tempered posterior prefer, how long does a sampler take to change phase, when does the critical period end?

Start with ``python -m slt_toys.phase_diagram``, or with `slt_toys.potentials.potential.Potential.from_expression`.
"""

__version__ = "0.1.0"
