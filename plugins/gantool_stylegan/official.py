"""The authors' files, and those of the port whose files are the most common (rosinality/stylegan2-pytorch).

- NVlabs/stylegan2-ada-pytorch and later: `network-snapshot-NNNNNN.pkl`, modules G_ema, G and D (version 2);
- NVlabs/stylegan and stylegan2: pickles of TensorFlow's G, D and Gs;
- rosinality/stylegan2-pytorch: `NNNNNN.pt`, tables g_ema, g and d (version 2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from gantool.errors import CheckpointError
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.reading import leaves
from gantool.importing.table import Part, Tensors, agreed, from_tensorflow, imported, inside, shape
from gantool_stylegan import StyleGAN

Renamed = dict[str, tuple[str, Tensor]]
"""Theirs -> (ours, the tensor in our order)."""

_AVERAGE, _D = ("G_ema", "Gs", "g_ema"), ("D", "d")
_G = ("G", "g")
_NVIDIA = "for files of NVIDIA: NVIDIA Source Code License, non-commercial use only"
_NVIDIA_1 = "for files of NVIDIA: CC BY-NC 4.0, non-commercial use only"
_FILTER = "a filter, which is always the same"
_BUILT = "says how the network is built"
_OTHERS = "the averaged generator is taken"
_GROWN = "how far growing had come"
_REST = "only further training with the authors' program needs it"


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The networks of one file; None if there are none of StyleGAN.

    Raises CheckpointError for several files, for networks that do not belong together or lack keys, and for those of
    rosinality/style-based-gan-pytorch, whose mathematics is another.
    """
    if len(files) != 1:
        return None
    ((file, content),) = files.items()
    networks = inside(content)
    if any(key.startswith(("generator.progression.", "progression.")) for key, _ in leaves(content)):
        raise CheckpointError(
            f"{file} is of rosinality/style-based-gan-pytorch, whose layers compute something else than StyleGAN's:"
            " gantool reads NVIDIA's own pickles of version 1"
        )
    g = next((name for name in (*_AVERAGE, *_G) if _is_generator(networks.get(name, {}))), None)
    if g is None:
        return None
    if isinstance(mean := content.get("latent_avg"), Tensor):  # the port keeps it beside its networks
        networks[g] = {**networks[g], "latent_avg": mean}
    d = next((name for name in _D if name in networks), None)
    readings = {name: _read(networks[name], f"{file}: {name}") for name in (g, d) if name is not None}
    values = agreed((f"{file}: {name}", reading.values) for name, reading in readings.items())
    size = values.pop("size")
    classes = values.pop("classes")
    parts = [
        Part("g" if name == g else "d", file, dict(reading.found.values()), name) for name, reading in readings.items()
    ]
    made = imported(
        StyleGAN,
        parts,
        {**values, "classes": classes > 0, "augment": "none"},
        domains=tuple(f"class{number}" for number in range(classes)) if classes else ("pictures",),
        size=size,
        licence=next(iter(readings.values())).licence,
    )
    used = {
        (file, theirs if theirs == "latent_avg" else f"{name}.{theirs}"): f"{'g' if name == g else 'd'}.{ours}"
        for name, reading in readings.items()
        for theirs, (ours, _) in reading.found.items()
    }
    dropped = {
        (file, f"{name}.{key}"): why for name, reading in readings.items() for key, why in reading.dropped.items()
    }
    for key, _ in leaves(content):
        if (file, key) not in used and (file, key) not in dropped:
            dropped[file, key] = _OTHERS if key.partition(".")[0] in (*_AVERAGE, *_G) else _REST
    return replace(made, used=used, dropped=dropped)


@dataclass(frozen=True, eq=False)
class _Reading:
    """One network, by our names."""

    values: dict[str, Any]
    found: Renamed
    dropped: dict[str, str]
    licence: str


def _is_generator(tensors: Tensors) -> bool:
    marks = ("synthesis.b4.const", "synthesis/4x4/Const/const", "input.input")
    return any(mark in tensors for mark in marks)


def _read(tensors: Tensors, where: str) -> _Reading:
    if any(key.endswith("/mod_weight") or key == "Output/weight" for key in tensors):
        unused = {key: _GROWN for key in tensors if key.rpartition("/")[2] == "lod"}
        known = of_stylegan2_in_tensorflow({key: value for key, value in tensors.items() if key not in unused}, where)
        return _Reading(_values(dict(known.values()), {}, where), known, unused, _NVIDIA)
    if any("/" in key for key in tensors):
        return _of_version_1(tensors, where)
    if any(key.startswith(("convs.", "conv1.", "style.")) for key in tensors):
        known = of_rosinality(tensors)
        dropped = {key: _FILTER for key in tensors if key.endswith(".kernel")}
        return _Reading(_values(dict(known.values()), {}, where), known, dropped, "")
    built = {key: float(value) for key, value in tensors.items() if key.startswith("init_kwargs.")}
    filters = {key: value for key, value in tensors.items() if key.endswith(".resample_filter")}
    line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    usual = line.outer(line)
    if odd := [k for k, value in filters.items() if value.shape != usual.shape or not torch.allclose(value, usual)]:
        raise CheckpointError(f"{where}: {odd[0]} is another filter than that of StyleGAN2")
    own = {key: value for key, value in tensors.items() if key not in built and key not in filters}
    dropped = dict.fromkeys(built, _BUILT) | dict.fromkeys(filters, _FILTER)
    return _Reading(_values(own, built, where), {key: (key, own[key]) for key in own}, dropped, _NVIDIA)


def _values(own: Tensors, built: Mapping[str, float], where: str) -> dict[str, Any]:
    """What our keys and shapes tell of a network of version 2, and the authors' numbers beside it."""
    generates = "synthesis.b4.const" in own
    head = "synthesis." if generates else ""
    layer = "conv1" if generates else "conv0"
    widths = {int(m[1]): len(own[key]) for key in own if (m := re.fullmatch(rf"{head}b(\d+)\.{layer}\.weight", key))}
    if not widths:
        raise CheckpointError(f"{where} lacks {head}b8.{layer}.weight: is it cut short?")
    most = len(own["synthesis.b4.const"]) if generates else shape(own, "b4.fc.weight", where)[0]
    values: dict[str, Any] = {
        "size": max(widths),
        "version": 2,
        "channel_max": most,
        "channel_base": _base(widths, most),
    }
    values["clamp"] = max((built[key] for key in built if key.endswith("conv_clamp")), default=0.0)
    layers = sum(re.fullmatch(r"mapping\.fc\d+\.weight", key) is not None for key in own)
    embedded = shape(own, "mapping.embed.weight", where) if "mapping.embed.weight" in own else None
    values["classes"] = embedded[1] if embedded else 0
    if any(key.endswith("lr_multiplier") and abs(built[key] - 0.01) > 1e-6 for key in built):
        raise CheckpointError(f"{where}: its mapping learns at another rate than 0.01 of the others'")
    if generates:
        values["style"] = shape(own, "synthesis.b4.conv1.affine.weight", where)[1]
        inside = shape(own, "mapping.fc0.weight", where)[1]
        values |= {"latent": inside - (embedded[0] if embedded else 0), "mapping_layers": layers}
        values["channels"] = shape(own, f"synthesis.b{max(widths)}.torgb.weight", where)[0]
        values["connections"] = _connections(own, "synthesis.b4.torgb.weight")
        return values
    values["channels"] = shape(own, f"b{max(widths)}.fromrgb.weight", where)[1]
    values["d_connections"] = _connections(own, "b4.fromrgb.weight")
    values["group"] = int(max((built[key] for key in built if key.endswith("mbstd_group_size")), default=4))
    return values | ({"d_mapping_layers": layers} if embedded else {})


def _connections(own: Tensors, at_all_sizes: str) -> str:
    if at_all_sizes in own:
        return "skip"
    return "resnet" if any(key.endswith("skip.weight") for key in own) else "orig"


def _base(widths: Mapping[int, int], most: int) -> int:
    """Channels are this divided by the side, and `most` at most."""
    return max(side * width for side, width in widths.items() if width < most or side == max(widths))


# Version 1


def _of_version_1(tensors: Tensors, where: str) -> _Reading:
    generates = "synthesis/4x4/Const/const" in tensors
    pattern = r"synthesis/(\d+)x\1/Conv1/weight" if generates else r"(\d+)x\1/Conv0/weight"
    widths = {
        int(m[1]): shape(tensors, key, where)[3 if generates else 2]
        for key in tensors
        if (m := re.fullmatch(pattern, key))
    }
    if not widths:
        raise CheckpointError(f"{where} holds no network of StyleGAN (version 1)")
    size = max(widths)
    unused = {key: _GROWN for key in tensors if key.rpartition("/")[2] == "lod"}
    known = of_tensorflow({key: value for key, value in tensors.items() if key not in unused}, size)
    values: dict[str, Any] = {"version": 1, "size": size}
    if generates:
        most = shape(tensors, "synthesis/4x4/Const/const", where)[1]
        values["classes"] = len(tensors["mapping/LabelConcat/weight"]) if "mapping/LabelConcat/weight" in tensors else 0
        dense = [key for key in tensors if re.fullmatch(r"mapping/Dense\d+/weight", key)]
        values |= {
            "mapping_layers": len(dense),
            "style": shape(tensors, "synthesis/4x4/Conv/StyleMod/weight", where)[0],
        }
        values["latent"] = shape(tensors, "mapping/Dense0/weight", where)[0] // (2 if values["classes"] else 1)
        values["channels"] = shape(tensors, "synthesis/ToRGB_lod0/weight", where)[3]
    else:
        most = shape(tensors, "4x4/Dense0/weight", where)[1]
        outputs = shape(tensors, "4x4/Dense1/weight", where)[1]
        values["classes"] = outputs if outputs > 1 else 0
        values["channels"] = shape(tensors, "FromRGB_lod0/weight", where)[2]
    values |= {"channel_max": most, "channel_base": _base(widths, most)}
    return _Reading(values, known, unused, _NVIDIA_1)


_LAYERS = {
    "Const": "conv0",
    "Dense": "conv0",
    "Conv": "conv1",
    "Conv0_up": "conv0",
    "Conv1": "conv1",
    "Conv0": "conv0",
    "Conv1_down": "conv1",
    "Dense0": "fc",
    "Dense1": "out",
}
_LEAVES = {"Noise/weight": "noise_strength", "StyleMod/weight": "affine.weight", "StyleMod/bias": "affine.bias"}


def of_tensorflow(tensors: Tensors, size: int) -> Renamed:
    """A network of version 1 as the authors' pickles have it: their variables in our order, by our names."""
    return {key: _variable(key, value, size) for key, value in tensors.items()}


def _variable(key: str, value: Tensor, size: int) -> tuple[str, Tensor]:
    if key == "dlatent_avg":
        return "mapping.w_avg", value
    if key == "mapping/LabelConcat/weight":
        return "mapping.label", value
    if match := re.fullmatch(r"mapping/Dense(\d+)/(\w+)", key):
        return f"mapping.fc{match[1]}.{match[2]}", from_tensorflow(value)
    if match := re.fullmatch(r"synthesis/noise(\d+)", key):
        number = int(match[1])
        return f"synthesis.b{4 * 2 ** (number // 2)}.conv{number % 2}.noise_const", value[0, 0]
    if match := re.fullmatch(r"(synthesis/To|From)RGB_lod(\d+)/(\w+)", key):
        block = f"b{size >> int(match[2])}"
        name = f"synthesis.{block}.torgb" if key.startswith("synthesis") else f"{block}.fromrgb"
        return f"{name}.{match[3]}", from_tensorflow(value)
    if key == "synthesis/4x4/Const/const":
        return "synthesis.b4.const", value[0]
    if key == "synthesis/4x4/Dense/weight":
        return "synthesis.b4.dense", from_tensorflow(value)
    match = re.fullmatch(r"(synthesis/)?(\d+)x\2/(\w+)/(.+)", key)
    if match is None or match[3] not in _LAYERS:
        raise CheckpointError(f"StyleGAN (version 1) has no variable {key}")
    layer = "conv" if match[3] == "Conv" and not match[1] else _LAYERS[match[3]]
    head = "synthesis." if match[1] else ""
    return f"{head}b{match[2]}.{layer}.{_LEAVES.get(match[4], match[4])}", from_tensorflow(value)


# Version 2 in TensorFlow

_LEAVES_2 = {"mod_weight": "affine.weight", "mod_bias": "affine.bias"}
_LAYERS_2 = {**_LAYERS, "Skip": "skip", "ToRGB": "torgb", "FromRGB": "fromrgb"}


def of_stylegan2_in_tensorflow(tensors: Tensors, where: str) -> Renamed:
    """A network of version 2 as TensorFlow's pickles have it: their variables in our order, by our names.

    Raises CheckpointError for one of classes: its labels are mapped in another way.
    """
    return {key: _variable_2(key, value, where) for key, value in tensors.items()}


def _variable_2(key: str, value: Tensor, where: str) -> tuple[str, Tensor]:
    if key == "dlatent_avg":
        return "mapping.w_avg", value
    if match := re.fullmatch(r"mapping/Dense(\d+)/(weight|bias)", key):
        return f"mapping.fc{match[1]}.{match[2]}", from_tensorflow(value)
    if match := re.fullmatch(r"synthesis/noise(\d+)", key):
        number = int(match[1]) + 1  # a layer less at 4 pixels than version 1
        return f"synthesis.b{4 << number // 2}.conv{number % 2}.noise_const", value[0, 0]
    if key == "synthesis/4x4/Const/const":
        return "synthesis.b4.const", value[0]
    if match := re.fullmatch(r"Output/(weight|bias)", key):
        return f"b4.out.{match[1]}", from_tensorflow(value)
    match = re.fullmatch(r"(synthesis/)?(\d+)x\2/(\w+)/(\w+)", key)
    if match is None or match[3] not in _LAYERS_2:
        raise CheckpointError(f"{where}: gantool does not read {key} of TensorFlow's StyleGAN2")
    layer = "conv" if match[3] == "Conv" and not match[1] else _LAYERS_2[match[3]]
    value = from_tensorflow(value)
    if match[3] in ("Conv0_up", "Skip") and match[4] == "weight":
        value = value.flip(2, 3)  # a convolution there, a correlation here
    if match[4] == "mod_bias":
        value = value + 1
    head = "synthesis." if match[1] else ""
    return f"{head}b{match[2]}.{layer}.{_LEAVES_2.get(match[4], match[4])}", value


# rosinality/stylegan2-pytorch


def of_rosinality(tensors: Tensors) -> Renamed:
    """A network of the port by our names. `kernel` buffers are constants, and left out."""
    found: Renamed = {}
    for key, value in tensors.items():
        if key.endswith(".kernel"):
            continue
        renamed = _generator_key(key) if "input.input" in tensors else _discriminator_key(key, _blocks(tensors))
        if renamed is None:
            raise CheckpointError(f"rosinality/stylegan2-pytorch has no {key}")
        found[key] = (renamed, _as_ours(renamed, value))
    return found


def _as_ours(ours: str, value: Tensor) -> Tensor:
    if ours.endswith("noise_strength"):
        return value.reshape(())
    if ours.endswith("noise_const"):
        return value[0, 0]
    if ours.endswith("const") or (value.dim() == 5 and ours.endswith("weight")):
        return value[0]
    return value.flatten() if ours.endswith("torgb.bias") else value


_OF_A_LAYER = {
    "conv.weight": "weight",
    "conv.modulation.weight": "affine.weight",
    "conv.modulation.bias": "affine.bias",
    "activate.bias": "bias",
    "bias": "bias",
    "noise.weight": "noise_strength",
}


def _generator_key(key: str) -> str | None:
    if key == "input.input":
        return "synthesis.b4.const"
    if key == "latent_avg":
        return "mapping.w_avg"
    if match := re.fullmatch(r"style\.(\d+)\.(weight|bias)", key):
        return f"mapping.fc{int(match[1]) - 1}.{match[2]}"
    if match := re.fullmatch(r"noises\.noise_(\d+)", key):
        return f"synthesis.{_styled(int(match[1]) - 1)}.noise_const"
    match = re.fullmatch(r"(conv1|to_rgb1|(?:convs|to_rgbs)\.\d+)\.(.+)", key)
    leaf = _OF_A_LAYER.get(match[2]) if match else None
    if match is None or leaf is None:
        return None
    name, _, number = match[1].partition(".")
    if name.startswith("to_rgb"):
        return f"synthesis.b{8 << int(number) if number else 4}.torgb.{leaf}"
    return f"synthesis.{_styled(int(number) if number else -1)}.{leaf}"


def _styled(number: int) -> str:
    """The layer of `convs.{number}`; -1 for the first, which stands apart."""
    return "b4.conv1" if number < 0 else f"b{8 << number // 2}.conv{number % 2}"


def _blocks(keys: Iterable[str]) -> int:
    return len({key.split(".")[1] for key in keys if re.match(r"convs\.\d+\.conv1\.", key)})


_LAST = {
    "final_conv.0.weight": "b4.conv.weight",
    "final_conv.1.bias": "b4.conv.bias",
    "final_linear.0.weight": "b4.fc.weight",
    "final_linear.0.bias": "b4.fc.bias",
    "final_linear.1.weight": "b4.out.weight",
    "final_linear.1.bias": "b4.out.bias",
}
_OF_A_BLOCK = {
    "0.weight": "fromrgb.weight",
    "1.bias": "fromrgb.bias",
    "conv1.0.weight": "conv0.weight",
    "conv1.1.bias": "conv0.bias",
    "conv2.1.weight": "conv1.weight",
    "conv2.2.bias": "conv1.bias",
    "skip.1.weight": "skip.weight",
}


def _discriminator_key(key: str, blocks: int) -> str | None:
    match = re.fullmatch(r"convs\.(\d+)\.(.+)", key)
    if match is None:
        return _LAST.get(key)
    leaf = _OF_A_BLOCK.get(match[2])
    # The first of `convs` reads the picture, for the first block.
    return f"b{(4 << blocks) >> max(int(match[1]) - 1, 0)}.{leaf}" if leaf else None
