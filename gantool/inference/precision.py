"""Whether a device calculates in half precision."""

from __future__ import annotations

import torch


def half_precision_note(device: torch.device | str, precision: str) -> str | None:
    """One line for the person who asked for `precision` ("fp32", "bf16", "fp16"); None where there is nothing to say.

    A CPU without instructions for the type emulates each multiplication: convolutions take 30 times as long and more.
    """
    if torch.device(device).type != "cpu" or precision not in ("bf16", "fp16"):
        return None
    # The question that torch itself asks before it hands a convolution to oneDNN, its library for them.
    supported = torch.backends.mkldnn.is_available() and (
        torch.ops.mkldnn._is_mkldnn_bf16_supported()
        if precision == "bf16"
        else torch.ops.mkldnn._is_mkldnn_fp16_supported()
    )
    return None if supported else f"this CPU has no {precision} arithmetic: --precision fp32 is far faster here"
