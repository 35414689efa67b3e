"""Which device to compute on, and whether it calculates in half precision. Imports torch only to ask it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gantool.errors import UsageError, argument

if TYPE_CHECKING:
    import torch

PRECISIONS, PRECISIONS_TEXT = ("fp32", "exact", "bf16"), "fp32, exact or bf16"
"""Of a pass: "exact" is fp32 with all convolutions computed by their definition, see `gantool.networks.winograd`."""


def check_name(name: str) -> None:
    """Raises UsageError for what is no device's name on any machine."""
    kind, colon, number = name.partition(":")
    if name != "auto" and (kind not in ("cpu", "cuda", "mps") or (colon and not number.isdecimal())):
        raise UsageError(f'there is no device "{name}": auto, cpu, cuda, cuda:1, mps')


def choose(name: str) -> torch.device:
    """The device of this name; "auto" is the first of cuda, mps and cpu that is there. Raises UsageError for others."""
    check_name(name)
    import torch

    if name == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(kind)
    kind, _, number = name.partition(":")
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count == 0:
            raise UsageError(f"device {name}: this torch sees no CUDA device. See: gantool doctor")
        if number and int(number) >= count:
            raise UsageError(f"device {name}: there are only cuda:0 to cuda:{count - 1}")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UsageError(f"device {name}: this torch sees no Apple GPU. See: gantool doctor")
    return torch.device(name)


@contextmanager
def kernels(*, tf32: bool = False, try_all: bool = False) -> Iterator[None]:
    """Inside, single precision on NVIDIA GPUs is exact, or with `tf32` has 10 bits behind the point in convolutions and
    matrix products. torch's own default is TF32 in convolutions alone. With `try_all` cuDNN tries its algorithms for
    each new shape and keeps the fastest. Afterwards all three are as they were.
    """
    import torch

    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = convolutions.allow_tf32, products.allow_tf32, convolutions.benchmark
    convolutions.allow_tf32, products.allow_tf32, convolutions.benchmark = tf32, tf32, try_all
    try:
        yield
    finally:
        convolutions.allow_tf32, products.allow_tf32, convolutions.benchmark = before


def faster_note(capability: tuple[int, int], precision: str, compiled: bool) -> str | None:
    """What may make a training on an NVIDIA GPU of this compute capability faster, in one line; None for nothing."""
    kinds = ("tf32", "bf16") if capability >= (8, 0) else ("fp16",)
    words = [argument("precision", kind) for kind in kinds] if precision == "fp32" else []
    words += [] if compiled else [argument("compile")]
    return f"on this GPU {' or '.join(words)} may be faster; docs/performance.md has the price" if words else None


def gpu_in_words(capability: tuple[int, int], free: int, total: int) -> str:
    """What an NVIDIA GPU of this compute capability can do, and its memory, of which so many bytes are free."""
    bf16 = "bf16" if capability >= (8, 0) else "no bf16"
    return f"compute capability {'.'.join(map(str, capability))}, {bf16}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free"


def own_gpu(device: torch.device, local_rank: int, here: int, count: int) -> torch.device:
    """The GPU of a process, one of `here` on a machine with `count` GPUs.

    Raises UsageError for more processes than GPUs, and where all of them would share one that was named.
    """
    import torch

    if device.index is None and here <= count:
        return torch.device("cuda", local_rank)
    if here == 1:
        return device
    if device.index is not None:
        each = argument("device", "cuda")
        raise UsageError(f"{here} processes cannot share {device}: {each} gives each a GPU of its own")
    raise UsageError(f"{here} processes need as many GPUs, and this machine shows {count}: start {count}")


def half_precision_note(device: torch.device | str, precision: str) -> str | None:
    """One line for the person who asked for `precision` ("fp32", "tf32", "bf16", "fp16"); None for nothing to say.

    A CPU without instructions for the type emulates each multiplication: convolutions take 30 times as long and more.
    """
    import torch

    kind = torch.device(device).type
    if precision == "tf32" and kind != "cuda":
        return "only NVIDIA's GPUs have TF32: here it is fp32"
    if kind != "cpu" or precision not in ("bf16", "fp16"):
        return None
    # The question that torch itself asks before it hands a convolution to oneDNN, its library for them.
    supported = torch.backends.mkldnn.is_available() and (
        torch.ops.mkldnn._is_mkldnn_bf16_supported()
        if precision == "bf16"
        else torch.ops.mkldnn._is_mkldnn_fp16_supported()
    )
    return (
        None
        if supported
        else f"this CPU has no {precision} arithmetic: {argument('precision', 'fp32')} is far faster here"
    )
