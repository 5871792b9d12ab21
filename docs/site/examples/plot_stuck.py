"""
The end of a critical period
============================

Stuck shares by switch epoch for four batch sizes, exactly, and the same curves against temperature: where temperature
decides, they fall on one.
"""

import matplotlib.pyplot as plt
import numpy as np

from slt_toys import Ending, ExponentialDecay, Training, exact_stuck_probability, find_pair

pair, switches = find_pair("regular_double_well"), np.arange(0, 101, 5)
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), sharey=True, layout="constrained")
for batch_size, style in zip((32, 64, 128, 256), ("-", "--", "-.", ":"), strict=True):
    training = Training(batch_size, 50_000, ExponentialDecay(0.05, 0.97), gradient_variance=3072.0)
    stuck = exact_stuck_probability(pair, training, switches, Ending("further", 200))
    left.plot(switches, stuck, style, label=f"B = {batch_size}")
    right.semilogx(training.temperatures(101)[switches], stuck, style)
left.set(xlabel="switch epoch", ylabel="stuck share", ylim=(0, 1))
right.set(xlabel="temperature at the switch")
right.invert_xaxis()
left.legend()
plt.show()
