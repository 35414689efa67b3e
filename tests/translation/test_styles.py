"""The grammar of styles, with a model that has them: BicycleGAN, untrained but for two steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gantool as package
from gantool.errors import DataError, UsageError
from gantool.inference.styles import Style, styles
from gantool.spec import Direction
from gantool.translation.variants import variants
from tests.conftest import draw


@pytest.fixture
def run(trained) -> Path:
    return trained("bicyclegan")


@pytest.fixture
def photos(tmp_path) -> Path:
    return draw(tmp_path / "in", 2, seed=3)


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_k_styles_a_picture_are_different_and_each_is_repeatable_alone(main, run, photos, tmp_path):
    main("translate", "-m", run, "--style", "random", "-n", 3, photos, tmp_path / "out")
    assert names(tmp_path / "out") == {f"{stem}.s{k}.png" for stem in ("00", "01") for k in (1, 2, 3)}
    made = [pixels(tmp_path / "out" / f"00.s{k}.png") for k in (1, 2, 3)]
    assert not np.array_equal(made[0], made[1])
    assert not np.array_equal(made[1], made[2])
    (photos / "00.png").unlink()
    main("translate", "-m", run, "-n", 2, photos, tmp_path / "again")  # another neighbour, another K: the same style
    assert np.array_equal(pixels(tmp_path / "again" / "01.s2.png"), pixels(tmp_path / "out" / "01.s2.png"))
    main("translate", "-m", run, "-n", 2, photos, tmp_path / "other", "--seed", 1)
    assert not np.array_equal(pixels(tmp_path / "other" / "01.s2.png"), pixels(tmp_path / "out" / "01.s2.png"))


def test_sync_gives_all_pictures_the_same_codes_and_they_can_be_saved_and_used_again(main, run, photos, tmp_path):
    main("translate", "-m", run, "-n", 2, "--sync", "--save-styles", photos, tmp_path / "out")
    codes = {path.name: np.load(path) for path in (tmp_path / "out").glob("*.npy")}
    assert set(codes) == {"00.s1.npy", "00.s2.npy", "01.s1.npy", "01.s2.npy"}
    assert np.array_equal(codes["00.s1.npy"], codes["01.s1.npy"])
    assert not np.array_equal(codes["00.s1.npy"], codes["00.s2.npy"])
    both = tmp_path / "both.npy"
    np.save(both, np.stack([codes["00.s1.npy"], codes["00.s2.npy"]]))
    main("translate", "-m", run, "--style", both, photos, tmp_path / "again")
    for name in ("00.s1.png", "01.s2.png"):
        assert np.array_equal(pixels(tmp_path / "again" / name), pixels(tmp_path / "out" / name))
    main("translate", "-m", run, "-n", 2, "--save-styles", photos, tmp_path / "apart")
    assert not np.array_equal(np.load(tmp_path / "apart/00.s1.npy"), np.load(tmp_path / "apart/01.s1.npy"))


def test_a_style_comes_from_a_picture_a_folder_or_the_way_between_two(main, run, photos, tmp_path):
    references = draw(tmp_path / "styles", 2, seed=4)
    main("translate", "-m", run, "--style", references, photos, tmp_path / "all")
    assert names(tmp_path / "all") == {f"{stem}.{style}.png" for stem in ("00", "01") for style in ("00", "01")}
    main("translate", "-m", run, "--style", references / "01.png", photos, tmp_path / "one")
    assert np.array_equal(pixels(tmp_path / "one" / "00.png"), pixels(tmp_path / "all" / "00.01.png"))
    way = ["--interpolate", references / "00.png", references / "01.png", "-n", 3]
    main("translate", "-m", run, *way, photos / "00.png", tmp_path / "between.png")
    first, last = (pixels(tmp_path / f"between.s{k}.png") for k in (1, 3))
    assert np.array_equal(first, pixels(tmp_path / "all" / "00.00.png"))
    assert np.array_equal(last, pixels(tmp_path / "all" / "00.01.png"))
    main("translate", "-m", run, "--style", "mean", photos, tmp_path / "mean")
    assert names(tmp_path / "mean") == {"00.png", "01.png"}


def test_a_grid_is_one_picture_of_inputs_by_styles(main, run, photos, tmp_path):
    main("translate", "-m", run, "-n", 3, "--grid", photos, tmp_path / "grid.png")
    assert names(tmp_path) >= {"grid.png", "in"}
    width, height = Image.open(tmp_path / "grid.png").size
    assert width > 4 * 40
    assert height > 2 * 40
    main("translate", "-m", run, "-n", 3, photos, tmp_path / "out")
    sheet = pixels(tmp_path / "grid.png")
    for name in ("00.s1.png", "01.s3.png"):
        cell = pixels(tmp_path / "out" / name)
        windows = np.lib.stride_tricks.sliding_window_view(sheet, cell.shape)[:, :, 0]
        assert (windows == cell).all(axis=(2, 3, 4)).any(), name
    _, _, err = main("translate", "-m", run, "--grid", photos, tmp_path / "grid.png", code=2)
    assert "--overwrite" in err


def test_python_has_the_same_grammar(run, photos):
    translator = package.load(run)
    photo = Image.open(photos / "00.png")
    reference = Image.open(photos / "01.png")
    code = translator.style(reference)
    taken, given = translator.translate(photo, style=reference), translator.translate(photo, style=code)
    assert taken.tobytes() == given.tobytes()
    assert translator.translate(photo).tobytes() == translator.translate(photo, style="random").tobytes()
    assert translator.translate(photo).tobytes() != translator.translate(photo, seed=1).tobytes()
    with pytest.raises(UsageError, match="style code"):
        translator.translate(photo, style=np.zeros(3))
    with pytest.raises(UsageError, match='"random"'):
        translator.translate(photo, style="nicest")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--style", "nowhere.png"], 3, "nowhere.png"),
        (["--style", "in/00.png", "-n", "3"], 2, "-n counts random styles"),
        (["--style", "wrong.npy"], 3, "wrong.npy"),
        (["--style", "text.npy"], 3, "text.npy"),
        (["--style", "words.npy"], 3, "words.npy holds values that are not numbers"),
        (["--style", "huge.npy"], 3, "huge.npy holds values that are not numbers, or too large"),
        (["--interpolate", "in/00.png", "nowhere.png"], 3, "nowhere.png"),
        (["--interpolate", "in/00.png", "in/01.png", "--style", "mean"], 2, "--interpolate"),
        (["-n", "0"], 2, "-n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_wrong_with_a_style_is_one_line(main, run, photos, tmp_path, words, code, said):
    np.save(tmp_path / "wrong.npy", np.zeros((2, 3)))
    (tmp_path / "text.npy").write_text("no array")
    size = package.load(run).facts.code_size
    np.save(tmp_path / "words.npy", np.full((1, size), "a"))
    np.save(tmp_path / "huge.npy", np.full((1, size), 1e300))
    _, _, err = main("translate", "-m", run, *words, "in", "out", code=code)
    assert said in err
    assert not (tmp_path / "out").exists()


def test_a_saved_style_never_replaces_another_file(main, run, photos, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    np.save(out / "00.npy", np.zeros(3))
    mine = (out / "00.npy").read_bytes()
    words = ["translate", "-m", run, "--save-styles", photos, out]
    assert "00.npy exists already" in main(*words, "--fail-existing", code=2)[2]
    assert names(out) == {"00.npy"}
    assert "00.npy exists already and is another file" in main(*words, code=1)[2]
    assert names(out) == {"00.npy", "01.npy", "01.png"}
    assert (out / "00.npy").read_bytes() == mine
    assert "gantool did not write it" in main(*words, "--overwrite", code=2)[2]
    assert (out / "00.npy").read_bytes() == mine
    main("translate", "-m", run, "--save-styles", photos, "-o", out, "--overwrite")
    code = (out / "00.npy").read_bytes()
    assert code != mine
    (out / "00.png").unlink()
    main(*words)  # as after an interruption between the two files
    assert (out / "00.npy").read_bytes() == code
    assert (out / "00.png").exists()


def test_results_that_differ_in_their_type_alone_have_codes_of_their_own(main, run, photos, tmp_path):
    Image.open(photos / "00.png").save(photos / "00.webp")
    main("translate", "-m", run, "--save-styles", photos, tmp_path / "out")
    assert names(tmp_path / "out") == {"00.png", "00.webp", "01.png", "00.png.npy", "00.webp.npy", "01.npy"}


def test_styles_are_not_saved_where_there_is_no_place_for_them(main, run, photos):
    assert "stdout has no place" in main("translate", "-m", run, "--save-styles", "in/00.png", "-", code=2)[2]


@pytest.mark.parametrize(
    "words",
    [
        ["--shard", "1/2"],
        ["--ext", "jpg"],
        ["--suffix", "_x"],
        ["--print"],
        ["--json"],
        ["--save-styles"],
        ["--dry-run"],
        ["--skip-existing"],
        ["--batch", "2"],
    ],
    ids=lambda words: words[0],
)
def test_what_a_grid_has_no_use_for_is_refused(main, run, photos, tmp_path, words):
    assert f"leave out {words[0]}" in main("translate", "-m", run, "--grid", *words, photos, "grid.png", code=2)[2]
    assert not (tmp_path / "grid.png").exists()


def test_several_results_do_not_go_to_stdout(main, run, photos, tmp_path):
    assert "name OUT" in main("translate", "-m", run, "-n", 2, "in/00.png", "-", code=2)[2]


def test_a_model_without_styles_refuses_them():
    with pytest.raises(UsageError, match="one result for a picture"):
        styles("random", None, None, 0, "cyclegan")
    assert styles(None, None, None, 0, "cyclegan") == [(None, "")]


def test_domains_and_styles_are_both_in_the_name():
    found = variants(
        [Direction("a", "b"), Direction("a", "c")], [(Style("random", 0), "s1"), (Style("random", 1), "s2")]
    )
    assert [variant.suffix for variant in found] == [".b.s1", ".b.s2", ".c.s1", ".c.s2"]
    assert [variant.suffix for variant in variants([Direction("a", "b")], [(None, "")])] == [""]


def test_two_style_pictures_of_one_name_are_refused(tmp_path):
    draw(tmp_path / "styles/one", 1, seed=1)
    draw(tmp_path / "styles/two", 1, seed=2)
    with pytest.raises(DataError, match="several folders"):
        styles(str(tmp_path / "styles"), None, None, 8, "bicyclegan")


def test_a_style_picture_is_not_padded(run):
    """An encoder ends in a mean over the picture: mirrored borders would be part of it."""
    translator = package.load(run)
    model = translator.engine.model
    pixels = np.random.default_rng(0).integers(0, 256, (45, 51, 3), dtype=np.uint8)
    with torch.no_grad():
        seen = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1
        expected = model.encode(seen, domain=1)[0].numpy()
    np.testing.assert_allclose(translator.style(Image.fromarray(pixels), "B"), expected, rtol=0, atol=1e-5)
