"""What a file is by its first bytes: people are sent pages, pointers and archives under the name of a checkpoint."""

from __future__ import annotations

import json
import re
import struct
import zipfile
from pathlib import Path

from gantool import contents
from gantool.counting import count_in_words
from gantool.errors import CheckpointError
from gantool.files import refuse_irregular

_UNPACK = "unpack it, and import the checkpoint inside"
STATE_DICT = "load it in PyTorch and save its state_dict() alone: torch.save(network.state_dict(), FILE)"
_PYTORCH = "gantool reads PyTorch's checkpoints (.pth, .pt, .ckpt) and safetensors"

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89HDF\r\n\x1a\n", f"is an HDF5 file, such as Keras's weights: {_PYTORCH}"),
    (
        b"\x04\0\0\0\x01\0\0\0\x03\0\0\0V 1",
        f"is a file of Torch7 (Lua), which PyTorch no longer reads: take a copy that was converted. {_PYTORCH}",
    ),
    (b"\x93NUMPY", f"is a NumPy array: {_PYTORCH}"),
    (b"GGUF", f"is a GGUF file of a language model: {_PYTORCH}"),
    (b"\x89PNG", "is a picture (PNG), no checkpoint"),
    (b"\xff\xd8\xff", "is a picture (JPEG), no checkpoint"),
    (b"GIF8", "is a picture (GIF), no checkpoint"),
    (b"II*\x00", "is a picture (TIFF), no checkpoint"),
    (b"MM\x00*", "is a picture (TIFF), no checkpoint"),
    (b"\x7fELF", "is a program, no checkpoint"),
)
_PART_OF_TENSORFLOW = re.compile(r".+\.(index|meta|data-\d{5}-of-\d{5})")
"""A checkpoint of TensorFlow is several files of these names."""
_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How torch.save began before PyTorch 1.6."""


def is_safetensors(path: Path) -> bool:
    """Whether the file is one of safetensors, whatever its name. Raises CheckpointError if it cannot be read."""
    head = _begin(path, 9)
    return len(head) == 9 and head[8:] == b"{" and struct.unpack("<Q", head[:8])[0] < path.stat().st_size


def is_plain_pickle(path: Path) -> bool:
    """Whether the file is a pickle of a protocol since 2, and none of torch.save."""
    head = _begin(path, len(_LEGACY))
    return len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5 and not head.startswith(_LEGACY)


def check(path: Path) -> None:
    """Raises CheckpointError that says what the file is, and the way out, if that is no checkpoint of PyTorch, nor a
    plain pickle, of which only reading tells what it holds."""
    head = _begin(path, 4096)
    if not head:
        raise CheckpointError(f"{path} is empty: {contents.AGAIN}")
    if what := _told(path, head):
        raise CheckpointError(f"{path} {what}")


def _begin(path: Path, count: int) -> bytes:
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder: name the checkpoint files in it")
    try:
        refuse_irregular(path)
        with path.open("rb") as file:
            return file.read(count)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise CheckpointError(f"cannot read {path}: {reason or error}") from error


def _told(path: Path, head: bytes) -> str | None:
    """What the file is, if it is no checkpoint."""
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            return what
    if head.startswith(b"PK"):
        return _zip(path)
    if _PART_OF_TENSORFLOW.fullmatch(path.name) and not head.startswith(_LEGACY):
        return (
            "is a part of a checkpoint of TensorFlow: read its variables there, with tf.train.load_checkpoint, and "
            "save them as tensors by name, with torch.save"
        )
    if found := contents.of(head):
        what, way = found
        return f"{what}: {_UNPACK if way == contents.UNPACK else contents.AGAIN if way == contents.DRAW else way}"
    if head[:4] == b"RIFF" or head[4:8] == b"ftyp":
        return "is a picture or a film, no checkpoint"
    if head[4:8] == b"TFL3":
        return f"is a model of TensorFlow Lite: {_PYTORCH}"
    if _onnx(head):
        return f"is an ONNX model, which cannot be trained on: {_PYTORCH}"
    return _text(head) if not head.startswith(b"\x80") else None


def _onnx(head: bytes) -> bool:
    """A message of Protocol Buffers that begins with the version of ONNX and the name of what wrote it."""
    return head[:1] == b"\x08" and head[1:2] < b"\x20" and (head[2:3] in (b"\x12", b"\x3a", b"\x42"))


def _zip(path: Path) -> str | None:
    """What a zip archive is, if it is not what torch.save writes."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, RecursionError):
        return f"is cut short or damaged: {contents.AGAIN}"
    ends = {name.rpartition("/")[2] for name in names}
    folders = {part for name in names for part in name.split("/")[:-1]}
    if "constants.pkl" in ends or "code" in folders:
        return f"is TorchScript, which holds code: {STATE_DICT}"
    if "data.pkl" in ends:
        return None
    if any(name.endswith("exported_program.json") for name in names) or "archive_format" in ends:
        return f"is a program that torch.export wrote: {STATE_DICT}"
    if names and all(name.endswith(".npy") for name in names):
        return f"is an archive of NumPy arrays (.npz): {_PYTORCH}"
    if any(name.endswith(".weights.h5") for name in names):
        return f"is a model of Keras: {_PYTORCH}"
    inside = [name for name in names if name.endswith((".pth", ".pt", ".ckpt", ".safetensors", ".bin", ".tar"))]
    within = f" ({json.dumps(inside[0][:80])[1:-1]})" if inside else ""
    return f"is a zip archive of {count_in_words(len(names), 'file')}{within}: {_UNPACK}"


def _text(head: bytes) -> str | None:
    text = contents.beginning(head)
    if text is None:
        return None
    if text.lstrip().startswith(("{", "[")):
        return (
            f"is text in JSON: the error message of a server ({contents.AGAIN}), or settings, which an import does"
            " without (leave it out)"
        )
    return f"is text, no checkpoint: {contents.AGAIN}"
