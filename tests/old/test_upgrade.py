"""Headers of format 1 as facts of today."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gantool.capabilities import abilities
from gantool.errors import CheckpointError, UsageError
from gantool.model import Model
from gantool.runs import checkpoint
from gantool.runs.header import read_facts, read_header
from gantool.runs.upgrade import FORMAT, current_options, upgraded
from gantool.spec import Direction, LabelMaps, Pictures, Sizes, facts_from_json
from tests.old.test_old_files import ALL, weights
from tests.runs import untrained
from tests.training.test_saves import with_header

PLAIN: dict[str, Any] = {
    "format": 1,
    "gantool": "0.1.0",
    "model": "cyclegan",
    "step": 7,
    "options": {"width": 4},
    "spec": {
        "domains": ["horses", "zebras"],
        "channels": [3, 1],
        "size": 32,
        "labels": False,
        "kinds": [],
        "classes": 0,
    },
    "sizes": {"multiple": 4, "minimum": 8, "exact": None},
    "directions": [["horses", "zebras"], ["zebras", "horses"]],
    "style_size": 0,
    "outputs": ["translation"],
    "facts": {},
    "sha256": "0" * 64,
}


def facts(**changes: Any):
    return facts_from_json(upgraded({**PLAIN, **changes}))


def test_pictures():
    found = facts(pictures={"horses": 3, "zebras": 4}, preparation={"crop": 32}, licence="CC0")
    assert found.spec.domains == ("horses", "zebras")
    assert found.spec.kinds == (Pictures(3), Pictures(1))
    assert (found.spec.size, found.spec.attributes, found.sizes) == (32, False, Sizes(4, 8))
    assert found.directions == (Direction("horses", "zebras"), Direction("zebras", "horses"))
    assert (found.can, found.code_size, found.condition_names, found.maps) == ({"translate"}, 0, (), ())
    assert (found.model, found.step, found.options, found.gantool) == ("cyclegan", 7, {"width": 4}, "0.1.0")
    assert (found.pictures, found.preparation, found.licence) == ({"horses": 3, "zebras": 4}, {"crop": 32}, "CC0")
    assert (found.sha256, found.missing, found.own) == ("0" * 64, (), {})


@pytest.mark.parametrize(("channels", "instances"), [(1, False), (2, True)])
def test_label_maps(channels, instances):
    held = {"kinds": ["labels", "picture"], "classes": 35, "channels": [channels, 3]}
    found = facts(model="pix2pixhd", style_size=6, spec={**PLAIN["spec"], **held})
    assert found.spec.kinds == (LabelMaps(35, instances), Pictures(3))
    assert found.spec.channels == (channels, 3)
    assert (found.can, found.code_size) == ({"translate", "code", "grow"}, 6)


def test_attributes():
    spec = {**PLAIN["spec"], "domains": ["Male", "Smiling"], "channels": [3, 3], "labels": True}
    more = {"model": "stargan", "options": {"attributes": ["Male", "Smiling"]}, "spec": spec}
    found = facts(**more, directions=[["Male", "Smiling"]])
    assert found.spec.attributes
    assert (found.can, found.condition_names) == ({"translate", "condition"}, ("Male", "Smiling"))
    assert facts(**more, directions=[]).directions == (), "imported ones cannot tell what a picture has"


def test_attributes_beside_classes():
    """StarGAN's joint training: a mask says which of the two labels is meant."""
    spec = {**PLAIN["spec"], "domains": ["Male", "happy", "sad"], "channels": [3] * 3}
    found = facts(model="stargan", options={"attributes": ["Male"]}, spec=spec, directions=[])
    assert found.condition_names == ("Male", "happy", "sad", "attributes are meant", "a class is meant")


@pytest.mark.parametrize(
    ("model", "missing", "can"),
    [
        ("bicyclegan", [], "translate code encode"),
        ("bicyclegan", ["e"], "translate code"),
        ("drit", ["enc_a"], "translate code"),
        ("starganv2", ["style_encoder"], "translate code average export"),
        ("munit", [], "translate code encode"),
        ("pix2pix", [], "translate code"),
    ],
)
def test_imported_weights_that_lack_networks(model, missing, can):
    found = facts(model=model, style_size=8, missing=missing, source=["net.pth"])
    assert (found.can, found.missing, found.source) == (set(can.split()), tuple(missing), ("net.pth",))


def test_maps_and_facts_of_a_model_s_own():
    found = facts(model="ugatit", outputs=["translation", "attention"], facts={"rho": 0.9}, options={"cam": True})
    assert (found.maps, found.own) == (("generator", "global", "local"), {"rho": 0.9})
    assert found.can == {"translate", "attend", "tell", "export"}
    without = facts(model="ugatit", outputs=["translation"], options={"cam": False})
    assert (without.maps, without.can) == ((), {"translate", "tell", "export"})


def test_what_the_first_files_did_not_say():
    old = {key: value for key, value in PLAIN.items() if key not in ("directions", "sizes", "outputs", "style_size")}
    found = facts_from_json(upgraded(old))
    assert found.directions == (Direction("horses", "zebras"), Direction("zebras", "horses"))
    assert (found.sizes, found.code_size) == (Sizes(), 0)


def test_the_state_of_a_training_has_its_model_and_step():
    state = {"format": 1, "model": "cyclegan", "step": 7, "sha256": "0"}
    assert upgraded(state) == {**state, "format": FORMAT}


def test_a_header_of_today_stays_as_it_is(tmp_path):
    metadata = read_header(untrained(tmp_path / "run")).metadata
    assert metadata["format"] == FORMAT
    assert upgraded(metadata) is metadata


def test_options_that_are_gone():
    assert current_options("drit", {"width": 4, "official_update": False}, "run.yaml") == {"width": 4}
    assert current_options("cyclegan", {"official_update": True}, "run.yaml") == {"official_update": True}
    with pytest.raises(UsageError, match=r"^run.yaml: drit was trained with official_update=True, which gantool 0\.1"):
        current_options("drit", {"official_update": True}, "run.yaml")


@pytest.mark.parametrize("name", ALL)
def test_upgraded_abilities_are_those_of_the_model(name):
    """What the header of an old file is upgraded to, its model says of itself, too."""
    found, model = checkpoint.load_model(weights(name))
    assert isinstance(model, Model)
    today = checkpoint.facts_of_model(model, found.model, found.step, {}, found.missing)
    assert found.can == today.can == abilities(model, found.missing)
    for field in ("code_size", "condition_names", "maps", "sizes", "spec"):
        assert getattr(found, field) == getattr(today, field), field
    if not found.source:
        assert found.directions == today.directions


@pytest.mark.parametrize(
    "change",
    [
        {"format": 0},
        {"format": -1},
        {"format": "1"},
        {"format": None},
        {"spec": {}},
        {"spec": [1]},
        {"spec": {**PLAIN["spec"], "channels": [3]}},
        {"spec": {**PLAIN["spec"], "kinds": ["labels", "picture"], "classes": "many"}},
        {"options": [1]},
        {"missing": 5, "model": "munit", "style_size": 8},
        {"sizes": [4]},
        {"outputs": None},
        {"style_size": "eight"},
        {"directions": 5},
        {"facts": "none"},
    ],
    ids=json.dumps,
)
def test_a_damaged_old_header_is_one_line(tmp_path, change):
    path = untrained(tmp_path / "run")
    with_header(path, lambda _: json.dumps({**PLAIN, **change}))
    with pytest.raises(CheckpointError, match=r"is damaged[:,] its") as found:
        read_facts(path)
    assert str(path) in str(found.value)
    assert "\n" not in str(found.value)


def test_a_newer_format_says_to_upgrade(tmp_path):
    path = untrained(tmp_path / "run")
    with_header(path, lambda text: json.dumps({**json.loads(text), "format": FORMAT + 1, "gantool": "9.9"}))
    with pytest.raises(CheckpointError, match=r"written by a newer gantool \(9\.9\): pip install -U gantool$"):
        read_facts(path)
