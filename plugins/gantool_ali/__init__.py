"""ALI: Dumoulin, Belghazi, Poole, Lamb, Arjovsky, Mastropietro and Courville, "Adversarially Learned Inference", ICLR
2017, arXiv 1606.00704; the same idea as BiGAN, Donahue, Krähenbühl and Darrell, ICLR 2017, arXiv 1605.09782.

A decoder makes pictures of latents, an encoder finds the latent of a picture, and a discriminator sees both at once: is
a pair a picture with what the encoder found in it, or a latent with what the decoder made of it? Nothing asks that a
picture comes back as it was: what comes back means the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gantool.capabilities import Inverts, Translates
from gantool.data.layouts.pictures import pictures
from gantool.errors import argument
from gantool.losses.adversarial import adversarial_loss
from gantool.model import Batch, Data, Epochs, Model, Roles, Run
from gantool.networks.initialization import initialize
from gantool.option_groups import AdamOptions, OneKind, adam
from gantool.options import option
from gantool.spec import Direction, Sizes, Spec
from gantool_ali.networks import LAYERS, Decoder, Discriminator, Encoder


class ALI(Inverts, Translates, Model["ALI.Options"]):
    contract = 2
    paper = "Dumoulin et al., Adversarially Learned Inference, ICLR 2017, arXiv 1606.00704"
    roles = Roles(training_only=("discriminator",))

    @dataclass(frozen=True, kw_only=True)
    class Options(OneKind, AdamOptions):
        latent: int = option(256, "numbers of a latent", low=1)
        widths: tuple[int, ...] = option(
            (64, 128, 256, 256, 512), "channels of the five layers between a picture and its latent", low=1
        )
        z_widths: tuple[int, ...] = option((1024, 1024), "what the discriminator makes of a latent", low=1)
        joint_widths: tuple[int, ...] = option((2048, 2048), "what it makes of a picture and a latent together", low=1)
        slope: float = option(0.02, "slope of the leaky ReLUs below 0", low=0, high=1)
        dropout: float = option(
            0.2, "share of values that the discriminator does not see, in each layer", low=0, high=1
        )
        random_encoder: bool = option(True, "the encoder draws latents, as ALI's; false: it gives one, as BiGAN's")
        init_gain: float = option(0.01, "deviation of the first weights", low=0)
        lr: float = option(1e-4, "learning rate of the encoder's and the decoder's Adam", low=0)
        d_lr: float = option(1e-4, "learning rate of the discriminator's Adam: lower it where that wins", low=0)
        beta2: float = option(0.999, "second moment's decay of both Adams", low=0, below=1)

        def __post_init__(self) -> None:
            super().__post_init__()
            if len(self.widths) != len(LAYERS[64]):
                raise ValueError(f"widths are {len(LAYERS[64])} numbers, not {len(self.widths)}")
            if not self.z_widths or not self.joint_widths:
                raise ValueError("z_widths and joint_widths are one number each at least")

    @classmethod
    def data(cls, o: ALI.Options) -> Data:
        return Data(pictures(), o.kinds, batch=100, smallest_batch=2, settings={"preprocess": "square", "size": 64})

    @classmethod
    def length(cls, o: ALI.Options) -> Epochs:
        return Epochs(123)

    def __init__(self, options: ALI.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        o, size = options, spec.size
        if size not in LAYERS:
            sides = " or ".join(map(str, LAYERS))
            raise ValueError(f"its networks take squares of {sides} pixels, not {size}: change {argument('size')}")
        self.latent_size = o.latent
        self.sizes = self.crops = Sizes(exact=size)
        self.encoder = Encoder(size, o.channels, o.latent, widths=o.widths, slope=o.slope)
        self.decoder = Decoder(size, o.channels, o.latent, widths=o.widths, slope=o.slope)
        self.discriminator = Discriminator(
            size,
            o.channels,
            o.latent,
            widths=o.widths,
            z_widths=o.z_widths,
            joint_widths=o.joint_widths,
            slope=o.slope,
            dropout=o.dropout,
        )
        for network in (self.encoder, self.decoder, self.discriminator):
            initialize(network, "normal", o.init_gain)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        o = self.options
        return {"G": adam(o, self.encoder, self.decoder), "D": adam(o, self.discriminator, lr=o.d_lr)}

    def training_step(self, batch: Batch, run: Run) -> None:
        """Algorithm 1 of the paper. All networks learn from one pass, each with the others as they were."""
        x = (batch["image"] + 1) / 2
        if run.now.step == 0:
            self.decoder.begin(run.gather(x))
        with run.phase("D", "G"):
            z_hat = self.drawn(x, run)
            z = run.randn(len(x), self.latent_size)
            x_tilde = self.decoder(z)
            # One pass: the discriminator's norms see both pairs.
            encoders, decoders = self.discriminator(torch.cat([x, x_tilde]), torch.cat([z_hat, z])).chunk(2)
            d = adversarial_loss(encoders, True, "vanilla") + adversarial_loss(decoders, False, "vanilla")
            gan = adversarial_loss(encoders, False, "vanilla") + adversarial_loss(decoders, True, "vanilla")
            run.backward(d, into=("D",), retain_graph=True)
            run.backward(gan, into=("G",))
            run.update("D", "G")
        run.log(d=d, gan=gan)

    def drawn(self, x: Tensor, run: Run) -> Tensor:
        """Latents (N, `latent_size`) of pictures, drawn as the encoder says (equation 4)."""
        mu, log_sigma = self.encoder(x)
        drawn: Tensor = mu + log_sigma.exp() * run.randn(len(x), self.latent_size)
        return drawn if self.options.random_encoder else mu

    def sample(self, latents: Tensor, *, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        made: Tensor = 2 * self.decoder(latents) - 1
        return made

    def invert(self, images: Tensor) -> Tensor:
        mu: Tensor = self.encoder((images + 1) / 2)[0]
        return mu

    def directions(self) -> tuple[Direction, ...]:
        (name,) = self.spec.domains
        return (Direction(name, name),)

    def translate(
        self, images: Tensor, *, source: int, target: int, code: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        """A reconstruction: the picture of the latent that the encoder holds for the likeliest."""
        return self.sample(self.invert(images))
