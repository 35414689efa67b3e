"""Exported files translate as the model does, elsewhere and at every size; a file that would not is never written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from gantool_cyclegan import CycleGAN
from torch import nn

import gantool
from gantool.errors import CheckpointError, UsageError
from gantool.export.session import export_model
from gantool.inference.engine import Engine
from gantool.model import Model
from gantool.runs import checkpoint
from gantool.runs.header import read_header
from tests.runs import untrained

FURTHER = [(1, 8, 12), (3, 20, 8), (5, 36, 44), (1, 100, 52)]
"""(N, H, W), none of which is among the three that the exporter compares."""


def saved(run: Path, **more: Any) -> Path:
    """A run with one save of a tiny CycleGAN whose translations use the whole range of levels; its weights file."""
    return untrained(run, domains=("horse", "zebra"), seed=1, **{"init_gain": 0.2, **more})


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)


def images(n: int, h: int, w: int, channels: int = 3) -> torch.Tensor:
    return torch.rand(n, channels, h, w, generator=torch.Generator().manual_seed(h)) * 2 - 1


def translated(weights: Path, x: torch.Tensor, source: str, target: str) -> np.ndarray:
    with torch.no_grad():
        return checkpoint.load_model(weights)[1].translate(x, source=source, target=target).numpy()


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return saved(tmp_path_factory.mktemp("model") / "runs" / "h2z", notes={"licence": "CC0-1.0"})


@pytest.fixture(scope="module")
def by_command(weights, commands) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """horse -> zebra as ONNX, through the command line, into a folder of its own."""
    work = weights.parents[4]
    words = [commands / "gantool", "export", "--model", "runs/h2z", "onnx/h2z.onnx"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=work, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return work / "onnx" / "h2z.onnx", done


@pytest.fixture(scope="module")
def back(weights, tmp_path_factory) -> Path:
    """zebra -> horse as ONNX with pixels in and out, through Python."""
    out = tmp_path_factory.mktemp("back") / "z2h.onnx"
    export_model(weights, out, to="horse", image_io=True)
    return out


@pytest.fixture(scope="module")
def pt2(weights, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("pt2") / "h2z.pt2"
    export_model(weights, out)
    return out


def test_the_command_says_what_it_wrote_and_nothing_of_the_exporter(by_command):
    path, done = by_command
    assert done.stdout == f"{Path('onnx', 'h2z.onnx')}\n"
    first, *forms, last = done.stderr.splitlines()
    assert first.startswith("horse -> zebra: ")
    assert first.endswith(" MB, height and width: multiples of 4, at least 8")
    assert forms == [f"{what}, float32 (N, 3, H, W) in [-1, 1]" for what in ("in: image", "out: translation")]
    assert last.startswith("compared with the model at 1x8x8, 2x64x32, 3x32x96 ")
    assert [file.name for file in path.parent.iterdir()] == ["h2z.onnx"]  # weights inside, nothing left over


@pytest.mark.parametrize("size", FURTHER)
def test_onnxruntime_agrees_at_further_sizes(by_command, weights, size):
    x = images(*size)
    (found,) = onnxruntime.InferenceSession(by_command[0]).run(["translation"], {"image": x.numpy()})
    expected = translated(weights, x, "horse", "zebra")
    assert expected.std() > 0.3
    # As the exporter itself allows; 7.5e-6 between onnxruntime's convolutions and torch's.
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("size", FURTHER)
def test_pixels_in_and_out_equal_gantool_translate(back, weights, size):
    batch = pixels(*size, 3)
    (found,) = onnxruntime.InferenceSession(back).run(["translation"], {"image": batch})
    engine = Engine(checkpoint.load_model(weights)[1])
    expected = np.stack(engine.translate(list(batch), source="zebra", target="horse"))
    assert found.dtype == np.uint8
    assert expected.min() == 0
    assert expected.max() == 255
    # Sums in another order may fall on the other side of a level's middle: by one level, and rarely.
    difference = np.abs(found.astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def test_an_onnx_file_describes_itself(by_command, back):
    forth, to_horse = onnx.load(by_command[0]), onnx.load(back)
    onnx.checker.check_model(forth, full_check=True)
    shapes = [
        [(value.name, [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]) for value in values]
        for file in (forth, to_horse)
        for values in (file.graph.input, file.graph.output)
    ]
    planar, packed = ["batch", 3, "height", "width"], ["batch", "height", "width", 3]
    assert shapes == [[("image", planar)], [("translation", planar)], [("image", packed)], [("translation", packed)]]
    assert {opset.domain: opset.version for opset in forth.opset_import} == {"": 20}
    assert sum(node.op_type == "InstanceNormalization" for node in forth.graph.node) == 7

    notes = json.loads({entry.key: entry.value for entry in to_horse.metadata_props}["gantool"])
    assert notes["options"]["width"] == 4
    assert len(notes["weights_sha256"]) == 64
    del notes["options"], notes["paper"], notes["weights_sha256"]
    assert notes == {
        "gantool": gantool.__version__,
        "model": "cyclegan",
        "step": 7,
        "domains": ["horse", "zebra"],
        "source": "zebra",
        "target": "horse",
        "inputs": {"image": "uint8 (N, H, W, 3) in [0, 255]"},
        "outputs": {"translation": "uint8 (N, H, W, 3) in [0, 255]"},
        "sizes": {"multiple": 4, "minimum": 8},
        "licence": "CC0-1.0",
    }


def test_files_hold_no_paths_of_the_machine_that_wrote_them(by_command, pt2):
    here = str(Path(gantool.__file__).parents[1]).encode()
    for path in (by_command[0], pt2):
        assert here not in path.read_bytes()


def test_a_pt2_file_needs_torch_alone(pt2, weights, tmp_path):
    for n, h, w in FURTHER:
        torch.save(images(n, h, w), tmp_path / f"{n}-{h}-{w}.pt")
    code = f"""
import sys
sys.modules.update(gantool=None, gantool_cyclegan=None)  # importing either fails
import json, pathlib, torch
files = {{"gantool.json": ""}}
module = torch.export.load({str(pt2)!r}, extra_files=files).module()
assert json.loads(files["gantool.json"])["target"] == "zebra"
assert all("g_ba" not in name and "d_a" not in name for name in module.state_dict()), "weights of other networks"
for path in pathlib.Path().glob("*.pt"):
    torch.save(module(torch.load(path)), path.with_suffix(".out"))
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    for n, h, w in FURTHER:
        found = torch.load(tmp_path / f"{n}-{h}-{w}.out").numpy()
        # 4e-6: the graph has instance norm as single operators.
        np.testing.assert_allclose(found, translated(weights, images(n, h, w), "horse", "zebra"), atol=1e-4)


def test_unet_takes_pictures_of_one_multiple(tmp_path):
    # Their innermost maps are 1 x 1, which torch.export takes for impossible unless it is told.
    source = saved(tmp_path, generator="unet", depth=3, norm="batch", channels_a=1, identity=0.0)
    report = export_model(source, tmp_path / "unet.pt2", image_io=True)
    assert report.compared[0] == (1, 8, 8)
    module = torch.export.load(tmp_path / "unet.pt2").module()
    engine = Engine(checkpoint.load_model(source)[1])
    for size in [(1, 8, 8), (1, 8, 40), (4, 16, 8)]:
        batch = pixels(*size, 1)
        found = module(torch.from_numpy(batch)).numpy()
        expected = np.stack(engine.translate(list(batch), source="horse", target="zebra"))
        assert found.shape == (*size, 3)
        assert np.abs(found.astype(int) - expected).max() <= 1


def test_unet_as_onnx(tmp_path):
    source = saved(tmp_path, generator="unet", depth=3)
    export_model(source, tmp_path / "unet.onnx")
    x = images(1, 8, 24)
    (found,) = onnxruntime.InferenceSession(tmp_path / "unet.onnx").run(None, {"image": x.numpy()})
    # 6.5e-7
    np.testing.assert_allclose(found, translated(source, x, "horse", "zebra"), atol=1e-5)


class Fixed(nn.Module):
    """Right at one size only."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.network = model.g_ab

    def forward(self, x):
        return nn.functional.interpolate(self.network(x), size=(64, 32))


class Choosing(nn.Module):
    """Decides by the pictures' values, which no graph can."""

    def forward(self, x):
        return x if x.mean() > 0 else -x


class NotANumber(nn.Module):
    def forward(self, x):
        return x * float("nan")


BROKEN = {
    "another direction": (lambda model: model.g_ba, r"differs from the model by [0-9.]+ \(of pictures in \[-1, 1\]"),
    "a slip of the scale": (lambda model: nn.Sequential(model.g_ab, nn.Hardtanh(-0.98, 0.98)), r"differs .* by 0\.02 "),
    "nan": (lambda model: NotANumber(), r"differs from the model by inf"),
    "another size": (Fixed, r"makes float32 \(1, 3, 64, 32\) of 1 picture of 8x8, not float32 \(1, 3, 8, 8\)"),
    "no graph": (lambda model: Choosing(), r"cyclegan cannot be exported as pt2: "),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_what_is_not_the_model_is_not_written(weights, tmp_path, monkeypatch, fault):
    make, message = BROKEN[fault]
    monkeypatch.setattr(CycleGAN, "exported", lambda self, *, source, target: make(self))
    out = tmp_path / "model.pt2"
    out.write_bytes(b"the file before")
    with pytest.raises(CheckpointError, match=message) as caught:
        export_model(weights, out, overwrite=True)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt2"]
    assert out.read_bytes() == b"the file before"


def test_directions_of_imported_weights(tmp_path):
    source = saved(tmp_path / "run", notes={"directions": [["zebra", "horse"]]})
    report = export_model(source, tmp_path / "one-way.pt2")
    assert (report.source, report.target) == ("zebra", "horse")
    with pytest.raises(UsageError, match="cannot translate to zebra, only: zebra -> horse"):
        export_model(source, tmp_path / "other.pt2", to="B")


def test_json_and_overwriting(weights, tmp_path, main):
    run = weights.parents[2]
    _, out, err = main("export", "--model", run, "a.pt2", "--to", "A", "--image-io", "--json", "-q")
    assert err == ""
    found = json.loads(out)
    assert found["path"] == "a.pt2"
    assert found["target"] == "horse"
    assert found["compared"] == [[1, 8, 8], [2, 64, 32], [3, 32, 96]]
    assert found["difference"] < 1e-4  # what is always allowed
    before = (tmp_path / "a.pt2").read_bytes()
    assert found["bytes"] == len(before)
    assert read_header(weights).metadata["sha256"].encode() in before
    _, _, err = main("export", "--model", run, "a.pt2", code=2)
    assert "a.pt2" in err
    assert "--overwrite" in err
    assert (tmp_path / "a.pt2").read_bytes() == before
    main("export", "--model", run, "a.pt2", "--overwrite")
    assert (tmp_path / "a.pt2").read_bytes() != before


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["h2z.pth"], ["h2z.pth", ".onnx", ".pt2"]),
        (["h2z.pt2", "--to", "zerba"], ["zerba", "Did you mean zebra?", "horse (A)"]),
    ],
)
def test_wrong_requests(weights, main, words, named):
    err = main("export", "--model", weights, *words, code=2)[2]
    assert err.count("\n") == 1
    assert all(word in err for word in named)


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_without_the_extra_the_pip_line(weights, tmp_path, package):
    code = f"import sys; sys.modules[{package!r}] = None; from gantool.cli.main import main; main(sys.argv[1:])"
    words = ["export", "--model", str(weights), "h2z.onnx"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert 'pip install "gantool[onnx]"' in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
