"""What goes into a study's page, and what is refused."""

from __future__ import annotations

import base64
import json
import re
import resource
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gantool.report import page as pages
from gantool.studies.pictures import distorted


def held(page: Path) -> dict[str, Any]:
    """What the page holds."""
    found = re.search(r'id="study">(.*?)</script>', page.read_text(encoding="utf-8"), re.S)
    return json.loads(found[1])


def told(study: dict[str, Any]) -> dict[str, Any]:
    return json.loads(base64.b64decode(study["key"]))


def test_a_fake_picture_stands_beside_the_real_one_of_its_name(study):
    content = held(study("fake"))
    names = told(content)["names"]
    assert len(content["items"]) == 24
    for item in content["items"]:
        (one, _, real), (other, _, fake) = item["sides"]
        assert (one, names[real]) == ("real", names[fake])
        assert other in ("m0", "m1")
    assert {item["sides"][0][0] for item in content["checks"]} == {"whole"}


def test_without_names_in_common_a_real_picture_is_drawn(study, folders):
    for number, file in enumerate(sorted((folders / "real").iterdir())[:8]):
        file.rename(file.with_name(f"photo{number}.png"))
    content = held(study("fake"))
    names = told(content)["names"]
    beside = [names[item["sides"][0][2]] for item in content["items"]]
    assert {beside.count(name) for name in set(beside)} == {2}, "12 real ones for 24 trials, all equally often"


def test_pairs_are_all_of_two_methods_and_preference_shows_all(study, folders, main):
    shutil.copytree(folders / "input", folders / "third")
    (folders / "third" / "00.png").unlink()
    _, out, err = main(
        "study",
        "make",
        "Zebranet",
        "B=Quaggatron",
        "third",
        "--kind",
        "pairs",
        "-o",
        "pairs",
        "--input",
        "input",
        "--json",
    )
    made = json.loads(out)
    assert (made["methods"], made["names"], made["trials"]) == (["Zebranet", "B", "third"], 11, 33)
    assert "2 of the methods' pictures left out" in err
    content = held(Path(folders / made["page"]))
    assert {tuple(side[0] for side in item["sides"]) for item in content["items"]} == {
        ("m0", "m1"),
        ("m0", "m2"),
        ("m1", "m2"),
    }
    main("study", "make", "Zebranet", "B=Quaggatron", "third", "--kind", "preference", "-o", "all")
    assert {len(item["sides"]) for item in held(folders / "all" / "index.html")["items"]} == {3}


def test_all_pictures_are_of_one_format_and_none_is_large(study, folders):
    assert {one[0] for one in held(study("pairs"))["pictures"]} == {"png"}
    Image.new("RGB", (1200, 600), "red").save(folders / "Zebranet" / "03.png")
    content = held(study("pairs", "--overwrite"))
    assert {one[0] for one in content["pictures"]} == {"jpeg"}, "clean and lossy files would tell methods apart"
    assert max(one[2] for one in content["pictures"]) == 512


def test_a_full_page_leaves_names_out_for_all_methods(study, monkeypatch, main, folders):
    rng = np.random.default_rng(0)
    for file in (file for name in ("Zebranet", "Quaggatron") for file in (folders / name).iterdir()):
        Image.fromarray(rng.integers(0, 256, (96, 96, 3), np.uint8)).save(file)
    monkeypatch.setattr(pages, "BUDGET", 150_000)
    made = json.loads(main("study", "make", "Zebranet", "Quaggatron", "--kind", "pairs", "-o", "s", "--json")[1])
    assert made["names"] + made["left_out"] == 12
    assert 1 < made["names"] < 12
    assert any("left out, of all methods" in note for note in made["notes"])
    content = held(folders / "s" / "index.html")
    assert len(content["pictures"]) == 2 * made["names"] + made["checks"]
    assert {one[0] for one in content["pictures"]} == {"jpeg"}, "of noise, more JPEG files fit"


def test_the_same_study_is_the_same_file(study):
    first = study("pairs").read_bytes()
    assert study("pairs", "--overwrite").read_bytes() == first
    assert study("pairs", "--overwrite", "--seed", "1").read_bytes() != first


def test_what_is_distorted_differs_from_every_picture():
    rng = np.random.default_rng(0)
    for pixels in (np.full((40, 30, 3), 255, np.uint8), rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)):
        worse = distorted(pixels, rng)
        assert worse.shape == pixels.shape
        assert abs(worse.astype(int) - pixels).mean() > 30


REFUSED = {
    "--kind fake shows real pictures": (2, ["Zebranet", "--kind", "fake"]),
    "compares methods: give two folders": (2, ["Zebranet", "--kind", "pairs"]),
    "choose one of fake, preference, pairs": (2, ["Zebranet", "real", "--kind", "best"]),
    "two methods are named Zebranet": (2, ["Zebranet", "Zebranet=real", "--kind", "pairs"]),
    "a method is NAME=FOLDER": (2, ["=real", "Zebranet", "--kind", "pairs"]),
    "--input goes with": (2, ["Zebranet", "--kind", "fake", "--real", "real", "--input", "input"]),
    "--practice 12 leaves nothing": (2, ["Zebranet", "real", "--kind", "pairs", "--practice", "12"]),
    "pictures can be shown for": (2, ["Zebranet", "real", "--kind", "pairs", "--time", "2h"]),
    "a time looks like": (2, ["Zebranet", "real", "--kind", "pairs", "--time", "soon"]),
    "--seed is 0 to 9223372036854775807, not -1": (2, ["Zebranet", "real", "--kind", "pairs", "--seed", "-1"]),
    "nowhere does not exist": (3, ["Zebranet", "nowhere", "--kind", "pairs"]),
    "no name is in all of": (3, ["Zebranet", "other", "--kind", "pairs"]),
    "cannot read bad": (3, ["Zebranet", "bad", "--kind", "pairs"]),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_asked_is_refused_in_one_line(words, folders, main):
    (folders / "other").mkdir()
    shutil.copy(folders / "real" / "00.png", folders / "other" / "elsewhere.png")
    (folders / "bad").mkdir()
    (folders / "bad" / "00.png").write_text("no picture")
    code, flags = REFUSED[words]
    _, out, err = main("study", "make", *flags, "-o", "s", code=code)
    assert words in err
    assert (out, err.count("\n")) == ("", 1)
    assert not (folders / "s").exists()


def test_a_full_disk_leaves_nothing_behind(folders, main):
    """A limit on the size of files stands for a full disk."""
    (folders / "mine").mkdir()
    flags = ("study", "make", "Zebranet", "Quaggatron", "--kind", "pairs", "-o")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        for out in ("full/st", "mine"):
            assert f"cannot write {out}/index.html: File too large" in main(*flags, out, code=3)[2]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (folders / "full").exists()
    assert list((folders / "mine").iterdir()) == [], "a folder that was there stays"


def test_only_a_study_is_replaced(study, main, folders):
    page = study("pairs")
    flags = ("study", "make", "Zebranet", "Quaggatron", "--kind", "pairs", "-o", "study")
    assert "--overwrite replaces it" in main(*flags, code=2)[2]
    page.write_text("somebody's home page")
    assert "gantool did not write it" in main(*flags, "--overwrite", code=2)[2]
    assert page.read_text() == "somebody's home page"
