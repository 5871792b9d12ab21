"""Worlds in which this or that ends the critical period, and the verdict that has to tell them apart."""
