"""The layout of several domains: what is found, what is drawn."""

from __future__ import annotations

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantool.data.dataset import Recipe
from gantool.data.layouts.domains import domains
from gantool.data.transforms import Augmentation, Preparation, crop_and_flip, draw
from gantool.direction import named
from gantool.errors import DataError, UsageError
from gantool.pictures.results import Recorder

EXACT = Preparation("crop", 8, 8, flip=False)


def marked(folder: Path, count: int, first: int = 0, size: int = 8) -> Path:
    """Pictures of one grey level each: the level is the picture's number."""
    folder.mkdir(parents=True)
    for i in range(count):
        Image.new("RGB", (size, size), (first + i,) * 3).save(folder / f"{i:03}.png")
    return folder


def noisy(folder: Path, count: int, seed: int) -> Path:
    folder.mkdir(parents=True)
    for i in range(count):
        pixels = np.random.default_rng((seed, i)).integers(0, 256, (14, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03}.png")
    return folder


def opened(paths, preparation=EXACT, seed=0, cache=None, **options):
    layout = domains(**options)
    found = layout.find(paths)
    dataset = layout.open(found, Recipe(preparation, (3,) * len(found), seed))
    if cache is not None:
        dataset.keep_in(cache)
    return dataset


def three(root: Path) -> list[Path]:
    """Domains of 4, 2 and 6 pictures, the levels from 0, 100 and 200."""
    counts = {"cat": (4, 0), "dog": (2, 100), "wild": (6, 200)}
    return [marked(root / name, count, first) for name, (count, first) in counts.items()]


def table(root: Path, count: int) -> list[Path]:
    """`count` pictures of the levels 10, 11, ..., a CSV of the attributes Odd and Third, and two classes besides."""
    marked(root / "faces", count, 10)
    rows = ["file,Odd,Third", *(f"{i:03}.png,{i % 2},{int(i % 3 == 0)}" for i in range(count))]
    (root / "list.csv").write_text("\n".join(rows))
    marked(root / "moods/glad", 3, 100)
    marked(root / "moods/sad", 4, 200)
    return [root / "faces", root / "list.csv", root / "moods"]


# -- what is drawn


def test_an_epoch_shows_every_picture_of_every_domain_once_with_its_label(tmp_path):
    dataset = opened(three(tmp_path))
    levels = [*range(4), 100, 101, *range(200, 206)]
    orders = []
    for epoch in range(3):
        items = [dataset.item(epoch, index) for index in range(len(dataset))]
        orders.append([int(item["image"][0, 0, 0]) for item in items])
        assert [int(item["label"]) for item in items] == [level // 100 for level in orders[-1]]
        assert all(item["label"].dtype == np.int64 and item["label"].shape == () for item in items)
    assert all(sorted(order) == levels for order in orders)
    assert orders[0] != orders[1] != orders[2] != levels


def test_references_draw_domains_evenly_and_two_pictures_of_one_domain(tmp_path):
    dataset = opened(three(tmp_path), references=True)
    assert len(dataset) == 12
    seen = Counter()
    for epoch in range(100):
        for index in range(12):
            item = dataset.item(epoch, index)
            level, first, second = (int(item[name][0, 0, 0]) for name in ("image", "reference", "reference2"))
            assert level // 100 == item["label"]
            assert first // 100 == second // 100 == item["target"]
            assert item["target"].dtype == np.int64
            seen.update([("image", level), ("pair", first, second), ("domains", level // 100, first // 100)])
    assert all(98 < n < 170 for key, n in seen.items() if key[0] == "domains")  # 133 expected, 3.2 deviations
    assert all(seen["image", level] > 160 for level in (100, 101))  # 200 expected, and 66 of each of six
    assert len({key for key in seen if key[0] == "pair"}) == 16 + 4 + 36


def test_references_are_augmented_independently(tmp_path):
    row = np.repeat(np.arange(0, 100, 10, dtype=np.uint8)[None, :, None], 8, axis=0).repeat(3, axis=2)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.fromarray(row).save(tmp_path / name / "x.png")
    dataset = opened([tmp_path], Preparation("crop", 8, 8), references=True)

    def crop_and_mirror(pixels):
        left, right = int(pixels[0, 0, 0]), int(pixels[0, 0, -1])
        return min(left, right), left > right

    items = [dataset.item(epoch, 0) for epoch in range(200)]
    for one, other in (("image", "reference"), ("reference", "reference2")):
        assert len({(crop_and_mirror(item[one]), crop_and_mirror(item[other])) for item in items}) == 36


@pytest.mark.parametrize("references", [False, True])
def test_items_depend_on_seed_epoch_and_index_alone_also_from_a_cache(tmp_path, references):
    folders = [noisy(tmp_path / name, count, seed) for seed, (name, count) in enumerate([("a", 3), ("b", 2), ("c", 4)])]
    preparation = Preparation("resize_and_crop", 12, 8)
    asked = [(epoch, index) for epoch in range(3) for index in range(9)]
    first = opened(folders, preparation, references=references)
    items = {at: first.item(*at) for at in asked}
    again = opened(folders, preparation, references=references, cache=tmp_path / "cache")
    np.random.default_rng(0).shuffle(asked)
    with ThreadPoolExecutor(8) as pool:
        for at, item in zip(asked * 2, pool.map(lambda at: again.item(*at), asked * 2), strict=True):
            assert item.keys() == items[at].keys()
            assert all(np.array_equal(item[name], items[at][name]) for name in item)
    other = opened(folders, preparation, seed=1, references=references)
    assert any(not np.array_equal(other.item(*at)["image"], items[at]["image"]) for at in asked)
    assert again.cache_note is None
    assert len(list((tmp_path / "cache").glob("*.pixels"))) == 1
    again.close(remove=True)
    assert not list(tmp_path.glob("cache/*"))


def test_attributes_are_vectors_in_the_order_asked_for(tmp_path):
    dataset = opened(table(tmp_path, 12)[:2], attributes=("Third", "Odd"))
    assert len(dataset) == 12
    assert [domain.name for domain in dataset.domains] == ["Third", "Odd"]
    for index in range(12):
        item = dataset.item(0, index)
        number = int(item["image"][0, 0, 0]) - 10
        assert item["label"].dtype == np.float32
        assert item["label"].tolist() == [number % 3 == 0, number % 2]
    assert sorted(int(dataset.item(1, index)["image"][0, 0, 0]) for index in range(12)) == list(range(10, 22))
    samples = dataset.samples(6)
    assert [int(pixels[0, 0, 0]) for pixels in samples["Odd"]] == [11, 13, 15, 17, 19, 21]
    assert [int(pixels[0, 0, 0]) for pixels in samples["Third"]] == [10, 10, 13, 16, 16, 19]


def test_two_sets_with_other_labels_are_trained_jointly(tmp_path):
    dataset = opened(table(tmp_path, 12), attributes=("Odd", "Third"))
    assert [domain.name for domain in dataset.domains] == ["Odd", "Third", "glad", "sad"]
    assert len(dataset) == 12
    items = [dataset.item(epoch, index) for epoch in range(7) for index in range(12)]
    second = [int(item["image2"][0, 0, 0]) for item in items]
    assert [int(item["label2"]) for item in items] == [level // 100 - 1 for level in second]
    # The smaller set comes in whole passes of its own: 12 of 7 pictures in 7 epochs.
    passes = [second[at : at + 7] for at in range(0, len(second), 7)]
    assert all(sorted(levels) == [100, 101, 102, 200, 201, 202, 203] for levels in passes)
    assert len({tuple(levels) for levels in passes}) > 6
    assert all(sorted(int(i["image"][0, 0, 0]) for i in items[at : at + 12]) == [*range(10, 22)] for at in (0, 12, 72))
    assert dataset.samples(2).keys() == {"Odd", "Third", "glad", "sad"}


def test_samples_are_fixed_and_cropped_in_the_middle(tmp_path):
    folders = [marked(tmp_path / "a", 8), marked(tmp_path / "b", 2, 100, size=12)]
    samples = opened(folders).samples(4)
    assert [int(pixels[0, 0, 0]) for pixels in samples["a"]] == [0, 2, 4, 6]
    assert [int(pixels[0, 0, 0]) for pixels in samples["b"]] == [100, 100, 101, 101]
    assert {pixels.shape for pixels in samples["b"]} == {(8, 8, 3)}


# -- finding


@pytest.mark.parametrize(
    ("folders", "given", "names"),
    [
        (("cat", "dog", "wild"), ("wild", "cat", "dog"), ("wild", "cat", "dog")),
        (("cat", "dog"), ("dog", "cat"), ("dog", "cat")),
        (("data/wild", "data/cat", "data/dog"), ("data",), ("cat", "dog", "wild")),
        (("train/dog", "train/cat", "test/cat", "val/dog"), ("",), ("cat", "dog")),
        (("train/dog", "train/cat"), ("train",), ("cat", "dog")),
        (("trainA", "trainB", "testA", "testB"), ("",), ("A", "B")),
        (("trainA", "trainB", "color"), ("trainA", "trainB", "color"), ("A", "B", "color")),
        (("trains", "valley"), ("",), ("trains", "valley")),
        (("one/x", "two/x", "three/y"), ("one/x", "two/x", "three/y"), ("A", "B", "C")),
    ],
)
def test_folders_and_their_names(tmp_path, folders, given, names):
    for folder in folders:
        marked(tmp_path / folder, 1)
    found = domains().find([tmp_path / path for path in given])
    assert tuple(domain.name for domain in found) == names
    assert all(len(domain.files) == 1 and domain.without is None for domain in found)


def test_more_folders_of_one_name_than_letters(tmp_path):
    folders = [f"{number:02}/x" for number in range(54)]
    for folder in folders:
        marked(tmp_path / folder, 1)
    found = [domain.name for domain in domains().find([tmp_path / path for path in folders])]
    assert found[:2] + found[25:29] + found[51:] == ["A", "B", "Z", "AA", "AB", "AC", "AZ", "BA", "BB"]
    many = [f"breed{number}" for number in range(28)]
    assert [named(many, letter) for letter in ("a", "Z", "ab")] == ["breed0", "breed25", "breed27"]
    with pytest.raises(UsageError, match=r'there is no domain "ß"\..*breed27 \(AB\)'):
        named(many, "ß")


def test_what_is_no_set_of_domains_is_said(tmp_path):
    for folder in ("splits/train", "splits/test", "one/cat", "mixed/cat", "mixed/test", "flat"):
        marked(tmp_path / folder, 1)
    find = domains().find
    with pytest.raises(DataError, match=r"splits holds test, train: parts of the data, not domains"):
        find([tmp_path / "splits"])
    with pytest.raises(DataError, match=r"mixed holds test: parts of the data"):
        find([tmp_path / "mixed"])
    with pytest.raises(DataError, match=r"one holds only the folder cat: .*at least two"):
        find([tmp_path / "one"])
    with pytest.raises(DataError, match=r"flat holds no folder"):
        find([tmp_path / "flat"])
    with pytest.raises(DataError, match="are the same folder"):
        find([tmp_path / "flat", tmp_path / "one/cat", tmp_path / "one/../flat"])
    with pytest.raises(DataError, match="nowhere does not exist"):
        find([tmp_path / "flat", tmp_path / "nowhere"])
    (tmp_path / "one/empty").mkdir()
    with pytest.raises(DataError, match=r"empty holds no picture"):
        find([tmp_path / "one"])
    with pytest.raises(UsageError, match="pairs"):
        find([tmp_path / "one"], aligned="AB")


def test_tables_and_folders_that_do_not_fit_together(tmp_path):
    faces, csv, moods = table(tmp_path, 6)
    odd = domains(attributes=["Odd"])
    assert [domain.name for domain in odd.find([csv, faces])] == ["Odd"]
    assert [domain.name for domain in odd.find([csv, faces, moods])] == ["Odd", "glad", "sad"]
    assert [domain.name for domain in odd.find([moods / "sad", moods / "glad", faces, csv])] == ["Odd", "sad", "glad"]
    with pytest.raises(DataError, match=r"attributes are named \(Odd\), but no table"):
        odd.find([moods])
    with pytest.raises(DataError, match=r"list.csv is a table of attributes: name the folder"):
        odd.find([csv])
    with pytest.raises(DataError, match=r"list.csv is a file, and this model takes no table") as raised:
        domains(references=True).find([faces, csv])
    assert "Name them" not in str(raised.value)
    with pytest.raises(DataError, match="one table of attributes at most"):
        odd.find([faces, csv, csv])
    with pytest.raises(DataError, match=r"which attributes of .*list.csv\? .*'Odd,Third'"):
        domains().find([faces, csv])
    (moods / "sad").rename(moods / "Odd")
    with pytest.raises(DataError, match="Odd: both an attribute and a class"):
        odd.find([faces, csv, moods])


# -- random_resized_crop, the augmentation of StarGAN v2


def test_random_resized_crop_takes_parts_of_half_of_the_pictures():
    preparation = Preparation("random_resized_crop", 100, 50, flip=False)
    rng = np.random.default_rng(0)
    drawn = [draw(rng, 100, 100, preparation) for _ in range(2000)]
    parts = [(one.x, one.y, *one.part) for one in drawn if one.part is not None]
    assert 900 < len(parts) < 1100
    areas = [width * height / 1e4 for _, _, width, height in parts]
    aspects = [width / height for _, _, width, height in parts]
    assert 0.79 < min(areas) < 0.82
    assert 0.98 < max(areas) <= 1
    assert 0.88 < min(aspects) < 0.92
    assert 1.08 < max(aspects) < 1.12
    assert all(0 <= x <= 100 - width and 0 <= y <= 100 - height for x, y, width, height in parts)
    assert len({x for x, *_ in parts}) > 10


def test_random_resized_crop_resizes_the_part_or_the_whole_to_the_crop():
    preparation = Preparation("random_resized_crop", 60, 40, filter="bilinear")
    pixels = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)

    def scaled(part: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(part).resize((40, 40), Image.Resampling.BILINEAR))

    planes = pixels.transpose(2, 0, 1)
    part = crop_and_flip(planes, preparation, Augmentation(4, 3, True, (54, 50)))
    assert np.array_equal(part.transpose(1, 2, 0), scaled(pixels[3:53, 4:58])[:, ::-1])
    whole = crop_and_flip(planes, preparation, Augmentation(10, 10, False))
    assert np.array_equal(whole.transpose(1, 2, 0), scaled(pixels))
    with pytest.raises(UsageError, match="crop 61 is larger than size 60"):
        Preparation("random_resized_crop", 60, 61)


def test_random_resized_crop_from_a_cache_is_the_same(tmp_path):
    folders = [noisy(tmp_path / name, 3, seed) for seed, name in enumerate("ab")]
    preparation = Preparation("random_resized_crop", 16, 12)
    plain, cached = (opened(folders, preparation, cache=cache) for cache in (None, tmp_path / "cache"))
    for index in [*range(6), *range(6)]:
        assert np.array_equal(plain.item(0, index)["image"], cached.item(0, index)["image"])
    assert {pixels.shape for pixels in plain.samples(2)["a"]} == {(12, 12, 3)}


def test_links_that_lead_round_in_a_circle_are_no_domains(tmp_path):
    for name in ("cat", "dog"):
        marked(tmp_path / "pets" / name, 2)
    (tmp_path / "pets/all").symlink_to(".")
    (tmp_path / "pets/above").symlink_to(tmp_path)
    marked(tmp_path / "elsewhere", 2)
    (tmp_path / "pets/fox").symlink_to(tmp_path / "elsewhere")
    assert [domain.name for domain in domains().find([tmp_path / "pets"])] == ["cat", "dog", "fox"]


def test_translations_among_the_domains_are_named(tmp_path):
    for name in ("cat", "dog", "out"):
        marked(tmp_path / name, 2)
    with closing(Recorder(tmp_path / "out")) as recorder:
        for file in sorted((tmp_path / "out").iterdir()):
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            recorder.note(file, tmp_path / "cat" / file.name, file.name, {"model": "x"}, digest)
    notes = {domain.name: domain.note for domain in domains().find([tmp_path])}
    assert (notes["cat"], notes["dog"]) == (None, None)
    assert notes["out"].startswith(f"{tmp_path / 'out'} holds translations that gantool made")
