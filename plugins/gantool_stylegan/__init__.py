"""StyleGAN2-ADA: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, arXiv 1912.04958,
and "Training Generative Adversarial Networks with Limited Data", NeurIPS 2020, arXiv 2006.06676. With `version=1`,
StyleGAN: Karras, Laine and Aila, "A Style-Based Generator Architecture for Generative Adversarial Networks", CVPR 2019,
arXiv 1812.04948.

A mapping makes a style w of a latent z; in each layer of the generator w says how strong the maps are. So coarse layers
can take the style of one latent and fine ones that of another.
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.augmentation.adaptive import SETS, Augment, kinds_of
from gantool.capabilities import Averaged, Grows, Mixes
from gantool.data.layouts.domains import domains
from gantool.data.layouts.pictures import pictures
from gantool.errors import UsageError
from gantool.losses.adversarial import adversarial_loss
from gantool.losses.gradient_penalty import r1
from gantool.model import Batch, Data, Model, Progress, Roles, Run, Steps
from gantool.option_groups import OneKind
from gantool.options import option
from gantool.spec import Sizes, Spec
from gantool_stylegan import adain, modulation, schedules
from gantool_stylegan.generator import Generator
from gantool_stylegan.mapping import Mapping
from gantool_stylegan.modulation import CONNECTIONS
from gantool_stylegan.path_length import PathLength, path_lengths

SIZES = (8, 16, 32, 64, 128, 256, 512, 1024)
"""Sides of the pictures that it makes."""
_BY_ITSELF = "below 0: as StyleGAN2-ADA's auto"


class StyleGAN(Mixes, Averaged, Grows, Model["StyleGAN.Options"]):
    contract = 2
    paper = (
        "Karras et al., Analyzing and Improving the Image Quality of StyleGAN, CVPR 2020, arXiv 1912.04958; Training"
        " Generative Adversarial Networks with Limited Data, NeurIPS 2020, arXiv 2006.06676; with version=1 A"
        " Style-Based Generator Architecture for Generative Adversarial Networks, CVPR 2019, arXiv 1812.04948"
    )
    averaged = ("g",)
    truncates = "styles are drawn toward the mean style"

    @dataclass(frozen=True, kw_only=True)
    class Options(OneKind):
        version: int = option(2, "2 (weights are modulated) or 1 (adaptive instance norm)", low=1, high=2)
        classes: bool = option(False, "each folder is a class, and both networks are told which")
        latent: int = option(512, "numbers of a latent z", low=1)
        style: int = option(512, "numbers of a style w", low=1)
        mapping_layers: int = option(8, "layers from z to w", low=1)
        d_mapping_layers: int = option(8, "layers that map a label for the discriminator (version 2)", low=1)
        channel_base: int = option(16384, "channels of a layer are this divided by its side", low=8)
        channel_max: int = option(512, "channels of a layer at most", low=1)
        connections: str = option("skip", "connections of the generator's blocks (version 2)", choices=CONNECTIONS)
        d_connections: str = option(
            "resnet", "connections of the discriminator's blocks (version 2)", choices=CONNECTIONS
        )
        group: int = option(4, "pictures that the discriminator compares with each other", low=1)
        clamp: float = option(
            0.0, "largest value of a map, for half precision: 256 in the authors' files; 0 for none (version 2)", low=0
        )
        lr: float = option(0.0025, "learning rate of both Adams", low=0)
        beta1: float = option(0.0, "first moment's decay of both Adams", low=0, below=1)
        beta2: float = option(0.99, "second moment's decay of both Adams", low=0, below=1)
        gamma: float = option(-1.0, f"weight of R1; {_BY_ITSELF}, 0.0002 size^2 / batch")
        r1_interval: int = option(16, "batches from one step of R1 to the next (version 1: every batch)", low=1)
        path: float = option(2.0, "weight of the path length; 0 for none (version 2)", low=0)
        path_interval: int = option(4, "batches from one step of the path length to the next", low=1)
        path_shrink: int = option(2, "the path length is measured on this part of a batch: 2 for half", low=1)
        mixing: float = option(0.9, "share of batches whose pictures mix the styles of two latents", low=0, high=1)
        half_life: float = option(
            -1.0, f"half-life of the average of the weights, in thousand pictures; {_BY_ITSELF}, batch 10 / 32"
        )
        rampup: float = option(0.05, "a shorter half-life at first: this share of the pictures seen; 0 for none", low=0)
        augment: str = option("bgc", "transformations of what the discriminator sees (ADA)", choices=("none", *SETS))
        target: float = option(0.6, "ADA: the mean sign of the scores of real pictures to hold", low=-1, high=1)
        ada_kimg: float = option(500.0, "ADA: thousand pictures in which p can rise from 0 to 1", low=0.001)
        fade: float = option(
            0.0, "version 1: thousand pictures in which the last block comes in, after `from` a smaller size", low=0
        )

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.fade and self.version == 2:
                raise ValueError("fade is for version=1: version 2 does not grow")

    @classmethod
    def data(cls, o: StyleGAN.Options) -> Data:
        settings = {"preprocess": "square", "size": 256, "flip": False}
        layout = domains() if o.classes else pictures(augmented=o.augment != "none")
        return Data(layout, o.kinds, batch=32, settings=settings)

    @classmethod
    def length(cls, o: StyleGAN.Options) -> Steps:
        return Steps(25_000_000 // 32)

    def __init__(self, options: StyleGAN.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        o, size = options, spec.size
        if size not in SIZES:
            raise UsageError(f"stylegan makes squares of {', '.join(map(str, SIZES))} pixels, not {size}: choose one")
        if o.channel_base < size:
            raise UsageError(f"stylegan: channel_base is at least the size, {size}, not {o.channel_base}")
        self.latent_size, self.label_size = o.latent, len(spec.domains) if o.classes else 0
        self.g, self.d = generator(o, size, self.label_size), discriminator(o, size, self.label_size)
        self.style_shape = (self.g.synthesis.styles, o.style)
        self.augment = None if o.augment == "none" else Augment(kinds_of(o.augment))
        self.path = PathLength() if o.version == 2 and o.path else None
        self.crops = Sizes(exact=size)
        beside = (name for name in ("augment", "path") if getattr(self, name) is not None)
        self.roles = Roles(training_only=("d", *beside))

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        o = self.options
        intervals = {"G": o.path_interval if o.path else 0, "D": o.r1_interval if o.gamma else 0}
        found: dict[str, torch.optim.Optimizer] = {}
        for name, network in (("G", self.g), ("D", self.d)):
            rate, betas = o.lr, (o.beta1, o.beta2)
            if o.version == 2 and intervals[name]:
                rate, betas = schedules.lazily(rate, betas, intervals[name])
            found[name] = torch.optim.Adam(network.parameters(), lr=rate, betas=betas, fused=True)
        return found

    def average_decay(self, now: Progress) -> float:
        o = self.options
        life = o.half_life if o.half_life >= 0 else schedules.automatic_half_life(now.batch)
        return schedules.average_decay(now.batch, now.pictures, life, o.rampup)

    def training_step(self, batch: Batch, run: Run) -> None:
        """Four phases, each with its own latents: G, its path length, D, and R1 (StyleGAN2, appendix B)."""
        o, real, step = self.options, batch["image"], run.now.step
        label = self.told(batch["label"]) if o.classes else None
        if o.version == 1:
            self.step_of_version_1(real, label, run)
            return
        n = len(real)

        with run.phase("G"):
            asked = self.asked(label, run)
            fake, _ = self.make(n, asked, run)
            gan = adversarial_loss(self.judge(fake, asked, run), True, "vanilla")
            run.backward(gan)
            run.update("G")
        run.log(gan=gan)

        if self.path is not None and step % o.path_interval == 0:
            with run.phase("G"), torch.autocast(real.device.type, enabled=False):
                some = max(n // o.path_shrink, 1)
                asked = self.asked(label, run)
                fake, ws = self.make(some, None if asked is None else asked[:some], run)
                lengths = path_lengths(fake, ws, run.randn(*fake.shape))
                path = self.path.penalty(lengths)
                # The rest, which is 0, reaches all parameters: all of them take this step.
                run.backward(o.path * o.path_interval * path + 0 * fake.sum())
                run.update("G")
                self.path.follow(lengths.detach(), run)
            run.log(path=path, path_length=self.path.mean)

        with run.phase("D"):
            asked = self.asked(label, run)
            with torch.no_grad():
                fake, _ = self.make(n, asked, run)
            scores_fake, scores_real = self.judge(fake, asked, run), self.judge(real, label, run)
            d = adversarial_loss(scores_fake, False, "vanilla") + adversarial_loss(scores_real, True, "vanilla")
            run.backward(d)
            run.update("D")
            self.heed(scores_real, run)
        run.log(d=d, scores_fake=scores_fake.mean(), scores_real=scores_real.mean())

        if o.gamma and step % o.r1_interval == 0:
            with run.phase("D"):
                scores, penalty = r1(lambda x: self.judge(x, label, run), real)
                run.backward(self.gamma(run.now) * o.r1_interval * penalty + 0 * scores.sum())
                run.update("D")
            run.log(r1=penalty)

    def step_of_version_1(self, real: Tensor, label: Tensor | None, run: Run) -> None:
        """D, with R1 every time, and G (StyleGAN, appendix C)."""
        lod = schedules.lod(run.now.pictures, self.options.fade)
        real = adain.faded(real, lod)
        with run.phase("D"):
            with torch.no_grad():
                fake, _ = self.make(len(real), label, run, lod)
            scores_fake = self.judge(fake, label, run, lod)
            scores_real, penalty = r1(lambda x: self.judge(x, label, run, lod), real)
            d = adversarial_loss(scores_fake, False, "vanilla") + adversarial_loss(scores_real, True, "vanilla")
            run.backward(d + self.gamma(run.now) * penalty)
            run.update("D")
            self.heed(scores_real, run)
        run.log(d=d, r1=penalty, scores_fake=scores_fake.mean(), scores_real=scores_real.mean())

        with run.phase("G"):
            asked = self.asked(label, run)
            fake, _ = self.make(len(real), asked, run, lod)
            gan = adversarial_loss(self.judge(fake, asked, run, lod), True, "vanilla")
            run.backward(gan)
            run.update("G")
        run.log(gan=gan)

    def make(self, count: int, asked: Tensor | None, run: Run, *lod: float) -> tuple[Tensor, Tensor]:
        """Pictures (count, C, H, W) of random latents, with random noise, and their styles.

        From a random layer on they have the style of a second latent (StyleGAN, section 3.1).
        """
        o, g = self.options, self.g
        z, second = run.randn(count, o.latent), run.randn(count, o.latent)
        w = g.mapping(z, asked)
        g.mapping.follow(run.gather(w.detach()))
        ws = w[:, None].expand(-1, g.synthesis.styles, -1)
        crossover = self.crossover(run.rng)
        if crossover < g.synthesis.styles:
            others = g.mapping(second, asked)[:, None].expand_as(ws)
            ws = crossed(ws, others, crossover)
        noise = [run.randn(count, 1, *stored.shape[2:]) for stored in g.synthesis.stored_noise()]
        return g.synthesis(ws, noise, *lod), ws

    def judge(self, images: Tensor, label: Tensor | None, run: Run, *lod: float) -> Tensor:
        """What D says (N, 1) of pictures, which it sees through random transformations."""
        seen = images if self.augment is None else self.augment(images, run)
        scores: Tensor = self.d(seen, label, *lod)
        return scores

    def heed(self, scores: Tensor, run: Run) -> None:
        """ADA's p follows the scores of real pictures."""
        o = self.options
        if self.augment is not None:
            self.augment.heed(run.gather(scores.detach()), run.now.batch, target=o.target, kimg=o.ada_kimg)
            run.log(p=self.augment.p)

    def crossover(self, rng: torch.Generator) -> int:
        """The first layer that has the second style; the number of layers where none has."""
        layers = self.g.synthesis.styles
        first = int(torch.randint(1, layers, (), generator=rng))
        return first if float(torch.rand((), generator=rng)) < self.options.mixing else layers

    def asked(self, label: Tensor | None, run: Run) -> Tensor | None:
        """Labels (N, classes) for pictures to be made: drawn from those of the batch, of all processes together."""
        if label is None:
            return None
        labels = run.gather(label)
        return labels[(run.rand(len(label)) * len(labels)).long()]

    def told(self, label: Tensor) -> Tensor:
        """Numbers of classes (N,) as labels (N, classes)."""
        return F.one_hot(label, self.label_size).float()

    def gamma(self, now: Progress) -> float:
        """The weight of R1."""
        return self.options.gamma if self.options.gamma >= 0 else schedules.automatic_gamma(self.spec.size, now.batch)

    def adopt(self, tensors: Table[str, Tensor]) -> Table[str, Tensor]:
        """Version 1 grows: the blocks that a run of a smaller size lacks begin anew. Version 2 is told so."""
        own = self.state_dict()
        parts = {key.partition(".")[0] for key in tensors}
        lacking = {key: value for key, value in own.items() if key.partition(".")[0] in parts and key not in tensors}
        blocks = {key for key in lacking if f"b{self.spec.size}." in key}
        if blocks and self.options.version == 2:
            raise UsageError("stylegan of version 2 does not grow: train it at its full size, or take version=1")
        return {**tensors, **{key: lacking[key] for key in blocks}}

    def styles(self, latents: Tensor, *, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        w = self.g.mapping(latents, labels)[:, None].expand(-1, self.g.synthesis.styles, -1)
        # Version 1's authors leave fine layers as they are: their styles are colours (StyleGAN, appendix B).
        return (
            w if truncation == 1 else self.g.mapping.truncated(w, truncation, 8 if self.options.version == 1 else None)
        )

    def of_styles(self, styles: Tensor) -> Tensor:
        made: Tensor = self.g.synthesis(styles)
        return made

    def noises(self) -> list[Tensor]:
        return [layer.noise_const for layer in self.g.synthesis.layers()]

    def sample(self, latents: Tensor, *, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        return self.of_styles(self.styles(latents, labels=labels, truncation=truncation))


def crossed(ws: Tensor, others: Tensor, crossover: int) -> Tensor:
    """Styles (N, layers, K) of two latents: from layer number `crossover` on those of the other."""
    return torch.cat([ws[:, :crossover], others[:, crossover:]], 1)


def generator(o: StyleGAN.Options, size: int, classes: int) -> Generator:
    """The generator of pictures of this size that the options describe."""
    mapping = Mapping(o.latent, classes, o.style, layers=o.mapping_layers, version=o.version)
    if o.version == 1:
        return Generator(mapping, adain.Synthesis(size, o.channels, o.style, base=o.channel_base, most=o.channel_max))
    synthesis = modulation.Synthesis(
        size,
        o.channels,
        o.style,
        base=o.channel_base,
        most=o.channel_max,
        connections=o.connections,
        clamp=o.clamp or None,
    )
    return Generator(mapping, synthesis)


def discriminator(o: StyleGAN.Options, size: int, classes: int) -> nn.Module:
    """The discriminator of pictures of this size that the options describe."""
    if o.version == 1:
        return adain.Discriminator(*(size, o.channels, classes), base=o.channel_base, most=o.channel_max, group=o.group)
    return modulation.Discriminator(
        size,
        o.channels,
        classes,
        base=o.channel_base,
        most=o.channel_max,
        connections=o.d_connections,
        layers=o.d_mapping_layers,
        group=o.group,
        clamp=o.clamp or None,
    )
