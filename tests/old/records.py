"""What `record.json` beside an old run says of its tensors, and whether this machine rounds as the one that made it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from gantool.runs.find import find_weights
from gantool.runs.header import read_facts
from gantool.runs.upgrade import GONE
from gantool.spec import LabelMaps

_KINDS = {torch.float32: "F32", torch.int32: "I32", torch.int64: "I64", torch.uint8: "U8", torch.bool: "BOOL"}
NOISE = "~"
"""Ends the line of a tensor that rounding decides, such as a bias before an instance norm: its gradient is 0 but for
rounding, and Adam makes full steps of it."""
HERE = Path(__file__).parent


def machine() -> dict[str, Any]:
    """What the bytes of a training depend on besides gantool: the version of torch, and how the processor rounds.

    `get_cpu_capability` says AVX2 or AVX512 of processors that still sum in different orders, therefore the probe.
    """
    return {
        "torch": torch.__version__.partition("+")[0],
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "probe": _probe(),
    }


def rounds_alike() -> bool:
    """Whether the same bytes can be expected here as on the machine that made the old files."""
    return machine() == json.loads((HERE / "machine.json").read_text())


def _probe() -> str:
    """A digest of what the operations that trainings consist of make of fixed numbers, forwards and backwards."""
    rng = torch.Generator().manual_seed(0)
    digest = hashlib.sha256()
    for channels, side, kernel in ((3, 32, 7), (4, 16, 3), (8, 8, 4)):
        shapes = (
            (2, channels, side, side),
            (6, channels, kernel, kernel),
            (6, channels, 4, 4),
            (5, 6 * (side // 2) ** 2),
        )
        x, conv, back, dense = (torch.randn(shape, generator=rng, requires_grad=True) for shape in shapes)
        y = F.leaky_relu(F.instance_norm(F.conv2d(x, conv, stride=2, padding=(kernel - 1) // 2)), 0.2)
        z = F.batch_norm(F.conv_transpose2d(y, back, stride=2, padding=1), None, None, training=True).tanh()
        loss = z.square().mean() + F.softplus(F.linear(y.flatten(1), dense)).sum() + y.exp().mean()
        for tensor in (z, loss, *torch.autograd.grad(loss, (x, conv, back, dense))):
            digest.update(_bytes(tensor.detach()))
    return digest.hexdigest()[:16]


def entries(file: Path) -> dict[str, str]:
    """Every tensor of a file as a line: type, shape, digest, sum and sum of absolute values; of a number, its value."""
    return {name: entry(tensor) for name, tensor in sorted(load_file(file).items())}


def entry(tensor: Tensor) -> str:
    """One tensor's line."""
    kind, shape = _KINDS[tensor.dtype], "x".join(map(str, tensor.shape))
    if not shape:
        return f"{kind} {tensor.item():.7g}"
    digest = hashlib.sha256(_bytes(tensor)).hexdigest()[:12]
    values = tensor.double()
    return f"{kind} {shape} {digest} {values.sum().item():.5g} {values.abs().sum().item():.5g}"


def differences(found: Mapping[str, str], recorded: Mapping[str, str], *, rtol: float | None = None) -> list[str]:
    """The tensors that are not as recorded: to the byte, or as near as their sums tell if `rtol` is given.

    The sums may then be `rtol` of the sum of absolute values apart, and those of NOISE are not looked at.
    """
    alike = _same if rtol is None else partial(_near, rtol=rtol)
    return [
        f"{name}: {found.get(name)} instead of {recorded.get(name)}"
        for name in sorted(found.keys() | recorded.keys())
        if name not in found or name not in recorded or not alike(found[name].split(), recorded[name].split())
    ]


def _same(found: list[str], recorded: list[str]) -> bool:
    return found == [word for word in recorded if word != NOISE]


def _near(found: list[str], recorded: list[str], rtol: float) -> bool:
    if len(found) == 2:  # a number
        return found == recorded
    if found[:2] != recorded[:2] or recorded[-1] == NOISE:
        return found[:2] == recorded[:2]
    (total, absolute), (other_total, other_absolute) = (
        [float(word) for word in line[3:]] for line in (found, recorded)
    )
    return max(abs(total - other_total), abs(absolute - other_absolute)) <= rtol * other_absolute


def _bytes(tensor: Tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def wrong(found: Mapping[str, str], recorded: Mapping[str, str]) -> list[str]:
    """The tensors of other bytes, types or shapes than the recorded ones, or that only one side has."""
    return [
        f"{name}: {found.get(name)} instead of {recorded.get(name)}"
        for name in sorted(found.keys() | recorded.keys())
        if found.get(name) != recorded.get(name)
    ]


def facts(run: Path) -> dict[str, Any]:
    """What the newest weights of a run say of themselves, in words that no form of the header decides."""
    own = read_facts(find_weights(str(run)))
    spec, prepared = own.spec, own.preparation
    maps = [kind for kind in spec.kinds if isinstance(kind, LabelMaps)]
    return {
        "model": own.model,
        "step": own.step,
        "domains": list(spec.domains),
        "holding": ["labels" if isinstance(kind, LabelMaps) else "picture" for kind in spec.kinds],
        "channels": list(spec.channels),
        "classes of label maps": maps[0].classes if maps else 0,
        "domains are attributes": spec.attributes,
        "side of crops": spec.size,
        "directions": [list(pair) for pair in own.directions],
        "length of style codes": own.code_size,
        "outputs": ["translation", *(["attention"] if own.maps else [])],
        "multiple, least and only side of pictures": [own.sizes.multiple, own.sizes.minimum, own.sizes.exact],
        "trained on": dict(own.pictures) or None,
        "prepared by": [prepared[key] for key in ("preprocess", "size", "crop", "flip", "filter")]
        if prepared
        else None,
        "options": {**dict(own.options), **GONE.get(own.model, {})},
        "of the model's own": dict(own.own),
        "licence": own.licence,
        "missing": list(own.missing),
        "files it was imported from": list(own.source) or None,
    }
