"""The same question asked of a real network on CIFAR-10 (needs the ``cifar`` extra, that is torch).

Of `slt_toys` this package uses only the fits, the map from batch size to temperature and the records.
"""
