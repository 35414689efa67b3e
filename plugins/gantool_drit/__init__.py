"""DRIT: Lee, Tseng, Huang, Singh and Yang, "Diverse Image-to-Image Translation via Disentangled Representations", ECCV
2018, arXiv 1808.00948; and DRIT++ for two domains: the same with Mao and Lu, IJCV 2020, arXiv 1905.01270.

A picture is a content, which the domains share, and an attribute of `style_size` numbers, which belongs to its domain.
A translation is the content of one picture with an attribute of the other domain. Defaults are those of the authors'
code, which is DRIT++: mode seeking included. See `training_step` for the order of an iteration.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gantool.capabilities import Averaged, Encodes, Translates
from gantool.data.layouts.unpaired import unpaired
from gantool.errors import UsageError, argument
from gantool.losses.kl import kl
from gantool.losses.reconstruction import l1
from gantool.model import Batch, Data, Epochs, Model, Progress, Roles, Run
from gantool.networks.passes import together
from gantool.option_groups import AdamOptions, Averaging, Enlarging, EpochSchedule, TwoDomains, adam
from gantool.options import option
from gantool.spec import Sizes, Spec
from gantool.training import schedules
from gantool_drit.discriminators import ContentDiscriminator, ImageDiscriminator, smallest_content
from gantool_drit.losses import (
    content_discriminator_loss,
    discriminator_loss,
    generator_loss,
    l2,
    mode_seeking,
    total,
    undecided,
)
from gantool_drit.networks import (
    AttributeEncoder,
    ConcatAttributeEncoder,
    ConcatGenerator,
    ContentEncoder,
    FeaturewiseGenerator,
    initialize,
)

A, B = 0, 1
"""The domains, as the networks count them."""


class DRIT(Translates, Encodes, Averaged, Model["DRIT.Options"]):
    contract = 2
    paper = (
        "Lee et al., Diverse Image-to-Image Translation via Disentangled Representations, ECCV 2018, arXiv 1808.00948;"
        " DRIT++, IJCV 2020, arXiv 1905.01270"
    )
    roles = Roles(training_only=("dis_a", "dis_b", "dis_a2", "dis_b2", "dis_content"))
    sizes = Sizes(4, 16)
    encoders = ("enc_a",)

    @dataclass(frozen=True, kw_only=True)
    class Options(Averaging, Enlarging, TwoDomains, EpochSchedule, AdamOptions):
        injection: str = option(
            "concat",
            "how attributes enter: concat for colours and textures, featurewise for shapes",
            choices=("concat", "featurewise"),
        )
        style_size: int = option(8, "numbers of an attribute", low=1)
        width: int = option(64, "channels of the first layer of encoders and generators", low=1)
        d_width: int = option(64, "channels of the image discriminators' first layer", low=1)
        d_scales: int = option(3, "scales of the image discriminators; 1 is a deeper network", low=1, high=8)
        spectral_norm: bool = option(False, "spectral norm in the image discriminators")
        content_layers: int = option(
            3, "stride-2 layers of the content discriminator: 3 needs crops of 212, 2 of 100, 1 of 44, 0 of 16", low=0
        )
        d_iter: int = option(
            3, "one step in so many trains everything, the others the content discriminator alone", low=1
        )
        cycle: float = option(10.0, "weight of the cross-cycle: both pictures translated there and back", low=0)
        reconstruction: float = option(10.0, "weight of a picture from its own content and attribute", low=0)
        latent: float = option(10.0, "weight of the random attribute, found again in its translation", low=0)
        attribute: float = option(0.01, "weight that keeps attributes near N(0, 1)", low=0)
        content: float = option(0.01, "weight that keeps contents small", low=0)
        mode_seeking: float = option(
            1.0, "weight of the difference between translations with two attributes; 0 is the first DRIT", low=0
        )
        lr: float = option(1e-4, "base learning rate; the content discriminator's is 0.4 of it", low=0)
        weight_decay: float = option(1e-4, "L2 penalty in every Adam", low=0)
        lr_policy: str = option("linear", "learning-rate schedule", choices=("linear", "step", "constant"))
        n_epochs: int = option(600, "epochs at the base learning rate", low=0)
        n_epochs_decay: int = option(600, "epochs of linear decay after them", low=0)
        lr_decay_epochs: int = option(600, "lr_policy=step: a tenth after every so many epochs", low=1)

    @classmethod
    def data(cls, o: DRIT.Options) -> Data:
        return Data(unpaired(), o.kinds, batch=2)

    @classmethod
    def length(cls, o: DRIT.Options) -> Epochs:
        return o.length()

    def __init__(self, options: DRIT.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        o, (a, b) = options, spec.channels
        self.enc_c = ContentEncoder(spec.channels, o.width)
        self.enc_a = attribute_encoder(o, spec.channels)
        self.gen = generator(o, spec.channels)
        # Two discriminators a domain: one for translations with an encoded attribute, one for those with a random one.
        self.dis_a, self.dis_b = discriminator(o, a), discriminator(o, b)
        self.dis_a2, self.dis_b2 = discriminator(o, a), discriminator(o, b)
        self.dis_content = ContentDiscriminator(4 * o.width, o.content_layers)
        initialize(self)
        self.code_size = o.style_size
        # A picture must be 15 * 2^s + 1 pixels wide for its scale s to have something left to mirror in the last layer
        # of four; the single scale has six, with smaller kernels.
        judged = 15 * 2 ** (o.d_scales - 1) + 1 if o.d_scales > 1 else 33
        self.crops = Sizes(4, max(16, 4 * smallest_content(o.content_layers), -(-judged // 4) * 4))
        self.averaged = ("enc_c", "enc_a", "gen") if o.ema else ()

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        o, decay = self.options, self.options.weight_decay
        return {
            "G": adam(o, self.enc_c, self.gen, weight_decay=decay),
            "enc_a": adam(o, self.enc_a, weight_decay=decay),
            "D": adam(o, self.dis_a, self.dis_b, self.dis_a2, self.dis_b2, weight_decay=decay),
            "dis_content": adam(o, self.dis_content, weight_decay=decay, lr=o.lr / 2.5),
        }

    def rate_factor(self, now: Progress) -> float:
        o, e = self.options, int(now.schedule)
        if o.lr_policy == "linear":
            return schedules.linear(e - 1, o.n_epochs, o.n_epochs_decay)
        return schedules.step(e, o.lr_decay_epochs) if o.lr_policy == "step" else 1.0

    def average_decay(self, now: Progress) -> float:
        o = self.options
        return o.average_decay(now.step // o.d_iter) if self.is_full_step(now) else 1.0

    def training_step(self, batch: Batch, run: Run) -> None:
        """DRIT++, section 3, in the authors' order. Letters are the paper's: c contents, z attributes, u and v the
        translations with exchanged contents, in A and in B.

        The first picture of a batch is encoded and translated. The others are only real pictures for the discriminators
        of random translations; a batch of one has its picture there, too.
        """
        a, b, o = batch["A"][:1], batch["B"][:1], self.options
        if a.shape[2:] != b.shape[2:]:
            raise UsageError(f"DRIT trains on pictures of one size: choose a {argument('preprocess')} that crops")
        if not self.is_full_step(run.now):
            self.content_step(a, b, run)
            return

        with run.phase("G", "enc_a"):
            c_a, c_b = self.contents(a, b, run)
            z_a, prior_a = self.attribute(a, A, run)
            z_b, prior_b = self.attribute(b, B, run)
            z = [run.randn(1, o.style_size) for _ in range(2 if o.mode_seeking > 0 else 1)]  # for both directions
            u, same_a = self.pictures(A, (c_b, z_a), (c_a, z_a))
            v, same_b = self.pictures(B, (c_a, z_b), (c_b, z_b))
            random_a = self.pictures(A, *((c_b, drawn) for drawn in z))
            random_b = self.pictures(B, *((c_a, drawn) for drawn in z))
            c_of_u, c_of_v = self.contents(u, v, run)
            again_a = self.gen(c_of_v, self.attribute(u, A, run)[0], A)
            again_b = self.gen(c_of_u, self.attribute(v, B, run)[0], B)

        with run.phase("D", "dis_content"):
            more_a, more_b = (x[1:] if len(x) > 1 else x for x in (batch["A"], batch["B"]))
            judged = {
                "d_a": discriminator_loss(self.dis_a, a, u),
                "d_a2": discriminator_loss(self.dis_a2, more_a, *random_a),
                "d_b": discriminator_loss(self.dis_b, b, v),
                "d_b2": discriminator_loss(self.dis_b2, more_b, *random_b),
                "d_content": content_discriminator_loss(self.dis_content, c_a, c_b),
            }
            run.backward(total(judged.values()))
            run.update("D")
            run.update("dis_content", clip=5.0)

        with run.phase("G", "enc_a"):
            of_a, of_b = together(self.dis_content, c_a, c_b)
            one = {
                "gan_a": generator_loss(self.dis_a, u),
                "gan_b": generator_loss(self.dis_b, v),
                "gan_content_a": undecided(of_a),
                "gan_content_b": undecided(of_b),
                "attribute_a": o.attribute * prior_a,
                "attribute_b": o.attribute * prior_b,
                "content_a": o.content * l2(c_a),
                "content_b": o.content * l2(c_b),
                "cycle_a": o.cycle * l1(again_a, a),
                "cycle_b": o.cycle * l1(again_b, b),
                "reconstruction_a": o.reconstruction * l1(same_a, a),
                "reconstruction_b": o.reconstruction * l1(same_b, b),
            }
            two = {
                "gan_a2": generator_loss(self.dis_a2, *random_a),
                "gan_b2": generator_loss(self.dis_b2, *random_b),
                "latent_a": o.latent * l1(self.encode(random_a[0], domain=A), z[0]),
                "latent_b": o.latent * l1(self.encode(random_b[0], domain=B), z[0]),
            }
            if o.mode_seeking > 0:
                two["diversity_a"] = o.mode_seeking * mode_seeking(*random_a, *z)
                two["diversity_b"] = o.mode_seeking * mode_seeking(*random_b, *z)
            g = total(one.values())
            with run.deferred():  # both gradients stand on one forward pass: both are taken before a weight moves
                run.backward(g, retain_graph=True)
                run.update("G", "enc_a")
                run.backward(total(two.values()), into=("G",))
                run.update("G")
        run.log(g=g, **one, **two, **judged)

    def is_full_step(self, now: Progress) -> bool:
        """Whether this step trains everything: every `d_iter`-th of a pass over the data, and its last two."""
        done = round(now.passes % 1 * now.pass_steps)
        return (done + 1) % self.options.d_iter == 0 or done >= now.pass_steps - 2

    def content_step(self, a: Tensor, b: Tensor, run: Run) -> None:
        """Trains the content discriminator alone."""
        with run.phase("dis_content"):
            d_content = content_discriminator_loss(self.dis_content, *self.contents(a, b, run))
            run.backward(d_content)
            run.update("dis_content", clip=5.0)
        run.log(d_content=d_content)

    def contents(self, a: Tensor, b: Tensor, run: Run) -> tuple[Tensor, Tensor]:
        """Contents (N, 4 width, H/4, W/4) of pictures of A and of B, each with unit noise, as training has them."""
        c_a, c_b = self.enc_c(a, A), self.enc_c(b, B)
        return c_a + run.randn(*c_a.shape), c_b + run.randn(*c_b.shape)

    def attribute(self, x: Tensor, domain: int, run: Run) -> tuple[Tensor, Tensor]:
        """Attributes (N, style_size) of pictures of a domain, drawn if they have a variance, and how far they are from
        N(0, 1)."""
        if self.options.injection == "featurewise":
            z = self.enc_a(x, domain)
            return z, l2(z)
        mean, log_variance = self.enc_a(x, domain)
        z = mean + run.randn(*mean.shape) * torch.exp(log_variance / 2)
        return z, kl(mean, log_variance)

    def pictures(self, domain: int, *pairs: tuple[Tensor, Tensor]) -> list[Tensor]:
        """Pictures (1, C, H, W) of a domain from pairs of content and attribute, in one pass."""
        contents, attributes = zip(*pairs, strict=True)
        return list(self.gen(torch.cat(contents), torch.cat(attributes), domain).split(1))

    def translate(
        self, images: Tensor, *, source: int, target: int, code: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        pictures: Tensor = self.gen(self.enc_c(images, source), code, target)
        return pictures

    def encode(self, images: Tensor, *, domain: int) -> Tensor:
        """The mean of an attribute that has a variance."""
        found = self.enc_a(images, domain)
        attributes: Tensor = found if self.options.injection == "featurewise" else found[0]
        return attributes


def attribute_encoder(o: DRIT.Options, channels: tuple[int, ...]) -> nn.Module:
    """The attribute encoder that the options describe."""
    kind = ConcatAttributeEncoder if o.injection == "concat" else AttributeEncoder
    return kind(channels, o.width, o.style_size)


def generator(o: DRIT.Options, channels: tuple[int, ...]) -> nn.Module:
    """The generator that the options describe."""
    kind = ConcatGenerator if o.injection == "concat" else FeaturewiseGenerator
    return kind(channels, o.width, o.style_size, o.upsample)


def discriminator(o: DRIT.Options, channels: int) -> ImageDiscriminator:
    """The image discriminator that the options describe."""
    return ImageDiscriminator(channels, o.d_width, o.d_scales, o.spectral_norm)
