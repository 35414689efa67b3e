"""Official networks that several models share: those of junyanz/pytorch-CycleGAN-and-pix2pix.

The names of their keys, and what their shapes tell; `inputs` and `outputs` are channels.
"""

from __future__ import annotations

from torch import nn

from gantool.importing.table import Names, Tensors, Values, in_sequence, places
from gantool.networks.patchgan import PatchDiscriminator
from gantool.networks.resnet import ResnetGenerator
from gantool.networks.unet import UnetGenerator

BLUR_FILTER = ".filt"
"""How the keys of blur filters end."""


def names(network: nn.Module) -> Names:
    """The official names of a generator's or discriminator's layers."""
    if isinstance(network, UnetGenerator):
        return Names(_unet(network))
    if isinstance(network, ResnetGenerator):
        return Names(in_sequence(network, "model", ("stem", "down", "blocks", "up", "head")))
    return Names(in_sequence(network, "model" if isinstance(network, PatchDiscriminator) else "net", ("body",)))


def _unet(network: UnetGenerator) -> dict[str, str]:
    """Each level of the authors' U-Net holds the next deeper one: way down, deeper level, way up."""
    deepest = len(network.down) - 1
    heads = {"model.model.0": "down.0"}
    for level in range(deepest + 1):
        inside = "model.model.1.model." + "3.model." * (level - 1) if level else "model.model."
        if level:
            heads |= {f"{inside}{i}": f"down.{level}.{i}" for i in range(3)}
        first_up = 4 if 0 < level < deepest else 2
        heads |= {f"{inside}{first_up + i}": f"up.{level}.{i}" for i in range(3)}
    return heads


def generator(tensors: Tensors) -> Values | None:
    """Options of the generator with these tensors; None if it is none."""
    if blurs(tensors):
        return None
    first, last = tensors.get("model.model.0.weight"), tensors.get("model.model.3.weight")
    if first is not None and last is not None and first.dim() == last.dim() == 4:
        return {
            "generator": "unet",
            "width": first.shape[0],
            "depth": 2 + max(key.count("3.model.") for key in tensors),
            "norm": _norm(tensors, "model.model.1.model.1", "model.model.1.model.2"),
            "inputs": first.shape[1],
            "outputs": last.shape[1],
        }
    first = tensors.get("model.1.weight")
    convolutions = [key for key, value in tensors.items() if value.dim() == 4]
    numbers = places(convolutions, r"model\.(\d+)\.conv_block\.\d+\.weight")
    if first is None or tuple(first.shape[2:]) != (7, 7) or not numbers or numbers[0] != 10:
        return None
    blocks = numbers[-1] - 9
    last = tensors.get(f"model.{17 + blocks}.weight")
    inside = places(convolutions, r"model\.\d+\.conv_block\.(\d+)\.weight")  # padding layers and dropout move them
    return {
        "generator": "resnet",
        "width": first.shape[0],
        "blocks": blocks,
        "norm": _norm(tensors, "model.1", "model.2"),
        "padding": "zero" if 0 in inside else "reflect",
        "dropout": (4 if 0 in inside else 6) in inside,
        "inputs": first.shape[1],
        "outputs": first.shape[1] if last is None else last.shape[0],
    }


def discriminator(tensors: Tensors) -> Values | None:
    """Options of the discriminator with these tensors; None if it is none."""
    if blurs(tensors):
        return None
    first = tensors.get("net.0.weight")
    if first is not None and tuple(first.shape[2:]) == (1, 1):
        norm = _norm(tensors, "net.2", "net.3")
        return {"discriminator": "pixel", "d_width": first.shape[0], "norm": norm, "inputs": first.shape[1]}
    first = tensors.get("model.0.weight")
    if first is None or tuple(first.shape[2:]) != (4, 4):
        return None
    return {
        "discriminator": "patch",
        "d_width": first.shape[0],
        "d_layers": (places(tensors, r"model\.(\d+)\.weight")[-1] - 2) // 3,
        "norm": _norm(tensors, "model.2", "model.3"),
        "inputs": first.shape[1],
    }


def blurs(tensors: Tensors) -> bool:
    """Whether there are blur filters among the layers: the same networks otherwise, but others' (CUT's)."""
    return any(key.endswith(BLUR_FILTER) for key in tensors)


def _norm(tensors: Tensors, convolution: str, norm: str) -> str:
    if f"{norm}.weight" in tensors:
        return "batch"
    return "instance" if f"{convolution}.bias" in tensors else "none"
