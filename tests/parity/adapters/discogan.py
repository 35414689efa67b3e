"""DiscoGAN: the reference's configurations, names and losses, and what they are with us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from gantool_discogan import DiscoGAN, discriminator_loss, feature_matching, official
from gantool_discogan.networks import Discriminator, Generator
from torch import Tensor, nn

from gantool.importing.table import load as load_official
from gantool.importing.table import same
from gantool.losses.adversarial import adversarial_loss
from gantool.model import Batch, Model

from .. import fill, suite
from ..suite import Entry

LOSSES = {
    "gen_loss_A": "gan_ba",
    "gen_loss_B": "gan_ab",
    "fm_loss_A": "fm_a",
    "fm_loss_B": "fm_b",
    "recon_loss_A": "cycle_a",
    "recon_loss_B": "cycle_b",
    "dis_loss_A": "d_a",
    "dis_loss_B": "d_b",
    "gen_loss": "G",
    "dis_loss": "D",
}
"""The reference's name of each loss, and ours; the two sums are under the optimiser that takes them."""

_TRAINING = {
    *("script", "model_arch", "extra_layers", "learning_rate", "betas", "weight_decay", "update_interval"),
    *("gan_curriculum", "starting_rate", "default_rate", "first_iteration"),
}
_MAPS = {"image_translation": 3, "angle_pairing": 2}
_UNKNOWN = "the suite does not know"


class _Named(Discriminator):
    """A discriminator whose outputs have the reference's names."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        scores, maps = super().forward(x)
        return {"y": torch.sigmoid(scores), **{f"feature{number}": one for number, one in enumerate(maps)}}


def _shapes(parameters: Any) -> dict[str, Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in parameters}


def _check_network(entry: Entry) -> None:
    def build(config: Entry) -> nn.Module:
        kind = config["class"]
        assert kind in ("Generator", "Discriminator"), f"{_UNKNOWN} {kind!r}"
        if kind == "Discriminator":
            told = official.discriminator(_shapes(entry["parameters"]))
            assert told is not None
            return _Named(width=told["d_width"])
        told = official.generator(_shapes(entry["parameters"]))
        assert told is not None
        assert bool(told["bottleneck"]) == config["extra_layers"]
        return Generator(**told)

    suite.check_network(entry, build, load)


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
    return load_official(network, same(network), tensors, where)[0]


class _Run(suite.Recording):
    """Keeps the sum that a step goes back from under the name of the optimiser that takes it."""

    def backward(self, loss: Tensor, **options: Any) -> None:
        super().backward(loss, **options)
        self.sum = float(loss.detach())

    def update(self, *names: str, clip: float | None = None) -> None:
        super().update(*names, clip=clip)
        self.last |= dict.fromkeys(names, self.sum)


def _check_training(entry: Entry) -> None:
    config = entry["config"]
    assert config.keys() <= _TRAINING, f"{_UNKNOWN} {config.keys() - _TRAINING}"
    assert config["model_arch"] in ("discogan", "recongan"), f"{_UNKNOWN} {config['model_arch']!r}"
    first, interval = config["first_iteration"], config["update_interval"]

    def ours(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Without the sum that the step does not take."""
        found = []
        for number, told in enumerate(listed, first):
            learner = "G" if number % interval else "D"
            rate = config["starting_rate"] if number < config["gan_curriculum"] else config["default_rate"]
            assert (told["iteration"], told["step"], told["rate"]) == (number, learner, rate)
            left_out = {"iteration", "step", "rate", "dis_loss" if learner == "G" else "gen_loss"}
            found.append({name: value for name, value in told.items() if name not in left_out})
        return found

    told = {key: {**entry[key], "losses": ours(entry[key]["losses"])} for key in ("float64",) if key in entry}
    suite.check_training({**entry, "losses": ours(entry["losses"]), **told}, _Training(entry))


class _Training:
    """How the reference's training is run by ours: widths follow from the shapes of the networks."""

    LOSSES = LOSSES
    Run = _Run

    def __init__(self, entry: Entry) -> None:
        self.shapes = {name: _shapes(told["parameters"]) for name, told in entry["networks"].items()}

    def model(self, config: Entry) -> DiscoGAN:
        of_generator = official.generator(self.shapes["generator_A"])
        of_discriminator = official.discriminator(self.shapes["discriminator_A"])
        assert of_generator is not None
        assert of_discriminator is not None
        assert bool(of_generator["bottleneck"]) == config["extra_layers"]
        beta1, beta2 = config["betas"]
        assert beta2 == 0.999
        options = DiscoGAN.Options(
            **of_generator,
            **of_discriminator,
            maps=_MAPS[config["script"]],
            both_ways=config["model_arch"] == "discogan",
            starting_rate=config["starting_rate"],
            rate=config["default_rate"],
            curriculum=config["gan_curriculum"],
            update_interval=config["update_interval"],
            lr=config["learning_rate"],
            beta1=beta1,
            weight_decay=config["weight_decay"],
        )
        return DiscoGAN(options, DiscoGAN.data(options).spec(("A", "B"), 64))

    def load(self, network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
        return load(network, tensors, where)

    def networks(self, model: Model[Any]) -> Mapping[str, nn.Module]:
        return {theirs: model.get_submodule(ours) for theirs, ours in official.ROLES.items()}

    def batch(self, pictures: Batch, config: Entry) -> Batch:
        # The step takes [-1, 1] to the networks' [0, 1]; the figures' pictures go into the networks as they are.
        return {name: 2 * images - 1 for name, images in pictures.items()}

    def scripted(self, model: Model[Any], entry: Entry) -> Iterator[Any]:
        return iter(())  # nothing is drawn


def _check_loss(entry: Entry) -> None:
    given = {name: fill.given(rule) for name, rule in entry["inputs"].items()}
    name = entry["name"]
    if name.startswith("feature_matching"):
        real, fake = ([x for key, x in given.items() if key.startswith(kind)] for kind in ("real", "fake"))
        maps = len(real) - (1 if name.endswith("angle_pairing") else 0)
        value = feature_matching(real, fake, maps)
    elif name == "dis_loss":
        value = discriminator_loss(given["real_logit"], given["fake_logit"])
    else:
        assert name == "gen_loss", f"{_UNKNOWN} the loss {name!r}"
        value = adversarial_loss(given["fake_logit"], True, "vanilla")
    suite.assert_value(value, entry["value"])


SECTIONS = {"networks": _check_network, "losses": _check_loss, "training": _check_training}
