"""The authors' checkpoints (HsinYingLee/DRIT): their keys as ours, options from their shapes.

One file, `EEEEE.pth`, holds a mapping for each network and each optimiser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gantool import options as opt
from gantool.errors import CheckpointError, UsageError
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.reading import leaves
from gantool.spec import Direction, Spec
from gantool_drit import DRIT, attribute_encoder, discriminator, generator
from gantool_drit.discriminators import ContentDiscriminator, ImageDiscriminator
from gantool_drit.networks import AttributeEncoder, ConcatAttributeEncoder, ConcatGenerator, ContentEncoder

NETWORKS = {
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
_OLD_NORM = {"gamma": "weight", "beta": "bias"}
"""Layer norms had other names, and weights of shape (C,), before August 2018."""


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The networks in this file; None if there are several files or this is no DRIT of two domains.

    Raises CheckpointError for a file that lacks a network which translation needs, or keys.
    """
    if len(files) != 1:
        return None
    ((file, content),) = files.items()
    parts = {name: dict(part) for name, part in content.items() if name in NETWORKS and isinstance(part, Mapping)}
    if not any("conv_share." in key for key in parts.get("enc_c", {})):
        return None
    if missing := [name for name in _TRANSLATION if name not in parts]:
        raise CheckpointError(f"{file} lacks {', '.join(missing)}: translation needs enc_c, enc_a and gen")
    flat = {name: dict(leaves(part)) for name, part in parts.items()}
    options = _options(flat, file)

    tensors: dict[str, Tensor] = {}
    used: dict[tuple[str, str], str] = {}
    for theirs, part in flat.items():
        ours = NETWORKS[theirs]
        with torch.device("meta"):
            network = _network(theirs, options)
        names = load(network, part, f"{theirs} of {file}")
        used |= {(file, f"{theirs}.{key}"): f"{ours}.{name}" for key, name in names.items()}
        tensors |= {f"{ours}.{name}": value for name, value in network.state_dict().items()}
    dropped = {
        (file, key): "state of an optimiser: further training begins with fresh ones"
        if key.partition(".")[0].endswith("_opt")
        else "no part of a network"
        for key, _ in leaves(content)
        if (file, key) not in used
    }
    return Imported(
        options=options,
        spec=Spec(("A", "B"), options.kinds, 216),
        tensors=tensors,
        used=used,
        dropped=dropped,
        directions=(Direction("A", "B"), Direction("B", "A")),
    )


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> dict[str, str]:
    """Puts a network's official tensors into ours. Returns the official keys with our names.

    Raises CheckpointError that names `where` and the first keys that do not fit.
    """
    heads = official_heads(network)
    expected = network.state_dict()
    names: dict[str, str] = {}
    wrong: list[str] = []
    for key, value in tensors.items():
        head, _, last = key.rpartition(".")
        name = f"{heads.get(head)}.{_OLD_NORM.get(last, last)}"
        if name not in expected:
            wrong.append(f"{key} is unknown")
        elif value.shape == expected[name].shape or (last in _OLD_NORM and value.numel() == expected[name].numel()):
            names[key] = name
        else:
            wrong.append(f"{key} has shape {tuple(value.shape)} instead of {tuple(expected[name].shape)}")
    official = {ours: head for head, ours in heads.items()}
    for name in expected.keys() - set(names.values()):
        head, _, last = name.rpartition(".")
        if not any(text.startswith(f"{official[head]}.{last} ") for text in wrong):
            wrong.append(f"{official[head]}.{last} is missing")
    if wrong:
        more = f" ({len(wrong)} keys do not fit)" if len(wrong) > 2 else ""
        raise CheckpointError(
            f"{where} does not fit the network that its shapes describe: {'; '.join(sorted(wrong)[:2])}{more}"
        )
    values = {name: tensors[key].float().reshape(expected[name].shape) for key, name in names.items()}
    network.load_state_dict(values, assign=True)
    return names


def official_heads(network: nn.Module) -> dict[str, str]:
    """What precedes `.weight` in the official keys of a network, and in ours."""
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


def _network(name: str, o: DRIT.Options) -> nn.Module:
    """The network that the authors call so."""
    channels = o.channels_a, o.channels_b
    if name == "enc_c":
        return ContentEncoder(channels, o.width)
    if name == "enc_a":
        return attribute_encoder(o, channels)
    if name == "gen":
        return generator(o, channels)
    if name == "disContent":
        return ContentDiscriminator(4 * o.width, o.content_layers)
    return discriminator(o, channels["AB".index(name[3])])


def _options(parts: Mapping[str, Mapping[str, Tensor]], file: str) -> DRIT.Options:
    """What keys and shapes tell. Discriminators that the file lacks keep their defaults."""
    encoder, attributes = parts["enc_c"], parts["enc_a"]
    concat = "fc_A.0.weight" in attributes
    first_a, first_b, last = (
        _shape(encoder, "convA.0.model.1.weight", file),
        _shape(encoder, "convB.0.model.1.weight", file),
        _shape(attributes, "fc_A.0.weight" if concat else "model_a.16.weight", file),
    )
    found: dict[str, Any] = {
        "injection": "concat" if concat else "featurewise",
        "width": first_a[0],
        "channels_a": first_a[1],
        "channels_b": first_b[1],
        "style_size": last[0],
    }
    if judge := next((part for name, part in parts.items() if re.fullmatch("dis[AB]2?", name)), None):
        scales = {match[1] for key in judge if (match := re.match(r"Diss\.(\d+)\.", key))}
        found["d_scales"] = len(scales) or 1
        found["spectral_norm"] = any(key.endswith(".weight_orig") for key in judge)
        first = "Diss.0.0.model.1" if scales else "model.0.model.1"
        found["d_width"] = _shape(judge, f"{first}.bias", file)[0]
    if content := parts.get("disContent"):
        found["content_layers"] = sum(key.endswith(".model.1.weight") for key in content) - 1
    try:
        options: DRIT.Options = opt.restore(DRIT.Options, found, where="drit")
    except UsageError as error:
        raise CheckpointError(f"{file}: {error}") from error
    return options


def _shape(part: Mapping[str, Tensor], key: str, file: str) -> torch.Size:
    if key not in part:
        raise CheckpointError(f"{file} lacks {key}: is it cut short?")
    return part[key].shape
