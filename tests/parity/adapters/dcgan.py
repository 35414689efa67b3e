"""DCGAN and the conditional GANs: the references' configurations, names and losses, and what they are with us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from gantool_dcgan import DCGAN
from gantool_dcgan.dense import LinearDiscriminator, LinearGenerator, MaxoutDiscriminator, MaxoutGenerator
from torch import Tensor, nn

from gantool.importing.table import load as load_official
from gantool.importing.table import same
from gantool.losses.adversarial import adversarial_loss, generator_loss
from gantool.model import Batch, Model
from gantool.networks.dcgan import DCDiscriminator, DCGenerator

from .. import fill, suite
from ..suite import Entry

LOSSES = {
    "errD_real": "d_real",
    "errD_fake": "d_fake",
    "errG": "gan",
    "g_loss": "gan",
    **{name: name for name in ("errD", "d_loss", "D_x", "D_G_z1", "D_G_z2")},
}
_UNKNOWN = "the suite does not know"
_SIDE = 64
"""The example's only size."""


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
    return load_official(network, same(network), tensors, where)[0]


def _check_network(entry: Entry) -> None:
    told = entry["inputs"].get("y")
    classes = 0 if told is None else entry["config"]["n_classes"]
    (output,) = (name for name in entry["outputs"] if not name.startswith("buffer after"))

    def build(config: Entry) -> nn.Module:
        return _Named(_network(config), classes, output)

    suite.check_network(entry, build, lambda named, tensors, where: _loaded(named, tensors, where))


class _Named(nn.Module):
    """A network that takes classes by number, and whose output has the reference's name and kind."""

    def __init__(self, network: nn.Module, classes: int, output: str) -> None:
        super().__init__()
        self.network, self.classes, self.output = network, classes, output

    def forward(self, x: Tensor, y: Tensor | None = None) -> dict[str, Tensor]:
        labels = () if y is None else (F.one_hot(y, self.classes).float(),)
        network = self.network
        if isinstance(network, MaxoutGenerator):
            return {self.output: network.shares(x, *labels)}
        if isinstance(network, MaxoutDiscriminator):
            x = 2 * x - 1  # the network takes [-1, 1]
        found = network(x.flatten(1) if isinstance(network, DCGenerator) else x, *labels)
        scores = torch.sigmoid(found) if self.output == "p" else found
        return {self.output: scores.view(-1, 1) if y is not None and scores.dim() == 1 else scores}


def _loaded(named: _Named, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
    return {theirs: f"network.{ours}" for theirs, ours in load(named.network, tensors, where).items()}


def _network(config: Entry) -> nn.Module:
    kind = config["class"]
    if kind == "Generator":
        return DCGenerator(_SIDE, config["nc"], latent=config["nz"], width=config["ngf"])
    if kind == "Discriminator":
        return DCDiscriminator(_SIDE, config["nc"], width=config["ndf"])
    classes = config["n_classes"]
    if kind.startswith("cgan."):
        size, channels = config["img_size"], config["channels"]
        if kind == "cgan.Generator":
            return LinearGenerator(size, channels, latent=config["latent_dim"], classes=classes)
        assert kind == "cgan.Discriminator", f"{_UNKNOWN} {kind!r}"
        return LinearDiscriminator(size, channels, classes=classes)
    side = round(config["pixels"] ** 0.5)
    if kind == "mlp.G":
        return MaxoutGenerator(side, 1, latent=config["nz"], classes=classes)
    assert kind == "mlp.D", f"{_UNKNOWN} {kind!r}"
    return MaxoutDiscriminator(side, 1, classes=classes)


def _check_loss(entry: Entry) -> None:
    given = {name: fill.given(rule) for name, rule in entry["inputs"].items()}
    name, formula = entry["name"], entry["formula"]
    if name == "bce_saturated":
        # Logits have no such limit: the reference's is put on, above it both are the same.
        assert "cut off at -100" in formula
        suite.assert_value(torch.stack([_cut(v) for v in given["v"]]).mean(), entry["value"])
        return
    mode = "lsgan" if "least squares" in formula else "vanilla"
    assert mode == "lsgan" or formula.startswith("BCELoss(sigmoid("), f"{_UNKNOWN} {formula!r}"
    if name.endswith("_D"):
        value = adversarial_loss(given["real"], True, mode) + adversarial_loss(given["fake"], False, mode)
        value = value / 2 if "halved" in formula else value
    else:
        assert name.endswith("_G"), f"{_UNKNOWN} the loss {name!r}"
        value = generator_loss(given["fake"], mode)
    suite.assert_value(value, entry["value"])


def _cut(v: Tensor) -> Tensor:
    return generator_loss(v, "vanilla").clamp(max=100)


class _Run(suite.Recording):
    """Keeps the sum that D goes back from, and of the example the means of D's probabilities."""

    def __init__(self, model: DCGAN, optimizers: dict[str, torch.optim.Optimizer]) -> None:
        super().__init__(model, optimizers)
        self.draws: Iterator[tuple[str, Tensor]] = iter(())
        self.means: list[float] = []
        model.d.register_forward_hook(
            lambda _, inputs, scores: self.means.append(float(scores.detach().sigmoid().mean()))
        )

    def backward(self, loss: Tensor, **options: Any) -> None:
        super().backward(loss, **options)
        self.last["errD" if len(self.means) == 2 else "d_loss"] = float(loss.detach())

    def end(self) -> None:
        super().end()
        self.last |= dict(zip(("D_x", "D_G_z1", "D_G_z2"), self.means, strict=True))
        self.means.clear()

    def _drawn(self, kind: str, shape: tuple[int, ...]) -> Tensor:
        name, drawn = next(self.draws)
        assert (name, drawn.shape) == (kind, shape)
        return drawn

    def randn(self, *shape: int) -> Tensor:
        return self._drawn("z", shape)

    def rand(self, *shape: int) -> Tensor:
        return self._drawn("y_fake", shape)


def _check_training(entry: Entry) -> None:
    suite.check_training(entry, _Training(entry))


class _Training:
    LOSSES = LOSSES

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.g, self.d = (entry["networks"][name]["config"] for name in ("G", "D"))

    def model(self, config: Entry) -> DCGAN:
        dense = self.g["class"] == "cgan.Generator"
        if not dense:
            assert config.keys() == {"lr", "beta1", "batch_size"}
            values: dict[str, Any] = {"width": self.g["ngf"], "d_width": self.d["ndf"], "latent": self.g["nz"]}
            domains, size, channels = ("pictures",), _SIDE, self.g["nc"]
        else:
            assert config.keys() == {"lr", "b1", "b2", "batch_size"}
            assert config["b2"] == 0.999
            assert "least squares, G first" in self.entry["what"]
            values = {"network": "linear", "classes": True, "latent": self.g["latent_dim"]}
            values |= {"gan": "lsgan", "d_weight": 0.5, "first": "G"}
            domains, size = tuple(f"c{number}" for number in range(self.g["n_classes"])), self.g["img_size"]
            channels = self.g["channels"]
        beta1 = config["b1" if dense else "beta1"]
        o = DCGAN.Options(**values, channels=channels, lr=config["lr"], beta1=beta1)
        return DCGAN(o, DCGAN.data(o).spec(domains, size))

    def load(self, network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
        return load(network, tensors, where)

    def networks(self, model: Model[Any]) -> Mapping[str, nn.Module]:
        return {"G": model.get_submodule("g"), "D": model.get_submodule("d")}

    def Run(self, model: DCGAN, optimizers: dict[str, torch.optim.Optimizer]) -> _Run:  # noqa: N802
        self.run = _Run(model, optimizers)
        return self.run

    def batch(self, pictures: Batch, config: Entry) -> Batch:
        return {"image": pictures["x"]} | ({"label": pictures["y"].long()} if "y" in pictures else {})

    def scripted(self, model: Model[Any], entry: Entry) -> Iterator[Any]:
        def draws() -> Iterator[tuple[str, Tensor]]:
            for rules in entry["batches"]:
                yield "z", fill.given(rules["z"]).flatten(1).double()
                if "y_fake" in rules:
                    yield "y_fake", (fill.given(rules["y_fake"]) + 0.5) / self.g["n_classes"]

        self.run.draws = draws()
        return self.run.draws


SECTIONS = {"networks": _check_network, "losses": _check_loss, "training": _check_training}
