"""All directions of a model of many domains: `gantool eval --model M ROOT`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gantool.errors import CheckpointError, DataError, UsageError
from gantool.evaluation.domains import compare_domains
from gantool.evaluation.how import How
from gantool.evaluation.translations import compare_translations
from gantool.runs import folders
from tests.conftest import draw
from tests.runs import untrained

NAMES = ("blue", "green", "red")
SMALL = {"width": 4, "blocks": 1, "d_width": 4, "d_layers": 3}
"""Options of a StarGAN whose translations are measured, not looked at."""


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("domains")
    for seed, name in enumerate(NAMES):
        draw(folder / "val" / name, 3, seed=seed)
        draw(folder / "train" / name, 4, seed=10 + seed)
    return folder


def test_every_direction_is_measured_in_drawn_and_in_taken_styles(main, root, trained):
    run = trained("starganv2")
    _, out, _ = main("eval", "-m", run, root / "val", root / "train", "-n", 2, "--json")
    found = json.loads(out)
    assert set(found["mean"]) == {"latent", "reference"}
    ways = {(task["styles"], task["source"], task["target"]) for task in found["tasks"]}
    assert len(ways) == len(found["tasks"]) == 2 * 6
    for styles, mean in found["mean"].items():
        rows = [task["metrics"] for task in found["tasks"] if task["styles"] == styles]
        assert mean["diversity_l1"] == pytest.approx(sum(row["diversity_l1"] for row in rows) / 6)
        assert mean["swd"] == pytest.approx(sum(row["swd"] for row in rows) / 6)
    assert found["protocol"]["results of each picture"] == 2
    # Pictures of 40 pixels, weights of 32: squeezed, as the reference does.
    assert found["protocol"]["translated"] == "pictures resized to 32x32, results of 8 bits"
    assert {task["protocol"]["fake"]["size"] for task in found["tasks"]} == {"32x32"}
    assert {task["protocol"]["real"]["pictures"] for task in found["tasks"]} == {4}
    assert found["protocol"]["swd"]["size"] == "40x40"
    assert found["protocol"]["size"] == "as stored"
    assert "mean over the 1 pairs" in found["protocol"]["styles"]["diversity"]
    _, out, err = main("eval", "-m", run, root / "val", root / "train", "-n", 1, "--size", 16, "--to", "red")
    assert "pictures resized to 16x16" in out + err
    assert "neighbourhoods" in out + err
    _, again, _ = main("eval", "-m", run, root / "val", root / "train", "-n", 2, "--json")
    assert json.loads(again)["tasks"] == found["tasks"]


def test_a_model_without_styles_has_one_result_and_no_diversity(root, trained):
    run = trained("stargan")
    told = []
    how = How(progress=lambda *said: told.append(said))
    found = compare_domains(folders.saves(run)[-1] / folders.WEIGHTS, root / "val", how=how)
    assert [said[:3] for said in told] == [("translating", done, 18) for done in range(1, 19)], "one counter over all"
    assert (told[0][3], told[-1][3]) == ("blue to green", "red to green")
    assert [task.styles for task in found.means] == [""]
    assert len(found.tasks) == 6
    assert "diversity_l1" not in found.means[0].metrics
    assert found.means[0].metrics["swd"] > 0


def test_weights_that_take_one_size_get_that_size(root, tmp_path):
    one = untrained(tmp_path / "one", "ugatit", ("blue", "red"), width=4, blocks=1, d_width=4)
    found = compare_translations(one, root / "val/blue", root / "val/red")
    assert found.protocol["fake"]["size"] == "32x32"
    assert found.protocol["model"]["translates"] == "pictures resized to 32x32"


def test_a_missing_domain_is_named(tmp_path):
    draw(tmp_path / "blue", 1, seed=0)
    with pytest.raises(DataError, match="no folder green"):
        compare_domains(untrained(tmp_path / "run", "stargan", NAMES, **SMALL), tmp_path)


def test_two_domains_are_measured_by_domain_too(main, root, tmp_path):
    run = untrained(tmp_path / "two", "stargan", ("blue", "red"), **SMALL)
    for given in ([root / "val", root / "train"], [root / "val"]):
        _, out, _ = main("eval", "-m", run, *given, "--json")
        assert [(task["source"], task["target"]) for task in json.loads(out)["tasks"]] == [
            ("blue", "red"),
            ("red", "blue"),
        ]


def test_a_model_of_two_folders_takes_their_pictures_whatever_lies_below(main, root, tmp_path):
    run = untrained(tmp_path / "pair", "cyclegan", ("blue", "red"))
    _, out, _ = main("eval", "-m", run, root / "val", root / "train", "--json")
    found = json.loads(out)
    assert "tasks" not in found
    assert found["protocol"]["fake"]["path"] == f"blue to red of {root / 'val'}"


def test_one_target_is_measured_from_every_other_domain(main, root, tmp_path):
    run = untrained(tmp_path / "three", "stargan", NAMES, **SMALL)
    _, out, err = main("eval", "-m", run, root / "val", root / "train", "--to", "green", "--json")
    found = json.loads(out)
    assert [(task["source"], task["target"]) for task in found["tasks"]] == [("blue", "green"), ("red", "green")]
    first, last = [line for line in err.splitlines() if line.startswith("translating ")]
    assert re.fullmatch(r"translating 1/6 .* blue to green", first)
    assert re.fullmatch(r"translating 6/6 .* red to green", last)
    assert found["protocol"]["mean"] == "over the 2 directions"
    _, out, _ = main("eval", "-m", run, root / "val/blue", root / "train/green", "--to", "green", "--json")
    assert json.loads(out)["protocol"]["fake"]["path"].startswith("to green of")


def test_directions_are_those_of_the_weights(root, tmp_path):
    attributes = {**SMALL, "attributes": NAMES}
    some = untrained(tmp_path / "some", "stargan", NAMES, notes={"directions": [["red", "blue"]]}, **attributes)
    assert [(task.source, task.target) for task in compare_domains(some, root / "val").tasks] == [("red", "blue")]
    none = untrained(tmp_path / "none", "stargan", NAMES, notes={"directions": []}, **attributes)
    for to in (None, "green"):
        with pytest.raises(CheckpointError, match="cannot tell what a picture is"):
            compare_domains(none, root / "val", to=to)
    every = untrained(tmp_path / "every", "stargan", NAMES, **attributes)
    with pytest.raises(UsageError, match="none of the domains that have a folder"):
        compare_domains(every, root / "val", to="+red,-blue")


def test_every_direction_says_of_how_many_pictures_it_is_and_fid_of_few_is_warned_of(main, tmp_path, weights_file):
    for seed, name in enumerate(("blue", "red")):
        draw(tmp_path / "val" / name, 2 + seed, seed=seed, size=16)
    run = untrained(tmp_path / "two", "stargan", ("blue", "red"), **SMALL)
    given = ["eval", "-m", run, "val", "--inception", weights_file, "--kid-source"]
    found = json.loads(main(*given, "--json")[1])
    for task in found["tasks"]:
        metrics = task["metrics"]
        assert metrics["kid_mean"] == pytest.approx((metrics["kid"] + metrics["kid_source"]) / 2)
    assert any("FID of fewer than 2048 pictures" in note for note in found["notes"])
    _, out, err = main(*given)
    (row,) = [line.split() for line in out.splitlines() if line.split()[:2] == ["blue", "red"]]
    assert row[2:4] == ["3", "2"]  # real red ones, translated blue ones
    assert "FID of fewer than 2048 pictures" in err
    assert "blue to red has 3 real and 2 fake pictures" in main(*given, "--kid", "9x3", code=2)[2]
