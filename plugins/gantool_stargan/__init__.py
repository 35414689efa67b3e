"""StarGAN: Choi, Choi, Kim, Ha, Kim and Choo, "StarGAN: Unified Generative Adversarial Networks for Multi-Domain
Image-to-Image Translation", CVPR 2018, arXiv 1711.09020.

One generator G(x, c) for all domains, told by a label c what the picture shall become, and one discriminator D with
two heads: is a patch real, and which labels does the picture have? Labels are classes (a folder each), attributes (a
table), or both, trained jointly. Defaults are those of the authors' PyTorch code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gantool.capabilities import Averaged, Conditioned, Translates
from gantool.data.layouts.domains import domains
from gantool.losses.adversarial import adversarial_loss
from gantool.losses.gradient_penalty import gradient_penalty, interpolated
from gantool.losses.reconstruction import l1
from gantool.model import Batch, Data, Model, Progress, Roles, Run, Steps
from gantool.networks.precision import single
from gantool.option_groups import Averaging, Enlarging, adam
from gantool.options import option
from gantool.spec import Direction, Sizes, Spec
from gantool_stargan import targets
from gantool_stargan.networks import Discriminator, Generator


class StarGAN(Translates, Conditioned, Averaged, Model["StarGAN.Options"]):
    contract = 2
    paper = (
        "Choi et al., StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image Translation,"
        " CVPR 2018, arXiv 1711.09020"
    )
    sizes = Sizes(4, 8)

    @dataclass(frozen=True, kw_only=True)
    class Options(Averaging, Enlarging):
        attributes: tuple[str, ...] = option((), "attributes of a table to learn, in this order; none for folders")
        test_split: int = option(
            0, "pictures of a table kept back from training, drawn as the authors do (theirs: 1999)", low=0
        )
        width: int = option(64, "channels of the generator's first layer", low=1)
        blocks: int = option(6, "residual blocks of the generator", low=0, high=64)
        d_width: int = option(64, "channels of the discriminator's first layer; each layer doubles them", low=1)
        d_layers: int = option(6, "stride-2 layers of the discriminator; crops are at least 2^d_layers", low=1, high=10)
        cls: float = option(1.0, "weight of the classification losses", low=0)
        rec: float = option(10.0, "weight of the reconstruction loss", low=0)
        penalty: float = option(10.0, "weight of the gradient penalty", low=0)
        n_critic: int = option(5, "steps of the discriminator for one of the generator", low=1)
        g_lr: float = option(1e-4, "base learning rate of the generator's Adam", low=0)
        d_lr: float = option(1e-4, "base learning rate of the discriminator's Adam", low=0)
        beta1: float = option(0.5, "first moment's decay of both Adams", low=0, below=1)
        beta2: float = option(0.999, "second moment's decay of both Adams", low=0, below=1)
        n_steps: int = option(200_000, "steps of a training", low=1)
        n_steps_decay: int = option(100_000, "of which so many at the end lower the learning rate", low=1)
        lr_update_step: int = option(
            1000, "the rate falls by 1/n_steps_decay every so many steps (1: a line to 0, as in the paper)", low=1
        )

        def __post_init__(self) -> None:
            if not all(self.attributes) or len(set(self.attributes)) < len(self.attributes):
                raise ValueError("attributes are different names with commas between")

        @property
        def lr(self) -> float:
            """The generator's, as the rate of an Adam that names none."""
            return self.g_lr

    @classmethod
    def data(cls, o: StarGAN.Options) -> Data:
        # A picture becomes what another picture of its batch is, so there are two at least.
        layout = domains(attributes=o.attributes, test_split=o.test_split)
        return Data(layout, attributes=bool(o.attributes), batch=16, smallest_batch=2)

    @classmethod
    def length(cls, o: StarGAN.Options) -> Steps:
        return Steps(o.n_steps)

    def __init__(self, options: StarGAN.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        o = options
        self.attributes = spec.domains[: len(o.attributes)]
        self.classes = spec.domains[len(o.attributes) :]
        both = bool(self.attributes and self.classes)
        # With a mask that says which kind is meant.
        self.condition_names = (*spec.domains, *(("attributes are meant", "a class is meant") if both else ()))
        self.g = Generator(len(self.condition_names), width=o.width, blocks=o.blocks, upsample=o.upsample)
        self.d = Discriminator(spec.size, len(spec.domains), width=o.d_width, layers=o.d_layers)
        # Targets such as +Male need to know what the picture is, and D tells.
        self.roles = Roles(training_only=() if self.attributes else ("d",))
        self.crops = Sizes(4, max(8, 1 << o.d_layers))
        self.averaged = ("g",) if o.ema else ()

    def directions(self) -> tuple[Direction, ...]:
        names = self.spec.domains
        return super().directions() if len(names) > 1 else (Direction(names[0], names[0]),)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"G": adam(self.options, self.g), "D": adam(self.options, self.d, lr=self.options.d_lr)}

    def rate_factor(self, now: Progress) -> float:
        # A run of another length is this schedule, stretched. In whole steps: `now.schedule` would round.
        o = self.options
        done, constant = now.step * o.n_steps // now.total_steps, max(0, o.n_steps - o.n_steps_decay)
        falls = done // o.lr_update_step - constant // o.lr_update_step
        return min(1.0, max(0.0, 1 - falls / o.n_steps_decay))

    def average_decay(self, now: Progress) -> float:
        o = self.options
        return o.average_decay(now.step // o.n_critic) if self.generator_learns(now) else 1.0

    def generator_learns(self, now: Progress) -> bool:
        """Whether this step trains the generator, too: the last one of `n_critic`."""
        return (now.step + 1) % self.options.n_critic == 0

    def training_step(self, batch: Batch, run: Run) -> None:
        """Section 3 of the paper; the two sets of a joint training one after the other (section 3.3)."""
        self.iteration(batch["image"], batch["label"], run, "")
        if "image2" in batch:
            self.iteration(batch["image2"], batch["label2"], run, "2")

    def iteration(self, real: Tensor, label: Tensor, run: Run, number: str) -> None:
        """D on these pictures, and every `n_critic`-th step G on the same."""
        o = self.options
        label_trg = label[run.rand(len(label)).argsort()]  # a random permutation of the batch
        c_org, c_trg = self.told(label), self.told(label_trg)

        with run.phase("D"):
            fake = self.g(real, c_trg).detach()
            src, logits = self.d(torch.cat((real, fake)))
            d_real = adversarial_loss(src[: len(real)], True, "wgangp")
            d_fake = adversarial_loss(src[len(real) :], False, "wgangp")
            d_cls = self.classification(logits[: len(real)], label)  # of real pictures alone
            # The scores' mean above, their sum here (as in the reference).
            d_gp = gradient_penalty(self.d.source, interpolated(real, fake, run.rand(len(real))))
            run.backward(d_real + d_fake + o.cls * d_cls + o.penalty * d_gp)
            run.update("D")
        losses = {"d_real": d_real, "d_fake": d_fake, "d_cls": d_cls, "d_gp": d_gp}

        if self.generator_learns(run.now):
            with run.phase("G"):
                fake = self.g(real, c_trg)
                src, logits = self.d(fake)
                g_fake = adversarial_loss(src, True, "wgangp")
                g_cls = self.classification(logits, label_trg)
                g_rec = l1(real, self.g(fake, c_org))
                run.backward(g_fake + o.cls * g_cls + o.rec * g_rec)
                run.update("G")
            losses |= {"g_fake": g_fake, "g_cls": g_cls, "g_rec": g_rec}
        run.log(**{name + number: loss for name, loss in losses.items()})

    def told(self, label: Tensor) -> Tensor:
        """What G is told of labels (N, L): [attributes | class | mask], the other set's part zeros. The mask is there
        for both.

        `label` holds attributes (N, A), 0 and 1, or classes (N,), integers.
        """
        count, both = len(label), bool(self.attributes and self.classes)
        mask = torch.zeros(count, 2 if both else 0, device=label.device)
        if label.is_floating_point():
            mask[:, :1] = 1
            return torch.cat((label, label.new_zeros(count, len(self.classes)), mask), dim=1)
        mask[:, 1:] = 1
        one_hot = F.one_hot(label, len(self.classes)).float()
        return torch.cat((one_hot.new_zeros(count, len(self.attributes)), one_hot, mask), dim=1)

    def classification(self, logits: Tensor, label: Tensor) -> Tensor:
        """Equations 2 and 3, on the part of the logits (N, A + K) that this kind of labels has."""
        p = single(logits)
        if label.is_floating_point():
            p = p[:, : len(self.attributes)]
            # Summed over the attributes: the more there are, the more this counts (as in the reference).
            return F.binary_cross_entropy_with_logits(p, label.to(p.dtype), reduction="sum") / len(p)
        return F.cross_entropy(p[:, len(self.attributes) :], label)

    def translate(
        self, images: Tensor, *, source: int, target: int, code: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        pictures: Tensor = self.g(images, condition)
        return pictures

    def condition(self, target: str, images: Tensor) -> Tensor:
        """A class, or attributes: those that `target` does not name as D sees them."""
        asked = self.asked(target)
        if isinstance(asked, int):
            return self.told(torch.full((len(images),), asked, device=images.device))
        if len(asked) == len(self.attributes):
            return self.told(self.fixed(asked, images))
        return self.told(targets.changed(self.own(images), self.attributes, asked))

    def asked(self, target: str) -> int | dict[str, bool]:
        """The class that a target names, or what it wants of which attributes. Raises UsageError."""
        return targets.asked(self.attributes, self.classes, target)

    def fixed(self, asked: Mapping[str, bool], images: Tensor) -> Tensor:
        """All attributes as asked (N, A)."""
        row = torch.tensor([float(asked[name]) for name in self.attributes], device=images.device)
        return row.expand(len(images), -1)

    def own(self, images: Tensor) -> Tensor:
        """The attributes (N, A) that D sees in pictures (N, 3, H, W), resized to the size it was trained with."""
        seen = F.interpolate(images, (self.d.size, self.d.size), mode="bilinear", antialias=True)
        return (self.d.logits(seen)[:, : len(self.attributes)] > 0).float()
