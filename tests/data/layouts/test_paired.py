from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from PIL import Image

from gantool.data.dataset import Recipe
from gantool.data.layouts.paired import colour_pictures, paired
from gantool.data.modes import PREPROCESS
from gantool.data.transforms import Preparation
from gantool.errors import DataError, UsageError, argument

EXACT = Preparation("crop", 8, 8, flip=False)


def photo(seed: int, size: tuple[int, int] = (20, 14)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)


def save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def pairs(root: Path, count: int = 4, a: str = "A", b: str = "B", size: tuple[int, int] = (20, 14)) -> Path:
    """Folders of pictures whose counterparts are their negatives."""
    for i in range(count):
        pixels = photo(i, size)
        save(pixels, root / a / f"{i}.png")
        save(255 - pixels, root / b / f"{i}.bmp")
    return root


def joined(folder: Path, count: int = 3, size: tuple[int, int] = (14, 14)) -> Path:
    """Pictures of a square and its negative, side by side."""
    for i in range(count):
        save(np.concatenate([photo(i, size), 255 - photo(i, size)], 1), folder / f"{i}.png")
    return folder


def opened(*paths: Path, preparation: Preparation = EXACT, channels=(3, 3), cache=None, aligned=None):
    layout = paired()
    dataset = layout.open(layout.find(paths, aligned=aligned), Recipe(preparation, channels))
    if cache is not None:
        dataset.keep_in(cache)
    return dataset


# -- what comes out


@pytest.mark.parametrize("source", ["folders", "AB", "BA", "cached"])
@pytest.mark.parametrize("preprocess", PREPROCESS)
def test_both_of_a_pair_get_the_same_crop_and_mirror(tmp_path, preprocess, source):
    preparation = Preparation(preprocess, 12, 8)
    if source == "folders":
        data = [pairs(tmp_path / "x") / "A", tmp_path / "x" / "B"]
        dataset = opened(*data, preparation=preparation)
    else:
        aligned = "BA" if source == "BA" else "AB"
        cache = tmp_path / "cache" if source == "cached" else None
        dataset = opened(joined(tmp_path / "x"), preparation=preparation, aligned=aligned, cache=cache)
    items = [dataset.item(epoch, index) for epoch in range(20) for index in range(len(dataset))]
    assert len({item["A"].tobytes() for item in items}) > len(dataset)  # a mirror at least
    for item in items:
        # A resize rounds each pixel of a picture and of its negative.
        assert np.abs(item["A"].astype(int) + item["B"] - 255).max() <= 1
        assert item["A"].dtype == np.uint8
    again = [dataset.item(epoch, index) for epoch in range(20) for index in range(len(dataset))]
    assert all(np.array_equal(one["B"], other["B"]) for one, other in zip(items, again, strict=True))


def test_an_epoch_has_every_pair_once_in_an_order_of_its_own(tmp_path):
    for i in range(9):
        for name in "AB":
            save(np.full((8, 8, 3), i, np.uint8), tmp_path / name / f"{i}.png")
    dataset = opened(tmp_path)
    assert len(dataset) == 9
    orders = [[int(dataset.item(epoch, index)["A"][0, 0, 0]) for index in range(9)] for epoch in range(3)]
    assert all(sorted(order) == list(range(9)) for order in orders)
    assert orders[0] != orders[1] != orders[2] != list(range(9))


@pytest.mark.parametrize(("aligned", "first"), [("AB", 0), ("BA", 14)])
def test_which_half_is_a(tmp_path, aligned, first):
    folder = joined(tmp_path / "pairs", 1)
    item = opened(folder, preparation=Preparation("none", 8, 8, flip=False), aligned=aligned).item(0, 0)
    half = Image.fromarray(np.asarray(Image.open(folder / "0.png"))[:, first : first + 14])
    assert np.array_equal(item["A"].transpose(1, 2, 0), np.asarray(half.resize((16, 16), Image.Resampling.BICUBIC)))


def test_grey_and_colour(tmp_path):
    item = opened(pairs(tmp_path), channels=(1, 3)).item(0, 0)
    assert (item["A"].shape, item["B"].shape) == ((1, 8, 8), (3, 8, 8))


def test_samples_are_pairs_from_the_middle(tmp_path):
    data = pairs(tmp_path, 6, "outline", "colour")
    dataset = opened(data / "outline", data / "colour")
    samples = dataset.samples(3)
    assert list(samples) == ["outline", "colour"]
    for number, (a, b) in enumerate(zip(samples["outline"], samples["colour"], strict=True)):
        assert np.array_equal(a, photo(2 * number)[3:11, 6:14])
        assert np.array_equal(b, 255 - a)
    assert [len(pictures) for pictures in dataset.samples(8).values()] == [8, 8]


# -- what is found


@pytest.mark.parametrize(
    ("a", "b", "given"),
    [
        ("trainA", "trainB", ""),
        ("train/A", "train/B", ""),
        ("A", "B", ""),
        ("train/outline", "train/photo", ""),
        ("outline", "photo", ""),
        ("train/A", "train/B", "train"),
    ],
)
def test_two_folders_below_one(tmp_path, a, b, given):
    pairs(tmp_path, 3, a, b)
    pairs(tmp_path, 1, "test/A", "test/B") if "train" in a else None
    first, second = paired().find([tmp_path / given])
    assert (first.root, second.root) == (tmp_path / a, tmp_path / b)
    assert [file.stem for file in first.files] == [file.stem for file in second.files] == ["0", "1", "2"]
    assert (first.half, first.unmatched) == (None, ())
    # Which is A is said where the names do not.
    assert ("in order of their names" in (first.note or "")) == (Path(a).name[-1] != "A"), first.note


@pytest.mark.parametrize("below", ["", "train"])
def test_side_by_side_pictures_are_recognised_and_it_is_said(tmp_path, below):
    joined(tmp_path / below)
    joined(tmp_path / "val", 1) if below else None
    a, b = paired().find([tmp_path])
    assert (a.half, b.half) == ("left", "right")
    assert a.files == b.files == tuple(tmp_path / below / f"{i}.png" for i in range(3))
    assert a.note is not None
    assert argument("aligned", "BA") in a.note
    said = paired().find([tmp_path], aligned="AB")[0].note
    assert said == (f"of {tmp_path} only train is trained on" if below else None)


def test_folders_are_matched_by_the_path_below_them(tmp_path):
    for name, suffix in (("one", "png"), ("two", "jpg")):
        for file in ("x/1", "y/1", "1"):
            save(photo(0), tmp_path / name / f"{file}.{suffix}")
    a, b = paired().find([tmp_path / "one", tmp_path / "two"])
    assert [str(file.relative_to(a.root)) for file in a.files] == ["1.png", "x/1.png", "y/1.png"]
    assert [str(file.relative_to(b.root)) for file in b.files] == ["1.jpg", "x/1.jpg", "y/1.jpg"]
    assert (a.name, b.name) == ("one", "two")


def test_files_without_a_counterpart_are_left_out_and_named(tmp_path):
    pairs(tmp_path, 5)
    save(photo(0), tmp_path / "A" / "alone.png")
    (tmp_path / "A" / "3.png").unlink()
    a, b = paired().find([tmp_path])
    assert [file.stem for file in a.files] == ["0", "1", "2", "4"]
    assert a.unmatched == (tmp_path / "A" / "alone.png",)
    assert b.unmatched == (tmp_path / "B" / "3.bmp",)
    assert a.note is not None
    assert "1 of" in a.note
    assert "alone.png" in a.note


def test_names_in_two_spellings_of_unicode_are_a_pair(tmp_path):
    for folder, form in (("A", "NFC"), ("B", "NFD")):
        save(photo(0), tmp_path / folder / normalize(form, "ü/café.png"))
    a, b = paired().find([tmp_path])
    assert a.files == (tmp_path / "A" / normalize("NFC", "ü/café.png"),)
    assert b.files == (tmp_path / "B" / normalize("NFD", "ü/café.png"),)
    save(photo(0), tmp_path / "B" / normalize("NFC", "ü/café.png"))
    with pytest.raises(DataError, match="but for the spelling of accents: which of them is meant"):
        paired().find([tmp_path])


def test_mostly_unmatched_folders_are_refused(tmp_path):
    pairs(tmp_path, 2)
    for name in ("x", "y"):
        save(photo(0), tmp_path / "B" / f"{name}.png")
    with pytest.raises(DataError, match=r"2 names in common, and 2 files have no counterpart \(.*x\.png, .*y\.png\)"):
        paired().find([tmp_path])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: save(photo(0, (30, 14)), root / "x.png"), "holds no pairs: looked for trainA and trainB"),
        (lambda root: [save(photo(0), root / name / "x.png") for name in "abc"], "holds no pairs"),
        (lambda root: pairs(root) and save(photo(0), root / "A" / "1.jpg"), "are both named 1: which of them is meant"),
        (lambda root: (root / "A").mkdir(parents=True), "holds no picture"),
    ],
)
def test_what_is_no_pair(tmp_path, make, words):
    make(tmp_path / "data")
    with pytest.raises(DataError, match=words):
        paired().find([tmp_path / "data"])


def test_wrong_requests(tmp_path):
    data = pairs(tmp_path)
    with pytest.raises(DataError, match="3 were given"):
        paired().find([data] * 3)
    with pytest.raises(DataError, match="same folder"):
        paired().find([data / "A", data / "A"])
    with pytest.raises(UsageError, match="two folders were given"):
        paired().find([data / "A", data / "B"], aligned="AB")
    with pytest.raises(UsageError, match="not 'CD'"):
        paired().find([data], aligned="CD")


# -- what cannot be trained on


@pytest.mark.parametrize("preprocess", [mode for mode in PREPROCESS if mode not in ("crop", "none", "scale_width")])
def test_an_odd_width_has_no_halves(tmp_path, preprocess):
    joined(tmp_path)
    save(photo(0, (31, 14)), tmp_path / "odd.png")
    with pytest.raises(DataError, match=r"odd\.png is 31 pixels wide"):
        opened(tmp_path, preparation=Preparation(preprocess, 12, 8), aligned="AB")


@pytest.mark.parametrize("preprocess", PREPROCESS)
def test_a_pair_of_two_sizes_is_named_unless_it_is_resized_to_one(tmp_path, preprocess):
    preparation = Preparation(preprocess, 12, 8)
    pairs(tmp_path)
    save(photo(9, (40, 40)), tmp_path / "B" / "2.bmp")
    if preparation.common_size is not None:
        dataset = opened(tmp_path, preparation=preparation)
        assert all(dataset.item(0, i)["A"].shape == dataset.item(0, i)["B"].shape for i in range(4))
    else:
        with pytest.raises(DataError, match=r"A/2\.png is 20x14 pixels and .*B/2\.bmp 40x40"):
            opened(tmp_path, preparation=preparation)


# -- colour pictures


def test_a_colour_picture_is_both_of_its_pair(tmp_path):
    for i in range(3):
        save(photo(i), tmp_path / "train" / f"{i}.png")
    save(photo(9), tmp_path / "test" / "9.png")
    layout = colour_pictures()
    dataset = layout.open(layout.find([tmp_path]), Recipe(Preparation("crop", 8, 8), (3, 3)))
    dataset.keep_in(tmp_path / "c")
    assert [domain.name for domain in dataset.domains] == ["grey", "colour"]
    assert len(dataset) == 3
    for index in range(3):
        item = dataset.item(0, index)
        assert np.array_equal(item["A"], item["B"])
    samples = dataset.samples(2)
    assert np.array_equal(samples["grey"][1], samples["colour"][1])
    with pytest.raises(DataError, match="one folder"):
        layout.find([tmp_path, tmp_path])
