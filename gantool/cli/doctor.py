"""`gantool doctor`."""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from gantool.byte_sizes import bytes_in_words
from gantool.cli import common
from gantool.errors import GantoolError
from gantool.files import check_folder
from gantool.report.text import to_json

_NEEDED = ("torch", "numpy", "pillow", "safetensors", "typer", "rich", "pyyaml", "entrypoints", "jinja2", "filelock")
_OPTIONAL = {
    **dict.fromkeys(("onnx", "onnxscript", "onnxruntime"), "gantool[onnx]"),
    "av": "gantool[video]",
    "huggingface_hub": "gantool[hub]",
}


def doctor(json: common.Json = False, quiet: common.Quiet = 0, verbose: common.Verbose = 0) -> None:
    """Check the machine: Python, packages, devices, memory, disk, picture formats, plugins.

    gantool doctor
    """
    from importlib.metadata import version

    console = common.console(quiet, verbose, json)
    checks: dict[str, Callable[[], str]] = {
        "gantool": lambda: version("gantool"),
        "python": lambda: f"{platform.python_version()} on {platform.platform()}",
        "packages": lambda: ", ".join(f"{name} {version(name)}" for name in _NEEDED),
        "extras": _extras,
        "devices": _devices,
        "precision": _precision,
        "memory": _memory,
        "disk": _disk,
        "formats": _formats,
        "plugins": _plugins,
    }
    rows, failed = [], False
    for name, check in checks.items():
        try:
            rows.append({"check": name, "ok": True, "found": check()})
        except Exception as error:  # whatever is wrong with this machine is what was asked
            failed = True
            kind = "" if isinstance(error, GantoolError) else f"{type(error).__name__}: "
            rows.append({"check": name, "ok": False, "found": f"{kind}{error}"})
    if json:
        console.result(to_json(rows))
    console.table(
        "", ["check", "", "found"], [[row["check"], "ok" if row["ok"] else "FAILED", row["found"]] for row in rows]
    )
    if failed:
        sys.exit(1)


def _extras() -> str:
    from importlib.metadata import PackageNotFoundError, version

    words = []
    for name, extra in _OPTIONAL.items():
        try:
            words.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            words.append(f'{name} is not installed (pip install "{extra}")')
    return ", ".join(words)


def _devices() -> str:
    import torch

    from gantool.inference.devices import gpu_in_words

    words = [f"cpu with {torch.get_num_threads()} threads"]
    for i in range(torch.cuda.device_count()):
        gpu = gpu_in_words(torch.cuda.get_device_capability(i), *torch.cuda.mem_get_info(i))
        words.append(f"cuda:{i} {torch.cuda.get_device_name(i)} ({gpu})")
    if torch.backends.mps.is_available():
        words.append("mps")
    return ", ".join(words)


def _precision() -> str:
    from gantool.inference.devices import choose, half_precision_note

    device = choose("auto")
    words = [
        f"{name}{' (far slower than fp32 here)' if half_precision_note(device, name) else ''}"
        for name in ("bf16", "fp16")
    ]
    exact = ["fp32 (exact)", *(["tf32 (train)"] if half_precision_note(device, "tf32") is None else [])]
    return ", ".join([*exact, *words])


def _memory() -> str:
    from gantool.inference.memory import available

    return f"{bytes_in_words(available('cpu'))} free"


def _disk() -> str:
    check_folder(Path.cwd())
    with tempfile.NamedTemporaryFile(dir=Path.cwd()) as file:
        file.write(b"gantool")
        file.flush()
    return f"{bytes_in_words(shutil.disk_usage(Path.cwd()).free)} free here, writable"


def _formats() -> str:
    from PIL import features

    from gantool.pictures import extras

    names = {"jpg": "JPEG", "zlib": "PNG", "webp": "WebP", "libtiff": "TIFF", "avif": "AVIF", "jpg_2000": "JPEG 2000"}
    words = [name if features.check(key) else f"no {name}" for key, name in names.items()]
    more = [name if extras.can_read(name) else f"no {name} ({extras.INSTALL})" for name in extras.FORMATS]
    return ", ".join([*words, *more])


def _plugins() -> str:
    from gantool.cli.plugins import try_all

    errors = try_all()
    broken = [f"{name}: {error}" for name, error in errors.items() if error]
    if broken:
        raise RuntimeError("; ".join(broken))
    return ", ".join(errors)
