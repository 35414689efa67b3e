"""BicycleGAN: Zhu, Zhang, Pathak, Darrell, Efros, Wang and Shechtman, "Toward Multimodal Image-to-Image Translation",
NIPS 2017, arXiv 1711.11586.

From pairs (A, B), a generator G: (A, z) -> B whose code z decides among the possible B. Two cycles share G and an
encoder E: B -> z -> B (cVAE-GAN) and z -> B -> z (cLR-GAN), each with a discriminator of its own. Defaults are those of
the authors' PyTorch code.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.capabilities import Averaged, Encodes, Translates
from gantool.data.layouts.paired import paired
from gantool.errors import UsageError
from gantool.losses.adversarial import GAN_MODES
from gantool.losses.gradient_penalty import gradient_penalty, interpolated
from gantool.losses.kl import kl
from gantool.losses.reconstruction import l1
from gantool.model import Batch, Data, Epochs, Model, Progress, Roles, Run
from gantool.networks.initialization import INITIALIZATIONS, initialize
from gantool.networks.norms import NORMS
from gantool.networks.passes import per_sample, together
from gantool.option_groups import AdamOptions, Averaging, EpochSchedule, TwoDomains, adam
from gantool.options import option
from gantool.spec import Direction, Sizes, Spec
from gantool.training import schedules
from gantool_bicyclegan import historical
from gantool_bicyclegan.losses import all_scores, fooling_loss, gan_loss
from gantool_bicyclegan.networks import ACTIVATIONS, discriminator, encoder, generator


class BicycleGAN(Translates, Encodes, Averaged, Model["BicycleGAN.Options"]):
    contract = 2
    paper = "Zhu et al., Toward Multimodal Image-to-Image Translation, NIPS 2017, arXiv 1711.11586"
    roles = Roles(training_only=("d", "d2"))
    averages_buffers = True
    encoders = ("e",)

    @dataclass(frozen=True, kw_only=True)
    class Options(Averaging, TwoDomains, EpochSchedule, AdamOptions):
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
        lr_policy: str = option(
            "linear", "learning-rate schedule", choices=tuple(p for p in schedules.POLICIES if p != "plateau")
        )
        lr_decay_epochs: int = option(50, "lr_policy=step: a tenth after every so many epochs", low=1)

        def __post_init__(self) -> None:
            super().__post_init__()
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
    def data(cls, o: BicycleGAN.Options) -> Data:
        return Data(paired(), o.kinds, batch=2)

    @classmethod
    def length(cls, o: BicycleGAN.Options) -> Epochs:
        return o.length()

    def __init__(self, options: BicycleGAN.Options, spec: Spec) -> None:
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
        self.makers = ("G",) if self.e is None else ("G", "E")
        self.code_size = o.nz
        self.sizes = Sizes(2**o.depth, 2**o.depth)
        # The norms behind a last stride need more than one value a channel.
        layers = [count for network, count in ((self.d, o.d_layers), (self.d2, o.d2_layers)) if network is not None]
        least = max((3 * 2 ** (count + o.scales - 1) for count in layers), default=0)
        self.crops = Sizes(2**o.depth, max(2**o.depth, least, 2 ** (o.e_layers + 1) if self.e is not None else 0))
        translators = ("g",) if self.e is None else ("g", "e")
        self.averaged = translators if o.ema else ()

    def directions(self) -> tuple[Direction, ...]:
        return (Direction(*self.spec.domains),)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        networks: dict[str, tuple[nn.Module | None, ...]] = {"G": (self.g,), "E": (self.e,), "D": (self.d, self.d2)}
        return {name: adam(self.options, *found) for name, found in networks.items() if any(found)}

    def rate_factor(self, now: Progress) -> float:
        return schedules.by_policy(self.options, int(now.schedule))  # whole epochs that are over

    def average_decay(self, now: Progress) -> float:
        return self.options.average_decay(now.step)

    def training_step(self, batch: Batch, run: Run) -> None:
        """Section 3.4 of the paper, in the authors' order: G and E together, then the discriminators.

        The first half of the batch goes through both cycles. The second half gives the real pictures of D2.
        """
        o = self.options
        if o.first == "D" or o.z_step:
            historical.training_step(self, batch, run)
            return
        (a1, b1), (a2, b2) = self.halves(batch)
        eps, z = run.randn(len(a1), o.nz), run.randn(len(a1), o.nz)

        with run.phase(*self.makers):
            mu, logvar, fake_encoded, fake_random = self.fakes(a1, b1, eps, z)
            losses = (
                self.cvae_losses(a1, b1, fake_encoded, mu, logvar)
                | self.clr_losses(a1, fake_random)
                | self.code_losses(fake_random, z, run)
            )
            run.backward(torch.stack(list(losses.values())).sum())
            run.update(*self.makers)

        self.discriminators_step((a1, fake_encoded, a1, b1), (a1, fake_random, a2, b2), run)
        run.log(**losses)

    def halves(self, batch: Batch) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Both halves (A, B) of a batch of pairs. The pair in the middle of an odd batch is in both."""
        a, b = batch["A"], batch["B"]
        half = (len(a) + 1) // 2
        return (a[:half], b[:half]), (a[-half:], b[-half:])

    def fakes(self, a: Tensor, b: Tensor, eps: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Mean and logarithm of the variance of B's codes, G(A, a code of B), and G(A, z).

        Where one cycle alone is trained, both pictures are its own.
        """
        mu = logvar = torch.zeros_like(z)
        codes = [z] if self.options.samples else []
        if self.e is not None and self.options.encodes:
            mu, logvar = self.e(b)
            codes.insert(0, mu + eps * (0.5 * logvar).exp())
        if per_sample(self.g):  # one pass for both gives the same
            pictures = self.g(torch.cat([a] * len(codes)), torch.cat(codes)).split(len(a))
        else:
            pictures = [self.g(a, code) for code in codes]
        return mu, logvar, pictures[0], pictures[-1]

    def cvae_losses(self, a: Tensor, b: Tensor, fake: Tensor, mu: Tensor, logvar: Tensor) -> dict[str, Tensor]:
        """cVAE-GAN: B -> z -> B (section 3.2)."""
        o, losses = self.options, {}
        if not o.encodes:
            return {}
        if self.d is not None and o.lambda_gan > 0:
            losses["gan"] = o.lambda_gan * fooling_loss(self.d(self.judged(a, fake)), o.gan)
        losses["l1"] = o.lambda_l1 * l1(fake, b)
        losses["kl"] = o.lambda_kl * kl(mu, logvar)
        return losses

    def clr_losses(self, a: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """cLR-GAN: z -> B (section 3.3). What leads back to z is `code_losses`."""
        o, d2 = self.options, self.d if self.options.same_d else self.d2
        if d2 is None or o.lambda_gan2 == 0:
            return {}
        return {"gan2": o.lambda_gan2 * fooling_loss(d2(self.judged(a, fake)), o.gan)}

    def code_losses(self, fake: Tensor, z: Tensor, run: Run) -> dict[str, Tensor]:
        """|E(G(A, z)) - z|. It is for G alone: E must not learn to find codes that G hides in pictures.

        Where there is no other loss to teach E (a cLR-GAN alone), it is for both.
        """
        if self.e is None or self.options.lambda_z == 0:
            return {}
        with run.phase("G") if self.options.encodes else run.phase("G", "E"):
            mu, _ = self.e(fake)
            return {"z_l1": self.options.lambda_z * l1(mu, z)}

    def discriminators_step(self, cvae: tuple[Tensor, ...], clr: tuple[Tensor, ...], run: Run) -> None:
        """D and D2, each on (A, fake B, A, real B). Where they are the same, it learns from both."""
        o = self.options
        if self.d is None and self.d2 is None:
            return
        tasks = {"d": (self.d, o.lambda_gan, cvae), "d2": (self.d if o.same_d else self.d2, o.lambda_gan2, clr)}
        losses: list[Tensor] = []
        with run.phase("D"):
            for name, (network, weight, (a_fake, fake_b, a_real, real_b)) in tasks.items():
                if network is None or weight == 0:
                    continue
                fake, real = self.judged(a_fake, fake_b.detach()), self.judged(a_real, real_b)
                of_fake, of_real = together(network, fake, real)
                on_fake, on_real = gan_loss(of_fake, False, o.gan), gan_loss(of_real, True, o.gan)
                losses += [on_fake, on_real]
                run.log(**{f"{name}_fake": on_fake, f"{name}_real": on_real})
                if o.penalty > 0:
                    points = interpolated(real, fake, run.rand(len(real)))
                    losses.append(o.penalty * gradient_penalty(all_scores(network), points))
            run.backward(torch.stack(losses).sum())
            run.update("D")

    def judged(self, a: Tensor, b: Tensor) -> Tensor:
        """What a discriminator sees of a pair."""
        return torch.cat([a, b], dim=1) if self.options.conditional else b

    def translate(
        self, images: Tensor, *, source: int, target: int, code: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        pictures: Tensor = self.g(images, code)
        return pictures

    def between(self, one: Tensor, other: Tensor, share: float) -> Tensor:
        """On the sphere: codes of a normal distribution all lie about as far from 0, those on a line nearer."""
        angle = F.cosine_similarity(one.double(), other.double()).clamp(-1, 1).acos()
        sine = angle.sin()
        if sine.abs().item() < 1e-10:  # one direction, or opposite ones
            return torch.lerp(one, other, share)
        code = ((1 - share) * angle).sin() / sine * one + (share * angle).sin() / sine * other
        return code.to(one.dtype)

    def encode(self, images: Tensor, *, domain: int) -> Tensor:
        """The codes' means. E sees pictures at the size of the training crops, to which others are resized.

        Raises UsageError for pictures of the first domain.
        """
        if domain != 1:
            raise UsageError(
                f"a style is taken from a picture of {self.spec.domains[1]}, not of {self.spec.domains[0]}"
            )
        assert self.e is not None
        side = self.spec.size
        if images.shape[2:] != (side, side):
            images = F.interpolate(images, (side, side), mode="bilinear", antialias=True)
        codes: Tensor = self.e(images)[0]
        return codes
