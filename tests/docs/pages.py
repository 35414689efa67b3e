"""The pages of the documentation as data, and a place in which their commands run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GENERATED = (DOCS / "help", DOCS / "models" / "options")
"""Folders of pages that docs/generate.py writes."""

_BLOCK = re.compile(
    r"(?:^<!-- (?P<kind>not run|file): (?P<note>[^\n]+?) -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.M | re.S
)

QUICK = {
    "GANTOOL_STEPS": "2",
    "GANTOOL_SIZE": "36",
    "GANTOOL_CROP": "32",
    "GANTOOL_SAMPLE_EVERY": "1000",
    "OMP_NUM_THREADS": "1",
}
"""The documented settings from the environment: short trainings, whatever preset a page names."""


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: Path
    line: int
    language: str
    code: str
    kind: str
    """"not run", "file" or empty: what the comment before it says, and `note` its words."""
    note: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}, line {self.line}"


def pages() -> list[Path]:
    """Every page that people write."""
    written = [page for page in sorted(DOCS.rglob("*.md")) if page.parent not in GENERATED]
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *written]


def blocks(page: Path) -> Iterator[Block]:
    """The page's fenced blocks in order."""
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("language")) + 1
        yield Block(page, line, found["language"], found["code"], found["kind"] or "", found["note"] or "")


def run(page: Path, folder: Path, commands: Path, **environment: str) -> None:
    """Runs the page's sh and python blocks one after the other in this folder, with the `gantool` and the
    `python` in `commands`.

    Fails with the place and the output.
    """
    path = os.pathsep.join([str(commands), str(Path(sys.executable).parent), os.environ["PATH"]])
    for block in blocks(page):
        if block.kind or block.language not in ("sh", "python"):
            continue
        words = ["bash", "-euo", "pipefail", "-c"] if block.language == "sh" else [commands / "python", "-c"]
        done = subprocess.run(
            [*words, block.code],
            cwd=folder,
            env={**os.environ, **QUICK, "PATH": path, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        output = (done.stdout + done.stderr).decode(errors="replace")
        assert done.returncode == 0, f"{block.place} ended with {done.returncode}:\n{block.code}\n{output}"
