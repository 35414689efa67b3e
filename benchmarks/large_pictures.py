"""Memory and time of one large picture: textbook, gantool as a whole, gantool in strips. A process each. Linux only
(/proc).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

WAYS = ("textbook", "whole", "strips")


def large_picture(pixels: int, folder: Path) -> dict[str, dict[str, Any]]:
    """For each way: `bytes` of memory over the loaded network at the peak, CPU `seconds`, and `levels`, the largest
    difference from the textbook's picture in grey levels (0 to 255, before rounding)."""
    found: dict[str, dict[str, Any]] = {}
    for way in WAYS:
        file = folder / f"{way}.pt"
        done = subprocess.run(
            [sys.executable, __file__, way, str(pixels), file], check=True, stdout=subprocess.PIPE, text=True
        )
        picture, book = torch.load(file), torch.load(folder / f"{WAYS[0]}.pt")
        found[way] = {**json.loads(done.stdout), "levels": (picture - book).abs().max().item() * 127.5}
    return found


def _measure(way: str, pixels: int, file: Path) -> dict[str, float]:
    import textbook

    from gantool.inference.ways import ROWS
    from gantool.networks.resnet import ResnetGenerator

    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = book = textbook.generator()
    if way != "textbook":
        network = ResnetGenerator(3, 3)
        textbook.take_weights(network, book)
        network.strip_rows = ROWS if way == "strips" else None
    del book
    x = torch.rand(1, 3, pixels, pixels, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        network(x[..., :64, :64])  # what the first pass loads and compiles is not the picture's
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        before, started = _status("VmRSS"), time.process_time()
        y = network(x)
        seconds, peak = time.process_time() - started, _status("VmHWM")
    torch.save(y, file)
    return {"bytes": peak - before, "seconds": seconds}


def _status(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))))
