"""What systems, servers, archives and gantool leave among pictures is no picture and no domain."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gantool.data.layouts.domains import domains
from gantool.data.layouts.unpaired import unpaired
from gantool.errors import DataError
from gantool.pictures.find import find_pictures, look_below, others_below, passed_over, subfolders
from gantool.pictures.strays import has_marks_of_a_run, is_stray_folder
from gantool.runs import folders
from tests.runs import untrained


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


STRAYS = (
    *("__MACOSX", "@eaDir", "#recycle", "#Recycle", "@Recycle", "@Recently-Snapshot", ".@__thumb", "#snapshot"),
    *("$RECYCLE.BIN", "RECYCLER", "System Volume Information", "lost+found", "FOUND.000", "LOST.DIR"),
    *(".Trash-1000", ".thumbnails", ".AppleDouble", ".dropbox.cache", "Temporary Items", "Network Trash Folder"),
    *("__pycache__", ".ipynb_checkpoints", "PaxHeaders.4711", "Rar$DIa0.123", "7zO0C3F1A22", "Catalog Previews.lrdata"),
)


@pytest.mark.parametrize("stray", STRAYS)
def test_folders_of_systems_hold_no_pictures_and_are_no_domains(tmp_path, stray):
    touch(tmp_path, "cat/a.png", "dog/b.png", f"{stray}/c.png", f"cat/{stray}/deep/d.png")
    assert [path.name for path in find_pictures(tmp_path)] == ["a.png", "b.png"]
    assert [folder.name for folder in subfolders(tmp_path)] == ["cat", "dog"]
    assert [domain.name for domain in domains().find([tmp_path])] == ["cat", "dog"]
    assert [domain.name for domain in domains().find(sorted(tmp_path.iterdir()))] == ["cat", "dog"], (
        "as a shell's * has it"
    )
    assert [domain.name for domain in unpaired().find([tmp_path])] == ["cat", "dog"]
    assert len(find_pictures(tmp_path / stray)) == 1, "what is named is not passed over"


def test_beside_pictures_nothing_has_to_be_unpacked():
    assert passed_over({".mat": 2, ".zip": 1}) == "passed over 2 .mat, 1 .zip"


def test_names_that_are_a_persons_own_are_kept(tmp_path):
    for name in ("recycle", "snapshot", "@home", "#1", "found", "thumbnails", "trash", "macosx", "previews", "7zoo"):
        touch(tmp_path, f"{name}/a.png")
        assert not is_stray_folder(tmp_path / name), name


def test_runs_of_gantool_are_no_domains_and_no_pictures(tmp_path):
    touch(tmp_path, "cat/a.png", "dog/b.png")
    for run in ("runs/stargan/001", "runs/stargan/002", "h2z"):
        untrained(tmp_path / run)
        touch(tmp_path / run, "samples/00000001.png", "translations/a.png")
    touch(tmp_path, "begun/run.yaml", "begun/samples/0.png")
    assert [folder.name for folder in subfolders(tmp_path)] == ["cat", "dog"]
    assert [path.name for path in find_pictures(tmp_path)] == ["a.png", "b.png"]
    assert has_marks_of_a_run(tmp_path / "h2z")
    assert folders.is_run(tmp_path / "h2z")
    assert [path.name for path in find_pictures(tmp_path / "h2z" / "samples")] == ["00000001.png"], "named by a person"


def test_a_folder_of_pictures_beside_a_run_stays_a_domain(tmp_path):
    touch(tmp_path, "cat/checkpoints/a.png", "dog/b.png", "bird/wild/c.png")
    untrained(tmp_path / "dog" / "runs" / "cyclegan" / "001")
    untrained(tmp_path / "bird" / "runs" / "cyclegan" / "001")
    assert [folder.name for folder in subfolders(tmp_path)] == ["bird", "cat", "dog"]
    assert len(find_pictures(tmp_path)) == 3


def test_links_that_lead_nowhere_do_not_end_the_search(tmp_path):
    root = tmp_path / "root"
    touch(root, "cat/a.png", "dog/b.png")
    touch(tmp_path, "beside/c.png")
    (root / "cat" / "self.png").symlink_to("self.png")
    (root / "cat" / "gone.png").symlink_to("nowhere.png")
    (root / "cat" / "gone").symlink_to("/nowhere/at/all")
    (root / "cat" / "here").symlink_to(".")
    (root / "cat" / "up").symlink_to("../..")
    (root / "self").symlink_to("self")
    (root / "lost").symlink_to("nowhere")
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")
    found = look_below(root)
    assert [path.name for path in found.pictures] == ["a.png", "gone.png", "self.png", "b.png"]
    assert found.others == {"broken link": 5}
    assert passed_over(found.others) == "passed over 5 broken links"
    assert [folder.name for folder in subfolders(root)] == ["cat", "dog"]


@pytest.mark.skipif(os.name != "posix", reason="pipes and sockets are files on POSIX alone")
def test_what_is_no_file_is_found_so_that_reading_names_it(tmp_path, monkeypatch):
    from gantool.pictures.file import picture_size, read_picture

    monkeypatch.chdir(tmp_path)  # a socket's path is short
    touch(tmp_path, "a.png")
    os.mkfifo("pipe.png")
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind("socket.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    assert [path.name for path in find_pictures(tmp_path)] == ["a.png", "device.png", "pipe.png", "socket.png"]
    for name in ("pipe", "socket", "device"):
        for read in (read_picture, picture_size):
            with pytest.raises(DataError, match=rf"cannot read {name}\.png: it is a {name}, not a file"):
                read(Path(f"{name}.png"))


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may list every folder")
def test_a_folder_below_that_cannot_be_listed_is_named_when_it_is_read(tmp_path):
    from gantool.pictures.file import read_picture

    touch(tmp_path, "a.png", "closed/b.png")
    (tmp_path / "closed").chmod(0)
    try:
        assert [path.name for path in find_pictures(tmp_path)] == ["a.png", "closed"]
        with pytest.raises(DataError, match="closed: Permission denied"):
            read_picture(tmp_path / "closed")
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_files_that_are_no_pictures_are_counted_by_type(tmp_path):
    touch(
        tmp_path,
        "a.png",
        "b.psd",
        "c.PSD",
        "d.cr2",
        "e",
        "deep/f",
        ".hidden.txt",
        "Thumbs.db",
        "desktop.ini",
        "x/g.svg",
    )
    table = tmp_path / "labels.csv"
    table.write_text("")
    assert look_below(tmp_path).others == {".psd": 2, "without extension": 2, ".cr2": 1, ".svg": 1, ".csv": 1}
    assert others_below([tmp_path / "deep", tmp_path / "deep", tmp_path / "x", table]) == {
        "without extension": 1,
        ".svg": 1,
    }
    said = passed_over({".psd": 3, "without extension": 1})
    assert said == "passed over 3 .psd, 1 without extension; pictures without extension need one, such as .jpg"
    many = passed_over({f".{n}": 2 for n in range(12)})
    assert many.endswith("8 of other types")
