"""CycleGAN: Zhu, Park, Isola and Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
Networks", ICCV 2017, arXiv 1703.10593.

Two generators G_AB: A -> B and G_BA: B -> A, two discriminators D_A and D_B that judge pictures *of* A and B, and the
demand that going there and back gives the picture again. Defaults are those of the authors' PyTorch code (identity
weight 0.5 included; the paper uses it for paintings to photos only).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gantool.capabilities import Averaged, Translates
from gantool.data.layouts.unpaired import unpaired
from gantool.errors import argument
from gantool.losses.adversarial import GAN_MODES, discriminator_losses, generator_loss
from gantool.losses.gradient_penalty import gradient_penalty, interpolated
from gantool.losses.reconstruction import l1
from gantool.model import Batch, Data, Epochs, Model, Progress, Roles, Run
from gantool.networks.initialization import INITIALIZATIONS, initialize
from gantool.networks.norms import NORMS
from gantool.networks.passes import per_sample, together
from gantool.networks.patchgan import PatchDiscriminator, PixelDiscriminator
from gantool.networks.resnet import PADDINGS, ResnetGenerator
from gantool.networks.unet import UnetGenerator
from gantool.option_groups import AdamOptions, Averaging, Enlarging, TwoDomains, adam
from gantool.options import option
from gantool.spec import Sizes, Spec
from gantool.training import schedules
from gantool.training.image_pool import ImagePool


class CycleGAN(Translates, Averaged, Model["CycleGAN.Options"]):
    contract = 2
    paper = (
        "Zhu et al., Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks, ICCV 2017,"
        " arXiv 1703.10593"
    )
    roles = Roles(training_only=("d_a", "d_b", "pool_a", "pool_b"))
    averages_buffers = True

    @dataclass(frozen=True, kw_only=True)
    class Options(Averaging, Enlarging, TwoDomains, schedules.PolicySchedule, AdamOptions):
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

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.identity > 0 and self.channels_a != self.channels_b:
                raise ValueError(
                    f"the identity loss needs as many channels in A as in B: {argument('set', 'identity=0')}"
                )

    @classmethod
    def data(cls, o: CycleGAN.Options) -> Data:
        return Data(unpaired(), o.kinds)

    @classmethod
    def length(cls, o: CycleGAN.Options) -> Epochs:
        return o.length()

    def __init__(self, options: CycleGAN.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        o, (a, b) = options, spec.channels
        self.g_ab, self.g_ba = generator(o, a, b), generator(o, b, a)
        self.d_a, self.d_b = discriminator(o, a), discriminator(o, b)
        self.pool_a, self.pool_b = ImagePool(o.pool), ImagePool(o.pool)
        for network in (self.g_ab, self.g_ba, self.d_a, self.d_b):
            initialize(network, o.init, o.init_gain)
        self.sizes = Sizes(4, 8) if o.generator == "resnet" else Sizes(2**o.depth, 2**o.depth)
        # The norm behind a patch discriminator's last stride needs more than one value a channel.
        judged = 3 * 2**o.d_layers if o.discriminator == "patch" and o.norm != "none" else 0
        self.crops = Sizes(self.sizes.multiple, max(self.sizes.minimum, judged))
        self.averaged = ("g_ab", "g_ba") if o.ema else ()

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"G": adam(self.options, self.g_ab, self.g_ba), "D": adam(self.options, self.d_a, self.d_b)}

    def rate_factor(self, now: Progress) -> float:
        return schedules.by_policy(self.options, self.options.epoch(now))

    def average_decay(self, now: Progress) -> float:
        return self.options.average_decay(now.step)

    def training_step(self, batch: Batch, run: Run) -> None:
        """Section 3 of the paper, in the authors' order: both generators together, then both discriminators."""
        a, b, o = batch["A"], batch["B"], self.options

        with run.phase("G"):
            fake_b, rec_a, same_b, fake_a, rec_b, same_a = self.translations(a, b)
            # Equation 3; the identity loss is that of section 5.2, weighted by the cycle of the domain it stays in.
            identity_b = o.identity * o.cycle_b * l1(same_b, b)
            identity_a = o.identity * o.cycle_a * l1(same_a, a)
            gan_ab = generator_loss(self.d_b(fake_b), o.gan)
            gan_ba = generator_loss(self.d_a(fake_a), o.gan)
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

    def translations(self, a: Tensor, b: Tensor) -> tuple[Tensor, ...]:
        """G_AB(A), G_BA(G_AB(A)) and G_AB(B), then the same of B.

        A generator takes both domains in one pass where that gives the same. Without an identity loss, G_AB(B) is B.
        """
        if self.options.identity > 0 and per_sample(self.g_ab):
            fake_b, same_b = together(self.g_ab, a, b)
            rec_a = self.g_ba(fake_b)
            fake_a, same_a = together(self.g_ba, b, a)
            rec_b = self.g_ab(fake_a)
        else:
            fake_b = self.g_ab(a)
            rec_a = self.g_ba(fake_b)
            fake_a = self.g_ba(b)
            rec_b = self.g_ab(fake_a)
            same_b, same_a = (self.g_ab(b), self.g_ba(a)) if self.options.identity > 0 else (b, a)
        return fake_b, rec_a, same_b, fake_a, rec_b, same_a

    def discriminator_loss(self, network: nn.Module, real: Tensor, fake: Tensor, run: Run) -> Tensor:
        """Half the sum of the objectives on real and fake pictures: it slows D down (section 4)."""
        on_real, on_fake = discriminator_losses(network, (real, True), (fake, False), self.options.gan)
        loss = 0.5 * (on_real + on_fake)
        if self.options.penalty > 0:
            alpha = run.rand(len(real))
            loss = loss + self.options.penalty * gradient_penalty(network, interpolated(real, fake, alpha))
        return loss

    def translate(
        self, images: Tensor, *, source: int, target: int, code: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        pictures: Tensor = (self.g_ba, self.g_ab)[target](images)
        return pictures


def generator(o: CycleGAN.Options, in_channels: int, out_channels: int) -> nn.Module:
    """The generator that the options describe."""
    same: Any = {"width": o.width, "norm": o.norm, "dropout": o.dropout, "upsample": o.upsample}
    if o.generator == "unet":
        return UnetGenerator(in_channels, out_channels, depth=o.depth, **same)
    return ResnetGenerator(in_channels, out_channels, blocks=o.blocks, padding=o.padding, **same)


def discriminator(o: CycleGAN.Options, in_channels: int) -> nn.Module:
    """The discriminator that the options describe."""
    if o.discriminator == "pixel":
        return PixelDiscriminator(in_channels, width=o.d_width, norm=o.norm)
    return PatchDiscriminator(in_channels, width=o.d_width, layers=o.d_layers, norm=o.norm)
