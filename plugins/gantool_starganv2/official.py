"""Official StarGAN v2 checkpoints (clovaai/stargan-v2): one file holds all networks, by name. Our keys are theirs.

`NNNNNN_nets_ema.ckpt` has the averaged networks, `NNNNNN_nets.ckpt` the running ones and the discriminator, and
`wing.ckpt` the face network.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from math import log2

import torch

from gantool.errors import CheckpointError
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.table import Part, Tensors, Values, imported, inside, places, shape
from gantool_starganv2 import StarGANv2
from gantool_starganv2.networks import HighPass

TRANSLATION = ("generator", "mapping_network", "style_encoder")
"""The networks that every official file has."""
LICENCE = "CC BY-NC 4.0"
_FILTER = "hpf.filter"


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The networks of a `nets_ema` file, of a `nets` file, or of both: then averages come from the first, D from the
    second. None if the files are not StarGAN v2's. Raises CheckpointError for files that do not fit each other, or lack
    keys.
    """
    networks = {file: inside(content) for file, content in files.items()}
    if not all(_is_ours(found) for found in networks.values()):
        return None
    main = _main(networks)
    _require(TRANSLATION, networks[main], main)
    values, size, count = _options(networks[main], main)
    face = values["w_hpf"] > 0
    known = {*TRANSLATION, "discriminator", *(["fan"] if face else [])}
    _require(known - {"discriminator"}, networks[main], main)
    parts: list[Part] = []
    used: dict[tuple[str, str], str] = {}
    dropped: dict[tuple[str, str], str] = {}
    for file, found in networks.items():
        for name, tensors in found.items():
            if file != main and name != "discriminator":
                dropped |= {(file, f"{name}.{key}"): f"the averaged network of {main} is taken" for key in tensors}
            elif name == "fan" and not face:
                dropped |= {(file, f"fan.{key}"): "a face network, which these networks do not use" for key in tensors}
            elif name not in known:
                raise CheckpointError(f"{file} holds {name}, which is no network of StarGAN v2")
            else:
                parts.append(Part(name, file, {key: value for key, value in tensors.items() if key != _FILTER}, name))
                if _FILTER in tensors:
                    used[file, f"{name}.{_FILTER}"] = f"the option w_hpf, {values['w_hpf']:g}"
    return imported(
        StarGANv2,
        parts,
        values,
        domains=_names(count, face),
        size=size,
        used=used,
        dropped=dropped,
        licence=LICENCE,
    )


def _is_ours(found: Mapping[str, Tensors]) -> bool:
    return "from_rgb.weight" in found.get("generator", {}) and "shared.0.weight" in found.get("mapping_network", {})


def _require(names: Iterable[str], found: Collection[str], main: str) -> None:
    if absent := [name for name in names if name not in found]:
        raise CheckpointError(f"{main} lacks the network {absent[0]}: is the file whole?")


def _main(networks: Mapping[str, Collection[str]]) -> str:
    """The file of averaged networks, or the one with the discriminator if it is alone."""
    running = [file for file, found in networks.items() if "discriminator" in found]
    averages = [file for file in networks if file not in running]
    for several in (running, averages):
        if len(several) > 1:
            raise CheckpointError(
                f"{several[0]} and {several[1]} hold the same networks: give one NNNNNN_nets_ema.ckpt and, to train on,"
                " the NNNNNN_nets.ckpt of the same step"
            )
    return (averages or running)[0]


def _options(found: Mapping[str, Tensors], main: str) -> tuple[Values, int, int]:
    """Options, picture size and number of domains, off the shapes."""
    generator, mapping, encoder = (found[name] for name in TRANSLATION)
    halvings = len(places(encoder, r"shared\.(\d+)\.conv1\..*"))
    size = 2 ** (halvings + 2)
    width = shape(generator, "from_rgb.weight", f"{main}: generator")[0]
    mapping_width, latent_dim = shape(mapping, "shared.0.weight", f"{main}: mapping_network")
    where = f"{main}: style_encoder"
    values: Values = {
        "width": 0 if width == 2**14 // size else width,
        "max_width": shape(encoder, f"shared.{halvings + 2}.weight", where)[0],
        "style_dim": shape(encoder, "unshared.0.weight", where)[0],
        "latent_dim": latent_dim,
        "mapping_width": mapping_width,
        "w_hpf": _w_hpf(generator, len(places(generator, r"encode\.(\d+)\..*")) > log2(size) - 2, main),
    }
    return values, size, len(places(mapping, r"unshared\.(\d+)\..*"))


def _w_hpf(generator: Tensors, skip: bool, where: str) -> float:
    """What the high-pass filter is divided by; 1 for the released file, which is older than the filter's entry."""
    filter = generator.get(_FILTER)
    if filter is None:
        return 1.0 if skip else 0.0
    w_hpf = 8 / float(filter[1, 1]) if filter.shape == (3, 3) and filter[1, 1] > 0 else 0.0
    if not skip or not w_hpf or not torch.allclose(filter.float(), HighPass(w_hpf).get_buffer("filter")):
        raise CheckpointError(f"{where}: {_FILTER} of the generator is not what these networks have")
    return w_hpf


def _names(count: int, face: bool) -> tuple[str, ...]:
    """The domains of the released files; others are numbered."""
    if (count, face) == (2, True):
        return "female", "male"
    if (count, face) == (3, False):
        return "cat", "dog", "wild"
    return tuple(f"domain{index}" for index in range(count))
