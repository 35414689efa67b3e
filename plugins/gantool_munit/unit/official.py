"""Official UNIT checkpoints (NVlabs/MUNIT and mingyuliutw/UNIT): the layout of MUNIT's, with one encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gantool.errors import CheckpointError
from gantool.importing.official import Imported, OfficialTensors
from gantool.importing.reading import leaves
from gantool_munit.munit.official import Half, content_options, imported
from gantool_munit.unit import UNIT, generator

_OLDER = ("encode_A.", "enc_shared.", "dec_shared.", "decode_A.")
"""What the keys of the first code, of NIPS 2017, begin with."""


def recognise(files: Mapping[str, OfficialTensors]) -> Imported | None:
    """The networks in these files; None if one of them holds neither generators nor discriminators of UNIT.

    Raises CheckpointError for files of the first code, which is another network.
    """
    for file, content in files.items():
        keys = [key for key, _ in leaves(content)]
        if all(any(key.startswith(part) for key in keys) for part in _OLDER):
            raise CheckpointError(
                f"{file} is of UNIT's first code (NIPS 2017, branch version_02), whose networks share weights: gantool"
                " has the later ones. Files that fit are named gen_XXXXXXXX.pt"
            )
    return imported(files, UNIT.Options, "enc", generator, generator_options)


def generator_options(half: Half) -> dict[str, Any]:
    """Options of the generator with these keys and shapes."""
    return content_options(half, "enc")
