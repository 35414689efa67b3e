"""StarGAN v2: Choi, Uh, Yoo and Ha, "StarGAN v2: Diverse Image Synthesis for Multiple Domains", CVPR 2020,
arXiv 1912.01865 (version 2 of the paper).

One generator G(x, s) for all domains. The style s comes from a random code, s = F(z, y), or from a picture,
s = E(x, y). One discriminator D(x, y) judges whether a picture is a real one of domain y. Defaults are the authors' for
AFHQ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gantool.capabilities import Averaged, Encodes, Exports, Graph, Translates
from gantool.data.layouts.domains import domains
from gantool.errors import UsageError, argument
from gantool.losses.adversarial import adversarial_loss
from gantool.losses.gradient_penalty import r1
from gantool.losses.reconstruction import l1
from gantool.model import Batch, Data, Model, Progress, Roles, Run, Steps
from gantool.networks.initialization import initialize
from gantool.option_groups import adam
from gantool.options import option
from gantool.spec import Sizes, Spec
from gantool_starganv2.face import FAN, face_masks, read_fan
from gantool_starganv2.networks import Content, Discriminator, Generator, MappingNetwork, Masks, StyleEncoder, halvings

MEAN_OF = 10_000
"""Random codes that `mean_code` is the mean of."""


class StarGANv2(Translates, Encodes, Averaged, Exports, Model["StarGANv2.Options"]):
    contract = 2
    paper = "Choi et al., StarGAN v2: Diverse Image Synthesis for Multiple Domains, CVPR 2020, arXiv 1912.01865"
    roles = Roles(training_only=("discriminator",))
    averaged = ("generator", "mapping_network", "style_encoder")
    encoders = ("style_encoder",)

    @dataclass(frozen=True, kw_only=True)
    class Options:
        width: int = option(0, "channels of the first layers; 0: 16384 / crop, 64 at 256 pixels", low=0)
        max_width: int = option(512, "most channels of a layer", low=1)
        style_dim: int = option(64, "length of a style code", low=1)
        latent_dim: int = option(16, "length of the random code that the mapping network takes", low=1)
        mapping_width: int = option(512, "width of the mapping network's hidden layers", low=1)
        w_hpf: float = option(
            0.0, "above 0: a high-pass skip keeps the details of faces; larger is weaker (CelebA-HQ: 1)", low=0
        )
        fan: str = option("", "file with the weights of the face network, which w_hpf > 0 needs: wing.ckpt", file=True)
        r1: float = option(1.0, "weight of the gradient penalty on real pictures", low=0)
        style: float = option(1.0, "weight of the style reconstruction", low=0)
        diversity: float = option(2.0, "weight of the diversity at the start (CelebA-HQ: 1)", low=0)
        diversity_steps: int = option(0, "steps over which that weight falls to 0; 0: the whole run", low=0)
        cycle: float = option(1.0, "weight of the cycle consistency", low=0)
        lr: float = option(1e-4, "learning rate of generator, style encoder and discriminator", low=0)
        mapping_lr: float = option(1e-6, "learning rate of the mapping network", low=0)
        beta1: float = option(0.0, "first moment's decay of all Adams", low=0, below=1)
        beta2: float = option(0.99, "second moment's decay of all Adams", low=0, below=1)
        weight_decay: float = option(1e-4, "L2 regularisation within all Adams", low=0)
        ema: float = option(
            0.999, "decay of the averaged networks; less for runs of a few thousand steps", low=0, below=1
        )

        def __post_init__(self) -> None:
            if self.fan and not self.w_hpf:
                raise ValueError("fan is of use only with w_hpf > 0 (1 for faces of 256 pixels)")

    @classmethod
    def data(cls, o: StarGANv2.Options) -> Data:
        return Data(domains(references=True), batch=8)

    @classmethod
    def length(cls, o: StarGANv2.Options) -> Steps:
        return Steps(100_000)

    def __init__(self, options: StarGANv2.Options, spec: Spec) -> None:
        super().__init__(options, spec)
        o, size, count = options, spec.size, len(spec.domains)
        least = 16 if o.w_hpf > 0 else 32
        if size < least or size & (size - 1):
            raise UsageError(
                f"starganv2 trains on squares whose side is a power of two, at least {least}, not {size}:"
                f" {argument('crop', 256)}"
            )
        self.generator = Generator(size, o.style_dim, width=o.width, max_width=o.max_width, w_hpf=o.w_hpf)
        self.mapping_network = MappingNetwork(o.latent_dim, o.style_dim, count, width=o.mapping_width)
        self.style_encoder = StyleEncoder(size, o.style_dim, count, width=o.width, max_width=o.max_width)
        self.discriminator = Discriminator(size, count, width=o.width, max_width=o.max_width)
        for network in (self.generator, self.mapping_network, self.style_encoder, self.discriminator):
            initialize(network, "kaiming")
        self.fan = FAN() if o.w_hpf > 0 else None
        # The face network and the sizes of its masks know only pictures of the size of training. An instance norm needs
        # more than one pixel at the narrowest place.
        multiple = 2 ** halvings(size, o.w_hpf)
        self.sizes = Sizes(exact=size) if o.w_hpf > 0 else Sizes(multiple, 2 * multiple)
        self.crops = Sizes(minimum=size, exact=size)
        self.code_size = o.style_dim

    def prepare_training(self) -> None:
        """Reads the face network. Raises UsageError without a file, CheckpointError for one that does not hold it."""
        if self.fan is None:
            return
        if not self.options.fan:
            needed = argument("set", "fan=wing.ckpt")
            raise UsageError(f"starganv2: w_hpf > 0 needs the weights of the face network: {needed}")
        self.fan.load_state_dict(read_fan(Path(self.options.fan)))

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        o, decay = self.options, self.options.weight_decay
        return {
            "G": adam(o, self.generator, weight_decay=decay),
            "F": adam(o, self.mapping_network, weight_decay=decay, lr=o.mapping_lr),
            "E": adam(o, self.style_encoder, weight_decay=decay),
            "D": adam(o, self.discriminator, weight_decay=decay),
        }

    def average_decay(self, now: Progress) -> float:
        return self.options.ema

    def training_step(self, batch: Batch, run: Run) -> None:
        """Section 2 of the paper: D and G with styles from random codes, and each with styles from pictures."""
        g, f, e, o = self.generator, self.mapping_network, self.style_encoder, self.options
        x, y, y_trg = batch["image"], batch["label"], batch["target"]
        x_ref, x_ref2 = batch["reference"], batch["reference2"]
        z_trg, z_trg2 = run.randn(len(x), o.latent_dim), run.randn(len(x), o.latent_dim)
        self.check_size(x)
        masks = self.masks(x)

        with run.phase("G", "F", "E"):  # for both updates of D, and the first of the others
            content = g(x)
            s = f(torch.cat([z_trg, z_trg2]), torch.cat([y_trg, y_trg])).chunk(2)
        with run.phase("D"):
            with torch.no_grad():
                x_fake = g(content, s[0], masks)
            d_latent = self.discriminator_loss(x, y, x_fake, y_trg)
            run.backward(d_latent["total"])
            run.update("D")
        with run.phase("D"):
            with torch.no_grad():
                x_fake = g(content, e(x_ref, y_trg), masks)
            d_ref = self.discriminator_loss(x, y, x_fake, y_trg)
            run.backward(d_ref["total"])
            run.update("D")

        weight = self.diversity_weight(run.now)
        with run.phase("G", "F", "E"):
            g_latent = self.generator_loss(batch, content, e(x, y), styles=s, masks=masks, diversity=weight)
            run.backward(g_latent["total"])
            run.update("G", "F", "E")
        with run.phase("G"):  # styles of pictures train G alone, as in the authors' code
            *s, own = e(torch.cat([x_ref, x_ref2, x]), torch.cat([y_trg, y_trg, y])).chunk(3)
            g_ref = self.generator_loss(batch, g(x), own, styles=s, masks=masks, diversity=weight)
            run.backward(g_ref["total"])
            run.update("G")

        parts = {"d_latent": d_latent, "d_ref": d_ref, "g_latent": g_latent, "g_ref": g_ref}
        run.log(**{f"{part}_{t}": loss for part, terms in parts.items() for t, loss in terms.items() if t != "total"})

    def discriminator_loss(self, x_real: Tensor, y_org: Tensor, x_fake: Tensor, y_trg: Tensor) -> dict[str, Tensor]:
        """Equation 1 for D, with R1 on real pictures."""
        scores, penalty = r1(lambda x: self.discriminator(x, y_org), x_real)
        real = adversarial_loss(scores, True, "vanilla")
        fake = adversarial_loss(self.discriminator(x_fake, y_trg), False, "vanilla")
        return {"total": real + fake + self.options.r1 * penalty, "real": real, "fake": fake, "r1": penalty}

    def generator_loss(
        self,
        batch: Batch,
        content: Content,
        own: Tensor,
        *,
        styles: Sequence[Tensor],
        masks: Masks | None,
        diversity: float,
    ) -> dict[str, Tensor]:
        """Equations 1 to 4 for G, F and E: of the pictures' content, with their own styles (N, S) for the way back, and
        two styles (N, S) of the targets. `diversity` is that loss's weight."""
        g, e, d, o = self.generator, self.style_encoder, self.discriminator, self.options
        x, y_trg = batch["image"], batch["target"]
        x_fake = g(content, styles[0], masks)
        adversarial = adversarial_loss(d(x_fake, y_trg), True, "vanilla")
        style = l1(e(x_fake, y_trg), styles[0])
        with torch.no_grad():
            x_fake2 = g(content, styles[1], masks)
        diverse = l1(x_fake, x_fake2)
        cycle = l1(g(x_fake, own, self.masks(x_fake)), x)
        total = adversarial + o.style * style - diversity * diverse + o.cycle * cycle
        return {"total": total, "adv": adversarial, "style": style, "diversity": diverse, "cycle": cycle}

    def diversity_weight(self, now: Progress) -> float:
        """Weight of the diversity in this step: it falls to 0 in a straight line, and stays there."""
        o = self.options
        return max(0.0, o.diversity * (1 - now.step / (o.diversity_steps or now.total_steps)))

    def masks(self, images: Tensor) -> Masks | None:
        """What the high-pass skip keeps of these pictures; None without one."""
        return None if self.fan is None else face_masks(self.fan, images)

    def check_size(self, images: Tensor) -> None:
        """Raises UsageError for pictures that D and E cannot take: it happens where nothing crops them."""
        side, (height, width) = self.spec.size, images.shape[2:]
        if (height, width) != (side, side):
            cropping = argument("preprocess", "resize_and_crop")
            raise UsageError(
                f"starganv2 trains on squares of one size, here {side}, but pictures come as {width}x{height}:"
                f" choose a preprocessing that crops, such as {cropping}"
            )

    def translate(
        self, images: Tensor, *, source: int, target: int, code: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        """The source does not matter, and the target is in the style. G's values have no bounds: they are clipped."""
        pictures: Tensor = self.generator(images, code, self.masks(images))
        return pictures.clamp(-1, 1)

    def random_code(self, target: int, generator: torch.Generator) -> Tensor:
        return self.styles(torch.randn(1, self.options.latent_dim, generator=generator), target)

    def mean_code(self, target: int) -> Tensor:
        """The mean of 10,000 random styles, always the same ones."""
        z = torch.randn(MEAN_OF, self.options.latent_dim, generator=torch.Generator().manual_seed(0))
        return self.styles(z, target).mean(0, keepdim=True)

    def styles(self, z: Tensor, target: int) -> Tensor:
        """F(z, y): the styles (N, S) of random codes (N, latent_dim) on the CPU."""
        s: Tensor = self.mapping_network(z.to(next(self.mapping_network.parameters())), target)
        return s

    def encode(self, images: Tensor, *, domain: int) -> Tensor:
        """E(x, y), of pictures of any size."""
        side = self.spec.size
        images = F.interpolate(images, (side, side), mode="bilinear", align_corners=False, antialias=True)
        s: Tensor = self.style_encoder(images, domain)
        return s

    def graphs(self) -> Mapping[str, Graph]:
        """F and E: styles (N, S) of random codes, or of pictures, of the domains with these numbers (N,)."""
        rng, side = torch.Generator().manual_seed(0), self.spec.size
        domain = torch.arange(3) % len(self.spec.domains)
        z = torch.randn(3, self.options.latent_dim, generator=rng)
        images = torch.rand(3, 3, side, side, generator=rng) * 2 - 1
        return {
            "mapping_network": Graph(self.mapping_network, {"code": z, "domain": domain}, ("style",)),
            "style_encoder": Graph(self.style_encoder, {"image": images, "domain": domain}, ("style",)),
        }
