"""DiscoGAN: Kim, Cha, Kim, Lee and Kim, "Learning to Discover Cross-Domain Relations with Generative Adversarial
Networks", ICML 2017, arXiv 1703.05192.

Two generators G_AB: A -> B and G_BA: B -> A, two discriminators D_A and D_B that judge pictures *of* A and B. Defaults
are those of the authors' code for translating pictures. The networks see pictures in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gantool.capabilities import Averaged, Translates
from gantool.data.layouts.unpaired import unpaired
from gantool.errors import argument
from gantool.losses.adversarial import adversarial_loss
from gantool.losses.reconstruction import l2
from gantool.model import Batch, Data, Epochs, Model, Progress, Roles, Run
from gantool.networks import evaluation_mode
from gantool.option_groups import AdamOptions, Averaging, Enlarging, adam
from gantool.options import option
from gantool.spec import Direction, Sizes, Spec
from gantool_discogan.networks import Discriminator, Generator


class DiscoGAN(Translates, Averaged, Model["DiscoGAN.Options"]):
    contract = 2
    paper = (
        "Kim et al., Learning to Discover Cross-Domain Relations with Generative Adversarial Networks, ICML 2017,"
        " arXiv 1703.05192"
    )
    roles = Roles(training_only=("d_a", "d_b"))
    averages_buffers = True

    @dataclass(frozen=True, kw_only=True)
    class Options(Averaging, Enlarging, AdamOptions):
        width: int = option(64, "channels of the generators' first layer", low=1)
        bottleneck: int = option(
            0, "numbers that a picture of 64 pixels goes through (the authors' deep generator: 100); 0 for none", low=0
        )
        d_width: int = option(64, "channels of the discriminators' first layer", low=1)
        adv: float = option(0.1, "weight of the adversarial losses", low=0)
        fm: float = option(0.9, "weight of feature matching", low=0)
        maps: int = option(3, "maps of a discriminator that are matched, counted from the last", low=1, high=3)
        starting_rate: float = option(0.01, "share of the ways there and back in the curriculum", low=0, high=1)
        rate: float = option(0.5, "their share after it; adversarial losses and matching have the rest", low=0, high=1)
        curriculum: int = option(10_000, "steps of the curriculum", low=0)
        update_interval: int = option(3, "every so many steps the discriminators learn, else the generators", low=2)
        both_ways: bool = option(True, "learn B to A, too; without it, B is judged alone, as the paper compares it")
        weight_decay: float = option(1e-5, "L2 penalty on every parameter, in the gradient", low=0)
        test_norm: str = option(
            "running",
            "statistics of batch norms when translating: running ones, or of the picture itself",
            choices=("running", "picture"),
        )

        def __post_init__(self) -> None:
            if self.bottleneck and self.test_norm == "picture":
                raise ValueError(
                    "behind a bottleneck a picture has one value a channel, and no statistics:"
                    f" {argument('set', 'test_norm=running')}"
                )

    @classmethod
    def data(cls, o: DiscoGAN.Options) -> Data:
        return Data(unpaired(), batch=64, smallest_batch=2 if o.bottleneck else 1)

    @classmethod
    def length(cls, o: DiscoGAN.Options) -> Epochs:
        return Epochs(5000)

    def __init__(self, options: DiscoGAN.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        o = options
        self.g_ab, self.g_ba = (
            Generator(width=o.width, bottleneck=o.bottleneck, upsample=o.upsample) for _ in range(2)
        )
        self.d_a, self.d_b = (Discriminator(width=o.d_width) for _ in range(2))
        translators: tuple[str, ...] = ("g_ab", "g_ba")
        if not o.both_ways:
            translators = ("g_ab",)
            self.roles = Roles(training_only=("d_a", "d_b", "g_ba"))  # it serves the way back alone
        self.averaged = translators if o.ema else ()
        for network in (self.g_ab, self.g_ba):
            evaluation_mode.prepare(network, dropout=False, statistics=o.test_norm == "picture")
        # A picture's own statistics need more than one value in the innermost map.
        smallest = 32 if o.test_norm == "picture" else 16
        self.sizes = Sizes(exact=64) if o.bottleneck else Sizes(16, smallest)
        self.crops = Sizes(exact=64) if o.bottleneck else Sizes(16, 64)

    def directions(self) -> tuple[Direction, ...]:
        a, b = self.spec.domains
        return (Direction(a, b), Direction(b, a)) if self.options.both_ways else (Direction(a, b),)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        o = self.options
        return {
            "G": adam(o, self.g_ab, self.g_ba, weight_decay=o.weight_decay),
            "D": adam(o, self.d_a, self.d_b, weight_decay=o.weight_decay),
        }

    def average_decay(self, now: Progress) -> float:
        return self.options.average_decay(now.step) if self.learner(now) == "G" else 1.0

    def learner(self, now: Progress) -> str:
        """Which optimiser this step is for."""
        return "G" if now.step % self.options.update_interval else "D"

    def training_step(self, batch: Batch, run: Run) -> None:
        """Section 2.3 of the paper. All networks pass in every step, as the statistics of batch norms follow from
        every pass; then either the discriminators learn or the generators do."""
        a, b, o = unit(batch["A"]), unit(batch["B"]), self.options
        learner = self.learner(run.now)
        rate = o.starting_rate if run.now.step < o.curriculum else o.rate

        with run.phase(learner):
            fake_b, fake_a = self.g_ab(a), self.g_ba(b)
            rec_a, rec_b = self.g_ba(fake_b), self.g_ab(fake_a)
            cycle_a, cycle_b = l2(rec_a, a), l2(rec_b, b)
            d_a, gan_ba, fm_a = self.judged(self.d_a, a, fake_a)
            d_b, gan_ab, fm_b = self.judged(self.d_b, b, fake_b)

            d = d_b
            g = (1 - rate) * (o.adv * gan_ab + o.fm * fm_b) + rate * cycle_a  # equation 8, and matching
            if o.both_ways:
                d = d_a + d
                g = (1 - rate) * (o.adv * gan_ba + o.fm * fm_a) + rate * cycle_b + g
            run.backward(d if learner == "D" else g)
            run.update(learner)

        run.log(gan_ab=gan_ab, fm_b=fm_b, cycle_a=cycle_a, d_b=d_b)
        run.log(gan_ba=gan_ba, fm_a=fm_a, cycle_b=cycle_b, d_a=d_a)

    def judged(self, network: Discriminator, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The discriminator's loss, the generator's, and the distance of their features."""
        on_real, maps_of_real = network(real)
        on_fake, maps_of_fake = network(fake)
        d = discriminator_loss(on_real, on_fake)
        gan = adversarial_loss(on_fake, True, "vanilla")
        return d, gan, feature_matching(maps_of_real, maps_of_fake, self.options.maps)

    def translate(
        self, images: Tensor, *, source: int, target: int, code: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        pictures: Tensor = (self.g_ba, self.g_ab)[target](unit(images))
        return 2 * pictures - 1


def unit(images: Tensor) -> Tensor:
    """Pictures in [-1, 1] as pictures in [0, 1]."""
    return (images + 1) / 2


def discriminator_loss(on_real: Tensor, on_fake: Tensor) -> Tensor:
    """Half the binary cross-entropies of the scores of real and fake pictures (equation 9)."""
    return 0.5 * (adversarial_loss(on_real, True, "vanilla") + adversarial_loss(on_fake, False, "vanilla"))


def feature_matching(real: Sequence[Tensor], fake: Sequence[Tensor], maps: int) -> Tensor:
    """Sum over the last `maps` maps (N, C, h, w) of the mean over (C, h, w) of the squared difference of their means
    over the batch (Salimans et al. 2016, arXiv 1606.03498, section 3.1, map by map)."""
    terms = [l2(x.mean(0), y.mean(0)) for x, y in zip(real[-maps:], fake[-maps:], strict=True)]
    return torch.stack(terms).sum()
