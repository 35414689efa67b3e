"""MUNIT: the reference's configurations, names and draws, and what they are with us. UNIT's adapter shares most."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import pytest
import torch
from gantool_munit.base import SharedLatent, discriminator
from gantool_munit.munit import MUNIT, generator, official
from gantool_munit.networks import (
    ContentEncoder,
    StyleEncoder,
    StyleGenerator,
    discriminator_loss,
)
from gantool_munit.perceptual import perceptual_loss
from torch import Tensor, nn

from gantool.evaluation.inception_score import conditional_inception_score, inception_score
from gantool.importing.table import load as load_official
from gantool.importing.table import official_keys
from gantool.losses.adversarial import generator_loss
from gantool.losses.reconstruction import l1
from gantool.model import Batch
from gantool.networks.norms import AdaIN, DeviationLayerNorm
from gantool.networks.vgg import VGG16, caffe, vgg16
from gantool.spec import Spec

from .. import fill, suite
from ..suite import Entry

LOSSES = {
    **{f"{name}_total": name[0] for name in ("dis", "gen")},
    **{f"dis_{side}": f"d_{side}" for side in "ab"},
    **{
        f"gen_{theirs}_{side}": f"{ours}_{side}"
        for side in "ab"
        for theirs, ours in (
            *(("adv", "gan"), ("recon_x", "recon_x"), ("recon_s", "recon_s"), ("recon_c", "recon_c")),
            *(("cycrecon_x", "cycle"), ("vgg", "vgg")),
        )
    },
}
"""The reference's name of each loss, and ours."""

_GENERATOR = {
    "dim": "width",
    "n_downsample": "downsample",
    "n_res": "blocks",
    "activ": "activation",
    "pad_type": "padding",
    "style_dim": "style",
    "mlp_dim": "mlp_width",
}
_DISCRIMINATOR = {
    "dim": "d_width",
    "n_layer": "d_layers",
    "num_scales": "scales",
    "norm": "d_norm",
    "activ": "d_activation",
    "pad_type": "d_padding",
    "gan_type": "gan",
}
_WEIGHTS = {
    "gan_w": "adversarial",
    "recon_x_w": "recon_x",
    "recon_s_w": "recon_s",
    "recon_c_w": "recon_c",
    "recon_x_cyc_w": "cycle",
    "vgg_w": "perceptual",
}
_DATA = {"display_size", "data_root", "new_size", "new_size_a", "new_size_b", "crop_image_height", "crop_image_width"}
"""They play no part in a step."""
_INITIALIZATIONS = {
    "gaussian": "normal",
    "default": "kaiming",  # the weights are given anyway
    **{name: name for name in ("xavier", "kaiming", "orthogonal")},
}
_NORMS = {"none": "none", "in": "instance", "bn": "batch", "ln": "layer", "sn": "spectral"}
_STATE = "state after the forward: "
_UNKNOWN = "the suite does not know"
ANY_SIZE = 64  # of crops: it plays no part in a step


class Outputs(nn.Module):
    """A network and what is compared of it: a function of the inputs that gives tensors by name."""

    def __init__(self, network: nn.Module, outputs: Callable[..., Any], part_of: nn.Module | None = None) -> None:
        super().__init__()
        self.network, self.outputs = network, outputs
        self.part_of = (part_of,)  # in a tuple, which keeps the rest of it out of this module
        self.names: Mapping[str, str] = {}  # ours by the reference's: `load` fills it

    def forward(self, *inputs: Tensor) -> Any:
        return self.outputs(*inputs)


def generator_settings(config: Entry) -> dict[str, Any]:
    assert config.keys() <= _GENERATOR.keys(), f"{_UNKNOWN} {config.keys() - _GENERATOR.keys()}"
    return {_GENERATOR[key]: value for key, value in config.items()}


def discriminator_settings(config: Entry) -> dict[str, Any]:
    assert config.keys() == _DISCRIMINATOR.keys(), f"{_UNKNOWN} {config.keys() ^ _DISCRIMINATOR.keys()}"
    settings = {_DISCRIMINATOR[key]: value for key, value in config.items()}
    settings["d_norm"] = _NORMS[settings["d_norm"]]
    settings["gan"] = {"lsgan": "lsgan", "nsgan": "vanilla"}[settings["gan"]]
    return settings


def network(config: Entry, asked: Collection[str] = ()) -> nn.Module:
    """The network of a `networks` entry, with the outputs that are compared: `asked` are their names."""
    kind, channels = config["class"], config.get("input_dim", 3)
    if kind == "LayerNorm":
        return DeviationLayerNorm(config["num_features"])
    if kind == "AdaptiveInstanceNorm2d":
        adain = AdaIN(config["num_features"])
        return Outputs(adain, lambda x, bias, weight: adain(x, bias[..., None, None], weight[..., None, None]))
    if kind == "Vgg16":
        return VGG16()
    if kind == "ContentEncoder":
        return content_encoder(config)
    if kind == "StyleEncoder":
        assert (config["n_downsample"], config["norm"]) == (4, "none")
        settings = generator_settings({key: config[key] for key in ("dim", "style_dim", "activ", "pad_type")})
        styles = StyleEncoder(channels, **settings)
        return Outputs(styles, lambda x: styles(x)[..., None, None])
    if kind == "MsImageDis":
        judge = discriminator(MUNIT.Options(**discriminator_settings(config["dis"])), channels)
        judged = Outputs(judge, lambda x: _scores(judged, x, asked))
        return judged
    options = MUNIT.Options(**generator_settings(config["gen"]))
    if kind == "pair of AdaINGen":
        pair = nn.ModuleDict({side: generator(options, config[f"input_dim_{side}"]) for side in "ab"})
        return Outputs(pair, lambda *inputs: _translations(pair["a"], pair["b"], *inputs))
    whole = generator(options, channels)
    if kind == "Decoder+MLP":
        part = nn.ModuleDict({"decoder": whole.decoder, "mlp": whole.mlp})
        return Outputs(part, lambda content, style: _decoded(whole, content, style.flatten(1)), whole)
    assert kind == "AdaINGen", f"{_UNKNOWN} network {kind!r}"
    return Outputs(whole, lambda x, s: _generated(whole, x, s.flatten(1)))


def content_encoder(config: Entry) -> nn.Module:
    assert config["norm"] == "in"
    settings = generator_settings({key: config[key] for key in config if key not in ("class", "input_dim", "norm")})
    return ContentEncoder(config["input_dim"], **settings)


def _scores(judge: Outputs, x: Tensor, asked: Collection[str]) -> dict[str, Tensor]:
    outputs = {f"scale{number}": scores for number, scores in enumerate(judge.network(x))}
    states = [name for name in asked if name.startswith(_STATE)]
    return outputs | {name: judge.state_dict()[judge.names[name.removeprefix(_STATE)]] for name in states}


def _decoded(whole: StyleGenerator, content: Tensor, style: Tensor) -> dict[str, Tensor]:
    adain, x = whole.mlp(style), content
    blocks = whole.decoder.blocks
    for block, part in zip(blocks, adain.chunk(len(blocks), dim=1), strict=True):
        x = block(x, part)
    return {"adain_params": adain, "after_residual_blocks": x, "image": whole.decode(content, style)}


def _generated(whole: StyleGenerator, x: Tensor, s: Tensor) -> dict[str, Tensor]:
    content, style = whole.encode(x)
    return {
        "content": content,
        "style": style[..., None, None],
        "reconstruction": whole.decode(content, style),
        "with_given_style": whole.decode(content, s),
    }


def _translations(
    g_a: StyleGenerator, g_b: StyleGenerator, x_a: Tensor, x_b: Tensor, s_a: Tensor, s_b: Tensor
) -> dict[str, Tensor]:
    (c_a, own_a), (c_b, own_b) = g_a.encode(x_a), g_b.encode(x_b)
    return {
        "x_ab_given_style": g_b.decode(c_a, s_b.flatten(1)),
        "x_ba_given_style": g_a.decode(c_b, s_a.flatten(1)),
        "x_ab_style_of_x_b": g_b.decode(c_a, own_b),
        "x_ba_style_of_x_a": g_a.decode(c_b, own_a),
    }


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> Mapping[str, str]:
    """Through the key map of `gantool import`; AdaIN's statistics, which nobody reads, keep their official names."""
    if isinstance(network, Outputs):
        (whole,) = network.part_of
        if whole is not None:  # the key map knows whole generators: what the figures leave out stays as it is
            keys = official_keys(whole, official.names(whole))
            rest = {keys[name]: value for name, value in whole.state_dict().items() if keys[name].startswith("enc_")}
            return {k: v for k, v in load(whole, {**rest, **tensors}, where).items() if k not in rest}
        network.names = {key: f"network.{name}" for key, name in load(network.network, tensors, where).items()}
        return network.names
    if isinstance(network, nn.ModuleDict):
        halves = {side: {k[2:]: v for k, v in tensors.items() if k.startswith(f"{side}.")} for side in network}
        return {f"{s}.{k}": f"{s}.{v}" for s in network for k, v in load(network[s], halves[s], where).items()}
    if isinstance(network, VGG16):
        network.load_state_dict(vgg16(tensors, where).state_dict())
        return {key: key for key in tensors}
    if isinstance(network, DeviationLayerNorm):
        network.load_state_dict(tensors)
        return {key: key for key in tensors}
    if isinstance(network, AdaIN):
        assert tensors.keys() == {"running_mean", "running_var"}
        return {key: key for key in tensors}
    names, dropped = load_official(network, official.names(network), tensors, where)
    assert all(".norm.running_" in key for key in dropped), dropped
    return names | {key: key for key in dropped}


def training_settings(config: Entry, weights: Mapping[str, str], unused: set[str]) -> dict[str, Any]:
    """Our options of the reference's configuration. `unused` are keys that it reads nowhere."""
    fixed = {"beta2": 0.999, "gamma": 0.5}
    own = {"weight_decay": "weight_decay", "beta1": "beta1", "lr": "lr", "lr_policy": "lr_policy"}
    own |= {"step_size": "lr_steps", "init": "init", "input_dim_a": "channels_a", "input_dim_b": "channels_b"}
    known = {*fixed, *own, *weights, *unused, *_DATA, "gen", "dis"}
    assert config.keys() <= known, f"{_UNKNOWN} {config.keys() - known}"
    assert all(config.get(key, value) == value for key, value in fixed.items())
    settings = generator_settings(config["gen"]) | discriminator_settings(config["dis"])
    settings |= {ours: config[theirs] for theirs, ours in (own | weights).items() if theirs in config}
    return settings | {"init": _INITIALIZATIONS[settings["init"]]}


def with_vgg(model: SharedLatent[Any], config: Entry) -> SharedLatent[Any]:
    if config["vgg_w"] > 0:
        model.vgg = VGG16().requires_grad_(False)
    return model


def model(config: Entry) -> SharedLatent[Any]:
    options = MUNIT.Options(**training_settings(config, _WEIGHTS, set()))
    return with_vgg(MUNIT(options, Spec(("A", "B"), options.kinds, ANY_SIZE)), config)


def networks(model: SharedLatent[Any]) -> Mapping[str, nn.Module]:
    found = {"gen_a": model.g_a, "gen_b": model.g_b, "dis_a": model.d_a, "dis_b": model.d_b}
    return found | ({"vgg": model.vgg} if model.vgg is not None else {})


def batch(pictures: Batch, config: Entry) -> Batch:
    return pictures


def scripted(model: SharedLatent[Any], entry: Entry) -> Iterator[Any]:
    draws = (draw for step in entry["draws"] for draw in step)
    step = model.training_step

    def randn(*shape: int) -> Tensor:
        return fill.given(next(draws)["tensor"]).double().view(shape)

    def training_step(batch: Batch, run: Any) -> None:
        run.randn = randn
        step(batch, run)

    model.training_step = training_step
    return draws


def check_training(entry: Entry, adapter: Any, switched: Mapping[str, tuple[str, ...]]) -> None:
    """`switched`: losses that are not computed where a weight is 0; the reference logs them as 0."""
    off = {f"gen_{loss}" for weight, losses in switched.items() if entry["config"][weight] == 0 for loss in losses}

    def on(steps: Any) -> list[dict[str, float]]:
        assert all(losses[name] == 0 for losses in steps for name in off)
        return [{name: value for name, value in losses.items() if name not in off} for losses in steps]

    entry = {**entry, "losses": on(entry["losses"])}
    if "float64" in entry:
        entry["float64"] = {**entry["float64"], "losses": on(entry["float64"]["losses"])}
    else:  # single-precision figures, and how far they are from double precision
        entry["precision"] = entry["float64_rerun"]
    suite.check_training(entry, adapter)


def _check_training(entry: Entry) -> None:
    assert entry["trainer"] == "MUNIT_Trainer"
    switched = {"recon_x_cyc_w": ("cycrecon_x_a", "cycrecon_x_b"), "vgg_w": ("vgg_a", "vgg_b")}
    check_training(entry, sys.modules[__name__], switched)


@torch.no_grad()
def _check_loss(entry: Entry) -> None:
    inputs = {name: fill.given(rule) for name, rule in entry["inputs"].items()}
    name, judge = entry["name"], None
    if "network" in entry:
        told = entry["network"]
        judge = network(told["config"])
        load(judge, fill.network(told["parameters"], told["prefix"]), name)
    if name in ("lsgan_dis", "nsgan_dis", "lsgan_gen", "nsgan_gen"):
        gan = discriminator_settings(told["config"]["dis"])["gan"]
        assert gan == {"l": "lsgan", "n": "vanilla"}[name[0]]
        scales = judge.network
        value = (
            discriminator_loss(scales, inputs["fake"], inputs["real"], gan)
            if name.endswith("dis")
            else generator_loss(scales(inputs["fake"]), gan)
        )
    elif name == "recon":
        value = l1(inputs["input"], inputs["target"])
    elif name == "vgg_preprocess":
        prepared = caffe(inputs["image"])
        suite.assert_close(prepared, entry["output"], suite.VALUE * 255, "the picture")
        value = prepared.double().mean()
    elif name == "vgg_domain_invariant":
        value = perceptual_loss(judge, inputs["image"], inputs["target"])
    else:
        p = inputs["logits"].double().softmax(-1).numpy()
        scores = {
            "inception_score": lambda: inception_score(p.reshape(-1, p.shape[-1])),
            "conditional_inception_score": lambda: conditional_inception_score(p),
        }
        assert name in scores, f"{_UNKNOWN} the loss {name!r}"
        value, divergence = scores[name]()
        assert divergence == pytest.approx(entry["without_exp"], rel=suite.VALUE)
    assert float(value) == pytest.approx(entry["value"], rel=suite.VALUE, abs=1e-7)


SECTIONS = {
    "networks": lambda entry: suite.check_network(entry, lambda config: network(config, entry["outputs"]), load),
    "losses": _check_loss,
    "training": _check_training,
}
