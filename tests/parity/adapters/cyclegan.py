"""CycleGAN: the reference's configurations, names and draws, and what they are with us."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from gantool_cyclegan import CycleGAN, discriminator, generator, official
from torch import Tensor, nn

from gantool.importing.shared_networks import names
from gantool.importing.table import load as load_official
from gantool.losses.adversarial import adversarial_loss
from gantool.losses.gradient_penalty import gradient_penalty, interpolated
from gantool.model import Batch, Model
from gantool.training.image_pool import ImagePool
from gantool.training.run import TrainingRun

from .. import fill, pictures, suite
from ..suite import Entry

LOSSES = {
    "D_A": "d_b",
    "G_A": "gan_ab",
    "cycle_A": "cycle_a",
    "idt_A": "identity_b",
    "D_B": "d_a",
    "G_B": "gan_ba",
    "cycle_B": "cycle_b",
    "idt_B": "identity_a",
}
"""The reference names a loss after the generator it trains, we after the domain in which it is measured."""

_NETWORK = {
    *("network", "input_nc", "output_nc", "ngf", "netG", "norm", "use_dropout", "n_blocks", "padding_type"),
    *("ndf", "netD", "n_layers_D", "init_type", "init_gain"),
}
_TRAINING = {
    *("model", "input_nc", "output_nc", "ngf", "netG", "norm", "no_dropout", "ndf", "netD", "n_layers_D"),
    *("gan_mode", "direction", "lambda_A", "lambda_B", "lambda_identity", "pool_size", "lr", "beta1", "batch_size"),
    *("init_type", "init_gain", "optimiser"),
}
_DEPTHS = {"unet_128": 7, "unet_256": 8}
_UNKNOWN = "the suite does not know"


def _generator_options(config: Entry) -> dict[str, Any]:
    options = {"width": config["ngf"], "norm": config["norm"]}
    if config.get("network") == "ResnetGenerator":
        return options | {
            "blocks": config["n_blocks"],
            "padding": config["padding_type"],
            "dropout": config["use_dropout"],
        }
    options["dropout"] = config["use_dropout"] if "use_dropout" in config else not config["no_dropout"]
    net = config["netG"]
    if net in _DEPTHS:
        return options | {"generator": "unet", "depth": _DEPTHS[net]}
    match = re.fullmatch(r"resnet_(\d+)blocks", net)
    assert match, f"{_UNKNOWN} netG {net!r}"
    return options | {"blocks": int(match[1])}


def _discriminator_options(config: Entry) -> dict[str, Any]:
    options = {"d_width": config["ndf"], "norm": config["norm"]}
    net = config["netD"]
    assert net in ("basic", "n_layers", "pixel"), f"{_UNKNOWN} netD {net!r}"
    if net == "pixel":
        return options | {"discriminator": "pixel"}
    return options | {"d_layers": config["n_layers_D"] if net == "n_layers" else 3}


def network(config: Entry) -> nn.Module:
    """The network of a `networks` entry."""
    assert config.keys() <= _NETWORK, f"{_UNKNOWN} {config.keys() - _NETWORK}"
    if config["network"] == "D":
        return discriminator(CycleGAN.Options(**_discriminator_options(config)), config["input_nc"])
    assert config["network"] in ("G", "ResnetGenerator"), f"{_UNKNOWN} network {config['network']!r}"
    return generator(CycleGAN.Options(**_generator_options(config)), config["input_nc"], config["output_nc"])


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
    used, dropped = load_official(network, names(network), tensors, where)
    assert not dropped
    return used


def model(config: Entry) -> CycleGAN:
    assert config.keys() <= _TRAINING, f"{_UNKNOWN} {config.keys() - _TRAINING}"
    assert config["model"] == "cycle_gan"
    suite.check_adam(config)
    options = CycleGAN.Options(
        **_generator_options(config),
        **{key: value for key, value in _discriminator_options(config).items() if key != "norm"},
        channels_a=config["input_nc"],
        channels_b=config["output_nc"],
        gan=config["gan_mode"],
        cycle_a=config["lambda_A"],
        cycle_b=config["lambda_B"],
        identity=config["lambda_identity"],
        pool=config["pool_size"],
        lr=config["lr"],
        beta1=config["beta1"],
    )
    return build(options)


def build(options: CycleGAN.Options) -> CycleGAN:
    """Its crops are of no concern here."""
    return CycleGAN(options, CycleGAN.data(options).spec(("A", "B"), 64))


def networks(model: Model[Any]) -> Mapping[str, nn.Module]:
    return {theirs: model.get_submodule(ours) for theirs, ours in official.ROLES.items()}


def batch(pictures: Batch, config: Entry) -> Batch:
    # Their direction swaps the data, never the networks.
    assert config["direction"] in ("AtoB", "BtoA")
    return pictures if config["direction"] == "AtoB" else {"A": pictures["B"], "B": pictures["A"]}


def scripted(model: Model[Any], entry: Entry) -> Iterator[Any]:
    draws = iter(entry.get("pool_draws", ()))
    for name in ("pool_a", "pool_b"):
        _script(model.get_submodule(name), draws)  # both pools draw from one sequence
    return draws


def _script(pool: nn.Module, draws: Iterator[Any]) -> None:
    def draw(rng: torch.Generator) -> tuple[float, int]:
        number, index = next(draws)
        return number, -1 if index is None else index

    pool.draw = draw  # type: ignore[assignment]


def _check_loss(entry: Entry) -> None:
    inputs = {name: fill.given(rule) for name, rule in entry["inputs"].items()}
    if match := re.fullmatch(r"gan_(\w+)_target_(real|fake)", entry["name"]):
        (scores,) = inputs.values()
        value = adversarial_loss(scores, match[2] == "real", match[1])
    else:
        assert entry["name"].startswith("gradient_penalty_"), f"{_UNKNOWN} the loss {entry['name']!r}"
        config, real, fake = entry["config"], inputs["real"], inputs["fake"]
        judge = network(config["D"])
        load(judge, fill.network(config["parameters"], config["prefix"]), entry["name"])
        judge.train(config["D mode"] == "train")
        points = {
            "real": lambda: real,
            "fake": lambda: fake,
            "mixed": lambda: interpolated(real, fake, inputs["alpha"]),
        }
        at = points[config["type"]]()
        value = config["lambda_gp"] * gradient_penalty(judge, at, config["constant"])
        at = at.detach().requires_grad_()
        (gradients,) = torch.autograd.grad(judge(at).sum(), at)
        largest = max(abs(v) for v in entry["outputs"]["g"]["values"])
        suite.assert_close(gradients.flatten(1), entry["outputs"]["g"], suite.NETWORK * largest, "the gradient")
    suite.assert_value(value, entry["value"])


def _check_schedule(entry: Entry) -> None:
    suite.check_schedule(entry, lambda **schedule: build(CycleGAN.Options(width=1, d_width=1, blocks=0, **schedule)))


def _check_pool(entry: Entry) -> None:
    pool = ImagePool(entry["pool_size"])
    draws = iter(entry["draws"])
    _script(pool, draws)
    anybody = nn.Linear(1, 1)
    run = TrainingRun(anybody, {"any": torch.optim.Adam(anybody.parameters())})  # type: ignore[arg-type]
    returned = [
        pool(torch.tensor(query, dtype=torch.float32).view(-1, 1, 1, 1), run).flatten().tolist()
        for query in entry["queries"]
    ]
    assert returned == entry["returned"]
    assert [image.item() for image in pool.images] == entry["stored_at_end"]
    assert list(draws) == []


SECTIONS = {
    "networks": lambda entry: suite.check_network(entry, network, load),
    "losses": _check_loss,
    "training": lambda entry: suite.check_training(entry, sys.modules[__name__]),
    "schedules": _check_schedule,
    "pool": _check_pool,
    "transforms/get_params": pictures.check_parameters,
    "transforms/sizes": pictures.check_size,
    "transforms/tensors": pictures.check_tensor,
}
