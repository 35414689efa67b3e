"""A file that is not the model is never written, and what was there stays; a person is told why in one line."""

from __future__ import annotations

import sys
from contextlib import closing

import pytest

from gantool.errors import CheckpointError, UsageError
from gantool.pictures.results import Recorder
from tests.export import small
from tests.export.small import exported

pytestmark = pytest.mark.usefixtures("one_exporter")

FAULTS = {
    small.AnotherNetwork: r"differs from the model by [0-9.]+ \(of pictures in \[-1, 1\]",
    small.AnotherScale: r"differs .* by 0\.02 ",
    small.NotANumber: r"differs from the model by inf",
    small.AnotherSize: r"makes float32 \(1, 3, 64, 32\) of 1 picture of 1x1, not float32 \(1, 3, 1, 1\)",
    small.NoGraph: r"small cannot be exported as pt2: ",
    small.WrongHeat: r"differs from the model by .* in output 2",
    small.OneTarget: r"differs from the model by .* for 2 pictures",
}


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
def test_what_is_not_the_model_is_not_written(saved, tmp_path, kind):
    weights, out = saved(kind), tmp_path / "out" / "model.pt2"
    out.parent.mkdir()
    out.write_bytes(b"the file before")
    with closing(Recorder(out.parent)) as recorder:
        recorder.note_other(out, b"the file before")  # as an export does
    with pytest.raises(CheckpointError, match=FAULTS[kind]) as caught:
        exported(weights, out, overwrite=True)
    assert "\n" not in str(caught.value)
    assert [path.name for path in out.parent.iterdir()] == ["model.pt2"]
    assert out.read_bytes() == b"the file before"


def test_a_part_that_disagrees_is_not_written_and_others_are_named(saved, tmp_path):
    weights = saved(small.Told)
    with pytest.raises(CheckpointError, match=r"differs from the model by 0\.5 \(.* is allowed\) for a batch of"):
        exported(weights, tmp_path / "m.pt2", part="wrong")
    with pytest.raises(UsageError, match=r'no part "third" to export: it has: first, wrong$'):
        exported(weights, tmp_path / "m.pt2", part="third")
    for more in ({"to": "photo"}, {"image_io": True}):
        with pytest.raises(UsageError, match="leave out to and image_io"):
            exported(weights, tmp_path / "m.pt2", part="first", **more)
    assert not (tmp_path / "m.pt2").exists()


def test_what_a_model_itself_refuses_is_said_in_its_words(saved, tmp_path):
    with pytest.raises(UsageError, match=r"^name exactly what is asked for$"):
        exported(saved(small.Unsure), tmp_path / "m.pt2")


def test_a_path_that_cannot_be_written_is_told_before_anything_else(tmp_path, main):
    (tmp_path / "file").touch()
    (tmp_path / "folder.onnx").mkdir()
    for out, said in [("file/m.onnx", "file is a file"), ("folder.onnx", "it is a folder")]:
        # The weights are none: they are not even looked at.
        _, _, err = main("export", "-m", tmp_path / "file", out, "--overwrite", code=3)
        assert err.startswith(f"error: cannot write {out}: ")
        assert err.endswith(f"{said}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["m.pth"], ["m.pth", "NAME.onnx", "NAME.pt2"]),
        (["m.pt2", "--to", "paintng"], ['"paintng"', "Did you mean painting?", "photo (A), painting (B)"]),
        (["m.pt2", "--part", "into", "--to", "photo"], ["--to", "--image-io"]),
    ],
)
def test_wrong_requests(saved, main, words, said):
    _, out, err = main("export", "--model", saved(small.Small), *words, code=2)
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert [part for part in said if part not in err] == []


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_without_the_extra_the_pip_line(saved, main, tmp_path, monkeypatch, package):
    weights = saved(small.Small)
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    _, _, err = main("export", "--model", weights, "m.onnx", code=2)
    assert 'pip install "gantool[onnx]"' in err
    assert err.count("\n") == 1
    assert not (tmp_path / "m.onnx").exists()
