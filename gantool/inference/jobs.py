"""How many processes share a folder of pictures. Imports torch only to ask how many threads it would use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantool.errors import UsageError, argument
from gantool.inference import memory

if TYPE_CHECKING:
    import torch

WORTH = 16 * 256 * 256
"""Pixels for each process, from which on several win what their start costs: measured by `benchmarks/jobs.py`, see
docs/performance.md."""
_PROCESS_BYTES = 10**9
"""What a process takes by itself: torch, weights, and those that are kept for Winograd's convolutions."""


def check_jobs(asked: int | None, device: str) -> None:
    """Raises UsageError for what is no number of processes, and for several on a device that is named and no CPU."""
    if asked is not None and asked < 1:
        raise UsageError(f"{argument('jobs')} is at least 1, not {asked}")
    if asked is not None and asked > 1 and device not in ("auto", "cpu"):
        raise _for_cpus(device)


def how_many(asked: int | None, device: torch.device, count: int, pixels: int) -> int | None:
    """Processes of one thread each for `count` results of `pixels` pixels each; None for this one alone, with all
    threads.

    By itself it is one for each thread that torch would use, where all have enough to do. It depends on nothing that
    changes from run to run but the memory that is free. Raises UsageError for several on a GPU.
    """
    if device.type != "cpu":
        if asked is not None and asked > 1:
            raise _for_cpus(str(device))
        return None
    if asked is not None:
        return max(1, min(asked, count))
    import torch

    threads = torch.get_num_threads()
    enough = threads > 1 and count >= 2 * threads and count * pixels >= threads * WORTH
    return threads if enough and memory.available(device) >= threads * _PROCESS_BYTES else None


def in_words(jobs: int | None) -> str:
    """For a line that says where the work is done."""
    return f", {jobs} processes" if jobs is not None and jobs > 1 else ""


def _for_cpus(device: str) -> UsageError:
    return UsageError(
        f"{argument('jobs')} is for CPUs, and {device} is used: leave it out, or {argument('device', 'cpu')}"
    )
