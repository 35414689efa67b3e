"""UNIT: Liu, Breuel and Kautz, "Unsupervised Image-to-Image Translation Networks", NIPS 2017, arXiv 1703.00848.

Each domain has a variational auto-encoder; the codes of both lie in one latent space, so that what A's encoder reads,
B's decoder can write. This is the authors' later network, which they published with MUNIT: only losses make the space
a shared one, no weights are tied, and the discriminators look at several scales.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gantool.losses.adversarial import generator_loss
from gantool.losses.reconstruction import l1
from gantool.model import Batch, Run
from gantool.networks.passes import together
from gantool.networks.precision import single
from gantool.options import option
from gantool.spec import Spec
from gantool_munit.base import SharedLatent, SharedOptions, Terms, by_name, total
from gantool_munit.networks import LatentGenerator, discriminator_loss


class UNIT(SharedLatent["UNIT.Options"]):
    paper = "Liu et al., Unsupervised Image-to-Image Translation Networks, NIPS 2017, arXiv 1703.00848"

    g_a: LatentGenerator
    g_b: LatentGenerator

    @dataclass(frozen=True, kw_only=True)
    class Options(SharedOptions):
        kl: float = option(0.01, "weight of the codes' squared mean, which pulls them to the prior", low=0)
        cycle: float = option(10.0, "weight of the cycle there and back", low=0)
        kl_cycle: float = option(0.01, "weight of the same for the codes of translations", low=0)

    def __init__(self, options: UNIT.Options, spec: Spec) -> None:
        super().__init__(options, spec, [generator(options, channels) for channels in spec.channels])

    def training_step(self, batch: Batch, run: Run) -> None:
        """Equations 3 to 8 of the paper, in the authors' order: both discriminators, then both generators.

        h is the mean of a code and z the code, h + n with n ~ N(0, 1), drawn at every encoding. One and the same z is
        decoded to the reconstruction and to the translation.
        """
        x_a, x_b, o = batch["A"], batch["B"], self.options

        with run.phase("D"):
            z_a = noisy(self.g_a.encoder(x_a), run)
            z_b = noisy(self.g_b.encoder(x_b), run)
            d_a = discriminator_loss(self.d_a, self.g_a.decoder(z_b), x_a, o.gan)
            d_b = discriminator_loss(self.d_b, self.g_b.decoder(z_a), x_b, o.gan)
            d = o.adversarial * (d_a + d_b)
            run.backward(d)
            run.update("D")

        with run.phase("G"):
            h_a, h_b = self.g_a.encoder(x_a), self.g_b.encoder(x_b)
            z_a, z_b = noisy(h_a, run), noisy(h_b, run)
            rec_a, x_ba = together(self.g_a.decoder, z_a, z_b)
            rec_b, x_ab = together(self.g_b.decoder, z_b, z_a)
            terms: Terms = [
                (
                    o.adversarial,
                    {
                        "gan_a": generator_loss(self.d_a(x_ba), o.gan),
                        "gan_b": generator_loss(self.d_b(x_ab), o.gan),
                    },
                ),
                (o.recon_x, {"recon_x_a": l1(rec_a, x_a), "recon_x_b": l1(rec_b, x_b)}),
                (o.kl, {"kl_a": mean_square(h_a), "kl_b": mean_square(h_b)}),
            ]
            if o.cycle > 0 or o.kl_cycle > 0:
                h_b_again, h_a_again = self.g_a.encoder(x_ba), self.g_b.encoder(x_ab)
                terms.append((o.kl_cycle, {"kl_aba": mean_square(h_a_again), "kl_bab": mean_square(h_b_again)}))
            if o.cycle > 0:
                z_b_again, z_a_again = noisy(h_b_again, run), noisy(h_a_again, run)
                x_aba, x_bab = self.g_a.decoder(z_a_again), self.g_b.decoder(z_b_again)
                terms.append((o.cycle, {"cycle_a": l1(x_aba, x_a), "cycle_b": l1(x_bab, x_b)}))
            terms += self.perceptual(x_ba, x_b, x_ab, x_a)
            g = total(terms)
            run.backward(g)
            run.update("G")

        run.log(**by_name(terms), d_a=d_a, d_b=d_b, g=g, d=d)

    def translate(
        self, images: Tensor, *, source: int, target: int, code: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        generators = (self.g_a, self.g_b)
        pictures: Tensor = generators[target].decoder(generators[source].encoder(images))  # the mean code, no noise
        return pictures


def generator(o: UNIT.Options, channels: int) -> LatentGenerator:
    """The generator that the options describe."""
    return LatentGenerator(
        channels,
        width=o.width,
        downsample=o.downsample,
        blocks=o.blocks,
        activation=o.activation,
        padding=o.padding,
    )


def noisy(h: Tensor, run: Run) -> Tensor:
    """A draw from the normal distribution around `h` with variance 1."""
    return h + run.randn(*h.shape).to(h.dtype)


def mean_square(h: Tensor) -> Tensor:
    """The KL divergence from N(h, 1) to N(0, 1) as the authors weigh it: no factor 1/2, a mean instead of a sum."""
    return single(h).square().mean()
