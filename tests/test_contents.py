"""What a download or a copy brought in place of a file is named, with the way out, whatever the file was to be."""

from __future__ import annotations

import gzip
import zipfile

import pytest
import torch
from PIL import Image

from gantool.contents import text_of
from gantool.data.layouts.tables import read_table
from gantool.errors import CheckpointError, DataError, UsageError
from gantool.options import read_yaml
from gantool.pictures.file import read_picture
from gantool.runs.header import read_header

KINDS = {
    "page": (b"\xef\xbb\xbf\n<!DOCTYPE html><html>Quota exceeded", "is a web page .*: download it again"),
    "pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "is a pointer of Git LFS.*: run git lfs",
    ),
    "message": (
        b"<?xml version='1.0'?><Error>AccessDenied",
        "is text in XML, such as the error.*: download it",
    ),
    "zeros": (bytes(5000), "begins with zeros alone.*: copy or download it again"),
    "compressed": (gzip.compress(b"x"), "is compressed with gzip.*: unpack it"),
    "document": (b"%PDF-1.7\n", "is a PDF document"),
}
READERS = {
    "x.png": (read_picture, DataError, "cannot read .*: it "),
    "x.csv": (read_table, DataError, "cannot read .*: it "),
    "x.safetensors": (read_header, CheckpointError, "no weights file of gantool: it "),
}
PREVIEWED = b"\xc5\xd0\xd3\xc6\x1e\0\0\0\xff\0\0\0" + bytes(18)
"""The head of PostScript that has a picture for those who cannot draw it."""


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_named_in_one_line(tmp_path, kind, name):
    (content, words), (read, error, begin) = KINDS[kind], READERS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=begin + words) as caught:
        read(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_text_is_read_as_any_editor_writes_it(encoding, end):
    text = f"steps: 5{end}name: Gr\u00fc\u00dfe{end}"
    assert text_of(text.encode(encoding)) == text


@pytest.mark.parametrize("content", [b"caf\xe9", b"\xff\xfe\x00\xd8", b"\x80" * 9])
def test_what_is_no_text_is_said(content):
    with pytest.raises(ValueError, match="it is not text in UTF-8; save it as such"):
        text_of(content)
    assert text_of(b"") == ""


def test_zeros_where_a_copy_broke_off_make_no_utf_16() -> None:
    assert text_of(b"steps: 5\n" + bytes(500)) == "steps: 5\n" + "\0" * 500


def test_a_configuration_of_powershell(tmp_path):
    (tmp_path / "c.yaml").write_bytes("steps: 5\r\n".encode("utf-16"))
    assert read_yaml(tmp_path / "c.yaml") == {"steps": 5}
    (tmp_path / "c.yaml").write_bytes(b"name: caf\xe9\n")
    with pytest.raises(UsageError, match="is not valid YAML: it is not text in UTF-8"):
        read_yaml(tmp_path / "c.yaml")


@pytest.mark.parametrize("name", ["net.pth", "net", "net.safetensors"])
def test_a_checkpoint_of_pytorch_is_to_be_imported(tmp_path, name):
    torch.save({"weight": torch.zeros(3)}, tmp_path / name)
    with pytest.raises(CheckpointError, match=f"gantool import {tmp_path / name}"):
        read_header(tmp_path / name)


def test_an_archive_is_to_be_unpacked_whatever_its_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
        archive.writestr("net.pth", b"x")
    with pytest.raises(CheckpointError, match="is a zip archive: unpack it"):
        read_header(tmp_path / "x.pth")


@pytest.mark.parametrize("size", [0, 500])
def test_weights_that_end_within_their_header(tmp_path, size):
    (tmp_path / "x.safetensors").write_bytes(((9000).to_bytes(8, "little") + b'{"a":' + b" " * 900)[:size])
    with pytest.raises(CheckpointError, match="is cut short" if size else "is empty"):
        read_header(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    "begin", [b"", b"\xc5\xd0\xd3\xc6\x1e\0\0\0\xff\0\0\0" + bytes(18)], ids=["plain", "with a preview"]
)
def test_no_picture_is_a_program(tmp_path, monkeypatch, begin):
    """Pillow would give PostScript to another program, which runs what it says."""
    Image.new("RGB", (9, 9)).save(tmp_path / "x.png", "EPS")
    written = (tmp_path / "x.png").read_bytes()
    (tmp_path / "x.png").write_bytes(begin + written)
    ghostscript = tmp_path / "gs"
    ghostscript.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    ghostscript.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(DataError, match="is PostScript, a program that draws: convert it to PNG"):
        read_picture(tmp_path / "x.png")
    assert not (tmp_path / "ran").exists()


def test_a_drawing_is_no_web_page(tmp_path):
    for begin in ("", "<?xml version='1.0'?>\n", "<!-- made by hand -->"):
        (tmp_path / "x.png").write_text(begin + "<svg xmlns='http://www.w3.org/2000/svg'/>")
        with pytest.raises(DataError, match=r"is a drawing \(SVG\): convert it to PNG"):
            read_picture(tmp_path / "x.png")
