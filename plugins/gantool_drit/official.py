"""Official DRIT checkpoints (HsinYingLee/DRIT): one file, `EEEEE.pth`, holds all networks and their optimisers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import nn

from gantool.errors import CheckpointError
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.reading import leaves
from gantool.importing.table import Names, Part, Tensors, Values, imported, inside, places, shape
from gantool.networks.norms import LayerNorm
from gantool_drit import DRIT
from gantool_drit.discriminators import ContentDiscriminator, ImageDiscriminator
from gantool_drit.networks import AttributeEncoder, ConcatAttributeEncoder, ConcatGenerator, ContentEncoder

ROLES = {
    "enc_c": "enc_c",
    "enc_a": "enc_a",
    "gen": "gen",
    "disA": "dis_a",
    "disA2": "dis_a2",
    "disB": "dis_b",
    "disB2": "dis_b2",
    "disContent": "dis_content",
}
"""The authors' names of the networks, and ours."""

_TRANSLATION = ("enc_c", "enc_a", "gen")
_NORM = {"gamma": "weight", "beta": "bias", "weight": "weight", "bias": "bias"}
"""Layer norms had other names, and weights of shape (C,), before August 2018."""


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The networks in this file; None if there are several files or this is no DRIT of two domains.

    Raises CheckpointError for a file that lacks a network which translation needs, or keys.
    """
    if len(files) != 1:
        return None
    ((file, content),) = files.items()
    found = {name: tensors for name, tensors in inside(content).items() if name in ROLES}
    if not any("conv_share." in key for key in found.get("enc_c", {})):
        return None
    if missing := [name for name in _TRANSLATION if name not in found]:
        raise CheckpointError(f"{file} lacks {', '.join(missing)}: translation needs enc_c, enc_a and gen")
    others = (key for key, _ in leaves(content) if key.partition(".")[0] not in found)
    return imported(
        DRIT,
        [Part(ROLES[name], file, tensors, within=name) for name, tensors in found.items()],
        _options(found, file),
        names=names,
        size=216,
        dropped={(file, key): _why(key) for key in others},
    )


def names(network: nn.Module) -> Names:
    """The official names of a network's layers."""
    return Names(_heads(network), {LayerNorm: _NORM})


def _heads(network: nn.Module) -> dict[str, str]:
    letters = tuple(enumerate("AB"))
    heads: dict[str, str] = {}
    if isinstance(network, ContentEncoder):
        heads = _residual("conv_share.0", "shared")
        for d, x in letters:
            heads |= {f"conv{x}.{i}.model.1": f"domains.{d}.{i}.1" for i in range(3)}
            for i in (3, 4, 5):
                heads |= _residual(f"conv{x}.{i}", f"domains.{d}.{i}")
    elif isinstance(network, ConcatAttributeEncoder):
        for d, x in letters:
            heads |= {f"conv_{x}.1": f"domains.{d}.1", f"fc_{x}.0": f"mean.{d}", f"fcVar_{x}.0": f"log_variance.{d}"}
            for i in (2, 3, 4):
                block = {"conv.2": "body.2", "conv.4.1": "body.5", "shortcut.1": "shortcut.1"}
                heads |= {f"conv_{x}.{i}.{theirs}": f"domains.{d}.{i}.{ours}" for theirs, ours in block.items()}
    elif isinstance(network, AttributeEncoder):
        for d, x in letters:
            heads |= {f"model_{x.lower()}.{i}": f"domains.{d}.{i}" for i in (1, 4, 7, 10, 13, 16)}
    elif isinstance(network, ConcatGenerator):
        heads = _residual("dec_share.0", "shared")
        for d, x in letters:
            for i in range(3):
                heads |= _residual(f"dec{x}1.{i}", f"domains.{d}.blocks.{i}")
            heads |= {f"dec{x}2.0.model.{i}": f"domains.{d}.up_half.{i}" for i in (0, 1)}
            heads |= {f"dec{x}3.0.model.{i}": f"domains.{d}.up_full.{i}" for i in (0, 1)}
            heads[f"dec{x}4.0"] = f"domains.{d}.picture.0"
    elif isinstance(network, ImageDiscriminator):
        several = len(network.scales) > 1
        for s, scale in enumerate(network.scales):
            sequence = f"Diss.{s}" if several else "model"
            heads |= _leaky(sequence, f"scales.{s}", len(list(scale.children())))
    elif isinstance(network, ContentDiscriminator):
        heads = _leaky("model", "body", len(network.body))
    else:  # the generator with feature-wise injection
        for d, x in letters:
            heads |= {f"mlp{x}.{i}": f"domains.{d}.mlp.{i}" for i in (0, 2, 4)}
            for i in range(4):
                ours, theirs = f"domains.{d}.blocks.{i}", f"dec{x}{i + 1}"
                for half in (1, 2):
                    heads[f"{theirs}.conv{half}.0.1"] = f"{ours}.conv{half}.1"
                    heads |= {f"{theirs}.blk{half}.{k}": f"{ours}.mix{half}.{k}" for k in (0, 2)}
            heads |= {f"dec{x}5.{i}.model.{k}": f"domains.{d}.up.{i}.{k}" for i in (0, 1) for k in (0, 1)}
            heads[f"dec{x}5.2"] = f"domains.{d}.up.2"
    return heads


def _residual(theirs: str, ours: str) -> dict[str, str]:
    return {f"{theirs}.model.{i}": f"{ours}.body.{i}" for i in (1, 5)}


def _leaky(theirs: str, ours: str, layers: int) -> dict[str, str]:
    """A sequence of so many layers, of which the last is a bare convolution."""
    inner = {f"{theirs}.{i}.model.1": f"{ours}.{i}.1" for i in range(layers - 1)}
    return inner | {f"{theirs}.{layers - 1}": f"{ours}.{layers - 1}"}


def _why(key: str) -> str:
    optimiser = key.partition(".")[0].endswith("_opt")
    return "state of an optimiser: further training begins with fresh ones" if optimiser else "no part of a network"


def _options(found: Mapping[str, Tensors], file: str) -> Values:
    """What keys and shapes tell. Discriminators that the file lacks keep their defaults."""
    encoder, attributes = found["enc_c"], found["enc_a"]
    concat = "fc_A.0.weight" in attributes
    width, channels_a, *_ = shape(encoder, "convA.0.model.1.weight", file)
    values: Values = {
        "injection": "concat" if concat else "featurewise",
        "width": width,
        "channels_a": channels_a,
        "channels_b": shape(encoder, "convB.0.model.1.weight", file)[1],
        "style_size": shape(attributes, "fc_A.0.weight" if concat else "model_a.16.weight", file)[0],
    }
    if judge := next((tensors for name, tensors in found.items() if re.fullmatch("dis[AB]2?", name)), None):
        scales = len(places(judge, r"Diss\.(\d+)\..*"))
        values["d_scales"] = scales or 1
        values["spectral_norm"] = any(key.endswith(".weight_orig") for key in judge)
        values["d_width"] = shape(judge, "Diss.0.0.model.1.bias" if scales else "model.0.model.1.bias", file)[0]
    if content := found.get("disContent"):
        values["content_layers"] = sum(key.endswith(".model.1.weight") for key in content) - 1
    return values
