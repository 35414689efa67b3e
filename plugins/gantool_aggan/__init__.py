"""AGGAN: Mejjati, Richardt, Tompkin, Cosker and Kim, "Unsupervised Attention-guided Image-to-Image Translation",
NeurIPS 2018, arXiv 1806.02311.

Two generators, and for each domain an attention network and a discriminator. A mask says which pixels of a picture come
from the generator; all others stay. At first everything is trained on whole pictures. Then attention is frozen, and the
discriminators see what is within the masks alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from gantool.capabilities import Attends, Averaged, Exports, Translates
from gantool.data.layouts.unpaired import unpaired
from gantool.losses.adversarial import adversarial_loss
from gantool.losses.reconstruction import l1
from gantool.model import Batch, Data, Epochs, Model, Progress, Roles, Run
from gantool.networks.passes import together
from gantool.option_groups import AdamOptions, Averaging, Enlarging, adam
from gantool.options import option
from gantool.spec import Direction, Sizes, Spec
from gantool.training.image_pool import ImagePool
from gantool.training.schedules import falling
from gantool_aggan.networks import Attention, Discriminator, Generator, initialize


class AGGAN(Translates, Attends, Exports, Averaged, Model["AGGAN.Options"]):
    contract = 2
    paper = "Mejjati et al., Unsupervised Attention-guided Image-to-Image Translation, NeurIPS 2018, arXiv 1806.02311"
    roles = Roles(training_only=("d_a", "d_b", "pool_a", "pool_b"))
    sizes = crops = Sizes(multiple=4, minimum=8)
    maps = masks = ("mask",)
    outputs = ("translation", "mask")

    @dataclass(frozen=True, kw_only=True)
    class Options(Averaging, Enlarging, AdamOptions):
        width: int = option(32, "channels of the generators' and the attention networks' first layer", low=1)
        blocks: int = option(9, "residual blocks of the generators", low=0, high=64)
        fine: bool = option(False, "masks of single pixels; without it they are of blocks of 4 x 4, as the authors'")
        d_width: int = option(64, "channels of the discriminators' first layer", low=1)
        cycle_a: float = option(10.0, "weight of the cycle A -> B -> A", low=0)
        cycle_b: float = option(10.0, "weight of the cycle B -> A -> B", low=0)
        switch: int = option(30, "epoch of the schedule from which attention is frozen and guides", low=0)
        threshold: float = option(
            0.1, "from then on, discriminators see pixels whose mask is at least this", low=0, high=1
        )
        pool: int = option(50, "generated pictures remembered for the discriminators; 0 for none", low=0)
        lr: float = option(1e-4, "base learning rate of every Adam", low=0)
        epochs: int = option(100, "epochs of a training; the learning rate falls in their second half", low=1)

    @classmethod
    def data(cls, o: AGGAN.Options) -> Data:
        return Data(unpaired())

    @classmethod
    def length(cls, o: AGGAN.Options) -> Epochs:
        return Epochs(o.epochs)

    def __init__(self, options: AGGAN.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        o = options
        self.g_ab, self.g_ba = (Generator(width=o.width, blocks=o.blocks, upsample=o.upsample) for _ in range(2))
        self.attention_a, self.attention_b = (Attention(width=o.width, fine=o.fine) for _ in range(2))
        self.d_a, self.d_b = (Discriminator(width=o.d_width) for _ in range(2))
        self.pool_a, self.pool_b = ImagePool(o.pool), ImagePool(o.pool)
        initialize(self)
        self.averaged = ("g_ab", "g_ba", "attention_a", "attention_b") if o.ema else ()

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        networks = {"G_AB": self.g_ab, "G_BA": self.g_ba, "D_A": self.d_a, "D_B": self.d_b}
        networks |= {"attention_A": self.attention_a, "attention_B": self.attention_b}
        return {name: adam(self.options, network) for name, network in networks.items()}

    def rate_factor(self, now: Progress) -> float:
        half = self.options.epochs // 2
        return falling(int(now.schedule), half, self.options.epochs - half)

    def average_decay(self, now: Progress) -> float:
        return self.options.average_decay(now.step)

    def training_step(self, batch: Batch, run: Run) -> None:
        """Section 3 of the paper, in the authors' order: G_AB and attention A, D_B; G_BA and attention B, D_A."""
        a, b, o = batch["A"], batch["B"], self.options
        guided = run.now.schedule >= o.switch  # by attention, which is frozen from then on
        ab, ba = (("G_AB",), ("G_BA",)) if guided else (("G_AB", "attention_A"), ("G_BA", "attention_B"))

        with run.phase(*ab):
            fake_b, mask_a, rec_a, rec_b = self.there_and_back(0, a, b)
            gan_ab = self.generator_loss(1, fake_b, mask_a, guided)
            cycle_a, cycle_b = o.cycle_a * l1(rec_a, a), o.cycle_b * l1(rec_b, b)
            run.backward(cycle_a + cycle_b + gan_ab)
            run.update(*ab)
        with run.phase("D_B"):
            d_b = self.discriminator_loss(1, b, self.pool_b(torch.cat([fake_b, mask_a], dim=1), run), guided)
            run.backward(d_b)
            run.update("D_B")
        run.log(gan_ab=gan_ab, cycle_a=cycle_a, cycle_b=cycle_b, d_b=d_b, mask_a=mask_a.mean())

        with run.phase(*ba):
            fake_a, mask_b, rec_b, rec_a = self.there_and_back(1, b, a)
            gan_ba = self.generator_loss(0, fake_a, mask_b, guided)
            cycle_a, cycle_b = o.cycle_a * l1(rec_a, a), o.cycle_b * l1(rec_b, b)
            run.backward(cycle_a + cycle_b + gan_ba)
            run.update(*ba)
        with run.phase("D_A"):
            d_a = self.discriminator_loss(0, a, self.pool_a(torch.cat([fake_a, mask_b], dim=1), run), guided)
            run.backward(d_a)
            run.update("D_A")
        run.log(gan_ba=gan_ba, cycle_a=cycle_a, cycle_b=cycle_b, d_a=d_a, mask_b=mask_b.mean())

    def there_and_back(self, source: int, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """For pictures x of this domain and y of the other: x translated, its mask, and x and y there and back again.

        Each picture is attended by the network of the domain that it is in, or should be in.
        """
        target = 1 - source
        ((fake_x, _),) = self.attended(target, y)
        (fake_y, mask), (rec_y, _) = self.attended(source, x, fake_x)
        ((rec_x, _),) = self.attended(target, fake_y)
        return fake_y, mask, rec_x, rec_y

    def attended(self, source: int, *pictures: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Pictures of this domain, each translated to the other within its mask, and the mask (equations 1 and 2)."""
        made = together((self.g_ab, self.g_ba)[source], *pictures)
        masks = together((self.attention_a, self.attention_b)[source], *pictures)
        return [(composed(m, new, old), m) for m, new, old in zip(masks, made, pictures, strict=True)]

    def generator_loss(self, target: int, fake: Tensor, mask: Tensor, guided: bool) -> Tensor:
        """How far generated pictures are from passing for some of this domain (equation 3, as least squares).

        `mask` is that of the pictures that they were made of; `guided`, nothing else of them is seen.
        """
        judge = (self.d_a, self.d_b)[target]
        return adversarial_loss(judge(self.seen(fake, mask) if guided else fake, normalised=not guided), True)

    def discriminator_loss(self, domain: int, real: Tensor, pooled: Tensor, guided: bool) -> Tensor:
        """Half the sum of the objectives on real pictures and on pooled fakes (N, 4, H, W), whose mask comes last."""
        judge, attention = ((self.d_a, self.attention_a), (self.d_b, self.attention_b))[domain]
        fake, mask = pooled.split([3, 1], dim=1)
        if guided:
            real, fake = self.seen(real, attention(real)), self.seen(fake, mask)
        on_real, on_fake = together(judge, real, fake, call=partial(judge, normalised=not guided))
        return (adversarial_loss(on_real, True) + adversarial_loss(on_fake, False)) / 2

    def seen(self, pictures: Tensor, mask: Tensor) -> Tensor:
        """What a guided discriminator sees (equation 5): grey where the mask is below the threshold."""
        return pictures * (mask >= self.options.threshold)

    def translate(
        self, images: Tensor, *, source: int, target: int, code: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        return self.attended(source, images)[0][0]

    def attention(self, images: Tensor, *, source: int, target: int) -> dict[str, Tensor]:
        return {"mask": (self.attention_a, self.attention_b)[source](images)}

    def translation(self, direction: Direction) -> nn.Module:
        """The picture and its mask."""
        return _WithMask(self, self.spec.index(direction.source))


class _WithMask(nn.Module):
    def __init__(self, model: AGGAN, source: int) -> None:
        super().__init__()
        self.model, self.source = model, source

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return self.model.attended(self.source, images)[0]


def composed(mask: Tensor, made: Tensor, pictures: Tensor) -> Tensor:
    """What was made (N, 3, H, W) where the mask (N, 1, H, W) is 1, the pictures themselves where it is 0."""
    return mask * made + (1 - mask) * pictures
