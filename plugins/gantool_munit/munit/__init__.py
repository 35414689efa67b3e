"""MUNIT: Huang, Liu, Belongie and Kautz, "Multimodal Unsupervised Image-to-Image Translation", ECCV 2018, arXiv
1804.04732.

A picture is content, which both domains share, and style, which belongs to its domain. Each domain has an auto-encoder
that takes pictures apart and puts them together. The content of A decoded by B with a style of B is a translation:
with a random style, or with that of a picture of B.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gantool.capabilities import Encodes
from gantool.losses.adversarial import generator_loss
from gantool.losses.reconstruction import l1
from gantool.model import Batch, Run
from gantool.options import option
from gantool.spec import Spec
from gantool_munit.base import SharedLatent, SharedOptions, Terms, by_name, total
from gantool_munit.networks import StyleGenerator, discriminator_loss


class MUNIT(Encodes, SharedLatent["MUNIT.Options"]):
    paper = "Huang et al., Multimodal Unsupervised Image-to-Image Translation, ECCV 2018, arXiv 1804.04732"
    encoders = ("g_a", "g_b")

    g_a: StyleGenerator
    g_b: StyleGenerator

    @dataclass(frozen=True, kw_only=True)
    class Options(SharedOptions):
        style: int = option(8, "length of the style codes", low=1)
        mlp_width: int = option(256, "width of the network that makes norms' parameters of a style", low=1)
        recon_s: float = option(1.0, "weight of finding the style again in the translation", low=0)
        recon_c: float = option(1.0, "weight of finding the content again in the translation", low=0)
        cycle: float = option(0.0, "weight of the cycle there and back (the authors: 10 for scenes that agree)", low=0)

    def __init__(self, options: MUNIT.Options, spec: Spec) -> None:
        # The style encoder halves the sides four times, and reflection needs two pixels.
        super().__init__(options, spec, [generator(options, channels) for channels in spec.channels], smallest=16)
        self.code_size = options.style

    def training_step(self, batch: Batch, run: Run) -> None:
        """Section 3 of the paper, in the authors' order: both discriminators, then both generators on the same batch.

        Names are the paper's: x pictures, c content, s style; `own` styles are encoded, `s_a` and `s_b` drawn.
        """
        x_a, x_b, o = batch["A"], batch["B"], self.options
        n = len(x_a)

        with run.phase("D"):
            s_a, s_b = run.randn(n, o.style), run.randn(n, o.style)
            x_ba = self.g_a.decode(self.g_b.content(x_b), s_a)
            x_ab = self.g_b.decode(self.g_a.content(x_a), s_b)
            d_a = discriminator_loss(self.d_a, x_ba, x_a, o.gan)
            d_b = discriminator_loss(self.d_b, x_ab, x_b, o.gan)
            d = o.adversarial * (d_a + d_b)
            run.backward(d)
            run.update("D")

        with run.phase("G"):
            s_a, s_b = run.randn(n, o.style), run.randn(n, o.style)
            c_a, own_a = self.g_a.encode(x_a)
            c_b, own_b = self.g_b.encode(x_b)
            rec_a, x_ba = self.g_a.decode_both((c_a, own_a), (c_b, s_a))
            rec_b, x_ab = self.g_b.decode_both((c_b, own_b), (c_a, s_b))
            c_b_again, s_a_again = self.g_a.encode(x_ba)
            c_a_again, s_b_again = self.g_b.encode(x_ab)
            # Equations 4, 1, 3 and 2. The content to find again is not detached.
            terms: Terms = [
                (
                    o.adversarial,
                    {
                        "gan_a": generator_loss(self.d_a(x_ba), o.gan),
                        "gan_b": generator_loss(self.d_b(x_ab), o.gan),
                    },
                ),
                (o.recon_x, {"recon_x_a": l1(rec_a, x_a), "recon_x_b": l1(rec_b, x_b)}),
                (o.recon_s, {"recon_s_a": l1(s_a_again, s_a), "recon_s_b": l1(s_b_again, s_b)}),
                (o.recon_c, {"recon_c_a": l1(c_a_again, c_a), "recon_c_b": l1(c_b_again, c_b)}),
            ]
            if o.cycle > 0:  # section 5.1: there with a drawn style, back with the picture's own
                x_aba = self.g_a.decode(c_a_again, own_a)
                x_bab = self.g_b.decode(c_b_again, own_b)
                terms.append((o.cycle, {"cycle_a": l1(x_aba, x_a), "cycle_b": l1(x_bab, x_b)}))
            terms += self.perceptual(x_ba, x_b, x_ab, x_a)
            g = total(terms)
            run.backward(g)
            run.update("G")

        run.log(**by_name(terms), d_a=d_a, d_b=d_b, g=g, d=d)

    def translate(
        self, images: Tensor, *, source: int, target: int, code: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        assert code is not None  # the contract gives one
        generators = (self.g_a, self.g_b)
        return generators[target].decode(generators[source].content(images), code)

    def encode(self, images: Tensor, *, domain: int) -> Tensor:
        codes: Tensor = (self.g_a, self.g_b)[domain].style(images)
        return codes


def generator(o: MUNIT.Options, channels: int) -> StyleGenerator:
    """The generator that the options describe."""
    return StyleGenerator(
        channels,
        width=o.width,
        downsample=o.downsample,
        blocks=o.blocks,
        style=o.style,
        mlp_width=o.mlp_width,
        activation=o.activation,
        padding=o.padding,
    )
