"""Official pix2pixHD checkpoints (NVIDIA/pix2pixHD): their keys as ours, options from their shapes.

One file holds one network: latest_net_G.pth, latest_net_D.pth, latest_net_E.pth. Which it is, its keys say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gantool import options as opt
from gantool.errors import CheckpointError, UsageError
from gantool.importing import keys
from gantool.importing.official import Imported, OfficialTensors
from gantool.networks.multiscale import MultiScaleDiscriminator
from gantool.spec import Direction
from gantool_pix2pixhd import Pix2PixHD, discriminator, encoder, generator
from gantool_pix2pixhd.networks import Encoder, Generator

_BLOCK = re.compile(r"model(?:(\d+)_2)?\.(\d+)\.conv_block\.1\.weight")
_LEVEL = re.compile(r"model(\d+)_1\.1\.weight")
_STAGE = re.compile(r"scale(\d+)_layer(\d+)\.0\.weight")
_LAYER = re.compile(r"layer(\d+)\.(\d+)\.weight")
_PLACE = re.compile(r"model\.(\d+)\.weight")

_Found = dict[str, Any]


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The networks in these files; None if one of them holds no network of pix2pixHD.

    A generator alone that could as well be CycleGAN's (two halvings, plain pictures) is left to that. Whether a file
    was trained with instance maps, its shapes do not say: with label maps it is assumed, as it is the authors' default.
    Raises CheckpointError for files that contradict each other, or lack keys or a generator.
    """
    networks: dict[str, tuple[str, dict[str, Tensor]]] = {}
    found: dict[str, _Found] = {}
    for file, content in files.items():
        flat = {key: value for key, value in content.items() if isinstance(value, Tensor)}
        kinds = {"g": generator_options(flat), "d": discriminator_options(flat), "e": encoder_options(flat)}
        name = next((name for name, values in kinds.items() if values is not None), None)
        if name is None:
            return None
        if name in networks:
            raise CheckpointError(f"{networks[name][0]} and {file} are networks of one kind: give each once")
        networks[name], found[name] = (file, flat), kinds[name] or {}
    if "g" not in found:
        raise CheckpointError(f"there is no generator in {', '.join(files)}: give latest_net_G.pth as well")
    alike = found["g"]["down"] == 2 and not found["g"]["enhancers"] and found["g"]["channels"] in (1, 3)
    if alike and len(found) == 1:
        return None
    options = _options(found, ", ".join(files))
    inputs = options.input_channels
    features = options.feature_nc if options.features != "none" else 0
    build: dict[str, Callable[[], nn.Module]] = {
        "g": lambda: generator(options, inputs + features),
        "d": lambda: discriminator(options, inputs + options.channels_b),
        "e": lambda: encoder(options),
    }
    tensors: dict[str, Tensor] = {}
    used: dict[tuple[str, str], str] = {}
    dropped: dict[tuple[str, str], str] = {}
    for name, (file, content) in networks.items():
        with torch.device("meta"):
            network = build[name]()
        names, unused = load(network, content, file)
        used |= {(file, key): f"{name}.{ours}" for key, ours in names.items()}
        dropped |= {(file, key): why for key, why in unused.items()}
        tensors |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
    domains = ("label", "image") if options.label_nc else ("A", "B")
    return Imported(
        options=options,
        spec=Pix2PixHD.data(options).spec(domains, 512),
        tensors=tensors,
        used=used,
        dropped=dropped,
        directions=(Direction(*domains),),
    )


def load(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> tuple[dict[str, str], dict[str, str]]:
    """Puts a network's official tensors into ours, see `gantool.importing.keys.load`."""
    return keys.load(network, official_prefixes(network, tensors), tensors, where)


def official_prefixes(network: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """What precedes `.weight` in the official keys of a network, and in ours. `tensors` tell the keys' form."""
    if isinstance(network, MultiScaleDiscriminator):
        return _discriminator_prefixes(network, plain=any(_LAYER.fullmatch(key) for key in tensors))
    assert isinstance(network, (Generator, Encoder))
    enhancers = list(network.enhancers) if isinstance(network, Generator) else []
    stations = ("stem", "down", "blocks", "up") if isinstance(network, Generator) else ("stem", "down", "up")
    prefixes = _numbered(network, "", "model", (*stations, *(() if enhancers else ("head",))))
    for number, enhancer in enumerate(enhancers):
        ours, theirs = f"enhancers.{number}.", f"model{number + 1}"
        prefixes |= _numbered(enhancer, ours, f"{theirs}_1", ("down",))
        prefixes |= _numbered(enhancer, ours, f"{theirs}_2", ("blocks", "up"))
    if enhancers:  # the head follows the last enhancer's layers
        first = sum(len(list(enhancers[-1].get_submodule(name).children())) for name in ("blocks", "up"))
        prefixes |= {f"model{len(enhancers)}_2.{first + i}": f"head.{i}" for i in range(3)}
    return prefixes


def _numbered(network: nn.Module, ours: str, theirs: str, stations: tuple[str, ...]) -> dict[str, str]:
    """The authors have the layers of all stations in one sequence."""
    prefixes: dict[str, str] = {}
    layers = [(f"{name}.{i}", layer) for name in stations for i, layer in network.get_submodule(name).named_children()]
    for place, (name, layer) in enumerate(layers):
        prefixes[f"{theirs}.{place}"] = ours + name
        if name.startswith("blocks."):
            body = layer.get_submodule("body").named_children()
            prefixes |= {f"{theirs}.{place}.conv_block.{i}": f"{ours}{name}.body.{i}" for i, _ in body}
    return prefixes


def _discriminator_prefixes(network: MultiScaleDiscriminator, plain: bool) -> dict[str, str]:
    """`plain` files (trained without feature matching) have a scale's layers in one sequence."""
    prefixes: dict[str, str] = {}
    for number, scale in enumerate(network.scales):
        place = 0
        for stage, layers in scale.get_submodule("stages").named_children():
            for layer, _ in layers.named_children():
                official = f"layer{number}.{place}" if plain else f"scale{number}_layer{stage}.{layer}"
                prefixes[official] = f"scales.{number}.stages.{stage}.{layer}"
                place += 1
    return prefixes


def generator_options(tensors: Mapping[str, Tensor]) -> _Found | None:
    """What the generator with these keys and shapes is; `channels` are those of its input. None if it is none."""
    first = tensors.get("model.1.weight")
    blocks = [m for key in tensors if (m := _BLOCK.fullmatch(key))]
    inside = sorted(int(m[2]) for m in blocks if m[1] is None)
    if first is None or tuple(first.shape[2:]) != (7, 7) or not inside or inside[0] % 3 != 1:
        return None
    down, enhancers = (inside[0] - 4) // 3, len([key for key in tensors if _LEVEL.fullmatch(key)])
    local = len([m for m in blocks if m[1] == "1"])
    last = tensors.get(
        f"model{enhancers}_2.{local + 4}.weight" if enhancers else f"model.{5 + 6 * down + len(inside)}.weight"
    )
    return {
        "width": first.shape[0],
        "down": down,
        "blocks": len(inside),
        "enhancers": enhancers,
        "norm": "batch" if "model.2.weight" in tensors else "instance",
        "channels": first.shape[1],
        "channels_b": 3 if last is None else last.shape[0],
    } | ({"local_blocks": local} if enhancers else {})


def discriminator_options(tensors: Mapping[str, Tensor]) -> _Found | None:
    """What the discriminators with these keys and shapes are; `channels` are those of their input. None if none."""
    stages = [(int(m[1]), int(m[2])) for key in tensors if (m := _STAGE.fullmatch(key))]
    layers = [(int(m[1]), int(m[2])) for key, v in tensors.items() if (m := _LAYER.fullmatch(key)) and v.dim() == 4]
    first = tensors.get("scale0_layer0.0.weight" if stages else "layer0.0.weight")
    if first is None or tuple(first.shape[2:]) != (4, 4):
        return None
    depth = max(stage for _, stage in stages) - 1 if stages else (max(place for _, place in layers) - 2) // 3
    normed = "scale0_layer1.1.weight" if stages else "layer0.3.weight"
    return {
        "d_width": first.shape[0],
        "d_layers": depth,
        "scales": 1 + max(scale for scale, _ in stages or layers),
        "norm": "batch" if normed in tensors else "instance",
        "channels": first.shape[1],
    }


def encoder_options(tensors: Mapping[str, Tensor]) -> _Found | None:
    """What the encoder with these keys and shapes is; `channels` are those of its input. None if it is none."""
    places = sorted(int(m[1]) for key, v in tensors.items() if (m := _PLACE.fullmatch(key)) and v.dim() == 4)
    seven = places and all(tuple(tensors[f"model.{k}.weight"].shape[2:]) == (7, 7) for k in (places[0], places[-1]))
    if not seven or places[0] != 1 or places[-1] % 6 != 5 or any("conv_block" in key for key in tensors):
        return None
    return {
        "e_width": tensors["model.1.weight"].shape[0],
        "e_down": (places[-1] - 5) // 6,
        "feature_nc": tensors[f"model.{places[-1]}.weight"].shape[0],
        "norm": "batch" if "model.2.weight" in tensors else "instance",
        "channels": tensors["model.1.weight"].shape[1],
    }


def _options(found: Mapping[str, _Found], files: str) -> Pix2PixHD.Options:
    """The options on which all networks agree."""
    norms = {values["norm"] for values in found.values()}
    if len(norms) > 1:
        raise CheckpointError(f"{files} do not belong to one model: norm is {' and '.join(sorted(norms))}")
    g = found["g"]
    values = {key: value for part in found.values() for key, value in part.items() if key != "channels"}
    features = found["e"]["feature_nc"] if "e" in found else 0
    inputs = g["channels"] - features
    if "d" in found:
        inputs = found["d"]["channels"] - g["channels_b"]
        if inputs + features != g["channels"] and (features or inputs > g["channels"]):
            raise CheckpointError(
                f"{files} do not belong to one model: the generator takes {g['channels']} channels, but the"
                f" discriminators see {inputs} of them and the encoder gives {features}"
            )
        features = values["feature_nc"] = g["channels"] - inputs
    if not features:
        values.pop("feature_nc", None)
    if inputs in (1, 3) and not features:
        values |= {"label_nc": 0, "channels_a": inputs}
    else:
        values |= {"label_nc": inputs - 1, "instances": True, "features": "instance" if features else "none"}
    try:
        options: Pix2PixHD.Options = opt.restore(Pix2PixHD.Options, values, where="pix2pixhd")
    except UsageError as error:
        raise CheckpointError(f"{files}: {error}") from error
    return options
