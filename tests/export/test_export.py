"""Exported files translate as the model does, elsewhere and at every size.

Three files of one CycleGAN serve all its tests: `forth` and `back` (ONNX) and `pt2`.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

import gantool
from gantool.cli.main import main as command
from gantool.errors import UsageError
from gantool.export import session
from gantool.inference.engine import Engine
from gantool.pictures.results import Recorder
from gantool.runs import checkpoint
from gantool.runs.header import read_facts
from gantool.spec import Direction
from tests.export.small import exported, run
from tests.runs import untrained

pytestmark = pytest.mark.usefixtures("one_exporter")

FURTHER = [(1, 8, 12), (3, 20, 8), (5, 36, 44), (1, 100, 52)]
"""(N, H, W), none of which is among the three that the exporter compares."""


def saved(folder: Path, domains: tuple[str, str] = ("horse", "zebra"), **more: Any) -> Path:
    """Weights of a tiny CycleGAN whose translations use the whole range of levels."""
    return untrained(folder, domains=domains, seed=1, init_gain=0.2, **more)


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)


def images(n: int, h: int, w: int, channels: int = 3) -> torch.Tensor:
    return torch.rand(n, channels, h, w, generator=torch.Generator().manual_seed(h)) * 2 - 1


def translated(weights: Path, x: torch.Tensor, source: int, target: int) -> np.ndarray:
    with torch.no_grad():
        return checkpoint.load_model(weights)[1].translate(x, source=source, target=target).numpy()


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return saved(tmp_path_factory.mktemp("model") / "runs" / "h2z")


@pytest.fixture(scope="module")
def forth(commands, weights) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """horse -> zebra as ONNX, by a command of its own, into a folder that is made for it."""
    work = weights.parents[4]
    words = [commands / "gantool", "export", "--model", "runs/h2z", "onnx/h2z.onnx"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=work, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return work / "onnx" / "h2z.onnx", done


@pytest.fixture(scope="module")
def one_way(tmp_path_factory) -> Path:
    """The same weights, imported without the way from horse to zebra."""
    notes = {"directions": [["zebra", "horse"]], "licence": "CC0-1.0"}
    return saved(tmp_path_factory.mktemp("one-way") / "run", notes=notes)


@pytest.fixture(scope="module")
def back(one_way, tmp_path_factory) -> session.Report:
    """zebra -> horse as ONNX with pixels in and out, through Python."""
    return exported(one_way, tmp_path_factory.mktemp("back") / "z2h.onnx", image_io=True)


@pytest.fixture(scope="module")
def pt2(weights, tmp_path_factory) -> tuple[Path, dict[str, Any]]:
    """zebra -> horse as .pt2, in the place of an earlier one, and the JSON that was said."""
    out, said, err = tmp_path_factory.mktemp("pt2") / "z2h.pt2", io.StringIO(), io.StringIO()
    out.write_bytes(b"an earlier export")
    with closing(Recorder(out.parent)) as recorder:
        recorder.note_other(out, b"an earlier export")
    words = ["export", "--model", str(weights.parents[2]), str(out), "--to", "A", "--overwrite", "--json", "-q"]
    with redirect_stdout(said), redirect_stderr(err), pytest.raises(SystemExit, match=r"^0$"):
        command(words)
    assert err.getvalue() == ""
    return out, json.loads(said.getvalue())


def test_the_command_says_what_it_wrote_and_nothing_of_the_exporter(forth):
    path, done = forth
    assert done.stdout == f"{Path('onnx', 'h2z.onnx')}\n"
    *stages, way, first, second, compared = done.stderr.splitlines()
    assert stages[-2:] == ["exporting horse to zebra ...", "comparing with the model at 1x8x8, 2x64x32, 3x32x96 ..."]
    forms = (first, second)
    assert way.startswith("horse -> zebra: ")
    assert "multiples of 4, at least 8" in way
    assert [form.partition(", ")[2] for form in forms] == ["float32 (N, 3, H, W) in [-1, 1]"] * 2
    assert [form.partition(", ")[0] for form in forms] == ["in: image", "out: translation"]
    assert "1x8x8, 2x64x32, 3x32x96" in compared
    assert [file.name for file in path.parent.iterdir()] == ["h2z.onnx"]  # weights inside, nothing left over


def test_the_command_says_the_same_in_json(pt2, weights):
    path, found = pt2
    assert found["path"] == str(path)
    assert (found["source"], found["target"]) == ("zebra", "horse")
    assert found["compared"] == [[1, 8, 8], [2, 64, 32], [3, 32, 96]]
    assert found["difference"] < 1e-4  # what is always allowed
    data = path.read_bytes()
    assert found["bytes"] == len(data)
    assert read_facts(weights).sha256.encode() in data


def test_a_file_that_is_there_stays_unless_told_otherwise(weights, main, tmp_path):
    (tmp_path / "a.pt2").write_bytes(b"another file")
    _, _, err = main("export", "--model", weights, "a.pt2", code=2)
    assert "a.pt2 exists" in err
    assert "--overwrite" in err
    _, _, err = main("export", "--model", weights, "a.pt2", "--overwrite", code=2)
    assert "a.pt2 exists, and gantool did not write it" in err
    assert (tmp_path / "a.pt2").read_bytes() == b"another file"


@pytest.mark.parametrize("size", FURTHER)
def test_onnxruntime_agrees_at_further_sizes(forth, weights, size):
    x = images(*size)
    (found,) = run(forth[0], {"image": x.numpy()})
    expected = translated(weights, x, 0, 1)
    assert expected.std() > 0.3
    # As the exporter itself allows; 7.5e-6 between onnxruntime's convolutions and torch's.
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("size", FURTHER)
def test_pixels_in_and_out_equal_gantool_translate(back, weights, size):
    batch = pixels(*size, 3)
    (found,) = run(back.path, {"image": batch})
    engine = Engine(checkpoint.load_model(weights)[1])
    expected = np.stack(engine.translate(list(batch), Direction("zebra", "horse")))
    assert found.dtype == np.uint8
    assert expected.min() == 0
    assert expected.max() == 255
    # Sums in another order may fall on the other side of a level's middle: by one level, and rarely.
    difference = np.abs(found.astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def test_an_onnx_file_describes_itself(forth, back):
    planar_file, packed_file = onnx.load(forth[0]), onnx.load(back.path)
    onnx.checker.check_model(planar_file, full_check=True)
    shapes = [
        [(value.name, [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]) for value in values]
        for file in (planar_file, packed_file)
        for values in (file.graph.input, file.graph.output)
    ]
    planar, packed = ["batch", 3, "height", "width"], ["batch", "height", "width", 3]
    assert shapes == [[("image", planar)], [("translation", planar)], [("image", packed)], [("translation", packed)]]
    assert {opset.domain: opset.version for opset in planar_file.opset_import} == {"": 20}
    assert sum(node.op_type == "InstanceNormalization" for node in planar_file.graph.node) == 7

    notes = json.loads({entry.key: entry.value for entry in packed_file.metadata_props}["gantool"])
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


def test_files_hold_no_paths_of_the_machine_that_wrote_them(forth, pt2):
    here = str(Path(gantool.__file__).parents[1]).encode()
    for path in (forth[0], pt2[0]):
        assert here not in path.read_bytes()


def test_a_pt2_file_needs_torch_alone(pt2, weights, commands, tmp_path):
    for n, h, w in FURTHER:
        torch.save(images(n, h, w), tmp_path / f"{n}-{h}-{w}.pt")
    code = f"""
import sys
ours = {{name for name in sys.modules if name.startswith("gantool")}} | {{"gantool", "gantool_cyclegan"}}
sys.modules.update(dict.fromkeys(ours))  # importing any fails
import json, pathlib, torch
files = {{"gantool.json": ""}}
module = torch.export.load({str(pt2[0])!r}, extra_files=files).module()
assert json.loads(files["gantool.json"])["target"] == "horse"
assert all("g_ab" not in name and "d_b" not in name for name in module.state_dict()), "weights of other networks"
for path in pathlib.Path().glob("*.pt"):
    torch.save(module(torch.load(path)), path.with_suffix(".out"))
"""
    subprocess.run([commands / "python", "-c", code], cwd=tmp_path, check=True)
    for n, h, w in FURTHER:
        found = torch.load(tmp_path / f"{n}-{h}-{w}.out").numpy()
        # 4e-6: the graph has instance norm as single operators.
        np.testing.assert_allclose(found, translated(weights, images(n, h, w), 1, 0), atol=1e-4)


def test_directions_of_imported_weights(back, one_way):
    assert (back.source, back.target) == ("zebra", "horse")
    with pytest.raises(UsageError, match="cannot translate to zebra, only: zebra -> horse"):
        session.plan(session.Request(weights=one_way, out=Path("other.pt2"), to="B"))


def test_unet_takes_pictures_of_one_multiple(tmp_path, main):
    # Their innermost maps are 1 x 1, which torch.export takes for impossible unless it is told.
    options = {"generator": "unet", "depth": 3, "norm": "batch", "channels_a": 1, "identity": 0.0}
    source = saved(tmp_path, ("grey", "colour"), **options)
    _, _, err = main("export", "--model", source, "unet.pt2", "--image-io")
    assert "compared with the model at 1x8x8, " in err
    engine = Engine(checkpoint.load_model(source)[1])
    for size in [(1, 8, 8), (1, 8, 40), (4, 16, 8)]:
        batch = pixels(*size, 1)
        (found,) = run(tmp_path / "unet.pt2", {"image": batch})
        expected = np.stack(engine.translate(list(batch), Direction("grey", "colour")))
        assert found.shape == (*size, 3)
        assert np.abs(found.astype(int) - expected).max() <= 1


def test_unet_as_onnx(tmp_path):
    source = saved(tmp_path, generator="unet", depth=3)
    exported(source, tmp_path / "unet.onnx")
    x = images(1, 8, 24)
    (found,) = run(tmp_path / "unet.onnx", {"image": x.numpy()})
    # 6.5e-7
    np.testing.assert_allclose(found, translated(source, x, 0, 1), atol=1e-5)
