"""pix2pix: Isola, Zhu, Zhou and Efros, "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017,
arXiv 1611.07004.

A generator G: A -> B learns from pairs; a discriminator D judges whether B belongs to A. Defaults are those of the
authors' PyTorch code (a linear decay included; the paper keeps the learning rate).
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gantool.capabilities import Averaged, Coded, Translates
from gantool.data.layouts.paired import colour_pictures, paired
from gantool.losses.adversarial import GAN_MODES, discriminator_losses, generator_loss
from gantool.losses.gradient_penalty import gradient_penalty, interpolated
from gantool.model import Batch, Data, Epochs, Model, Progress, Roles, Run
from gantool.networks import evaluation_mode, lab
from gantool.networks.initialization import INITIALIZATIONS, initialize
from gantool.networks.norms import NORMS
from gantool.networks.patchgan import PatchDiscriminator, PixelDiscriminator
from gantool.networks.resnet import PADDINGS, ResnetGenerator
from gantool.networks.unet import UnetGenerator
from gantool.option_groups import AdamOptions, Averaging, Enlarging, TwoDomains, adam
from gantool.options import option
from gantool.spec import Direction, Sizes, Spec
from gantool.training import schedules


class Pix2Pix(Translates, Coded, Averaged, Model["Pix2Pix.Options"]):
    contract = 2
    paper = (
        "Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, CVPR 2017, arXiv 1611.07004"
    )
    roles = Roles(training_only=("d",))
    averages_buffers = True

    @dataclass(frozen=True, kw_only=True)
    class Options(Averaging, Enlarging, TwoDomains, schedules.PolicySchedule, AdamOptions):
        generator: str = option("unet", "generator network", choices=("unet", "resnet"))
        width: int = option(64, "channels of the generator's first layer", low=1)
        depth: int = option(8, "levels of a unet generator; picture sides become multiples of 2^depth", low=3, high=10)
        blocks: int = option(9, "residual blocks of a resnet generator", low=0, high=64)
        padding: str = option("reflect", "padding in the residual blocks", choices=PADDINGS)
        dropout: bool = option(True, "dropout in the generator: its only source of noise")
        norm: str = option("batch", "normalisation in both networks", choices=NORMS)
        test_dropout: bool = option(True, "dropout drops when translating, too: a seed decides what")
        test_norm: str = option(
            "picture",
            "statistics of batch norms when translating: of the picture itself (the paper), or running ones",
            choices=("picture", "running"),
        )
        discriminator: str = option("patch", "discriminator network", choices=("patch", "pixel"))
        d_width: int = option(64, "channels of the discriminator's first layer", low=1)
        d_layers: int = option(3, "stride-2 layers of a patch discriminator (3: patches of 70 x 70)", low=1, high=8)
        colorization: bool = option(False, "learn from one folder of colour pictures to colour grey ones")
        init: str = option("normal", "initialisation of the weights", choices=INITIALIZATIONS)
        init_gain: float = option(0.02, "scale of the initialisation", low=0)
        gan: str = option("vanilla", "adversarial objective", choices=GAN_MODES)
        l1: float = option(100.0, "weight of the distance to the true picture", low=0)
        penalty: float = option(0.0, "weight of a gradient penalty on the discriminator (10 suits gan=wgangp)", low=0)

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.colorization and (self.channels_a, self.channels_b) != (3, 3):
                raise ValueError("colorization reads and makes colour pictures: leave channels_a and channels_b at 3")

    @classmethod
    def data(cls, o: Pix2Pix.Options) -> Data:
        return Data(colour_pictures() if o.colorization else paired(), o.kinds)

    @classmethod
    def length(cls, o: Pix2Pix.Options) -> Epochs:
        return o.length()

    def __init__(self, options: Pix2Pix.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        o = options
        a, b = (1, 2) if o.colorization else spec.channels
        self.g, self.d = generator(o, a, b), discriminator(o, a + b)
        drops = evaluation_mode.prepare(self.g, dropout=o.test_dropout, statistics=o.test_norm == "picture")
        for network in (self.g, self.d):
            initialize(network, o.init, o.init_gain)
        self.code_size = 1 if drops else 0  # the code is the seed of what is dropped
        self.sizes = Sizes(4, 8) if o.generator == "resnet" else Sizes(2**o.depth, 2**o.depth)
        # The norm behind a patch discriminator's last stride needs more than one value a channel.
        judged = 3 * 2**o.d_layers if o.discriminator == "patch" and o.norm != "none" else 0
        self.crops = Sizes(self.sizes.multiple, max(self.sizes.minimum, judged))
        self.averaged = ("g",) if o.ema else ()

    def directions(self) -> tuple[Direction, ...]:
        return (Direction(*self.spec.domains),)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"D": adam(self.options, self.d), "G": adam(self.options, self.g)}

    def rate_factor(self, now: Progress) -> float:
        return schedules.by_policy(self.options, self.options.epoch(now))

    def average_decay(self, now: Progress) -> float:
        return self.options.average_decay(now.step)

    def training_step(self, batch: Batch, run: Run) -> None:
        """Sections 3.1 and 3.3 of the paper: D learns first, then G against the D that has learnt."""
        a, b = lab.split(batch["B"]) if self.options.colorization else (batch["A"], batch["B"])
        o = self.options

        with run.phase("G"):
            fake = self.g(a)

        with run.phase("D"):
            pair_fake, pair_real = torch.cat([a, fake.detach()], 1), torch.cat([a, b], 1)
            d_fake, d_real = discriminator_losses(self.d, (pair_fake, False), (pair_real, True), o.gan)
            d = 0.5 * (d_fake + d_real)  # half: it slows D down (section 3.3)
            if o.penalty > 0:
                mixed = interpolated(pair_real, pair_fake, run.rand(len(a)))
                d = d + o.penalty * gradient_penalty(self.d, mixed)
            run.backward(d)
            run.update("D")

        with run.phase("G"):
            gan = generator_loss(self.d(torch.cat([a, fake], 1)), o.gan)
            l1 = o.l1 * (fake - b).abs().mean()  # equation 4
            run.backward(gan + l1)
            run.update("G")

        run.log(gan=gan, l1=l1, d_real=d_real, d_fake=d_fake)

    def random_code(self, target: int, generator: torch.Generator) -> Tensor:
        """(1, 1): the seed of what is dropped, a whole number."""
        return evaluation_mode.random_seed(generator)

    def mean_code(self, target: int) -> Tensor:
        """(1, 1): -1, which drops nothing."""
        return evaluation_mode.no_seed()

    def translate(
        self, images: Tensor, *, source: int, target: int, code: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        x, _ = lab.split(images) if self.options.colorization else (images, None)
        with evaluation_mode.seeded(self.g, code) if code is not None else nullcontext():
            pictures: Tensor = self.g(x)
        return lab.join(x, pictures) if self.options.colorization else pictures


def generator(o: Pix2Pix.Options, in_channels: int, out_channels: int) -> nn.Module:
    """The generator that the options describe."""
    same: Any = {"width": o.width, "norm": o.norm, "dropout": o.dropout, "upsample": o.upsample}
    if o.generator == "unet":
        return UnetGenerator(in_channels, out_channels, depth=o.depth, **same)
    return ResnetGenerator(in_channels, out_channels, blocks=o.blocks, padding=o.padding, **same)


def discriminator(o: Pix2Pix.Options, in_channels: int) -> nn.Module:
    """The discriminator that the options describe; its input is both pictures of a pair."""
    if o.discriminator == "pixel":
        return PixelDiscriminator(in_channels, width=o.d_width, norm=o.norm)
    return PatchDiscriminator(in_channels, width=o.d_width, layers=o.d_layers, norm=o.norm)
