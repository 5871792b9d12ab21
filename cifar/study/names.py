"""What the options may name, without torch: networks and deficits."""

from __future__ import annotations

NETWORKS = ("all_cnn", "resnet18", "resnet18_imagenet", "fully_connected", "logistic_regression")
DEFICITS = ("none", "blur", "blur_antialiased", "vertical_flip", "greyscale", "noise_images", "label_permutation")
# Of the task that is drawn anew in every epoch; its networks are stacked in one array.
GENERATED = "perceptron"
GENERATED_DEFICITS = ("none", "blur", "vertical_flip")
