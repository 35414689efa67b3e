"""pix2pix: the reference's configurations, names and draws, and what they are with us."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from gantool_pix2pix import Pix2Pix, discriminator, generator, lab, official
from torch import Tensor, nn

from gantool.data.transforms import crop_and_flip, resize
from gantool.importing.shared_networks import names
from gantool.importing.table import load as load_official
from gantool.losses.adversarial import adversarial_loss
from gantool.model import Batch, Model
from gantool.pictures.file import Picture, as_channels
from gantool.pictures.resize import from_unit

from .. import fill, pictures, suite
from ..suite import Entry

LOSSES = {"G_GAN": "gan", "G_L1": "l1", "D_real": "d_real", "D_fake": "d_fake"}

_NETWORK = {
    *("network", "input_nc", "output_nc", "ngf", "netG", "norm", "use_dropout", "no_dropout"),
    *("ndf", "netD", "n_layers_D", "init_type", "init_gain"),
}
_TRAINING = {
    *("model", "input_nc", "output_nc", "ngf", "netG", "norm", "no_dropout", "ndf", "netD", "n_layers_D"),
    *("gan_mode", "direction", "lambda_L1", "pool_size", "lr", "beta1", "batch_size"),
    *("init_type", "init_gain", "optimiser"),
}
_DEPTHS = {"unet_128": 7, "unet_256": 8}
_UNKNOWN = "the suite does not know"


def _generator_options(config: Entry) -> dict[str, Any]:
    dropout = config["use_dropout"] if "use_dropout" in config else not config["no_dropout"]
    options = {"width": config["ngf"], "norm": config["norm"], "dropout": dropout}
    net = config["netG"]
    if net in _DEPTHS:
        return options | {"generator": "unet", "depth": _DEPTHS[net]}
    match = re.fullmatch(r"resnet_(\d+)blocks", net)
    assert match, f"{_UNKNOWN} netG {net!r}"
    return options | {"generator": "resnet", "blocks": int(match[1])}


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
        return discriminator(Pix2Pix.Options(**_discriminator_options(config)), config["input_nc"])
    assert config["network"] == "G", f"{_UNKNOWN} network {config['network']!r}"
    return generator(Pix2Pix.Options(**_generator_options(config)), config["input_nc"], config["output_nc"])


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
    used, dropped = load_official(network, names(network), tensors, where)
    assert not dropped
    return used


def model(config: Entry) -> Pix2Pix:
    assert config.keys() <= _TRAINING, f"{_UNKNOWN} {config.keys() - _TRAINING}"
    assert config["pool_size"] == 0, "pix2pix has no pool"
    suite.check_adam(config)
    colorization = config["model"] == "colorization"
    assert colorization or config["model"] == "pix2pix", f"{_UNKNOWN} the model {config['model']!r}"
    channels = (3, 3) if colorization else (config["input_nc"], config["output_nc"])
    options = Pix2Pix.Options(
        **_generator_options(config),
        **{key: value for key, value in _discriminator_options(config).items() if key != "norm"},
        channels_a=channels[0],
        channels_b=channels[1],
        colorization=colorization,
        gan=config["gan_mode"],
        l1=config["lambda_L1"],
        lr=config["lr"],
        beta1=config["beta1"],
    )
    return build(options)


def build(options: Pix2Pix.Options) -> Pix2Pix:
    """Its crops are of no concern here."""
    return Pix2Pix(options, Pix2Pix.data(options).spec(("A", "B"), 64))


def networks(model: Model[Any]) -> Mapping[str, nn.Module]:
    return {theirs: model.get_submodule(ours) for theirs, ours in official.ROLES.items()}


def batch(pictures: Batch, config: Entry) -> Batch:
    # Their direction swaps the data, never the networks.
    assert config["direction"] in ("AtoB", "BtoA")
    return pictures if config["direction"] == "AtoB" else {"A": pictures["B"], "B": pictures["A"]}


def scripted(model: Model[Any], entry: Entry) -> Iterator[Any]:
    assert entry["random"].startswith(("none", "dropout")), f"{_UNKNOWN} the draws {entry['random']!r}"
    return iter(())


def _check_loss(entry: Entry) -> None:
    inputs = {name: fill.given(rule) for name, rule in entry["inputs"].items()}
    if match := re.fullmatch(r"gan_(\w+)_target_(real|fake)", entry["name"]):
        (scores,) = inputs.values()
        value = adversarial_loss(scores, match[2] == "real", match[1])
    else:
        assert entry["name"] == "l1", f"{_UNKNOWN} the loss {entry['name']!r}"
        weight = suite.stated(r"lambda_L1 = ([\d.]+)", entry["formula"])
        value = weight * (inputs["fake"] - inputs["real"]).abs().mean()
    suite.assert_value(value, entry["value"])


def _check_schedule(entry: Entry) -> None:
    suite.check_schedule(entry, lambda **schedule: build(Pix2Pix.Options(width=1, depth=3, d_width=1, **schedule)))


def _check_aligned(entry: Entry) -> None:
    """Both halves of a side-by-side picture with the one draw that they share, taken from the size of A."""
    options = entry["options"]
    photo, preparation = pictures.pixels_of(entry["photo"]), pictures.preparation_of(options)
    middle = photo.shape[1] // 2  # of an odd width, which `gantool` refuses, B has the larger half
    halves = {"A": photo[:, :middle], "B": photo[:, middle:]}
    drawn = pictures.paired_parameters(random.Random(entry["python random.seed"]), middle, photo.shape[0], preparation)
    source = "A" if options["direction"] == "AtoB" else "B"
    for name, pixels in halves.items():
        channels = options["input_nc"] if name == source else options["output_nc"]
        one = as_channels(Picture(np.ascontiguousarray(pixels), None, "PNG", None), channels)
        prepared = crop_and_flip(resize(one, preparation), preparation, drawn)
        suite.assert_close(pictures.tensor_of(prepared), entry[name], 1e-6, name)


def _check_colorization(entry: Entry) -> None:
    """Lightness and colour of a picture, and pictures of them, true and made up."""
    rgb = torch.from_numpy(pictures.pixels_of(entry["photo"])).permute(2, 0, 1)[None].double() / 127.5 - 1
    lightness, colour = lab.split(rgb)
    suite.assert_close(lightness[0], entry["A (L channel)"], 1e-6, "lightness")
    suite.assert_close(colour[0], entry["B (a, b channels)"], 1e-6, "colour")
    figures = {key: told for key, told in entry.items() if key.startswith("rgb of (A, ")}
    assert figures, f"{_UNKNOWN} a colorization without pictures of its colours"
    for key, told in figures.items():
        made = lab.join(lightness, _colour(key, colour))[0]
        levels = (made + 1) * 127.5
        suite.assert_close(levels.permute(1, 2, 0), told, 1e-4, key)
    _check_levels(made, entry["the same saved as uint8"])  # the picture named last


def _colour(key: str, true: Tensor) -> Tensor:
    """The colours that a picture is made of: B, or "WEIGHT * image('NAME')"."""
    if key.startswith("rgb of (A, B)"):
        return true
    match = re.fullmatch(r"rgb of \(A, ([\d.]+) \* image\('([^']+)'\)\)", key)
    assert match, f"{_UNKNOWN} the colours of {key!r}"
    return float(match[1]) * fill.image(match[2], true.shape[1:])[None].double()


def _check_saving(entry: Entry) -> None:
    assert entry["what"].startswith("(x + 1) / 2 * 255, cut down"), f"{_UNKNOWN} the way to save {entry['what']!r}"
    picture = fill.given(entry["input"])[0]
    _check_levels(picture.expand(3, *picture.shape[1:]), entry["output"])


def _check_levels(picture: Tensor, figures: Entry) -> None:
    """They cut values (C, H, W) down to levels, we round them to the nearest."""
    levels = ((picture + 1) * 127.5).permute(1, 2, 0)
    suite.assert_close(levels.floor(), figures, 1e-9, "the levels")
    ours = from_unit(picture.permute(1, 2, 0))
    assert (ours - levels).abs().max() <= 0.5 + 1e-4


SECTIONS = {
    "networks": lambda entry: suite.check_network(entry, network, load),
    "losses": _check_loss,
    "training": lambda entry: suite.check_training(entry, sys.modules[__name__]),
    "schedules": _check_schedule,
    "transforms/aligned": _check_aligned,
    "transforms/colorization": _check_colorization,
    "transforms/saving": _check_saving,
}
