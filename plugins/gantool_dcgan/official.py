"""State dicts of PyTorch's DCGAN example (pytorch/examples): `netG_epoch_N.pth` and `netD_epoch_N.pth`.

Our networks have their keys. Sizes, widths and channels are read off the shapes.
"""

from __future__ import annotations

from collections.abc import Mapping

from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.table import Part, Tensors, Values, generator_and_discriminator, imported, places
from gantool_dcgan import DCGAN


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The generator and the discriminator in these files; None if one of them holds neither.

    Raises CheckpointError for files that do not belong together or lack keys.
    """
    found = generator_and_discriminator(files, generator, discriminator, "netG_epoch_N.pth")
    if found is None:
        return None
    roles, values = found
    return imported(
        DCGAN,
        [Part(role.lower(), network.file, network.tensors) for role, network in roles.items()],
        {key: value for key, value in values.items() if key != "size"},
        domains=("pictures",),
        size=values["size"],
    )


def generator(tensors: Tensors) -> Values | None:
    """Options and size of the generator with these tensors; None if it is none."""
    layers = _layers(tensors)
    if len(layers) < 2 or layers != list(range(0, 3 * len(layers), 3)) or "main.1.bias" not in tensors:
        return None
    first, last = tensors["main.0.weight"], tensors[f"main.{layers[-1]}.weight"]
    values = {"latent": first.shape[0], "width": last.shape[0], "channels": last.shape[1]}
    return values | {"size": 2 ** (len(layers) + 1)}


def discriminator(tensors: Tensors) -> Values | None:
    """Options and size of the discriminator with these tensors; None if it is none."""
    layers = _layers(tensors)
    if len(layers) < 2 or layers != [0, *range(2, 3 * len(layers) - 1, 3)]:
        return None
    first, last = tensors["main.0.weight"], tensors[f"main.{layers[-1]}.weight"]
    if last.shape[0] != 1:
        return None
    return {"d_width": first.shape[0], "channels": first.shape[1], "size": 2 ** (len(layers) + 1)}


def _layers(tensors: Tensors) -> list[int]:
    """The numbers of the layers that are convolutions of 4x4."""
    convolutions = {key for key, value in tensors.items() if value.dim() == 4 and tuple(value.shape[2:]) == (4, 4)}
    return places(convolutions, r"main\.(\d+)\.weight")
