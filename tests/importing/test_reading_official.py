"""Official files are read without running what is in them."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gantool.errors import CheckpointError
from gantool.importing.reading import leaves, read_official


class Bomb:
    """What a hostile file holds: unpickling it makes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_does_not_run(tmp_path: Path, zipped: bool) -> None:
    file, target = tmp_path / "net.pth", tmp_path / "it-ran"
    torch.save({"weight": torch.zeros(2), "extra": Bomb(target)}, file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"net\.pth is refused.*mkdir"):
        read_official(file)
    assert not target.exists()


@pytest.mark.parametrize("content", [nn.Linear(2, 2), {"weight": torch.zeros(2), "best": np.float64(3)}])
def test_whole_modules_and_foreign_objects_are_refused_with_their_name(tmp_path: Path, content: object) -> None:
    file = tmp_path / "net.pth"
    torch.save(content, file)
    with pytest.raises(CheckpointError, match=r"net\.pth is refused: it holds more than tensors \((torch|numpy)\S+\)"):
        read_official(file)


def test_nested_mappings_stay_nested(tmp_path: Path) -> None:
    file = tmp_path / "gen_00010000.pt"
    inside = {f"module.enc.{k}": torch.full((2,), float(k)) for k in range(2)}
    torch.save({"a": inside, "b": {"bias": nn.Parameter(torch.ones(1))}, "iterations": 7}, file)
    tensors = read_official(file)
    assert {key: value.tolist() for key, value in leaves(tensors)} == {
        "a.enc.0": [0, 0],
        "a.enc.1": [1, 1],
        "b.bias": [1],
    }
    assert not any(value.requires_grad for _, value in leaves(tensors))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.pth", b"", "is empty: download it again"),
        ("a.pth", b"<html>404 Not Found</html>", "is a web page (HTML)"),
        ("a.safetensors", b"\x00" * 40, "damaged"),
        ("a.pth", None, "No such file"),
        ("a.safetensors", None, "No such file"),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        read_official(file)
    assert words in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_cut_short(tmp_path: Path) -> None:
    file = tmp_path / "a.pth"
    torch.save({"weight": torch.zeros(1000)}, file)
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match="is cut short or damaged: download it again"):
        read_official(file)


@pytest.mark.parametrize(("content", "words"), [([1, 2], "holds a list"), ({"step": 3}, "holds no tensors")])
def test_files_without_tensors(tmp_path: Path, content: object, words: str) -> None:
    file = tmp_path / "a.pth"
    torch.save(content, file)
    with pytest.raises(CheckpointError, match=words):
        read_official(file)


def test_a_plain_pickle_is_no_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "a.pth"
    file.write_bytes(pickle.dumps({"weight": [1.0]}))
    with pytest.raises(CheckpointError, match=r"a\.pth"):
        read_official(file)
