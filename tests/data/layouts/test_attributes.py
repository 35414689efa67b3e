"""Tables of attributes: three forms, one meaning; and what is said about tables that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from gantool.data.layouts.attributes import attribute_domains, read_table, split
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
FORMS = {"list_attr.txt": CELEBA, "list.csv": CSV, "excel.csv": CSV.replace(",", ";"), "list.jsonl": JSON}


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
        ("x.csv", "file,Male\na.jpg,yes\n", r'x.csv, line 2: "yes" is none of 1, 0, -1, true and false'),
        ("x.csv", "file,Male\na.jpg,1,0\n", "line 2: 2 values for 1 attributes"),
        ("x.csv", "file,Male,Male\na.jpg,1,0\n", "begins with no names of attributes that differ"),
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
    with pytest.raises(DataError, match=r"cannot read the table .*x.csv: it is not text"):
        read_table(tmp_path / "x.csv")
    with pytest.raises(DataError, match="cannot read the table"):
        read_table(tmp_path / "nowhere.csv")
