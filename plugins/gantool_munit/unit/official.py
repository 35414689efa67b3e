"""Official UNIT checkpoints (NVlabs/MUNIT and mingyuliutw/UNIT): the layout of MUNIT's, with one encoder."""

from __future__ import annotations

from collections.abc import Mapping

from gantool.errors import CheckpointError
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.reading import leaves
from gantool.importing.table import Tensors, Values
from gantool_munit.munit.official import content, imported
from gantool_munit.unit import UNIT

_OLDER = ("encode_A.", "enc_shared.", "dec_shared.", "decode_A.")
"""What the keys of the first code, of NIPS 2017, begin with."""


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The networks in these files; None if one of them holds neither generators nor discriminators of UNIT.

    Raises CheckpointError for files of the first code, which is another network.
    """
    for file, tensors in files.items():
        keys = [key for key, _ in leaves(tensors)]
        if all(any(key.startswith(part) for key in keys) for part in _OLDER):
            raise CheckpointError(
                f"{file} is of UNIT's first code (NIPS 2017, branch version_02), whose networks share weights: gantool"
                " has the later ones. Files that fit are named gen_XXXXXXXX.pt"
            )
    return imported(UNIT, files, "enc", generator)


def generator(tensors: Tensors, where: str) -> Values:
    """Options of the generator with these tensors."""
    return content(tensors, where, "enc")
