"""`gantool translate` as people and scripts use it."""

from __future__ import annotations

import io
import json
import os
import pty
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

import gantool as package
from gantool.runs import folders
from gantool.spec import Direction
from tests.conftest import draw
from tests.runs import untrained
from tests.translation.small_models import noise

TERMS = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return untrained(tmp_path_factory.mktemp("translate") / "run").parents[2]


@pytest.fixture(scope="module")
def grey_run(tmp_path_factory) -> Path:
    grey = {"channels_a": 1, "channels_b": 1, "identity": 0.0}
    return untrained(tmp_path_factory.mktemp("translate") / "grey", **grey).parents[2]


def save(path: Path, height: int = 36, width: int = 40, **more) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(height, width, seed=height * width)).save(path, **more)
    return path


def files(folder: Path) -> set[str]:
    """All files, hidden ones as well."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        image.load()
        return image.size


def test_a_folder_loses_nothing(main, run, tmp_path):
    sizes = {}
    extensions = ["png", "JPG", "jpeg", "webp", "TIF", "bmp"]
    for i in range(24):
        name = f"{['', 'x/', 'x/y/'][i % 3]}{i}.{extensions[i % 6]}"
        sizes[name] = size(save(tmp_path / "in" / name, 33 + 29 * i % 65, 33 + 17 * i % 65))
    (tmp_path / "in/x/bad.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (tmp_path / "in/notes.txt").write_text("no picture either")

    _, out, err = main("translate", "--model", run, "in", "out", "--batch", 3, code=1)
    assert out == ""
    assert {name: size(tmp_path / "out" / name) for name in files(tmp_path / "out")} == sizes
    assert "in/x/bad.jpg" in err.splitlines()[-1]
    assert "1 of 25 failed" in err
    with Image.open(tmp_path / "out/1.JPG" if (tmp_path / "out/1.JPG").exists() else tmp_path / "out/x/1.JPG") as image:
        assert image.format == "JPEG"

    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}
    (tmp_path / "out/0.png").unlink()
    _, out, _ = main("translate", "--model", run, "in", "out", "--json", code=1)
    events = [json.loads(line) for line in out.splitlines()]
    (done,) = [event for event in events if event["event"] == "file"]
    assert (done["in"], done["out"]) == ("in/0.png", "out/0.png")
    assert done["size_in"] == done["size_out"] == list(sizes["0.png"])
    assert len(done["sha256"]) == 64
    assert [event["in"] for event in events if event["event"] == "failed"] == ["in/x/bad.jpg"]
    assert events[-1] == {"event": "done", "written": 1, "skipped": 23, "failed": 1}
    after = {path: path.stat().st_mtime_ns for path in before}
    assert {path.name for path in before if before[path] != after[path]} == {"0.png"}


def test_batches_and_workers_change_nothing(main, run, tmp_path):
    for i in range(6):
        save(tmp_path / f"in/{i}.png", 36, 40 + i)
    main("translate", "-m", run, "in", "one", "--batch", 1)
    main("translate", "-m", run, "in", "many", "--batch", 4)
    for i in range(6):
        one, many = (np.array(Image.open(tmp_path / folder / f"{i}.png")).astype(int) for folder in ("one", "many"))
        assert np.abs(one - many).max() <= 1


def test_one_picture_and_python_give_the_same(main, run, tmp_path):
    save(tmp_path / "y.png", 41, 57)
    _, out, err = main("translate", "--model", run, "y.png")
    assert (out, "y.translated.png" in err) == ("", True)
    with Image.open(tmp_path / "y.png") as image, Image.open(tmp_path / "y.translated.png") as written:
        assert np.array_equal(np.array(package.load(run).translate(image, to="B")), np.array(written))
    main("translate", "--model", run, "y.png", "z/z.webp", "--quality", 100)
    assert np.array_equal(*(np.array(Image.open(tmp_path / name)) for name in ("z/z.webp", "y.translated.png")))

    _, _, err = main("translate", "--model", run, "y.png", code=2)
    assert "y.translated.png exists already" in err
    main("translate", "--model", run, "y.png", "--overwrite", "--to", "A")
    assert not np.array_equal(*(np.array(Image.open(tmp_path / name)) for name in ("z/z.webp", "y.translated.png")))
    (tmp_path / "bad.png").write_text("")
    assert "bad.png" in main("translate", "--model", run, "bad.png", code=3)[2]


def test_several_files_lists_and_print(main, gantool, run, tmp_path):
    for name in ("in/a.png", "in/b.png", "in/x/c.png"):
        save(tmp_path / name)
    _, out, _ = main("translate", "-m", run, "in/a.png", "in/b.png", "out", "--print")
    assert sorted(out.splitlines()) == ["out/a.png", "out/b.png"]
    (tmp_path / "list.txt").write_text("in/x/c.png\nin/missing.png\n")
    _, _, err = main("translate", "-m", run, "@list.txt", "-o", "out", code=1)
    assert "in/missing.png" in err
    assert files(tmp_path / "out") == {"a.png", "b.png", "in/x/c.png"}
    listed = "".join(f"{tmp_path}/in/{name}\n" for name in ("a.png", "x/c.png"))
    done = gantool("translate", "-m", run, "@-", "-o", "from_stdin", "--print", input=listed)
    assert sorted(done.stdout.splitlines()) == ["from_stdin/a.png", "from_stdin/x/c.png"]


def test_a_pipe_carries_the_picture_and_nothing_else(gantool, run, tmp_path):
    given = save(tmp_path / "a.jpg", 35, 50).read_bytes()
    done = gantool("translate", "--model", run, "-", text=False, input=given)
    assert done.stdout.startswith(b"\x89PNG\r\n\x1a\n")
    assert size(io.BytesIO(done.stdout)) == (50, 35)
    assert b"PNG" not in done.stderr
    assert not [name for name in files(tmp_path) if name != "a.jpg"]
    as_jpeg = gantool("translate", "--model", run, "a.jpg", "-", "--ext", "jpg", text=False).stdout
    assert as_jpeg.startswith(b"\xff\xd8\xff")
    gantool("translate", "--model", run, "-", "new.png", text=False, input=given)
    assert (tmp_path / "new.png").read_bytes() == done.stdout


def test_a_reader_that_goes_away_ends_it_quietly(commands, run, tmp_path):
    for i in range(30):
        save(tmp_path / f"in/{i}.png")
    command = [commands / "gantool", "translate", "-m", str(run), "in", "out", "--print", "-q"]
    with subprocess.Popen(command, cwd=tmp_path, env=TERMS, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode != 0
    for name in files(tmp_path / "out"):
        assert size(tmp_path / "out" / name) == (40, 36)


def test_a_picture_is_not_for_a_terminal(commands, run, tmp_path):
    save(tmp_path / "a.png")
    command = [commands / "gantool", "translate", "--model", str(run), "-"]
    inner, outer = pty.openpty()
    with (tmp_path / "a.png").open("rb") as picture:
        done = subprocess.run(
            command, cwd=tmp_path, env=TERMS, stdin=picture, stdout=outer, stderr=subprocess.PIPE, check=False
        )
    os.close(inner)
    os.close(outer)
    assert done.returncode == 2
    assert b"redirect" in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_what_was_stopped_continues(main, commands, run, tmp_path, number, code):
    names = {f"{i % 3}/{i}.png" for i in range(60)}
    for name in names:
        save(tmp_path / "in" / name, 80, 90)
    # What is killed leaves no parent that looks after it: a real process.
    program = [sys.executable, "-m", "gantool"] if number == signal.SIGKILL else [commands / "gantool"]
    command = [*program, "translate", "-m", str(run), "in", "out", "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "pipesize": 4096}  # 60 events do not go into it
    with subprocess.Popen(command, cwd=tmp_path, env=TERMS, **pipes) as process:
        assert process.stdout is not None
        told = 0
        while told < 3:
            told += json.loads(process.stdout.readline())["event"] == "file"
        process.send_signal(number)
        err = process.communicate()[1]
    assert process.returncode == code
    assert b"Traceback" not in err
    written = {name for name in files(tmp_path / "out") if not name.startswith(".gantool")}
    assert 3 <= len(written) < 60
    if number != signal.SIGKILL:
        assert f"stopped: {len(written)} of 60 results are written; the same command goes on".encode() in err
        assert files(tmp_path / "out") == written
    for name in written:
        assert size(tmp_path / "out" / name) == (90, 80)
    _, out, _ = main("translate", "-m", run, "in", "out", "--print")
    assert {f"out/{name}" for name in names - written} == set(out.splitlines())
    assert files(tmp_path / "out") == names


def test_shards_do_each_picture_once(main, run, tmp_path):
    for i in range(12):
        save(tmp_path / f"in/{i}.png", 16, 16)
    printed = []
    for part in ("1/2", "2/2"):
        printed += main("translate", "-m", run, "in", "out", "--shard", part, "--print", "--overwrite")[1].splitlines()
    assert sorted(printed) == sorted(f"out/{i}.png" for i in range(12))


def test_refusals_before_any_work(main, run, tmp_path):
    save(tmp_path / "in/a.jpg")
    save(tmp_path / "in/a.png")
    save(tmp_path / "more/a.png")
    before = files(tmp_path)
    for words, hint in [
        (["in", "in"], "--suffix"),
        (["in", "out", "--to", "dogs"], "Domains: horses (A), zebras (B)"),
        (["in", "out", "--ext", "xyz"], "xyz"),
        (["in", "out", "--suffix", "a/b"], "--suffix"),
        (["in", "out", "--size", "big"], "--size"),
        (["in", "out", "--memory", "much"], "--memory"),
        (["in", "out", "--precision", "fp8"], "--precision"),
        (["in", "out", "--device", "cuda:99"], "cuda:99"),
        (["in", "out", "--overwrite", "--skip-existing"], "exclude"),
        (["in", "out", "--json", "--print"], "--print"),
        (["in/a.png", "-", "--json"], "stdout"),
        (["in"], "folder for the results"),
        (["in", "out", "--save-styles"], "no styles to save"),
    ]:
        _, out, err = main("translate", "-m", run, *words, code=2)
        assert hint in err, words
        assert (out, err.count("\n")) == ("", 1), words
    assert files(tmp_path) == before
    assert "nowhere" in main("translate", "-m", run, "nowhere", "out", code=3)[2]
    assert "holds no picture" in main("translate", "-m", run, run, "out", code=3)[2]


def test_pictures_of_one_name_keep_their_type_in_the_results_name_and_it_is_said_once(main, run, tmp_path):
    for name in ("a.gif", "a.jpg", "a.png", "b.gif", "c.gif", "c.png"):
        save(tmp_path / "in" / name)
    err = main("translate", "-m", run, "in", "out")[2]
    assert files(tmp_path / "out") == {"a.gif.png", "a.jpg", "a.png", "b.png", "c.gif.png", "c.png"}
    assert err.count("because of another picture of that name") == 1
    assert "0 written, 6 skipped" in main("translate", "-m", run, "in", "out")[2]


def test_weights_that_are_none(main, run, tmp_path):
    save(tmp_path / "a.png")
    whole = (run / "checkpoints/00000007" / folders.WEIGHTS).read_bytes()
    (tmp_path / "flipped.safetensors").write_bytes(whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:])
    (tmp_path / "short.safetensors").write_bytes(whole[:-100])
    for model, hint in [
        ("flipped.safetensors", "hash"),
        ("short.safetensors", "cut short"),
        ("a.png", "no weights file"),
        ("nothing", "no run folder"),
        ("cyclegan", "no run of cyclegan"),
        (run / "checkpoints/00000007" / folders.STATE, "no weights to translate with"),
    ]:
        assert hint in main("translate", "-m", model, "a.png", "b.png", code=4)[2]
    assert files(tmp_path) == {"a.png", "flipped.safetensors", "short.safetensors"}


def test_the_newest_run_of_a_model_is_named(main, tmp_path):
    save(tmp_path / "a.png")
    untrained(tmp_path / "runs/cyclegan/001")
    assert "runs/cyclegan/001" in main("translate", "-m", "cyclegan", "a.png", "b.png")[2]


def test_weights_of_one_direction(main, tmp_path):
    one_way = untrained(tmp_path / "run", notes={"directions": (Direction("zebras", "horses"),)})
    save(tmp_path / "a.png")
    assert "only: zebras -> horses" in main("translate", "-m", one_way, "a.png", "b.png", "--to", "zebras", code=2)[2]
    main("translate", "-m", one_way, "a.png", "b.png")


def test_a_dry_run_writes_nothing(main, run, tmp_path):
    save(tmp_path / "in/a.gif")
    save(tmp_path / "in/b.png")
    save(tmp_path / "out/b.png")
    before = files(tmp_path)
    _, out, _ = main("translate", "-m", run, "in", "out", "--dry-run")
    assert out.splitlines() == ["in/a.gif -> out/a.png", "in/b.png -> out/b.png (exists: skipped)"]
    _, out, _ = main("translate", "-m", run, "in", "new", "--dry-run", "--json")
    assert {"event": "plan", "in": "in/a.gif", "out": "new/a.png", "action": "write"} in map(
        json.loads, out.splitlines()
    )
    assert files(tmp_path) == before
    assert not (tmp_path / "new").exists()


def test_fail_existing_and_fail_fast(main, run, tmp_path):
    for i in range(3):
        save(tmp_path / f"in/{i}.png")
    (tmp_path / "in/0.png").write_text("bad")
    assert "--fail-fast" in main("translate", "-m", run, "in", "out", "--fail-fast", code=1)[2]
    assert not (tmp_path / "out").exists()
    save(tmp_path / "out/2.png")
    assert "out/2.png exists already" in main("translate", "-m", run, "in", "out", "--fail-existing", code=2)[2]
    assert files(tmp_path / "out") == {"2.png"}


def test_a_disk_that_takes_no_more(main, commands, run, tmp_path):
    """A limit on the size of files stands for a full disk: small results fit, large ones do not."""
    (tmp_path / "file").touch()
    save(tmp_path / "in/a.png", 16, 16)
    assert "cannot write to file/out" in main("translate", "-m", run, "in", "file/out", code=3)[2]
    save(tmp_path / "in/b.png", 300, 300)
    save(tmp_path / "in/c.png", 300, 300)
    command = [commands / "gantool", "translate", "-m", str(run), "in", "out"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=TERMS,
        capture_output=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert done.returncode == 3
    last = done.stderr.splitlines()[-1]
    assert last.startswith(b"error: cannot write out/")
    assert last.endswith(b". stopped: 1 of 3 results are written; the same command goes on from there")
    assert files(tmp_path / "out") == {"a.png"}
    main("translate", "-m", run, "in", "out")
    assert files(tmp_path / "out") == {"a.png", "b.png", "c.png"}


def test_transparency_is_carried_over(main, run, tmp_path):
    (tmp_path / "in").mkdir()
    rgba = noise(40, 44, 4)
    rgba[:10, :, 3] = 0
    for name, format in [("a.png", "PNG"), ("b.webp", "WEBP"), ("c.bmp", "PNG"), ("d.jpg", "PNG")]:
        Image.fromarray(rgba).save(
            tmp_path / "in" / name, format, **({"lossless": True, "exact": True} if format == "WEBP" else {})
        )
    main("translate", "-m", run, "in", "out")
    assert files(tmp_path / "out") == {"a.png", "b.webp", "c.png", "d.png"}, "bmp and jpg hold no transparency"
    for name in files(tmp_path / "out"):
        assert np.array_equal(np.array(Image.open(tmp_path / "out" / name))[..., 3], rgba[..., 3])
    _, out, _ = main("translate", "-m", run, "in", "out", "--json")
    assert '"written": 0' in out.splitlines()[-1], "a result under another name is found again"
    _, _, err = main("translate", "-m", run, "in/a.png", "a.jpg")
    assert "cannot hold its transparency" in err
    assert np.array(Image.open(tmp_path / "a.jpg"))[:6].min() > 250, "transparent is white"


def test_a_result_that_needs_another_name_does_not_take_that_of_another_input(main, run, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a.bmp", "a.jpg", "b.jpg"):  # PNGs by content
        Image.fromarray(noise(36, 36, 4)).save(tmp_path / "in" / name, "PNG")
    save(tmp_path / "in/a.png")
    for _ in range(2):
        main("translate", "-m", run, "in", "out")
        assert files(tmp_path / "out") == {"a.png", "a.bmp.png", "a.jpg.png", "b.png"}
        (tmp_path / "out/a.jpg.png").unlink()  # an interruption: the others' names do not depend on it
    assert np.array(Image.open(tmp_path / "out/a.png")).shape == (36, 40, 3)
    assert np.array(Image.open(tmp_path / "out/a.bmp.png")).shape == (36, 36, 4)
    save(tmp_path / "in/a.bmp.png")
    main("translate", "-m", run, "in", "new")
    assert files(tmp_path / "new") == {"a.png", "a.bmp.png", "a.bmp.2.png", "a.jpg.png", "b.png"}


def test_grey_stays_grey_and_16_bits_stay_16_bits(main, run, grey_run, tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(np.arange(48 * 40, dtype=np.uint16).reshape(48, 40) * 34).save(tmp_path / "in/deep.png")
    Image.fromarray(noise(48, 40, 1)[..., 0]).save(tmp_path / "in/grey.png")
    main("translate", "-m", grey_run, "in", "out")
    deep = np.array(Image.open(tmp_path / "out/deep.png"))
    assert (deep.dtype, deep.shape) == (np.uint16, (48, 40))
    assert len(np.unique(deep)) > 256
    assert Image.open(tmp_path / "out/grey.png").mode == "L"
    _, _, err = main("translate", "-m", grey_run, "in/deep.png", "deep.jpg")
    assert "16 bits" in err
    assert Image.open(tmp_path / "deep.jpg").mode == "L"
    main("translate", "-m", run, "in", "colour")
    assert Image.open(tmp_path / "colour/deep.png").mode == Image.open(tmp_path / "colour/grey.png").mode == "RGB"


def test_orientation_is_applied_and_the_profile_kept(main, run, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    save(tmp_path / "turned.jpg", 40, 60, exif=exif, icc_profile=profile)
    main("translate", "-m", run, "turned.jpg", "upright.png")
    with Image.open(tmp_path / "upright.png") as image:
        assert image.size == (40, 60)
        assert image.info["icc_profile"] == profile
        assert image.getexif().get(0x0112, 1) == 1


def test_size(main, run, tmp_path):
    save(tmp_path / "a.png", 40, 60)
    main("translate", "-m", run, "a.png", "b.png", "--size", "33")
    main("translate", "-m", run, "a.png", "c.png", "--size", "70x45")
    assert (size(tmp_path / "b.png"), size(tmp_path / "c.png")) == ((33, 33), (70, 45))


def test_a_lack_of_memory_is_told_once_with_the_count(main, run, tmp_path):
    draw(tmp_path / "in", 3, seed=1)
    (tmp_path / "in/bad.png").write_bytes(b"nothing")
    _, out, err = main("translate", "-m", run, "in", "out", "--memory", "1K", "--json", code=1)
    assert err.count("are at hand") == 1
    assert "cannot read in/bad.png" in err
    assert "4 of 4 failed, 3 for want of memory: in/00.png, in/01.png, in/02.png, in/bad.png\n" in err
    assert out.count("are at hand") == 3, "programs hear it of each picture"


def test_a_limit_within_which_no_picture_can_be_made_has_one_exit_code_and_leaves_no_folder(main, run, tmp_path):
    draw(tmp_path / "in", 3, seed=1)
    (tmp_path / "mine").mkdir()
    for words in (["in", "new/out"], ["in/00.png", "new/out/a.png"], ["in", "mine"]):
        assert "--memory" in main("translate", "-m", run, *words, "--memory", "1K", code=5)[2]
    assert (
        "3 of 3 failed, 3 for want of memory" in main("translate", "-m", run, "in", "out", "--memory", "1K", code=5)[2]
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "mine"]
    main("translate", "-m", run, "in/00.png", "out/00.png")
    assert "2 for want of memory" in main("translate", "-m", run, "in", "out", "--memory", "1K", code=1)[2]


def test_memory_chooses_strips_and_refuses_what_cannot_fit(main, run, tmp_path):
    save(tmp_path / "in/large.png", 200, 200)
    save(tmp_path / "in/small.png", 60, 60)
    _, out, _ = main("translate", "-m", run, "in", "whole", "--memory", "1G", "--json")
    assert '"strips": true' not in out
    _, _, err = main("translate", "-m", run, "in", "strips", "--memory", "6M")
    assert "in/large.png: 200x200 takes about 11 MB as a whole, and 6 MB are at hand: it went through in strips" in err
    for name in ("large.png", "small.png"):
        one, other = (np.array(Image.open(tmp_path / way / name)).astype(int) for way in ("whole", "strips"))
        assert np.abs(one - other).max() <= 1

    _, _, err = main("translate", "-m", run, "in", "lean", "--memory", "2M", code=1)
    assert "--size" in err
    assert files(tmp_path / "lean") == {"small.png"}
    assert "in/large.png" in main("translate", "-m", run, "in/large.png", "b.png", "--memory", "2M", code=5)[2]
