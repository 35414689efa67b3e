"""`gantool sample` as people and scripts use it."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gantool as package
from gantool.errors import GantoolError, UsageError
from gantool.runs import checkpoint
from tests.runs import save


@pytest.fixture(scope="module")
def plain(trained) -> Path:
    return trained("dcgan")


@pytest.fixture(scope="module")
def classes(trained) -> Path:
    """blue, green, red."""
    return trained("dcgan", set={"classes": True})


def files(folder: Path) -> list[str]:
    """All files, hidden ones as well."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_seed_gives_one_picture_whatever_is_made_beside_it(main, plain, tmp_path):
    main("sample", "--model", plain, "-n", 5, "--seed", 3, "out")
    assert files(tmp_path / "out") == [f"seed{seed:04}.png" for seed in range(3, 8)]
    _, _, err = main("sample", "--model", plain, "--seeds", "7,3-4,7,3", "again")
    assert "3 written" in err
    main("sample", "--model", plain, "--seed", 5, "one.png")
    for name in files(tmp_path / "again"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "out/seed0005.png").read_bytes()
    every = {(tmp_path / "out" / name).read_bytes() for name in files(tmp_path / "out")}
    assert len(every) == 5
    image = package.load(plain).sample(n=2, seed=6)[0]
    assert np.array_equal(np.asarray(image), pixels(tmp_path / "out/seed0006.png"))


@pytest.mark.parametrize("jobs", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_jobs_make_the_same_files_in_the_same_order(main, classes, tmp_path, jobs):
    _, alone, _ = main("sample", "--model", classes, "-n", 6, "--to", "red,blue", "one", "--print")
    _, out, err = main("sample", "--model", classes, "-n", 6, "--to", "red,blue", "out", "--print", "--jobs", jobs)
    assert out == alone.replace("one/", "out/")
    assert ("3 processes" in err) == (jobs == 3)
    assert len(files(tmp_path / "out")) == 12
    for name in files(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    main("sample", "--model", classes, "--grid", "2x2", "grid.png", "--jobs", 2, code=2)


def test_the_same_command_goes_on_where_it_stopped(main, plain, tmp_path):
    main("sample", "--model", plain, "-n", 3, "out")
    (tmp_path / "out/seed0001.png").unlink()
    before = (tmp_path / "out/seed0000.png").stat().st_mtime_ns
    _, out, err = main("sample", "--model", plain, "-n", 4, "out", "--print")
    assert out.split() == ["out/seed0001.png", "out/seed0003.png"]
    assert "2 written, 2 skipped (they exist)" in err
    assert (tmp_path / "out/seed0000.png").stat().st_mtime_ns == before
    main("sample", "--model", plain, "-n", 2, "out", "--fail-existing", code=2)
    main("sample", "--model", plain, "-n", 1, "out", "--overwrite")
    assert (tmp_path / "out/seed0000.png").stat().st_mtime_ns != before


def test_pictures_of_other_weights_are_kept_and_told_of(main, plain, classes, tmp_path):
    main("sample", "--model", plain, "-n", 2, "out")
    first = (tmp_path / "out/seed0000.png").read_bytes()
    _, _, err = main("sample", "--model", classes, "--to", "red", "-n", 2, "out")
    assert "2 pictures are kept, though of another model: --newer makes them anew" in err
    main("sample", "--model", classes, "--to", "red", "-n", 2, "out", "--newer")
    assert (tmp_path / "out/seed0000.png").read_bytes() != first


def test_pictures_of_another_class_are_told_of_as_such(main, classes, tmp_path):
    main("sample", "--model", classes, "--to", "red", "-n", 2, "out")
    _, _, err = main("sample", "--model", classes, "--to", "blue", "-n", 2, "out")
    assert "2 pictures are kept, though of another class: --newer makes them anew" in err


def test_a_file_that_gantool_did_not_write_stays(main, plain, tmp_path):
    (tmp_path / "photo.png").write_bytes(b"mine")
    _, _, err = main("sample", "--model", plain, "photo.png", "--overwrite", code=2)
    assert "gantool did not write it" in err
    assert (tmp_path / "photo.png").read_bytes() == b"mine"


def test_classes(main, classes, tmp_path):
    main("sample", "--model", classes, "--to", "blue,red", "-n", 2, "out")
    assert files(tmp_path / "out") == [f"{name}/seed000{seed}.png" for name in ("blue", "red") for seed in (0, 1)]
    main("sample", "--model", classes, "--to", "red", "-n", 1, "red")
    assert (tmp_path / "red/seed0000.png").read_bytes() == (tmp_path / "out/red/seed0000.png").read_bytes()
    main("sample", "--model", classes, "-n", 4, "turns")  # all in turns: blue, green, red, blue
    main("sample", "--model", classes, "--to", "all", "-n", 4, "all")
    for seed, name in enumerate(("blue", "green", "red", "blue")):
        one = (tmp_path / f"turns/seed000{seed}.png").read_bytes()
        assert one == (tmp_path / f"all/{name}/seed000{seed}.png").read_bytes()
    _, _, err = main("sample", "--model", classes, "--to", "reed", "out", code=2)
    assert "Did you mean red?" in err


def test_a_grid_holds_the_same_pictures_row_by_row(main, plain, classes, tmp_path):
    main("sample", "--model", plain, "--grid", "3x2", "grid.png")
    main("sample", "--model", plain, "-n", 6, "out")
    sheet = pixels(tmp_path / "grid.png")
    side = pixels(tmp_path / "out/seed0000.png").shape[0]
    step = side + 4
    for seed in range(6):
        y, x = 4 + seed // 3 * step, 4 + seed % 3 * step
        assert np.array_equal(sheet[y : y + side, x : x + side], pixels(tmp_path / f"out/seed000{seed}.png"))
    main("sample", "--model", classes, "--to", "all", "--grid", "4x3", "classes.png")
    assert pixels(tmp_path / "classes.png").shape == (4 + 3 * step, 4 + 4 * step, 3)
    main("sample", "--model", plain, "--grid", "3x2", "-n", 7, "more.png", code=2)
    main("sample", "--model", plain, "--grid", "3x2", "grid.png", code=2)
    main("sample", "--model", plain, "--grid", "3by2", "other.png", code=2)
    main("sample", "--model", plain, "--grid", "3x2", "folder", code=2)


def test_codes_of_a_file(main, plain, tmp_path):
    latents = np.stack(
        [np.random.RandomState(seed).standard_normal(package.load(plain).facts.latent_size) for seed in (4, 9)]
    )
    np.save(tmp_path / "z.npy", latents)
    np.savez(tmp_path / "z.npz", z=latents[1])
    main("sample", "--model", plain, "--code", "z.npy", "out")
    main("sample", "--model", plain, "--code", "z.npz", "nine.png")
    main("sample", "--model", plain, "--seeds", "4,9", "seeds")
    assert files(tmp_path / "out") == ["code0000.png", "code0001.png"]
    assert (tmp_path / "out/code0000.png").read_bytes() == (tmp_path / "seeds/seed0004.png").read_bytes()
    assert (tmp_path / "nine.png").read_bytes() == (tmp_path / "seeds/seed0009.png").read_bytes()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((2, 3)), "takes latents"),
        (np.nan, "values that are not numbers"),
        (1e300, "or too large"),
        (np.array(["a"]), "takes latents|not numbers"),
        (None, "no .npy or .npz file"),
    ],
)
def test_a_file_that_holds_no_codes_is_named(main, plain, tmp_path, values, words):
    import re

    if values is None:
        (tmp_path / "z.npy").write_bytes(b"nothing")
    else:
        width = package.load(plain).facts.latent_size
        np.save(tmp_path / "z.npy", np.full((1, width), values) if isinstance(values, float) else values)
    _, _, err = main("sample", "--model", plain, "--code", "z.npy", "out", code=3)
    assert re.search(words, err), err


def test_a_pipe(gantool, plain, tmp_path):
    done = gantool("sample", "--model", plain, "--seed", 2, "-", text=False)
    main_picture = package.load(plain).sample(seed=2)[0]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(done.stdout))), np.asarray(main_picture))
    done = gantool("sample", "--model", plain, "--grid", "2x1", "-", "--ext", "jpg", text=False)
    assert Image.open(io.BytesIO(done.stdout)).format == "JPEG"


def test_json_says_what_was_made(main, classes, tmp_path):
    main("sample", "--model", classes, "--to", "red", "-n", 1, "out")
    _, out, _ = main("sample", "--model", classes, "--to", "red", "-n", 2, "out", "--json")
    told = ("skipped", "file", "done")
    events = [event for event in map(json.loads, out.splitlines()) if event["event"] in told]
    skipped, made, end = events
    assert skipped == {"event": "skipped", "seed": 0, "class": "red", "out": "out/seed0000.png"}
    assert (made["event"], made["seed"], made["class"], made["out"]) == ("file", 1, "red", "out/seed0001.png")
    assert end == {"event": "done", "written": 1, "skipped": 1, "failed": 0}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-n", "2", "picture.png"], "2 pictures do not go into picture.png"),
        (["-n", "2", "-"], "2 pictures do not go into stdout"),
        (["-n", "0", "out"], "-n is 1 to"),
        (["--seeds", "3-1", "out"], "--seeds: 3-1 runs backwards, write 1-3"),
        (["--seeds", "a", "out"], "numbers and ranges, such as 0-7,85"),
        (["--seeds", "4294967296", "out"], "--seeds names 4294967296, and the largest is 4294967295"),
        (["--seeds", "1", "-n", "2", "out"], "leave out -n"),
        (["--seeds", "3", "--seed", "5", "out"], "--seeds names the seeds: leave out --seed"),
        (["--seed", "-1", "out"], "--seed is 0 to 4294967295, not -1"),
        (["--seed", "-1", "--seeds", "3", "out"], "--seed is 0 to 4294967295, not -1"),
        (["--seed", 2**32 - 1, "-n", 2, "out"], "--seed is 0 to 4294967294 for 2 pictures, not 4294967295"),
        (["--truncation", "0.5", "out"], "dcgan has no truncation: leave out --truncation"),
        (["--to", "red", "out"], "dcgan makes one kind of picture, with no choice of what it shows: leave out --to"),
        (["--text", "a bird", "out"], "leave out --text"),
        (["--ext", "xyz", "out"], "--ext"),
        (["picture.mp4"], "picture.mp4: pictures cannot be written as 'mp4': choose one of"),
        (["-n", "2", "pictures.gif"], "2 pictures do not go into pictures.gif: name a folder"),
        (["--ext", "jpg", "picture.png"], "names the file already"),
        (["out", "-o", "other"], "OUT is named twice"),
        ([], "where to?"),
    ],
)
def test_a_wrong_word_is_answered(main, plain, tmp_path, words, says):
    _, _, err = main("sample", "--model", plain, *words, code=2)
    assert says in err
    assert not list(tmp_path.iterdir())


def test_the_verb_of_the_other_kind_names_the_right_one(main, plain, trained_tiny, tmp_path):
    _, _, err = main("sample", "--model", trained_tiny, "out", code=2)
    assert "cyclegan makes pictures of pictures: gantool translate IN OUT --model" in err
    _, _, err = main("translate", "--model", plain, "in.png", "out.png", code=2)
    assert "dcgan makes pictures of noise, and translates none: gantool sample OUT --model" in err
    with pytest.raises(UsageError, match=r"gantool\.sample"):
        package.load(plain).translate(Image.new("RGB", (8, 8)))
    with pytest.raises(UsageError, match=r"gantool\.sample"):
        package.load(plain).style(Image.new("RGB", (8, 8)))
    with pytest.raises(UsageError, match=r"gantool\.translate"):
        package.load(trained_tiny).sample()


def test_a_training_says_how_to_make_pictures(main, pictures, tmp_path):
    _, _, err = main("train", "dcgan", pictures[0], "--preset", "smoke", "--steps", 1, "-o", "run")
    assert "Make pictures with: gantool sample OUT --model run -n 16" in err


def test_a_training_without_pictures_or_with_too_many_folders_is_told_what_the_model_needs(main, pictures):
    _, _, err = main("train", "dcgan", "--preset", "smoke", code=2)
    assert "dcgan needs a folder of pictures, or a folder for each class" in err
    _, _, err = main("train", "dcgan", *pictures, "--preset", "smoke", code=3)
    assert "an option classes take a folder for each class where it is true" in " ".join(err.split())


@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_signal_leaves_whole_pictures_and_the_same_command_goes_on(commands, plain, tmp_path, jobs):
    words = [commands / "gantool", "sample", "-m", str(plain), "-n", "4000", "out", "--print", "--jobs", jobs]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first = process.stdout.readline().strip()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert f"stopped: {len(files(tmp_path / 'out'))} of 4000 pictures are written; the same command goes on" in err
    assert (tmp_path / first).is_file()
    for name in files(tmp_path / "out"):
        pixels(tmp_path / "out" / name)
    assert not [name for name in os.listdir(tmp_path / "out") if name.startswith(".")]


STOPPED = """
import os, signal
from gantool_dcgan import DCGAN

def stop(where):
    if os.environ.get("STOP") == where:
        os.kill(os.getpid(), signal.SIGINT)

stop("import")

class Stopped(DCGAN):
    def __init__(self, *given):
        stop("model")
        if os.environ.get("STOP") == "import":
            for _ in range(10**9):  # the error comes soon behind the import, not within it
                pass
        super().__init__(*given)
"""


@pytest.mark.parametrize("where", ["import", "model"])
def test_a_signal_while_the_model_is_loaded_is_no_fault_of_its_file(
    main, plain, install_plugin, monkeypatch, tmp_path, where
):
    (install_plugin("stopped", "stopped_model:Stopped") / "stopped_model.py").write_text(STOPPED)
    facts, model = checkpoint.load_model(next(plain.glob("checkpoints/*4/weights.safetensors")))
    save(tmp_path / "run", checkpoint.build_model(type(model), model.options, facts.spec), "stopped")
    monkeypatch.setenv("STOP", where)
    monkeypatch.delitem(sys.modules, "stopped_model", raising=False)
    _, _, err = main("sample", "--model", "run", "-n", 3, "out", code=130)
    assert "stopped: 0 of 3 pictures are written; the same command goes on from there" in err
    assert "installed" not in err
    assert "cannot be" not in err


def test_from_python(plain, classes, tmp_path):
    made = []
    package.sample(plain, tmp_path / "out", seeds=[1, 5], progress=made.append)
    assert [(one.piece.seed, one.skipped) for one in made] == [(1, False), (5, False)]
    package.sample(plain, tmp_path / "sheet.jpg", grid=(2, 2))
    assert len(package.load(classes).sample(n=2, to="red,blue")) == 4
    several = package.load(classes).sample(to=["red", "blue"])
    assert np.array_equal(np.asarray(several[1]), np.asarray(package.load(classes).sample(to="blue")[0]))
    with pytest.raises(UsageError, match="there is no argument amount"):
        package.sample(plain, tmp_path / "out", amount=3)
    with pytest.raises(GantoolError, match="no pipe"):
        package.sample(plain, "-")


def test_weights_alone_suffice(main, plain, tmp_path):
    alone = tmp_path / "alone.safetensors"
    shutil.copy(package.runs.folders.saves(plain)[-1] / "weights.safetensors", alone)
    main("sample", "--model", alone, "one.png")
    main("sample", "--model", plain, "other.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()


def test_a_file_of_codes_is_known_by_its_content(main, plain, tmp_path):
    size = package.load(plain).facts.latent_size
    np.save(tmp_path / "z.npy", np.zeros((1, size)))
    main("sample", "--model", plain, "--code", "z.npy", "out")
    before = (tmp_path / "out/code0000.png").read_bytes()
    np.save(tmp_path / "z.npy", 3 * np.random.RandomState(1).standard_normal((1, size)))
    _, _, err = main("sample", "--model", plain, "--code", "z.npy", "out")
    assert "1 picture is kept, though of another code: --newer makes them anew" in err
    main("sample", "--model", plain, "--code", "z.npy", "out", "--newer")
    assert (tmp_path / "out/code0000.png").read_bytes() != before
