"""State dicts of the WGAN authors' networks (martinarjovsky/WassersteinGAN): `netG_epoch_N.pth`, `netD_epoch_N.pth`.

All that their `generator_config.json` says is read off the keys and shapes. Their critic scores fakes higher than
pictures; ours pictures higher than fakes: the sign of its last layer is turned.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt

from torch import Tensor, nn

from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.table import (
    Names,
    Part,
    Tensors,
    Values,
    generator_and_discriminator,
    imported,
    places,
    same,
)
from gantool.networks.dcgan import DCDiscriminator, DCGenerator
from gantool_wgan import WGAN

_CLIPPED = {"constraint": "clip", "optimizer": "rmsprop", "lr": 5e-5, "early_critic": 100}
"""How the authors train."""


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The generator and the critic in these files; None if one of them holds neither.

    Raises CheckpointError for files that do not belong together or lack keys.
    """
    found = generator_and_discriminator(files, generator, critic, "netG_epoch_N.pth")
    if found is None:
        return None
    roles, values = found
    tensors = {role: turned(network.tensors) if role == "D" else network.tensors for role, network in roles.items()}
    return imported(
        WGAN,
        [Part(role.lower(), network.file, tensors[role]) for role, network in roles.items()],
        {"d_norm": "batch", **_CLIPPED, **{key: value for key, value in values.items() if key != "size"}},
        names=names,
        domains=("pictures",),
        size=values["size"],
    )


def generator(tensors: Tensors) -> Values | None:
    """Options and size of the generator with these tensors; None if it is none."""
    first, last = _weight(tensors, "initial", "convt"), _weight(tensors, "final", "convt")
    if first is None or last is None:
        return _dense(tensors, critic=False)
    normed = any("batchnorm" in key for key in tensors)
    return {
        "network": "dcgan",
        "latent": first.shape[0],
        "width": last.shape[0],
        "channels": last.shape[1],
        "norm": "batch" if normed else "none",
        **_extra(tensors),
        "size": _size(tensors, "convt"),
    }


def critic(tensors: Tensors) -> Values | None:
    """Options and size of the critic with these tensors; None if it is none."""
    first, last = _weight(tensors, "initial", "conv"), _weight(tensors, "final", "conv")
    if first is None or last is None:
        return _dense(tensors, critic=True)
    normed = any("batchnorm" in key for key in tensors)
    return {
        "network": "dcgan",
        "d_width": first.shape[0],
        "channels": first.shape[1],
        "d_norm": "batch" if normed else "none",
        **_extra(tensors),
        "size": _size(tensors, "conv"),
    }


def turned(tensors: Tensors) -> dict[str, Tensor]:
    """A critic's tensors with the sign of the last layer turned."""
    last = ("main.final:", "main.6.")
    return {key: -value if key.startswith(last) else value for key, value in tensors.items()}


def names(network: nn.Module) -> Names:
    """The authors' keys of the networks `dcgan`, by their layers' channels; others have ours."""
    if not isinstance(network, (DCGenerator, DCDiscriminator)):
        return same(network)
    convolutions = [(place, layer) for place, layer in enumerate(network.main) if hasattr(layer, "out_channels")]
    heads, extra = {}, 0
    for number, (place, layer) in enumerate(convolutions):
        assert isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))
        inside, outside = layer.in_channels, layer.out_channels
        kind = "convt" if isinstance(layer, nn.ConvTranspose2d) else "conv"
        norm = f"pyramid:{outside}"
        if layer.kernel_size == (3, 3):
            named = norm = f"extra-layers-{extra}:{outside}"
            extra += 1
        elif number == 0:
            named, norm = f"initial:{inside}-{outside}", f"initial:{outside}"
        else:
            named = f"{'final' if number == len(convolutions) - 1 else 'pyramid'}:{inside}-{outside}"
        heads[f"main.{named}:{kind}"] = f"main.{place}"
        heads[f"main.{norm}:batchnorm"] = f"main.{place + 1}"
    return Names(heads)


def _weight(tensors: Tensors, stage: str, kind: str) -> Tensor | None:
    """The weight of the only layer of this stage."""
    found = [v for k, v in tensors.items() if k.startswith(f"main.{stage}:") and k.endswith(f":{kind}.weight")]
    return found[0] if len(found) == 1 and found[0].dim() == 4 else None


def _extra(tensors: Tensors) -> Values:
    return {"extra": len(places(tensors, r"main\.extra-layers-(\d+):\d+:conv\.weight"))}


def _size(tensors: Tensors, kind: str) -> int:
    """The side of the pictures: 8 pixels, doubled by every stage of the pyramid."""
    stages = [key for key in tensors if key.startswith("main.pyramid:") and key.endswith(f":{kind}.weight")]
    return int(8 * 2 ** len(stages))


def _dense(tensors: Tensors, *, critic: bool) -> Values | None:
    """Those of a perceptron: pictures of one or three channels, whichever makes a square of their numbers."""
    layers = [tensors.get(f"main.{place}.weight") for place in (0, 2, 4, 6)]
    biases = {f"main.{place}.bias" for place in (0, 2, 4, 6)}
    if any(layer is None or layer.dim() != 2 for layer in layers) or not biases < tensors.keys() or len(tensors) != 8:
        return None
    first, last = layers[0], layers[3]
    assert first is not None
    assert last is not None
    if (last.shape[0] == 1) != critic:
        return None
    numbers = first.shape[1] if critic else last.shape[0]
    channels = 1 if isqrt(numbers) ** 2 == numbers else 3
    size = isqrt(numbers // channels)
    if channels * size**2 != numbers:
        return None
    own = {"d_width": first.shape[0]} if critic else {"width": first.shape[0], "latent": first.shape[1]}
    return {"network": "mlp", "channels": channels, "size": size, **own}
