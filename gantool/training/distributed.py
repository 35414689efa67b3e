"""Several processes, started by ``torchrun -m gantool train ...``: each with its own part of every batch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """The place of this process among all."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    here: int = 1
    """How many of them are on this machine."""

    @property
    def first(self) -> bool:
        """True for the one process that writes files and speaks."""
        return self.rank == 0

    def gather(self, tensor: Tensor) -> Tensor:
        """The tensors of all processes along the first dimension, by rank."""
        if self.world == 1:
            return tensor
        parts = [torch.empty_like(tensor) for _ in range(self.world)]
        dist.all_gather(parts, tensor.contiguous())
        return torch.cat(parts)

    def mean(self, tensors: list[Tensor]) -> None:
        """Replaces tensors by their mean over all processes, in one transfer."""
        if self.world == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        flat /= self.world
        for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def largest(self, value: int) -> int:
        """The largest of all processes' values: how they agree to stop, and why."""
        if self.world == 1:
            return value
        agreed = torch.tensor(value)  # on the CPU also beside a GPU: the GPU goes on meanwhile
        dist.all_reduce(agreed, dist.ReduceOp.MAX)
        return int(agreed)

    def share_weights(self, module: nn.Module) -> None:
        """The first process's parameters and buffers for all."""
        if self.world > 1:
            for tensor in module.state_dict().values():
                dist.broadcast(tensor, 0)

    def shared(self, value: T) -> T:
        """The first process's value for all."""
        if self.world == 1:
            return value
        told = [value]
        dist.broadcast_object_list(told, 0)
        return told[0]

    def wait(self) -> None:
        """Returns when every process has come here."""
        if self.world > 1:
            dist.barrier()


def join(device: str) -> Processes:
    """This process's place, read from torchrun's environment. Without one: the only process."""
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        return Processes()
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    processes = Processes(
        rank, world, int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", str(world)))
    )
    if processes.world > 1 and not dist.is_initialized():
        # The first optimiser imports it otherwise, when there is a group: its functions' defaults would keep that group
        # and its threads for ever, and a thread that lets go of a tensor while Python ends aborts the process.
        import torch.distributed.nn  # noqa: F401

        dist.init_process_group("cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo")
    return processes


def leave() -> None:
    """Ends what `join` began."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
