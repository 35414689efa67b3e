"""How much memory tensors take, counted by torch: what a process holds also depends on what ran before in it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from torch.profiler import ProfilerActivity, profile


def most_held(function: Callable[[], object]) -> int:
    """The most bytes that tensors made by this call held at once, on the CPU."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        function()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace.json")
        watched.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text())["traceEvents"]
    held = most = 0
    for event in sorted((event for event in events if event["name"] == "[memory]"), key=lambda event: event["ts"]):
        held += event["args"]["Bytes"]
        most = max(most, held)
    return most
