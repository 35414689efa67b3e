"""StyleGAN 1, 2 and ADA: the reference's configurations, names and draws, and what they are with us."""

from __future__ import annotations

import copy
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from types import MethodType
from typing import Any

import gantool_stylegan
import pytest
import torch
import torch.nn.functional as F
from gantool_stylegan import StyleGAN, adain, layers, modulation, official, schedules
from gantool_stylegan.generator import Generator
from gantool_stylegan.mapping import Mapping as Mapper
from gantool_stylegan.path_length import PathLength, path_lengths
from torch import Tensor, nn

from gantool.augmentation import adaptive, geometry
from gantool.augmentation.adaptive import Augment
from gantool.inference.sampler import slerp
from gantool.losses.adversarial import adversarial_loss
from gantool.losses.gradient_penalty import gradient_penalty, interpolated, r1
from gantool.model import Batch, Progress
from gantool.training.ema import Averages

from .. import fill, suite
from ..suite import Entry

LOSSES = {
    **{"G/loss": "gan", "G/path_length_penalty": "path", "D/loss": "d", "D/r1_penalty": "r1_whole"},
    **{"D/scores_real": "scores_real", "D/scores_fake": "scores_fake", "pl_mean": "path_length"},
}
_UNKNOWN = "the suite does not know"
_GENERATOR = {
    *("class", "z_dim", "c_dim", "w_dim", "img_resolution", "img_channels", "mapping_kwargs", "synthesis_kwargs"),
    *("num_ws", "num_layers"),
}
_DISCRIMINATOR = {
    *("class", "c_dim", "img_resolution", "img_channels", "channel_base", "channel_max", "architecture"),
    *("conv_clamp", "mapping_kwargs", "epilogue_kwargs"),
}
_MAPPING_KWARGS = {"num_layers", "layer_features", "lr_multiplier"}
_SYNTHESIS_KWARGS = {"channel_base", "channel_max", "architecture", "conv_clamp", "resample_filter"}
_EPILOGUE_KWARGS = {"mbstd_group_size", "mbstd_num_channels"}
_V1 = {
    *("class", "latent_size", "label_size", "dlatent_size", "mapping_layers", "mapping_fmaps", "resolution"),
    *("fmap_base", "fmap_max", "const_input_layer", "use_noise"),
}


def _known(given: Mapping[str, Any], known: set[str]) -> None:
    assert given.keys() <= known, f"{_UNKNOWN} {given.keys() - known}"


def network(config: Entry) -> nn.Module:
    """The network of a configuration, of either version."""
    kind = config["class"]
    if kind.startswith("v1."):
        _known(config, _V1)
        return _first_generator(config) if kind == "v1.G" else _first_discriminator(config)
    if kind == "MappingNetwork":
        _known(config, _GENERATOR)
        return Mapper(config["z_dim"], config["c_dim"], config["w_dim"], layers=config["num_layers"])
    if kind == "Generator":
        _known(config, _GENERATOR)
        mapping, synthesis = config["mapping_kwargs"], config["synthesis_kwargs"]
        _known(mapping, _MAPPING_KWARGS)
        _known(synthesis, _SYNTHESIS_KWARGS)
        mapper = Mapper(
            *(config["z_dim"], config["c_dim"], config["w_dim"]),
            layers=mapping.get("num_layers", 8),
            hidden=mapping.get("layer_features"),
            lr=mapping.get("lr_multiplier", 0.01),
        )
        made = modulation.Synthesis(
            *(config["img_resolution"], config["img_channels"], config["w_dim"]),
            base=synthesis["channel_base"],
            most=synthesis["channel_max"],
            connections=synthesis.get("architecture", "skip"),
            clamp=synthesis.get("conv_clamp"),
            taps=synthesis.get("resample_filter", layers.FILTER),
        )
        return Generator(mapper, made)
    assert kind == "Discriminator", f"{_UNKNOWN} the class {kind!r}"
    _known(config, _DISCRIMINATOR)
    epilogue = config.get("epilogue_kwargs", {})
    _known(epilogue, _EPILOGUE_KWARGS)
    _known(config.get("mapping_kwargs", {}), {"num_layers"})
    return modulation.Discriminator(
        *(config["img_resolution"], config["img_channels"], config["c_dim"]),
        base=config["channel_base"],
        most=config["channel_max"],
        connections=config.get("architecture", "resnet"),
        layers=config.get("mapping_kwargs", {}).get("num_layers", 8),
        group=epilogue.get("mbstd_group_size", 4),
        maps=epilogue.get("mbstd_num_channels", 1),
        clamp=config.get("conv_clamp"),
    )


def _first_generator(config: Entry) -> Generator:
    style = config.get("dlatent_size", 512)
    mapper = Mapper(
        *(config.get("latent_size", 512), config.get("label_size", 0), style),
        layers=config.get("mapping_layers", 8),
        version=1,
        hidden=config.get("mapping_fmaps", 512),
    )
    synthesis = adain.Synthesis(
        *(config["resolution"], 3, style),
        base=2 * config.get("fmap_base", 8192),
        most=config.get("fmap_max", 512),
        noise=config.get("use_noise", True),
        const=config.get("const_input_layer", True),
    )
    return Generator(mapper, synthesis)


def _first_discriminator(config: Entry) -> adain.Discriminator:
    return adain.Discriminator(
        *(config["resolution"], 3, config.get("label_size", 0)),
        base=2 * config.get("fmap_base", 8192),
        most=config.get("fmap_max", 512),
    )


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
    """By the key maps of the importer. Filters, which we do not keep, must be the layers' own."""
    network = network.network if isinstance(network, _Called) else network
    if any("/" in key for key in tensors):
        size = 2 ** (1 + sum("ToRGB_lod" in key or "FromRGB_lod" in key for key in tensors) // 2)
        found = official.of_tensorflow(tensors, size)
    else:
        found = {key: (key, value) for key, value in tensors.items() if not key.endswith("resample_filter")}
        for key in tensors.keys() - found.keys():
            head = key.rpartition(".")[0]
            taps = _taps(network, head)
            line = torch.tensor(taps, dtype=torch.float32) / sum(taps)
            assert torch.equal(tensors[key], line.outer(line)), f"{where}: {key} is no filter of ours"
    network.load_state_dict({ours: value for ours, value in found.values()})
    names = {key: ours for key, (ours, _) in found.items()}
    return names | {key: f"the filter of {where}" for key in tensors.keys() - names.keys()}


def _taps(network: nn.Module, head: str) -> tuple[float, ...]:
    """Those of a layer, or of the block that it is in."""
    while head:
        layer = dict(network.named_modules()).get(head)
        if isinstance(taps := getattr(layer, "taps", None), (tuple, list)):
            return tuple(taps)
        head = head.rpartition(".")[0]
    return layers.FILTER


class _Called(nn.Module):
    """A network that is called as an entry says."""

    def __init__(self, network: nn.Module, entry: Entry) -> None:
        super().__init__()
        self.network = network
        self.entry = entry

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor | dict[str, Tensor]:
        entry, network = self.entry, self.network
        call = dict(entry.get("call", {}))
        config = entry["config"]
        classes = config.get("c_dim", 0) + config.get("label_size", 0)
        labels = None if y is None else F.one_hot(y, classes).float()
        lod = (call.pop("lod"),) if "lod" in call else ()
        if isinstance(network, Generator):
            psi, cutoff = call.pop("truncation_psi", 1.0), call.pop("truncation_cutoff", None)
            mode = call.pop("noise_mode", "const")
            assert mode in ("const", "none"), f"{_UNKNOWN} noise_mode {mode!r}"
            noise = [None] * network.synthesis.styles if mode == "none" else None
            w = network.mapping(x, labels)[:, None].expand(-1, network.synthesis.styles, -1)
            made: Tensor | dict[str, Tensor] = network.synthesis(network.mapping.truncated(w, psi, cutoff), noise, *lod)
        elif isinstance(network, Mapper):
            w = network(x, labels)
            if self.training:
                network.follow(w)
            made = w[:, None].expand(-1, config["num_ws"], -1)
        else:
            made = {next(iter(entry["outputs"])): network(x, labels, *lod)}
        assert not call, f"{_UNKNOWN} the call {call}"
        return made


def _check_network(entry: Entry) -> None:
    suite.check_network(entry, lambda config: _Called(network(config), entry), load)


# Functions


def _check_function(entry: Entry) -> None:
    name = entry["name"]
    check = next((check for start, check in _FUNCTIONS.items() if name.startswith(start)), None)
    assert check, f"{_UNKNOWN} the function {name!r}"
    given = {key: fill.given(rule) for key, rule in entry.get("inputs", {}).items()}
    made = check(entry, **given)
    assert made.keys() == entry["outputs"].keys()
    for key, value in made.items():
        figures = entry["outputs"][key]
        largest = max(abs(value) for value in figures["values"])
        suite.assert_close(value, figures, max(suite.VALUE * largest, 2 * figures["float64_gap"]), f"{name}: {key}")


def _resampled(entry: Entry, x: Tensor) -> dict[str, Tensor]:
    return {"y": (layers.upsampled if "upsample" in entry["name"] else layers.downsampled)(x, entry["filter"])}


def _convolved(entry: Entry, x: Tensor, w: Tensor) -> dict[str, Tensor]:
    if entry["up"] == 2:
        return {"y": layers.convolved_up(x, w)}
    return {"y": layers.convolved_down(x, w) if entry["down"] == 2 else F.conv2d(x, w, padding=w.shape[2] // 2)}


def _modulated(entry: Entry, x: Tensor, w: Tensor, s: Tensor, noise: Tensor) -> dict[str, Tensor]:
    y = layers.modulated(x, w, s, up=entry["up"] == 2)
    return {"y": y + noise[:, :, : y.shape[2], : y.shape[3]]}


def _spread(entry: Entry, x: Tensor) -> dict[str, Tensor]:
    found = {}
    for key in entry["outputs"]:
        told = re.fullmatch(r"group(\d+)_maps(\d+)", key)
        assert told, f"{_UNKNOWN} {key!r}"
        found[key] = layers.BatchSpread(int(told[1]), int(told[2]))(x)[:, x.shape[1] :]
    return found


def _first_layers(entry: Entry, x: Tensor, w: Tensor) -> dict[str, Tensor]:
    weight = w.permute(3, 2, 0, 1)
    down = F.avg_pool2d(F.conv2d(x, weight, padding=1), 2)
    return {
        "blur": layers.filtered(x, adain.BLUR, 1, 1),
        "up_conv_fused": adain.grown(x, weight, True),
        "up_conv": adain.grown(x, weight, False),
        "conv_down_fused": down,
        "conv_down": down,
        "instance_norm": adain.standardized(x),
        "pixel_norm": layers.normalized(x),
    }


_FUNCTIONS: Mapping[str, Callable[..., dict[str, Tensor]]] = {
    "upsample2d": _resampled,
    "downsample2d": _resampled,
    "conv2d_resample": _convolved,
    "modulated_conv": _modulated,
    "minibatch_std": _spread,
    "v1_layers": _first_layers,
}


# Augmentation


class _Percentile:
    """Draws that are all at one place of their distribution. The reference leaves a factor of sqrt 2 out of normal
    ones."""

    def __init__(self, place: float) -> None:
        self.place = place

    def rand(self, *shape: int) -> Tensor:
        return torch.full(shape, self.place)

    def randn(self, *shape: int) -> Tensor:
        return torch.erfinv(torch.full(shape, 2 * self.place - 1))


def _check_augment(entry: Entry) -> None:
    kinds = tuple(kind for kind, weight in entry["config"].items() if weight == 1)
    assert len(kinds) == len(entry["config"]), f"{_UNKNOWN} {entry['config']}"
    augment = Augment(kinds)
    augment.p.fill_(1)
    x = fill.given(entry["inputs"]["x"])
    real, turns = geometry.rotation, []

    def rotation(angle: Tensor) -> Tensor:
        """The reference's second rotation does nothing where all draws are at one place."""
        turns.append(angle)
        return real(0 * angle if len(turns) == 2 + ("rotate90" in kinds) else angle)

    geometry.rotation = rotation
    try:
        y = augment(x, _Percentile(entry["percentile"]))
    finally:
        geometry.rotation = real
    figures = entry["outputs"]["y"]
    suite.assert_close(y, figures, max(2 * figures["float64_gap"], suite.VALUE), entry["name"])


SECTIONS = {
    "networks": _check_network,
    "functions": _check_function,
    "augment": _check_augment,
}
