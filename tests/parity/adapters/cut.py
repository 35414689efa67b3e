"""CUT: the reference's configurations, names and draws, and what they are with us."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import MethodType
from typing import Any

import torch
from gantool_cut import CUT, discriminator, generator, official
from gantool_cut.antialiasing import Downsample, Upsample
from gantool_cut.losses import normalized, patch_nce
from gantool_cut.networks import Generator, Projection
from torch import Tensor, nn

from gantool.importing.table import load as load_official
from gantool.losses.adversarial import adversarial_loss
from gantool.model import Batch
from gantool.networks.norms import InstanceNorm

from .. import fill, suite
from ..suite import Entry

LOSSES = {"G_GAN": "gan", "D_real": "d_real", "D_fake": "d_fake", "G": "total", "NCE": "nce", "NCE_Y": "nce_identity"}

_NETWORK = {
    *("network", "input_nc", "output_nc", "ngf", "netG", "norm", "use_dropout", "no_antialias", "no_antialias_up"),
    *("ndf", "netD", "n_layers_D", "netF", "netF_nc", "channels", "init_type", "init_gain"),
}
_TRAINING = {
    *("model", "CUT_mode", "netG", "netD", "netF", "netF_nc", "ngf", "ndf", "normG", "normD", "n_layers_D"),
    *("no_dropout", "no_antialias", "no_antialias_up", "gan_mode", "direction", "lambda_GAN", "lambda_NCE"),
    *("nce_idt", "nce_layers", "nce_T", "num_patches", "flip_equivariance", "lr", "beta1", "beta2", "batch_size"),
    *("nce_includes_all_negatives_from_minibatch", "init_type", "init_gain", "n_epochs", "n_epochs_decay"),
    "optimiser",
}
_GAN = {"nonsaturating": "vanilla"}
"""A mean over each sample, then over the batch, is the mean over all: the same number."""
_UNKNOWN = "the suite does not know"


def _generator_options(config: Entry) -> dict[str, Any]:
    match = re.fullmatch(r"resnet_(\d+)blocks", config["netG"])
    assert match, f"{_UNKNOWN} netG {config['netG']!r}"
    return {
        "width": config["ngf"],
        "blocks": int(match[1]),
        "antialias": not config["no_antialias"],
        "antialias_up": not config["no_antialias_up"],
        "layers": (0,),
    }


def _discriminator_options(config: Entry) -> dict[str, Any]:
    options = {"d_width": config["ndf"], "antialias": not config["no_antialias"]}
    net = config["netD"]
    assert net in ("basic", "n_layers", "pixel"), f"{_UNKNOWN} netD {net!r}"
    if net == "pixel":
        return options | {"discriminator": "pixel"}
    return options | {"d_layers": config["n_layers_D"] if net == "n_layers" else 3}


def _projection_width(config: Entry) -> int:
    assert config["netF"] in ("mlp_sample", "sample"), f"{_UNKNOWN} netF {config['netF']!r}"
    return config["netF_nc"] if config["netF"] == "mlp_sample" else 0


def network(config: Entry) -> nn.Module:
    """The network of a `networks` entry."""
    assert config.keys() <= _NETWORK, f"{_UNKNOWN} {config.keys() - _NETWORK}"
    if config["network"] == "F":
        return Projection(config["channels"], _projection_width(config))
    options = {"channels": config["input_nc"], "norm": config["norm"]}
    if config["network"] == "D":
        return discriminator(CUT.Options(**options, **_discriminator_options(config)))
    assert config["network"] == "G", f"{_UNKNOWN} network {config['network']!r}"
    assert config["input_nc"] == config["output_nc"], "its results go through its encoder"
    return generator(CUT.Options(**options, **_generator_options(config), dropout=config["use_dropout"]))


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
    network = network.network if isinstance(network, _Asked) else network
    used, dropped = load_official(network, official.names(network), tensors, where)
    assert not dropped
    return used


class _Asked(nn.Module):
    """A network that gives what an entry asks of it."""

    def __init__(self, network: nn.Module, entry: Entry) -> None:
        super().__init__()
        self.network = network
        self.entry = entry

    def forward(self, *inputs: Tensor) -> Tensor | dict[str, Tensor]:
        network, entry = self.network, self.entry
        if isinstance(network, Projection):
            rule = suite.rule(r"feature i = first num_patches entries of argsort\(noise\('([^']*)<i>'", entry)
            places = [
                _first(f"{rule}{i}", feature[0, 0].numel(), entry["num_patches"]) for i, feature in enumerate(inputs)
            ]
            return dict(zip(entry["inputs"], network(inputs, places), strict=True))
        if "nce_layers" not in entry:
            return network(*inputs)
        numbers = entry["nce_layers"]
        features = network.features(*inputs, numbers)
        return {"y": network(*inputs)} | {
            f"feature of layer {n}": feature for n, feature in zip(numbers, features, strict=True)
        }


def _first(name: str, count: int, patches: int) -> Tensor:
    """The places that the rule of this name draws among so many."""
    return torch.sort(fill.noise(name, (count,)), stable=True).indices[: patches or count]


def _check_network(entry: Entry) -> None:
    suite.check_network(entry, lambda config: _Asked(network(config), entry), load)
    _check_filters(network(entry["config"]), entry["fixed_buffers"])


def _check_filters(network: nn.Module, told: Any) -> None:
    """The blur filters that the reference saves, in their order, are those of our layers."""
    layers = [layer for layer in network.modules() if isinstance(layer, (Downsample, Upsample))]
    shapes = [list(layer.kernel(torch.zeros(())).shape) for layer in layers]
    if not isinstance(network, Generator):
        assert shapes == [shape for _, shape in told]
        return
    numbers = {id(layer): f"model.{n}.filt" for n, layer in enumerate([*network.encoder(), *network.up])}
    assert [[numbers[id(layer)], shape] for layer, shape in zip(layers, shapes, strict=True)] == [list(x) for x in told]


def _check_filter(entry: Entry) -> None:
    x = fill.given(entry["input"])
    layer = {"Downsample": Downsample, "Upsample": Upsample}[entry["name"]](x.shape[1])
    assert layer.filter.tolist() == entry["weights"]
    suite.assert_close(layer(x), entry["output"], suite.VALUE, entry["name"])


class Run(suite.Recording):
    """Knows the sum that the reference reports as well."""

    def log(self, **losses: Tensor) -> None:
        super().log(**losses)
        terms = [self.last[name] for name in ("nce", "nce_identity") if name in self.last]
        self.last["total"] = self.last["gan"] + sum(terms) / len(terms)


def model(config: Entry) -> CUT:
    assert config.keys() <= _TRAINING, f"{_UNKNOWN} {config.keys() - _TRAINING}"
    assert config["model"] == "cut"
    assert config["normG"] == config["normD"], "both networks have one norm"
    told = "three Adam optimisers (G, D, F), betas (beta1, beta2), eps 1e-8, no weight decay"
    assert config["optimiser"] == told, f"{_UNKNOWN} {config['optimiser']!r}"
    options = _generator_options(config) | _discriminator_options(config)
    options |= {"layers": tuple(int(number) for number in config["nce_layers"].split(","))}
    return _built(
        CUT.Options(
            **options,
            norm=config["normG"],
            dropout=not config["no_dropout"],
            f_width=_projection_width(config),
            patches=config["num_patches"],
            temperature=config["nce_T"],
            batch_negatives=config["nce_includes_all_negatives_from_minibatch"],
            nce=config["lambda_NCE"],
            identity=config["nce_idt"],
            flip=config["flip_equivariance"],
            adv=config["lambda_GAN"],
            gan=_GAN.get(config["gan_mode"], config["gan_mode"]),
            init=config["init_type"],
            init_gain=config["init_gain"],
            lr=config["lr"],
            beta1=config["beta1"],
            beta2=config["beta2"],
            n_epochs=config["n_epochs"],
            n_epochs_decay=config["n_epochs_decay"],
        )
    )


def _built(options: CUT.Options) -> CUT:
    return CUT(options, CUT.data(options).spec(("A", "B"), 256))


def networks(model: CUT) -> Mapping[str, nn.Module]:
    return {theirs: model.get_submodule(ours) for theirs, ours in official.ROLES.items()}


def batch(pictures: Batch, config: Entry) -> Batch:
    # Their direction swaps the data, never the networks.
    assert config["direction"] in ("AtoB", "BtoA")
    assert all(len(x) == config["batch_size"] for x in pictures.values())
    return pictures if config["direction"] == "AtoB" else {"A": pictures["B"], "B": pictures["A"]}


def scripted(model: CUT, entry: Entry) -> Iterator[Any]:
    config, steps = entry["config"], len(entry["batches"])
    name = suite.rule(r"argsort\(noise\('([^']*)<c>'", entry)
    terms = 2 if config["nce_idt"] else 1
    calls = iter(range(steps * terms * len(config["nce_layers"].split(","))))
    flips = itertools.islice(entry.get("flips", ()), steps)

    def places(self: CUT, count: int, rng: torch.Generator) -> Tensor:
        return _first(f"{name}{next(calls)}", count, self.options.patches)

    def mirrors(self: CUT, rng: torch.Generator) -> bool:
        return next(flips) < 0.5

    model.places = MethodType(places, model)  # type: ignore[method-assign]
    model.mirrors = MethodType(mirrors, model)  # type: ignore[method-assign]
    _as_measured(model)
    return itertools.chain(calls, flips)


def _as_measured(model: CUT) -> None:
    """Makes the model's gradients what the reference's were where the figures were measured: on a CPU.

    There torch's instance norm takes the memory of a gradient for rows and columns of a channel, also where it holds
    the channels of a pixel side by side; so it is with a single picture, torch 2.13 included. The reference's sampling
    makes such gradients. The values are those of the mathematics, and gantool's gradients are.
    """

    def rows(self: Projection, features: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        sampled = (
            x.permute(0, 2, 3, 1).flatten(1, 2)[:, ids].flatten(0, 1) for x, ids in zip(features, places, strict=True)
        )
        return [normalized(head(x)) for head, x in zip(self.heads, sampled, strict=True)]

    def encoded(self: CUT, pictures: Sequence[Tensor]) -> list[list[Tensor]]:
        return [self.g.features(x, self.options.layers) for x in pictures]

    model.f.forward = MethodType(rows, model.f)  # type: ignore[method-assign]
    model.encoded = MethodType(encoded, model)  # type: ignore[method-assign]
    for layer in model.g.modules():
        if type(layer) is InstanceNorm:
            layer.__class__ = _MisreadingNorm


class _MisreadingNorm(InstanceNorm):
    def forward(self, x: Tensor) -> Tensor:
        misread: Tensor = _Misread.apply(super().forward(x))
        return misread


class _Misread(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> Tensor:
        g = outputs[0]
        pixel_by_pixel = g.is_contiguous(memory_format=torch.channels_last) and not g.is_contiguous()
        return g.permute(0, 2, 3, 1).reshape(g.shape) if len(g) == 1 and pixel_by_pixel else g


def _check_loss(entry: Entry) -> None:
    inputs = {name: fill.given(rule) for name, rule in entry["inputs"].items()}
    if match := re.fullmatch(r"gan_(\w+)_target_(real|fake)", entry["name"]):
        (scores,) = inputs.values()
        mode = _GAN.get(match[1], match[1])
        suite.assert_value(adversarial_loss(scores, match[2] == "real", mode), entry["value"])
        return
    assert entry["name"].startswith("patch_nce"), f"{_UNKNOWN} the loss {entry['name']!r}"
    config, (q, k) = entry["config"], (normalized(inputs[name]) for name in "qk")
    pictures = 1 if config["nce_includes_all_negatives_from_minibatch"] else config["batch_size"]
    rows = patch_nce(q, k, pictures=pictures, temperature=config["nce_T"])
    suite.assert_value(rows.mean(), entry["value"])
    largest = max(abs(value) for value in entry["outputs"]["per row"]["values"])
    suite.assert_close(rows, entry["outputs"]["per row"], suite.VALUE * largest, "a row")


def _check_schedule(entry: Entry) -> None:
    suite.check_schedule(
        entry, lambda **schedule: _built(CUT.Options(width=1, d_width=1, blocks=0, layers=(0,), **schedule))
    )


SECTIONS = {
    "filters": _check_filter,
    "networks": _check_network,
    "losses": _check_loss,
    "training": lambda entry: suite.check_training(entry, sys.modules[__name__]),
    "schedules": _check_schedule,
}
