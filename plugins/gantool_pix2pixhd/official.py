"""Official pix2pixHD checkpoints (NVIDIA/pix2pixHD): their keys as ours, options from their shapes.

One file holds one network: latest_net_G.pth, latest_net_D.pth, latest_net_E.pth. Which it is, its keys say.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from gantool.errors import CheckpointError
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.table import (
    Found,
    Names,
    Part,
    Tensors,
    Values,
    agreed,
    imported,
    in_sequence,
    networks,
    no_generator,
    once,
    places,
)
from gantool.networks.multiscale import MultiScaleDiscriminator
from gantool_pix2pixhd import Pix2PixHD
from gantool_pix2pixhd.networks import Encoder, Generator


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The networks in these files; None if one of them holds no network of pix2pixHD.

    A generator alone that could as well be CycleGAN's (two halvings, plain pictures) is left to that. Whether a file
    was trained with instance maps, its shapes do not say: with label maps it is assumed, as it is the authors' default.
    Raises CheckpointError for files that contradict each other, or lack keys or a generator.
    """
    found = networks(files, {"G": generator, "D": discriminator, "E": encoder})
    if found is None:
        return None
    roles = once((network.kind, network) for network in found)
    if "G" not in roles:
        raise no_generator(files, "latest_net_G.pth")
    g = roles["G"].values
    if len(roles) == 1 and g["down"] == 2 and not g["enhancers"] and g["inputs"] in (1, 3):
        return None
    values = _options(roles)
    return imported(
        Pix2PixHD,
        [Part(role.lower(), network.file, network.tensors) for role, network in roles.items()],
        values,
        names=names,
        domains=("label", "image") if values["label_nc"] else ("A", "B"),
        size=512,
    )


def names(network: nn.Module) -> Names:
    """The official names of a network's layers."""
    if isinstance(network, MultiScaleDiscriminator):
        return Names(_scales(network))
    if isinstance(network, Encoder):
        return Names(in_sequence(network, "model", ("stem", "down", "up", "head")))
    assert isinstance(network, Generator)
    stations = ("stem", "down", "blocks", "up")
    if not network.enhancers:
        return Names(in_sequence(network, "model", (*stations, "head")))
    heads = in_sequence(network, "model", stations)
    for number, enhancer in enumerate(network.enhancers):
        ours, theirs = f"enhancers.{number}.", f"model{number + 1}"
        heads |= in_sequence(enhancer, f"{theirs}_1", ("down",), ours)
        heads |= in_sequence(enhancer, f"{theirs}_2", ("blocks", "up"), ours)
    # The head follows the last enhancer's layers.
    first = sum(head.count(".") == 1 and head.startswith(f"{theirs}_2.") for head in heads)
    return Names(heads | {f"{theirs}_2.{first + i}": f"head.{i}" for i in range(3)})


def _scales(network: MultiScaleDiscriminator) -> dict[str, str]:
    """Files of a training without feature matching have a scale's layers in one sequence."""
    plain: dict[str, str] = {}
    usual: dict[str, str] = {}
    for number, scale in enumerate(network.scales):
        stages = scale.get_submodule("stages").named_children()
        layers = [(stage, name) for stage, layers in stages for name, _ in layers.named_children()]
        for place, (stage, name) in enumerate(layers):
            plain[f"layer{number}.{place}"] = f"scales.{number}.stages.{stage}.{name}"
            usual[f"scale{number}_layer{stage}.{name}"] = f"scales.{number}.stages.{stage}.{name}"
    return plain | usual


def generator(tensors: Tensors) -> Values | None:
    """What the generator with these tensors is; `inputs` are channels. None if it is none."""
    first = tensors.get("model.1.weight")
    inside = places(tensors, r"model\.(\d+)\.conv_block\.1\.weight")
    if first is None or tuple(first.shape[2:]) != (7, 7) or not inside or inside[0] % 3 != 1:
        return None
    down, enhancers = (inside[0] - 4) // 3, len(places(tensors, r"model(\d+)_1\.1\.weight"))
    local = len(places(tensors, r"model1_2\.(\d+)\.conv_block\.1\.weight"))
    head = f"model{enhancers}_2.{local + 4}" if enhancers else f"model.{5 + 6 * down + len(inside)}"
    last = tensors.get(f"{head}.weight")
    return {
        "width": first.shape[0],
        "down": down,
        "blocks": len(inside),
        "enhancers": enhancers,
        "norm": "batch" if "model.2.weight" in tensors else "instance",
        "inputs": first.shape[1],
        "channels_b": 3 if last is None else last.shape[0],
    } | ({"local_blocks": local} if enhancers else {})


def discriminator(tensors: Tensors) -> Values | None:
    """What the discriminators with these tensors are; `inputs` are channels. None if none."""
    stages = places(tensors, r"scale\d+_layer(\d+)\.0\.weight")
    scales = places(tensors, r"(?:scale|layer)(\d+)(?:_layer\d+\.0|\.\d+)\.weight")
    first = tensors.get("scale0_layer0.0.weight" if stages else "layer0.0.weight")
    if first is None or tuple(first.shape[2:]) != (4, 4):
        return None
    layers = stages[-1] - 1 if stages else (places(tensors, r"layer\d+\.(\d+)\.weight")[-1] - 2) // 3
    normed = "scale0_layer1.1.weight" if stages else "layer0.3.weight"
    return {
        "d_width": first.shape[0],
        "d_layers": layers,
        "scales": 1 + scales[-1],
        "norm": "batch" if normed in tensors else "instance",
        "inputs": first.shape[1],
    }


def encoder(tensors: Tensors) -> Values | None:
    """What the encoder with these tensors is; `inputs` are channels. None if it is none."""
    numbers = places((key for key, value in tensors.items() if value.dim() == 4), r"model\.(\d+)\.weight")
    seven = numbers and all(tuple(tensors[f"model.{k}.weight"].shape[2:]) == (7, 7) for k in (numbers[0], numbers[-1]))
    if not seven or numbers[0] != 1 or numbers[-1] % 6 != 5 or any("conv_block" in key for key in tensors):
        return None
    return {
        "e_width": tensors["model.1.weight"].shape[0],
        "e_down": (numbers[-1] - 5) // 6,
        "feature_nc": tensors[f"model.{numbers[-1]}.weight"].shape[0],
        "norm": "batch" if "model.2.weight" in tensors else "instance",
        "inputs": tensors["model.1.weight"].shape[1],
    }


def _options(roles: Mapping[str, Found]) -> Values:
    """The options on which all networks agree."""
    files = ", ".join(network.file for network in roles.values())
    values = agreed(((network.file, network.values) for network in roles.values()), but=("inputs",))
    taken = roles["G"].values["inputs"]
    features = values.get("feature_nc", 0)
    inputs = taken - features
    if "D" in roles:
        inputs = roles["D"].values["inputs"] - values["channels_b"]
        if inputs + features != taken and (features or inputs > taken):
            raise CheckpointError(
                f"{files} do not belong to one model: the generator takes {taken} channels, but the discriminators see"
                f" {inputs} of them and the encoder gives {features}"
            )
        features = taken - inputs
    if features:
        values["feature_nc"] = features
    if inputs in (1, 3) and not features:
        return values | {"label_nc": 0, "channels_a": inputs}
    return values | {"label_nc": inputs - 1, "instances": True, "features": "instance" if features else "none"}
