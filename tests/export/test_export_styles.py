"""Exported files with a style code, further outputs, one size only, or label maps: models that no CycleGAN is."""

from __future__ import annotations

import json

import numpy as np
import onnxruntime
import pytest
import torch
from torch.export.passes import move_to_device_pass

from gantool.inference.engine import Engine
from gantool.runs import checkpoint
from gantool.spec import Direction, LabelMaps, Pictures, Spec
from tests.export.small import Casting, Counting, Labelled, OneSize, Styled, Told, exported, noise, run

pytestmark = pytest.mark.usefixtures("one_exporter")


def codes(count: int) -> np.ndarray:
    return np.random.default_rng(count).standard_normal((count, 4)).astype(np.float32)


@pytest.mark.parametrize("format", ["onnx", "pt2"])
def test_a_style_is_a_second_input_and_every_output_is_there(saved, tmp_path, format):
    weights = saved(Styled)
    report = exported(weights, tmp_path / f"m.{format}")
    assert report.inputs == {
        "image": "float32 (N, 3, H, W) in [-1, 1]",
        "style": "float32 (N, 4): a style code for each picture",
    }
    assert report.outputs == {"translation": "float32 (N, 3, H, W) in [-1, 1]", "heat": "float32"}
    if format == "onnx":
        session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
        shapes = {value.name: value.shape for value in (*session.get_inputs(), *session.get_outputs())}
        assert list(shapes) == ["image", "style", "translation", "heat"]
        assert shapes["style"] == ["batch", 4]
        assert shapes["heat"] == ["batch", 1, "heat_height", "heat_width"]
        notes = json.loads(session.get_modelmeta().custom_metadata_map["gantool"])
        assert (notes["inputs"], notes["outputs"]) == (report.inputs, report.outputs)
    model = checkpoint.load_model(weights)[1]
    for count, height, width in [(1, 4, 6), (3, 20, 10)]:
        images, style = noise(count, 3, height, width).astype(np.float32) / 127.5 - 1, codes(count)
        found = run(tmp_path / f"m.{format}", {"image": images, "style": style})
        with torch.no_grad():
            expected = model.both(torch.from_numpy(images), torch.from_numpy(style))
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-5, atol=1e-6)  # one rounding, 4e-7 of values to 1


def test_pixels_are_for_the_pictures_alone(saved, tmp_path):
    weights = saved(Styled)
    report = exported(weights, tmp_path / "m.pt2", image_io=True)
    assert report.inputs["image"] == report.outputs["translation"] == "uint8 (N, H, W, 3) in [0, 255]"
    pixels, style = noise(2, 8, 12, 3), codes(2)
    found, heat = run(tmp_path / "m.pt2", {"image": pixels, "style": style})
    engine = Engine(checkpoint.load_model(weights)[1])
    expected = engine.translate([*pixels], Direction("photo", "painting"), codes=torch.from_numpy(style))
    assert np.abs(found.astype(int) - np.stack(expected)).max() <= 1  # a value between two levels may go either way
    assert heat.shape == (2, 1, 4, 6)


@pytest.mark.parametrize("format", ["onnx", "pt2"])
def test_a_model_of_one_size_has_that_size_in_its_file(saved, tmp_path, format):
    report = exported(saved(OneSize), tmp_path / f"m.{format}")
    assert report.sizes == {"exact": 24}
    assert report.compared == ((1, 24, 24), (2, 24, 24), (3, 24, 24))
    if format == "onnx":
        session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
        assert session.get_inputs()[0].shape == ["batch", 3, 24, 24]
    (found,) = run(tmp_path / f"m.{format}", {"image": np.zeros((5, 3, 24, 24), np.float32)})
    assert found.shape == (5, 3, 24, 24)


def test_label_maps_go_in_as_their_ids(saved, tmp_path):
    weights = saved(Labelled, Spec(("labels", "photo"), (LabelMaps(5, instances=True), Pictures()), 16))
    report = exported(weights, tmp_path / "m.onnx", image_io=True)
    assert report.inputs == {"image": "int32 (N, H, W, 2): classes 0 to 4, instances"}
    ids = np.random.default_rng(0).integers(0, 5, (1, 9, 13, 2), dtype=np.int32)
    (found,) = run(tmp_path / "m.onnx", {"image": ids})
    (expected,) = Engine(checkpoint.load_model(weights)[1]).translate([*ids], Direction("labels", "photo"))
    assert np.abs(found[0].astype(int) - expected).max() <= 1


@pytest.mark.parametrize(("name", "image_io"), [("m.onnx", False), ("m.pt2", True)])
def test_a_target_can_be_an_input(saved, tmp_path, name, image_io):
    weights = saved(Told)
    report = exported(weights, tmp_path / name, image_io=image_io)
    assert report.inputs["label"] == "float32 (N, 4), 0 or 1: photo, painting, sketch, relief"
    pixels = noise(2, 9, 13, 3)
    images = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).astype(np.float32) / 127.5 - 1
    labels = np.eye(4, dtype=np.float32)[[3, 0]]
    (found,) = run(tmp_path / name, {"image": pixels if image_io else images, "label": labels})
    with torch.no_grad():
        model, told = checkpoint.load_model(weights)[1], torch.from_numpy(labels)
        expected = model.translate(torch.from_numpy(images), source=0, target=1, condition=told).numpy()
    if image_io:
        found = found.transpose(0, 3, 1, 2) / 127.5 - 1
    np.testing.assert_allclose(found, expected, atol=1 / 127.5 if image_io else 1e-6)


@pytest.mark.parametrize("format", ["onnx", "pt2"])
def test_a_part_is_exported_and_compared_by_itself(saved, tmp_path, format):
    weights = saved(Told)
    report = exported(weights, tmp_path / f"m.{format}", part="first")
    assert (report.inputs, report.outputs) == (
        {"picture": "float32 (N, 3, 8, 8)"},
        {"features": "float32 (N, 4, 8, 8)"},
    )
    assert (report.part, report.target, report.compared) == ("first", None, ((1,), (2,), (3,)))
    if format == "onnx":
        notes = onnxruntime.InferenceSession(tmp_path / "m.onnx").get_modelmeta().custom_metadata_map["gantool"]
        assert json.loads(notes)["part"] == "first"
    images = torch.rand(5, 3, 8, 8)
    with torch.no_grad():
        expected = checkpoint.load_model(weights)[1].into(images).numpy()
    (found,) = run(tmp_path / f"m.{format}", {"picture": images.numpy()})
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("kind", [Casting, Counting])
def test_a_pt2_file_moves_to_another_device(saved, tmp_path, kind):
    """To torch's device without values, which refuses what stays on the CPU as every other does."""
    exported(saved(kind), tmp_path / "m.pt2")
    program = torch.export.load(tmp_path / "m.pt2")
    named = [node.name for node in program.graph.nodes if torch.device("cpu") in (*node.args, *node.kwargs.values())]
    assert named == (["arange"] if kind is Counting else []), "what is made on a device, and no check of one"
    moved = move_to_device_pass(program, "meta").module()
    made = moved(torch.empty(2, 3, 20, 12, device="meta"))
    assert (made.shape, made.device.type) == ((2, 3, 20, 12), "meta")
