"""Pictures with captions: where they may stand, how they are spelled, and what is said of those that do not fit."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from PIL import Image

from gantool.data.care.check import check_folders
from gantool.data.dataset import Recipe
from gantool.data.layouts.captioned import captioned
from gantool.data.texts import LONGEST, as_bytes
from gantool.data.transforms import Preparation
from gantool.errors import DataError, UsageError
from tests.test_torch7 import written as lua

EXACT = Preparation("crop", 4, 4, flip=False)


def painted(folder: Path, *names: str) -> Path:
    """Pictures of one grey level each, their number in the list."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (number,) * 3).save(folder / name)
    return folder


def birds(tmp_path: Path) -> Path:
    return painted(tmp_path / "birds", "a.jpg", "b.png", "sub/c.jpg")


def found(*paths: Path):
    (domain,) = captioned().find(paths)
    return domain


def by_name(domain) -> dict[str, tuple[str, ...]]:
    names = [file.relative_to(domain.root).as_posix() for file in domain.files]
    return dict(zip(names, domain.captions, strict=True))


def opened(*paths: Path, seed: int = 0):
    return captioned().open(captioned().find(paths), Recipe(EXACT, (3,), seed))


EXPECTED = {"a.jpg": ("a red bird", "small"), "b.png": ("blue, and big",), "sub/c.jpg": ("a gull",)}
CSV = 'file,caption\na.jpg,a red bird\na.jpg,small\nb.png,"blue, and big"\nsub/c.jpg,a gull\n'
JSONL = (
    '{"file": "a.jpg", "captions": ["a red bird", "small"]}\n\n{"file": "b.png", "caption": "blue, and big"}\n'
    '{"file_name": "sub/c.jpg", "text": "a gull"}\n'
)
COCO = {
    "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "b.png"}, {"id": 9, "file_name": "sub/c.jpg"}],
    "annotations": [
        {"image_id": 9, "id": 1, "caption": "a gull"},
        {"image_id": 7, "id": 2, "caption": "a red bird"},
        {"image_id": 8, "id": 3, "caption": "blue, and big"},
        {"image_id": 7, "id": 4, "caption": "small"},
    ],
}
TABLES = {
    "captions.csv": CSV,
    "no quotation marks.csv": CSV.replace('"', ""),
    "without a header.csv": CSV.partition("\n")[2],
    "mark and line ends of Windows.csv": "\ufeff" + CSV.replace("\n", "\r\n"),
    "semicolons.csv": 'sep=;\nfile;caption\na.jpg;a red bird\na.jpg;small\nb.png;blue, and big\nsub/c.jpg;"a gull"\n',
    "tabs.tsv": "file\tcaption\na.jpg\ta red bird\na.jpg\tsmall\nb.png\tblue, and big\nsub/c.jpg\ta gull\n",
    "flickr8k.txt": "a.jpg#0\ta red bird\na.jpg#1\tsmall\nb.png#0\tblue, and big\nsub/c.jpg#0\ta gull\n",
    "flickr30k.csv": "image_name| comment_number| comment\na.jpg| 0| a red bird\na.jpg| 1| small\nb.png| 0| blue, and "
    "big\nsub/c.jpg| 0| a gull\n",
    "columns.csv": 'id,image,caption_1,caption_2\n0,a.jpg,a red bird,small\n1,b.png,"blue, and big",\n'
    "2,sub/c.jpg,a gull\n",
    "named.csv": 'name,image,caption\nRed,a.jpg,a red bird\nRed,a.jpg,small\nBlue,b.png,"blue, and big"\n'
    "Gull,sub/c.jpg,a gull\n",
    "named.jsonl": JSONL.replace('{"file"', '{"name": "Red", "image"'),
    "blanks.csv": CSV.replace(",a red bird", ",  a   red bird ").replace(
        "sub/c.jpg,a gull", "sub/c.jpg,a gull\nb.png,  "
    ),
    "captions.jsonl": JSONL,
    "lines.json": JSONL,
    "list.json": "[" + ",".join(line for line in JSONL.splitlines() if line) + "]",
    "mapping.json": json.dumps({"a.jpg": ["a red bird", "small"], "b.png": "blue, and big", "sub/c.jpg": "a gull"}),
    "coco.json": json.dumps(COCO),
}


@pytest.mark.parametrize(("name", "content"), TABLES.items())
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_tables_say_the_same(tmp_path, name, content, encoding):
    folder, table = birds(tmp_path), tmp_path / name
    table.write_bytes((content.lstrip("\ufeff") if encoding == "utf-16" else content).encode(encoding))
    domain = found(folder, table)
    assert by_name(domain) == EXPECTED
    assert domain.unmatched == ()


@pytest.mark.parametrize("elsewhere", [False, True])
def test_texts_beside_pictures_or_in_a_folder_of_their_own(tmp_path, elsewhere):
    folder = birds(tmp_path)
    texts = tmp_path / "text" if elsewhere else folder
    (texts / "sub").mkdir(parents=True, exist_ok=True)
    (texts / "a.txt").write_bytes("\ufeffa red bird\r\n\r\n  small \r\n".encode())
    (texts / "b.txt").write_text("blue, and big", encoding="utf-8")
    (texts / "sub/c.jpg.txt").write_text("a gull\n", encoding="utf-8")
    assert by_name(found(folder, *[texts] * elsewhere)) == EXPECTED


def test_a_caption_may_begin_with_a_sign_of_its_beginning(tmp_path):
    pictures = painted(tmp_path / "birds", "a.jpg")
    (pictures / "a.txt").write_text("<s> a red bird </s>\n")
    assert found(pictures).captions == (("<s> a red bird </s>",),)


def test_texts_in_folders_of_their_own_belong_to_pictures_of_their_names(tmp_path):
    """The flowers of Oxford: jpg/image_1.jpg, and text/class_1/image_1.txt."""
    folder, texts = birds(tmp_path), tmp_path / "text"
    for name in ("one/a.txt", "one/b.txt", "two/c.txt", "two/none.txt"):
        (texts / name).parent.mkdir(parents=True, exist_ok=True)
        (texts / name).write_text(name, encoding="utf-8")
    domain = found(folder, texts)
    assert by_name(domain) == {"a.jpg": ("one/a.txt",), "b.png": ("one/b.txt",), "sub/c.jpg": ("two/c.txt",)}
    assert f"1 of {texts} left out, captions without a picture: {texts / 'two/none.txt'}" in domain.note
    (texts / "two/a.txt").write_text("which?", encoding="utf-8")
    with pytest.raises(DataError, match="have no captions"):
        found(folder, texts)


def test_accents_of_names_may_be_composed_or_not(tmp_path):
    names = [normalize("NFC", "é.jpg"), normalize("NFD", "ö.jpg"), "plain.jpg"]
    folder = painted(tmp_path / "p", *names)
    for name, other in zip(names, ("NFD", "NFC", "NFC"), strict=True):
        (folder / normalize(other, name)).with_suffix(".txt").write_text("x", encoding="utf-8")
    assert len(found(folder).files) == 3
    table = tmp_path / "t.csv"
    rows = [normalize(form, name) for name, form in zip(names, ("NFD", "NFC", "NFC"), strict=True)]
    table.write_text("file,caption\n" + "".join(f"{row},x\n" for row in rows), encoding="utf-8")
    assert len(found(folder, table).files) == 3


def test_what_lacks_a_counterpart_is_left_out_and_named(tmp_path):
    folder = painted(tmp_path / "p", *(f"{number}.png" for number in range(6)))
    for number in range(5):
        (folder / f"{number}.txt").write_text("" if number == 4 else "words", encoding="utf-8")
    (folder / "nothing.txt").write_text("words", encoding="utf-8")
    domain = found(folder)
    assert [file.name for file in domain.files] == ["0.png", "1.png", "2.png", "3.png"]
    assert [file.name for file in domain.unmatched] == ["4.png", "5.png"]
    for words in (f"2 of {folder} left out, without captions: {folder / '4.png'}", "captions without a picture", "few"):
        assert words in domain.note
    table = tmp_path / "t.csv"
    table.write_text("file,caption\n" + "".join(f"{n}.png,x\n" for n in (0, 1, 2, 3, 8)), encoding="utf-8")
    note = found(folder, table).note
    assert f"1 of {table} left out, without a picture in {folder}: 8.png" in note
    assert f"2 of {folder} left out, which {table} does not list" in note


def test_data_check_counts_captions(tmp_path):
    folder, table = birds(tmp_path), tmp_path / "t.csv"
    table.write_text(CSV.replace("sub/c.jpg,a gull\n", ""), encoding="utf-8")
    report = check_folders(captioned().find([folder, table]), paths=[folder])
    assert (report.domains[0].captions, report.domains[0].captions_each) == (3, (1, 1.5, 2))
    assert report.unmatched == (str(folder / "sub/c.jpg"),)
    assert any("pictures are few" in line for line in report.warnings)
    (folder / "a.txt").write_text("x", encoding="utf-8")
    (folder / "b.txt").write_text("x", encoding="utf-8")
    assert check_folders(captioned().find([folder]), paths=[folder]).passed_over == {}, "captions are read"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "", r"t\.csv is empty"),
        ("t.csv", "file,caption\n", r"t\.csv holds no captions"),
        ("t.csv", "file,caption\na.jpg,\n", r"t\.csv holds no captions"),
        ("t.csv", "file,width,height\na.jpg,1x,2x\n", "none of the columns file, width, height is named `caption`"),
        ("t.csv", 'file,caption\na.jpg,"never closed\nb.png,x\n', "line 3: no row of a table"),
        ("t.csv", "file,caption\n,a bird\n", "line 2: a caption without a picture's file"),
        ("t.jsonl", '{"file": "a.jpg", "caption": 3}', r'line 1: expected \{"file": "a.jpg", "caption"'),
        ("t.jsonl", "{", "line 1: no JSON object"),
        ("t.json", '{"images": [{"id": 1}], "annotations": []}', "no captions as COCO's annotations"),
        ("t.csv", "file,caption\nx.jpg,a\ny.jpg,b\nz.jpg,c\n", r"lists x\.jpg \(and 2 more\), which is not in"),
        ("t.xlsx", "PK\x03\x04", "save the table as CSV"),
        ("t.pickle", "no pickle", r"t\.pickle is not read: it is no whole pickle"),
        ("t.npy", "no array", r"t\.npy is no file of numpy's arrays"),
    ],
)
def test_tables_that_are_none_are_refused_in_one_line(tmp_path, name, content, message):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        found(birds(tmp_path), tmp_path / name)


def test_folders_that_do_not_do_are_refused(tmp_path):
    folder = birds(tmp_path)
    with pytest.raises(DataError, match=r"3 of 3 pictures in .* have no captions .*: expected a\.txt with a caption"):
        found(folder)
    (folder / "a.txt").write_bytes(b"\xff\xff")
    with pytest.raises(DataError, match=r"a\.txt: it is not text in UTF-8"):
        found(folder)
    with pytest.raises(DataError, match="expected one folder of pictures"):
        found(folder, folder, folder)
    with pytest.raises(UsageError, match="aligned is for pictures in pairs"):
        captioned().find([folder], aligned="AB")


# -- vectors

VECTORS = np.arange(3 * 2 * 4, dtype=np.float64).reshape(3, 2, 4)


def written(path: Path, form: str) -> Path:
    """The vectors of three pictures, two each, in one of the forms."""
    names = ["a.jpg", "b.png", "sub/c.jpg"]
    rows = [[name, *map(str, row)] for name, of in zip(names, VECTORS, strict=True) for row in of]
    match form:
        case "array.npy":
            np.save(path, VECTORS)
        case "named.npz":
            np.savez(path, vectors=VECTORS[::-1], files=names[::-1])
        case "by name.npz":
            np.savez(path, **dict(zip(names, VECTORS, strict=True)))
        case "table.csv":
            path.write_text("".join(",".join(row) + "\n" for row in rows))
        case "header.csv":
            path.write_text(
                "file,x0,x1,x2,x3\n" + "".join(",".join(row) + "\n" for row in reversed(rows[::2] + rows[1::2]))
            )
        case "lua.t7":
            path.write_bytes(lua({"raw_txt": ["words"] * 3, "fea_txt": list(VECTORS)}))
        case "list.pickle":
            path.write_bytes(pickle.dumps(list(VECTORS), protocol=2))
    return path


@pytest.mark.parametrize(
    "form", ["array.npy", "named.npz", "by name.npz", "table.csv", "header.csv", "list.pickle", "lua.t7"]
)
def test_vectors_in_place_of_texts(tmp_path, form):
    dataset = opened(birds(tmp_path), written(tmp_path / form, form))
    (domain,) = dataset.domains
    assert domain.vectors == 4
    seen = set()
    for epoch in range(20):
        for index in range(3):
            item = dataset.item(epoch, index)
            assert item["text"].dtype == np.float32
            picture = round(float(item["image"].mean()))
            (which,) = [k for k in range(2) if np.array_equal(item["text"], VECTORS[picture, k])]
            seen.add((picture, which))
    assert len(seen) == 6, "every vector of every picture comes"


def test_a_single_number_is_no_list_of_vectors_or_names(tmp_path):
    folder = birds(tmp_path)
    np.save(tmp_path / "one.npy", np.array(5.0))
    np.savez(tmp_path / "names.npz", files=np.array(5), vectors=VECTORS[:3])
    for file, message in (("one.npy", "holds no list of arrays"), ("names.npz", "holds no list of names")):
        with pytest.raises(DataError, match=message):
            found(folder, tmp_path / file)
    (tmp_path / "list.pickle").write_bytes(pickle.dumps(list(VECTORS[:3]), 2))
    (tmp_path / "filenames.pickle").write_bytes(pickle.dumps(5, 2))
    with pytest.raises(DataError, match=r"filenames\.pickle holds no list of names"):
        found(folder, tmp_path / "list.pickle")


@pytest.mark.parametrize("name", ["objects.npy", "lines.npz"])
def test_a_file_of_something_else_is_not_to_be_trusted(tmp_path, name):
    folder = birds(tmp_path)
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], object), allow_pickle=True)
    (tmp_path / "lines.npz").write_text("a bird\n")
    with pytest.raises(DataError) as refused:
        found(folder, tmp_path / name)
    assert str(refused.value) == f"{tmp_path / name} is no file of numpy's arrays of numbers, or it is damaged"


def test_vectors_of_other_counts_are_refused(tmp_path):
    folder = birds(tmp_path)
    np.save(tmp_path / "two.npy", VECTORS[:2])
    with pytest.raises(DataError, match=r"holds vectors of 2 pictures, and .*birds has 3"):
        found(folder, tmp_path / "two.npy")
    np.savez(tmp_path / "names.npz", vectors=VECTORS, files=["a.jpg"])
    with pytest.raises(DataError, match=r"vectors of 3 pictures, and 1 name$"):
        found(folder, tmp_path / "names.npz")
    np.save(tmp_path / "nan.npy", VECTORS * np.nan)
    with pytest.raises(DataError, match="not numbers, or too large"):
        found(folder, tmp_path / "nan.npy")
    (tmp_path / "rows.csv").write_text("a.jpg,1,2,3\nb.png,1,2\n")
    with pytest.raises(DataError, match="differ in how many numbers"):
        found(folder, tmp_path / "rows.csv")


class _Harm:
    def __reduce__(self):
        return (Path.touch, (Path("harmed"),))


def test_a_pickle_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.pickle").write_bytes(pickle.dumps([_Harm()]))
    with pytest.raises(DataError, match="is not read: it names"):
        found(birds(tmp_path), tmp_path / "x.pickle")
    assert not (tmp_path / "harmed").exists()


def test_the_authors_released_data_are_read_as_they_are(tmp_path):
    """Vectors in the order of filenames.pickle; what it does not name are test pictures."""
    root = tmp_path / "flowers"
    painted(root / "jpg", "x/b.jpg", "x/a.jpg", "y/c.jpg", "y/test.jpg")
    (root / "train").mkdir()
    (root / "test").mkdir()
    (root / "train/filenames.pickle").write_bytes(pickle.dumps(["x/b", "y/c", "x/a"], protocol=2))
    (root / "train/class_info.pickle").write_bytes(pickle.dumps([1, 2, 1], protocol=2))
    for kind in ("char-CNN-RNN", "skip-thought"):
        (root / f"train/{kind}-embeddings.pickle").write_bytes(pickle.dumps(list(VECTORS), protocol=2))
    domain = found(root)
    assert [file.relative_to(root).as_posix() for file in domain.files] == ["jpg/x/a.jpg", "jpg/x/b.jpg", "jpg/y/c.jpg"]
    assert [int(vectors[0, 0]) for vectors in domain.embeddings] == [16, 0, 8]
    assert domain.unmatched == ()


@pytest.mark.parametrize("given", [("CUB_200_2011",), ("CUB_200_2011/images", "captions.csv")])
def test_cub_s_birds_are_cut_out_around_their_boxes(tmp_path, given):
    root, images = tmp_path / "CUB_200_2011", tmp_path / "CUB_200_2011/images"
    images.mkdir(parents=True)
    for name in ("a", "b"):
        pixels = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30) % 251
        Image.fromarray(pixels.astype(np.uint8)).convert("RGB").save(images / f"{name}.png")
        (images / f"{name}.txt").write_text("a bird", encoding="utf-8")
    (tmp_path / "captions.csv").write_text("a.png,a bird\nb.png,a bird\n", encoding="utf-8")
    (root / "images.txt").write_text("1 a.png\n2 b.png\n", encoding="utf-8")
    (root / "bounding_boxes.txt").write_text("1 10.0 5.0 8.0 6.0\n2 0.0 0.0 30.0 20.0\n", encoding="utf-8")
    dataset = opened(*(tmp_path / path for path in given))
    assert [size for _, size in dataset.sizes()] == [(12, 12), (30, 20)], "the second reaches beyond its picture"
    cut, whole = (source.read() for source in dataset.domains[0].sources(3))
    assert (cut.shape, whole.shape) == ((12, 12, 3), (20, 30, 3))
    assert np.array_equal(cut, whole[2:14, 8:20]), "both pictures are the same"
    assert "birds are cut out by" in dataset.domains[0].note
    for wrong in ("1 10.0 5.0\n", "1 10.0 5.0 inf 6.0\n"):
        (root / "bounding_boxes.txt").write_text(wrong, encoding="utf-8")
        with pytest.raises(DataError, match="expected CUB's tables"):
            found(*(tmp_path / path for path in given))


# -- items


def test_items_are_functions_of_seed_epoch_and_index(tmp_path):
    folder, table = birds(tmp_path), tmp_path / "t.csv"
    table.write_text(CSV, encoding="utf-8")
    one, again, other = opened(folder, table), opened(folder, table), opened(folder, table, seed=1)
    places = [(epoch, index) for epoch in range(8) for index in range(3)]
    texts = [bytes(one.item(*place)["text"].astype(np.uint8)).rstrip(b"\0").decode() for place in places]
    assert set(texts) == {"a red bird", "small", "blue, and big", "a gull"}
    assert all(np.array_equal(one.item(*at)["text"], again.item(*at)["text"]) for at in reversed(places))
    assert any(not np.array_equal(one.item(*at)["image"], other.item(*at)["image"]) for at in places)
    assert {one.item(*at)["text"].shape for at in places} == {(len("blue, and big"),)}
    for at, text in zip(places, texts, strict=True):
        picture = list(EXPECTED)[round(float(one.item(*at)["image"].mean()))]
        assert text in EXPECTED[picture], "a picture has its own caption"


def test_texts_are_bytes_in_small_letters_and_cut_between_characters():
    table = as_bytes(["A  Red\tbird", normalize("NFD", "É")])
    assert bytes(table[0].astype(np.uint8)) == b"a red bird"
    assert bytes(table[1].astype(np.uint8)).rstrip(b"\0") == normalize("NFC", "é").encode()
    assert table.dtype == np.int64
    (long,) = as_bytes(["é" * LONGEST])
    assert len(long) == LONGEST
    (odd,) = as_bytes(["a" + "é" * LONGEST])
    assert len(odd) == LONGEST - 1, "no half of a character"
