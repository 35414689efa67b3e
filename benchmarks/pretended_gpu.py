"""A GPU that is not there: tensors that say "cuda:0" and have shapes but no values, on a torch without CUDA.

torch's `FakeTensor` infers the shape of every result and computes nothing. A `TorchDispatchMode` above it sees each
operator that autograd, autocast and the optimisers hand to the device, counts it, and notices two kinds of trouble:

- a leak: a tensor of the CPU among those of the GPU (a number without dimensions may come from the CPU);
- a wait: whatever makes the host stand still until the device is done. Values read back, copies from memory that is not
  pinned, lists as indices. A boolean mask, whose result has a size that only values tell, ends it as a leak does.

Random draws on the CPU and all other work there are done in earnest. What this cannot see: values, the time that
anything takes, which kernels cuDNN chooses, real memory, races between streams.

It leans on the inside of torch (tried with 2.13). `missing` names what a torch lacks for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch._subclasses import fake_tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils import _foreach_utils
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map
from torch.utils.flop_counter import flop_registry

_GUARDS = "_ZN3c104impl26device_guard_impl_registryE"
"""c10's table of what knows a kind of device's streams, a pointer a kind."""
_CPU, _CUDA, _XLA = 0, 1, 9
"""Places in that table (c10::DeviceType)."""
_INSIDE = ("_only_lift_cpu_tensors", "_set_only_lift_cpu_tensors", "_group_tensors_by_device_and_dtype")
"""Functions of torch._C that are needed."""

_FREE = {
    "empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "detach", "alias", "lift_fresh",
    "_unsafe_view", "_reshape_alias", "is_same_size", "resize_", "set_",
}  # fmt: skip
"""Operators that start no kernel: they make memory, or another name for it. Views start none either."""
_INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index", "_unsafe_index_put"}
_AS_LONG_AS_VALUES_SAY = {"nonzero", "masked_select", "_unique2", "unique_dim", "bincount", "equal"}
_COPIES = {"_to_copy", "copy_", "copy"}
_OWN = f"{os.sep}gantool"


class LeakError(RuntimeError):
    """A tensor of the CPU where the GPU wants one of its own, or a result whose size only values can tell."""


@dataclass
class Report:
    """What a stretch of work asked of the device."""

    operators: Counter[str] = field(default_factory=Counter)
    """Launches, by operator: each starts one kernel or a few."""
    waits: Counter[str] = field(default_factory=Counter)
    """What made the host wait, with the line of gantool that asked for it."""
    bytes: int = 0
    """That operators read and write: the size of every tensor they get and of every one they make."""
    flop: int = 0
    """Of convolutions and matrix products, forward and backward."""


class PretendedGPU(TorchDispatchMode):
    """Inside, `device` is a GPU, and `report` fills. One at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.device = torch.device("cuda", 0)
        self.report = Report()
        self._fake = FakeTensorMode()
        self._pinned: set[int] = set()  # addresses of pinned memory
        self._kept: list[Tensor] = []  # pinned tensors, so that no other memory gets their addresses
        self._depth = 0
        self._outside = contextlib.ExitStack()

    def __enter__(self) -> PretendedGPU:
        self._depth += 1
        if self._depth == 1:  # torch enters a mode anew within its own handler
            self._pretend()
        return super().__enter__()

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        self._depth -= 1
        if not self._depth:
            self._outside.close()

    def _pretend(self) -> None:
        # C++ asks a fake tensor for its device through an operator, `prim.device`, and Python through `.device`. C++ is
        # told "xla": autograd takes that for a device without streams, and autocast's CUDA rules hold for it as well.
        # The guard that xla lacks is that of the CPU, which does nothing.
        table = _guards()
        for place in (_CUDA, _XLA):
            self._outside.callback(table.__setitem__, place, table[place])
            table[place] = table[_CPU]
        self._outside.enter_context(torch.autograd.set_multithreading_enabled(False))
        # `torch.tensor(1.0, device="cuda")` makes its value on the CPU, where no mode sees it, then copies it, seen.
        self._outside.callback(torch._C._set_only_lift_cpu_tensors, torch._C._only_lift_cpu_tensors())
        torch._C._set_only_lift_cpu_tensors(True)
        groups = torch._C._group_tensors_by_device_and_dtype
        state = torch.zeros(16, dtype=torch.uint8)
        instead: tuple[tuple[Any, str, Any], ...] = (
            (torch, "Generator", _Generator),
            (torch.Tensor, "pin_memory", lambda tensor, device=None: self._pin(tensor)),
            (torch.Tensor, "new_tensor", _new_tensor),
            (torch.cuda, "_lazy_init", lambda: None),
            (torch.cuda, "is_available", lambda: True),
            (torch.cuda, "device_count", lambda: 1),
            (torch.cuda, "current_device", lambda: 0),
            (torch.cuda, "set_device", lambda device: None),
            (torch.cuda, "get_rng_state", lambda device=None: state),
            (torch.cuda, "set_rng_state", lambda state, device=None: None),
            (torch.cuda, "manual_seed_all", lambda seed: None),
            (torch.cuda, "is_bf16_supported", lambda including_emulation=True: True),
            (torch._C, "_group_tensors_by_device_and_dtype", lambda *given: self._grouped(groups(*given))),
            (fake_tensor, "init_gpu_context", lambda device: None),
            (FakeTensorMode, "__deepcopy__", lambda mode, memo: mode),
            # A GPU's tensors are plain ones, which optimisers and foreach operators ask for.
            (_foreach_utils, "_foreach_supported_types", [torch.Tensor, torch.nn.Parameter, FakeTensor]),
        )
        for target, name, stub in instead:
            self._outside.enter_context(mock.patch.object(target, name, stub, create=True))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.prim.device.default:
            return torch.device("meta" if self._fake.in_kernel_invocation else "xla:0")
        name = func._schema.name.split("::")[-1]
        if name == "_has_compatible_shallow_copy_type":
            return False
        args, kwargs = tree_map(self._placed, (args, kwargs or {}))
        flat = tree_flatten((args, kwargs))[0]
        tensors = [one for one in flat if isinstance(one, Tensor)]
        wanted = next((one for one in flat if isinstance(one, torch.device)), None)
        if not any(map(_ours, tensors)) and (wanted is None or wanted.type != "cuda"):
            return func(*args, **kwargs)
        if name == "_local_scalar_dense":
            self._wait("a value is read")
            return False if args[0].dtype == torch.bool else 0.0 if args[0].is_floating_point() else 0
        if name in _COPIES:
            source, to = (args[0], wanted or args[0].device) if name == "_to_copy" else (args[1], args[0].device)
            if not _ours(source) or to.type != "cuda":
                return self._between(name, args, kwargs, source, to)
            if name == "_to_copy" and kwargs.get("dtype") in (None, source.dtype):
                return torch.ops.aten.alias(source)  # it is there already, which C++ does not know
        self._look(name, args, tensors)
        args, kwargs = tree_map(self._as_fake, (args, kwargs))
        with self._fake:
            result = func(*args, **kwargs)
        self._count(func, name, args, kwargs, result, tensors)
        return result

    def _placed(self, value: Any) -> Any:
        """What C++ wants on "xla" belongs to the GPU."""
        return self.device if isinstance(value, torch.device) and value.type in ("xla", "cuda") else value

    def _as_fake(self, value: Any) -> Any:
        if isinstance(value, torch.Generator):
            return None
        if not isinstance(value, Tensor) or isinstance(value, FakeTensor):
            return value
        with self._fake:
            return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype)

    def _between(self, name: str, args: Any, kwargs: Any, source: Tensor, to: torch.device) -> Any:
        """A copy from the host to the device, or back."""
        if _ours(source):
            self._wait("copy to the CPU")
            if name == "copy_":
                return args[0].zero_()
            return torch.zeros(source.shape, dtype=kwargs.get("dtype") or source.dtype)
        if not (kwargs.get("non_blocking") or (name == "copy_" and len(args) > 2 and args[2])):
            self._wait("copy that blocks")
        elif source.untyped_storage().data_ptr() not in self._pinned:
            self._wait("copy from memory that is not pinned")
        if name == "copy_":
            return args[0]
        with self._fake:
            return torch.empty_strided(
                source.shape, source.stride(), dtype=kwargs.get("dtype") or source.dtype, device=to
            )

    def _look(self, name: str, args: Any, tensors: list[Tensor]) -> None:
        if name in _INDEXING:
            indices = [one for one in tree_flatten(args[1])[0] if isinstance(one, Tensor)]
            if any(one.dtype == torch.bool for one in indices):
                raise LeakError(f"a boolean mask at {_place()}: the host waits for its count")
            if not all(map(_ours, indices)):
                self._wait("an index from the CPU")
            return
        if name in _AS_LONG_AS_VALUES_SAY:
            raise LeakError(f"{name} at {_place()}: the host waits for the size of what comes out")
        if name in _FREE:
            return
        for one in tensors:
            if not isinstance(one, FakeTensor) and one.dim() and one.device.type == "cpu":
                raise LeakError(f"{name} at {_place()}: {tuple(one.shape)} on {one.device} beside tensors of the GPU")

    def _count(self, func: Any, name: str, args: Any, kwargs: Any, result: Any, tensors: list[Tensor]) -> None:
        outside = [returned.alias_info for returned in func._schema.returns]
        is_view = bool(outside) and outside[0] is not None and not outside[0].is_write
        if is_view or name in _FREE:
            return
        made = [one for one in tree_flatten(result)[0] if isinstance(one, FakeTensor)]
        self.report.operators[name] += 1
        self.report.bytes += sum(one.numel() * one.itemsize for one in (*tensors, *made))
        if counter := flop_registry.get(func._overloadpacket):
            self.report.flop += counter(*args, **kwargs, out_val=result)

    def _grouped(self, groups: Any) -> Any:
        return {(self.device if place.type == "xla" else place, kind): group for (place, kind), group in groups.items()}

    def _pin(self, tensor: Tensor) -> Tensor:
        pinned = tensor.clone(memory_format=torch.preserve_format)
        self._pinned.add(pinned.untyped_storage().data_ptr())
        self._kept.append(pinned)
        return pinned

    def _wait(self, kind: str) -> None:
        self.report.waits[f"{kind}: {_place()}"] += 1


class _Generator(torch.Generator):
    """A generator on any device: that of the pretended one has no state."""

    def __new__(cls, device: Any = "cpu") -> Any:
        return super().__new__(cls, device="cpu")


def missing() -> str | None:
    """What the torch that is installed lacks for a pretended GPU, or has too much; None where all is there."""
    if torch.backends.cuda.is_built():
        return "this torch has real GPUs"
    if absent := [name for name in _INSIDE if not hasattr(torch._C, name)]:
        return f"this torch has no torch._C.{absent[0]}"
    try:
        _guards()
    except (OSError, ValueError):
        return "this torch's libc10 does not show its table of device guards"
    return None


def _guards() -> Any:
    folder = os.path.join(os.path.dirname(torch.__file__), "lib")
    library = next(name for name in ("libc10.so", "libc10.dylib", "c10.dll") if os.path.exists(f"{folder}/{name}"))
    return (ctypes.c_void_p * 21).in_dll(ctypes.CDLL(os.path.join(folder, library)), _GUARDS)


def _ours(tensor: Tensor) -> bool:
    return isinstance(tensor, FakeTensor) and tensor.fake_device.type == "cuda"


def _new_tensor(like: Tensor, data: Any, dtype: Any = None, device: Any = None, **_: Any) -> Tensor:
    """What torch's own does, seen: that one hides its copy from every mode."""
    return torch.tensor(data, dtype=dtype or like.dtype, device=device or like.device)


def _place() -> str:
    """The innermost line of gantool or of one of its plugins that is being run."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if _OWN in file and "site-packages" not in file:
            return f"{file[file.rindex(_OWN) + 1 :]}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return "?"
