"""A GPU that is not there: tensors that say "cuda:0", with shapes and without values, on a torch without CUDA.
What is read back is zeros, and of flags True.

    with FakeGpu() as gpu:
        model.to(gpu.device)
        ...
    assert gpu.waits == {}

It finds tensors of the CPU where a GPU wants its own (`Leak`), and whatever makes the host wait for the device: reading
values back, and copies from memory that is not pinned. It cannot see numbers, the real libraries' choices, or races.

torch's `FakeTensor` can claim any device. On a build without CUDA C++ refuses it, because it asks that device's guard
for a stream. So C++ is told "xla", which has no streams, and XLA gets the guard of the CPU, which does nothing: a
pointer in a table of libc10, set through ctypes. Tried with torch 2.13. It is for a process of its own: `python -m
tests.fake_gpu` says whether this torch is one that it can work with.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections import Counter
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch._subclasses import fake_tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map
from torch.utils.weak import WeakIdKeyDictionary

_GUARDS = "_ZN3c104impl26device_guard_impl_registryE"
_CPU, _CUDA, _XLA = 0, 1, 9  # places in c10::DeviceType
_COPIES = {"_to_copy", "copy_"}
_READING = {"nonzero", "masked_select", "_unique2", "equal"}
_JOINING = {"cat", "stack", "convolution", "addmm", "mm", "bmm"}  # these take no number from the CPU either


class Leak(RuntimeError):
    """A tensor of the CPU where a GPU wants one of its own."""


class FakeGpu(TorchDispatchMode):
    """Inside, `device` is a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.device = torch.device("cuda", 0)
        self.waits: Counter[str] = Counter()
        """What made the host wait, and where."""
        self.uploads: Counter[str] = Counter()
        """Copies to the device that nobody waited for."""
        self._fake = FakeTensorMode()
        self._pinned = WeakIdKeyDictionary()
        self._stack: contextlib.ExitStack | None = None
        self._depth = 0

    def __enter__(self) -> FakeGpu:
        self._depth += 1
        if self._stack is not None:  # torch enters a mode anew within its own handler
            return super().__enter__()
        self._stack = contextlib.ExitStack()
        library = os.path.join(os.path.dirname(torch.__file__), "lib", "libc10.so")
        table = (ctypes.c_void_p * 21).in_dll(ctypes.CDLL(library), _GUARDS)
        for place in (_CUDA, _XLA):
            self._stack.callback(table.__setitem__, place, table[place])
            table[place] = table[_CPU]
        # What `torch.tensor(1.0, device="cuda")` makes on the CPU first is seen as well.
        torch._C._set_only_lift_cpu_tensors(True)
        self._stack.callback(torch._C._set_only_lift_cpu_tensors, False)
        state = torch.zeros(16, dtype=torch.uint8)
        for target, name, stub in (
            (torch.cuda, "_lazy_init", lambda: None),
            (torch.cuda, "is_available", lambda: True),
            (torch.cuda, "device_count", lambda: 1),
            (torch.cuda, "current_device", lambda: 0),
            (torch.cuda, "empty_cache", lambda: None),
            (torch.cuda, "mem_get_info", lambda device=None: (80_000_000_000, 80_000_000_000)),
            (torch.cuda, "memory_reserved", lambda device=None: 0),
            (torch.cuda, "memory_allocated", lambda device=None: 0),
            (torch.cuda, "get_rng_state", lambda device="cuda": state),
            (torch.cuda, "set_rng_state", lambda state, device="cuda": None),
            (torch.cuda, "manual_seed_all", lambda seed: None),
            (torch.Tensor, "pin_memory", lambda tensor, device=None: self._pin(tensor.clone())),
            (fake_tensor, "init_gpu_context", lambda device: None),
        ):
            self._stack.enter_context(mock.patch.object(target, name, stub, create=True))
        return super().__enter__()

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        self._depth -= 1
        if not self._depth and self._stack is not None:
            self._stack.close()
            self._stack = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name.split("::")[-1]
        if func is torch.ops.prim.device.default:
            return torch.device("meta" if self._fake.in_kernel_invocation else "xla:0")
        if torch.is_inference_mode_enabled():  # where autograd does not take composed operators apart
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        if kwargs.pop("pin_memory", None):
            return self._pin(func(*args, **kwargs))
        # What C++ makes on "xla" belongs to the GPU.
        args, kwargs = tree_map(self._placed, (args, kwargs))
        flat = tree_flatten((args, kwargs))[0]
        tensors = [one for one in flat if isinstance(one, Tensor)]
        wanted = next((one for one in flat if isinstance(one, torch.device)), None)
        if name == "_has_compatible_shallow_copy_type":
            return False
        if not any(_ours(one) for one in tensors) and (wanted is None or wanted.type != "cuda"):
            return func(*args, **kwargs)
        if name == "_local_scalar_dense":
            self._wait("item")
            return False if args[0].dtype == torch.bool else 0
        if name in _COPIES:
            result = self._copied(name, args, kwargs, wanted)
            if result is not None:
                return result
        if name in _READING:
            self._wait(name)
        for one in tensors:
            if not isinstance(one, FakeTensor) and (one.dim() or name in _JOINING):
                raise Leak(f"{name} at {_place()}: {tuple(one.shape)} of the CPU")
        args, kwargs = tree_map(self._as_fake, (args, kwargs))
        with self._fake:
            return func(*args, **kwargs)

    def _copied(self, name: str, args: Any, kwargs: Any, wanted: torch.device | None) -> Tensor | None:
        """Copies between host and device; None for those within the device."""
        whole = name == "_to_copy"
        source = args[0] if whole else args[1]
        to_device = (wanted or source.device if whole else args[0].device).type == "cuda"
        patient = not (kwargs.get("non_blocking") or (not whole and len(args) > 2 and args[2]))
        if _ours(source) and not to_device:
            if patient or args[0] not in self._pinned:
                self._wait("copy to the CPU")
            host = torch.empty(source.shape, dtype=kwargs.get("dtype") or source.dtype) if whole else args[0]
            return host.fill_(host.dtype == torch.bool)
        if not _ours(source) and to_device:
            if patient or source not in self._pinned:
                self._wait("upload")
            else:
                self.uploads[_place()] += 1
            if not whole:
                return args[0]
            with self._fake:
                return torch.empty_strided(
                    source.shape, source.stride(), dtype=kwargs.get("dtype") or source.dtype, device=self.device
                )
        if whole and wanted is not None and (kwargs.get("dtype") or source.dtype) == source.dtype:
            with self._fake:  # it is there already: C++ did not know
                return torch.ops.aten.alias(source)
        return None

    def _placed(self, value: Any) -> Any:
        return self.device if isinstance(value, torch.device) and value.type in ("xla", "cuda") else value

    def _as_fake(self, value: Any) -> Any:
        if not isinstance(value, Tensor) or isinstance(value, FakeTensor):
            return value
        with self._fake:
            return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype)

    def _pin(self, tensor: Tensor) -> Tensor:
        self._pinned[tensor] = True
        return tensor

    def _wait(self, kind: str) -> None:
        self.waits[f"{kind} at {_place()}"] += 1


def usable() -> bool:
    """Whether this torch is one without CUDA in which the trick works."""
    if torch.backends.cuda.is_built() or not sys.platform.startswith("linux"):
        return False
    try:
        with FakeGpu() as gpu, torch.no_grad():
            moved = torch.nn.Conv2d(1, 1, 1).to(gpu.device)(torch.zeros(1, 1, 2, 2).to(gpu.device))
            return moved.device == gpu.device and moved.cpu().shape == (1, 1, 2, 2)
    except (AttributeError, OSError, RuntimeError, ValueError):
        return False


def _ours(tensor: Tensor) -> bool:
    return isinstance(tensor, FakeTensor) and tensor.fake_device.type == "cuda"


def _place() -> str:
    """The line of gantool's code, or of a plugin's, that is being run."""
    frame = sys._getframe(1)
    while frame is not None:
        parts = frame.f_code.co_filename.split(os.sep)
        owner = max((i for i, part in enumerate(parts) if part.startswith("gantool")), default=None)
        if owner is not None and "site-packages" not in parts:
            return f"{'/'.join(parts[owner:])}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return "?"


if __name__ == "__main__":
    print(usable())
