"""Official BigGAN checkpoints (ajbrock/BigGAN-PyTorch): `G.pth`, `G_ema.pth` and `D.pth`, a bare state dict each.

Our networks have their keys. Options are read off keys and shapes; what the classes are called stands in no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
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
    networks,
    no_generator,
    places,
    same,
    shape,
)
from gantool_biggan import BigGAN
from gantool_biggan.attention import NARROWEST
from gantool_biggan.norms import BatchNorm
from gantool_biggan.spectral import Conv, Embedding, Linear

_OTHER_VECTORS = dict.fromkeys(f"{name}{i}" for name in ("u", "sv") for i in range(1, 10))
_TF_HUB_EPS = 1e-4


def names(network: nn.Module) -> Names:
    """The authors' keys. Norms that collected standing statistics have them one level down, and count passes; further
    singular vectors than the first were for their log."""
    nested = {f"{name}.bn": name for name, module in network.named_modules() if isinstance(module, BatchNorm)}
    leaves = {
        BatchNorm: {"accumulation_counter": None},
        **dict.fromkeys((Conv, Linear, Embedding), _OTHER_VECTORS),
    }
    return Names(nested | dict(same(network).heads), leaves)


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The generator, averaged or not, and the discriminator in these files; None if one of them holds neither.

    Raises CheckpointError for files that do not belong together or lack keys.
    """
    for file, content in files.items():
        if "optim" in file and set(content) == {"state"}:
            raise CheckpointError(f"{file} holds the state of an optimiser, not a network: leave it out")
    found = networks(files, {"G": of_generator, "D": of_discriminator})
    if found is None:
        return None
    averages = [network for network in found if network.kind == "G" and "ema" in network.file.lower()]
    trained = [network for network in found if network.kind == "G" and network not in averages]
    discriminators = [network for network in found if network.kind == "D"]
    for several in (averages, trained, discriminators):
        if len(several) > 1:
            raise CheckpointError(f"{several[0].file} and {several[1].file} hold the same network: give one of them")
    if not averages and not trained:
        raise no_generator(files, "G_ema.pth or G.pth")
    g = (averages or trained)[0]
    own = ("d_width", "wide")
    values = agreed([(network.file, network.values) for network in found], own)
    values["d_width"] = max(values["width"], NARROWEST)  # as the authors choose, where no file says
    values |= {key: value for network in discriminators for key, value in network.values.items() if key in own}
    size, classes = values.pop("size"), values.pop("classes")
    told = imported(
        BigGAN,
        [
            Part("g", g.file, _with_values(g)),
            *(Part("d", network.file, _with_values(network)) for network in discriminators),
        ],
        {**values, "classes": classes > 1},
        names=names,
        domains=tuple(f"class{number}" for number in range(classes)),
        size=size,
        dropped={
            (network.file, key): f"{g.file} has its average"
            for network in trained
            if network is not g
            for key in network.tensors
        },
    )
    # Tensors that were added here are no keys of a file.
    return replace(told, used={(file, key): ours for (file, key), ours in told.used.items() if key in files[file]})


def of_generator(tensors: Tensors) -> Values | None:
    """Options, size and classes of the generator with these tensors; None if it is none."""
    last = tensors.get("output_layer.0.gain")
    if last is None or "blocks.0.0.bn1.gain.weight" not in tensors or "linear.weight" not in tensors:
        return None
    deep = "blocks.0.0.conv4.weight" in tensors
    blocks = len(places(tensors, r"blocks\.(\d+)\.0\.conv1\.weight")) // (2 if deep else 1)
    sizes = {3: 32, 4: 64, 5: 128, 6: 256, 7: 512}
    if blocks not in sizes:
        raise CheckpointError(f"a BigGAN generator of {blocks} blocks is of no size that is known")
    size = sizes[blocks]
    gain = shape(tensors, "blocks.0.0.bn1.gain.weight", "the generator")
    shared = tensors.get("shared.weight")
    first = shape(tensors, "linear.weight", "the generator")[1]
    part = 0 if shared is None or deep else gain[1] - shared.shape[1]
    attention = places(tensors, r"blocks\.(\d+)\.1\.gamma")
    return {
        "channels": shape(tensors, "output_layer.2.weight", "the generator")[0],
        "width": len(last) // {32: 4, 64: 2}.get(size, 1),
        "latent": part * (blocks + 1) or first - (shared.shape[1] if deep and shared is not None else 0),
        "shared": 0 if shared is None else shared.shape[1],
        "hierarchical": bool(part),
        "attention": tuple(8 * 2 ** (i // 2 if deep else i) for i in attention),
        "deep": deep,
        "spectral": "linear.u0" in tensors,
        "classes": (gain if shared is None else shared.shape)[0],
        "size": size,
        # Generators that were converted from TF-Hub's have no singular values; theirs are other constants.
        **(
            {"bn_eps": _TF_HUB_EPS, "sn_eps": _TF_HUB_EPS}
            if "linear.u0" in tensors and "linear.sv0" not in tensors
            else {}
        ),
    }


def of_discriminator(tensors: Tensors) -> Values | None:
    """Options, size and classes of the discriminator with these tensors; None if it is none."""
    if "embed.weight" not in tensors or "blocks.0.0.conv1.weight" not in tensors:
        return None
    deep = "input_conv.weight" in tensors
    blocks = len(places(tensors, r"blocks\.(\d+)\.0\.conv1\.weight")) + deep
    sizes = {4: 32, 5: 64, 6: 128, 7: 256, 8: 512}
    if blocks not in sizes:
        raise CheckpointError(f"a BigGAN discriminator of {blocks} blocks is of no size that is known")
    size = sizes[blocks]
    first = shape(tensors, "input_conv.weight" if deep else "blocks.0.0.conv1.weight", "the discriminator")
    classes, widest = shape(tensors, "embed.weight", "the discriminator")
    found = places(tensors, rf"blocks\.(\d+)\.{2 if deep else 1}\.gamma")
    halved = {16} if size == 32 and found else {size // 2 ** (i + 1) for i in found}
    return {
        "channels": first[1],
        "d_width": widest // (4 if size == 32 else 16),
        "wide": deep or first[0] == shape(tensors, "blocks.0.0.conv2.weight", "the discriminator")[0],
        "attention": tuple(sorted(halved)),
        "deep": deep,
        "classes": classes,
        "size": size,
    }


def _with_values(network: Found) -> Tensors:
    """The tensors, with the singular values that converted files lack: they are there to be looked at."""
    missing = {
        key.removesuffix("u0") + "sv0": torch.ones(1)
        for key in network.tensors
        if key.endswith(".u0") and key.removesuffix("u0") + "sv0" not in network.tensors
    }
    return {**network.tensors, **missing}
