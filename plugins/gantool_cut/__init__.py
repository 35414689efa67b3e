"""CUT and FastCUT: Park, Efros, Zhang and Zhu, "Contrastive Learning for Unpaired Image-to-Image Translation",
ECCV 2020, arXiv 2007.15651.

One generator G: A -> B and one discriminator D of pictures of B. In place of a way back, patches are compared: in the
features of G's own encoder, projected by F, a patch of the result has to be closer to the same place of its input than
to all other places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gantool.capabilities import Averaged, Translates
from gantool.data.layouts.unpaired import unpaired
from gantool.losses.adversarial import GAN_MODES, discriminator_losses, generator_loss
from gantool.model import Batch, Data, Epochs, Model, Progress, Roles, Run
from gantool.networks.constants import uploaded
from gantool.networks.initialization import INITIALIZATIONS, initialize
from gantool.networks.norms import NORMS
from gantool.networks.passes import together
from gantool.networks.patchgan import PatchDiscriminator, PixelDiscriminator
from gantool.option_groups import AdamOptions, Averaging, adam
from gantool.options import option
from gantool.spec import Direction, Pictures, Sizes, Spec
from gantool.training import schedules
from gantool_cut.losses import patch_nce
from gantool_cut.networks import Discriminator, Generator, Projection


class CUT(Translates, Averaged, Model["CUT.Options"]):
    contract = 2
    paper = "Park et al., Contrastive Learning for Unpaired Image-to-Image Translation, ECCV 2020, arXiv 2007.15651"
    roles = Roles(training_only=("d", "f"))
    averages_buffers = True

    @dataclass(frozen=True, kw_only=True)
    class Options(Averaging, schedules.PolicySchedule, AdamOptions):
        channels: int = option(3, "channels of the pictures: 3 (RGB) or 1 (grey)", low=1, high=3)
        width: int = option(64, "channels of the generator's first layer", low=1)
        blocks: int = option(9, "residual blocks of the generator (the authors: 9, or 6)", low=0, high=64)
        dropout: bool = option(False, "dropout in the generator")
        norm: str = option("instance", "normalisation in both networks", choices=NORMS)
        antialias: bool = option(True, "the generator and the discriminator blur before they leave out pixels")
        antialias_up: bool = option(True, "the generator blurs when it enlarges; false: transposed convolutions")
        discriminator: str = option("patch", "discriminator network", choices=("patch", "pixel"))
        d_width: int = option(64, "channels of the discriminator's first layer", low=1)
        d_layers: int = option(3, "halvings in a patch discriminator (3: patches of about 70 x 70)", low=1, high=8)
        f_width: int = option(256, "channels of the projected features; 0 compares the features themselves", low=0)
        layers: tuple[int, ...] = option(
            (0, 4, 8, 12, 16), "layers of the generator whose features are compared, by the authors' numbers", low=0
        )
        patches: int = option(256, "places of a picture that are compared, in each layer", low=1)
        temperature: float = option(0.07, "what similarities are divided by: lower is stricter", low=1e-3)
        batch_negatives: bool = option(False, "other places of the whole batch are negatives, not of the picture alone")
        nce: float = option(1.0, "weight of the contrastive loss (FastCUT: 10)", low=0)
        identity: bool = option(True, "the same loss for pictures of B, which should stay (FastCUT: false)")
        flip: bool = option(False, "mirror half of the inputs, and compare with them unmirrored (FastCUT: true)")
        adv: float = option(1.0, "weight of the generator's adversarial loss", low=0)
        gan: str = option("lsgan", "adversarial objective", choices=GAN_MODES)
        init: str = option("xavier", "initialisation of the weights", choices=INITIALIZATIONS)
        init_gain: float = option(0.02, "scale of the initialisation", low=0)
        beta2: float = option(0.999, "second moment's decay of every Adam", low=0, below=1)
        n_epochs: int = option(200, "epochs at the base learning rate (FastCUT: 150)", low=0)
        n_epochs_decay: int = option(200, "epochs of linear decay after them (FastCUT: 50)", low=0)
        lr_at: str = option(
            "end",
            "the schedule advances at the end of an epoch (as the authors') or at its start",
            choices=("start", "end"),
        )

        def __post_init__(self) -> None:
            if self.channels == 2:
                raise ValueError("pictures have 1 or 3 channels")
            last = (11 if self.antialias else 9) + self.blocks
            if not self.layers or list(self.layers) != sorted({*self.layers}) or self.layers[-1] > last:
                given = ",".join(map(str, self.layers))
                raise ValueError(
                    f"with blocks={self.blocks}, layers are ascending numbers from 0 to {last}, not {given or 'none'}"
                )

    @classmethod
    def data(cls, o: CUT.Options) -> Data:
        return Data(unpaired(), (Pictures(o.channels),))

    @classmethod
    def length(cls, o: CUT.Options) -> Epochs:
        return o.length()

    def __init__(self, options: CUT.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        o = options
        self.g, self.d = generator(o), discriminator(o)
        self.f = Projection([self.g.channels_of(number) for number in o.layers], o.f_width)
        for network in (self.g, self.d, self.f):
            initialize(network, o.init, o.init_gain)
        self.sizes = Sizes(4, 8)
        # The norm behind a patch discriminator's last halving needs more than one value a channel.
        judged = 3 * 2**o.d_layers if o.discriminator == "patch" and o.norm != "none" else 0
        self.crops = Sizes(4, max(8, judged))
        self.averaged = ("g",) if o.ema else ()

    def directions(self) -> tuple[Direction, ...]:
        return (Direction(*self.spec.domains),)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        networks = {"G": self.g, "D": self.d} | ({"F": self.f} if self.options.f_width else {})
        return {name: adam(self.options, network) for name, network in networks.items()}

    def rate_factor(self, now: Progress) -> float:
        return schedules.by_policy(self.options, self.options.epoch(now))

    def average_decay(self, now: Progress) -> float:
        return self.options.average_decay(now.step)

    def training_step(self, batch: Batch, run: Run) -> None:
        """Section 3 of the paper, in the authors' order: D learns first, then G and F against the D that has learnt."""
        a, b, o = batch["A"], batch["B"], self.options
        sources = [a, b] if o.identity else [a]
        mirrored = o.flip and self.mirrors(run.rng)
        learners = ("G", "F") if o.f_width else ("G",)

        with run.phase("G"):
            fake_b, *same_b = self.translated([x.flip(3) for x in sources] if mirrored else sources)

        with run.phase("D"):
            d_fake, d_real = discriminator_losses(self.d, (fake_b.detach(), False), (b, True), o.gan)
            run.backward(0.5 * (d_fake + d_real))
            run.update("D")

        with run.phase(*learners):
            gan = o.adv * generator_loss(self.d(fake_b), o.gan)
            nce = self.contrast(sources, [fake_b, *same_b], mirrored, run)
            # The paper adds what A and B give (equation 5); the authors' code takes the mean.
            run.backward(gan + torch.stack(nce).mean())
            run.update(*learners)

        run.log(gan=gan, nce=nce[0], d_real=d_real, d_fake=d_fake)
        if o.identity:
            run.log(nce_identity=nce[1])

    def translated(self, pictures: Sequence[Tensor]) -> Sequence[Tensor]:
        """Batches through G: in one pass, as the authors' are, unless their sizes differ."""
        if any(x.shape[1:] != pictures[0].shape[1:] for x in pictures):
            return [self.g(x) for x in pictures]
        translated: Sequence[Tensor] = self.g(torch.cat([*pictures])).split([len(x) for x in pictures])
        return translated

    def contrast(self, sources: Sequence[Tensor], results: Sequence[Tensor], mirrored: bool, run: Run) -> list[Tensor]:
        """The weighted contrastive loss of each batch with its result, a mean over layers and places (equation 4).

        Results that are `mirrored` are compared as they would be unmirrored. No gradient goes through the sources.
        """
        o, losses = self.options, []
        generated = self.encoded(results)
        with torch.no_grad():
            given = self.encoded(sources)
        for of_source, of_result in zip(given, generated, strict=True):
            places = [uploaded(self.places(x[0, 0].numel(), run.rng), x.device) for x in of_source]
            with torch.no_grad():
                keys = self.f(of_source, places)
            queries = self.f([x.flip(3) for x in of_result] if mirrored else of_result, places)
            pictures = 1 if o.batch_negatives else len(of_source[0])
            layers = [
                patch_nce(q, k, pictures=pictures, temperature=o.temperature).mean()
                for q, k in zip(queries, keys, strict=True)
            ]
            losses.append(o.nce * torch.stack(layers).mean())
        return losses

    def encoded(self, pictures: Sequence[Tensor]) -> list[list[Tensor]]:
        """The features of each batch, (N, C, h, w) for each of the option's layers; in one pass where that is the
        same."""
        return together(self.g, *pictures, call=lambda x: self.g.features(x, self.options.layers))

    def mirrors(self, rng: torch.Generator) -> bool:
        """Whether this step's inputs are mirrored: every other time."""
        return float(torch.rand((), generator=rng)) < 0.5

    def places(self, count: int, rng: torch.Generator) -> Tensor:
        """Which of a layer's so many places are compared, (S,): the same for the whole batch, on every process."""
        return torch.randperm(count, generator=rng)[: self.options.patches]

    def translate(
        self, images: Tensor, *, source: int, target: int, code: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        pictures: Tensor = self.g(images)
        return pictures


def generator(o: CUT.Options) -> Generator:
    """The generator that the options describe."""
    return Generator(
        o.channels,
        width=o.width,
        blocks=o.blocks,
        norm=o.norm,
        dropout=o.dropout,
        antialias=o.antialias,
        antialias_up=o.antialias_up,
    )


def discriminator(o: CUT.Options) -> nn.Module:
    """The discriminator that the options describe."""
    if o.discriminator == "pixel":
        return PixelDiscriminator(o.channels, width=o.d_width, norm=o.norm)
    kind = Discriminator if o.antialias else PatchDiscriminator
    return kind(o.channels, width=o.d_width, layers=o.d_layers, norm=o.norm)
