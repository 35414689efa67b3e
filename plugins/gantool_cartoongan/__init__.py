"""CartoonGAN: Chen, Lai and Liu, "CartoonGAN: Generative Adversarial Networks for Photo Cartoonization", CVPR 2018.

One generator G makes cartoons of photos. A discriminator D learns cartoons against what G makes, and against the same
cartoons with softened edges: so G has to draw edges. What a photo shows is kept by comparing features of it and of the
cartoon. First G learns to repeat photos by that alone. Defaults are those of the first author's code, but for what
docs/models/cartoongan.md names.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gantool.capabilities import Averaged, Translates
from gantool.data.layouts.unpaired import SMOOTHED, unpaired
from gantool.errors import UsageError, argument
from gantool.losses.adversarial import UNPENALISED, adversarial_loss, generator_loss
from gantool.model import Batch, Data, Epochs, Model, Progress, Roles, Run
from gantool.networks.passes import together
from gantool.networks.vgg import VGG19
from gantool.option_groups import AdamOptions, Averaging, adam
from gantool.options import option
from gantool.spec import Direction, Sizes, Spec
from gantool.training.image_pool import ImagePool
from gantool.training.schedules import falling
from gantool_cartoongan.content import FEATURES, WEIGHTS, content_loss, read_vgg
from gantool_cartoongan.networks import PADDINGS, UPSAMPLINGS, Discriminator, Generator, begin


class CartoonGAN(Translates, Averaged, Model["CartoonGAN.Options"]):
    contract = 2
    paper = "Chen et al., CartoonGAN: Generative Adversarial Networks for Photo Cartoonization, CVPR 2018"
    sizes = Sizes(multiple=4, minimum=8)
    roles = Roles(training_only=("d", "pool"), frozen=("vgg",))

    @dataclass(frozen=True, kw_only=True)
    class Options(Averaging, AdamOptions):
        width: int = option(64, "channels of the generator's first layer", low=1)
        blocks: int = option(8, "residual blocks of the generator", low=0, high=64)
        padding: str = option("reflect", "padding of the first and last layer and of the blocks", choices=PADDINGS)
        affine: bool = option(True, "norms have a learned scale and shift")
        eps: float = option(1e-5, "epsilon of the generator's norms (the released weights: 1e-9)", low=1e-12, high=1)
        upsample: str = option(
            "transposed",
            "transposed convolutions, or nearest neighbours or bilinear interpolation, and a convolution",
            choices=UPSAMPLINGS,
        )
        d_width: int = option(32, "channels of the discriminator's first layer", low=1)
        d_layers: int = option(3, "layers of the discriminator; all but one halve the sides", low=1, high=8)
        gan: str = option("lsgan", "adversarial objective", choices=UNPENALISED)
        edges: str = option(
            "drawn", "the smoothed cartoon of a step: drawn by itself, or the same as its cartoon", choices=SMOOTHED
        )
        content: float = option(10.0, "weight of the content loss; that of the adversarial loss is 1", low=0)
        features: str = option(
            "caffe",
            "what photo and cartoon are compared by: VGG-19 with Caffe's weights (caffe224: at 224 x 224), VGG-19 of"
            " plain pictures, or their pixels",
            choices=FEATURES,
        )
        vgg: str = option("", "file with VGG-19's weights by torchvision's names; not for pixels", file=True)
        pool: int = option(0, "generated pictures remembered for the discriminator; 0 for none", low=0)
        lr: float = option(1e-5, "base learning rate of both Adams", low=0)
        lr_init: float = option(2e-4, "base learning rate of the initialisation", low=0)
        init_epochs: int = option(10, "epochs of the initialisation at its base rate", low=0)
        init_epochs_decay: int = option(10, "epochs of linear decay after them", low=0)
        n_epochs: int = option(100, "epochs of the training proper at the base rate", low=0)
        n_epochs_decay: int = option(100, "epochs of linear decay after them", low=0)

        @property
        def init_length(self) -> int:
            """Epochs of the initialisation."""
            return self.init_epochs + self.init_epochs_decay

    @classmethod
    def data(cls, o: CartoonGAN.Options) -> Data:
        return Data(unpaired(smoothed=o.edges), batch=8)

    @classmethod
    def length(cls, o: CartoonGAN.Options) -> Epochs:
        return Epochs(o.init_length + o.n_epochs + o.n_epochs_decay)

    def __init__(self, options: CartoonGAN.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        o = options
        self.g, self.d = generator(o), discriminator(o)
        begin(self.g)
        begin(self.d)
        self.pool = ImagePool(o.pool)
        self.vgg: VGG19 | None = None
        # Norms need more than one pixel, behind the discriminator's strides, too.
        self.crops = Sizes(4, max(8, 2**o.d_layers))
        self.averaged = ("g",) if o.ema else ()

    def directions(self) -> tuple[Direction, ...]:
        return (Direction(*self.spec.domains),)

    def prepare_training(self) -> None:
        o = self.options
        if o.features == "pixels":
            return
        if not o.vgg:
            raise UsageError(
                f"cartoongan compares photo and cartoon by VGG-19, and gantool downloads nothing:"
                f" {argument('set', 'vgg=FILE')} names its weights ({WEIGHTS[o.features]}),"
                f" and {argument('preset', 'small')} and {argument('set', 'features=pixels')} need none"
            )
        self.vgg = read_vgg(o.vgg)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        o = self.options
        optimizers: dict[str, torch.optim.Optimizer] = {"G": adam(o, self.g), "D": adam(o, self.d)}
        if o.init_length:  # an Adam of its own: the training proper begins with fresh moments
            optimizers["init"] = adam(o, self.g, lr=o.lr_init)
        return optimizers

    def rate_factor(self, now: Progress) -> float:
        o, epoch = self.options, int(now.schedule)
        if epoch < o.init_length:
            return falling(epoch, o.init_epochs, o.init_epochs_decay)
        return falling(epoch - o.init_length, o.n_epochs, o.n_epochs_decay)

    def average_decay(self, now: Progress) -> float:
        return self.options.average_decay(now.step)

    def training_step(self, batch: Batch, run: Run) -> None:
        """Section 3 of the paper: the initialisation (3.3), then the discriminator and the generator in turn."""
        o = self.options
        photo, cartoon, smoothed = batch["A"], batch["B"], batch["E"]

        if run.now.schedule < o.init_length:
            with run.phase("init"):
                content = self.content(self.g(photo), photo)
                run.backward(content)
                run.update("init")
            run.log(content=content)
            return

        with run.phase("G"):
            fake = self.g(photo)

        with run.phase("D"):  # equation 3
            scores = together(self.d, cartoon, smoothed, self.pool(fake, run))
            d_real, d_edge, d_fake = (
                adversarial_loss(p, real, o.gan) for p, real in zip(scores, (True, False, False), strict=True)
            )
            run.backward(d_real + d_edge + d_fake)
            run.update("D")

        with run.phase("G"):  # equations 2 and 4
            gan, content = generator_loss(self.d(fake), o.gan), self.content(fake, photo)
            run.backward(gan + content)
            run.update("G")

        run.log(gan=gan, content=content, d_real=d_real, d_edge=d_edge, d_fake=d_fake)

    def content(self, made: Tensor, photo: Tensor) -> Tensor:
        """The content loss (equation 4) with its weight."""
        return self.options.content * content_loss(made, photo, self.options.features, self.vgg)

    def translate(
        self, images: Tensor, *, source: int, target: int, code: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        pictures: Tensor = self.g(images)
        return pictures


def generator(o: CartoonGAN.Options) -> Generator:
    """The generator that the options describe."""
    return Generator(width=o.width, blocks=o.blocks, padding=o.padding, affine=o.affine, eps=o.eps, upsample=o.upsample)


def discriminator(o: CartoonGAN.Options) -> Discriminator:
    """The discriminator that the options describe."""
    return Discriminator(width=o.d_width, layers=o.d_layers, affine=o.affine)
