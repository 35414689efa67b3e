"""pix2pix: Isola, Zhu, Zhou and Efros, "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017,
arXiv 1611.07004.

A generator G: A -> B learns from pairs; a discriminator D judges whether B belongs to A. Defaults are those of the
authors' PyTorch code (a linear decay included; the paper keeps the learning rate).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gantool.data.dataset import Layout
from gantool.data.layouts.paired import colour_pictures, paired
from gantool.losses.adversarial import GAN_MODES, adversarial_loss
from gantool.losses.gradient_penalty import gradient_penalty, interpolated
from gantool.model import Batch, ImageSpec, Imported, Model, OfficialTensors, Progress, Run, Sizes
from gantool.networks.initialization import INITIALIZATIONS, initialize
from gantool.networks.norms import NORMS
from gantool.networks.passes import together
from gantool.networks.patchgan import PatchDiscriminator, PixelDiscriminator
from gantool.networks.resnet import PADDINGS, ResnetGenerator
from gantool.networks.unet import UnetGenerator
from gantool.options import option
from gantool.training import schedules
from gantool_pix2pix import inference, lab


class Pix2Pix(Model):
    layout = paired()
    paper = (
        "Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, CVPR 2017, arXiv 1611.07004"
    )
    training_only = ("d",)

    @dataclass(frozen=True, kw_only=True)
    class Options:
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
        channels_a: int = option(3, "channels of the pictures of A: 3 (RGB) or 1 (grey)", low=1, high=3)
        channels_b: int = option(3, "channels of the pictures of B", low=1, high=3)
        colorization: bool = option(False, "learn from one folder of colour pictures to colour grey ones")
        init: str = option("normal", "initialisation of the weights", choices=INITIALIZATIONS)
        init_gain: float = option(0.02, "scale of the initialisation", low=0)
        gan: str = option("vanilla", "adversarial objective", choices=GAN_MODES)
        l1: float = option(100.0, "weight of the distance to the true picture", low=0)
        penalty: float = option(0.0, "weight of a gradient penalty on the discriminator (10 suits gan=wgangp)", low=0)
        lr: float = option(2e-4, "base learning rate of both Adams", low=0)
        beta1: float = option(0.5, "first moment's decay of both Adams", low=0, high=1)
        lr_policy: str = option("linear", "learning-rate schedule", choices=schedules.POLICIES)
        lr_at: str = option(
            "start",
            "the schedule advances at the start of an epoch (as the authors') or at its end",
            choices=("start", "end"),
        )
        n_epochs: int = option(100, "epochs at the base learning rate", low=0)
        n_epochs_decay: int = option(100, "epochs of linear decay after them", low=0)
        lr_decay_epochs: int = option(50, "lr_policy=step: a tenth after every so many epochs", low=1)

        def __post_init__(self) -> None:
            if 2 in (self.channels_a, self.channels_b):
                raise ValueError("pictures have 1 or 3 channels")
            if self.colorization and (self.channels_a, self.channels_b) != (3, 3):
                raise ValueError("colorization reads and makes colour pictures: leave channels_a and channels_b at 3")

    @classmethod
    def layout_for(cls, options: Any) -> Layout:
        return colour_pictures() if options.colorization else cls.layout

    @classmethod
    def channels(cls, options: Any, domains: int) -> tuple[int, ...]:
        return options.channels_a, options.channels_b

    @classmethod
    def default_epochs(cls, options: Any) -> float:
        return float(options.n_epochs + options.n_epochs_decay)

    @classmethod
    def from_official(cls, files: Mapping[str, OfficialTensors]) -> Imported | None:
        from gantool_pix2pix.official import recognise

        return recognise(files)

    def __init__(self, options: Pix2Pix.Options, spec: ImageSpec) -> None:
        super().__init__(options, spec)
        a, b = (1, 2) if options.colorization else spec.channels
        self.g, self.d = generator(options, a, b), discriminator(options, a + b)
        drops = inference.prepare(self.g, dropout=options.test_dropout, statistics=options.test_norm == "picture")
        for network in (self.g, self.d):
            initialize(network, options.init, options.init_gain)
        self.sizes = Sizes(4, 8) if options.generator == "resnet" else Sizes(2**options.depth, 2**options.depth)
        self.style_size = 1 if drops else 0  # the code is the seed of what is dropped

    def directions(self) -> tuple[tuple[str, str], ...]:
        a, b = self.spec.domains
        return ((a, b),)

    def smallest_crop(self) -> int:
        # The norm behind a patch discriminator's last stride needs more than one value a channel.
        patches = self.options.discriminator == "patch" and self.options.norm != "none"
        return max(self.sizes.minimum, 3 * 2**self.options.d_layers if patches else 0)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        def adam(network: nn.Module) -> torch.optim.Optimizer:
            return torch.optim.Adam(network.parameters(), self.options.lr, (self.options.beta1, 0.999), fused=True)

        return {"D": adam(self.d), "G": adam(self.g)}

    def rate_factor(self, progress: Progress) -> float:
        # A run of another length is this schedule, stretched.
        return schedules.by_policy(self.options, int(progress.epoch) + (1 if self.options.lr_at == "start" else 0))

    def training_step(self, batch: Batch, run: Run) -> None:
        """Sections 3.1 and 3.3 of the paper: D learns first, then G against the D that has learnt."""
        a, b = lab.split(batch["B"]) if self.options.colorization else (batch["A"], batch["B"])
        o = self.options

        with run.phase("G"):
            fake = self.g(a)

        with run.phase("D"):
            pair_fake, pair_real = torch.cat([a, fake.detach()], 1), torch.cat([a, b], 1)
            on_fake, on_real = together(self.d, pair_fake, pair_real)
            d_fake = adversarial_loss(on_fake, False, o.gan)
            d_real = adversarial_loss(on_real, True, o.gan)
            d = 0.5 * (d_fake + d_real)  # half: it slows D down (section 3.3)
            if o.penalty > 0:
                mixed = interpolated(pair_real, pair_fake, run.rand(len(a)))
                d = d + o.penalty * gradient_penalty(self.d, mixed)
            run.backward(d)
            run.update("D")

        with run.phase("G"):
            gan = adversarial_loss(self.d(torch.cat([a, fake], 1)), True, o.gan)
            l1 = o.l1 * (fake - b).abs().mean()  # equation 4
            run.backward(gan + l1)
            run.update("G")

        run.log(gan=gan, l1=l1, d_real=d_real, d_fake=d_fake)

    def random_style(self, target: str, generator: torch.Generator) -> Tensor:
        """(1, 1): the seed of what is dropped, a whole number."""
        seed = torch.randint(inference.SEEDS, (1, 1), generator=generator)
        return seed.to(next(self.parameters()).device, torch.float32)

    def mean_style(self, target: str) -> Tensor:
        """(1, 1): -1, which drops nothing."""
        return torch.full((1, 1), -1.0, device=next(self.parameters()).device)

    def translate(self, images: Tensor, *, source: str, target: str, style: Tensor | None = None) -> Tensor:
        x, _ = lab.split(images) if self.options.colorization else (images, None)
        with inference.seeded(self.g, style) if style is not None else nullcontext():
            pictures: Tensor = self.g(x)
        return lab.join(x, pictures) if self.options.colorization else pictures


def generator(o: Pix2Pix.Options, in_channels: int, out_channels: int) -> nn.Module:
    """The generator that the options describe."""
    if o.generator == "unet":
        return UnetGenerator(in_channels, out_channels, width=o.width, depth=o.depth, norm=o.norm, dropout=o.dropout)
    return ResnetGenerator(
        in_channels, out_channels, width=o.width, blocks=o.blocks, norm=o.norm, dropout=o.dropout, padding=o.padding
    )


def discriminator(o: Pix2Pix.Options, in_channels: int) -> nn.Module:
    """The discriminator that the options describe; its input is both pictures of a pair."""
    if o.discriminator == "pixel":
        return PixelDiscriminator(in_channels, width=o.d_width, norm=o.norm)
    return PatchDiscriminator(in_channels, width=o.d_width, layers=o.d_layers, norm=o.norm)
