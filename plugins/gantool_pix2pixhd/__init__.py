"""pix2pixHD: Wang, Liu, Zhu, Tao, Kautz and Catanzaro, "High-Resolution Image Synthesis and Semantic Manipulation with
Conditional GANs", CVPR 2018, arXiv 1711.11585.

A generator G translates label maps with the borders of their instances (or plain pictures) A to pictures B, coarse to
fine; discriminators D of one form judge pairs of input and picture at several scales. An encoder E, where asked for,
gives G features of the real picture, averaged over each instance. Defaults are those of the authors' code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gantool.capabilities import Averaged, Coded, Grows, Translates
from gantool.data.layouts.labelled import labelled
from gantool.data.layouts.paired import paired
from gantool.importing.reading import read_official
from gantool.losses.adversarial import UNPENALISED, adversarial_loss, generator_loss
from gantool.losses.feature_matching import feature_matching_loss
from gantool.losses.perceptual import perceptual_loss
from gantool.model import Batch, Data, Epochs, Model, Progress, Roles, Run
from gantool.networks.multiscale import MultiScaleDiscriminator
from gantool.networks.precision import single
from gantool.networks.vgg import VGG19, vgg19
from gantool.option_groups import AdamOptions, Averaging, Enlarging, EpochSchedule, TwoDomains, adam
from gantool.options import option
from gantool.spec import Direction, LabelMaps, Pictures, Sizes, Spec
from gantool.training.image_pool import ImagePool
from gantool.training.schedules import falling
from gantool_pix2pixhd.maps import edges, one_hot, pooled
from gantool_pix2pixhd.networks import Discriminator, Encoder, Generator, initialize
from gantool_pix2pixhd.styles import Styles


class Pix2PixHD(Translates, Coded, Grows, Averaged, Model["Pix2PixHD.Options"]):
    contract = 2
    paper = (
        "Wang et al., High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs, CVPR 2018,"
        " arXiv 1711.11585"
    )
    roles = Roles(training_only=("d", "e", "pool"), frozen=("vgg",))
    averages_buffers = True

    @dataclass(frozen=True, kw_only=True)
    class Options(Averaging, Enlarging, TwoDomains, EpochSchedule, AdamOptions):
        label_nc: int = option(35, "classes of the label maps, ids 0 to label_nc - 1; 0: A is plain pictures", low=0)
        instances: bool | None = option(
            None, "instance maps come with the label maps (none: wherever there are labels)"
        )
        width: int = option(64, "channels of the global generator's first layer", low=1)
        down: int = option(4, "stride-2 layers of the global generator", low=1, high=8)
        blocks: int = option(9, "residual blocks of the global generator", low=1, high=64)
        enhancers: int = option(
            0, "local enhancers around the global generator: each doubles the resolution and halves the width", low=0
        )
        local_blocks: int = option(3, "residual blocks of a local enhancer", low=0, high=64)
        norm: str = option("instance", "normalisation in all networks", choices=("instance", "batch"))
        d_width: int = option(64, "channels of the discriminators' first layer", low=1)
        d_layers: int = option(3, "stride-2 layers of a discriminator", low=1, high=8)
        scales: int = option(2, "discriminators, each at half the resolution of the one before", low=1, high=6)
        features: str = option(
            "none",
            "what the encoder's features are averaged over, if there is one",
            choices=("none", "instance", "label"),
        )
        feature_nc: int = option(3, "channels of the encoder's features", low=1)
        e_width: int = option(16, "channels of the encoder's first layer", low=1)
        e_down: int = option(4, "stride-2 layers of the encoder", low=1, high=8)
        channels_a: int = option(
            3, "channels of the pictures of A, if they are no label maps: 3 (RGB) or 1", low=1, high=3
        )
        gan: str = option("lsgan", "adversarial objective", choices=UNPENALISED)
        matching: float = option(10.0, "weight of the feature matching loss", low=0)
        vgg: str = option(
            "", "file with VGG-19's weights by torchvision's names; without it no perceptual loss", file=True
        )
        perceptual: float = option(10.0, "weight of the perceptual loss, if vgg names a file", low=0)
        pool: int = option(0, "generated pairs remembered for the discriminators; 0 for none", low=0)
        fix_global: int = option(
            0,
            "epochs at the beginning in which the outermost local enhancer alone is trained, not what it encloses",
            low=0,
        )

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.instances and not self.label_nc:
                raise ValueError("instance maps come with label maps: set label_nc, or leave out instances")
            if self.features != "none" and not self.label_nc:
                raise ValueError("features are averaged by means of label maps: set label_nc, or features=none")
            if self.features == "instance" and self.instances is False:
                raise ValueError("features=instance needs instance maps; without them: features=label")
            if self.width % 2**self.enhancers:
                raise ValueError(f"width is halved by every local enhancer: a multiple of {2**self.enhancers}")
            if self.fix_global and not self.enhancers:
                raise ValueError("fix_global leaves nothing to train where there are no local enhancers")

        @property
        def with_instances(self) -> bool:
            """Whether there are instance maps."""
            return self.label_nc > 0 and self.instances is not False

        @property
        def input_channels(self) -> int:
            """Channels of what the discriminators see of A: classes and borders, or the picture's own."""
            return self.label_nc + self.with_instances if self.label_nc else self.channels_a

    @classmethod
    def data(cls, o: Pix2PixHD.Options) -> Data:
        if not o.label_nc:
            return Data(paired(), o.kinds)
        maps = LabelMaps(o.label_nc, o.with_instances)
        return Data(labelled(o.label_nc, instances=o.with_instances), (maps, Pictures(o.channels_b)))

    @classmethod
    def length(cls, o: Pix2PixHD.Options) -> Epochs:
        return o.length()

    def __init__(self, options: Pix2PixHD.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        o, out = options, options.channels_b
        encoded = o.features != "none"
        self.g = generator(o, o.input_channels + (o.feature_nc if encoded else 0))
        self.d = discriminator(o, o.input_channels + out)
        self.e = encoder(o) if encoded else None
        self.styles = Styles(o.label_nc, o.feature_nc) if encoded else None
        self.pool = ImagePool(o.pool)
        self.vgg: VGG19 | None = None
        for network in (self.g, self.d, self.e):
            if network is not None:
                initialize(network)
        self.code_size = o.label_nc * o.feature_nc if encoded else 0
        halvings = max(o.down + o.enhancers, o.e_down if encoded else 0)
        # The deepest maps are padded by reflection or normalised: they need more than one pixel.
        self.sizes = Sizes(2**halvings, 2 ** (halvings + 1))
        # So do the norms of the coarsest discriminator; and VGG-19 halves four times.
        self.crops = Sizes(2**halvings, max(self.sizes.minimum, 2**o.scales, 16 if o.vgg else 0))
        self.averaged = ("g",) if o.ema else ()

    def directions(self) -> tuple[Direction, ...]:
        return (Direction(*self.spec.domains),)

    def prepare_training(self) -> None:
        if self.options.vgg:
            self.vgg = vgg19(read_official(Path(self.options.vgg)), self.options.vgg)

    def adopt(self, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """From coarse to fine: what a run with fewer local enhancers or scales lacks begins anew, and the last layer,
        which has another width."""
        own = self.state_dict()
        grown = [key for key in own if key.startswith(("g.enhancers.", "d.scales.")) and key not in tensors]
        deeper = any(key.startswith("g.") for key in grown)
        heads = [key for key in own if key.startswith("g.head.") and deeper]
        parts = {key.partition(".")[0] for key in tensors}
        return {**tensors, **{key: own[key] for key in (*grown, *heads) if key.partition(".")[0] in parts}}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        o = self.options
        optimizers: dict[str, torch.optim.Optimizer] = {"G": adam(o, self.g, self.e), "D": adam(o, self.d)}
        if o.fix_global:  # an Adam of its own: all of G begins with fresh moments afterwards
            optimizers["enhancer"] = adam(o, self.g.enhancers[-1], self.g.head, self.e)
        return optimizers

    def rate_factor(self, now: Progress) -> float:
        return falling(int(now.schedule), self.options.n_epochs, self.options.n_epochs_decay)

    def average_decay(self, now: Progress) -> float:
        return self.options.average_decay(now.step)

    def training_step(self, batch: Batch, run: Run) -> None:
        """Section 3 of the paper, in the authors' order; all losses of a step are those before its first update."""
        o = self.options
        a, b = batch["A"], batch["B"]
        trained = "enhancer" if run.now.schedule < o.fix_global else "G"
        x = self.inputs(a)

        with run.phase(trained):
            fake = self.g(x if self.e is None else torch.cat([x, self.features(a, b, run)], 1))

        with run.phase("D"):
            on_fake = self.d(self.pool(torch.cat([x, fake.detach()], 1), run))
            on_real = self.d(torch.cat([x, b], 1))
            d_fake, d_real = self.gan_loss(on_fake, False), self.gan_loss(on_real, True)
            run.backward(0.5 * (d_fake + d_real))

        with run.phase(trained):
            on_fake = self.d(torch.cat([x, fake], 1))
            gan = generator_loss([stages[-1] for stages in on_fake], o.gan)
            losses = {"gan": gan}
            if o.matching > 0:  # equation 4
                losses["matching"] = o.matching * feature_matching_loss(on_fake, on_real)
            if self.vgg is not None and o.perceptual > 0:
                losses["perceptual"] = o.perceptual * perceptual_loss(self.vgg, fake, b)
            run.backward(torch.stack([*losses.values()]).sum())
            run.update(trained)

        with run.phase("D"):
            run.update("D")

        run.log(**losses, d_real=d_real, d_fake=d_fake)

    def gan_loss(self, outputs: list[list[Tensor]], real: bool) -> Tensor:
        """What D asks, summed over the scales (equation 3)."""
        return adversarial_loss([stages[-1] for stages in outputs], real, self.options.gan)

    def inputs(self, a: Tensor) -> Tensor:
        """What the networks see of A: pictures as they are; ids (N, 1 or 2, H, W) as classes and instance borders."""
        if not self.options.label_nc:
            return a
        dtype = next(self.parameters()).dtype
        classes = one_hot(a[:, :1], self.options.label_nc, dtype)
        return torch.cat([classes, edges(a[:, 1:], dtype)], 1) if self.options.with_instances else classes

    def features(self, a: Tensor, b: Tensor, run: Run) -> Tensor:
        """Features (N, F, H, W) of the real pictures, averaged over each instance or class (section 3.4)."""
        assert self.e is not None
        assert self.styles is not None
        regions = a[:, 1:] if self.options.features == "instance" else a[:, :1]
        found = self.e(b)
        self.styles.observe(found, a[:, :1], run)
        return pooled(single(found), regions)

    def translate(
        self, images: Tensor, *, source: int, target: int, code: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        x = self.inputs(images)
        if self.styles is not None and code is not None:
            x = torch.cat([x, self.styles.spread(code.to(x.dtype), x[:, : self.options.label_nc])], 1)
        pictures: Tensor = self.g(x)
        return pictures

    def random_code(self, target: int, generator: torch.Generator) -> Tensor:
        """Features for each class, drawn from those that the encoder gave it; within [-1, 1]."""
        return super().random_code(target, generator) if self.styles is None else self.styles.random(generator)

    def mean_code(self, target: int) -> Tensor:
        return super().mean_code(target) if self.styles is None else self.styles.means().flatten()[None]


def generator(o: Pix2PixHD.Options, in_channels: int) -> Generator:
    """The generator that the options describe."""
    return Generator(
        in_channels,
        o.channels_b,
        width=o.width,
        down=o.down,
        blocks=o.blocks,
        enhancers=o.enhancers,
        local_blocks=o.local_blocks,
        norm=o.norm,
        upsample=o.upsample,
    )


def discriminator(o: Pix2PixHD.Options, in_channels: int) -> MultiScaleDiscriminator:
    """The discriminators that the options describe, all of one form. Two of them keep their place inside three."""
    networks = (Discriminator(in_channels, o.d_width, o.d_layers, o.norm) for _ in range(o.scales))
    return MultiScaleDiscriminator(networks, coarsest_first=True)


def encoder(o: Pix2PixHD.Options) -> Encoder:
    """The encoder that the options describe."""
    return Encoder(o.channels_b, o.feature_nc, width=o.e_width, down=o.e_down, norm=o.norm)
