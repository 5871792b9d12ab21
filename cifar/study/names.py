"""What the options may name, without torch: networks and deficits."""

from __future__ import annotations

NETWORKS = ("all_cnn", "resnet18", "resnet18_imagenet", "fully_connected", "logistic_regression")
DEFICITS = ("none", "blur", "blur_antialiased", "vertical_flip", "greyscale", "noise_images", "label_permutation")
