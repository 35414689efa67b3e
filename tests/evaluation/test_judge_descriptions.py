"""What a judge's description may say, and what is said of one that does not fit."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import nn

from gantool.errors import CheckpointError, UsageError
from gantool.evaluation.description import read_description
from gantool.evaluation.judge import load_judge
from tests.conftest import draw
from tests.evaluation.small_judges import Means, exported, segmenter


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("classes: []", "classes has 0 entries"),
        ("classez: [a]", "has no classez. Did you mean classes?"),
        ("classes: [{name: a, colour: [1, 2, 3]}]", r"classes\[0\] has no colour. Did you mean color?"),
        ("classes: [{name: a, color: [1, 2]}]", "color has 2 entries"),
        ("classes: [{name: a, color: [1, 2, 256]}]", "a whole number from 0 to 255"),
        ("classes: [{name: a, color: [1, 2, 3]}, b]", "b has no color"),
        ("classes: [{name: a, id: 1}, b]", "2 classes have the id 1"),
        ("classes: [a, 7]", r"classes\[1\] is 7, not a table"),
        ("classes: [a, b]\ninput: {size: 20by10}", "WIDTHxHEIGHT"),
        ("classes: [a, b]\ninput: {mean: [1, 2]}", "mean has 2 entries, not 3 to 3"),
        ("classes: [a, b]\ninput: {std: [1, 0, 1]}", "a number above 0"),
        ("classes: [a, b]\ninput: {resize: lanczos}", "one of bilinear, bicubic"),
        ("network: none.onnx\nclasses: [a]", "there is no file .*none.onnx"),
        ("- a", "must hold keys and values"),
    ],
)
def test_a_fault_is_told_in_one_line(tmp_path, text, problem):
    file = tmp_path / "judge.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=problem) as told:
        read_description(file)
    assert "judge.yaml" in str(told.value) or "none.onnx" in str(told.value)
    assert "\n" not in str(told.value)


def test_what_an_input_is_unless_said_otherwise(tmp_path):
    file = tmp_path / "judge.yaml"
    file.write_text("classes: [a]")
    assert (read_description(file).input.scale, read_description(file).input.mean) == (1, (0.5,))  # [-1, 1]
    file.write_text("classes: [a]\ninput: {scale: 255}")
    found = read_description(file).input
    assert (found.scale, found.mean, found.std) == (255, (0,), (1,))


def test_a_name_finds_its_class_or_says_why_not(tmp_path):
    file = tmp_path / "judge.yaml"
    file.write_text("classes: [{name: Polar bear, also: [trainB]}, crane, crane]")
    known = read_description(file)
    assert [known.place(name) for name in ("Polar bear", "polar_bear", "trainB")] == [0, 0, 0]
    with pytest.raises(UsageError, match='"crane" is the name of 2 classes'):
        known.place("crane")


def test_files_that_are_missing_are_named_before_anything_else(main, tmp_path, monkeypatch):
    draw(tmp_path / "a", 1, seed=1)  # too few, which would be the next complaint
    assert "there is no file net.onnx" in main("eval", "a", "a", "--judge", "net.onnx", code=2)[2]
    (tmp_path / "net.onnx").write_bytes(b"no")
    refused = main("eval", "a", "a", "--judge", "net.onnx", code=2)[2]
    assert "net.onnx has no description beside it: net.yaml" in refused
    assert "is a network (.onnx) or its description (.yaml)" in main("eval", "a", "a", "--judge", "a.pt", code=2)[2]
    (tmp_path / "net.txt").write_text("cat\ndog\n")
    (tmp_path / "net.onnx.data").write_bytes(b"weights")
    assert [file.name for file in read_description(tmp_path / "net.onnx").files] == [
        "net.onnx",
        "net.onnx.data",
        "net.txt",
    ]
    assert "net.onnx is no network in ONNX" in main("eval", "a", "a", "--judge", "net.onnx", code=4)[2]
    assert "--labels goes with --judge" in main("eval", "a", "a", "--labels", "a", code=2)[2]
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as where it is not installed
    refused = main("eval", "a", "a", "--judge", "net.onnx", code=2)[2]
    assert '--judge with a network in ONNX needs: pip install "gantool[onnx]"' in refused


class Halves(nn.Module):
    """Values that are no numbers."""

    def forward(self, images):
        return (images.mean((2, 3)) - 1e9).sqrt()


def test_a_network_that_is_not_the_one_described(tmp_path):
    pytest.importorskip("onnxruntime")
    labels = tmp_path / "net.txt"
    file = exported(Means(), tmp_path / "net.onnx")
    labels.write_text("a\nb\n")
    with pytest.raises(CheckpointError, match=r"net.onnx tells 3 classes apart, and .*net.txt names 2"):
        load_judge(file)
    labels.write_text("a\nb\nc\n")
    with pytest.raises(UsageError, match="a class for each picture, not for each pixel: leave out labels"):
        load_judge(file, labels=tmp_path)
    described = tmp_path / "net.yaml"
    described.write_text("classes: [a, b, c]\ninput: {channels: grey}")
    with pytest.raises(UsageError, match=r"input.channels is grey, and the network takes 3"):
        load_judge(file)
    described.unlink()
    with pytest.raises(UsageError, match="looks at each pixel, not at what a picture shows: leave out expect"):
        load_judge(exported(segmenter(), file), expect="a")
    broken = load_judge(exported(Halves(), file))
    pictures = [np.zeros((4, 4, 3), np.uint8)]
    with pytest.raises(CheckpointError, match="gives values that are not numbers"):
        list(broken.answers(pictures, None, "", lambda *said: None))


def test_a_network_of_ids_a_grey_one_and_one_of_a_size(tmp_path):
    """What pictures become is what the network says it takes."""
    pytest.importorskip("onnxruntime")

    class Ids(nn.Module):
        def forward(self, images):
            return (images[:, 0] > 0).to(torch.int64)

    (tmp_path / "net.txt").write_text("dark\nbright\n")
    judge = load_judge(exported(Ids(), tmp_path / "net.onnx", channels=1))
    assert not judge.classifies
    ramp = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    grey, colour = ramp[..., None], np.stack([(ramp // 257).astype(np.uint8)] * 3, axis=2)
    for answer in judge.answers([grey, colour], None, "", lambda *said: None):
        assert np.array_equal(answer, ramp // 257 > 127)
    halved = next(judge.answers([colour], (8, 8), "", lambda *said: None))
    assert halved.shape == (8, 8)
