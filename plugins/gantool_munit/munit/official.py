"""Official MUNIT and UNIT checkpoints (NVlabs/MUNIT): their keys as ours, options from their shapes.

`gen_XXXXXXXX.pt` and `dis_XXXXXXXX.pt` each hold one state dict for domain A, under "a", and one for B, under "b".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gantool import options as opt
from gantool.errors import CheckpointError, UsageError
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.reading import leaves
from gantool.networks.multiscale import MultiScaleDiscriminator
from gantool.networks.norms import AdaIN, InstanceNorm
from gantool.networks.spectral import SpectralConv2d
from gantool.spec import Direction, Spec
from gantool_munit.base import SharedOptions, discriminator
from gantool_munit.layers import ConvBlock
from gantool_munit.munit import MUNIT, generator
from gantool_munit.networks import (
    ContentEncoder,
    Decoder,
    LatentGenerator,
    StyleEncoder,
    StyleGenerator,
)

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_SPECTRAL = {"weight": "module.weight_bar", "u": "module.weight_u", "v": "module.weight_v", "bias": "module.bias"}

Half = Mapping[str, Tensor]
"""The state dict of one domain's network."""


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """MUNIT's networks in these files; None if one of them holds neither its generators nor discriminators."""
    return imported(files, MUNIT.Options, "enc_content", generator, generator_options)


def imported(
    files: Mapping[str, OfficialTensors],
    kind: type[SharedOptions],
    encoder: str,
    build: Callable[[Any, int], nn.Module],
    describe: Callable[[Half], dict[str, Any]],
) -> Imported | None:
    """What the files of one of the two models hold, told apart by the name of the content encoder in their keys.

    `build` makes a generator of options and channels, `describe` reads a generator's options off its shapes. Raises
    CheckpointError for files that contradict each other, lack keys, or hold no generators.
    """
    roles: dict[str, str] = {}
    skipped = {file: content for file, content in files.items() if set(content) == {"gen", "dis"}}  # optimizer.pt
    if len(skipped) == len(files):
        return None
    for file, content in files.items():
        if file in skipped:
            continue
        role = _role(content, encoder)
        if role is None:
            return None
        if role in roles:
            raise CheckpointError(f"{roles[role]} and {file} both hold {role}: give one of them")
        roles[role] = file
    if "generators" not in roles:
        raise CheckpointError(f"there is no generator in {', '.join(files)}: give gen_XXXXXXXX.pt as well")
    halves = {(role, side): _half(files[file], side, file) for role, file in roles.items() for side in "ab"}
    options = _options(roles, halves, kind, describe)

    tensors: dict[str, Tensor] = {}
    used: dict[tuple[str, str], str] = {}
    dropped = {
        (file, key): "state of the optimisers, which a new run has no use for"
        for file, content in skipped.items()
        for key, _ in leaves(content)
    }
    channels = options.channels_a, options.channels_b
    for (role, side), half in halves.items():
        ours, count = f"{role[0]}_{side}", channels["ab".index(side)]
        with torch.device("meta"):
            network = build(options, count) if role == "generators" else discriminator(options, count)
        names, unused = load(network, half, f"{roles[role]}, {side}")
        used |= {(roles[role], f"{side}.{key}"): f"{ours}.{name}" for key, name in names.items()}
        dropped |= {(roles[role], f"{side}.{key}"): why for key, why in unused.items()}
        tensors |= {f"{ours}.{name}": value for name, value in network.state_dict().items()}
    return Imported(
        options=options,
        spec=Spec(("A", "B"), options.kinds, 256),
        tensors=tensors,
        used=used,
        dropped=dropped,
        directions=(Direction("A", "B"), Direction("B", "A")),
    )


def load(network: nn.Module, tensors: Half, where: str) -> tuple[dict[str, str], dict[str, str]]:
    """Puts a network's official tensors into ours. Returns the official keys with our names, and the dropped with why.

    Statistics of instance norms are dropped: old files have them, those of AdaIN are in all files, and nobody ever read
    either. A missing `num_batches_tracked` (files older than PyTorch 0.4.1) is 0. Raises CheckpointError that names
    `where` and the first keys that do not fit.
    """
    expected = network.state_dict()
    official, norms = official_keys(network)
    names: dict[str, str] = {}
    dropped: dict[str, str] = {}
    wrong: list[str] = []
    for key, value in tensors.items():
        name = official.get(key)
        head, _, last = key.rpartition(".")
        if name is not None and value.shape == expected[name].shape:
            names[key] = name
        elif name is not None:
            wrong.append(f"{key} has shape {tuple(value.shape)} instead of {tuple(expected[name].shape)}")
        elif last in _STATISTICS and head in norms:
            dropped[key] = "statistics of an instance norm, which are never used"
        else:
            wrong.append(f"{key} is unknown")
    # A batch norm sets its own count to 0 where the file has none.
    absent = [key for key in official if key not in tensors and not key.endswith("num_batches_tracked")]
    wrong += [f"{key} is missing" for key in absent]
    if wrong:
        more = f" ({len(wrong)} keys do not fit)" if len(wrong) > 2 else ""
        raise CheckpointError(
            f"{where} does not fit the network that its shapes describe: {'; '.join(sorted(wrong)[:2])}{more}"
        )
    values = {
        name: tensors[key].float() if tensors[key].is_floating_point() else tensors[key] for key, name in names.items()
    }
    network.load_state_dict(values, strict=False, assign=True)
    return names, dropped


def official_keys(network: nn.Module) -> tuple[dict[str, str], set[str]]:
    """Our key by official key of everything in a network's state dict, and the official names of its instance norms."""
    keys: dict[str, str] = {}
    norms: set[str] = set()
    for theirs, ours in _layers(network):
        layer = network.get_submodule(ours)
        if isinstance(layer, (InstanceNorm, AdaIN)):
            norms.add(theirs)
        for last in layer.state_dict():
            keys[f"{theirs}.{_SPECTRAL[last] if isinstance(layer, SpectralConv2d) else last}"] = f"{ours}.{last}"
    return keys, norms


def generator_options(half: Half) -> dict[str, Any]:
    """Options of MUNIT's generator with these keys and shapes."""
    return content_options(half, "enc_content") | {
        "style": _shape(half, "enc_style.model.6.weight")[0],
        "mlp_width": _shape(half, "mlp.model.0.fc.weight")[0],
    }


def content_options(half: Half, encoder: str) -> dict[str, Any]:
    """Options of the content encoder, and its input's `channels`. Shapes tell no padding: it is the official one."""
    first = _shape(half, f"{encoder}.model.0.conv.weight")
    stages = _numbers(half, rf"{encoder}\.model\.(\d+)\.conv\.weight")
    blocks = _numbers(half, rf"{encoder}\.model\.{stages}\.model\.(\d+)\.model\.0\.conv\.weight")
    slope = f"{encoder}.model.0.activation.weight" in half
    return {
        "width": first[0],
        "channels": first[1],
        "downsample": stages - 1,
        "blocks": blocks,
        "activation": "prelu" if slope else "relu",
    }


def discriminator_options(half: Half) -> dict[str, Any]:
    """Options of the discriminator with these keys and shapes, and its input's `channels`.

    Instance norm leaves no keys, unless the file is old: a discriminator that had it is taken for one without norm.
    """
    first = _shape(half, "cnns.0.0.conv.weight")
    second = {key.removeprefix("cnns.0.1.") for key in half if key.startswith("cnns.0.1.")}
    norm = "instance" if "norm.running_mean" in second else "none"
    for key, name in {"norm.weight": "batch", "norm.gamma": "layer", "conv.module.weight_bar": "spectral"}.items():
        norm = name if key in second else norm
    return {
        "d_width": first[0],
        "channels": first[1],
        "d_layers": _numbers(half, r"cnns\.0\.(\d+)\..*bias") - 1,
        "scales": _numbers(half, r"cnns\.(\d+)\.0\.conv\.weight"),
        "d_norm": norm,
        "d_activation": "prelu" if "cnns.0.0.activation.weight" in half else "lrelu",
    }


def _layers(network: nn.Module) -> Iterator[tuple[str, str]]:
    """(official name, our name) of every layer that may have keys."""
    for theirs, ours in _places(network):
        block = network.get_submodule(ours)
        if isinstance(block, ConvBlock):
            for part in ("conv", "norm", "activation"):
                yield f"{theirs}.{part}", f"{ours}.{part}"
        else:
            yield theirs, ours


def _places(network: nn.Module) -> Iterator[tuple[str, str]]:
    """(official name, our name) of every convolution block and of every layer outside of one."""
    parts: dict[str, str] = {}
    if isinstance(network, StyleGenerator):
        parts = {"enc_style": "style", "enc_content": "content", "dec": "decoder"}
        for number, index in enumerate((0, 2, 4)):
            yield f"mlp.model.{number}.fc", f"mlp.{index}"
            if index < 4:
                yield f"mlp.model.{number}.activation", f"mlp.{index + 1}"
    elif isinstance(network, LatentGenerator):
        parts = {"enc": "encoder", "dec": "decoder"}
    elif isinstance(network, MultiScaleDiscriminator):
        for number, scale in enumerate(network.scales):
            for name, _ in scale.get_submodule("body").named_children():
                yield f"cnns.{number}.{name}", f"scales.{number}.body.{name}"
    elif isinstance(network, (ContentEncoder, StyleEncoder)):
        for name, _ in network.down.named_children():
            yield f"model.{name}", f"down.{name}"
        if isinstance(network, ContentEncoder):
            yield from _blocks(network.blocks, f"model.{len(network.down)}")
        else:
            yield "model.6", "out"
    elif isinstance(network, Decoder):
        yield from _blocks(network.blocks, "model.0")
        for name, _ in network.up.named_children():
            yield f"model.{int(name) + 1}", f"up.{name}"
    for theirs, ours in parts.items():
        for inner_theirs, inner_ours in _places(network.get_submodule(ours)):
            yield f"{theirs}.{inner_theirs}", f"{ours}.{inner_ours}"


def _blocks(blocks: nn.Module, place: str) -> Iterator[tuple[str, str]]:
    for name, _ in blocks.named_children():
        yield f"{place}.model.{name}.model.0", f"blocks.{name}.first"
        yield f"{place}.model.{name}.model.1", f"blocks.{name}.second"


def _role(content: OfficialTensors, encoder: str) -> str | None:
    """What a file with the halves "a" and "b" holds, by the first key of a half."""
    keys = [key for key, _ in leaves(content)]
    if content.keys() != {"a", "b"} or any(isinstance(half, Tensor) for half in content.values()):
        return None
    if any(key.startswith(f"a.{encoder}.model.") for key in keys):
        return "generators"
    return "discriminators" if any(key.startswith("a.cnns.0.0.") for key in keys) else None


def _half(content: OfficialTensors, side: str, file: str) -> Half:
    half = dict(leaves({side: content[side]}))
    return {key.removeprefix(f"{side}."): value for key, value in half.items()}


def _shape(half: Half, key: str) -> torch.Size:
    if key not in half or half[key].dim() not in (2, 4):
        raise CheckpointError(f"{key} is missing, or no weight: the file is incomplete")
    return half[key].shape


def _numbers(half: Half, pattern: str) -> int:
    """How many numbers the keys have at a place."""
    return len({match[1] for key in half if (match := re.fullmatch(pattern, key))})


def _options(
    roles: Mapping[str, str],
    halves: Mapping[tuple[str, str], Half],
    kind: type[SharedOptions],
    describe: Callable[[Half], dict[str, Any]],
) -> Any:
    """The options on which all networks agree."""
    agreed: dict[str, Any] = {}
    for (role, side), half in halves.items():
        values = describe(half) if role == "generators" else discriminator_options(half)
        values[f"channels_{side}"] = values.pop("channels")
        for key, value in values.items():
            if agreed.setdefault(key, value) != value:
                raise CheckpointError(
                    f"{', '.join(roles.values())} do not belong to one model: {key} is {agreed[key]} and {value}"
                )
    try:
        return opt.restore(kind, agreed, where="the files")
    except UsageError as error:
        raise CheckpointError(f"{', '.join(roles.values())}: {error}") from error
