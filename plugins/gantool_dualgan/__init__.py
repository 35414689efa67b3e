"""DualGAN: Yi, Zhang, Tan and Gong, "DualGAN: Unsupervised Dual Learning for Image-to-Image Translation", ICCV 2017,
arXiv 1704.02510.

Two generators G_AB: A -> B and G_BA: B -> A, two discriminators D_A and D_B that judge pictures *of* A and B. Defaults
are those of the first author's code of 2020.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from gantool.capabilities import Averaged, Coded, Translates
from gantool.data.layouts.unpaired import unpaired
from gantool.errors import argument
from gantool.losses.adversarial import adversarial_loss, discriminator_losses
from gantool.losses.gradient_penalty import gradient_penalty, interpolated
from gantool.losses.reconstruction import l1, l2
from gantool.model import Batch, Data, Epochs, Model, Progress, Roles, Run
from gantool.networks import evaluation_mode
from gantool.option_groups import Averaging, Enlarging, TwoDomains
from gantool.options import option
from gantool.spec import Sizes, Spec
from gantool_dualgan.networks import DISCRIMINATORS, Discriminator, Generator
from gantool_dualgan.rmsprop import RMSprop

OBJECTIVES = {"wgangp": "wgangp", "wgan": "wgangp", "vanilla": "vanilla"}
"""The adversarial objectives, and what `adversarial_loss` calls each: both kinds of WGAN take means of scores."""
CYCLES = {"l1": l1, "l2": l2}


class DualGAN(Translates, Coded, Averaged, Model["DualGAN.Options"]):
    contract = 2
    paper = "Yi et al., DualGAN: Unsupervised Dual Learning for Image-to-Image Translation, ICCV 2017, arXiv 1704.02510"
    roles = Roles(training_only=("d_a", "d_b"))

    @dataclass(frozen=True, kw_only=True)
    class Options(Averaging, Enlarging, TwoDomains):
        width: int = option(64, "channels of the generators' first layer", low=1)
        depth: int = option(8, "levels of the generators; picture sides become multiples of 2^depth", low=3, high=10)
        kernel: int = option(3, "side of the generators' inner kernels: 3, or 5 as in 2017", low=3, high=5)
        dropout: bool = option(False, "dropout in the generators, also when translating: the paper's noise")
        discriminator: str = option("whole", "discriminator network", choices=DISCRIMINATORS)
        d_width: int = option(64, "channels of the discriminators' first layer", low=1)
        gan: str = option("wgangp", "adversarial objective", choices=tuple(OBJECTIVES))
        penalty: float = option(10.0, "gan=wgangp: weight of the gradient penalties", low=0)
        clip: float = option(0.01, "gan=wgan: largest weight of the discriminators", low=0)
        n_critic: int = option(1, "gan=wgangp and wgan: steps of the discriminators for one of the generators", low=1)
        cycle_a: float = option(500.0, "weight of the cycle A -> B -> A", low=0)
        cycle_b: float = option(500.0, "weight of the cycle B -> A -> B", low=0)
        cycle: str = option("l1", "distance of the ways there and back", choices=tuple(CYCLES))
        lr: float = option(5e-5, "learning rate of both RMSProps", low=0)

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.kernel == 4:
                raise ValueError(f"kernels have odd sides: {argument('set', 'kernel=3')} or 5")

    @classmethod
    def data(cls, o: DualGAN.Options) -> Data:
        return Data(unpaired(), o.kinds)

    @classmethod
    def length(cls, o: DualGAN.Options) -> Epochs:
        return Epochs(50)

    def __init__(self, options: DualGAN.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        o, (a, b) = options, spec.channels
        self.g_ab, self.g_ba = generator(o, a, b), generator(o, b, a)
        self.d_a, self.d_b = (
            Discriminator(channels, width=o.d_width, kind=o.discriminator, size=spec.size) for channels in (a, b)
        )
        for network in (self.g_ab, self.g_ba):
            evaluation_mode.prepare(network, dropout=True, statistics=False)
        self.code_size = 1 if o.dropout else 0  # the code is the seed of what is dropped
        self.sizes = Sizes(2**o.depth, 2**o.depth)
        # A discriminator's last norm needs more than one value a channel.
        smallest = max(2**o.depth, 9 if o.discriminator == "patch2017" else 33)
        fits = spec.size >= smallest and spec.size % 2**o.depth == 0
        # The linear layer of a whole discriminator has a weight for each feature at each place.
        self.crops = Sizes(2**o.depth, smallest, spec.size if fits and o.discriminator == "whole" else None)
        self.averaged = ("g_ab", "g_ba") if o.ema else ()

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            "D": RMSprop([*self.d_a.parameters(), *self.d_b.parameters()], self.options.lr),
            "G": RMSprop([*self.g_ab.parameters(), *self.g_ba.parameters()], self.options.lr),
        }

    def average_decay(self, now: Progress) -> float:
        o = self.options
        return o.average_decay(now.step // o.n_critic) if self.generators_learn(now) else 1.0

    def generators_learn(self, now: Progress) -> bool:
        """Whether this step trains the generators, too. The authors number the first step 2."""
        return self.options.gan == "vanilla" or (now.step + 2) % self.options.n_critic == 0

    def training_step(self, batch: Batch, run: Run) -> None:
        """Algorithm 1 of the paper: the discriminators learn, then the generators."""
        a, b, o = batch["A"], batch["B"], self.options
        generators_learn = self.generators_learn(run.now)

        with run.phase("G" if generators_learn else "D"):
            fake_b, fake_a = self.g_ab(a), self.g_ba(b)

        with run.phase("D"):
            d_b, penalty_b = self.discriminator_loss(self.d_b, b, fake_b.detach(), run)
            d_a, penalty_a = self.discriminator_loss(self.d_a, a, fake_a.detach(), run)
            run.backward(d_a + d_b + o.penalty * (penalty_a + penalty_b))
            run.update("D")
            if o.gan == "wgan":
                self.clip()
            run.log(d_a=d_a, d_b=d_b)
            if o.gan == "wgangp":
                run.log(penalty_a=penalty_a, penalty_b=penalty_b)

        if not generators_learn:
            return
        mode, distance = OBJECTIVES[o.gan], CYCLES[o.cycle]
        for turn in range(2 if o.gan == "vanilla" else 1):
            with run.phase("G"):
                if turn > 0:  # the first turn takes the pictures that the discriminators learnt from
                    fake_b, fake_a = self.g_ab(a), self.g_ba(b)
                gan_ab = adversarial_loss(self.d_b(fake_b), True, mode)
                gan_ba = adversarial_loss(self.d_a(fake_a), True, mode)
                cycle_a, cycle_b = distance(self.g_ba(fake_b), a), distance(self.g_ab(fake_a), b)
                run.backward(gan_ab + gan_ba + o.cycle_a * cycle_a + o.cycle_b * cycle_b)  # equations 3 and 4
                run.update("G")
        run.log(gan_ab=gan_ab, gan_ba=gan_ba, cycle_a=cycle_a, cycle_b=cycle_b)

    def discriminator_loss(self, network: Discriminator, real: Tensor, fake: Tensor, run: Run) -> tuple[Tensor, Tensor]:
        """The objectives on fake and real pictures, not halved (equations 1 and 2); and the gradient penalty without
        its weight, or 0."""
        o = self.options
        on_real, on_fake = discriminator_losses(network, (real, True), (fake, False), OBJECTIVES[o.gan])
        if o.gan != "wgangp" or o.penalty == 0:
            return on_fake + on_real, on_real.new_zeros(())
        points = interpolated(fake, real, run.rand(len(real)))
        return on_fake + on_real, gradient_penalty(network, points, epsilon=1e-8)

    @torch.no_grad()
    def clip(self) -> None:
        """Weights of the discriminators into [-clip, clip], those of their norms, too (section 3.3)."""
        for network in (self.d_a, self.d_b):
            for p in network.parameters():
                p.clamp_(-self.options.clip, self.options.clip)

    def random_code(self, target: int, generator: torch.Generator) -> Tensor:
        """(1, 1): the seed of what is dropped, a whole number."""
        return evaluation_mode.random_seed(generator)

    def mean_code(self, target: int) -> Tensor:
        """(1, 1): -1, which drops nothing."""
        return evaluation_mode.no_seed()

    def translate(
        self, images: Tensor, *, source: int, target: int, code: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        network = (self.g_ba, self.g_ab)[target]
        with evaluation_mode.seeded(network, code) if code is not None else nullcontext():
            pictures: Tensor = network(images)
        return pictures


def generator(o: DualGAN.Options, in_channels: int, out_channels: int) -> Generator:
    """The generator that the options describe."""
    return Generator(
        in_channels,
        out_channels,
        width=o.width,
        depth=o.depth,
        kernel=o.kernel,
        dropout=o.dropout,
        upsample=o.upsample,
    )
