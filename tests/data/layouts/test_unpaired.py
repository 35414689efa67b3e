from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantool.data.dataset import Recipe
from gantool.data.edges import smooth_edges
from gantool.data.layouts.unpaired import unpaired
from gantool.data.transforms import Preparation
from gantool.errors import DataError

EXACT = Preparation("crop", 8, 8, flip=False)


def marked(folder: Path, count: int, first: int = 0, size: tuple[int, int] = (8, 8)) -> Path:
    """Pictures of one grey level each: the level is the picture's number."""
    folder.mkdir(parents=True)
    for i in range(count):
        Image.new("RGB", size, (first + i,) * 3).save(folder / f"{i:03}.png")
    return folder


def noisy(folder: Path, count: int, size: tuple[int, int] = (20, 14)) -> Path:
    folder.mkdir(parents=True)
    for i in range(count):
        pixels = np.random.default_rng(i).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03}.png")
    return folder


def opened(a: Path, b: Path, preparation=EXACT, channels=(3, 3), seed=0, cache=None):
    layout = unpaired()
    dataset = layout.open(layout.find([a, b]), Recipe(preparation, channels, seed))
    if cache is not None:
        dataset.keep_in(cache)
    return dataset


def numbers(dataset, epoch: int) -> list[tuple[int, int]]:
    items = [dataset.item(epoch, i) for i in range(len(dataset))]
    return [(int(item["A"][0, 0, 0]), int(item["B"][0, 0, 0])) for item in items]


# -- what is drawn


def test_an_epoch_shows_every_picture_of_the_larger_domain_once(tmp_path):
    dataset = opened(marked(tmp_path / "trainA", 12), marked(tmp_path / "trainB", 5, 100))
    assert len(dataset) == 12
    orders = [[a for a, _ in numbers(dataset, epoch)] for epoch in range(3)]
    assert all(sorted(order) == list(range(12)) for order in orders)
    assert orders[0] != orders[1] != orders[2] != list(range(12))


def test_a_smaller_domain_a_is_repeated_evenly(tmp_path):
    dataset = opened(marked(tmp_path / "trainA", 5), marked(tmp_path / "trainB", 12, 100))
    assert len(dataset) == 12
    assert Counter(a for a, _ in numbers(dataset, 0)) == {0: 3, 1: 3, 2: 2, 3: 2, 4: 2}


def test_b_is_drawn_uniformly_and_independently_of_a(tmp_path):
    dataset = opened(marked(tmp_path / "trainA", 4), marked(tmp_path / "trainB", 3, 100))
    pairs = Counter(pair for epoch in range(300) for pair in numbers(dataset, epoch))
    assert len(pairs) == 12
    assert all(58 < count < 142 for count in pairs.values())  # 100 expected, 4.4 standard deviations


def test_items_depend_on_seed_epoch_and_index_alone(tmp_path):
    a, b = noisy(tmp_path / "trainA", 6), noisy(tmp_path / "trainB", 4)
    preparation = Preparation("resize_and_crop", 12, 8)
    asked = [(epoch, index) for epoch in range(4) for index in range(6)]
    first = opened(a, b, preparation)
    items = {at: first.item(*at) for at in asked}
    again = opened(a, b, preparation)
    np.random.default_rng(0).shuffle(asked)
    with ThreadPoolExecutor(8) as pool:
        for at, item in zip(asked * 3, pool.map(lambda at: again.item(*at), asked * 3), strict=True):
            assert np.array_equal(item["A"], items[at]["A"])
            assert np.array_equal(item["B"], items[at]["B"])
    other = opened(a, b, preparation, seed=1)
    assert any(not np.array_equal(other.item(*at)["A"], items[at]["A"]) for at in asked)


def test_crops_and_mirrors_vary_and_are_independent(tmp_path):
    column = np.repeat(np.arange(0, 100, 10, dtype=np.uint8)[None, :, None], 8, axis=0).repeat(3, axis=2)
    for name in ("trainA", "trainB"):
        (tmp_path / name).mkdir()
        Image.fromarray(column).save(tmp_path / name / "x.png")
    dataset = opened(tmp_path / "trainA", tmp_path / "trainB", Preparation("crop", 8, 8))

    def augmentation(pixels):
        left, right = int(pixels[0, 0, 0]), int(pixels[0, 0, -1])
        return min(left, right), left > right

    drawn = [dataset.item(epoch, 0) for epoch in range(400)]
    pairs = Counter((augmentation(item["A"]), augmentation(item["B"])) for item in drawn)
    assert len(pairs) == 36  # three places and two mirrors, for each of the two


# -- what comes out


def test_items_are_8_bit_pictures_of_the_wanted_channels(tmp_path):
    a = noisy(tmp_path / "trainA", 2)
    b = tmp_path / "trainB"
    b.mkdir()
    ramp = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    Image.fromarray(ramp).save(b / "deep.png")
    dataset = opened(a, b, Preparation("crop", 14, 14, flip=False), channels=(1, 3))
    item = dataset.item(0, 0)
    assert item["A"].shape == (1, 14, 14)
    assert item["B"].shape == (3, 14, 14)
    assert item["A"].dtype == item["B"].dtype == np.uint8
    assert item["B"].max() > 200  # scaled, not clipped
    assert len(np.unique(item["B"])) == 196


# -- pictures with softened edges


def smoothed(tmp_path, which: str, preparation=EXACT, cache=None):
    a, b = noisy(tmp_path / "trainA", 3), noisy(tmp_path / "trainB", 5)
    layout = unpaired(smoothed=which)
    dataset = layout.open(layout.find([a, b]), Recipe(preparation, (3, 3)))
    if cache is not None:
        dataset.keep_in(cache)
    files = [np.asarray(Image.open(b / f"{i:03}.png")).transpose(2, 0, 1) for i in range(5)]
    return dataset, files


def whole(item: np.ndarray, files: list[np.ndarray]) -> int:
    """Which of these pictures an item is."""
    (number,) = [i for i, file in enumerate(files) if np.array_equal(item, file)]
    return number


@pytest.mark.parametrize("cached", [False, True])
def test_the_third_picture_is_one_of_b_with_softened_edges_drawn_by_itself(tmp_path, cached):
    preparation = Preparation("resize_and_crop", 20, 20, flip=False)
    dataset, _ = smoothed(tmp_path, "drawn", preparation, tmp_path / "cache" if cached else None)
    cartoons = [dataset.item(0, 0)["B"]]
    items = [dataset.item(epoch, index) for epoch in range(12) for index in range(5)]
    for item in items:
        if not any(np.array_equal(item["B"], cartoon) for cartoon in cartoons):
            cartoons.append(item["B"])
    assert len(cartoons) == 5
    softened = [smooth_edges(np.ascontiguousarray(cartoon)) for cartoon in cartoons]
    drawn = Counter((whole(item["B"], cartoons), whole(item["E"], softened)) for item in items)
    assert len(drawn) > 15, "of 25 pairs"
    assert not np.array_equal(softened[0], cartoons[0])


def test_softened_pictures_have_a_crop_and_a_mirror_of_their_own_or_that_of_b(tmp_path):
    crops = Preparation("crop", 20, 8)
    dataset, files = smoothed(tmp_path, "same", crops)
    softened = [smooth_edges(np.ascontiguousarray(file)) for file in files]

    def place(item: np.ndarray, pictures: list[np.ndarray]) -> tuple[int, int, int, bool]:
        windows = [np.lib.stride_tricks.sliding_window_view(p, (3, 8, 8))[0] for p in pictures]
        found = [
            (number, int(y), int(x), bool(flip))
            for number, window in enumerate(windows)
            for flip, wanted in enumerate((item, item[..., ::-1]))
            for y, x in np.argwhere((window == wanted).all(axis=(2, 3, 4)))
        ]
        assert len(found) == 1
        return found[0]

    items = [dataset.item(0, index) for index in range(5)]
    assert all(place(item["B"], files) == place(item["E"], softened) for item in items)
    assert len({place(item["B"], files)[1:] for item in items}) > 1
    alone = unpaired(smoothed="drawn").open(dataset.domains, dataset.recipe)
    items = [alone.item(epoch, index) for epoch in range(3) for index in range(5)]
    assert sum(place(item["B"], files)[1:] == place(item["E"], softened)[1:] for item in items) < 5


def test_which_pictures_become_like_which_is_said(tmp_path):
    dataset, _ = smoothed(tmp_path, "drawn")
    assert dataset.domains[0].note is None
    assert "trainA are to become like those of" in dataset.domains[1].note
    with pytest.raises(ValueError, match="known: drawn, same"):
        unpaired(smoothed="sometimes")


def test_transparent_pictures_are_seen_on_white(tmp_path):
    for name in ("trainA", "trainB"):
        (tmp_path / name).mkdir()
        Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(tmp_path / name / "x.png")
    assert (opened(tmp_path / "trainA", tmp_path / "trainB").item(0, 0)["A"] == 255).all()


@pytest.mark.parametrize(
    ("preprocess", "shape"),
    [
        ("resize_and_crop", (3, 8, 8)),
        ("crop", (3, 8, 8)),
        ("scale_width", (3, 8, 12)),
        ("scale_width_and_crop", (3, 8, 8)),
        ("none", (3, 16, 20)),
    ],
)
@pytest.mark.parametrize("cached", [False, True])
def test_sizes(tmp_path, preprocess, shape, cached):
    a, b = noisy(tmp_path / "trainA", 2, (21, 14)), noisy(tmp_path / "trainB", 2, (21, 14))
    dataset = opened(a, b, Preparation(preprocess, 12, 8), cache=tmp_path / "cache" if cached else None)
    assert dataset.item(0, 0)["A"].shape == shape


def test_pictures_too_small_for_the_crop_are_named_before_training(tmp_path):
    a, b = marked(tmp_path / "trainA", 2), marked(tmp_path / "trainB", 2, size=(8, 5))
    with pytest.raises(
        DataError, match=r"trainB/000\.png is 8x5 pixels \(and 1 more\).*crop of 8.*lower the crop to 5"
    ):
        opened(a, b)
    opened(a, b, Preparation("resize_and_crop", 8, 8)).item(0, 0)


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    a, b = marked(tmp_path / "trainA", 1), marked(tmp_path / "trainB", 1)
    (a / "000.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"cannot read .*000\.png"):
        opened(a, b, Preparation("resize_and_crop", 8, 8)).item(0, 0)
    with pytest.raises(DataError, match=r"cannot read .*000\.png"):
        opened(a, b)


# -- finding


@pytest.mark.parametrize(
    ("folders", "given", "names"),
    [
        (("trainA", "trainB"), ("trainA", "trainB"), ("A", "B")),
        (("trainA", "trainB", "testA", "testB"), ("",), ("A", "B")),
        (("train/A", "train/B", "test/A"), ("",), ("A", "B")),
        (("horse", "zebra"), ("",), ("horse", "zebra")),
        (("zebra", "horse"), ("zebra", "horse"), ("zebra", "horse")),
        (("train_horse", "train-zebra"), ("train_horse", "train-zebra"), ("horse", "zebra")),
        (("trains", "valley"), ("trains", "valley"), ("trains", "valley")),
        (("horse/train", "zebra/train"), ("horse/train", "zebra/train"), ("A", "B")),
        (("one/x", "two/x"), ("one/x", "two/x"), ("A", "B")),
        (("trainX", "testX"), ("trainX", "testX"), ("A", "B")),
    ],
)
def test_folders_and_their_names(tmp_path, folders, given, names):
    for folder in folders:
        marked(tmp_path / folder, 1)
    domains = unpaired().find([tmp_path / path for path in given])
    assert tuple(domain.name for domain in domains) == names
    if len(given) == 2:
        assert [domain.root for domain in domains] == [tmp_path / path for path in given]
    else:
        assert [domain.root for domain in domains] == [tmp_path / folder for folder in folders[:2]]
    assert all(len(domain.files) == 1 for domain in domains)


def test_the_current_folder_has_a_name(tmp_path, monkeypatch):
    marked(tmp_path / "horse", 1)
    marked(tmp_path / "zebra", 1)
    monkeypatch.chdir(tmp_path / "horse")
    assert [domain.name for domain in unpaired().find([Path(), Path("../zebra")])] == ["horse", "zebra"]


def test_what_was_looked_for_is_said(tmp_path):
    for folder in ("train", "test"):
        marked(tmp_path / "splits" / folder, 1)
    marked(tmp_path / "flat", 1)
    layout = unpaired()
    with pytest.raises(
        DataError, match=r"splits holds no two domains: looked for trainA and trainB.*folders test, train"
    ):
        layout.find([tmp_path / "splits"])
    with pytest.raises(DataError, match=r"flat holds no two domains.*found no folder"):
        layout.find([tmp_path / "flat"])
    with pytest.raises(DataError, match="3 were given"):
        layout.find([tmp_path] * 3)
    with pytest.raises(DataError, match="nowhere does not exist"):
        layout.find([tmp_path / "nowhere"])
    with pytest.raises(DataError, match="both domains are the same folder"):
        layout.find([tmp_path / "flat", tmp_path / "splits" / ".." / "flat"])
