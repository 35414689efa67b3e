"""Which picture a result belongs to: what is done, what is done again, and what is never replaced."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from gantool.pictures.results import Recorder, Results
from tests.runs import untrained
from tests.translation.small_models import noise


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return untrained(tmp_path_factory.mktemp("belonging") / "run").parents[2]


def save(path: Path, height: int = 36, width: int = 40) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(height, width, seed=height * width)).save(path)
    return path


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_a_new_picture_gets_its_own_result_also_where_anothers_stands(main, run, tmp_path):
    save(tmp_path / "in/a.jpg")
    main("translate", "-m", run, "in", "out", "--ext", "png")
    assert files(tmp_path / "out") == {"a.png"}, "results stay alone in their folder"
    save(tmp_path / "in/a.png", 50, 50)
    assert "2 written" in main("translate", "-m", run, "in", "out", "--ext", "png")[2]
    assert size(tmp_path / "out/a.png") == (50, 50)
    assert size(tmp_path / "out/a.jpg.png") == (40, 36)
    assert "0 written, 2 skipped" in main("translate", "-m", run, "in", "out", "--ext", "png")[2]


def test_pictures_of_another_folder_are_not_taken_for_done(main, run, tmp_path):
    save(tmp_path / "one/a.png")
    save(tmp_path / "two/a.png", 50, 50)
    main("translate", "-m", run, "one", "out")
    for _ in range(2):
        main("translate", "-m", run, "two", "out")
        assert size(tmp_path / "out/a.png") == (40, 36)
        assert size(tmp_path / "out/two/a.png") == (50, 50)
    os.rename(tmp_path / "one", tmp_path / "moved")
    assert "0 written, 1 skipped" in main("translate", "-m", run, "moved", "out")[2], "a folder that moved is the same"


def test_what_is_older_or_of_another_model_is_said_and_made_anew_on_demand(main, run, tmp_path):
    other = untrained(tmp_path / "other", seed=1).parents[2]
    save(tmp_path / "in/a.png")
    save(tmp_path / "in/b.png", 44, 44)
    main("translate", "-m", run, "in", "out")
    err = main("translate", "-m", other, "in", "out")[2]
    assert "2 results are kept, though of another model: --newer makes them anew" in err
    assert "2 written" in main("translate", "-m", other, "in", "out", "--newer")[2]
    assert "0 written, 2 skipped" in main("translate", "-m", other, "in", "out", "--newer")[2]
    save(tmp_path / "in/b.png", 50, 50)
    assert "1 result is kept, though of an earlier state" in main("translate", "-m", other, "in", "out")[2]
    assert "1 written, 1 skipped" in main("translate", "-m", other, "in", "out", "--newer")[2]
    assert size(tmp_path / "out/b.png") == (50, 50)


def test_without_its_record_a_result_counts_as_its_name_says(main, run, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    save(tmp_path / "in/a.png")
    main("translate", "-m", run, "in", "out")
    (record,) = (tmp_path / "state").rglob("*.jsonl")
    record.unlink()
    assert "0 written, 1 skipped" in main("translate", "-m", run, "in", "out")[2]
    os.utime(tmp_path / "in/a.png", (2**31, 2**31))
    assert "1 written" in main("translate", "-m", run, "in", "-o", "out", "--newer")[2]
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null/nowhere")
    assert "1 written" in main("translate", "-m", run, "in", "elsewhere")[2]


def test_earlier_results_below_the_inputs_are_no_inputs_unless_they_are_named(main, run, tmp_path):
    save(tmp_path / "in/0.png")
    main("translate", "-m", run, "in", "in/a")
    err = main("translate", "-m", run, "in", "in/b")[2]
    assert "passed over 1 earlier result of gantool in in/a" in err
    assert files(tmp_path / "in/b") == {"0.png"}
    main("translate", "-m", run, "in", "in", "--suffix", "_z")
    main("translate", "-m", run, "in", "out")
    assert files(tmp_path / "out") == {"0.png"}
    main("translate", "-m", run, "in/a", "back", "--to", "A")
    main("translate", "-m", run, "in/a/0.png", "again.png")
    assert files(tmp_path / "back") == {"0.png"}


@pytest.mark.parametrize("flags", [[], ["--overwrite"], ["--newer"]])
def test_no_file_of_others_is_replaced_because_it_stands_last(main, run, tmp_path, flags):
    photos = [save(tmp_path / "1.png"), save(tmp_path / "2.png", 44, 44)]
    save(tmp_path / "A/1.png")
    mine = save(tmp_path / "B/1.png", 44, 44)
    before = [path.read_bytes() for path in (*photos, mine)]
    os.utime(photos[0], (2**31, 2**31))
    os.utime(tmp_path / "A/1.png", (2**31, 2**31))
    err = main("translate", "-m", run, "1.png", "2.png", *flags, code=2)[2]
    assert err.startswith(
        "error: name an output last, a new folder or file: 2.png exists, and gantool did not write it"
    )
    assert "-o" in err
    if flags:
        assert "gantool did not write it" in main("translate", "-m", run, "A", "B", *flags, code=2)[2]
        assert "did not write" in main("translate", "-m", run, "1.png", "2.png", "--grid", "--overwrite", code=2)[2]
    assert [path.read_bytes() for path in (*photos, mine)] == before
    main("translate", "-m", run, "1.png", "made.png")
    main("translate", "-m", run, "1.png", "made.png", "--overwrite")  # its own
    main("translate", "-m", run, "1.png", "-o", "2.png", "--overwrite")  # named
    assert size(tmp_path / "2.png") == (40, 36)


def test_no_style_code_of_others_is_replaced_because_results_stand_last(main, trained, tmp_path):
    run = trained("munit")
    save(tmp_path / "in/a.png")
    (tmp_path / "out").mkdir()
    code = tmp_path / "out/a.npy"
    code.write_bytes(b"mine")
    words = ["translate", "-m", run, "in", "out", "--save-styles"]
    assert f"{code.relative_to(tmp_path)} exists, and gantool did not" in main(*words, "--overwrite", code=2)[2]
    assert code.read_bytes() == b"mine"
    assert files(tmp_path / "out") == {"a.npy"}
    main("translate", "-m", run, "in", "-o", "out", "--save-styles", "--overwrite")  # named
    made = code.read_bytes()
    assert made != b"mine"
    main(*words, "--overwrite", "--seed", "1")  # its own
    assert code.read_bytes() != made


def test_maps_and_codes_are_no_inputs_of_a_later_command(main, trained, tmp_path):
    run = trained("ugatit", set={"light": True})
    save(tmp_path / "in/a.png", 40, 40)
    main("translate", "-m", run, "in", "in/out", "--attention", "in/maps", "--size", "32")
    err = main("translate", "-m", run, "in", "again", "--size", "32")[2]
    assert files(tmp_path / "again") == {"a.png"}
    assert "passed over 4 earlier results of gantool in in/maps, in/out" in err


def test_data_pair_and_split_replace_only_what_gantool_wrote(main, tmp_path):
    for folder in "AB":
        save(tmp_path / folder / "1.png")
    mine = save(tmp_path / "pairs/1.png", 44, 44)
    before = mine.read_bytes()
    err = main("data", "pair", "A", "B", "pairs", "--overwrite", code=2)[2]
    assert "pairs/1.png exists, and gantool did not write it" in err
    assert mine.read_bytes() == before
    mine.unlink()
    main("data", "pair", "A", "B", "pairs")
    main("data", "pair", "A", "B", "pairs", "--overwrite")
    mine = save(tmp_path / "halves/B/1.png", 44, 44)
    before = mine.read_bytes()
    assert "gantool did not write it" in main("data", "split", "pairs", "halves", "--overwrite", code=2)[2]
    assert (mine.read_bytes(), files(tmp_path / "halves")) == (before, {"B/1.png"})
    mine.unlink()
    main("data", "split", "pairs", "halves")
    main("data", "split", "pairs", "halves", "--overwrite")


def test_halves_and_pairs_are_pictures_to_translate(main, run, tmp_path):
    for folder in "AB":
        save(tmp_path / "data" / folder / "1.png")
    main("data", "pair", "data/A", "data/B", "data/pairs")
    main("translate", "-m", run, "data", "out")
    assert files(tmp_path / "out") == {"A/1.png", "B/1.png", "pairs/1.png"}


def test_a_training_and_a_demo_begin_in_no_folder_that_holds_such_files_of_others(main, tmp_path):
    for name in ("gallery.html", "log.jsonl", "run.yaml", "samples/1.png"):
        mine = tmp_path / "site" / name
        mine.parent.mkdir(parents=True, exist_ok=True)
        mine.write_text("title: mine\n")
        for command in (["train", "cyclegan", "in", "in", "-o", "site"], ["demo", "-o", "site"]):
            (tmp_path / "in").mkdir(exist_ok=True)
            err = main(*command, code=2)[2]
            assert "exists, and gantool did not write it" in err
        assert files(tmp_path / "site") == {name}
        mine.unlink()
    assert "exists already" in main("import", "x.pth", "-o", "site", code=2)[2]


def test_notes_of_several_processes_stay_whole_and_lines_cut_short_are_left_out(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    child = (
        "import sys; from pathlib import Path; from gantool.pictures.results import Recorder\n"
        "out, mine = Path(sys.argv[1]), sys.argv[2]\n"
        "recorder = Recorder(out)\n"
        "for i in range(300):\n"
        "    path = out / f'{mine}-{i}.png'; path.write_bytes(mine.encode()); recorder.note(path, path, 'x', {}, '')"
    )
    children = [subprocess.Popen([sys.executable, "-c", child, str(out), name]) for name in "abc"]
    assert [process.wait() for process in children] == [0, 0, 0]
    known = Results()
    assert all(known.of(out / f"{name}-{i}.png") for name in "abc" for i in range(300))
    name = f'"{os.path.realpath(out)}"'.encode()
    records = Path(os.environ["XDG_STATE_HOME"]).rglob("*.jsonl")
    record = next(path for path in records if path.read_bytes().startswith(name))
    record.write_bytes(record.read_bytes()[:-20])  # killed in the middle
    recorder = Recorder(out)
    (out / "new.png").write_bytes(b"1")
    recorder.note(out / "new.png", None, "", {}, "")
    recorder.close()
    after = Results()
    assert after.of(out / "new.png")
    assert after.of(out / "a-0.png")
    (out / "a-0.png").write_bytes(b"another")
    assert after.of(out / "a-0.png") is None, "what was changed since is not what gantool wrote"
