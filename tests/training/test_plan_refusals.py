"""What a person wrote that cannot be planned is one line with the remedy."""

from __future__ import annotations

import pytest

from gantool.runs import folders
from tests.conftest import TRAIN_TINY
from tests.runs import untrained


@pytest.mark.parametrize("data", ["trainA", "3", "[1, 2]", "{a: b}"])
def test_a_config_whose_data_is_no_list_of_folders(main, tmp_path, pictures, data):
    (tmp_path / "c.yaml").write_text(f"model: cyclegan\ndata: {data}\n")
    assert "error: c.yaml: data is a list of folders" in main("train", "--config", "c.yaml", "--dry-run", code=2)[2]


def test_a_config_with_a_list_of_folders_needs_no_others(main, tmp_path, pictures):
    (tmp_path / "c.yaml").write_text("model: cyclegan\ndata: [trainA, trainB]\n")
    main("train", "--config", "c.yaml", "--dry-run", *TRAIN_TINY)


def test_the_state_of_a_training_is_nothing_to_begin_with(main, tmp_path, pictures):
    state = untrained(tmp_path / "run").parent / folders.STATE
    err = main("train", "cyclegan", "trainA", "trainB", "--from", state, code=4)[2]
    assert str(state) in err
    assert f"run folder, or {folders.WEIGHTS}" in err


def test_a_file_in_the_way_of_the_run_folder_is_named(main, tmp_path, pictures):
    (tmp_path / "file").touch()
    err = main("train", "cyclegan", "trainA", "trainB", "-o", "file/run", *TRAIN_TINY, "--steps", 1, code=3)[2]
    last = err.splitlines()[-1]
    assert last.startswith("error: ")
    assert "file/run" in last
    assert "file is a file" in last


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["--crop", 1_000_000, "--size", 1_000_000], "--crop"),
        (["--crop", 32, "--size", 1_000_000], "--size"),
        (["--batch", 10**12], "--batch"),
        (["--batch", 10**12, "--preprocess", "none"], "--batch"),
        (["--crop", 65_536, "--size", 65_536, "--accumulate", 65_536], "--accumulate"),
    ],
)
def test_pictures_beyond_the_memory_are_refused_before_they_are_made(main, tmp_path, pictures, words, remedy):
    tiny = ["--set", "width=4", "--set", "blocks=1", "--set", "d_width=4", "--set", "d_layers=1"]
    err = main("train", "cyclegan", "trainA", "trainB", *words, *tiny, "--dry-run", code=5)[2]
    assert "error: the pictures of a step take" in err
    assert err.endswith(f"are free: a smaller {remedy}\n")


def test_batches_without_number_are_refused(main, pictures):
    err = main("train", "cyclegan", "trainA", "trainB", "--accumulate", 9 * 10**18, "--dry-run", code=2)[2]
    assert "accumulate must be between 1 and 65536, not 9000000000000000000" in err


@pytest.mark.parametrize("model", ["cyclegan", "cut"])
def test_options_without_a_length_are_no_fault_of_the_plugin(main, pictures, model):
    words = ["--set", "n_epochs=0", "--set", "n_epochs_decay=0"]
    err = main("train", model, "trainA", "trainB", *words, "--dry-run", code=2)[2]
    assert "with these options: a training of 0 epochs has no length" in err


def test_passes_without_number_are_refused(main, tmp_path, pictures):
    err = main("train", "cyclegan", "trainA", "trainB", "--epochs", "1e308", "--dry-run", code=2)[2]
    assert "epochs must be between" in err


def test_a_folder_of_pictures_is_no_run_folder(main, tmp_path, pictures):
    a, b = pictures
    before = sorted(a.iterdir())
    _, _, err = main("train", "cyclegan", a, b, "-o", a, "--preset", "smoke", code=2)
    assert err == f"error: {a} is a folder of pictures, and a run has a folder of its own: choose -o ANOTHER_FOLDER\n"
    assert sorted(a.iterdir()) == before
