"""`gantool sample interpolate`: from one picture to the next."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gantool.inference.sampler import slerp
from gantool.sampling.interpolation import between


@pytest.fixture(scope="module")
def plain(trained) -> Path:
    return trained("dcgan")


@pytest.fixture(scope="module")
def classes(trained) -> Path:
    return trained("dcgan", set={"classes": True})


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_the_points_are_the_pictures_of_the_seeds(main, plain, tmp_path):
    main("sample", "interpolate", "--model", plain, "--seeds", "3,7,12", "--steps", 4, "way")
    main("sample", "--model", plain, "--seeds", "3,7,12", "out")
    assert len(list((tmp_path / "way").iterdir())) == 9
    for place, seed in ((0, 3), (4, 7), (8, 12)):
        assert np.array_equal(pixels(tmp_path / f"way/{place:04}.png"), pixels(tmp_path / f"out/seed{seed:04}.png"))


@pytest.mark.parametrize("name", ["way.gif", "way.webp", "way.apng"])
def test_a_film_has_all_steps(main, plain, tmp_path, name):
    main("sample", "interpolate", "--model", plain, "--seeds", "1,2", "--steps", 5, name)
    with Image.open(tmp_path / name) as film:
        assert film.n_frames == 6


def test_a_picture_has_a_row_for_each_way(main, plain, tmp_path):
    main("sample", "interpolate", "--model", plain, "--seeds", "1,2,3", "--steps", 4, "new/rows.png")
    main("sample", "--model", plain, "--seed", 2, "two.png")
    sheet, two = pixels(tmp_path / "new/rows.png"), pixels(tmp_path / "two.png")
    side = two.shape[0]
    step = side + 4
    assert sheet.shape == (4 + 2 * step, 4 + 5 * step, 3)
    assert np.array_equal(sheet[4 : 4 + side, 4 + 4 * step : 4 + 4 * step + side], two)
    assert np.array_equal(sheet[4 + step : 4 + step + side, 4 : 4 + side], two)


def test_classes_mix_on_the_way(main, classes, tmp_path):
    main("sample", "interpolate", "--model", classes, "--seeds", "1", "--to", "blue,red", "--steps", 2, "way")
    main("sample", "--model", classes, "--seeds", "1", "--to", "red", "red.png")
    assert np.array_equal(pixels(tmp_path / "way/0002.png"), pixels(tmp_path / "red.png"))
    middle = pixels(tmp_path / "way/0001.png")
    assert not np.array_equal(middle, pixels(tmp_path / "way/0000.png"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--seeds", "3", "way"], "goes from one point to another"),
        (["--seeds", "3,4", "--space", "w", "way"], "dcgan has no styles: leave out --space"),
        (["--seeds", "3,4", "--space", "y", "way"], "--space is z or w"),
        (["a.png", "b.png", "way"], "finds no latent of a picture"),
        (["--seeds", "3,4"], "where to?"),
        (["--seeds", "3,4", "way.txt.png", "--ext", "jpg"], "names the file already"),
        (
            ["--seeds", "3,4", "way.mp4"],
            "way.mp4: a way becomes a film as .gif, .webp, .apng, or its pictures go into a",
        ),
        (["--seeds", "3,4", "way.avi"], "way.avi: a way becomes a film as .gif"),
        (["--seeds", "3,4", "way.tga"], "way.tga: pictures cannot be written as 'tga'"),
        (["--seeds", "3,4", "--steps", "999999999999", "way"], "--steps is 1 to 10,000,000 for 2 points"),
        (["--seeds", "3,4", "--steps", "1000", "way.png"], "at most 1000 columns and rows, not 1001 and 1"),
    ],
)
def test_a_wrong_word_is_answered(main, plain, tmp_path, words, says):
    _, _, err = main("sample", "interpolate", "--model", plain, *words, code=2)
    assert says in err
    assert not list(tmp_path.iterdir())


def test_what_exists_stays_unless_it_is_to_be_replaced(main, plain, tmp_path):
    words = ["sample", "interpolate", "--model", plain, "--seeds", "1,2", "--steps", 1]
    main(*words, "way")
    _, _, err = main(*words, "way", code=2)
    assert "way/0000.png exists already (and 1 more): --overwrite replaces" in err
    main(*words, "way", "--overwrite")


def test_an_arc_keeps_the_length_and_a_line_the_middle():
    one, other = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    middle = slerp(one, other, 0.5)
    assert torch.allclose(middle, torch.full((1, 2), 3 / 2**0.5))
    assert torch.equal(slerp(one, one, 0.3), one)
    styles = torch.stack([torch.zeros(2, 3), torch.ones(2, 3)])
    found = [float(code.mean()) for code, _ in between(styles, None, 4)]
    assert found == [0.0, 0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    ("out", "says"), [("out/", "not a folder: name a file, such as out/mix.png"), ("x.mp4", "png")]
)
def test_a_mixture_is_one_picture(main, trained, tmp_path, out, says):
    _, _, err = main("sample", "mix", "-m", trained("stylegan"), "--rows", 1, "--columns", 2, out, code=2)
    assert says in err
    assert not list(tmp_path.iterdir())
