"""The default experiment of smooth declines with a small grid, for the tests of its parts."""

from __future__ import annotations

import numpy as np

from slt_toys.barriers.decline_study import populations, protocol, slanted_pair
from slt_toys.smooth_decline import SmoothDecline

CONFIG = SmoothDecline()
PAIR = slanted_pair(CONFIG)
TRAINING, ENDING = protocol(CONFIG)
EPOCHS = np.arange(CONFIG.switch_epochs)
THREE = populations(CONFIG)[0]
