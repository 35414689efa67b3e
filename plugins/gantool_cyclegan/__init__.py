"""CycleGAN: Zhu, Park, Isola and Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
Networks", ICCV 2017, arXiv 1703.10593.

Two generators G_AB: A -> B and G_BA: B -> A, two discriminators D_A and D_B that judge pictures *of* A and B, and the
demand that going there and back gives the picture again. Defaults are those of the authors' PyTorch code (identity
weight 0.5 included; the paper uses it for paintings to photos only).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gantool.data.layouts.unpaired import unpaired
from gantool.losses.adversarial import GAN_MODES, adversarial_loss
from gantool.losses.gradient_penalty import gradient_penalty, interpolated
from gantool.losses.reconstruction import l1
from gantool.model import Batch, ImageSpec, Imported, Model, OfficialTensors, Progress, Run, Sizes
from gantool.networks.initialization import INITIALIZATIONS, initialize
from gantool.networks.norms import NORMS
from gantool.networks.passes import per_sample, together
from gantool.networks.patchgan import PatchDiscriminator, PixelDiscriminator
from gantool.networks.resnet import PADDINGS, ResnetGenerator
from gantool.networks.unet import UnetGenerator
from gantool.options import option
from gantool.training import schedules
from gantool.training.image_pool import ImagePool


class CycleGAN(Model):
    layout = unpaired()
    paper = (
        "Zhu et al., Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks, ICCV 2017,"
        " arXiv 1703.10593"
    )
    training_only = ("d_a", "d_b", "pool_a", "pool_b")

    @dataclass(frozen=True, kw_only=True)
    class Options:
        generator: str = option("resnet", "generator network", choices=("resnet", "unet"))
        width: int = option(64, "channels of the generators' first layer", low=1)
        blocks: int = option(
            9, "residual blocks of a resnet generator (the paper: 6 at 128 pixels, 9 from 256)", low=0, high=64
        )
        depth: int = option(8, "levels of a unet generator; picture sides become multiples of 2^depth", low=3, high=10)
        padding: str = option("reflect", "padding in the residual blocks", choices=PADDINGS)
        dropout: bool = option(False, "dropout in the generators")
        norm: str = option("instance", "normalisation in all networks", choices=NORMS)
        discriminator: str = option("patch", "discriminator network", choices=("patch", "pixel"))
        d_width: int = option(64, "channels of the discriminators' first layer", low=1)
        d_layers: int = option(3, "stride-2 layers of a patch discriminator (3: patches of 70 x 70)", low=1, high=8)
        channels_a: int = option(3, "channels of the pictures of A: 3 (RGB) or 1 (grey)", low=1, high=3)
        channels_b: int = option(3, "channels of the pictures of B", low=1, high=3)
        init: str = option("normal", "initialisation of the weights", choices=INITIALIZATIONS)
        init_gain: float = option(0.02, "scale of the initialisation", low=0)
        gan: str = option("lsgan", "adversarial objective", choices=GAN_MODES)
        cycle_a: float = option(10.0, "weight of the cycle A -> B -> A", low=0)
        cycle_b: float = option(10.0, "weight of the cycle B -> A -> B", low=0)
        identity: float = option(
            0.5, "weight of the identity loss, as a share of the cycle weight; 0 leaves it out", low=0
        )
        penalty: float = option(0.0, "weight of a gradient penalty on the discriminators (10 suits gan=wgangp)", low=0)
        pool: int = option(50, "generated pictures remembered for the discriminators; 0 for none", low=0)
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
            if self.identity > 0 and self.channels_a != self.channels_b:
                raise ValueError("the identity loss needs as many channels in A as in B: --set identity=0")

    @classmethod
    def channels(cls, options: Any, domains: int) -> tuple[int, ...]:
        return options.channels_a, options.channels_b

    @classmethod
    def default_epochs(cls, options: Any) -> float:
        return float(options.n_epochs + options.n_epochs_decay)

    @classmethod
    def from_official(cls, files: Mapping[str, OfficialTensors]) -> Imported | None:
        from gantool_cyclegan import official

        return official.recognise(files)

    def __init__(self, options: CycleGAN.Options, spec: ImageSpec) -> None:
        super().__init__(options, spec)
        a, b = spec.channels
        self.g_ab, self.g_ba = generator(options, a, b), generator(options, b, a)
        self.d_a, self.d_b = discriminator(options, a), discriminator(options, b)
        self.pool_a, self.pool_b = ImagePool(options.pool), ImagePool(options.pool)
        for network in (self.g_ab, self.g_ba, self.d_a, self.d_b):
            initialize(network, options.init, options.init_gain)
        self.sizes = Sizes(4, 8) if options.generator == "resnet" else Sizes(2**options.depth, 2**options.depth)

    def smallest_crop(self) -> int:
        # The norm behind a patch discriminator's last stride needs more than one value a channel.
        patches = self.options.discriminator == "patch" and self.options.norm != "none"
        return max(self.sizes.minimum, 3 * 2**self.options.d_layers if patches else 0)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        def adam(*networks: nn.Module) -> torch.optim.Optimizer:
            parameters = [parameter for network in networks for parameter in network.parameters()]
            return torch.optim.Adam(parameters, self.options.lr, (self.options.beta1, 0.999), fused=True)

        return {"G": adam(self.g_ab, self.g_ba), "D": adam(self.d_a, self.d_b)}

    def rate_factor(self, progress: Progress) -> float:
        # A run of another length is this schedule, stretched.
        return schedules.by_policy(self.options, int(progress.epoch) + (1 if self.options.lr_at == "start" else 0))

    def training_step(self, batch: Batch, run: Run) -> None:
        """Section 3 of the paper, in the authors' order: both generators together, then both discriminators."""
        a, b, o = batch["A"], batch["B"], self.options
        identity = o.identity > 0

        with run.phase("G"):
            if identity and per_sample(self.g_ab):  # G(A) and G(B) in one pass
                fake_b, same_b = together(self.g_ab, a, b)
                rec_a = self.g_ba(fake_b)
                fake_a, same_a = together(self.g_ba, b, a)
                rec_b = self.g_ab(fake_a)
            else:
                fake_b = self.g_ab(a)
                rec_a = self.g_ba(fake_b)
                fake_a = self.g_ba(b)
                rec_b = self.g_ab(fake_a)
                same_b, same_a = (self.g_ab(b), self.g_ba(a)) if identity else (b, a)
            # Equation 3; the identity loss is that of section 5.2, weighted by the cycle of the domain it stays in.
            identity_b = o.identity * o.cycle_b * l1(same_b, b)
            identity_a = o.identity * o.cycle_a * l1(same_a, a)
            gan_ab = adversarial_loss(self.d_b(fake_b), True, o.gan)
            gan_ba = adversarial_loss(self.d_a(fake_a), True, o.gan)
            cycle_a = o.cycle_a * l1(rec_a, a)
            cycle_b = o.cycle_b * l1(rec_b, b)
            run.backward(gan_ab + gan_ba + cycle_a + cycle_b + identity_a + identity_b)
            run.update("G")

        with run.phase("D"):
            d_b = self.discriminator_loss(self.d_b, b, self.pool_b(fake_b, run), run)
            run.backward(d_b)
            d_a = self.discriminator_loss(self.d_a, a, self.pool_a(fake_a, run), run)
            run.backward(d_a)
            run.update("D")

        run.log(gan_ab=gan_ab, cycle_a=cycle_a, identity_b=identity_b, d_b=d_b)
        run.log(gan_ba=gan_ba, cycle_b=cycle_b, identity_a=identity_a, d_a=d_a)

    def discriminator_loss(self, network: nn.Module, real: Tensor, fake: Tensor, run: Run) -> Tensor:
        """Half the sum of the objectives on real and fake pictures: it slows D down (section 4)."""
        on_real, on_fake = together(network, real, fake)
        loss = 0.5 * (
            adversarial_loss(on_real, True, self.options.gan) + adversarial_loss(on_fake, False, self.options.gan)
        )
        if self.options.penalty > 0:
            alpha = run.rand(len(real))
            loss = loss + self.options.penalty * gradient_penalty(network, interpolated(real, fake, alpha))
        return loss

    def translate(self, images: Tensor, *, source: str, target: str, style: Tensor | None = None) -> Tensor:
        network = self.g_ab if self.spec.index(target) == 1 else self.g_ba
        pictures: Tensor = network(images)
        return pictures


def generator(o: CycleGAN.Options, in_channels: int, out_channels: int) -> nn.Module:
    """The generator that the options describe."""
    if o.generator == "unet":
        return UnetGenerator(in_channels, out_channels, width=o.width, depth=o.depth, norm=o.norm, dropout=o.dropout)
    return ResnetGenerator(
        in_channels, out_channels, width=o.width, blocks=o.blocks, norm=o.norm, dropout=o.dropout, padding=o.padding
    )


def discriminator(o: CycleGAN.Options, in_channels: int) -> nn.Module:
    """The discriminator that the options describe."""
    if o.discriminator == "pixel":
        return PixelDiscriminator(in_channels, width=o.d_width, norm=o.norm)
    return PatchDiscriminator(in_channels, width=o.d_width, layers=o.d_layers, norm=o.norm)
