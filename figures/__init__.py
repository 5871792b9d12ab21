"""One module for each figure, each with ``draw(dataset) -> Figure``: only this package imports matplotlib.

A figure knows datasets and ``theory.equations``, never who made the dataset. ``python -m figures`` redraws
every figure from saved results.
"""
