"""Draws docs/images/terminal.svg: a training and a translation of the emoji that come with gantool, as a terminal shows
them. They really run, half a minute on a CPU: `python docs/terminal.py`, after the words of these verbs change.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shutil
import struct
import sys
import tempfile
import termios
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from gantool.examples import EMOJI

PICTURE = Path(__file__).parent / "images" / "terminal.svg"
COMMANDS = (
    "gantool train cyclegan trainA trainB -o runs/emoji --preset smoke",
    "gantool translate --model runs/emoji testA out/",
)
WIDTH = 100

# rich's own frame names a font on another host: this one takes what the system has.
FRAME = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>gantool trains a model, then translates with it</title>
<style>
.{unique_id}-matrix {{ font: {char_height}px ui-monospace, Menlo, Consolas, monospace; line-height: {line_height}px; }}
.{unique_id}-title {{ font: bold 18px system-ui, sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g></g></svg>
"""


def main() -> None:
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True, color_system="truecolor")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(EMOJI, folder, dirs_exist_ok=True)
        for command in COMMANDS:
            console.print(Text.assemble(("$ ", "bold green"), (command, "bold")), no_wrap=True)
            console.print(Text.from_ansi("\n".join(screen(run(command, folder)))), no_wrap=True)
    svg = console.export_svg(title="gantool", theme=MONOKAI, code_format=FRAME, unique_id="terminal")
    PICTURE.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")


def run(command: str, folder: str) -> str:
    """What a terminal of WIDTH columns is sent by the command, which has to succeed."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        os.execvpe("/bin/sh", ["sh", "-c", f"exec {command}"], os.environ | {"PATH": path, "TERM": "xterm-256color"})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, WIDTH, 0, 0))
    sent = b""
    try:
        while part := os.read(terminal, 1 << 16):
            sent += part
    except OSError:  # this is how Linux says that the other side is closed
        pass
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit(f"{command} failed:\n{sent.decode()}")
    return sent.decode()


def screen(sent: str) -> list[str]:
    """The lines that remain, with their colours: a bar that was drawn anew is what it was last."""
    lines = [""]
    for part in re.split(r"(\r\n|\x1b\[2K|\x1b\[1A|\x1b\[\?25[lh]|\r)", sent):
        if part == "\r\n":
            lines.append("")
        elif part == "\x1b[2K":
            lines[-1] = ""
        elif part == "\x1b[1A":
            lines.pop()
        elif not re.fullmatch(r"\r|\x1b\[\?25[lh]", part):
            lines[-1] += part
    return lines


if __name__ == "__main__":
    main()
