"""How many threads decode and encode pictures."""

from __future__ import annotations

import os


def workers() -> int:
    """The processors that this process may use, between 2 and 16. Pillow lets go of the interpreter while it works."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    return min(max(usable, 2), 16)
