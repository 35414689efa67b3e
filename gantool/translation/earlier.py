"""Results of earlier commands below a folder of inputs: they are no inputs. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gantool.pictures.results import Results
from gantool.translation.inputs import Inputs


@dataclass(frozen=True)
class Earlier:
    """Pictures that are passed over."""

    count: int = 0
    folders: tuple[str, ...] = ()
    """The folders that they lie in, or below."""


def without_earlier(inputs: Inputs, words: Sequence[str], results: Results) -> tuple[Inputs, Earlier]:
    """The inputs without earlier translations that lie below a folder among the words, and what is left out.

    A result is left out if the folder that it was written to lies below that of the inputs, or if its own input does.
    A folder that holds nothing else is translated: whoever names it means the results. So does whoever names a file.
    """
    folders = [Path(word) for word in words if os.path.isdir(word)]
    passed: dict[Path, str] = {}
    for folder in folders:
        real = os.path.realpath(folder)
        inside = os.path.join(real, "")
        lies_here = str(folder / "x")[:-1]
        mine = [
            source.picture
            for source in inputs.sources
            if source.picture is not None and str(source.picture) == os.path.normpath(lies_here + source.relative)
        ]
        found: dict[Path, str] = {}
        for picture in mine:
            made = results.of(picture)
            if made is None or not made.how:
                continue
            picture_of = os.path.join(os.path.realpath(os.path.dirname(made.picture)), "") if made.picture else ""
            if made.root.startswith(inside):
                found[picture] = str(folder / os.path.relpath(made.root, real))
            elif picture_of.startswith(inside):
                found[picture] = str(picture.parent)
        if len(found) < len(mine):
            passed |= found
    if not passed:
        return inputs, Earlier()
    left = [source for source in inputs.sources if source.picture not in passed]
    return replace(inputs, sources=left), Earlier(len(passed), tuple(sorted(set(passed.values()))))
