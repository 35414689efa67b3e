"""U-GAT-IT: Kim, Kim, Kang and Lee, "U-GAT-IT: Unsupervised Generative Attentional Networks with Adaptive
Layer-Instance Normalization for Image-to-Image Translation", ICLR 2020, arXiv 1907.10830.

Two generators G_AB and G_BA, and for each domain a discriminator that sees the whole picture and one that sees patches.
Every network has an auxiliary classifier whose weights say which features tell the domains apart: its attention.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.capabilities import Attends, Averaged, Exports, Tells, Translates
from gantool.data.layouts.unpaired import unpaired
from gantool.losses.adversarial import adversarial_loss
from gantool.losses.reconstruction import l1
from gantool.model import Batch, Data, Model, Progress, Run, Steps
from gantool.networks.precision import single
from gantool.option_groups import Averaging, adam
from gantool.options import option
from gantool.spec import Direction, Sizes, Spec
from gantool_ugatit.networks import NORMS, Discriminator, Generator, Output
from gantool_ugatit.norms import InstanceLayerNorm, clip


class UGATIT(Translates, Attends, Tells, Exports, Averaged, Model["UGATIT.Options"]):
    contract = 2
    paper = (
        "Kim et al., U-GAT-IT: Unsupervised Generative Attentional Networks with Adaptive Layer-Instance Normalization"
        " for Image-to-Image Translation, ICLR 2020, arXiv 1907.10830"
    )

    @dataclass(frozen=True, kw_only=True)
    class Options(Averaging):
        beta1: ClassVar[float] = 0.5  # of both Adams
        light: bool = option(False, "the small generator, which takes any picture size")
        width: int = option(64, "channels of the generators' first layer", low=1)
        blocks: int = option(4, "residual blocks of the encoder, and as many of the decoder", low=0, high=64)
        norm: str = option("adalin", "normalisation in the decoder", choices=NORMS)
        cam: bool = option(True, "attention: class activation maps in all networks")
        d_width: int = option(64, "channels of the discriminators' first layer", low=1)
        global_layers: int = option(7, "layers of the discriminators that see whole pictures", low=3, high=10)
        local_layers: int = option(5, "layers of the discriminators that see patches", low=3, high=10)
        adv: float = option(1.0, "weight of the adversarial losses", low=0)
        cycle: float = option(10.0, "weight of the ways there and back", low=0)
        identity: float = option(10.0, "weight of the identity losses", low=0)
        attention: float = option(1000.0, "weight of the generators' auxiliary classifiers", low=0)
        lr: float = option(1e-4, "base learning rate of both Adams", low=0)
        decay: bool = option(True, "the learning rate falls to 0 in a straight line over the second half")
        weight_decay: float = option(1e-4, "L2 penalty on every parameter, in the gradient", low=0)
        steps: int = option(1_000_000, "steps of a training, unless you say how many", low=1)

    @classmethod
    def data(cls, o: UGATIT.Options) -> Data:
        return Data(unpaired())

    @classmethod
    def length(cls, o: UGATIT.Options) -> Steps:
        return Steps(o.steps)

    def __init__(self, options: UGATIT.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        o = options
        self.g_ab, self.g_ba = (generator(o, spec.size) for _ in range(2))
        self.d_a, self.d_b = (discriminator(o, o.global_layers) for _ in range(2))
        self.local_a, self.local_b = (discriminator(o, o.local_layers) for _ in range(2))
        # The full generator's first linear layer has a weight for each feature at each place.
        self.sizes = Sizes(4, 8, exact=None if o.light or not self.g_ab.adaptive else spec.size)
        # Behind the strides a discriminator pads 1 pixel by reflection, twice.
        self.crops = Sizes(4, max(8, 3 << (max(o.global_layers, o.local_layers) - 2)), self.sizes.exact)
        self.averaged = ("g_ab", "g_ba") if o.ema else ()
        if o.cam:
            self.maps = ("generator", "global", "local")
            self.outputs = ("translation", "attention")

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        o = self.options
        judges = self.d_a, self.d_b, self.local_a, self.local_b
        return {
            "G": adam(o, self.g_ab, self.g_ba, weight_decay=o.weight_decay),
            "D": adam(o, *judges, weight_decay=o.weight_decay),
        }

    def rate_factor(self, now: Progress) -> float:
        half, left = now.total_steps // 2, now.total_steps - now.step - 1
        return left / half if self.options.decay and left < half else 1.0

    def average_decay(self, now: Progress) -> float:
        return self.options.average_decay(now.step)

    def training_step(self, batch: Batch, run: Run) -> None:
        """Section 3.2 of the paper, in the authors' order: the discriminators, then the generators."""
        a, b, o = batch["A"], batch["B"], self.options

        with run.phase("G"):  # one pass serves both updates: the first does not touch the generators
            fake_b, same_b, cam_ab = self.both(self.g_ab, a, b)
            fake_a, same_a, cam_ba = self.both(self.g_ba, b, a)

        with run.phase("D"):
            d_a = self.judged(a, fake_a.detach(), self.d_a, self.local_a)
            d_b = self.judged(b, fake_b.detach(), self.d_b, self.local_b)
            run.backward(o.adv * (d_a + d_b))
            run.update("D")

        with run.phase("G"):
            rec_a, rec_b = self.g_ba(fake_b).main, self.g_ab(fake_a).main
            gan_ba = score(self.d_a(fake_a), True) + score(self.local_a(fake_a), True)
            gan_ab = score(self.d_b(fake_b), True) + score(self.local_b(fake_b), True)
            cycle_a, cycle_b = l1(rec_a, a), l1(rec_b, b)
            identity_a, identity_b = l1(same_a, a), l1(same_b, b)
            run.backward(
                o.adv * (gan_ab + gan_ba)
                + o.cycle * (cycle_a + cycle_b)
                + o.identity * (identity_a + identity_b)
                + o.attention * (cam_ab + cam_ba)
            )
            run.update("G")
            clip(self.g_ab, self.g_ba)

        run.log(gan_ab=gan_ab, cycle_a=cycle_a, identity_a=identity_a, cam_ab=cam_ab, d_a=d_a)
        run.log(gan_ba=gan_ba, cycle_b=cycle_b, identity_b=identity_b, cam_ba=cam_ba, d_b=d_b)

    def both(self, network: Generator, other: Tensor, own: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures of the other domain and of its own through a generator, in one pass where they are
        of one size; and its classifier's loss."""
        if other.shape[1:] == own.shape[1:]:
            pictures, cam, _ = network(torch.cat([other, own]))
            translated, same = pictures.split([len(other), len(own)])
        else:
            (translated, one, _), (same, two, _) = network(other), network(own)
            cam = None if one is None or two is None else torch.cat([one, two])
        if cam is None:
            return translated, same, translated.new_zeros(())
        cam = single(cam)
        from_other, from_own = cam.split([len(other), len(own)])
        return translated, same, F.softplus(-from_other).mean() + F.softplus(from_own).mean()

    def judged(self, real: Tensor, fake: Tensor, *networks: Discriminator) -> Tensor:
        """Scores and classifiers of a domain's discriminators: first all on real pictures, then all on fake ones."""
        losses = [score(network(real), True) for network in networks]
        losses += [score(network(fake), False) for network in networks]
        return torch.stack(losses).sum()

    def translate(
        self, images: Tensor, *, source: int, target: int, code: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        pictures: Tensor = self.generator(target)(images).main
        return pictures

    def attention(self, images: Tensor, *, source: int, target: int) -> dict[str, Tensor]:
        """Of the generator on the input, and of the target domain's discriminators on the result if that is as large as
        they need."""
        out = self.generator(target)(images)
        whole, local = ((self.d_a, self.local_a), (self.d_b, self.local_b))[target]
        maps = {"generator": out.heat}
        if min(images.shape[2:]) >= self.crops.minimum:
            maps |= {"global": whole(out.main).heat, "local": local(out.main).heat}
        return maps

    def translation(self, direction: Direction) -> nn.Module | None:
        """The picture, and where its generator looked."""
        return _WithHeat(self.generator(self.spec.index(direction.target))) if self.maps else None

    def facts(self) -> dict[str, Any]:
        """The mean rho of each of the decoder's norms: near 1 it is instance norm, near 0 layer norm (figure 4)."""
        found: dict[str, Any] = {}
        for way, network in (("to B", self.g_ab), ("to A", self.g_ba)):
            for name, module in network.named_modules():
                if isinstance(module, InstanceLayerNorm) and module.learned:
                    found[f"rho {way}: {name}"] = round(float(module.rho.detach().mean()), 4)
        return found

    def generator(self, target: int) -> Generator:
        """The generator into this domain."""
        return (self.g_ba, self.g_ab)[target]


class _WithHeat(nn.Module):
    def __init__(self, network: Generator) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        pictures, _, heat = self.network(images)
        return pictures, heat


def score(out: Output, real: bool) -> Tensor:
    """The squared error of the scores and of the classifier (equations 2 and 5): 1 is real, 0 is fake."""
    loss = adversarial_loss(out.main, real)
    return loss if out.cam is None else loss + adversarial_loss(out.cam, real)


def generator(o: UGATIT.Options, size: int) -> Generator:
    """The generator that the options describe, for pictures of this side."""
    return Generator(width=o.width, blocks=o.blocks, light=o.light, size=size, norm=o.norm, cam=o.cam)


def discriminator(o: UGATIT.Options, layers: int) -> Discriminator:
    """The discriminator that the options describe."""
    return Discriminator(width=o.d_width, layers=layers, cam=o.cam)
