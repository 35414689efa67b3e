"""WGAN: Arjovsky, Chintala and Bottou, "Wasserstein Generative Adversarial Networks", ICML 2017, arXiv 1701.07875; and
WGAN-GP: Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017, arXiv 1704.00028.

A critic D in place of a discriminator: how much higher it scores pictures than fakes, among all critics that nowhere
rise faster than 1, is the Wasserstein distance between them. A penalty on its gradient keeps it so, or small weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gantool.capabilities import Averaged, Samples
from gantool.data.layouts.pictures import pictures
from gantool.errors import UsageError
from gantool.losses.adversarial import adversarial_loss, generator_loss
from gantool.losses.gradient_penalty import gradient_penalty, interpolated
from gantool.model import Batch, Data, Model, Progress, Roles, Run, Steps
from gantool.networks.dcgan import NORMS, SIZES, DCDiscriminator, DCGenerator
from gantool.networks.initialization import initialize
from gantool.option_groups import Averaging, OneKind, adam
from gantool.options import option
from gantool.spec import Sizes, Spec
from gantool_wgan.dense import CifarCritic, CifarGenerator, DenseCritic, DenseGenerator
from gantool_wgan.residual import ResidualCritic, ResidualGenerator, begin
from gantool_wgan.rounds import ends_round


class WGAN(Samples, Averaged, Model["WGAN.Options"]):
    contract = 2
    paper = (
        "Arjovsky et al., Wasserstein Generative Adversarial Networks, ICML 2017, arXiv 1701.07875; Gulrajani et al.,"
        " Improved Training of Wasserstein GANs, NeurIPS 2017, arXiv 1704.00028"
    )
    roles = Roles(training_only=("d",))
    averages_buffers = True

    @dataclass(frozen=True, kw_only=True)
    class Options(Averaging, OneKind):
        constraint: str = option(
            "penalty",
            "what keeps the critic from rising fast (WGAN-GP: penalty; WGAN: clip)",
            choices=("penalty", "clip"),
        )
        penalty: float = option(10.0, "weight of the gradient penalty", low=0)
        clip: float = option(0.01, "largest size of the critic's weights, with constraint=clip", low=0)
        network: str = option(
            "resnet",
            "networks: residual (WGAN-GP), DCGAN's (WGAN), small ones for 32 pixels, perceptrons",
            choices=("resnet", "dcgan", "cifar", "mlp"),
        )
        latent: int = option(128, "numbers that a picture is made of (WGAN: 100)", low=1)
        width: int = option(64, "channels of the generator's widest maps; units of a perceptron", low=1)
        d_width: int = option(64, "the same of the critic", low=1)
        norm: str = option("batch", "normalisation in the generators resnet and dcgan", choices=("batch", "none"))
        d_norm: str = option(
            "layer", "normalisation in the critics resnet and dcgan (WGAN: batch)", choices=tuple(NORMS)
        )
        extra: int = option(0, "further layers of 3x3 in the networks dcgan", low=0, high=16)
        n_critic: int = option(5, "critic's steps for each of the generator", low=1)
        early_critic: int = option(
            0, "critic's steps for each of the generator's first 25 and every 500th (WGAN: 100; 0: n_critic)", low=0
        )
        optimizer: str = option("adam", "optimiser of both networks (WGAN: rmsprop)", choices=("adam", "rmsprop"))
        lr: float = option(1e-4, "learning rate (WGAN: 0.00005)", low=0)
        beta1: float = option(0.0, "first moment's decay of every Adam", low=0, below=1)
        beta2: float = option(0.9, "second moment's decay of every Adam", low=0, below=1)

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.constraint == "penalty" and self.network in ("resnet", "dcgan") and self.d_norm == "batch":
                raise ValueError(
                    "the penalty is on the gradient of each picture's own score, and d_norm=batch mixes pictures:"
                    " d_norm=layer or none"
                )

    @classmethod
    def data(cls, o: WGAN.Options) -> Data:
        # A batch norm needs more than one value a channel: behind the first layer of `cifar` there is one a picture.
        smallest = 2 if o.network == "cifar" else 1
        settings = {"preprocess": "square", "size": 32 if o.network == "cifar" else 64}
        return Data(pictures(), o.kinds, batch=64, smallest_batch=smallest, settings=settings)

    @classmethod
    def length(cls, o: WGAN.Options) -> Steps:
        return Steps(200_000 * o.n_critic)

    def __init__(self, options: WGAN.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        self.latent_size = options.latent
        self.g, self.d = generator(options, spec.size), critic(options, spec.size)
        start = begin if options.network == "resnet" else initialize
        if options.network in ("resnet", "dcgan"):
            start(self.g)
            start(self.d)
        self.crops = Sizes(exact=spec.size)
        self.averaged = ("g",) if options.ema else ()

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        o, networks = self.options, {"G": self.g, "D": self.d}
        if o.optimizer == "rmsprop":
            return {name: torch.optim.RMSprop(network.parameters(), o.lr) for name, network in networks.items()}
        return {name: adam(o, network) for name, network in networks.items()}

    def average_decay(self, now: Progress) -> float:
        o = self.options
        if not ends_round(now.step, o.n_critic, o.early_critic):
            return 1.0  # the generator did not learn
        return o.average_decay(now.step // o.n_critic)

    def training_step(self, batch: Batch, run: Run) -> None:
        """Algorithm 1 of either paper, one step of the critic at a time; behind the last of a round, G learns."""
        real, o = batch["image"], self.options
        if o.constraint == "clip":
            self.clip()

        with run.phase("D"):
            with torch.no_grad():
                fake = self.g(run.randn(len(real), o.latent))
            d_real = adversarial_loss(self.d(real), True, "wgangp")
            d_fake = adversarial_loss(self.d(fake), False, "wgangp")
            loss = d_real + d_fake
            run.log(wasserstein=-loss)
            if o.constraint == "penalty":
                gp = gradient_penalty(self.d, interpolated(real, fake, run.rand(len(real))))
                loss = loss + o.penalty * gp
                run.log(d_gp=gp)
            run.backward(loss)
            run.update("D")

        if ends_round(run.now.step, o.n_critic, o.early_critic):
            with run.phase("G"):
                gan = generator_loss(self.d(self.g(run.randn(len(real), o.latent))), "wgangp")
                run.backward(gan)
                run.update("G")
            run.log(gan=gan)

    @torch.no_grad()
    def clip(self) -> None:
        """All weights of the critic, also those of its norms, into [-clip, clip]."""
        for weight in self.d.parameters():
            weight.clamp_(-self.options.clip, self.options.clip)

    def sample(self, latents: Tensor, *, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        made: Tensor = self.g(latents)
        return made.clamp(-1, 1)  # a perceptron's numbers have no bounds


def generator(o: WGAN.Options, size: int) -> nn.Module:
    """The generator of pictures of this size that the options describe. Raises UsageError for one they cannot have."""
    _check(o, size)
    if o.network == "resnet":
        return ResidualGenerator(size, o.channels, latent=o.latent, width=o.width, norm=o.norm)
    if o.network == "dcgan":
        return DCGenerator(size, o.channels, latent=o.latent, width=o.width, norm=o.norm, extra=o.extra)
    if o.network == "cifar":
        return CifarGenerator(o.channels, latent=o.latent, width=o.width)
    return DenseGenerator(size, o.channels, latent=o.latent, width=o.width)


def critic(o: WGAN.Options, size: int) -> nn.Module:
    """The critic of pictures of this size that the options describe."""
    _check(o, size)
    if o.network == "resnet":
        return ResidualCritic(size, o.channels, width=o.d_width, norm=o.d_norm)
    if o.network == "dcgan":
        return DCDiscriminator(size, o.channels, width=o.d_width, norm=o.d_norm, extra=o.extra)
    if o.network == "cifar":
        return CifarCritic(o.channels, width=o.d_width)
    return DenseCritic(size, o.channels, width=o.d_width)


def _check(o: WGAN.Options, size: int) -> None:
    sizes = (32,) if o.network == "cifar" else SIZES
    if o.network != "mlp" and size not in sizes:
        one = " or ".join(map(str, sizes))
        raise UsageError(f"wgan with network={o.network} makes squares of {one} pixels, not {size}")
