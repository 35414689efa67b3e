"""StackGAN: Zhang, Xu, Li, Zhang, Wang, Huang and Metaxas, "StackGAN: Text to Photo-realistic Image Synthesis with
Stacked Generative Adversarial Networks", ICCV 2017, arXiv 1612.03242.

Two stages, each a run of its own. Stage I sketches a picture of 64 x 64 for a text and noise; stage II reads the sketch
and the text again and makes 256 x 256 of them. The discriminator is shown real pictures with the texts of others as
well, and learns to call them wrong. A text is a vector: ready-made, or of a small encoder that is trained first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gantool.capabilities import Grows, Reads
from gantool.data.layouts.captioned import captioned
from gantool.data.texts import as_bytes
from gantool.model import Batch, Data, Epochs, Model, Progress, Roles, Run
from gantool.networks.initialization import initialize
from gantool.option_groups import AdamOptions, adam
from gantool.options import option
from gantool.spec import Sizes, Spec
from gantool_stackgan.losses import discriminator_losses, divergence, generator_loss
from gantool_stackgan.networks import SIZES, Discriminator, Stage1G, Stage2G
from gantool_stackgan.text import PictureEncoder, TextEncoder, matching_loss


class StackGAN(Reads, Grows, Model["StackGAN.Options"]):
    contract = 2
    paper = "Zhang et al., StackGAN: Text to Photo-realistic Image Synthesis, ICCV 2017, arXiv 1612.03242"

    @dataclass(frozen=True, kw_only=True)
    class Options(AdamOptions):
        stage: int = option(1, "1: texts to 64 x 64 pixels; 2: to 256 x 256, from a run of stage 1", low=1, high=2)
        width: int = option(192, "channels: a generator's first layer has 8 times as many", low=2)
        d_width: int = option(96, "channels of the discriminator's first layer", low=1)
        condition: int = option(128, "numbers of a text's condition c", low=1)
        noise: int = option(100, "numbers of the noise z", low=1)
        blocks: int = option(2, "residual blocks of stage 2", low=0, high=64)
        kl: float = option(2.0, "weight of the KL divergence of the conditions from a normal distribution", low=0)
        logvar: str = option(
            "relu",
            "relu: a condition's deviation is at least 1, as the authors'; free: it is any",
            choices=("relu", "free"),
        )
        sample_eps: bool = option(
            True, "samples draw their condition around the text's, as training does; false: they take its mean"
        )
        stage1_norms: str = option(
            "fixed",
            "stage 2: the norms of stage 1 inside are fixed, or move with its batches as the authors'",
            choices=("fixed", "moving"),
        )
        text_size: int = option(256, "numbers of a text's vector, where texts are words", low=1)
        text_width: int = option(128, "channels of the encoder of words", low=1)
        text_epochs: int = option(30, "epochs at the beginning of stage 1 in which words alone are learned", low=0)
        n_epochs: int | None = option(
            None, "epochs after these (none: the authors' 120 in stage 1, 100 in stage 2)", low=1
        )
        decay_epochs: int = option(20, "the learning rate halves after every so many epochs", low=1)

        def __post_init__(self) -> None:
            if self.width < 4 and self.stage == 2:
                raise ValueError(f"stage 2 has a fourth of width before the picture: 4 or more, not {self.width}")

        @property
        def reading(self) -> int:
            """Epochs in which the encoder of words is trained."""
            return self.text_epochs if self.stage == 1 else 0

    @classmethod
    def data(cls, o: StackGAN.Options) -> Data:
        # 76 to 64, as the authors: to a square, whatever the aspect; then a random crop.
        side = SIZES[o.stage]
        settings = {"size": side * 76 // 64, "crop": side, "filter": "bilinear"}
        return Data(captioned(), batch=128 if o.stage == 1 else 40, smallest_batch=2, settings=settings)

    @classmethod
    def length(cls, o: StackGAN.Options) -> Epochs:
        return Epochs(o.reading + (o.n_epochs or (120 if o.stage == 1 else 100)))

    def __init__(self, options: StackGAN.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        o = options
        self.reads = not spec.vectors
        self.label_size = spec.vectors or o.text_size
        self.g: Stage1G | Stage2G = generator(o, self.label_size)
        self.d = Discriminator(o.stage, width=o.d_width, condition=o.condition)
        for network in (self.g, self.d):
            initialize(network)
        self.text = TextEncoder(o.text_size, width=o.text_width).requires_grad_(o.reading > 0) if self.reads else None
        self.pictures = PictureEncoder(o.text_size, width=o.d_width) if self.reads and o.reading else None
        self.roles = Roles(training_only=("d", "pictures"))
        self.crops = Sizes(exact=SIZES[o.stage])
        self.latent_size = o.noise + (o.stage * o.condition if o.sample_eps else 0)
        self.grown_from = "a run of stage 1" if o.stage == 2 else ""

    def adopt(self, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Stage II takes the generator of stage I, and its encoder of words; all else begins anew."""
        if self.options.stage == 1 or "g.fc.0.weight" not in tensors:  # that of stage I; inside stage II it is deeper
            return tensors
        inner = {key.replace("g.", "g.stage1.", 1) if key.startswith("g.") else key: x for key, x in tensors.items()}
        return {key: x for key, x in self.state_dict().items() if key.startswith("g.")} | inner

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        o = self.options
        trained = [layers for name, layers in self.g.named_children() if name != "stage1"]
        optimizers: dict[str, torch.optim.Optimizer] = {"G": adam(o, *trained), "D": adam(o, self.d)}
        if self.pictures is not None:
            optimizers["words"] = adam(o, self.text, self.pictures)
        return optimizers

    def rate_factor(self, now: Progress) -> float:
        """Halved at the start of every 20th epoch of the GAN, which begins at once where texts are vectors."""
        reading = self.options.reading if self.reads else 0
        return 0.5 ** (max(0, int(now.schedule) - reading) // self.options.decay_epochs)

    def training_step(self, batch: Batch, run: Run) -> None:
        """Section 3 of the paper, in the authors' order: D learns first, then G against the D that has learnt."""
        o, x = self.options, batch["image"]
        if self.reads and run.now.schedule < o.reading:
            self.learn_words(x, batch["text"], run)
            return
        text = self.vectors(batch["text"])

        with run.phase("G"):
            noise = [run.randn(len(x), o.noise), *(run.randn(len(x), o.condition) for _ in range(o.stage))]
            fake, mu, logvar, *_ = self.g(text, *noise)
            c = mu.detach()  # what the discriminator sees of the text: its mean, without gradients

        with run.phase("D"):
            losses = discriminator_losses(self.d, self.d(x), self.d(fake.detach()), c)
            run.backward(losses["d"])
            run.update("D")

        with run.phase("G"):
            gan, distance = generator_loss(self.d, self.d(fake), c), divergence(mu, logvar)
            run.backward(gan + o.kl * distance)
            run.update("G")

        run.log(gan=gan, kl=distance, **losses)

    def learn_words(self, x: Tensor, text: Tensor, run: Run) -> None:
        """One step of the encoder of words, before the GAN begins."""
        assert self.text is not None
        assert self.pictures is not None
        with run.phase("words"):
            matching = matching_loss(self.pictures(x), self.text(text), text)
            run.backward(matching)
            run.update("words")
        run.log(matching=matching)

    @torch.no_grad()
    def vectors(self, text: Tensor) -> Tensor:
        """The vectors (N, T) of a batch's texts, which are vectors already or bytes (N, L)."""
        if self.text is None:
            return text
        vectors: Tensor = self.text(text)
        return vectors

    def read(self, texts: Sequence[str]) -> Tensor:
        device = next(self.g.parameters()).device
        return self.vectors(torch.from_numpy(as_bytes(texts)).to(device))

    def sample(self, latents: Tensor, *, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        """Pictures of latents [z, eps] or [z, eps, eps of stage II]."""
        o = self.options
        assert labels is not None
        if o.sample_eps:
            z, *eps = latents.split([o.noise, *[o.condition] * o.stage], 1)
        else:
            z, eps = latents, [None] * o.stage
        pictures: Tensor = self.g(labels, z, *eps)[0]
        return pictures


def generator(o: StackGAN.Options, text: int) -> Stage1G | Stage2G:
    """The generator that the options describe, for texts of so many numbers."""
    if o.stage == 1:
        return Stage1G(text, width=o.width, condition=o.condition, noise=o.noise, free=o.logvar == "free")
    return Stage2G(
        text,
        width=o.width,
        condition=o.condition,
        noise=o.noise,
        blocks=o.blocks,
        free=o.logvar == "free",
        moves=o.stage1_norms == "moving",
    )
