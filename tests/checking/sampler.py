"""A plugin that makes pictures of noise, as small as can be: a linear layer of a latent and a class."""

SAMPLER = {
    "__init__.py": """
from dataclasses import dataclass

import torch
from torch import nn

from gantool.capabilities import Mixes
from gantool.data.layouts.domains import domains
from gantool.losses.adversarial import adversarial_loss
from gantool.model import Data, Model, Roles, Steps
from gantool.options import option
from gantool.spec import Sizes


class Switch(Mixes, Model["Switch.Options"]):
    contract = 2
    paper = "the smallest model that makes pictures of noise"
    roles = Roles(training_only=("d",))
    latent_size = 4
    style_shape = (2, 5)
    truncates = "brings styles together"

    @dataclass(frozen=True, kw_only=True)
    class Options:
        lr: float = option(0.01, "learning rate", low=0)

    @classmethod
    def data(cls, o):
        return Data(domains(), batch=4, settings={"preprocess": "square", "size": 8})

    @classmethod
    def length(cls, o):
        return Steps(100)

    def __init__(self, options, spec):
        super().__init__(options, spec)
        self.label_size, self.side = len(spec.domains), spec.size
        self.crops = Sizes(exact=spec.size)
        self.mapping = nn.Linear(4 + self.label_size, 10)
        self.g = nn.Linear(10, 3 * spec.size**2)
        self.d = nn.Linear(3 * spec.size**2 + self.label_size, 1)

    def optimizers(self):
        both = [*self.mapping.parameters(), *self.g.parameters()]
        return {"G": torch.optim.SGD(both, self.options.lr), "D": torch.optim.SGD(self.d.parameters(), self.options.lr)}

    def styles(self, latents, *, labels=None, truncation=1.0):
        return truncation * self.mapping(torch.cat([latents, labels], dim=1)).view(-1, 2, 5)

    def of_styles(self, styles):
        return self.g(styles.flatten(1)).tanh().view(-1, 3, self.side, self.side)

    def sample(self, latents, *, labels=None, truncation=1.0):
        return self.of_styles(self.styles(latents, labels=labels, truncation=truncation))

    def judged(self, pictures, labels):
        return self.d(torch.cat([pictures.flatten(1), labels], dim=1))

    def training_step(self, batch, run):
        real = batch["image"]
        labels = torch.eye(self.label_size, device=real.device)[batch["label"]]
        fake = self.sample(run.randn(len(real), 4), labels=labels)
        with run.phase("D"):
            d = adversarial_loss(self.judged(real, labels), True) + adversarial_loss(
                self.judged(fake.detach(), labels), False
            )
            run.backward(d)
            run.update("D")
        with run.phase("G"):
            fake = self.sample(run.randn(len(real), 4), labels=labels)
            gan = adversarial_loss(self.judged(fake, labels), True)
            run.backward(gan)
            run.update("G")
        run.log(gan=gan, d=d)
""",
    "presets/smoke.yaml": 'summary: "a few steps"\nsteps: 3\nbatch: 2\n',
    "about.yaml": 'needs: "a folder a class"\nmakes: "pictures"\n',
}
"""The files of its package by name."""
