"""Which device to compute on, and whether it calculates in half precision. Imports torch only to ask it."""

from __future__ import annotations

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
    """The device of this name; "auto" is the first of cuda, mps and cpu that is there. Raises UsageError for others.

    Single precision is exact from then on: NVIDIA's TF32, on by default in convolutions, is switched off.
    """
    check_name(name)
    import torch

    torch.backends.cudnn.allow_tf32 = False
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


def half_precision_note(device: torch.device | str, precision: str) -> str | None:
    """One line for the person who asked for `precision` ("fp32", "bf16", "fp16"); None where there is nothing to say.

    A CPU without instructions for the type emulates each multiplication: convolutions take 30 times as long and more.
    """
    import torch

    if torch.device(device).type != "cpu" or precision not in ("bf16", "fp16"):
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
