"""CartoonGAN: the reference's configurations, names and losses, and what they are with us.

The released networks take and make blue, green, red. Ours take red, green, blue: weights are turned round where they
are loaded, as `gantool import` does it, and so are the pictures that an entry gives, and figures of turned weights.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gantool_cartoongan import CartoonGAN, official
from gantool_cartoongan.content import content_loss, prepared
from gantool_cartoongan.networks import Discriminator, Generator
from torch import Tensor, nn

from gantool.data import edges
from gantool.importing.table import Names, same
from gantool.importing.table import load as load_official
from gantool.losses.adversarial import adversarial_loss
from gantool.model import Batch, Progress
from gantool.networks.norms import AffineInstanceNorm
from gantool.networks.vgg import CONV4_4, VGG19, vgg19
from gantool.spec import Pictures, Spec

from .. import fill, suite
from ..suite import Entry

LOSSES = {"content": "content", "G_adv": "gan", "D_real": "d_real", "D_edge": "d_edge", "D_fake": "d_fake"}

_UNKNOWN = "the suite does not know"
_TURNED = {**official.BLUE_FIRST, "model.0.weight": 1}
"""Tensors that know colours, and which of their dimensions is blue, green, red."""


class _BlueFirst(nn.Module):
    """A network of ours for pictures whose first channel is blue. (Scores have one channel.)"""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.network(x.flip(1))
        return y.flip(1)


class _Probability(nn.Module):
    """A discriminator of ours with the sigmoid that we have in the loss."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.network(x)
        return scores.sigmoid()


def _network(entry: Entry) -> nn.Module:
    """The network of this class of the reference; what its configuration leaves open is read off the parameters."""
    kind, config = entry["class"], entry["config"]
    if kind == "Transformer":
        assert not config, f"{_UNKNOWN} {config}"
        values = _told(entry["parameters"])
        sizes = {key: values[key] for key in ("width", "blocks", "padding", "affine", "eps")}
        return _BlueFirst(Generator(**sizes))
    if kind == "generator":
        assert config.keys() <= {"in_nc", "out_nc", "nf", "nb"}
        assert config["in_nc"] == config["out_nc"] == 3
        return Generator(width=config["nf"], blocks=config["nb"], padding="zero", affine=False)
    if kind == "discriminator":
        assert config.keys() <= {"in_nc", "out_nc", "nf"}
        assert (config["in_nc"], config["out_nc"]) == (3, 1)
        return _Probability(Discriminator(width=config["nf"], affine=False))
    if kind == "defineD_n_layers":
        assert config.keys() <= {"input_nc", "ndf", "n_layers_D", "use_sigmoid"}
        assert config["input_nc"] == 3
        judge = _BlueFirst(Discriminator(width=config["ndf"], layers=config["n_layers_D"]))
        return _Probability(judge) if config["use_sigmoid"] else judge
    assert kind == "InstanceNormalization", f"{_UNKNOWN} {kind!r}"
    return AffineInstanceNorm(config["dim"], config["eps"])


def _told(parameters: Any) -> Mapping[str, Any]:
    """What the importer reads off a released generator's parameters."""
    values = official.generator({name: torch.empty(shape, device="meta") for name, shape in parameters})
    assert values is not None, f"{_UNKNOWN} these parameters of a generator"
    return values


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
    """By the importer's names; the layers of the author's discriminator are called `model` in the figures."""
    if isinstance(network, (_BlueFirst, _Probability)):
        return {theirs: f"network.{ours}" for theirs, ours in load(network.network, tensors, where).items()}
    names = official.names(network) if isinstance(network, (Generator, Discriminator)) else same(network)
    if "model.0.weight" in tensors:
        names = Names({head.replace("convs", "model"): ours for head, ours in names.heads.items()})
    elif isinstance(network, AffineInstanceNorm):
        names = Names({"": ""}, {AffineInstanceNorm: {"scale": "weight", "shift": "bias"}})
    turned = {key: value.flip(_TURNED[key]) if key in _TURNED else value for key, value in tensors.items()}
    used, dropped = load_official(network, names, turned, where)
    assert not dropped
    return used


def _check_network(entry: Entry) -> None:
    suite.check_network(entry, lambda config: _network(entry), load)


def _check_loss(entry: Entry) -> None:
    given = {name: fill.given(rule) for name, rule in entry["inputs"].items()}
    if "parameters" in entry:
        _check_content(entry, given["photo"], given["cartoon"])
        return
    mode = {"lsgan": "lsgan", "bce": "vanilla"}[entry["name"].rpartition("_")[2]]
    targets = {"real": True, "edge": False, "fake": False}
    if entry["name"].startswith("G_adv_"):
        targets = dict.fromkeys(given, True)
    else:
        assert entry["name"].startswith("edge_promoting_D_"), f"{_UNKNOWN} the loss {entry['name']!r}"
    value = torch.stack([adversarial_loss(given[name], real, mode) for name, real in targets.items()]).sum()
    suite.assert_value(value, entry["value"])


def _check_content(entry: Entry, photo: Tensor, cartoon: Tensor) -> None:
    """Of what several formulas say, the last holds."""
    formula = entry["formula"]
    weight = suite.stated(r"^([\d.]+) \* mean \|phi", formula)
    assert "conv4_4 before ReLU" in formula
    if formula.rindex("(x+1)") == formula.rfind("(x+1)/2"):
        features = "plain"
    else:
        assert "bilinear to 224x224 with align_corners=True" in formula
        assert "(x+1)*127.5 -> minus (103.939, 116.779, 123.68)" in formula
        features = "caffe224"
        photo, cartoon = photo.flip(1), cartoon.flip(1)  # the author's are blue first
    network = vgg19(fill.network(entry["parameters"], entry["prefix"]), entry["name"], [CONV4_4])
    value = weight * content_loss(cartoon, photo, features, network)
    suite.assert_value(value, entry["value"])
    seen = prepared(photo, features)
    if "transformed_photo" in entry:
        suite.assert_close(seen, entry["transformed_photo"], suite.VALUE * 255, "the photo as VGG-19 sees it")
    figures = entry["features_photo"]
    largest = max(abs(v) for v in figures["values"])
    suite.assert_close(network(seen)[0], figures, suite.NETWORK * largest, "the photo's features")


def _drawn(recipe: str) -> np.ndarray:
    """The picture (H, W, 3) that an entry describes: a size, three channels, and then what is painted where."""
    size = re.match(r"(\d+)x(\d+) RGB", recipe)
    assert size, f"{_UNKNOWN} the picture {recipe!r}"
    y, x = np.mgrid[: int(size[2]), : int(size[1])]
    begin, *then = recipe.split("; then where ")
    channels = [_formula(re.search(rf"\b{letter} = ([^,;]+)", begin)[1], x, y) for letter in "RGB"]
    picture = np.stack([np.broadcast_to(channel, y.shape) for channel in channels], -1).astype(np.uint8)
    for step in then:
        where, colour = step.rsplit(": ", 1)
        inside = np.ones(y.shape, bool)
        for condition in where.split(" and "):
            inside &= _formula(condition, x, y)
        picture[inside] = [int(number) for number in colour.strip("()").split(",")]
    return picture


def _formula(text: str, x: np.ndarray, y: np.ndarray) -> Any:
    """A formula or a comparison of whole numbers, x and y; 150<=x<220 is two of them."""
    assert re.fullmatch(r"[\dxy+\-*/^()<=| ]+", text), f"{_UNKNOWN} the formula {text!r}"
    text = re.sub(r"\|([^|]+)\|", r"abs(\1)", text.replace("^", "**"))
    between = re.fullmatch(r"(\d+<=)([xy])(<\d+)", text)
    parts = [between[1] + between[2], between[2] + between[3]] if between else [text]
    values = [eval(part, {"__builtins__": {}}, {"x": x, "y": y, "abs": abs}) for part in parts]
    return values[0] if len(values) == 1 else values[0] & values[1]


def _check_function(entry: Entry) -> None:
    """Integer arithmetic: everything agrees exactly, although the entry would allow more."""
    assert entry["name"] == "edge_smoothing", f"{_UNKNOWN} the function {entry['name']!r}"
    picture = _drawn(entry["picture"])
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1))
    grey = edges.grey(planes)
    suite.assert_close(torch.from_numpy(grey), entry["gray"], 1e-9, "the grey picture")
    lines = edges.edges(grey)
    assert lines.sum() == entry["edge_pixels"]
    assert np.argwhere(lines).mean(0) == pytest.approx(entry["edge_centroid_yx"], rel=1e-12)
    assert edges.widened(lines).sum() == entry["dilated_pixels"]
    smoothed = edges.smooth_edges(planes).transpose(1, 2, 0)
    assert (smoothed != picture).any(-1).sum() == entry["changed_pixels"]
    assert smoothed.sum() == entry["smoothed_sum"]
    suite.assert_close(torch.from_numpy(smoothed.copy()), entry["smoothed"], 1e-9, "the smoothed picture")


# The training run. The reference's steps are epochs of ours: so many of initialisation, then the others.


class Run(suite.Recording):
    """Every step is an epoch."""

    def begin(self, now: Progress, rate_factor: float) -> None:
        super().begin(replace(now, schedule=float(now.step)), rate_factor)


def model(config: Entry) -> CartoonGAN:
    known = {"lambda", "lr_init", "lr", "betas", "ndf", "batch", "size", *_OURS}
    assert config.keys() <= known, f"{_UNKNOWN} {config.keys() - known}"
    assert config["betas"][1] == 0.999, f"{_UNKNOWN} betas {config['betas']}"
    assert config["ndf"] == config["judge"]["ndf"]
    options = CartoonGAN.Options(
        **_told(config["parameters"]),
        d_width=config["ndf"],
        d_layers=config["judge"]["n_layers"],
        content=config["lambda"],
        lr=config["lr"],
        lr_init=config["lr_init"],
        beta1=config["betas"][0],
        init_epochs=config["init_steps"],
        init_epochs_decay=0,
    )
    made = CartoonGAN(options, Spec(("A", "B"), (Pictures(), Pictures()), config["size"]))
    made.vgg = VGG19([CONV4_4]).requires_grad_(False)
    return made


_OURS = {"init_steps", "parameters", "judge"}
"""What `model` has to know, but stands elsewhere in the entry."""


def networks(model: CartoonGAN) -> Mapping[str, nn.Module]:
    return {"G": model.g, "D": model.d, "VGG": model.get_submodule("vgg")}


def batch(pictures: Batch, config: Entry) -> Batch:
    return {name: picture.flip(1) for name, picture in pictures.items()}


def scripted(model: CartoonGAN, entry: Entry) -> Iterator[Any]:
    assert entry["random"] == "nothing is drawn", f"{_UNKNOWN} {entry['random']!r}"
    return iter(())


def _check_training(entry: Entry) -> None:
    rules = " ".join(entry["rules"])
    config = {
        **entry["config"],
        "init_steps": int(suite.stated(r"first (\d+) steps?: generator only", rules)),
        "parameters": entry["networks"]["G"]["parameters"],
        "judge": entry["networks"]["D"]["config"],
    }
    assert "conv4_4 before ReLU on (x+1)*127.5 - (103.939, 116.779, 123.68), NO resizing" in rules
    told = {**entry, "config": config, "after": _turned(entry["after"])}
    if "float64" in entry:
        told["float64"] = {**entry["float64"], "after": _turned(entry["float64"]["after"])}
    suite.check_training(told, sys.modules[__name__])


def _turned(after: Entry) -> Entry:
    """The figures of networks whose first channel is red: the same numbers at other places."""

    def figures(key: str, told: Entry) -> Entry:
        if key not in _TURNED:
            return told
        places = np.arange(int(np.prod(told["shape"]))).reshape(told["shape"])
        return {**told, "places": np.flip(places, _TURNED[key]).ravel()[told["places"]].tolist()}

    return {name: {key: figures(key, told) for key, told in keys.items()} for name, keys in after.items()}


SECTIONS = {
    "networks": _check_network,
    "losses": _check_loss,
    "functions": _check_function,
    "training": _check_training,
}
