"""`gantool.translate`: the command's files from Python."""

from __future__ import annotations

import threading
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import gantool
from gantool.errors import CheckpointError, DataError, GantoolError, UsageError
from gantool.translation.pipeline import Failed
from gantool.translation.request import Request
from gantool.translation.writing import Done, Skipped
from tests.conftest import draw
from tests.runs import untrained


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    """A CycleGAN of random weights, in the current folder beside the pictures of `in`."""
    monkeypatch.chdir(tmp_path)
    untrained(tmp_path / "run")
    draw(Path("in"), 2, seed=1)
    draw(Path("in/more"), 1, seed=2, suffix=".jpg")
    return Path("run")


@pytest.fixture
def styled(trained, tmp_path, monkeypatch) -> Path:
    """A BicycleGAN."""
    monkeypatch.chdir(tmp_path)
    draw(Path("in"), 2, seed=1)
    return trained("bicyclegan")


def content(folder: str) -> dict[str, bytes]:
    """All files below a folder, hidden ones too, by name."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}


def refusal(**arguments: Any) -> str:
    """The one line with which `gantool.translate` refuses these arguments before it does anything."""
    before = content(".")
    with pytest.raises(UsageError) as found:
        gantool.translate(**{"model": "run", "inputs": "in", "output": "out", **arguments})
    assert content(".") == before
    assert "\n" not in str(found.value)
    assert "--" not in str(found.value)
    return str(found.value)


def test_the_same_files_as_the_command_s(run, main, capfd):
    gantool.translate(run, "in", "python", to="horses", ext="webp", suffix="_h", quality=90, size=(44, 36), seed=3)
    assert capfd.readouterr() == ("", ""), "silent, and no progress"
    words = ["--to", "horses", "--ext", "webp", "--suffix", "_h", "--quality", 90, "--size", "44x36", "--seed", 3]
    main("translate", "-m", run, "in", "command", *words)
    assert content("python") == content("command")
    assert set(content("python")) == {"00_h.webp", "01_h.webp", "more/00_h.webp"}
    assert Image.open("python/00_h.webp").size == (44, 36)


def test_one_picture_several_and_a_list(run):
    gantool.translate(run, "in/00.png", "one.png", device="cpu")
    gantool.translate(run / "checkpoints/00000007/weights.safetensors", [Path("in/00.png"), "in/01.png"], Path("out"))
    Path("list.txt").write_text("in/01.png\n")
    gantool.translate(str(run), "@list.txt", "listed", size=40)
    assert set(content("out")) == {"00.png", "01.png"}
    assert Path("one.png").read_bytes() == Path("out/00.png").read_bytes()
    assert content("listed") == {"in/01.png": Path("out/01.png").read_bytes()}
    gantool.translate(run, "in/00.png")
    assert Path("in/00.translated.png").read_bytes() == Path("one.png").read_bytes()


def test_styles_and_their_codes(styled, main):
    gantool.translate(styled, "in", "python", style="random", n=3, sync=True, save_styles=True, seed=1)
    words = ["--style", "random", "-n", 3, "--sync", "--save-styles", "--seed", 1]
    main("translate", "-m", styled, "in", "command", *words)
    assert content("python") == content("command")
    assert len(content("python")) == 2 * 3 * 2
    gantool.translate(styled, "in/00.png", "again.png", style="python/00.s2.npy")
    assert Path("again.png").read_bytes() == content("python")["00.s2.png"]
    gantool.translate(styled, "in/00.png", "taken.png", style=Path("in/01.png"))
    gantool.translate(styled, "in/00.png", "way.png", interpolate=("in/00.png", "in/01.png"), n=2)
    assert Path("way.s2.png").read_bytes() == Path("taken.png").read_bytes()
    gantool.translate(styled, "in", "grid.png", n=2, grid=True)
    main("translate", "-m", styled, "in", "grid2.png", "-n", 2, "--grid")
    assert Path("grid.png").read_bytes() == Path("grid2.png").read_bytes()


def test_maps_of_attention_go_into_a_folder(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = trained("ugatit")
    draw(Path("in"), 1, seed=1, size=gantool.load(run).facts.sizes.exact or 40)
    gantool.translate(run, "in", "out", attention="maps")
    assert set(content("maps")) == {f"00.{name}.png" for name in gantool.load(run).facts.maps}


def test_progress_is_told_of_every_picture(run):
    told: list[Any] = []
    gantool.translate(run, "in", "out", progress=told.append)
    assert [type(one) for one in told] == [Done] * 3
    assert {(one.job.source.name, str(one.out)) for one in told} == {
        ("in/00.png", "out/00.png"),
        ("in/01.png", "out/01.png"),
        ("in/more/00.jpg", "out/more/00.jpg"),
    }
    assert {one.size_in for one in told} == {(40, 40)}

    Path("out/01.png").unlink()
    Path("in/02.png").write_bytes(b"no picture")
    told.clear()
    with pytest.raises(GantoolError, match=r"^1 of 2 failed: in/02\.png$") as found:
        gantool.translate(run, "in", "out", progress=told.append)
    assert type(found.value) is GantoolError
    by_name = {one.job.source.name: one for one in told}
    assert {name: type(one) for name, one in by_name.items()} == {
        "in/00.png": Skipped,
        "in/more/00.jpg": Skipped,
        "in/01.png": Done,
        "in/02.png": Failed,
    }
    assert str(by_name["in/00.png"].out) == "out/00.png"
    assert "in/02.png" in str(by_name["in/02.png"].error)
    assert set(content("out")) == {"00.png", "01.png", "more/00.jpg"}


@pytest.mark.parametrize(("more", "error"), [({}, DataError), ({"fail_fast": True}, GantoolError)])
def test_progress_is_told_of_the_picture_at_which_it_ends(run, more, error):
    Path("bad").mkdir()
    Path("bad/0.png").write_bytes(b"no picture")
    told: list[Any] = []
    with pytest.raises(error, match=r"bad/0\.png"):
        gantool.translate(run, "bad" if more else "bad/0.png", "out/", progress=told.append, **more)
    assert [type(one) for one in told] == [Failed]


def test_what_progress_raises_ends_the_work_and_leaves_whole_files(run):
    def enough(_: object) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        gantool.translate(run, "in", "out", progress=enough)
    for name in content("out"):
        assert Image.open(f"out/{name}").size == (40, 40)
    gantool.translate(run, "in", "out")
    assert set(content("out")) == {"00.png", "01.png", "more/00.jpg"}


def test_existing_results_are_kept_replaced_or_refused(run):
    gantool.translate(run, "in", "out")
    made = content("out")
    for name in made:
        Path("out", name).write_bytes(b"mine")
    gantool.translate(run, "in", "out")
    gantool.translate(run, "in", "out", existing="skip")
    gantool.translate(run, "in/00.png", "out/00.png", existing="skip")
    assert set(content("out").values()) == {b"mine"}
    said = "exists already{more}: existing=overwrite replaces, existing=skip keeps, or name another OUT"
    assert refusal(existing="fail") == f"out/00.png {said.format(more=' (and 2 more)')}"
    assert refusal(inputs="in/00.png", output="out/00.png") == f"out/00.png {said.format(more='')}"
    gantool.translate(run, "in", "out", existing="overwrite")
    assert content("out") == made


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"to": "dogs"}, 'there is no domain "dogs". Domains: horses (A), zebras (B)'),
        ({"style": "random"}, "cyclegan has one result for a picture: leave out style, n and interpolate"),
        ({"n": 2}, "cyclegan has one result for a picture: leave out style, n and interpolate"),
        ({"n": 0}, "n is how many results a picture gets, at least 1, not 0"),
        ({"sync": True}, "cyclegan has no styles to keep in step: leave out sync"),
        ({"save_styles": True}, "cyclegan has no styles to save: leave out save_styles"),
        ({"attention": "maps"}, "cyclegan has no attention to show: leave out attention"),
        ({"ext": "xyz"}, "ext: "),
        ({"suffix": "a/b"}, 'suffix is a part of a file name, not "a/b"'),
        ({"inputs": []}, "which pictures? Name files, folders or a list (@LIST)"),
        ({"max_pixels": 0}, "max_pixels is at least 1, not 0"),
        ({"output": "in"}, "tell them apart (suffix)"),
        ({"output": None}, "name OUT last"),
        ({"existing": "keep"}, "existing is overwrite or skip or fail or newer, not keep"),
        ({"size": 0}, "size is (width, height), 1 to 65535 pixels each, not (0, 0)"),
        ({"size": (5, 70_000)}, "size is (width, height), 1 to 65535 pixels each, not (5, 70000)"),
        ({"seed": -1}, "seed is 0 to 9223372036854775807, not -1"),
        ({"seed": 2**63}, "seed is 0 to 9223372036854775807, not 9223372036854775808"),
        ({"quality": 101}, "quality is 1 to 100, not 101"),
        ({"shard": (3, 2)}, "shard is (i, n) with i from 1 to n, not (3, 2)"),
        ({"batch": 0}, "batch is at least 1, not 0"),
        ({"precision": "fp8"}, "precision is fp32, exact or bf16, not fp8"),
        ({"device": "tpu"}, "tpu"),
        ({"grid": True, "output": "grid.png", "ext": "jpg", "existing": "skip"}, "leave out ext, existing=skip"),
        ({"bathc": 2}, "there is no argument bathc. The arguments: model, inputs, output"),
        ({"inputs": "in/00.png", "output": "-"}, "name files and folders: Python has no pipe to translate"),
        ({"inputs": "-", "output": "a.png"}, "name files and folders: Python has no pipe to translate"),
        ({"inputs": "@-"}, "name files and folders: Python has no pipe to translate"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_refusals_name_arguments_as_python_does(run, arguments, said):
    assert said in refusal(**arguments)


def test_other_errors_have_their_own_kind(run):
    with pytest.raises(CheckpointError, match="nowhere"):
        gantool.translate("nowhere", "in", "out")
    with pytest.raises(DataError, match="nowhere does not exist"):
        gantool.translate(run, "nowhere", "out")
    Path("file").touch()
    with pytest.raises(DataError, match="cannot write to file/out: file is a file"):
        gantool.translate(run, "in", "file/out")


def test_failures_are_raised_and_told_to_progress_and_not_written_to_stderr_as_well(run, capfd):
    Path("in/bad.png").write_bytes(b"no picture")
    told = []
    with pytest.raises(GantoolError, match=r"1 of \d+ failed: in/bad\.png"):
        gantool.translate(run, "in", "out", progress=told.append)
    assert ["cannot read in/bad.png" in str(one.error) for one in told if isinstance(one, Failed)] == [True]
    assert capfd.readouterr() == ("", "")


def test_the_arguments_are_those_of_a_request():
    named = set(signature(gantool.translate).parameters) - {"progress", "console", "more"}
    assert named <= set(Request.__dataclass_fields__)


def test_a_thread_may_translate(run):
    failed: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=guarded, args=[lambda: gantool.translate(run, "in", "out")])
    thread.start()
    thread.join()
    assert not failed
    assert len(content("out")) == 3


def test_the_random_numbers_of_the_caller_stay(run):
    before, drawn = torch.get_rng_state(), np.random.get_state()[1].copy()
    gantool.translate(run, "in", "out")
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], drawn)
