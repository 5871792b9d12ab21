"""The default experiment of smooth declines with a small grid, for the tests of its parts."""

from __future__ import annotations

import numpy as np

from slt_toys.smooth_decline import SmoothDecline

CONFIG = SmoothDecline()
PAIR = CONFIG.pair()
TRAINING, ENDING = CONFIG.protocol()
EPOCHS = np.arange(CONFIG.switch_epochs)
THREE = CONFIG.populations()[0]
