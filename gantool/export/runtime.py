"""onnxruntime-web, by which a page runs a network: one file of npm's, which a person fetches once. gantool itself asks
nothing of a network, and no package of Python's brings it.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

from gantool.errors import UsageError

VERSION = "1.30.0"
FILE = f"onnxruntime-web-{VERSION}.tgz"
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"


@dataclass(frozen=True)
class Runtime:
    """What of the package goes into a page."""

    script: str
    """Its interface, which makes a global `ort`."""
    module: str
    """What starts its WebAssembly."""
    wasm: bytes
    """For one thread and more, with SIMD; no GPU."""


def place() -> Path:
    """Where the file is looked for: in the user's data folder."""
    home = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".local" / "share"
    return Path(home) / "gantool" / FILE


def check() -> None:
    """Raises UsageError, with the line that fetches it, where the file is missing or is another one."""
    _whole(place())


def fetching(folder: Path) -> str:
    """The command that fetches the file into this folder."""
    return f'mkdir -p "{folder}" && (cd "{folder}" && npm pack onnxruntime-web@{VERSION})'


def read() -> Runtime:
    """The parts of the file. Raises UsageError as `check`."""
    path = place()
    _whole(path)
    names = ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
    found: dict[str, bytes] = {}
    with tarfile.open(path) as package:
        for member in package:
            name = member.name.removeprefix("package/dist/")
            if name in names and (file := package.extractfile(member)) is not None:
                found[name] = file.read()
            if len(found) == len(names):
                break
    script, module, wasm = (found[name] for name in names)
    return Runtime(script.decode(), module.decode(), wasm)


def _whole(path: Path) -> None:
    fetch = fetching(path.parent)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"a page needs onnxruntime-web {VERSION} (33 MB), which is fetched once: {fetch}") from error
    if digest != SHA256:
        raise UsageError(f"{path} is not the file that npm has (its hash is another one); fetch it anew: {fetch}")
