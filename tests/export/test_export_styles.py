"""Exported files with a style code, further outputs, one size only, or label maps: models that no CycleGAN is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantool.errors import CheckpointError, UsageError
from gantool.export.session import export_model
from gantool.inference.engine import Engine
from gantool.model import ImageSpec, Model, Part, Sizes
from gantool.runs import checkpoint, folders

SPEC = ImageSpec(("photo", "painting"), (3, 3), 16)


class Styled(Model):
    """One convolution whose features a style code of four numbers shifts, and a heat map at half the resolution."""

    sizes = Sizes(multiple=2, minimum=4)
    style_size = 4
    exported_outputs = ("translation", "heat")

    @dataclass(frozen=True, kw_only=True)
    class Options:
        pass

    def __init__(self, options: object, spec: ImageSpec) -> None:
        super().__init__(options, spec)
        self.into, self.out = nn.Conv2d(spec.channels[0], 4, 3, padding=1), nn.Conv2d(4, spec.channels[1], 1)

    def translate(self, images: Tensor, *, source: str, target: str, style: Tensor | None = None) -> Tensor:
        assert style is not None
        return self.both(images, style)[0]

    def both(self, images: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        features = self.into(images) + style[:, :, None, None]
        return self.out(features).tanh(), 100 * F.avg_pool2d(features, 2).square().sum(1, keepdim=True)

    def exported(self, *, source: str, target: str) -> nn.Module:
        return _Both(self)


class _Both(nn.Module):
    def __init__(self, model: Styled) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        return self.model.both(images, style)


class WrongHeat(Styled):
    """Its heat map is another one in an exported file."""

    def both(self, images: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        picture, heat = super().both(images, style)
        return picture, heat * 1.1 if torch.compiler.is_exporting() else heat


class OneSize(Styled):
    sizes = Sizes(exact=24)
    style_size = 0
    exported_outputs = ("translation",)

    def translate(self, images: Tensor, *, source: str, target: str, style: Tensor | None = None) -> Tensor:
        return self.out(self.into(images)).tanh()

    def exported(self, *, source: str, target: str) -> nn.Module:
        return Model.exported(self, source=source, target=target)


class Told(OneSize):
    """Its target is an input; one part can be exported by itself."""

    sizes = Sizes()
    label_names = ("photo", "painting", "sketch", "relief")

    def target_label(self, images: Tensor, *, target: str) -> Tensor:
        return F.one_hot(torch.full((len(images),), self.label_names.index(target)), 4).float()

    def told(self, images: Tensor, label: Tensor) -> Tensor:
        return self.out(self.into(images) + label[:, :, None, None]).tanh()

    def translate(self, images: Tensor, *, source: str, target: str, style: Tensor | None = None) -> Tensor:
        return self.told(images, self.target_label(images, target=target))

    def exported(self, *, source: str, target: str) -> nn.Module:
        return _Told(self)

    def parts(self) -> dict[str, Part]:
        images = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        return {"first": Part(self.into, {"picture": images}, "features"), "wrong": Part(_Half(), {"x": images}, "y")}


class _Told(nn.Module):
    def __init__(self, model: Told) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor, label: Tensor) -> Tensor:
        return self.model.told(images, label)


class OneTarget(Told):
    """Its exported network makes the same of every label but that of the second domain."""

    def told(self, images: Tensor, label: Tensor) -> Tensor:
        return super().told(images, label * label[:, 1:2] if torch.compiler.is_exporting() else label)


class _Half(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / 2 if torch.compiler.is_exporting() else x


class Labelled(OneSize):
    """Label maps with instance maps to pictures."""

    sizes = Sizes()

    def __init__(self, options: object, spec: ImageSpec) -> None:
        super().__init__(options, spec)
        self.into = nn.Conv2d(6, 4, 3, padding=1)

    def translate(self, images: Tensor, *, source: str, target: str, style: Tensor | None = None) -> Tensor:
        assert images.dtype == torch.int32
        labels = (images[:, :1] == torch.arange(5, dtype=torch.int32).view(1, -1, 1, 1)).to(self.out.weight.dtype)
        borders = (images[:, 1:] != F.pad(images[:, 1:, :, :-1], (1, 0))).to(labels.dtype)
        return self.out(self.into(torch.cat([labels, borders], 1))).tanh()


@pytest.fixture
def saved(tmp_path, install_plugin):
    """The weights of one of these models; for the length of the test, its plugin is installed."""

    def save(kind: type[Model], spec: ImageSpec = SPEC) -> Path:
        install_plugin("small", f"{__name__}:{kind.__name__}")
        model = checkpoint.build_model(kind, kind.Options(), spec, seed=1)
        folder = folders.save_folder(tmp_path / "run", 3)
        checkpoint.save(folder, model, "small", 3, weights=model.state_dict(), state={}, notes={})
        return folder / folders.WEIGHTS

    return save


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)


def codes(count: int) -> np.ndarray:
    return np.random.default_rng(count).standard_normal((count, 4)).astype(np.float32)


@pytest.mark.parametrize("format", ["onnx", "pt2"])
def test_a_style_is_a_second_input_and_every_output_is_there(saved, tmp_path, format):
    weights = saved(Styled)
    report = export_model(weights, tmp_path / f"m.{format}")
    assert report.inputs == {
        "image": "float32 (N, 3, H, W) in [-1, 1]",
        "style": "float32 (N, 4): a style code for each picture",
    }
    assert report.outputs == {"translation": "float32 (N, 3, H, W) in [-1, 1]", "heat": "float32"}
    model = checkpoint.load_model(weights)[1]
    for count, height, width in [(1, 4, 6), (3, 20, 10)]:
        images, style = noise(count, 3, height, width).astype(np.float32) / 127.5 - 1, codes(count)
        if format == "onnx":
            session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
            found = session.run(["translation", "heat"], {"image": images, "style": style})
            shapes = {value.name: value.shape for value in (*session.get_inputs(), *session.get_outputs())}
            assert shapes["style"] == ["batch", 4]
            assert shapes["heat"] == ["batch", 1, "heat_height", "heat_width"]
            notes = json.loads(session.get_modelmeta().custom_metadata_map["gantool"])
            assert (notes["inputs"], notes["outputs"]) == (report.inputs, report.outputs)
        else:
            module = torch.export.load(tmp_path / "m.pt2").module()
            with torch.no_grad():
                found = [output.numpy() for output in module(torch.from_numpy(images), torch.from_numpy(style))]
        with torch.no_grad():
            expected = model.both(torch.from_numpy(images), torch.from_numpy(style))
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-5, atol=1e-6)  # one rounding, 4e-7 of values to 1


def test_pixels_are_for_the_pictures_alone(saved, tmp_path):
    weights = saved(Styled)
    report = export_model(weights, tmp_path / "m.onnx", image_io=True)
    assert report.inputs["image"] == report.outputs["translation"] == "uint8 (N, H, W, 3) in [0, 255]"
    pixels, style = noise(2, 8, 12, 3), codes(2)
    found, heat = onnxruntime.InferenceSession(tmp_path / "m.onnx").run(None, {"image": pixels, "style": style})
    engine = Engine(checkpoint.load_model(weights)[1])
    expected = engine.translate([*pixels], source="photo", target="painting", styles=torch.from_numpy(style))
    assert np.abs(found.astype(int) - np.stack(expected)).max() <= 1  # a value between two levels may go either way
    assert heat.shape == (2, 1, 4, 6)


def test_every_output_is_compared(saved, tmp_path):
    with pytest.raises(CheckpointError, match=r"differs from the model by .* in output 2"):
        export_model(saved(WrongHeat), tmp_path / "m.pt2")
    assert not (tmp_path / "m.pt2").exists()


@pytest.mark.parametrize("format", ["onnx", "pt2"])
def test_a_model_of_one_size_has_that_size_in_its_file(saved, tmp_path, format):
    report = export_model(saved(OneSize), tmp_path / f"m.{format}")
    assert report.sizes == {"exact": 24}
    assert report.compared == ((1, 24, 24), (2, 24, 24), (3, 24, 24))
    if format == "onnx":
        session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
        assert session.get_inputs()[0].shape == ["batch", 3, 24, 24]
        assert session.run(None, {"image": np.zeros((5, 3, 24, 24), np.float32)})[0].shape == (5, 3, 24, 24)


def test_label_maps_go_in_as_their_ids(saved, tmp_path):
    spec = ImageSpec(("labels", "photo"), (2, 3), 16, kinds=("labels", "picture"), classes=5)
    weights = saved(Labelled, spec)
    report = export_model(weights, tmp_path / "m.onnx", image_io=True)
    assert report.inputs == {"image": "int32 (N, H, W, 2): classes 0 to 4, instances"}
    ids = np.random.default_rng(0).integers(0, 5, (1, 9, 13, 2), dtype=np.int32)
    (found,) = onnxruntime.InferenceSession(tmp_path / "m.onnx").run(None, {"image": ids})
    (expected,) = Engine(checkpoint.load_model(weights)[1]).translate([*ids], source="labels", target="photo")
    assert np.abs(found[0].astype(int) - expected).max() <= 1


@pytest.mark.parametrize("image_io", [False, True])
def test_a_target_can_be_an_input(saved, tmp_path, image_io):
    weights = saved(Told)
    report = export_model(weights, tmp_path / "m.onnx", image_io=image_io)
    assert report.inputs["label"] == "float32 (N, 4), 0 or 1: photo, painting, sketch, relief"
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    pixels = noise(2, 9, 13, 3)
    images = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).astype(np.float32) / 127.5 - 1
    labels = np.eye(4, dtype=np.float32)[[3, 0]]
    (found,) = session.run(None, {"image": pixels if image_io else images, "label": labels})
    with torch.no_grad():
        expected = checkpoint.load_model(weights)[1].told(torch.from_numpy(images), torch.from_numpy(labels)).numpy()
    if image_io:
        found = found.transpose(0, 3, 1, 2) / 127.5 - 1
    np.testing.assert_allclose(found, expected, atol=1 / 127.5 if image_io else 1e-6)


def test_every_target_is_compared(saved, tmp_path):
    with pytest.raises(CheckpointError, match=r"differs from the model by .* for 2 pictures"):
        export_model(saved(OneTarget), tmp_path / "m.pt2")
    assert not (tmp_path / "m.pt2").exists()


@pytest.mark.parametrize("format", ["onnx", "pt2"])
def test_a_part_is_exported_and_compared_by_itself(saved, tmp_path, format):
    weights = saved(Told)
    report = export_model(weights, tmp_path / f"m.{format}", part="first")
    assert (report.inputs, report.outputs) == (
        {"picture": "float32 (N, 3, 8, 8)"},
        {"features": "float32 (N, 4, 8, 8)"},
    )
    assert (report.part, report.target, report.compared) == ("first", None, ((1,), (2,), (3,)))
    images = torch.rand(5, 3, 8, 8)
    with torch.no_grad():
        expected = checkpoint.load_model(weights)[1].into(images).numpy()
        if format == "onnx":
            session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
            assert json.loads(session.get_modelmeta().custom_metadata_map["gantool"])["part"] == "first"
            (found,) = session.run(["features"], {"picture": images.numpy()})
        else:
            found = torch.export.load(tmp_path / "m.pt2").module()(images).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_part_that_disagrees_is_not_written_and_others_are_named(saved, tmp_path):
    weights = saved(Told)
    with pytest.raises(CheckpointError, match=r"differs from the model by 0\.5 \(.* is allowed\) for a batch of"):
        export_model(weights, tmp_path / "m.pt2", part="wrong")
    with pytest.raises(UsageError, match=r'no part "third" to export: it has: first, wrong$'):
        export_model(weights, tmp_path / "m.pt2", part="third")
    for more in ({"to": "photo"}, {"image_io": True}):
        with pytest.raises(UsageError, match="leave out --to and --image-io"):
            export_model(weights, tmp_path / "m.pt2", part="first", **more)
    assert not (tmp_path / "m.pt2").exists()


class Unsure(OneSize):
    def exported(self, *, source: str, target: str) -> nn.Module:
        raise UsageError("name exactly what is asked for")


def test_what_a_model_itself_refuses_is_said_in_its_words(saved, tmp_path):
    with pytest.raises(UsageError, match=r"^name exactly what is asked for$"):
        export_model(saved(Unsure), tmp_path / "m.pt2")


def test_a_path_that_cannot_be_written_is_told_before_anything_else(tmp_path, main):
    (tmp_path / "file").touch()
    (tmp_path / "folder.onnx").mkdir()
    for out, said in [("file/m.onnx", "file is a file"), ("folder.onnx", "it is a folder")]:
        # The weights are none: they are not even looked at.
        _, _, err = main("export", "-m", tmp_path / "file", out, "--overwrite", code=3)
        assert err.startswith(f"error: cannot write {out}: ")
        assert err.endswith(f"{said}\n")
