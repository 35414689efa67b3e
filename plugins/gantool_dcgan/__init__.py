"""DCGAN: Radford, Metz and Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks", ICLR 2016, arXiv 1511.06434. With `classes`, the conditional GAN: Mirza and Osindero,
"Conditional Generative Adversarial Nets", 2014, arXiv 1411.1784.

G makes pictures of latents z, D says whether a picture is real; of classes, both are told which one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.capabilities import Averaged, Samples
from gantool.data.layouts.domains import domains
from gantool.data.layouts.pictures import pictures
from gantool.errors import UsageError
from gantool.losses.adversarial import GAN_MODES, adversarial_loss, generator_loss
from gantool.model import Batch, Data, Epochs, Model, Progress, Roles, Run
from gantool.networks.dcgan import SIZES, DCDiscriminator, DCGenerator
from gantool.networks.initialization import initialize
from gantool.option_groups import AdamOptions, Averaging, OneKind, adam
from gantool.options import option
from gantool.spec import Sizes, Spec
from gantool_dcgan.dense import LinearDiscriminator, LinearGenerator, MaxoutDiscriminator, MaxoutGenerator


class DCGAN(Samples, Averaged, Model["DCGAN.Options"]):
    contract = 2
    paper = (
        "Radford et al., Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks,"
        " ICLR 2016, arXiv 1511.06434; with classes Mirza and Osindero, Conditional Generative Adversarial Nets, 2014,"
        " arXiv 1411.1784"
    )
    roles = Roles(training_only=("d",))
    averages_buffers = True

    @dataclass(frozen=True, kw_only=True)
    class Options(Averaging, OneKind, AdamOptions):
        classes: bool = option(False, "each folder is a class, and both networks are told which (conditional GAN)")
        network: str = option(
            "conv",
            "networks: convolutions, or the dense ones of conditional GANs",
            choices=("conv", "linear", "maxout"),
        )
        latent: int = option(100, "numbers that a picture is made of", low=1)
        width: int = option(64, "channels of the generator's last hidden layer", low=1)
        d_width: int = option(64, "channels of the discriminator's first layer", low=1)
        gan: str = option("vanilla", "adversarial objective", choices=GAN_MODES)
        d_weight: float = option(1.0, "weight of the discriminator's loss", low=0)
        first: str = option("D", "which network learns first in a step", choices=("D", "G"))

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.network != "conv" and not self.classes:
                raise ValueError(f"network={self.network} is told classes: it takes classes=true")

    @classmethod
    def data(cls, o: DCGAN.Options) -> Data:
        layout = domains() if o.classes else pictures()
        settings = {"preprocess": "square", "size": 64}
        # A batch norm needs more than one value a channel: the linear generator's has one a picture.
        return Data(layout, o.kinds, batch=64, smallest_batch=2 if o.network == "linear" else 1, settings=settings)

    @classmethod
    def length(cls, o: DCGAN.Options) -> Epochs:
        return Epochs(25)

    def __init__(self, options: DCGAN.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        o = options
        self.latent_size = o.latent
        self.label_size = len(spec.domains) if o.classes else 0
        self.g, self.d = generator(o, spec.size, self.label_size), discriminator(o, spec.size, self.label_size)
        if o.network == "conv":
            initialize(self.g)
            initialize(self.d)
        self.crops = Sizes(exact=spec.size)
        self.averaged = ("g",) if o.ema else ()

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"G": adam(self.options, self.g), "D": adam(self.options, self.d)}

    def average_decay(self, now: Progress) -> float:
        return self.options.average_decay(now.step)

    def training_step(self, batch: Batch, run: Run) -> None:
        """D on a batch of pictures and a batch of fakes, then G against the D that has learnt, on the same fakes."""
        real, o = batch["image"], self.options
        label = self.told(batch["label"]) if o.classes else None
        with run.phase("G"):
            z = run.randn(len(real), o.latent)
            asked = self.told((run.rand(len(real)) * self.label_size).long()) if o.classes else None
            fake = self.g(z, asked)
        if o.first == "G":
            self.generator_step(fake, asked, run)

        with run.phase("D"):
            d_real = adversarial_loss(self.d(real, label), True, o.gan)
            d_fake = adversarial_loss(self.d(fake.detach(), asked), False, o.gan)
            run.backward(o.d_weight * (d_real + d_fake))
            run.update("D")
        run.log(d_real=d_real, d_fake=d_fake)

        if o.first == "D":
            self.generator_step(fake, asked, run)

    def generator_step(self, fake: Tensor, asked: Tensor | None, run: Run) -> None:
        """G, by what D says of its pictures."""
        with run.phase("G"):
            gan = generator_loss(self.d(fake, asked), self.options.gan)
            run.backward(gan)
            run.update("G")
        run.log(gan=gan)

    def told(self, label: Tensor) -> Tensor:
        """Numbers of classes (N,) as labels (N, `label_size`)."""
        return F.one_hot(label, self.label_size).float()

    def sample(self, latents: Tensor, *, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        made: Tensor = self.g(latents, labels)
        return made


def generator(o: DCGAN.Options, size: int, classes: int) -> nn.Module:
    """The generator of pictures of this size that the options describe. Raises UsageError for one they cannot have."""
    if o.network == "conv":
        return DCGenerator(_checked(size), o.channels, latent=o.latent, width=o.width, classes=classes)
    kind = LinearGenerator if o.network == "linear" else MaxoutGenerator
    return kind(size, o.channels, latent=o.latent, classes=classes)


def discriminator(o: DCGAN.Options, size: int, classes: int) -> nn.Module:
    """The discriminator of pictures of this size that the options describe."""
    if o.network == "conv":
        return DCDiscriminator(_checked(size), o.channels, width=o.d_width, classes=classes)
    kind = LinearDiscriminator if o.network == "linear" else MaxoutDiscriminator
    return kind(size, o.channels, classes=classes)


def _checked(size: int) -> int:
    if size not in SIZES:
        raise UsageError(f"dcgan makes squares of {', '.join(map(str, SIZES))} pixels, not {size}: choose one of them")
    return size
