"""What is followed by `python -m slt_toys.learning_coefficient --track`: runs, their seeds, steps and sample size."""

from __future__ import annotations

EXAMPLES = 10**8  # that the losses count for: neighbourhoods are then so small that saddles are local
# Of the superposition model: its end, seed and size of its first weights, and the steps that are looked at.
STAIRCASES = {
    "superposition to 5": ("5", 12, 0.5, (0, 30, 60, 100, 160, 260, 400, 600, 1500, 4000)),
    "superposition to 5+": ("5+", 30, 0.5, (0, 60, 160, 300, 540, 1000, 1400, 2000, 6000)),
    "superposition to 6": ("6", 20, 1.0, (0, 20, 50, 100, 200, 400, 1000, 6000)),
}
ADDITION = "addition modulo 11"
STEPS = (0, 50, 100, 200, 300, 400, 800, 2000, 4000)
RUNS = (*STAIRCASES, ADDITION)
