"""BicycleGAN: Zhu, Zhang, Pathak, Darrell, Efros, Wang and Shechtman, "Toward Multimodal Image-to-Image Translation",
NIPS 2017, arXiv 1711.11586.

From pairs (A, B), a generator G: (A, z) -> B whose code z decides among the possible B. Two cycles share G and an
encoder E: B -> z -> B (cVAE-GAN) and z -> B -> z (cLR-GAN), each with a discriminator of its own. Defaults are those of
the authors' PyTorch code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.data.layouts.paired import paired
from gantool.errors import UsageError
from gantool.losses.adversarial import GAN_MODES
from gantool.losses.gradient_penalty import gradient_penalty, interpolated
from gantool.losses.reconstruction import l1
from gantool.model import Batch, ImageSpec, Imported, Model, OfficialTensors, Progress, Run, Sizes
from gantool.networks.initialization import INITIALIZATIONS, initialize
from gantool.networks.norms import NORMS
from gantool.networks.passes import per_sample
from gantool.options import option
from gantool.training import schedules
from gantool_bicyclegan.losses import all_scores, gan_loss, kl
from gantool_bicyclegan.networks import ACTIVATIONS, discriminator, encoder, generator


class BicycleGAN(Model):
    layout = paired()
    paper = "Zhu et al., Toward Multimodal Image-to-Image Translation, NIPS 2017, arXiv 1711.11586"
    training_only = ("d", "d2")
    default_batch = 2

    @dataclass(frozen=True, kw_only=True)
    class Options:
        nz: int = option(8, "length of the style code z", low=1, high=1024)
        where: str = option("all", "z joins the generator at every level, or at its input", choices=("all", "input"))
        width: int = option(64, "channels of the generator's first layer", low=1)
        depth: int = option(8, "levels of the generator; picture sides become multiples of 2^depth", low=3, high=10)
        activation: str = option("relu", "activation on the generator's way up", choices=ACTIVATIONS)
        upsample: str = option("basic", "transposed or bilinear upsampling", choices=("basic", "bilinear"))
        dropout: bool = option(False, "dropout in the generator while training (the authors' recipes have it)")
        norm: str = option("instance", "normalisation in all networks", choices=NORMS)
        encoder: str = option("resnet", "encoder network", choices=("resnet", "conv"))
        e_width: int = option(64, "channels of the encoder's first layer", low=1)
        e_layers: int = option(
            5, "halvings in the encoder, down to 8 x 8: 5 at 256 pixels, 4 at 128, 3 at 64", low=2, high=8
        )
        e_pool: str = option(
            "all", "the encoder's last map is averaged, or its upper left 8 x 8 alone", choices=("all", "corner")
        )
        d_width: int = option(64, "channels of the discriminators' first layer", low=1)
        d_layers: int = option(3, "stride-2 layers of D, which judges B -> z -> B (3: 70 x 70 patches)", low=1, high=8)
        d2_layers: int = option(3, "stride-2 layers of D2, which judges z -> B -> z", low=1, high=8)
        scales: int = option(2, "sizes at which each discriminator looks", low=1, high=5)
        conditional: bool = option(False, "the discriminators see A together with B")
        same_d: bool = option(False, "one discriminator for both cycles")
        channels_a: int = option(3, "channels of the pictures of A: 3 (RGB) or 1 (grey)", low=1, high=3)
        channels_b: int = option(3, "channels of the pictures of B", low=1, high=3)
        init: str = option("xavier", "initialisation of the weights", choices=INITIALIZATIONS)
        init_gain: float = option(0.02, "scale of the initialisation; 1 lets short trainings start faster", low=0)
        gan: str = option("lsgan", "adversarial objective", choices=GAN_MODES)
        lambda_gan: float = option(1.0, "weight of the adversarial loss of B -> z -> B", low=0)
        lambda_gan2: float = option(1.0, "weight of the adversarial loss of z -> B -> z", low=0)
        lambda_l1: float = option(10.0, "weight of the mean absolute difference between B -> z -> B and B", low=0)
        lambda_kl: float = option(0.01, "weight of the codes' distance to a normal distribution", low=0)
        lambda_z: float = option(0.5, "weight of the mean absolute difference between z -> B -> z and z", low=0)
        penalty: float = option(0.0, "weight of a gradient penalty on the discriminators (10 suits gan=wgangp)", low=0)
        first: str = option("G", "which is updated first in a step (D: as in the code of 2017)", choices=("G", "D"))
        z_step: bool = option(False, "a step of its own for the loss of z -> B -> z (as in the code before June 2020)")
        lr: float = option(2e-4, "base learning rate of all Adams", low=0)
        beta1: float = option(0.5, "first moment's decay of all Adams", low=0, high=1)
        lr_policy: str = option(
            "linear", "learning-rate schedule", choices=tuple(p for p in schedules.POLICIES if p != "plateau")
        )
        n_epochs: int = option(100, "epochs at the base learning rate", low=0)
        n_epochs_decay: int = option(100, "epochs of linear decay after them", low=0)
        lr_decay_epochs: int = option(50, "lr_policy=step: a tenth after every so many epochs", low=1)

        def __post_init__(self) -> None:
            if 2 in (self.channels_a, self.channels_b):
                raise ValueError("pictures have 1 or 3 channels")
            if not (self.encodes or self.samples):
                raise ValueError("lambda_gan, lambda_l1, lambda_gan2 and lambda_z are all 0: nothing would be learnt")
            if self.z_step and not self.encodes:
                raise ValueError("z_step takes turns with the losses of B -> z -> B: lambda_gan and lambda_l1 are 0")

        @property
        def encodes(self) -> bool:
            """Whether the cVAE-GAN is trained, B -> z -> B."""
            return self.lambda_gan > 0 or self.lambda_l1 > 0

        @property
        def samples(self) -> bool:
            """Whether the cLR-GAN is trained, z -> B -> z."""
            return self.lambda_gan2 > 0 or self.lambda_z > 0

    @classmethod
    def channels(cls, options: Any, domains: int) -> tuple[int, ...]:
        return options.channels_a, options.channels_b

    @classmethod
    def default_epochs(cls, options: Any) -> float:
        return float(options.n_epochs + options.n_epochs_decay)

    @classmethod
    def from_official(cls, files: Mapping[str, OfficialTensors]) -> Imported | None:
        from gantool_bicyclegan import official

        return official.recognise(files)

    def __init__(self, options: BicycleGAN.Options, spec: ImageSpec) -> None:
        super().__init__(options, spec)
        o, (a, b) = options, spec.channels
        self.g = generator(o, a, b)
        # Without its losses a network has nothing to do.
        self.e = encoder(o, b) if o.encodes or o.lambda_z > 0 else None
        judged = a + b if o.conditional else b
        self.d = discriminator(o, judged) if o.lambda_gan > 0 or (o.same_d and o.lambda_gan2 > 0) else None
        self.d2 = discriminator(o, judged, o.d2_layers) if o.lambda_gan2 > 0 and not o.same_d else None
        for network in self.children():
            initialize(network, o.init, o.init_gain)
            for layer in network.modules():
                if isinstance(layer, nn.BatchNorm2d):  # whatever the gain
                    nn.init.normal_(layer.weight, 1.0, 0.02)
        self.sizes = Sizes(2**o.depth, 2**o.depth)
        self.style_size = o.nz

    def directions(self) -> tuple[tuple[str, str], ...]:
        a, b = self.spec.domains
        return ((a, b),)

    def smallest_crop(self) -> int:
        # The norms behind a last stride need more than one value a channel.
        o = self.options
        layers = [o.d_layers if network is self.d else o.d2_layers for network in (self.d, self.d2) if network]
        judged = max((3 * 2 ** (count + o.scales - 1) for count in layers), default=0)
        return max(self.sizes.minimum, judged, 2 ** (o.e_layers + 1) if self.e else 0)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        networks = {"G": (self.g,), "E": (self.e,), "D": (self.d, self.d2)}
        return {
            name: torch.optim.Adam(parameters, self.options.lr, (self.options.beta1, 0.999), fused=True)
            for name, found in networks.items()
            if (parameters := [p for network in found if network for p in network.parameters()])
        }

    def rate_factor(self, progress: Progress) -> float:
        # A run of another length is this schedule, stretched.
        return schedules.by_policy(self.options, int(progress.epoch))  # whole epochs that are over

    def training_step(self, batch: Batch, run: Run) -> None:
        """Section 3.4 of the paper, in the authors' order: G and E together, then the discriminators.

        The first half of the batch goes through both cycles. The second half gives the real pictures of D2. A picture
        in the middle of an odd batch is in both.
        """
        a, b, o = batch["A"], batch["B"], self.options
        half = (len(a) + 1) // 2
        (a1, b1), (a2, b2) = (a[:half], b[:half]), (a[-half:], b[-half:])
        eps, z_random = run.randn(half, o.nz), run.randn(half, o.nz)
        makers = ("G",) if self.e is None else ("G", "E")
        losses: dict[str, Tensor] = {}

        with run.phase(*makers):
            codes = []
            if self.e is not None and o.encodes:
                mu, logvar = self.e(b1)
                codes.append(mu + eps * (0.5 * logvar).exp())
            if o.samples:
                codes.append(z_random)
            fakes = self.generate(a1, codes)
            fake_encoded, fake_random = fakes[0], fakes[-1]

        # What the discriminators see: (fake, real) of D and of D2.
        cvae = self.judged(a1, fake_encoded), self.judged(a1, b1)
        clr = self.judged(a1, fake_random), self.judged(a2, b2)
        if o.first == "D":
            self.discriminators_step(cvae, clr, run)

        with run.phase(*makers):
            if o.encodes:  # cVAE-GAN: B -> z -> B (section 3.2)
                if self.d is not None and o.lambda_gan > 0:
                    losses["gan"] = o.lambda_gan * gan_loss(self.d(cvae[0]), True, o.gan)
                losses["l1"] = o.lambda_l1 * l1(fake_encoded, b1)
                losses["kl"] = o.lambda_kl * kl(mu, logvar)
            if (d2 := self.d if o.same_d else self.d2) is not None and o.lambda_gan2 > 0:
                losses["gan2"] = o.lambda_gan2 * gan_loss(d2(clr[0]), True, o.gan)
            if o.lambda_z > 0 and not o.z_step:  # cLR-GAN: z -> B -> z (section 3.3)
                losses["z_l1"] = self.z_loss(fake_random, z_random, run)
            run.backward(torch.stack(list(losses.values())).sum())
            run.update(*makers)
            if o.lambda_z > 0 and o.z_step:
                losses["z_l1"] = self.z_loss(self.g(a1, z_random), z_random, run)
                run.backward(losses["z_l1"])
                run.update("G")

        if o.first == "G":
            self.discriminators_step(cvae, clr, run)
        run.log(**losses)

    def generate(self, a: Tensor, codes: list[Tensor]) -> list[Tensor]:
        """G(a, z) for each of the codes: one pass where that gives the same."""
        if per_sample(self.g):
            return list(self.g(torch.cat([a] * len(codes)), torch.cat(codes)).split(len(a)))
        return [self.g(a, z) for z in codes]

    def z_loss(self, fake: Tensor, z: Tensor, run: Run) -> Tensor:
        """|E(G(A, z)) - z|. It is for G alone: E must not learn to find codes that G hides in pictures.

        Where there is no other loss to teach E (a cLR-GAN alone), it is for both.
        """
        assert self.e is not None
        with run.phase("G") if self.options.encodes else run.phase("G", "E"):
            mu, _ = self.e(fake)
            loss: Tensor = self.options.lambda_z * l1(mu, z)
            return loss

    def judged(self, a: Tensor, b: Tensor) -> Tensor:
        """What a discriminator sees of a pair."""
        return torch.cat([a, b], dim=1) if self.options.conditional else b

    def discriminators_step(self, cvae: tuple[Tensor, Tensor], clr: tuple[Tensor, Tensor], run: Run) -> None:
        """D and D2, on (fake, real) pairs. Where they are the same, it learns from both."""
        o = self.options
        tasks = {"d": (self.d, o.lambda_gan, cvae), "d2": (self.d if o.same_d else self.d2, o.lambda_gan2, clr)}
        losses: list[Tensor] = []
        with run.phase(*(("D",) if self.d or self.d2 else ())):
            for name, (network, weight, (fake, real)) in tasks.items():
                if network is None or weight == 0:
                    continue
                on_fake, on_real = self.discriminator_losses(network, fake.detach(), real)
                losses += [on_fake, on_real]
                run.log(**{f"{name}_fake": on_fake, f"{name}_real": on_real})
                if o.penalty > 0:
                    points = interpolated(real, fake.detach(), run.rand(len(real)))
                    losses.append(o.penalty * gradient_penalty(all_scores(network), points))
            if losses:
                run.backward(torch.stack(losses).sum())
                run.update("D")

    def discriminator_losses(self, network: nn.Module, fake: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """The objectives on fake and real pictures."""
        if per_sample(network):
            halves = [scores.chunk(2) for scores in network(torch.cat([fake, real]))]
            on_fake, on_real = ([pair[which] for pair in halves] for which in (0, 1))
        else:
            on_fake, on_real = network(fake), network(real)
        return gan_loss(on_fake, False, self.options.gan), gan_loss(on_real, True, self.options.gan)

    def translate(self, images: Tensor, *, source: str, target: str, style: Tensor | None = None) -> Tensor:
        pictures: Tensor = self.g(images, style)
        return pictures

    def style_between(self, one: Tensor, other: Tensor, share: float) -> Tensor:
        """On the sphere: codes of a normal distribution all lie about as far from 0, those on a line nearer."""
        angle = F.cosine_similarity(one.double(), other.double()).clamp(-1, 1).acos()
        sine = angle.sin()
        if sine.abs().item() < 1e-10:  # one direction, or opposite ones
            return torch.lerp(one, other, share)
        code = ((1 - share) * angle).sin() / sine * one + (share * angle).sin() / sine * other
        return code.to(one.dtype)

    def encode_style(self, images: Tensor, *, domain: str) -> Tensor:
        """The codes' means. E sees pictures at the size of the training crops, to which others are resized.

        Raises UsageError for pictures of the first domain, and where there is no encoder.
        """
        if self.spec.index(domain) != 1:
            raise UsageError(f"a style is taken from a picture of {self.spec.domains[1]}, not of {domain}")
        if self.e is None or "e" in self.missing:
            raise UsageError("these weights have no encoder, so no style comes from a picture: --style random or mean")
        side = self.spec.size
        if images.shape[2:] != (side, side):
            images = F.interpolate(images, (side, side), mode="bilinear", antialias=True)
        codes: Tensor = self.e(images)[0]
        return codes
