"""Two folders of picture files: pairing by name, transparency, damaged files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantool.errors import DataError
from gantool.evaluation.folders import Folder, compare_folders
from gantool.evaluation.how import How
from gantool.evaluation.names import pair_by_name


def write(path: Path, seed: int, mode: str = "RGB") -> np.ndarray:
    channels = len(mode) if mode != "L" else 1
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, channels)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.squeeze(2) if channels == 1 else pixels, mode).save(path)
    return pixels


def test_names_pair_by_path_without_extension():
    real = ["a.png", "b.jpg", "sub/a.png", "twice.jpg", "twice.png", "v1.2.png"]
    assert pair_by_name(real, ["b.png", "sub/a.webp", "twice.png", "v1.png", "x.png"]) == [(1, 0), (2, 1)]
    assert pair_by_name(["a.png"], ["a.jpg", "a.png"]) == []
    assert pair_by_name(["caf\u00e9.png"], ["cafe\u0301.jpg"]) == [(0, 0)]  # composed and decomposed accents


def test_folders_with_partners_for_all_fakes_get_paired_metrics(tmp_path: Path):
    real = [write(tmp_path / "real" / name, i) for i, name in enumerate(("a.png", "sub/b.png", "unused.png"))]
    fake = [write(tmp_path / "fake" / name, 9 + i) for i, name in enumerate(("a.bmp", "sub/b.tif"))]
    (tmp_path / "fake" / "notes.txt").write_text("not a picture")
    result = compare_folders(tmp_path / "real", tmp_path / "fake")
    expected = np.mean([np.abs(r / 255 - f / 255).mean() for r, f in zip(real, fake, strict=False)])
    assert result.metrics["l1"] == pytest.approx(expected)
    assert result.protocol["pairing"].startswith("2 of 2 fake pictures")
    assert result.protocol["real"]["path"] == str(tmp_path / "real")
    assert result.notes == ["1 of 3 real pictures have no fake one of the same name"]
    json.dumps(result.as_dict(), allow_nan=False)


def test_one_fake_without_a_partner_means_no_paired_metrics_and_a_note(tmp_path: Path):
    for i, name in enumerate(("a.png", "b.png")):
        write(tmp_path / "real" / name, i)
        write(tmp_path / "fake" / name, i + 5)
    write(tmp_path / "fake" / "c.png", 7)
    result = compare_folders(tmp_path / "real", tmp_path / "fake")
    assert "psnr" not in result.metrics
    assert "swd" in result.metrics
    assert result.notes[0].startswith("2 of 3 fake pictures have a real one of the same name")


def test_transparent_pixels_are_white_and_counted_and_grey_is_counted(tmp_path: Path):
    hidden = np.zeros((16, 16, 4), np.uint8)
    hidden[..., 0] = 77
    (tmp_path / "real").mkdir()
    (tmp_path / "fake").mkdir()
    Image.fromarray(hidden).save(tmp_path / "real" / "a.png")
    Image.new("L", (16, 16), 255).save(tmp_path / "fake" / "a.png")
    result = compare_folders(tmp_path / "real", tmp_path / "fake")
    assert result.metrics["l1"] == 0
    assert result.metrics["swd"] == 0  # the same projections of the same white
    assert result.protocol["real"]["transparent, laid on white"] == 1
    assert result.protocol["fake"]["transparent, laid on white"] == 0
    assert (result.protocol["real"]["grey"], result.protocol["fake"]["grey"]) == (0, 1)


def test_a_folder_gives_the_same_figures_as_the_arrays_in_it(tmp_path: Path):
    from gantool.evaluation.measure import measure

    real = [write(tmp_path / "real" / f"{i}.png", i) for i in range(3)]
    fake = [write(tmp_path / "fake" / f"{i}.png", i + 5) for i in range(3)]
    by_folder = compare_folders(tmp_path / "real", tmp_path / "fake", how=How(seed=3, size=20))
    by_array = measure(real, fake, pairs=[(0, 0), (1, 1), (2, 2)], how=How(seed=3, size=20))
    assert by_folder.metrics == by_array.metrics


def test_missing_empty_and_damaged_inputs_are_data_errors(tmp_path: Path):
    write(tmp_path / "real" / "a.png", 0)
    (tmp_path / "fake").mkdir()
    with pytest.raises(DataError, match="fake holds no picture"):
        compare_folders(tmp_path / "real", tmp_path / "fake")
    with pytest.raises(DataError, match="none does not exist"):
        compare_folders(tmp_path / "none", tmp_path / "real")
    (tmp_path / "fake" / "torn.png").write_bytes((tmp_path / "real" / "a.png").read_bytes()[:200])
    with pytest.raises(DataError, match=r"torn\.png"):
        compare_folders(tmp_path / "real", tmp_path / "fake")


def test_pictures_are_read_only_when_asked_for(tmp_path: Path):
    pixels = write(tmp_path / "b.png", 1)
    (tmp_path / "a.png").write_bytes(b"damaged")
    folder = Folder(tmp_path)
    assert len(folder) == 2
    assert np.array_equal(folder[1], pixels)


@pytest.mark.parametrize("verb", [["eval"], ["compare", "ours=real"]])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--size", 9 * 10**18], "--size is 1 to 65535 pixels, not 9000000000000000000"),
        (["--size", 0], "--size"),
        (["--seed", -1], "--seed is 0 to 9223372036854775807, not -1"),
        (["--seed", 10**20], "--seed is 0 to 9223372036854775807, not 100000000000000000000"),
    ],
)
def test_numbers_that_cannot_be_are_refused_first(main, tmp_path, verb, words, said):
    assert said in main(*verb, "real", "fake", *words, code=2)[2]
