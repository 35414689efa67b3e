"""StyleGAN 1, 2 and ADA: the reference's configurations, names and draws, and what they are with us."""

from __future__ import annotations

import copy
import itertools
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MethodType, SimpleNamespace
from typing import Any

import gantool_stylegan
import gantool_stylegan.path_length
import numpy as np
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
from gantool.evaluation import path_length, separability
from gantool.inference.pixels import as_pictures
from gantool.losses.adversarial import adversarial_loss
from gantool.losses.gradient_penalty import gradient_penalty, interpolated, r1
from gantool.model import Batch
from gantool.sampling import projection
from gantool.training.ema import Averages

from .. import fill, suite
from ..suite import Entry

LOSSES = {
    "G/loss": "gan",
    "G/path_length_penalty": "path",
    "D/loss": "d_whole",
    "D/r1_penalty": "r1_whole",
    "D/scores_real": "scores_real",
    "D/scores_fake": "scores_fake",
    "pl_mean": "path_length",
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
            means=_means(synthesis.get("resample_filter", _FILTER)),
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
    if isinstance(network, _Called):
        return {key: f"network.{ours}" for key, ours in load(network.network, tensors, where).items()}
    if where.startswith("rosinality"):
        found = official.of_rosinality(tensors)
    elif any("/" in key for key in tensors):
        size = 2 ** (1 + sum("ToRGB_lod" in key or "FromRGB_lod" in key for key in tensors) // 2)
        found = official.of_tensorflow(tensors, size)
    else:
        found = {key: (key, value) for key, value in tensors.items() if not key.endswith("resample_filter")}
    for key in tensors.keys() - found.keys():
        if key.endswith("resample_filter"):
            head = key.rpartition(".")[0]
            taps = _taps(network, head)
        else:
            assert key.endswith(".kernel"), f"{where}: {key} is left out"
            taps = _FILTER
        line = torch.tensor(taps, dtype=torch.float32) / sum(taps)
        # Where the port makes pictures larger, its filter has the gain.
        fits = any(torch.allclose(tensors[key], gain * line.outer(line), atol=1e-9) for gain in (1, 4))
        assert fits, f"{where}: {key} is no filter of ours"
    network.load_state_dict(dict(found.values()))
    names = {key: ours for key, (ours, _) in found.items()}
    return names | dict.fromkeys(tensors.keys() - names.keys(), f"a filter of {where}")


_FILTER = (1, 3, 3, 1)


def _means(taps: Sequence[float]) -> int:
    """How many means of neighbours make a filter of these taps."""
    assert list(taps) == [math.comb(len(taps) - 1, i) for i in range(len(taps))], f"{_UNKNOWN} the filter {taps}"
    return len(taps) - 1


def _taps(network: nn.Module, head: str) -> Sequence[float]:
    """Those of a layer, or of the block that it is in."""
    while head:
        layer = dict(network.named_modules()).get(head)
        if isinstance(means := getattr(layer, "means", None), int):
            return [math.comb(means, i) for i in range(means + 1)]
        head = head.rpartition(".")[0]
    return _FILTER


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
    if name in ("seed_to_z", "to_uint8"):
        return (_check_seeds if name == "seed_to_z" else _check_levels)(entry)
    check = next((check for start, check in _FUNCTIONS.items() if name.startswith(start)), None)
    assert check, f"{_UNKNOWN} the function {name!r}"
    given = {key: fill.given(rule) for key, rule in entry.get("inputs", {}).items()}
    made = check(entry, **given)
    assert made.keys() == entry["outputs"].keys()
    for key, value in made.items():
        figures = entry["outputs"][key]
        largest = max(abs(value) for value in figures["values"])
        suite.assert_close(value, figures, max(suite.VALUE * largest, 2 * figures["float64_gap"]), f"{name}: {key}")
    return None


def _resampled(entry: Entry, x: Tensor) -> dict[str, Tensor]:
    return {"y": (layers.upsampled if "upsample" in entry["name"] else layers.downsampled)(x, _means(entry["filter"]))}


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


def _crossed(entry: Entry, w1: Tensor, w2: Tensor) -> dict[str, Tensor]:
    crossover = int(suite.stated(r"style_mixing_crossover_(\d+)", entry["name"]))
    return {"y": gantool_stylegan.crossed(w1, w2, crossover)}


def _slerp(entry: Entry, a: Tensor, b: Tensor, t: Tensor) -> dict[str, Tensor]:
    return {"y": path_length.unit_slerp(a, b, t)}


def _for_path_length(entry: Entry, x: Tensor) -> dict[str, Tensor]:
    half = x.shape[2] // 2
    return {"crop": path_length.face(x), "halved": (path_length.boxed(x, half) + 1) * 127.5}


def _projector_noise(entry: Entry, v: Tensor) -> dict[str, Tensor]:
    found = projection.noise_regularisation(v)
    return {"regularisation": found.reshape(1), "normalised": projection.normalised(v)}


def _projector_start(entry: Entry, z: Tensor) -> dict[str, Tensor]:
    mapping = network(entry["network"]["config"])
    load(mapping, fill.filled(entry["network"]), entry["name"])
    with torch.no_grad():
        mean, spread = projection.style_statistics(mapping(z)[:, None])
    return {"w_avg": mean, "w_std": spread.reshape(1)}


def _check_seeds(entry: Entry) -> None:
    """gantool's latents are float32."""
    model = _built({"latent": entry["z_dim"], "style": 1, "channel_max": 1}, 8)
    for seed, figures in entry["outputs"].items():
        found = model.latent(int(seed))
        assert found.shape == (1, entry["z_dim"])
        assert found[0, : len(figures["values"])].tolist() == pytest.approx(figures["values"], rel=suite.RECORDED)


def _check_levels(entry: Entry) -> None:
    """The authors cut off where gantool rounds: nowhere more than a level apart, and never brighter."""
    x = fill.given(entry["inputs"]["x"])
    ours = as_pictures(x.view(1, 1, 1, -1))[0].flatten().astype(int)
    apart = torch.from_numpy(ours) - torch.tensor(entry["outputs"]["bytes"])
    assert apart.abs().max() <= 1


_FUNCTIONS: Mapping[str, Callable[..., dict[str, Tensor]]] = {
    "upsample2d": _resampled,
    "downsample2d": _resampled,
    "conv2d_resample": _convolved,
    "modulated_conv": _modulated,
    "minibatch_std": _spread,
    "v1_layers": _first_layers,
    "style_mixing": _crossed,
    "slerp": _slerp,
    "ppl_images": _for_path_length,
    "projector_noise": _projector_noise,
    "projector_w_statistics": _projector_start,
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


# Losses


def _check_loss(entry: Entry) -> None:
    check = next((check for name, check in _LOSSES.items() if entry["name"].startswith(name)), None)
    assert check, f"{_UNKNOWN} the loss {entry['name']!r}"
    given = {key: fill.given(rule) for key, rule in entry["inputs"].items()}
    if "network" in entry:
        judge = network(entry["network"]["config"])
        load(judge, fill.filled(entry["network"]), entry["name"])
        given = {"network": judge, **given}
    value, told = check(entry, **given), entry["value"]
    # Differences of rounding grow in a second derivative: as much as between the reference's own two precisions.
    tolerance = max(suite.VALUE * abs(told), 2 * abs(told - entry["float64_value"]))
    assert abs(value.item() - told) <= tolerance, f"the loss is {value.item()}, not {told}"


def _weight(entry: Entry) -> float:
    return suite.stated(r"^([\d.]+) \* mean", entry["formula"])


def _r1(entry: Entry, network: nn.Module, x: Tensor) -> Tensor:
    return entry["gamma"] * r1(network, x)[1]


def _wgan_gp(entry: Entry, network: nn.Module, x: Tensor, y: Tensor, a: Tensor) -> Tensor:
    return _weight(entry) * gradient_penalty(network, interpolated(y, x, a))


def _lengths(entry: Entry, network: nn.Module, z: Tensor, pl_noise: Tensor, mean: Tensor) -> Tensor:
    assert isinstance(network, Generator)
    ws = network.mapping(z)[:, None].expand(-1, network.synthesis.styles, -1)
    lengths = path_lengths(network.synthesis(ws), ws, pl_noise)
    if entry["name"] == "v2_path_length":
        return lengths.mean()
    path = PathLength()
    path.mean.copy_(mean)
    return _weight(entry) * path.penalty(lengths)


def _epsilon(entry: Entry, real: Tensor, fake: Tensor) -> Tensor:
    """WGAN with version 1's pull of the scores toward 0, which no option has."""
    pull = suite.stated(r"([\d.]+) real\^2", entry["formula"])
    wgan = adversarial_loss(fake, False, "wgangp") + adversarial_loss(real, True, "wgangp")
    return wgan + pull * real.square().mean()


_LOSSES: Mapping[str, Callable[..., Tensor]] = {
    "logistic_D": lambda entry, real, fake: (
        adversarial_loss(fake, False, "vanilla") + adversarial_loss(real, True, "vanilla")
    ),
    "logistic_G_nonsaturating": lambda entry, fake: adversarial_loss(fake, True, "vanilla"),
    # No option has it: it is what D's loss says of fakes, the other way.
    "logistic_G_saturating": lambda entry, fake: -adversarial_loss(fake, False, "vanilla"),
    "wgan_D_epsilon": _epsilon,
    "v1_r1": _r1,
    "v2_r1": _r1,
    "v1_wgan_gradient_penalty": _wgan_gp,
    "v2_path_length": _lengths,
}


# Schedules


def _check_schedule(entry: Entry) -> None:
    check = _SCHEDULES.get(entry["name"])
    assert check, f"{_UNKNOWN} the schedule {entry['name']!r}"
    check(entry)


def _growing(entry: Entry) -> None:
    stages = schedules.stages(entry["resolution"], kimg=entry["rows"][-1]["kimg"])
    for row in entry["rows"]:
        begin = 0.0
        for stage in stages:
            if row["kimg"] <= begin + stage.kimg:
                break
            begin += stage.kimg
        depth = math.log2(entry["resolution"] // stage.side)
        lod = depth + schedules.lod(1000 * (row["kimg"] - begin), stage.fade)
        assert [lod, stage.side, stage.batch] == pytest.approx([row["lod"], row["resolution"], row["minibatch"]])
        assert stage.lr == row["G_lrate"] == row["D_lrate"]


def _average(entry: Entry) -> None:
    for row in entry["rows"]:
        model = _built({"half_life": row["ema_kimg"], "rampup": row["rampup"] or 0}, 8)
        assert row["images"] % row["batch"] in (0, row["images"] % row["batch"])
        found = schedules.average_decay(row["batch"], row["images"], model.options.half_life, model.options.rampup)
        assert found == pytest.approx(row["beta"], rel=1e-12)


def _lazy(entry: Entry) -> None:
    for row in entry["rows"]:
        betas = {"beta1": row["betas"][0], "beta2": row["betas"][1], "lr": row["lr"]}
        model = _built({"path_interval": row["interval"], "r1_interval": row["interval"], **betas}, 8)
        for optimizer in model.optimizers().values():
            (group,) = optimizer.param_groups
            assert [group["lr"], *group["betas"]] == pytest.approx([row["used_lr"], *row["used_betas"]], rel=1e-12)


def _automatic(entry: Entry) -> None:
    for row in entry["rows"]:
        told = schedules.automatic(row["resolution"], row["gpus"])
        assert [told.batch, told.group, told.channel_base] == [row["batch"], row["mbstd"], row["channel_base"]]
        expected = [row["lr"], row["gamma"], row["ema_kimg"]]
        assert [told.lr, told.gamma, told.half_life] == pytest.approx(expected, rel=1e-12)


def _adaptive(entry: Entry) -> None:
    assert entry["ada_interval"] == adaptive.INTERVAL
    augment = Augment(("xflip",)).double()
    augment.p.fill_(entry["start"])
    batch = entry["batch"]
    for row in entry["rows"]:
        # All but the last batch's scores, as if their signs had this mean; then scores whose sign is 0.
        augment.signs.fill_(row["mean_sign"] * entry["ada_interval"] * batch)
        augment.seen.fill_((entry["ada_interval"] - 1) * batch)
        augment.heed(torch.zeros(batch, 1), batch, target=entry["target"], kimg=entry["ada_kimg"])
        assert float(augment.p) == pytest.approx(row["p"], rel=1e-12)


def _projector(entry: Entry) -> None:
    steps = entry["num_steps"]
    for row in entry["rows"]:
        assert projection.RATE * projection.rate_share(row["step"], steps) == pytest.approx(row["lr"], abs=1e-15)
        assert projection.noise_share(row["step"], steps) == pytest.approx(row["noise_scale_over_w_std"], abs=1e-15)


_SCHEDULES = {
    "v1_growing": _growing,
    "ema_beta": _average,
    "lazy_regularisation": _lazy,
    "auto_config": _automatic,
    "ada": _adaptive,
    "projector": _projector,
}


# Metrics


def _check_metric(entry: Entry) -> None:
    if entry["name"] == "conditional_entropy":
        found = [separability.conditional_entropy(np.array(table)) for table in entry["tables"]]
        # The reference adds a small number to what it takes logarithms of.
        assert found == pytest.approx(entry["values"], rel=1e-7, abs=1e-15)
        assert separability.separability_score(found) == pytest.approx(entry["score"], rel=1e-7)
        return
    assert entry["name"] == "ppl_outliers", f"{_UNKNOWN} the metric {entry['name']!r}"
    found = path_length.trimmed_mean(fill.given(entry["inputs"]["v"]).abs().numpy())
    assert list(found) == pytest.approx([entry["value"], entry["lo"], entry["hi"]], rel=suite.VALUE)


# Training


class Run(suite.Recording):
    """Draws what the entry says, keeps the average, and knows the losses as the reference tells them."""

    draws: Iterator[Tensor]
    entry: Entry

    def randn(self, *shape: int) -> Tensor:
        drawn = next(self.model.scripted).double()[: shape[0]]
        assert drawn.shape == shape
        return drawn

    def update(self, *names: str, clip: float | None = None) -> None:
        super().update(*names, clip=clip)
        if self.model.options.version == 1 and names == ("D",):  # their average comes between D and G
            self._average()

    def end(self) -> None:
        super().end()
        if self.model.options.version == 2:
            self._average()

    def _average(self) -> None:
        averages = Averages(self.model)
        averages.averages = {"g": self.model.average}
        averages.update(self.model, self.now, self.applied())

    def log(self, **losses: Tensor) -> None:
        super().log(**losses)
        if "r1" in losses:  # half the squared norm
            self.last["r1_whole"] = 2 * self.last["r1"]
        if "d" in losses:
            penalty = self.model.options.gamma * self.last["r1"] if self.model.options.version == 1 else 0
            self.last["d_whole"] = self.last["d"] + penalty


_TRAINING = {
    *("betas", "pl_decay", "pl_weight", "style_mixing_prob", "batch_size", "G_lr", "D_lr", "r1_gamma"),
    *("pl_batch_shrink", "G_reg_interval", "D_reg_interval", "ema_kimg", "ema_rampup", "networks"),
}
_TRAINING_1 = {"batch_size", "G_lr", "D_lr", "r1_gamma", "lod", "G_smoothing_kimg", "networks"}


def _check_training(entry: Entry) -> None:
    config = {**entry["config"], "networks": {name: told["config"] for name, told in entry["networks"].items()}}
    adapter = SimpleNamespace(**vars(sys.modules[__name__]))
    if entry["networks"]["G"]["config"]["class"] == "v1.G":
        adapter.stored = _in_tensorflow
    suite.check_training({**entry, "config": config}, adapter)


def _in_tensorflow(tensor: Tensor) -> Tensor:
    """A weight with its dimensions in TensorFlow's order."""
    order = {4: (2, 3, 1, 0), 2: (1, 0)}.get(tensor.dim())
    if order:
        return tensor.permute(order)
    return tensor[None] if tensor.dim() == 3 else tensor  # the constant, of one picture


def model(config: Entry) -> StyleGAN:
    first = config["networks"]["G"]["class"] == "v1.G"
    _known(config, _TRAINING_1 if first else _TRAINING)
    assert config["G_lr"] == config["D_lr"], "both networks learn at one rate"
    g, d = config["networks"]["G"], config["networks"]["D"]
    common = {"lr": config["G_lr"], "gamma": config["r1_gamma"], "augment": "none"}
    if first:
        assert config["lod"] == 0
        size, classes = g["resolution"], g.get("label_size", 0)
        options = {"version": 1, "half_life": config["G_smoothing_kimg"], "rampup": 0, "latent": g["latent_size"]}
    else:
        assert config["pl_decay"] == gantool_stylegan.path_length.DECAY
        size, classes = g["img_resolution"], g["c_dim"]
        options = {
            "half_life": config["ema_kimg"],
            "rampup": config["ema_rampup"] or 0,
            "latent": g["z_dim"],
            "beta1": config["betas"][0],
            "beta2": config["betas"][1],
            "path": config["pl_weight"],
            "mixing": config["style_mixing_prob"],
            "path_shrink": config["pl_batch_shrink"],
            "path_interval": config["G_reg_interval"],
            "r1_interval": config["D_reg_interval"],
        }
    made = _built({**common, **options}, size, classes)
    made.g, made.d = network(g), network(d)
    return made


def _built(options: dict[str, Any], size: int, classes: int = 0) -> StyleGAN:
    """A model whose networks are the smallest: those of a training are put in their places."""
    small = {"channel_max": 1, "style": 1, "mapping_layers": 1, "d_mapping_layers": 1}
    o = StyleGAN.Options(**{**small, "classes": classes > 0, **options})
    return StyleGAN(o, StyleGAN.data(o).spec(tuple(f"class{i}" for i in range(max(classes, 1))), size))


def networks(model: StyleGAN) -> Mapping[str, nn.Module]:
    """With the average, which a training keeps beside the model."""
    model.average = copy.deepcopy(model.g).requires_grad_(False)
    return {"G": model.g, "D": model.d, "Gs" if model.options.version == 1 else "G_ema": model.average}


def batch(pictures: Batch, config: Entry) -> Batch:
    assert len(pictures["x"]) == config["batch_size"]
    return {"image": pictures["x"], "label": pictures["y"].long()} if "y" in pictures else {"image": pictures["x"]}


def pace(config: Entry) -> dict[str, Any]:
    return {"batch": config["batch_size"]}


def scripted(model: StyleGAN, entry: Entry) -> Iterator[Any]:
    """Normal draws in the model's order, and what is not drawn by `randn`."""
    phases = [
        (step, phase, rules)
        for step, rules in enumerate(entry["batches"])
        for phase in dict.fromkeys(key.partition("/")[0] for key in rules if "/" in key)
    ]
    names = _noise_names(model)

    def draws() -> Iterator[Tensor]:
        for step, phase, rules in phases:
            rows = rules[f"{phase}/z2"]["shape"][0]
            yield fill.given(rules[f"{phase}/z"])
            yield fill.given(rules[f"{phase}/z2"])
            for name, noise in zip(names, model.noises(), strict=True):
                yield fill.noise(_noise_rule(entry, step, phase, name), (rows, 1, *noise.shape))
            if f"{phase}/pl_noise" in rules:
                yield fill.given(rules[f"{phase}/pl_noise"])

    crossovers = iter([rules[f"{phase}/cutoff"]["value"] for _, phase, rules in phases])
    labels = iter([rules[f"{phase}/y"]["value"] for _, phase, rules in phases if f"{phase}/y" in rules])

    def crossover(self: StyleGAN, rng: torch.Generator) -> int:
        return next(crossovers)

    def asked(self: StyleGAN, label: Tensor | None, run: Any) -> Tensor | None:
        return None if label is None else self.told(torch.tensor(next(labels))).double()

    model.crossover = MethodType(crossover, model)
    model.asked = MethodType(asked, model)
    told = model.told
    model.told = MethodType(lambda self, label: told(label).double(), model)
    model.scripted = draws()
    return itertools.chain(model.scripted, crossovers, labels)


def _noise_names(model: StyleGAN) -> list[str]:
    layers = model.g.synthesis.layers()
    if model.options.version == 1:
        return [str(number) for number in range(len(layers))]
    return [name for name, layer in model.g.synthesis.named_modules() if layer in layers]


def _noise_rule(entry: Entry, step: int, phase: str, layer: str) -> str:
    rule = suite.rule(r"noise\('([^']*)'", entry)
    known = {"step<t>": f"step{step}", "PHASE": phase, "/D/": f"/{phase}/", "LAYER": layer, "<i>": layer}
    for theirs, ours in known.items():
        rule = rule.replace(theirs, ours)
    return rule


# Imports


def _check_import(entry: Entry) -> None:
    """The port's networks by the importer's key map, as our own."""
    config = entry["config"]
    _known(config, {"class", "size", "style_dim", "n_mlp", "channel_multiplier"})
    base = 16384 * config["channel_multiplier"]
    theirs = {"img_resolution": config["size"], "img_channels": 3, "c_dim": 0}
    if config["class"] == "rosinality.Generator":
        mapping = {"num_layers": config["n_mlp"]}
        widths = {"z_dim": config["style_dim"], "w_dim": config["style_dim"], "mapping_kwargs": mapping}
        synthesis = {"channel_base": base, "channel_max": 512}
        ours = {"class": "Generator", **theirs, **widths, "synthesis_kwargs": synthesis}
    else:
        assert config["class"] == "rosinality.Discriminator", f"{_UNKNOWN} the class {config['class']!r}"
        ours = {"class": "Discriminator", **theirs, "channel_base": base, "channel_max": 512}
    made = network(ours)
    tensors = fill.filled(entry)
    if "latent_avg" not in tensors and isinstance(made, Generator):
        tensors["latent_avg"] = torch.zeros(config["style_dim"])  # files have it beside the network
    load(made, tensors, entry["name"])
    assert sum(p.numel() for p in made.parameters()) == entry["parameter_count"]
    inputs = [fill.given(rule) for rule in entry["inputs"].values()]
    with torch.no_grad():
        made_of = _Called(made, {**entry, "config": ours})(*inputs)
    ((key, figures),) = entry["outputs"].items()
    value = made_of if isinstance(made_of, Tensor) else made_of[key]
    largest = max(abs(value) for value in figures["values"])
    suite.assert_close(value, figures, suite.NETWORK * largest, entry["name"])


SECTIONS = {
    "networks": _check_network,
    "functions": _check_function,
    "augment": _check_augment,
    "losses": _check_loss,
    "schedules": _check_schedule,
    "metrics": _check_metric,
    "training": _check_training,
    "imports": _check_import,
}
