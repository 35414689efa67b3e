"""What MUNIT and UNIT share: options, discriminators, optimisers, learning rate, losses by weight, perceptual loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from gantool.capabilities import Averaged, Translates
from gantool.data.layouts.unpaired import unpaired
from gantool.losses.adversarial import UNPENALISED
from gantool.model import Data, Model, Progress, Roles, Steps
from gantool.networks.initialization import INITIALIZATIONS, initialize
from gantool.networks.multiscale import MultiScaleDiscriminator
from gantool.networks.resnet import PADDINGS
from gantool.networks.vgg import VGG16
from gantool.option_groups import AdamOptions, Averaging, TwoDomains, adam
from gantool.options import option
from gantool.spec import Sizes, Spec
from gantool_munit.layers import ACTIVATIONS, NORMS
from gantool_munit.networks import ScaleDiscriminator
from gantool_munit.perceptual import perceptual_loss, read_vgg

Terms: TypeAlias = list[tuple[float, dict[str, Tensor]]]
"""Losses by name, those of one weight together."""


@dataclass(frozen=True, kw_only=True)
class SharedOptions(Averaging, TwoDomains, AdamOptions):
    """The options that both models have."""

    width: int = option(64, "channels of the generators' first layer", low=1)
    downsample: int = option(2, "stride-2 layers of the content encoders; sides are multiples of 2^n", low=0, high=6)
    blocks: int = option(4, "residual blocks of each encoder, and of each decoder", low=1, high=64)
    activation: str = option("relu", "activation in the generators", choices=ACTIVATIONS)
    padding: str = option("reflect", "padding in the generators", choices=PADDINGS)
    d_width: int = option(64, "channels of the discriminators' first layer", low=1)
    d_layers: int = option(4, "stride-2 layers of the discriminators at each scale", low=1, high=8)
    scales: int = option(
        3, "scales at which a discriminator looks, each half as large as the one before", low=1, high=6
    )
    d_norm: str = option("none", "normalisation in the discriminators", choices=NORMS)
    d_activation: str = option("lrelu", "activation in the discriminators", choices=ACTIVATIONS)
    d_padding: str = option("reflect", "padding in the discriminators", choices=PADDINGS)
    init: str = option("kaiming", "initialisation of the generators", choices=INITIALIZATIONS)
    gan: str = option("lsgan", "adversarial objective", choices=UNPENALISED)
    adversarial: float = option(1.0, "weight of the adversarial objectives, on both sides", low=0)
    recon_x: float = option(10.0, "weight of the reconstruction of a picture from its own code", low=0)
    vgg: str = option("", "file with the weights of Caffe's VGG-16: turns the perceptual loss on", file=True)
    perceptual: float = option(1.0, "weight of the perceptual loss, where vgg is given", low=0)
    lr: float = option(1e-4, "base learning rate of both Adams", low=0)
    weight_decay: float = option(1e-4, "L2 penalty on all weights, as a part of the gradient", low=0)
    lr_policy: str = option("step", "learning-rate schedule", choices=("step", "constant"))
    lr_steps: int = option(
        100_000, "lr_policy=step: half the rate after every so many steps, however long the run", low=1
    )
    lr_at: str = option(
        "end",
        "the schedule advances at the end of a step (the authors' PyTorch 0.4.1) or at its start (a later PyTorch)",
        choices=("end", "start"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.vgg and (self.channels_a, self.channels_b) != (3, 3):
            raise ValueError("the perceptual loss wants RGB pictures: leave vgg out")


OptionsT = TypeVar("OptionsT", bound=SharedOptions)


class SharedLatent(Translates, Averaged, Model[OptionsT]):
    """Two auto-encoders, `g_a` and `g_b`, whose codes mean the same, and the discriminators `d_a` and `d_b` of A and B.

    A subclass makes the generators, and says which side their pictures have at least.
    """

    contract = 2
    roles = Roles(training_only=("d_a", "d_b"), frozen=("vgg",))

    @classmethod
    def data(cls, o: OptionsT) -> Data:
        return Data(unpaired(), o.kinds)

    @classmethod
    def length(cls, o: OptionsT) -> Steps:
        return Steps(1_000_000)

    def __init__(self, options: OptionsT, spec: Spec, generators: Sequence[nn.Module], smallest: int = 4) -> None:
        super().__init__(options, spec)
        o = options
        self.g_a, self.g_b = generators
        self.d_a, self.d_b = (discriminator(o, channels) for channels in spec.channels)
        self.vgg: VGG16 | None = None
        gain = 0.02 if o.init == "normal" else 2**0.5
        for generator in generators:
            initialize(generator, o.init, gain)
        for layer in (*self.d_a.modules(), *self.d_b.modules()):
            if type(layer) is nn.Conv2d:  # spectral norm makes the size of a weight meaningless
                nn.init.normal_(layer.weight, 0.0, 0.02)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        # Reflection needs more than one pixel, at the smallest size that the content encoder sees.
        self.sizes = Sizes(2**o.downsample, max(smallest, 2 ** (o.downsample + 1)))
        # Reflection before the last layer needs two pixels at the smallest scale; a norm behind it, four times as many.
        least = 2**o.d_layers * (2 if o.d_norm in ("instance", "batch") else 1)
        side = (least - 1) * 2 ** (o.scales - 1) + 1  # scales round up
        self.crops = Sizes(self.sizes.multiple, max(self.sizes.fit(side, side)[0], 16 if o.vgg else 1))
        self.averaged = ("g_a", "g_b") if o.ema else ()

    def prepare_training(self) -> None:
        if self.options.vgg:
            self.vgg = read_vgg(self.options.vgg)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        o = self.options
        return {
            "D": adam(o, self.d_a, self.d_b, weight_decay=o.weight_decay),
            "G": adam(o, self.g_a, self.g_b, weight_decay=o.weight_decay),
        }

    def rate_factor(self, now: Progress) -> float:
        o = self.options
        if o.lr_policy == "constant":
            return 1.0
        return float(0.5 ** ((now.step + (o.lr_at == "start")) // o.lr_steps))

    def average_decay(self, now: Progress) -> float:
        return self.options.average_decay(now.step)

    def perceptual(self, x_ba: Tensor, x_b: Tensor, x_ab: Tensor, x_a: Tensor) -> Terms:
        """How far translations are from what they are translations of; nothing where no `vgg` is given."""
        if self.vgg is None:
            return []
        weight = self.options.perceptual
        return [
            (weight, {"vgg_a": perceptual_loss(self.vgg, x_ba, x_b)}),
            (weight, {"vgg_b": perceptual_loss(self.vgg, x_ab, x_a)}),
        ]


def total(terms: Terms) -> Tensor:
    """The sum of all losses, each times its weight."""
    return reduce(add, (weight * reduce(add, losses.values()) for weight, losses in terms))


def by_name(terms: Terms) -> dict[str, Tensor]:
    """All losses, without their weights."""
    return {name: loss for _, losses in terms for name, loss in losses.items()}


def discriminator(o: SharedOptions, channels: int) -> MultiScaleDiscriminator:
    """The discriminator that the options describe."""
    return MultiScaleDiscriminator(
        ScaleDiscriminator(
            channels,
            width=o.d_width,
            layers=o.d_layers,
            norm=o.d_norm,
            activation=o.d_activation,
            padding=o.d_padding,
        )
        for _ in range(o.scales)
    )
