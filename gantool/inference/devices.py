"""Which device to compute on."""

from __future__ import annotations

import torch

from gantool.errors import UsageError


def choose(name: str) -> torch.device:
    """The device of this name; "auto" is the first of cuda, mps and cpu that is there. Raises UsageError for others.

    Single precision is exact from then on: NVIDIA's TF32, on by default in convolutions, is switched off.
    """
    torch.backends.cudnn.allow_tf32 = False
    if name == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(kind)
    kind, colon, number = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (colon and not number.isdecimal()):
        raise UsageError(f'there is no device "{name}": auto, cpu, cuda, cuda:1, mps')
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count == 0:
            raise UsageError(f"--device {name}: this torch sees no CUDA device. See: gantool doctor")
        if number and int(number) >= count:
            raise UsageError(f"--device {name}: there are only cuda:0 to cuda:{count - 1}")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UsageError(f"--device {name}: this torch sees no Apple GPU. See: gantool doctor")
    return torch.device(name)
