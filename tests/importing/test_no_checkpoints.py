"""What people are sent under the name of a checkpoint is named in one line, with the way out."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from gantool.errors import CheckpointError
from gantool.importing.reading import read_official


def _zip(path: Path, **files: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)


def _tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("net.pth"))


def _onnx(path: Path) -> None:
    network = nn.Linear(2, 2)
    buffer = io.BytesIO()
    torch.onnx.export(network, (torch.zeros(1, 2),), buffer, dynamo=False)
    path.write_bytes(buffer.getvalue())


def _whole(path: Path) -> None:
    torch.save(nn.Linear(2, 2), path)


WEIGHTS = {"weight": torch.zeros(1000)}

KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "page": (lambda p: p.write_text("\n <!DOCTYPE html><html>Quota exceeded"), "is a web page .* download it again"),
    "page with a mark": (lambda p: p.write_text("\ufeff<html>", encoding="utf-8"), "is a web page"),
    "xml": (lambda p: p.write_text("<?xml version='1.0'?><Error>AccessDenied"), "text in XML.*server"),
    "json": (lambda p: p.write_text(json.dumps({"error": "rate limit"})), "text in JSON.*server"),
    "text": (
        lambda p: p.write_text("404: Nicht gefunden \u00e4\u00f6\u00fc" * 500, encoding="utf-8"),
        "is text, no checkpoint",
    ),
    "lfs": (lambda p: p.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "git lfs pull"),
    "empty": (lambda p: p.touch(), "is empty: download it again"),
    "folder": (lambda p: p.mkdir(), "is a folder: name the checkpoint files"),
    "pipe": (lambda p: os.mkfifo(p), "it is a pipe, not a file"),
    "zip": (lambda p: _zip(p, weights_pth=b"x"), r"is a zip archive of 1 file \(weights.pth\): unpack"),
    "empty zip": (lambda p: _zip(p), "is a zip archive of 0 files"),
    "tar": (_tar, "is a tar archive: unpack"),
    "gzip": (lambda p: p.write_bytes(gzip.compress(b"x")), "gzip.*unpack"),
    "bzip2": (lambda p: p.write_bytes(bz2.compress(b"x")), "bzip2.*unpack"),
    "xz": (lambda p: p.write_bytes(lzma.compress(b"x")), "xz.*unpack"),
    "zstd": (lambda p: p.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(50)), "Zstandard.*unpack"),
    "rar": (lambda p: p.write_bytes(b"Rar!\x1a\x07\x01\x00" + bytes(50)), "RAR archive: unpack"),
    "7z": (lambda p: p.write_bytes(b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(50)), "7z archive: unpack"),
    "picture": (lambda p: Image.new("RGB", (9, 9)).save(p, format="PNG"), r"is a picture \(PNG\)"),
    "webp": (lambda p: Image.new("RGB", (9, 9)).save(p, format="WEBP"), "is a picture"),
    "h5": (lambda p: p.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(90)), "HDF5.*Keras.*PyTorch"),
    "onnx": (_onnx, "is an ONNX model"),
    "torch7": (
        lambda p: p.write_bytes(b"\x04\0\0\0\x01\0\0\0\x03\0\0\0V 1\x0d\0\0\0nn.Sequential" + bytes(90)),
        r"is a file of Torch7 \(Lua\).*PyTorch",
    ),
    "numpy": (lambda p: np.save(p.open("wb"), np.zeros(3)), "is a NumPy array"),
    "npz": (lambda p: np.savez(p.open("wb"), a=np.zeros(3)), "archive of NumPy arrays"),
    "pickle": (lambda p: p.write_bytes(pickle.dumps({"weight": [1.0]})), "torch.save did not write.*state_dict"),
    "module": (_whole, r"refused: it holds more than tensors \(torch.nn.modules.linear.Linear\).*state_dict"),
    "script": (
        lambda p: torch.jit.script(nn.Linear(2, 2)).save(p),
        r"is TorchScript, which holds code.*state_dict\(\)",
    ),
    "trace": (lambda p: torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)).save(p), "is TorchScript"),
    "program": (
        lambda p: torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),)), p.open("wb")),
        "a program that torch.export wrote",
    ),
    "list": (lambda p: torch.save([torch.zeros(2)], p), "holds a list, not tensors by name"),
    "tensor": (lambda p: torch.save(torch.zeros(2), p), "holds a Tensor, not tensors by name"),
    "numbers": (lambda p: torch.save({"epoch": 3}, p), "holds no tensors"),
    "zeros": (lambda p: p.write_bytes(bytes(5000)), "begins with zeros alone.*download it again"),
    "noise": (lambda p: p.write_bytes(np.random.default_rng(0).bytes(5000)), "damaged or no PyTorch file"),
    "legacy, cut": (
        lambda p: [
            torch.save(WEIGHTS, p, _use_new_zipfile_serialization=False),
            p.write_bytes(p.read_bytes()[:600]),
        ],
        "damaged or no PyTorch file",
    ),
    "cut": (lambda p: [torch.save(WEIGHTS, p), p.write_bytes(p.read_bytes()[:2000])], "cut short or damaged"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore")
def test_it_is_named_in_one_line(tmp_path, kind):
    make, words = KINDS[kind]
    file = tmp_path / "latest_net_G_A.pth"
    make(file)
    with pytest.raises(CheckpointError, match=words) as caught:
        read_official(file)
    said = str(caught.value)
    assert said.removeprefix("cannot read ").startswith(str(file))
    assert "\n" not in said
    assert "weights_only" not in said


@pytest.mark.parametrize("name", ["AGGAN-95.data-00000-of-00001", "AGGAN-95.index", "AGGAN-95.meta"])
def test_tensorflow_is_named(tmp_path, name):
    file = tmp_path / name
    file.write_bytes(np.random.default_rng(0).bytes(500))
    with pytest.raises(
        CheckpointError, match=rf"{re.escape(name)} is a part of a checkpoint of TensorFlow: read its variables"
    ):
        read_official(file)


@pytest.mark.parametrize("zipped", [True, False])
def test_checkpoints_are_still_read(tmp_path, zipped):
    file = tmp_path / "any.name"
    torch.save(WEIGHTS, file, _use_new_zipfile_serialization=zipped)
    assert read_official(file).keys() == {"weight"}
