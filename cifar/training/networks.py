"""The networks of the published studies, with their width and depth as options."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from cifar.study.names import NETWORKS

MULTIPLE = 8  # of channels, that matrix units of GPUs take in bfloat16
WIDTHS = {"all_cnn": 96, "resnet18": 64, "resnet18_imagenet": 64, "fully_connected": 2500, "logistic_regression": 0}


def make_network(
    name: str,
    *,
    width: int | None = None,
    depth: int | None = None,
    classes: int = 10,
    size: int = 32,
    seed: int = 0,
    initialisation: str = "torch",
) -> nn.Module:
    """A network with weights drawn from ``seed``.

    Parameters
    ----------
    name
        ``all_cnn`` (Achille, Rovere & Soatto 2019: 96-96-192 stride 2-192-192-192 stride 2-192-192 (1 x 1)-10 (1 x 1),
        average pool, batch normalisation); ``resnet18`` with the stem for small images; ``resnet18_imagenet`` with the
        7 x 7 stem, pooling and 1000 outputs (Baker 2023); ``fully_connected`` (2500-2000-1500-1000-500, Achille et
        al.'s network for MNIST); ``logistic_regression`` (the control of Ash & Adams 2020).
    width
        Channels of the first layer; None for the published ones. All others keep their proportion to it.
    depth
        ``all_cnn``: 3 x 3 layers at each resolution after the first (2); ``resnet18``: blocks of each stage (2);
        ``fully_connected``: hidden layers (5).
    classes
        Outputs, except of ``resnet18_imagenet``, which always has 1000.
    size
        Height and width of the images.
    seed
        Of the initial weights; the global generator is left as it was.
    initialisation
        ``torch``'s own, or ``fan_out``: normal weights of convolutions with variance 2 over kernel size times outputs.

    Raises
    ------
    ValueError
        If there is no such network, or a width or depth below 1.
    """
    if name not in NETWORKS:
        raise ValueError(f"network: {name!r} is unknown; use one of {', '.join(NETWORKS)}")
    width = WIDTHS[name] if width is None else width
    if width < 1 and name != "logistic_regression":
        raise ValueError(f"width: {width} is no number of channels; give a positive whole number")
    if width % 8 and name not in ("fully_connected", "logistic_regression"):
        # PyTorch 2.13 on a processor crashes in the gradient of convolutions from 4 channels
        raise ValueError(f"width: {width} channels; give a multiple of 8")
    if depth is not None and depth < 1:
        raise ValueError(f"depth: {depth} is no number of layers; give a positive whole number")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(name, width, depth, classes, size)
        if initialisation == "fan_out":
            for layer in network.modules():
                if isinstance(layer, nn.Conv2d):
                    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        return network


def _network(name: str, width: int, depth: int | None, classes: int, size: int) -> nn.Module:
    if name == "all_cnn":
        return _all_cnn(width, depth or 2, classes)
    if name == "resnet18":
        return _resnet(width, depth or 2, classes, nn.Sequential(_convolution(3, width)))
    if name == "resnet18_imagenet":
        stem = nn.Sequential(_convolution(3, width, 7, 2), nn.MaxPool2d(3, 2, 1))
        return _resnet(width, depth or 2, 1000, stem)
    if name == "fully_connected":
        return _fully_connected(width, depth or 5, classes, 3 * size * size)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * size * size, classes))


class PaddedConvolution(nn.Conv2d):
    """A convolution that can add channels of zeros, up to a multiple of eight, and drop what they give.

    The three colours and the ten classes keep a GPU from its matrix units otherwise. Weights, their gradients and what
    is computed stay the same but for rounding.
    """

    padded = False

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Convolve (n, channels, h, w)."""
        inputs, outputs = -self.in_channels % MULTIPLE, -self.out_channels % MULTIPLE
        if not self.padded or not (inputs or outputs):
            return super().forward(images)
        weight = functional.pad(self.weight, (0, 0, 0, 0, 0, inputs, 0, outputs))
        images = functional.pad(images, (0, 0, 0, 0, 0, inputs)) if inputs else images
        whole = functional.conv2d(images, weight, None, self.stride, self.padding)
        return whole[:, : self.out_channels] if outputs else whole


def pad_channels(network: nn.Module, padded: bool) -> nn.Module:
    """Have a network's convolutions pad their channels, or not; returns it."""
    for layer in network.modules():
        if isinstance(layer, PaddedConvolution):
            layer.padded = padded
    return network


def multiply_adds(network: nn.Module, size: int = 32) -> int:
    """Multiplications with addition of one forward pass of one image, in convolutions and linear layers."""
    counted = 0

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal counted
        if isinstance(layer, nn.Conv2d):
            counted += output[0].numel() * layer.weight[0].numel()
        elif isinstance(layer, nn.Linear):
            counted += layer.weight.numel()

    hooks = [layer.register_forward_hook(count) for layer in network.modules()]
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(1, 3, size, size, device=next(network.parameters()).device))
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    return counted


class _Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(inputs, outputs, 3, stride)
        self.second = _convolution(outputs, outputs, 3, 1, activation=False)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else _convolution(inputs, outputs, 1, stride, activation=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.second(self.first(images)) + self.shortcut(images))


def _convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, activation: bool = True) -> nn.Sequential:
    own = PaddedConvolution(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    layers = (own, nn.BatchNorm2d(outputs))
    return nn.Sequential(*layers, *([nn.ReLU()] if activation else []))


def _all_cnn(width: int, depth: int, classes: int) -> nn.Sequential:
    wide = 2 * width
    layers = [_convolution(3, width)] + [_convolution(width, width) for _ in range(depth - 1)]
    layers += [_convolution(width, wide, stride=2)] + [_convolution(wide, wide) for _ in range(depth)]
    layers += [_convolution(wide, wide, stride=2)] + [_convolution(wide, wide) for _ in range(depth - 1)]
    layers += [_convolution(wide, wide, 1), _convolution(wide, classes, 1)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def _resnet(width: int, depth: int, outputs: int, stem: nn.Sequential) -> nn.Sequential:
    layers: list[nn.Module] = [stem]
    channels = width
    for stage in range(4):
        for number in range(depth):
            layers.append(_Block(channels, width << stage, 2 if stage and not number else 1))
            channels = width << stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, outputs))


def _fully_connected(width: int, depth: int, classes: int, inputs: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten()]
    for number in range(depth):
        hidden = max(1, width * (depth - number) // depth)
        layers += [nn.Linear(inputs, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()]
        inputs = hidden
    return nn.Sequential(*layers, nn.Linear(inputs, classes))
