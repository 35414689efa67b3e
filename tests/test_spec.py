"""The header's facts: there and back through JSON, and refused in one line where they are not what was written."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from gantool.data.layouts.paired import paired
from gantool.data.layouts.unpaired import unpaired
from gantool.errors import CheckpointError, DataError
from gantool.model import Data
from gantool.runs.header import hashed, read_facts, read_header
from gantool.spec import Direction, Facts, LabelMaps, Pictures, Sizes, Spec, facts_from_json
from tests.runs import untrained
from tests.training.test_saves import with_header

PLAIN = Facts(
    model="cyclegan",
    step=3,
    options={"width": 4, "layers": [1, 2], "norm": "batch", "limit": None},
    spec=Spec(("a", "b"), (Pictures(), Pictures(1)), 32),
    sizes=Sizes(),
    can=frozenset({"translate"}),
    directions=(),
)
FULL = Facts(
    model="pix2pixhd",
    step=0,
    options={},
    spec=Spec(("labels", "photos"), (LabelMaps(35, instances=True), Pictures()), 1024, attributes=True, vectors=9),
    sizes=Sizes(multiple=32, minimum=64, exact=512),
    can=frozenset({"translate", "code", "encode", "grow", "sample"}),
    directions=(Direction("labels", "photos"),),
    code_size=105,
    condition_names=("Male", "Smiling"),
    maps=("generator", "global"),
    latent_size=512,
    label_size=9,
    truncates="brings styles together",
    missing=("e", "g_ba"),
    own={"rho": {"mean": 0.5, "blocks": [0.25, 0.75]}},
    pictures={"labels": 7, "photos": 7},
    preparation={"preprocess": "resize_and_crop", "size": 36, "crop": 32, "flip": True, "filter": "bicubic"},
    source=("latest_net_G.pth",),
    licence="CC BY 4.0",
    gantool="0.2.0",
    sha256="0" * 64,
)


@pytest.mark.parametrize("facts", [PLAIN, FULL], ids=["plain", "full"])
def test_facts_come_back_from_json(facts):
    assert facts_from_json(json.loads(json.dumps(facts.as_json()))) == facts


def test_json_leaves_out_what_is_empty():
    assert set(PLAIN.as_json()) == {"model", "step", "options", "spec", "sizes", "can", "directions", "code_size"}
    assert set(FULL.as_json()) == set(vars(FULL))


@pytest.mark.parametrize(
    ("can", "label_size", "vectors", "told"),
    [
        ({"sample"}, 0, 0, ""),
        ({"sample"}, 2, 0, "class"),
        ({"sample"}, 9, 9, "vector"),
        ({"sample", "read"}, 9, 0, "text"),
    ],
)
def test_what_a_model_is_told_follows_from_its_label(can, label_size, vectors, told):
    facts = replace(PLAIN, can=frozenset(can), label_size=label_size, spec=replace(PLAIN.spec, vectors=vectors))
    assert facts.told == told


def test_facts_come_back_from_a_file(tmp_path):
    path = untrained(tmp_path / "run", notes={"licence": "CC0", "pictures": {"horses": 2, "zebras": 3}})
    facts = read_facts(path)
    assert (facts.model, facts.step, facts.spec.domains, facts.licence) == ("cyclegan", 7, ("horses", "zebras"), "CC0")
    assert (facts.sizes, facts.pictures) == (Sizes(4, 8), {"horses": 2, "zebras": 3})
    written = read_header(path).metadata
    about_the_file = {key: written[key] for key in ("format", "tensors_sha256")}
    assert json.loads(json.dumps({**facts.as_json(), **about_the_file})) == written


WRONG: list[tuple[tuple[str | int, ...], Any]] = [
    (("model",), 5),
    (("step",), "3"),
    (("step",), -1),
    (("options",), [1]),
    (("spec",), "A"),
    (("sizes",), None),
    (("can",), "translate"),
    (("can",), ["translate", 2]),
    (("directions",), {"labels": "photos"}),
    (("directions", 0), "labels"),
    (("directions", 0), ["labels"]),
    (("directions", 0), ["labels", "photos", "labels"]),
    (("directions", 0), ["labels", "dogs"]),
    (("directions", 0), [["labels"], "photos"]),
    (("directions", 0), {"labels": 1, "photos": 2}),
    (("spec", "domains"), []),
    (("spec", "domains"), [1, 2]),
    (("spec", "domains"), "labels"),
    (("spec", "kinds"), None),
    (("spec", "kinds"), [{"channels": 3}]),
    (("spec", "kinds", 0), "labels"),
    (("spec", "kinds", 0), {"colours": 3}),
    (("spec", "kinds", 0, "classes"), "many"),
    (("spec", "kinds", 0, "classes"), 0),
    (("spec", "kinds", 0, "instances"), "yes"),
    (("spec", "kinds", 1, "channels"), "three"),
    (("spec", "kinds", 1, "channels"), None),
    (("spec", "kinds", 1, "channels"), 0),
    (("spec", "kinds", 1, "channels"), 4000),
    (("spec", "size"), None),
    (("spec", "size"), 0),
    (("spec", "size"), 2**31),
    (("spec", "attributes"), "yes"),
    (("sizes", "multiple"), 10**30),
    (("sizes", "multiple"), 0),
    (("sizes", "minimum"), -8),
    (("sizes", "exact"), True),
    (("sizes", "exact"), 64.0),
    (("code_size",), "8"),
    (("condition_names",), "Male"),
    (("missing",), {"e": 1}),
    (("maps",), [1]),
    (("own",), [[[0] * 2] * 2] * 2),
    (("pictures",), "many"),
    (("preparation",), [1]),
    (("source",), "net.pth"),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=lambda value: str(value)[:40])
def test_a_damaged_table_is_refused_in_one_line_that_names_the_place(path, value):
    table = copy.deepcopy(json.loads(json.dumps(FULL.as_json())))
    place = table
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=f"^{path[0]}") as found:
        facts_from_json(table)
    assert all(str(key) in str(found.value) for key in path if isinstance(key, str))
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < 140


@pytest.mark.parametrize("value", [["horses", ["zebras"]], ["horses", "x" * 10_000]])
def test_a_damaged_table_in_a_file_is_a_checkpoint_error(tmp_path, value):
    path = untrained(tmp_path / "run")

    def changed(text: str) -> str:
        table = {key: value for key, value in json.loads(text).items() if key != "sha256"}
        return json.dumps(hashed({**table, "directions": [value]}, table["tensors_sha256"]))

    with_header(path, changed)
    with pytest.raises(CheckpointError, match=r"is damaged.*directions") as found:
        read_facts(path)
    assert str(found.value).startswith(str(path))
    assert len(str(found.value)) < len(str(path)) + 140


def test_a_domain_has_a_number_a_kind_and_channels():
    spec = FULL.spec
    assert spec.channels == (2, 3)
    assert (spec.index("photos"), spec.kind("photos")) == (1, Pictures())
    assert spec.index("+Male,-Smiling") == 0, "an expression of attributes"
    with pytest.raises(ValueError, match="not in"):
        PLAIN.spec.index("dogs")
    assert LabelMaps(35).channels == 1


def test_one_kind_is_that_of_all_domains():
    data = Data(unpaired())
    assert data.spec(("a", "b", "c"), 32) == Spec(("a", "b", "c"), (Pictures(),) * 3, 32)
    assert Data(paired(), (LabelMaps(4), Pictures())).spec(("a", "b"), 8).channels == (1, 3)


def test_sizes_fit():
    assert Sizes().fit(1, 7) == (1, 7)
    assert Sizes(multiple=4, minimum=8).fit(3, 13) == (8, 16)
    assert Sizes(multiple=32, minimum=40).fit(1, 65) == (64, 96)
    assert Sizes(exact=64).fit(64, 64) == (64, 64)
    with pytest.raises(DataError, match="pictures of 64x64 only, not 80x64: size=64 resizes"):
        Sizes(exact=64).fit(64, 80)
