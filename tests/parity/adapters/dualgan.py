"""DualGAN: the reference's configurations, variables and draws, and what they are with us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch
from gantool_dualgan import CYCLES, OBJECTIVES, DualGAN, official
from gantool_dualgan.networks import Discriminator, Generator
from torch import Tensor, nn

from gantool.importing import table
from gantool.losses.adversarial import adversarial_loss
from gantool.losses.gradient_penalty import gradient_penalty, interpolated
from gantool.model import Batch, Model
from gantool.networks.same_padding import SameConv2d, SameConvTranspose2d

from .. import fill, suite
from ..suite import Entry

LOSSES = {
    "A_loss": "cycle_a",
    "B_loss": "cycle_b",
    "Ad_loss": "d_b",
    "Bd_loss": "d_a",
    "Ad_penalty": "penalty_b",
    "Bd_penalty": "penalty_a",
    "Ag_adversarial": "gan_ab",
    "Bg_adversarial": "gan_ba",
}
"""The reference's name of each term, and ours."""

_OBJECTIVES = {"classic": "vanilla", "wgan": "wgan", "wgan-gp": "wgangp"}
_DISCRIMINATORS = {"globalgan": "whole", "patchgan": "patch"}
_TRAINING = {
    "lr",
    "lambda_A",
    "lambda_B",
    "loss_metric",
    "clip_value",
    "optimizer",
    "batch_size",
    "GAN_type",
    "n_critic",
}
_UNKNOWN = "the suite does not know"


def _network(config: Entry, parameters: Any) -> nn.Module:
    """The network of a configuration; what that leaves out is told by the shapes of the variables."""
    told = dict(config)
    kind = told.pop("class")
    assert kind in ("Generator", "Discriminator"), f"{_UNKNOWN} {kind!r}"
    if kind == "Generator":
        assert told.keys() == {"prefix", "channels_in", "channels_out", "gcn", "kernel"}, f"{_UNKNOWN} {told}"
        depth = sum(name.endswith("_conv/w") for name, _ in parameters)
        inside, outside = told["channels_in"], told["channels_out"]
        return Generator(inside, outside, width=told["gcn"], depth=depth, kernel=told["kernel"])
    assert told.keys() == {"prefix", "channels", "dcn", "disc_type", "image_size"}, f"{_UNKNOWN} {told}"
    judges = _DISCRIMINATORS[told["disc_type"]]
    return Discriminator(told["channels"], width=told["dcn"], kind=judges, size=told["image_size"])


def load_network(network: nn.Module, tensors: Mapping[str, Tensor], prefix: str, where: str) -> dict[str, str]:
    """Puts the variables of one network into ours, without a change of colours. Returns their names and ours."""
    assert all(name.startswith(prefix) for name in tensors)
    bare = {name.removeprefix(prefix): value for name, value in tensors.items()}
    used, _ = table.load(network, official.names(network), official.in_torchs_order(bare, bgr=False), where)
    return {prefix + theirs.replace(".", "/"): ours for theirs, ours in used.items()}


class _Named(nn.Module):
    """A discriminator whose output has the reference's name."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor | dict[str, Tensor]:
        y = self.network(x)
        return {"logit": y} if isinstance(self.network, Discriminator) else y


def _check_network(entry: Entry) -> None:
    prefix = entry["config"]["prefix"]

    def load(named: nn.Module, tensors: Mapping[str, Tensor], where: str) -> dict[str, str]:
        return load_network(named.network, tensors, prefix, where)

    suite.check_network(entry, lambda config: _Named(_network(config, entry["parameters"])), load)


@torch.no_grad()
def _check_function(entry: Entry) -> None:
    given = {name: fill.given(rule) for name, rule in entry["inputs"].items()}
    x, w = given["x"], given["w"].permute(3, 2, 0, 1).contiguous()
    kernel = w.shape[-1]

    def filled(layer: nn.Conv2d | nn.ConvTranspose2d) -> nn.Module:
        layer.weight.copy_(w)
        nn.init.zeros_(layer.bias)
        return layer

    if entry["name"].startswith("same_transposed_conv"):
        found = {"y": filled(SameConvTranspose2d(w.shape[0], w.shape[1], kernel))(x)}
    else:
        assert entry["name"].startswith("same_conv"), f"{_UNKNOWN} the function {entry['name']!r}"
        halving, keeping = (filled(SameConv2d(w.shape[1], w.shape[0], kernel, stride)) for stride in (2, 1))
        found = {"even": halving(x), "odd": halving(x[..., :-1, :-1]), "stride1": keeping(x)}
    assert found.keys() == entry["outputs"].keys()
    for name, figures in entry["outputs"].items():
        largest = max(abs(value) for value in figures["values"])
        suite.assert_close(found[name], figures, suite.VALUE * largest, name)


def _check_loss(entry: Entry) -> None:
    name = entry["name"]
    for kind, figure in ((torch.float32, entry["value"]), (torch.float64, entry["float64_value"])):
        given = {key: fill.given(rule).to(kind) for key, rule in entry["inputs"].items()}
        if name == "gradient_penalty":
            told = entry["network"]
            judge = _network(told["config"], told["parameters"])
            load_network(judge, fill.filled(told), "A_d_", name)
            points = interpolated(given["g"], given["x"], given["e"])
            value = _penalty(entry["formula"]) * gradient_penalty(judge.to(kind), points, epsilon=1e-8)
        elif name.startswith("cycle_"):
            value = CYCLES[name.removeprefix("cycle_").lower()](given["x"], given["y"])
        else:
            objective, player = name.split("_")
            mode = OBJECTIVES[_OBJECTIVES[objective]]
            value = adversarial_loss(given["fake"], player == "G", mode)
            if player == "D":
                value = value + adversarial_loss(given["real"], True, mode)
        # The norm of 200,000 numbers in single precision: other processors add them up 1e-6 apart, squaring doubles it.
        single = suite.VALUE * (4 if name == "gradient_penalty" else 1)
        tolerance = single if kind is torch.float32 else suite.EXACT
        assert value.item() == pytest.approx(figure, rel=tolerance, abs=1e-7 if kind is torch.float32 else 0)


def _penalty(formula: str) -> float:
    assert "sqrt(1e-8 + sum grad^2)" in formula, f"{_UNKNOWN} the penalty {formula!r}"
    return suite.stated(r"^([\d.]+) \*", formula)


class _TorchsRMSprop(DualGAN):
    """For figures that were measured with PyTorch's optimiser."""

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            name: torch.optim.RMSprop(optimizer.param_groups[0]["params"], self.options.lr, alpha=0.9, eps=1e-10)
            for name, optimizer in super().optimizers().items()
        }


class Run(suite.Recording):
    """A run whose draws are those of the batch: for the discriminator of B first."""

    def rand(self, *shape: int) -> Tensor:
        drawn = self.draws.pop(0).flatten()
        assert drawn.shape == shape
        return drawn


def _check_training(entry: Entry) -> None:
    config = entry["config"]
    assert config.keys() <= _TRAINING, f"{_UNKNOWN} {config.keys() - _TRAINING}"

    def ours(losses: Mapping[str, float]) -> dict[str, float]:
        """The reference's sums as the terms that our step logs."""
        found = {name: losses[name] for name in ("A_loss", "B_loss")}
        for one, other in ("AB", "BA"):
            found[f"{one}d_loss"] = losses[f"{one}d_loss_fake"] + losses[f"{one}d_loss_real"]
            found[f"{one}g_adversarial"] = losses[f"{one}g_loss"] - config[f"lambda_{other}"] * losses[f"{other}_loss"]
            if f"{one}d_penalty" in losses:
                found[f"{one}d_penalty"] = losses[f"{one}d_penalty"] / 10
        return found

    told = {key: {**entry[key], "losses": [ours(losses) for losses in entry[key]["losses"]]} for key in ("float64",)}
    suite.check_training({**entry, **told}, _Training(entry))


class _Training:
    LOSSES = LOSSES
    Run = Run

    def __init__(self, entry: Entry) -> None:
        self.told = entry["networks"]

    def model(self, config: Entry) -> DualGAN:
        of_generator, of_discriminator = self.told["A_g"]["config"], self.told["A_d"]["config"]
        options = DualGAN.Options(
            channels_a=of_generator["channels_in"],
            channels_b=of_generator["channels_out"],
            width=of_generator["gcn"],
            depth=sum(name.endswith("_conv/w") for name, _ in self.told["A_g"]["parameters"]),
            kernel=of_generator["kernel"],
            discriminator=_DISCRIMINATORS[of_discriminator["disc_type"]],
            d_width=of_discriminator["dcn"],
            gan=_OBJECTIVES[config["GAN_type"]],
            clip=config["clip_value"],
            n_critic=config.get("n_critic", 1),
            cycle_a=config["lambda_A"],
            cycle_b=config["lambda_B"],
            cycle=config["loss_metric"].lower(),
            lr=config["lr"],
        )
        kinds = {"tensorflow": DualGAN, "torch": _TorchsRMSprop}
        spec = DualGAN.data(options).spec(("A", "B"), of_discriminator["image_size"])
        return kinds[config["optimizer"]](options, spec)

    def load(self, network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
        return load_network(network, tensors, self.told[where]["config"]["prefix"], where)

    def networks(self, model: Model[Any]) -> Mapping[str, nn.Module]:
        return {theirs: model.get_submodule(ours) for theirs, ours in official.ROLES.items()}

    def batch(self, pictures: Batch, config: Entry) -> Batch:
        Run.draws = [pictures[name] for name in ("epsilon_B", "epsilon_A") if name in pictures]
        return {name: pictures[name] for name in "AB"}

    def stored(self, weight: Tensor) -> Tensor:
        """A weight with its dimensions in TensorFlow's order."""
        return weight.permute(2, 3, 1, 0) if weight.dim() == 4 else weight.t() if weight.dim() == 2 else weight

    def scripted(self, model: Model[Any], entry: Entry) -> Iterator[Any]:
        return iter(())


SECTIONS = {
    "networks": _check_network,
    "functions": _check_function,
    "losses": _check_loss,
    "training": _check_training,
}
