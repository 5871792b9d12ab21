"""Epochs with an energy, a temperature and a duration, exactly and sampled; the arms and shifts made of them."""
