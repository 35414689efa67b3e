"""From a data set to batches on a device: decoded ahead by threads, in an order that is a function of the step."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from gantool.data.dataset import Dataset, Item
from gantool.errors import DataError, UsageError, argument
from gantool.pictures.resize import to_unit

_AHEAD = 2  # batches decoded in advance, a worker


def batches(
    dataset: Dataset, *, batch: int, first: int, workers: int = 0, rank: int = 0, world: int = 1, pinned: bool = False
) -> Generator[dict[str, Tensor], None, None]:
    """Batch number `first` and all that follow, on the CPU: each array of an item with the batch in front.

    The items of all epochs are one sequence; batch k of process r holds items (k world + r) batch ... of it. So an
    epoch's end may lie within a batch, every picture comes equally often, and nothing has to be saved to resume.
    Threads suffice: Pillow and NumPy let go of the interpreter while they work. `pinned` batches lie in memory that a
    GPU copies from while the host goes on; the threads pin it, since that takes a copy.
    """

    def load(number: int) -> dict[str, Tensor]:
        start = (number * world + rank) * batch
        try:
            loaded = _collate([dataset.item(*divmod(n, len(dataset))) for n in range(start, start + batch)])
        except DataError as error:
            raise DataError(f"{error.text}. All pictures like it: gantool data check") from error
        return {name: tensor.pin_memory() for name, tensor in loaded.items()} if pinned else loaded

    if workers == 0:
        number = first
        while True:
            yield load(number)
            number += 1
    pool = ThreadPoolExecutor(workers, thread_name_prefix="gantool-loader", initializer=_behind_the_networks)
    try:
        waiting: deque[Future[dict[str, Tensor]]] = deque()
        number = first
        while True:
            while len(waiting) < workers * _AHEAD:
                waiting.append(pool.submit(load, number))
                number += 1
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _behind_the_networks() -> None:
    """Gives this thread what the networks' threads leave of the processor.

    Those wait for each other many times a step, so that one thread that decodes in the place of one of them stops all.
    Linux alone gives threads priorities of their own, and it may forbid even to lower them.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def to_device(batch: dict[str, Tensor], device: torch.device, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """The batch on the device; pictures, which travel as bytes, become floats in [-1, 1]. All else only moves."""
    moved = {}
    for name, tensor in batch.items():
        tensor = tensor.to(device, non_blocking=True)
        moved[name] = to_unit(tensor.to(dtype)) if tensor.dtype == torch.uint8 else tensor
    return moved


def _collate(items: list[Item]) -> dict[str, Tensor]:
    batch = {}
    for name in items[0]:
        parts = [item[name] for item in items]
        if any(part.shape != parts[0].shape for part in parts):
            shapes = " and ".join(sorted({"x".join(map(str, part.shape[:0:-1])) for part in parts})[:2])
            raise UsageError(
                f"pictures of different sizes ({shapes}) cannot share a batch: {argument('batch', 1)}, or a"
                f" {argument('preprocess')} that crops"
            )
        batch[name] = torch.from_numpy(np.stack(parts))
    return batch
