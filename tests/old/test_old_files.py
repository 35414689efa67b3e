"""What gantool 0.1 wrote is read for ever: weights translate to the same pictures, runs go on to the same bytes.

A folder for each model, made by `make.py`: the save of step 2 of a run of 4 steps, and in `record.json` what its
weights say of themselves and a line for every tensor of the save of step 4; in `pictures` what they make of `inputs`.
Bytes can only agree where the arithmetic is that of the machine that made them (`records.rounds_alike`). Elsewhere a
picture may be one grey level off, and sums over tensors one part in a thousand.
"""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

import gantool
from gantool.report.console import Console
from tests.old import records
from tests.old.records import HERE

ALL = sorted(path.parent.name for path in HERE.glob("*/record.json"))
RUNS = [name for name in ALL if name != "imported"]

RTOL = {"drit": 2e-2}
"""Where not 1e-3. Layers of one channel: a pixel that falls on the other side of a kink moves a sum by a percent."""

FROM_PYTHON: dict[str, dict[str, Any]] = {
    "bicyclegan.mean.photo.png": {"style": "mean"},
    "cyclegan.plain.photo.a.png": {"to": "a"},
    "drit.mean.photo.png": {"style": "mean"},
    "imported.plain.photo.png": {},
    "munit.mean.photo.png": {"style": "mean"},
    "munit.picture.photo.png": {"style": HERE / "inputs/other.png"},
    "pix2pixhd.mean.street.png": {"style": "mean", "instances": HERE / "inputs/instances/street.png"},
    "stargan.plain.photo.c.png": {"to": "c"},
    "stargan-attributes.both.photo.png": {"to": "+Large,+Red"},
    "starganv2.mean.photo.png": {"to": "b", "style": "mean"},
    "ugatit.plain.photo.b.png": {"to": "b", "size": (16, 16)},
    "unit.plain.photo.b.png": {},
}
"""The same pictures by `Trained.translate`: those in whose making nothing is drawn."""


def record(name: str) -> dict[str, Any]:
    return json.loads((HERE / name / "record.json").read_text())


def model(name: str) -> str:
    return record(name)["facts"]["model"]


def data(name: str) -> list[Path]:
    return [HERE / "data" / folder for folder in record(name)["data"]]


def weights(name: str) -> Path:
    (file,) = (HERE / name / "checkpoints").glob("*/weights.safetensors")
    return file


def networks(save: Path) -> dict[str, Tensor]:
    """The weights of a save, and those of the networks that only training needs."""
    state = save / "state.safetensors"
    trained = load_file(state) if state.exists() else {}
    return {
        **{key.removeprefix("model."): value for key, value in trained.items()},
        **load_file(save / "weights.safetensors"),
    }


def assert_same_picture(found: Path | Image.Image, name: str) -> None:
    """Alike to the last pixel, or to one grey level where sums are rounded in another way than they were."""
    one, other = (
        image if isinstance(image, Image.Image) else Image.open(image) for image in (found, HERE / "pictures" / name)
    )
    assert (one.mode, one.size) == (other.mode, other.size), name
    apart = np.abs(np.asarray(one).astype(int) - np.asarray(other)).max()
    assert apart <= (0 if records.rounds_alike() else 1), f"{name}: {apart} grey levels apart"


def test_there_is_an_old_file_for_every_model_of_version_0_1():
    ten = {"bicyclegan", "cyclegan", "drit", "munit", "pix2pix", "pix2pixhd", "stargan", "starganv2", "ugatit", "unit"}
    assert {model(name) for name in RUNS} == ten


@pytest.mark.parametrize("name", ALL)
def test_these_are_the_files_of_version_0_1(name):
    content = weights(name).read_bytes()
    head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    own = json.loads(head["__metadata__"]["gantool"])
    assert (own["format"], own["gantool"]) == (1, "0.1.0")


@pytest.mark.parametrize("name", ALL)
def test_weights_alone_give_the_same_pictures(name, tmp_path, main):
    shutil.copytree(HERE / "inputs", tmp_path, dirs_exist_ok=True)
    alone = shutil.copy(weights(name), tmp_path / "alone.safetensors")
    made = {}
    for folder, (picture, *words) in record(name)["pictures"].items():
        main("translate", picture, "-o", folder, "--model", alone, *words)
        files = (tmp_path / folder).rglob("*.png")
        made |= {".".join((name, *file.relative_to(tmp_path).parts)): file for file in files}
    assert sorted(made) == sorted(path.name for path in (HERE / "pictures").glob(f"{name}.*"))
    for result, file in made.items():
        assert_same_picture(file, result)


@pytest.mark.parametrize("result", FROM_PYTHON)
def test_python_gives_the_same_pictures(result):
    name, _, stem = result.split(".")[:3]
    how = {key: Image.open(value) if isinstance(value, Path) else value for key, value in FROM_PYTHON[result].items()}
    folder = "labels/" if "instances" in how else ""
    translator = gantool.load(weights(name), device="cpu")
    assert_same_picture(translator.translate(Image.open(HERE / f"inputs/{folder}{stem}.png"), **how), result)


@pytest.mark.parametrize("name", ALL)
def test_weights_say_the_same_of_themselves(name):
    assert records.facts(HERE / name) == record(name)["facts"]


@pytest.mark.parametrize("name", RUNS)
def test_runs_go_on_to_the_same_bytes(name, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(HERE / name, run)
    said = io.StringIO()
    gantool.train(None, data(name), out=run, resume=str(run), device="cpu", console=Console(progress="none", err=said))
    assert "after step 2" in said.getvalue()
    assert "warning" not in said.getvalue()  # such as that the pictures were others

    rtol = None if records.rounds_alike() else RTOL.get(name, 1e-3)
    for part in ("weights", "state"):
        found = records.entries(run / f"checkpoints/00000004/{part}.safetensors")
        assert not records.differences(found, record(name)[part], rtol=rtol)
    ours, theirs = (
        [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()] for folder in (run, HERE / name)
    )
    assert [line["step"] for line in ours] == [line["step"] for line in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one["losses"] == pytest.approx(other["losses"], rel=rtol or 0, abs=0)


@pytest.mark.parametrize("name", ALL)
def test_new_runs_begin_with_old_weights(name, tmp_path):
    """A step at learning rates of 0 leaves them as they were."""
    rates = {"stargan": ("g_lr", "d_lr"), "starganv2": ("lr", "mapping_lr")}.get(model(name), ("lr",))
    side = record(name)["facts"]["side of crops"]
    run = gantool.train(
        model(name),
        data(name),
        out=tmp_path / "run",
        from_=weights(name),
        set=dict.fromkeys(rates, 0.0),
        crop=min(side, 32),  # imported networks say 256
        batch=2,
        steps=1,
        workers=0,
        device="cpu",
    )
    learned = {key for key, _ in gantool.load(run, device="cpu").engine.model.named_parameters()}
    before, after = networks(weights(name).parent), networks(run / "checkpoints/00000001")
    assert learned & before.keys()
    assert not [key for key in learned & before.keys() if not before[key].equal(after[key])]
    assert records.facts(run)["licence"] == record(name)["facts"]["licence"]
