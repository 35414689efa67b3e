"""The authors' variables (AlamiMejjati/Unsupervised-Attention-guided-Image-to-Image-Translation), written as
safetensors under their own names and in TensorFlow's layout. docs/models/aggan.md says how.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from gantool.errors import CheckpointError
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.reading import leaves
from gantool.importing.table import Part, from_tensorflow, imported, places, shape
from gantool_aggan import AGGAN

ROLES = {
    "g_A": "g_ab",
    "g_B": "g_ba",
    "g_A_ae": "attention_a",
    "g_B_ae": "attention_b",
    "d_A": "d_a",
    "d_B": "d_b",
}
"""The authors' names of the networks, and ours: their g_A translates A to B, and their d_A judges pictures of A."""

_LEAVES = {
    "Conv/weights": "conv.weight",
    "Conv/biases": "conv.bias",
    "Conv2d_transpose/weights": "conv.weight",
    "Conv2d_transpose/biases": "conv.bias",
    "instance_norm/scale": "norm.weight",
    "instance_norm/offset": "norm.bias",
}
_VARIABLE = re.compile(rf"Model/({'|'.join(ROLES)})/(\w+(?:/c[12])?)/({'|'.join(_LEAVES)})")
_OPTIMISER = re.compile(r".*/Adam(?:_1)?|(?:.*/)?(?:beta[12]_power|global_step)")
_UNUSED_NORM = re.compile(r"(?:g_\w+\.c6|d_\w+\.c5)\.norm\.\w+")


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The model in one file of the authors' variables; None if it is none. Raises CheckpointError where networks that
    translation needs are missing.
    """
    if len(files) != 1:
        return None
    ((file, content),) = files.items()
    variables = dict(leaves(content))
    named = {key: name for key in variables if (name := ours(key))}
    if not named:
        return None
    dropped = {key: "the optimiser's, which begins anew" for key in variables if _OPTIMISER.fullmatch(key)}
    dropped |= {key: "a norm that the network does not use" for key in named if _UNUSED_NORM.fullmatch(named[key])}
    networks: dict[str, dict[str, Tensor]] = {}
    for key, name in named.items():
        if key not in dropped:
            role, _, rest = name.partition(".")
            networks.setdefault(role, {})[rest] = from_tensorflow(variables[key])
    if lacking := [role for role in ("g_A", "g_B", "g_A_ae", "g_B_ae") if role not in networks]:
        raise CheckpointError(f"{file} lacks {', '.join(lacking)}: write all variables whose names begin with Model/")
    values = {
        "width": shape(networks["g_A"], "c1.conv.weight", f"{file}: g_A")[0],
        "blocks": len(places(networks["g_A"], r"r(\d+)\.c1\.conv\.weight")),
        "fine": shape(networks["g_A_ae"], "c6.conv.weight", f"{file}: g_A_ae")[2] > 1,
    }
    if "d_A" in networks:
        values["d_width"] = shape(networks["d_A"], "c1.conv.weight", f"{file}: d_A")[0]
    parts = [Part(ROLES[role], file, tensors, within=role) for role, tensors in networks.items()]
    found = imported(AGGAN, parts, values, size=256)
    return replace(
        found,
        used={(file, key): found.used[file, name] for key, name in named.items() if key not in dropped},
        dropped={(file, key): why for key, why in dropped.items()},
    )


def ours(variable: str) -> str | None:
    """The name of a variable as PyTorch has it, behind that of its network; None if it is no network's."""
    match = _VARIABLE.fullmatch(variable)
    return match and f"{match[1]}.{match[2].replace('/', '.')}.{_LEAVES[match[3]]}"
