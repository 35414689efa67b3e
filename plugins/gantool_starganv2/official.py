"""The authors' checkpoints (clovaai/stargan-v2): one file holds all networks, by name. Our keys are theirs.

`NNNNNN_nets_ema.ckpt` has the averaged networks, `NNNNNN_nets.ckpt` the running ones and the discriminator, and
`wing.ckpt` the face network.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log2
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gantool import options as opt
from gantool.errors import CheckpointError, UsageError
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.reading import read_official
from gantool.runs import checkpoint
from gantool.spec import Pictures, Spec
from gantool_starganv2 import StarGANv2
from gantool_starganv2.face import FAN
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
    networks = {file: _networks(content) for file, content in files.items()}
    if not all(TRANSLATION[0] in found for found in networks.values()):
        return None
    main = _main(networks)
    options, size, count = _options(networks[main], main)
    spec = Spec(_names(count, options.w_hpf), (Pictures(),) * count, size)
    with torch.device("meta"):
        model = StarGANv2(options, spec)
    expected = {name: child.state_dict() for name, child in model.named_children()}
    absent = [name for name in expected if name not in networks[main] and name not in model.roles.training_only]
    if absent:
        raise CheckpointError(f"{main} lacks the network {absent[0]}: is the file whole?")

    tensors: dict[str, Tensor] = {}
    used: dict[tuple[str, str], str] = {}
    dropped: dict[tuple[str, str], str] = {}
    for file, found in networks.items():
        for name, content in found.items():
            if file != main and name != "discriminator":
                dropped |= {(file, f"{name}.{key}"): f"the averaged network of {main} is taken" for key in content}
            elif name == "fan" and model.fan is None:
                dropped |= {(file, f"fan.{key}"): "a face network, which these networks do not use" for key in content}
            elif name not in expected:
                raise CheckpointError(f"{file} holds {name}, which is no network of StarGAN v2")
            else:
                values = fitted(content, expected[name], f"{file}: {name}")
                tensors |= {f"{name}.{key}": value for key, value in values.items()}
                used |= {(file, f"{name}.{key}"): f"{name}.{key}" for key in values}
                if _FILTER in content:
                    used[file, f"{name}.{_FILTER}"] = f"the option w_hpf, {options.w_hpf:g}"
    return Imported(
        options=options,
        spec=spec,
        tensors=tensors,
        used=used,
        dropped=dropped,
        directions=model.directions(),
        licence=LICENCE,
    )


def fitted(content: Mapping[str, Tensor], expected: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """The tensors of a network with these keys and shapes. The high-pass filter is left out: it follows from `w_hpf`.

    Raises CheckpointError that names `where` and the first keys that do not fit.
    """
    found = {key: value for key, value in content.items() if key != _FILTER}
    wrong = [f"{key} is missing" for key in expected if key not in found]
    wrong += [f"{key} is unknown" for key in found if key not in expected]
    wrong += [
        f"{key} has shape {tuple(found[key].shape)} instead of {tuple(value.shape)}"
        for key, value in expected.items()
        if key in found and found[key].shape != value.shape
    ]
    if wrong:
        more = f" ({len(wrong)} keys do not fit)" if len(wrong) > 2 else ""
        raise CheckpointError(
            f"{where} does not fit the network that its shapes describe: {'; '.join(wrong[:2])}{more}"
        )
    return {key: value.float() if value.is_floating_point() else value for key, value in found.items()}


def read_fan(path: Path) -> dict[str, Tensor]:
    """The face network's weights from `wing.ckpt`, from an official file that holds them, or from weights of gantool.

    Raises CheckpointError for a file that does not hold them.
    """
    if path.suffix == ".safetensors":
        tensors = checkpoint.read(path)[1]
        content: Mapping[str, Any] = {k.removeprefix("fan."): v for k, v in tensors.items() if k.startswith("fan.")}
    else:
        file = read_official(path)
        inside = file.get("fan", file)
        content = inside if isinstance(inside, Mapping) else file
    with torch.device("meta"):
        expected = FAN().state_dict()
    weights = {key: value for key, value in content.items() if key in expected}
    if not weights:
        raise CheckpointError(f"{path} does not hold the face network: its file is wing.ckpt")
    return fitted(weights, expected, str(path))


def _networks(content: OfficialTensors) -> dict[str, dict[str, Tensor]]:
    """The file's networks by their official names; none if it is no file of StarGAN v2."""
    found = {
        name: {key: value for key, value in inside.items() if isinstance(value, Tensor)}
        for name, inside in content.items()
        if isinstance(inside, Mapping)
    }
    ours = "from_rgb.weight" in found.get("generator", {}) and "shared.0.weight" in found.get("mapping_network", {})
    return found if ours else {}


def _main(networks: Mapping[str, Mapping[str, Any]]) -> str:
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


def _options(found: Mapping[str, Mapping[str, Tensor]], where: str) -> tuple[StarGANv2.Options, int, int]:
    """Options, picture size and number of domains, off the shapes."""
    try:
        generator, mapping, encoder = (found[name] for name in TRANSLATION)
        halvings = len({key.split(".")[1] for key in encoder if key.startswith("shared.") and ".conv1." in key})
        size = 2 ** (halvings + 2)
        blocks = len({key.split(".")[1] for key in generator if key.startswith("encode.")})
        width = generator["from_rgb.weight"].shape[0]
        values: dict[str, Any] = {
            "width": 0 if width == 2**14 // size else width,
            "max_width": encoder[f"shared.{halvings + 2}.weight"].shape[0],
            "style_dim": encoder["unshared.0.weight"].shape[0],
            "latent_dim": mapping["shared.0.weight"].shape[1],
            "mapping_width": mapping["shared.0.weight"].shape[0],
            "w_hpf": _w_hpf(generator, blocks > log2(size) - 2, where),
        }
        count = len({key.split(".")[1] for key in mapping if key.startswith("unshared.")})
    except KeyError as error:
        raise CheckpointError(f"{where} holds some of StarGAN v2's networks, but lacks {error.args[0]}") from error
    try:
        return opt.restore(StarGANv2.Options, values, where="starganv2"), size, count
    except UsageError as error:
        raise CheckpointError(f"{where}: {error}") from error


def _w_hpf(generator: Mapping[str, Tensor], skip: bool, where: str) -> float:
    """What the high-pass filter is divided by; 1 for the released file, which is older than the filter's entry."""
    filter = generator.get(_FILTER)
    if filter is None:
        return 1.0 if skip else 0.0
    w_hpf = 8 / float(filter[1, 1]) if filter.shape == (3, 3) and filter[1, 1] > 0 else 0.0
    if not skip or not w_hpf or not torch.allclose(filter.float(), HighPass(w_hpf).get_buffer("filter")):
        raise CheckpointError(f"{where}: {_FILTER} of the generator is not what these networks have")
    return w_hpf


def _names(count: int, w_hpf: float) -> tuple[str, ...]:
    """The domains of the released files; others are numbered."""
    if (count, w_hpf > 0) == (2, True):
        return "female", "male"
    if (count, w_hpf > 0) == (3, False):
        return "cat", "dog", "wild"
    return tuple(f"domain{index}" for index in range(count))
