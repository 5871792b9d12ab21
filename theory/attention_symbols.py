"""Symbols of attention that copies, against a memory: more of :mod:`theory.symbols`, whose tables they join."""

from __future__ import annotations

from theory.symbols import _define, _real

context_size = _define("context_size", "N_c", "items in a context [1]")
match_score = _real("match_score", "b", "score of the item that is asked for, above that of any other [1]")
copied_share = _define("copied_share", "p_w", "share of the attention that the match gets [1]")
other_labels = _real("other_labels", r"\xi", "mean label of the other items, relative to the right one [1]")
readout = _real("readout", "w", "weight by which the attended label is read out [logit]")
remembered_logit = _real("remembered_logit", "f", "what is remembered of an item, for the right label [logit]")
surprise = _define("surprise", "s_w", "probability of the wrong label [1]")
mean_surprise = _define("mean_surprise", r"\bar s_w", "mean of that over contexts [1]")
attention_decay = _define("attention_decay", r"\lambda_A", "weight decay of attention [loss]", nonnegative=True)
memory_speed = _define("memory_speed", "r_m", "learning rate of the memory over that of attention [1]")
item_count = _define("item_count", "K", "items that are asked for [1]")
readout_drift = _real("readout_drift", r"\dot w", "minus the slope of the loss in the readout [loss]")
score_drift = _real("score_drift", r"\dot b", "minus the slope of the loss in the score [loss]")
memorising_time = _define("memorising_time", r"\Delta_f", "steps per unit of remembered logit [steps]")
