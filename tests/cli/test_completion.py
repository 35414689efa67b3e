"""Completion in the shells themselves: installed as the help says, and asked for with the Tab key."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="types into a terminal of Linux"),
]

SHELLS = {"bash": ["bash", "-i"], "zsh": ["zsh", "-i"]}


class Terminal:
    """A shell that somebody types into."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.shown = ""

    def type(self, text: str, until: str) -> str:
        """Types, and waits until the screen shows this pattern. Returns what was shown since."""
        os.write(self.descriptor, text.encode())
        start = len(self.shown)
        while not re.search(until, self.shown[start:]):
            # A limit for a shell that hangs, not one on its speed.
            ready, _, _ = select.select([self.descriptor], [], [], 60)
            assert ready, f"waited for {until!r}: {self.shown[start:]!r}"
            self.shown += os.read(self.descriptor, 1 << 16).decode(errors="replace")
        return self.shown[start:]


@contextmanager
def shell(name: str, home: Path) -> Iterator[Terminal]:
    """A shell of a person who has nothing set up; its prompt is `ready> `."""
    child, descriptor = pty.fork()
    if child == 0:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        kept = {"PATH": path, "HOME": str(home), "TERM": "dumb", "LANG": "C.UTF-8"}
        os.chdir(home)
        os.execvpe(name, SHELLS[name], kept)
    try:
        yield Terminal(descriptor)
    finally:
        os.close(descriptor)  # a shell whose terminal goes away ends
        os.waitpid(child, 0)


@pytest.mark.parametrize("name", SHELLS)
def test_tab_completes_after_the_installation(name, tmp_path):
    if shutil.which(name) is None:
        pytest.skip(f"needs {name}: apt-get install {name}")
    (tmp_path / ".bashrc").write_text("PS1='ready> '\n")
    (tmp_path / ".zshrc").write_text("PS1='ready> '\n")
    with shell(name, tmp_path) as terminal:
        terminal.type("", "ready> ")
        terminal.type("gantool --install-completion\n", r"(?s)completion installed.*ready> ")
    with shell(name, tmp_path) as terminal:
        terminal.type("", "ready> ")
        if name == "zsh":  # typer's script is loaded by the first Tab, and completes from the second one on
            terminal.type("gantool tran\t", "\a|slate")
        terminal.type("\x15gantool tran\t", "slate")
        terminal.type("\x15gantool train cyclegan --preset smo\t", "ke ")
