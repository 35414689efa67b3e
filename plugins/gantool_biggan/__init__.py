"""BigGAN and BigGAN-deep: Brock, Donahue and Simonyan, "Large Scale GAN Training for High Fidelity Natural Image
Synthesis", ICLR 2019, arXiv 1809.11096.

A generator G(z, y) of noise and a class, and a discriminator D(x, y), both under spectral norm. Every block of G is
told the class, through an embedding that all share, and a part of z of its own. Defaults are those of the script that
made the first author's released weights. Without the shared embedding and the parts of z the code is SA-GAN and SN-GAN.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.capabilities import Averaged, Exports, Samples
from gantool.data.layouts.domains import domains
from gantool.data.layouts.pictures import pictures
from gantool.errors import argument
from gantool.losses.adversarial import adversarial_loss, generator_loss
from gantool.model import Batch, Data, Model, Progress, Roles, Run, Steps
from gantool.option_groups import OneKind, adam
from gantool.options import option
from gantool.spec import Sizes, Spec
from gantool_biggan.discriminator import Discriminator
from gantool_biggan.generator import WIDTHS, Generator
from gantool_biggan.norms import with_standing_statistics
from gantool_biggan.orthogonality import orthogonality
from gantool_biggan.spectral import INITIALIZATIONS, SpectralNorm, initialize, settled

STANDING_BATCH = 32
"""Pictures of each pass that collects statistics."""


class BigGAN(Samples, Averaged, Exports, Model["BigGAN.Options"]):
    contract = 2
    paper = (
        "Brock et al., Large Scale GAN Training for High Fidelity Natural Image Synthesis, ICLR 2019, arXiv 1809.11096"
    )
    roles = Roles(training_only=("d",))
    crops = Sizes(multiple=32, minimum=32)
    truncates = "numbers of the latent beyond it are drawn again"
    averaged = ("g",)
    averages_buffers = True

    @dataclass(frozen=True, kw_only=True)
    class Options(OneKind):
        classes: bool = option(True, "every folder is a class; false: all pictures below one folder, without classes")
        width: int = option(96, "channels of the generator's last layers; others have multiples of them", low=4)
        d_width: int = option(96, "channels of the discriminator's first layers", low=4)
        latent: int = option(120, "numbers of the noise; rounded down where blocks have parts of it", low=1)
        shared: int = option(128, "numbers of a class in the embedding that all norms share; 0: a table each", low=0)
        hierarchical: bool = option(True, "every block of the generator has a part of the noise of its own")
        attention: tuple[int, ...] = option((64,), "sizes at which both networks have self-attention", low=8)
        deep: bool = option(False, "the networks of BigGAN-deep: twice the blocks, each a bottleneck")
        wide: bool = option(True, "the discriminator's blocks widen in their first convolution, not in their second")
        spectral: bool = option(True, "spectral norm in the generator, too, not in the discriminator alone")
        init: str = option("orthogonal", "initialisation of the weights", choices=INITIALIZATIONS)
        d_steps: int = option(1, "steps of the discriminator for one of the generator: a batch is cut for them", low=1)
        accumulations: int = option(1, "passes whose gradients make one step: each takes a part of the batch", low=1)
        ortho: float = option(0.0, "weight of the orthogonal regularisation (paper: 0.0001)", low=0)
        ema: float = option(0.9999, "decay of the generator's average", low=0, below=1)
        ema_start: int = option(20_000, "steps after which the average begins; before, it is the generator", low=0)
        standing: int = option(16, "passes that collect statistics for a truncation below 1; 0: running ones", low=0)
        g_lr: float = option(1e-4, "learning rate of the generator's Adam", low=0)
        d_lr: float = option(4e-4, "learning rate of the discriminator's Adam", low=0)
        beta1: float = option(0.0, "first moment's decay of both Adams", low=0, below=1)
        beta2: float = option(0.999, "second moment's decay of both Adams", low=0, below=1)
        adam_eps: float = option(1e-6, "added to the root of the second moment in both Adams", low=0)
        bn_eps: float = option(1e-5, "added to the variance in the norms that are told a class", low=0)
        sn_eps: float = option(1e-6, "smallest length of a vector in spectral norms", low=0)
        n_steps: int = option(150_000, "steps of a training", low=1)

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.hierarchical and not self.shared:
                raise ValueError("hierarchical=true needs a shared embedding: shared is at least 1")

        @property
        def lr(self) -> float:
            """The generator's, as the rate of an Adam that names none."""
            return self.g_lr

    @classmethod
    def data(cls, o: BigGAN.Options) -> Data:
        return Data(
            domains(to_make_more=True) if o.classes else pictures(),
            o.kinds,
            batch=256,
            smallest_batch=o.d_steps * o.accumulations,
            stable_batch=256,
            settings={"preprocess": "square", "size": 128},
        )

    @classmethod
    def length(cls, o: BigGAN.Options) -> Steps:
        return Steps(o.n_steps)

    def __init__(self, options: BigGAN.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        o = options
        if spec.size not in WIDTHS:
            sizes = ", ".join(map(str, WIDTHS))
            raise ValueError(f"its networks make squares of {sizes} pixels, not {spec.size}: change {argument('size')}")
        if o.hierarchical and o.latent < len(WIDTHS[spec.size]):
            raise ValueError(f"with hierarchical=true latent is at least {len(WIDTHS[spec.size])}, not {o.latent}")
        self.classes = len(spec.domains) if o.classes else 1
        self.g, self.d = generator(o, spec.size, self.classes), discriminator(o, spec.size, self.classes)
        for network in (self.g, self.d):
            initialize(network, o.init)
        self.latent_size = self.g.latent
        self.label_size = self.classes if o.classes else 0
        self._standing: dict[tuple[float, torch.device], Generator] = {}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        o = self.options
        return {"G": adam(o, self.g, eps=o.adam_eps), "D": adam(o, self.d, lr=o.d_lr, eps=o.adam_eps)}

    def average_decay(self, now: Progress) -> float:
        return self.options.ema if now.step + 1 >= self.options.ema_start else 0.0

    def training_step(self, batch: Batch, run: Run) -> None:
        """Section 2 and appendix C of the paper: D on the parts of the batch, `d_steps` times, then G once.

        G runs in training mode for D, too: its statistics and its vectors of spectral norm move in every pass.
        """
        o, parts = self.options, self.options.d_steps * self.options.accumulations
        labels = self.labels(batch)
        real = zip(batch["image"].tensor_split(parts), labels.tensor_split(parts), strict=True)
        count = len(labels) // parts

        for _ in range(o.d_steps):
            with run.phase("D"):
                for x, y in islice(real, o.accumulations):
                    with torch.no_grad():
                        z, y_fake = self.draw(len(x), run)
                        fake = self.g(z, y_fake)
                    of_fake, of_real = self.scores(fake, y_fake, x, y)
                    d_fake, d_real = adversarial_loss(of_fake, False, "hinge"), adversarial_loss(of_real, True, "hinge")
                    run.backward((d_fake + d_real + self.regularisation(self.d)) / o.accumulations)
                    run.log(d_fake=d_fake, d_real=d_real)
                run.update("D")

        with run.phase("G"):
            for _ in range(o.accumulations):
                z, y = self.draw(count, run)
                gan = generator_loss(self.d(self.g(z, y), y), "hinge")
                run.backward((gan + self.regularisation(self.g)) / o.accumulations)
                run.log(gan=gan)
            run.update("G")

    def labels(self, batch: Batch) -> Tensor:
        """The classes of a batch's pictures, (N, classes)."""
        x = batch["image"]
        return F.one_hot(batch["label"], self.classes).to(x) if self.options.classes else x.new_ones(len(x), 1)

    def draw(self, count: int, run: Run) -> tuple[Tensor, Tensor]:
        """Latents (N, `latent_size`), and labels (N, classes) of classes drawn evenly."""
        z, classes = run.randn(count, self.latent_size), (run.rand(count) * self.classes).long()
        return z, F.one_hot(classes, self.classes).to(z)

    def scores(self, fake: Tensor, y_fake: Tensor, real: Tensor, y_real: Tensor) -> tuple[Tensor, Tensor]:
        """D's of made and of real pictures, (N, 1) both, in one pass: its spectral norms move once."""
        of_fake, of_real = self.d(torch.cat([fake, real]), torch.cat([y_fake, y_real])).split([len(fake), len(real)])
        return of_fake, of_real

    def regularisation(self, network: nn.Module) -> Tensor | float:
        """Section 3.1, equation 3, of all weights of a network but the shared embedding."""
        if not self.options.ortho:
            return 0.0
        weights = (p for name, p in network.named_parameters() if not name.startswith("shared."))
        return self.options.ortho * orthogonality(weights)

    def latent(self, seed: int, truncation: float = 1.0) -> Tensor:
        """Section 3.1: numbers beyond the truncation are drawn again."""
        if truncation >= 1:
            return super().latent(seed)
        rng = np.random.RandomState(seed)
        z = rng.standard_normal(self.latent_size)
        left = np.flatnonzero(np.abs(z) > truncation)
        while len(left):
            # Even draws, thinned by the normal density: normal ones would hardly ever fall between close bounds.
            drawn = rng.uniform(-truncation, truncation, len(left))
            kept = rng.uniform(size=len(left)) < np.exp(-0.5 * drawn**2)
            z[left[kept]] = drawn[kept]
            left = left[~kept]
        return torch.from_numpy(z[None]).float()

    def sample(self, latents: Tensor, *, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        network = self.g
        if truncation < 1 and self.options.standing:
            network = self.standing(truncation, latents.device)
        made: Tensor = network(latents, latents.new_ones(len(latents), 1) if labels is None else labels)
        return made

    def standing(self, truncation: float, device: torch.device) -> Generator:
        """G with the statistics of pictures at this truncation: those of all classes in turns. The last one is kept
        until a training goes on.
        """
        key = (truncation, device)
        if key not in self._standing:
            self._standing = {key: with_standing_statistics(self.g, self._draws(truncation, device))}
        return self._standing[key]

    def _draws(self, truncation: float, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        seeds = torch.arange(self.options.standing * STANDING_BATCH)
        for numbers in seeds.split(STANDING_BATCH):
            z = torch.cat([self.latent(int(seed), truncation) for seed in numbers])
            yield z.to(device), F.one_hot(numbers % self.classes, self.classes).float().to(device)

    def settled(self) -> BigGAN:
        copied = copy.deepcopy(self)
        copied.g = settled(self.g)
        return copied

    def train(self, mode: bool = True) -> BigGAN:
        if mode:  # the weights will change
            self._standing = {}
        super().train(mode)
        return self


def generator(o: BigGAN.Options, size: int, classes: int) -> Generator:
    """The generator that the options describe."""
    return Generator(
        size,
        o.channels,
        classes,
        width=o.width,
        latent=o.latent,
        shared=o.shared,
        hierarchical=o.hierarchical,
        attention=o.attention,
        deep=o.deep,
        norm=SpectralNorm(o.sn_eps) if o.spectral else None,
        bn_eps=o.bn_eps,
    )


def discriminator(o: BigGAN.Options, size: int, classes: int) -> Discriminator:
    """The discriminator that the options describe."""
    return Discriminator(
        size,
        o.channels,
        classes,
        width=o.d_width,
        attention=o.attention,
        wide=o.wide,
        deep=o.deep,
        norm=SpectralNorm(o.sn_eps),
    )
