"""What systems, servers, archives and gantool itself leave among pictures: passed over like hidden files.

Folders and files that a person names are never passed over, whatever they are called.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

FOLDERS = frozenset(
    (
        # Archives made on a Mac, and what a Mac writes to the disks of others.
        *("__macosx", "network trash folder", "temporary items", "thevolumesettingsfolder"),
        # File servers: Synology, QNAP, NetApp. Many of their names begin with a dot.
        *("@eadir", "#recycle", "#snapshot", "@tmp", "@recycle", "@recently-snapshot", "@transcode", "~snapshot"),
        # Windows, and what the checks of Linux' and Android's disks find.
        *("$recycle.bin", "recycler", "recycled", "system volume information", "lost+found", "lost.dir"),
        "__pycache__",
    )
)
"""Names of folders, casefolded."""

_FOLDERS = re.compile(
    r"found\.\d{3}"  # Windows' check of a disk
    r"|paxheaders?(\.\w+)?"  # headers of tar, unpacked by a program that does not know them
    r"|rar\$\w+\.\w+|7zo[0-9a-f]{6,}"  # where WinRAR and 7-Zip unpack what is looked at
    r"|.+\.lrdata"  # Lightroom's previews
)

FILES = frozenset(
    (
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "desktop db", "desktop df"),
        *("picasa.ini", "zbthumbnail.info", "pspbrwse.jbf", "pax_global_header"),
    )
)
"""Names of files that are not worth a word, casefolded."""

SETTINGS, CHECKPOINTS, WEIGHTS = "run.yaml", "checkpoints", "weights.safetensors"
"""Marks of a run folder."""

_DEPTH = 2  # runs/cyclegan/001


def is_stray_name(name: str) -> bool:
    """Whether a folder of this name is hidden or made by a system, a server or an archive."""
    folded = name.casefold()
    return name.startswith(".") or folded in FOLDERS or _FOLDERS.fullmatch(folded) is not None


def is_stray_folder(folder: Path) -> bool:
    """Whether a folder is none of a person's pictures: by its name, or because it holds gantool's runs."""
    return is_stray_name(folder.name) or _holds_runs(folder, _DEPTH) is True


def has_marks_of_a_run(folder: Path) -> bool:
    """Whether a folder below one of pictures is a run of gantool, begun, trained or imported. A folder `checkpoints`
    alone does not make it one: that may hold a person's pictures.
    """
    if os.path.isfile(folder / SETTINGS):
        return True
    try:
        with os.scandir(folder / CHECKPOINTS) as saves:
            return any(save.name.isdigit() and os.path.isfile(Path(save) / WEIGHTS) for save in saves)
    except OSError:
        return False


def _holds_runs(folder: Path, depth: int) -> bool | None:
    """Whether a folder is a run, or holds runs and nothing else that is seen; None for one that holds nothing."""
    if has_marks_of_a_run(folder):
        return True
    found = None
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_stray_name(entry.name) or entry.name.casefold() in FILES:
                    continue
                if depth == 0 or not entry.is_dir():
                    return False
                inside = _holds_runs(Path(entry), depth - 1)
                if inside is False:
                    return False
                found = found or inside
    except OSError:
        return False
    return found
