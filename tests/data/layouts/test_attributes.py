"""Tables of attributes: three forms, one meaning; and what is said about tables that are wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from unicodedata import normalize

import pytest
from PIL import Image

from gantool.data.layouts.attributes import attribute_domains, split
from gantool.data.layouts.domains import domains
from gantool.data.layouts.tables import read_table
from gantool.errors import DataError

CELEBA = """3
Black_Hair  Male Smiling
a.jpg  1 -1  1
b.jpg -1  1 -1
sub/c.jpg -1 -1 -1
"""
CSV = "image_id,Black_Hair,Male,Smiling\na.jpg,1,0,1\nb.jpg,-1,true,0\nsub/c.jpg,0,False,-1\n"
JSON = """{"file": "a.jpg", "labels": ["Black_Hair", "Smiling"]}
{"file": "b.jpg", "Male": 1, "Smiling": false}

{"file": "sub/c.jpg"}
"""
LAST = "Black_Hair,Male,Smiling,file name\n1,0,1,a.jpg\n-1,true,0,b.jpg\n0,False,-1,sub/c.jpg\n"
ENTRIES = [json.loads(line) for line in JSON.splitlines() if line]
OF_FILES = {"a.jpg": ["Black_Hair", "Smiling"], "b.jpg": {"Male": 1, "Smiling": False}, "sub/c.jpg": []}
FORMS = {
    "list_attr.txt": CELEBA,
    "list.csv": CSV,
    "excel.csv": CSV.replace(",", ";"),
    "bars.csv": CSV.replace(",", "|"),
    "last.csv": LAST,
    "list.jsonl": JSON,
    "metadata.jsonl": JSON.replace('"file"', '"file_name"'),
    "list.json": json.dumps(ENTRIES, indent=1),
    "files.json": json.dumps(OF_FILES, indent=1),
    "lines.json": JSON,
}


@pytest.fixture
def faces(tmp_path) -> Path:
    folder = tmp_path / "faces"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "sub/c.jpg", "not_listed.jpg"):
        Image.new("RGB", (4, 4)).save(folder / name)
    return folder


def written(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(("name", "text"), FORMS.items())
def test_three_forms_say_the_same(tmp_path, faces, name, text):
    table = read_table(written(tmp_path, name, text))
    assert set(table.names) == {"Black_Hair", "Male", "Smiling"}
    assert table.rows == {"a.jpg": {"Black_Hair", "Smiling"}, "b.jpg": {"Male"}, "sub/c.jpg": set()}
    male, smiling = attribute_domains(faces, tmp_path / name, ["Male", "Smiling"])
    assert (male.name, smiling.name) == ("Male", "Smiling")
    assert male.files == (faces / "b.jpg",)
    assert male.without == (faces / "a.jpg", faces / "sub/c.jpg")
    assert smiling.files == (faces / "a.jpg",)
    assert smiling.without == (faces / "b.jpg", faces / "sub/c.jpg")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_wide_encodings_with_and_without_a_mark(tmp_path, encoding, end):
    (tmp_path / "list.csv").write_bytes(CSV.replace("\n", end).encode(encoding))
    assert read_table(tmp_path / "list.csv").rows["a.jpg"] == {"Black_Hair", "Smiling"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.csv", "file,Male,age,split\na.jpg,1,33,train\nb.jpg,0,,test\nsub/c.jpg,1,nan,\n"),
        ("x.jsonl", '{"name": "Ann", "image": "a.jpg", "Male": 1, "age": 33}\n{"name": "Bob", "image": "b.jpg"}\n'),
        ("x.jsonl", '{"file": "a.jpg", "Male": 1, "age": 33}\n{"file": "b.jpg", "box": [1]}\n'),
    ],
)
def test_what_stands_in_other_columns_is_nobodys_concern(tmp_path, faces, name, text):
    (male,) = attribute_domains(faces, written(tmp_path, name, text), ["Male"])
    assert faces / "a.jpg" in male.files
    with pytest.raises(DataError, match=r'"33" is none of 1, 0'):
        attribute_domains(faces, tmp_path / name, ["Male", "age"])


def test_a_table_that_is_no_file_of_this_place(tmp_path, faces):
    (tmp_path / "gone.csv").symlink_to("../elsewhere.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    for name, words in (
        ("gone.csv", r"is a link to \.\./elsewhere\.csv, which is not there"),
        ("pipe.csv", "is no file"),
    ):
        with pytest.raises(DataError, match=words):
            domains(attributes=["Male"]).find([faces, tmp_path / name])


def test_attributes_that_teach_nothing_are_refused(tmp_path, faces):
    table = written(tmp_path, "list.csv", "file,Male,Young,Old\na.jpg,1,1,0\nb.jpg,0,1,0\n")
    with pytest.raises(DataError, match=r'list.csv has no attribute "male"\. Did you mean Male\?'):
        attribute_domains(faces, table, ["male"])
    with pytest.raises(DataError, match=r'no attribute "xyz"\. It has Male, Young, Old'):
        attribute_domains(faces, table, ["xyz"])
    with pytest.raises(DataError, match=r"which attributes of .*list.csv\? Name them"):
        attribute_domains(faces, table, [])
    with pytest.raises(DataError, match=r"every picture of .* has the attribute Young"):
        attribute_domains(faces, table, ["Male", "Young"])
    with pytest.raises(DataError, match=r"no picture of .* has the attribute Old"):
        attribute_domains(faces, table, ["Old"])


@pytest.mark.parametrize(
    ("on", "off"),
    [
        *(("1.0", "-1.0"), ("+1", "0.0"), ("1.", "-0"), ("1e0", "0"), ("1", "\N{MINUS SIGN}1"), (" 1 ", " -1 ")),
        *(("yes", "No"), ("Y", "n"), ("T", "f"), ("TRUE", "False"), ("On", "off"), ('"1"', '"0"'), ('"1,0"', '"-1,0"')),
    ],
)
@pytest.mark.parametrize("form", ["{0},{1}", "{0};{1}", "{0}\t{1}"])
def test_values_in_other_spellings(tmp_path, on, off, form):
    rows = [form.format("file", "X"), form.format("a.png", on), form.format("b.png", off)]
    assert read_table(written(tmp_path, "x.csv", "\n".join(rows))).rows == {"a.png": {"X"}, "b.png": set()}


TABLE = {"a.jpg": {"Male"}, "b.jpg": set()}


@pytest.mark.parametrize(
    ("name", "content"),
    {
        "index of pandas": ("x.csv", ",file,Male\n0,a.jpg,1\n1,b.jpg,0\n"),
        "index with a name": ("x.csv", "Unnamed: 0,file,Male\n0,a.jpg,1.0\n1,b.jpg,0.0\n"),
        "files are the index": ("x.csv", ",Male\na.jpg,1\nb.jpg,0\n"),
        "commas at the ends": ("x.csv", "file,Male,,\na.jpg,1,,\nb.jpg,0,,\n,,,\n"),
        "commas at the ends of rows": ("x.csv", "file,Male\na.jpg,1,\nb.jpg,0,\n"),
        "lines between": ("x.csv", "\nfile,Male\n\na.jpg,1\n\nb.jpg,0\n\n"),
        "mark and Windows' line ends": ("x.csv", "\ufefffile,Male\r\na.jpg,1\r\nb.jpg,0\r\n"),
        "separator in the first line": ("x.csv", "sep=;\nfile;Male\na.jpg;1\nb.jpg;0\n"),
        "tabs": ("x.tsv", "file\tMale\na.jpg\t1\nb.jpg\t0\n"),
        "commas in a .txt": ("x.txt", "file,Male\na.jpg,1\nb.jpg,0\n"),
        "list without its count": ("x.txt", "Male\na.jpg 1\nb.jpg -1\n"),
        "list with spaces and empty lines": ("x.txt", "2 \n\n Male \n a.jpg   1 \r\n\nb.jpg  -1\n\n"),
    }.values(),
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_tables_as_other_programs_write_them(tmp_path, name, content, encoding):
    path = tmp_path / name
    path.write_bytes(content.encode(encoding) if encoding == "utf-8" else content.lstrip("\ufeff").encode(encoding))
    table = read_table(path)
    assert table.names == ("Male",)
    assert table.rows == TABLE


@pytest.mark.parametrize(
    ("names", "files"),
    {
        "other extensions": (["0.jpg", "1.jpg"], ["0.png", "1.webp"]),
        "no extensions": (["000001", "v1.2"], ["000001.png", "v1.2.png"]),
        "folders": (["sub/0.jpg", "./1.jpg"], ["sub/0.png", "1.png"]),
        "Windows' folders": (["sub\\0.png", ".\\1.png"], ["sub/0.png", "1.png"]),
        "the folder itself": (["faces/0.png", "data/faces/1.jpg"], ["0.png", "1.png"]),
        "another place": (["/home/me/x/0.png", "/home/me/x/1.png"], ["0.png", "1.png"]),
        "another place on Windows": (["C:\\me\\x\\0.png", "C:\\me\\x\\1.png"], ["0.png", "1.png"]),
        "composed accents": ([normalize("NFC", "é0.png"), "1.png"], [normalize("NFD", "é0.png"), "1.png"]),
        "decomposed accents": ([normalize("NFD", "é/é.jpg"), "1.png"], [normalize("NFC", "é/é.png"), "1.png"]),
    }.values(),
)
def test_names_that_mean_a_picture(tmp_path, names, files):
    for file in files:
        (tmp_path / "faces" / file).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "faces" / file)
    table = written(tmp_path, "x.csv", f"file,Male\n{names[0]},1\n{names[1]},0\n")
    (male,) = attribute_domains(tmp_path / "faces", table, ["Male"])
    assert male.files == (tmp_path / "faces" / files[0],)
    assert male.without == (tmp_path / "faces" / files[1],)
    assert male.note is None


def test_attributes_with_accents_in_two_spellings(tmp_path, faces):
    table = written(tmp_path, "x.csv", normalize("NFD", "file,gealtert é\na.jpg,1\nb.jpg,0\n"))
    (old,) = attribute_domains(faces, table, [normalize("NFC", "gealtert é")])
    assert [file.name for file in old.files] == ["a.jpg"]


def test_a_name_that_could_mean_two_pictures_is_refused(tmp_path, faces):
    for name in ("d.png", "d.webp"):
        Image.new("RGB", (4, 4)).save(faces / name)
    table = written(tmp_path, "x.csv", "file,Male\na.jpg,1\nb.jpg,0\nd.jpg,0\n")
    with pytest.raises(DataError, match=r"lists d\.jpg, and .*d\.png and .*d\.webp are named like it: which is meant"):
        attribute_domains(faces, table, ["Male"])
    table = written(tmp_path, "x.csv", "file,Male\na.png,1\na.webp,0\nb.jpg,0\n")
    with pytest.raises(DataError, match=r"lists a\.png and a\.webp, and both mean .*a\.jpg"):
        attribute_domains(faces, table, ["Male"])


def test_what_table_and_folder_do_not_share_is_left_out_and_counted(tmp_path, faces):
    more = "".join(f"x{number}.jpg,0\n" for number in range(20))
    table = written(
        tmp_path, "x.csv", "file,Male,Old\na.jpg,1,1\nb.jpg,0,1\nsub/c.jpg,0,0\n" + more.replace(",0", ",0,0")
    )
    male, old = attribute_domains(faces, table, ["Male", "Old"])  # most of a small folder is in a large table
    assert [file.name for file in (*male.files, *male.without)] == ["a.jpg", "b.jpg", "c.jpg"]
    assert f"20 of {table} left out, without a picture in {faces}: x0.jpg, x1.jpg" in male.note
    assert f"1 of {faces} left out, which {table} does not list: {faces / 'not_listed.jpg'}" in male.note
    assert old.note is None  # it is said once


def test_pictures_that_are_missing_are_named_with_a_hint(tmp_path, faces):
    table = written(tmp_path, "list.csv", "file,Male\na.jpg,1\nc.jpg,0\nd.jpg,0\n")
    with pytest.raises(DataError, match=r"lists c\.jpg \(and 1 more\), which is not in .*: .* in .*sub: name that"):
        attribute_domains(faces, table, ["Male"])
    table = written(tmp_path, "list.csv", "file,Male\na.jpg,1\nd.jpg,0\n")
    with pytest.raises(DataError, match=r"lists d\.jpg, which is not in .*faces: are they in another folder"):
        attribute_domains(faces, table, ["Male"])
    with pytest.raises(DataError, match="nowhere does not exist"):
        attribute_domains(tmp_path / "nowhere", table, ["Male"])


def test_the_authors_split_keeps_pictures_back(tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    rows = []
    for number in range(12):
        Image.new("RGB", (4, 4)).save(folder / f"{number:02}.png")
        rows.append(f"{number:02}.png,{number % 2}")
    table = written(tmp_path, "list.csv", "\n".join(["file,Odd", *rows]))
    (odd,) = attribute_domains(folder, table, ["Odd"], test_split=5)
    kept = {file.name for file in (*odd.files, *odd.without)}
    train, test = split([f"{number:02}.png" for number in range(12)], 5)
    assert len(test) == 5
    assert kept == set(train)
    assert kept.isdisjoint(test)
    with pytest.raises(DataError, match="has 12 pictures, and test_split=12 keeps as many back"):
        attribute_domains(folder, table, ["Odd"], test_split=12)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.csv", "file,Male\na.jpg,maybe\n", r'x.csv, line 2: "maybe" is none of 1, 0, -1, yes, no, true and false'),
        ("x.csv", "file,Male\na.jpg,\n", "x.csv, line 2: Male has no value"),
        ("x.csv", "file,Male\na.jpg,nan\n", "x.csv, line 2: Male has no value"),
        ("x.csv", "file,Male,,Young\na.jpg,1,0,1\n", "x.csv, line 1: a column between others has no name"),
        ("x.csv", "file,Male\na.jpg,1\n" + "x" * 200_000, "x.csv, line 3: no row of a table"),
        ("x.jsonl", '{"file": ' + "[" * 200_000, "line 1: no JSON object"),
        ("x.jsonl", '{"file": "a.jpg", "Male": null}', "line 1: Male has no value"),
        ("x.csv", "file,Male\na.jpg,1,0\n", "line 2: 2 values for 1 attributes"),
        ("x.csv", "file,Male,Male\na.jpg,1,0\n", "line 1: the attribute Male stands there twice"),
        ("x.csv", "file,Male\na.jpg,1\na.jpg,1\n", "line 3: a.jpg is listed twice"),
        ("x.csv", "file,Male\n", "lists no pictures"),
        ("x.csv", "", "begins with no names"),
        ("x.txt", "1\nMale Young\na.jpg 1\n", "line 3: 1 values for 2 attributes"),
        ("x.txt", "", "begins with no names"),
        ("x.jsonl", '{"file": 3}', 'line 1: expected {"file"'),
        ("x.jsonl", '{"file": "a.jpg"', "line 1: no JSON object"),
        ("x.jsonl", '{"file": "a.jpg", "labels": "Male"}', '"labels" must be a list'),
        ("x.jsonl", '{"file": "a.jpg", "Male": 2}', 'line 1: "2" is none of'),
    ],
)
def test_what_is_no_table_is_said_with_its_line(tmp_path, name, text, message):
    with pytest.raises(DataError, match=message):
        read_table(written(tmp_path, name, text))


def test_a_table_that_is_no_text(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00\x01\x02\xd8")
    with pytest.raises(DataError, match=r"cannot read .*x.csv: it is not text"):
        read_table(tmp_path / "x.csv")
    with pytest.raises(DataError, match=r"cannot read .*nowhere"):
        read_table(tmp_path / "nowhere.csv")


@pytest.mark.parametrize("begin", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"])
def test_a_spreadsheet_is_to_be_saved_as_csv(tmp_path, begin):
    (tmp_path / "table.xlsx").write_bytes(begin + bytes(100))
    with pytest.raises(DataError, match=r"table\.xlsx is a spreadsheet or an archive: save the table as CSV"):
        read_table(tmp_path / "table.xlsx")
