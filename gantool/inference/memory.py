"""How much memory there is. Imports torch only to ask a GPU."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

SHARE = 0.75
"""The part of the free memory that one pass may take.

Decoding, encoding and other programs need some, too, and on a GPU the scratch space of cuDNN's convolutions, of which
estimates know nothing. For a kernel of 3x3 that is up to 2.25 times what goes in and comes out (Winograd's tiles of 6x6
for 4x4); where there is less, torch takes another algorithm.
"""

_WHERE_UNKNOWN = 4 * 10**9
_CGROUPS = Path("/sys/fs/cgroup")


def available(device: torch.device | str) -> int:
    """Bytes that can be had at this moment on "cpu" or a GPU."""
    if str(device).startswith("cuda"):
        import torch

        reusable = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + reusable
    return min([_free_on_machine(), *_free_in_cgroups()])


def let_go(error: BaseException, device: torch.device) -> None:
    """Frees what a failed pass still holds: the tensors of its calls, which the error keeps alive, and the device's
    memory that torch keeps for later.
    """
    traceback.clear_frames(error.__traceback__)
    release(device)


def release(device: torch.device) -> None:
    """Gives memory that torch keeps for later back to the device."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def _free_on_machine() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        pass
    try:  # no Linux: half of what the machine has is a fair guess
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, OSError, ValueError):
        return _WHERE_UNKNOWN


def _free_in_cgroups() -> Iterator[int]:
    """Bytes that the control groups of this process, and those around them, still allow (version 2, then 1)."""
    try:
        entries = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return
    for _, controllers, path in entries:
        if controllers == "":
            names, root = ("memory.max", "memory.current"), _CGROUPS
        elif "memory" in controllers.split(","):
            names, root = ("memory.limit_in_bytes", "memory.usage_in_bytes"), _CGROUPS / "memory"
        else:
            continue
        here = root / path.strip("/")
        for folder in (here, *here.parents):
            if folder.is_relative_to(root):
                yield from _left(folder, *names)


def _left(folder: Path, limit: str, usage: str) -> Iterator[int]:
    try:
        allowed, used = int((folder / limit).read_text()), int((folder / usage).read_text())
        cached = [
            line.split()[1] for line in (folder / "memory.stat").read_text().splitlines() if "inactive_file " in line
        ]
    except (OSError, ValueError):  # no such group, or no limit ("max")
        return
    # Cached files count as used but give way at once.
    yield max(0, allowed - used + int(cached[-1] if cached else 0))
