"""Where a page comes from, in words for its head."""

from __future__ import annotations

import shlex
import sys
from datetime import datetime
from pathlib import Path

from gantool.version import __version__


def origin(step_time: str = "") -> dict[str, str]:
    """What stands in the head of every page: the step time if it is known, the command, gantool's version, the date."""
    facts = {"step time": step_time, "command": _command(), "gantool": __version__}
    facts["written"] = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %z")
    return {name: fact for name, fact in facts.items() if fact}


def _command() -> str:
    """The command line of this process; empty for an interactive one."""
    program, *words = sys.argv or [""]
    name = Path(program).name
    if name in ("", "-c", "-m"):
        return ""
    return shlex.join(["gantool" if name == "__main__.py" else name, *words])
