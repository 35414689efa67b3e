"""What a model can do is asked of each instance: its class, its options, and the networks that are there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gantool import registry
from gantool.capabilities import abilities
from gantool.errors import CheckpointError, UsageError
from gantool.inference.engine import Engine
from gantool.model import Model
from gantool.options import restore
from gantool.pictures.file import Picture
from gantool.runs import checkpoint
from gantool.runs.header import read_facts
from gantool.spec import Direction, Pictures, Spec
from tests.runs import untrained

SMALL: dict[str, dict[str, Any]] = {
    "aggan": {"width": 4, "blocks": 1, "d_width": 4},
    "bicyclegan": {"width": 4, "d_width": 4},
    "cartoongan": {"width": 4, "blocks": 1, "d_width": 4},
    "cut": {"width": 4, "blocks": 1, "d_width": 4, "layers": (0, 4, 8)},
    "cyclegan": {"width": 4, "blocks": 1, "d_width": 4, "d_layers": 1},
    "discogan": {"width": 4, "d_width": 4},
    "drit": {"width": 4, "d_width": 4, "d_scales": 1},
    "dualgan": {"width": 2, "depth": 5, "d_width": 2},
    "munit": {"width": 4, "d_width": 4},
    "pix2pix": {"width": 2, "depth": 6, "d_width": 2},  # less deep, there is no layer that drops
    "pix2pixhd": {"width": 4, "d_width": 4, "label_nc": 3},
    "stargan": {"width": 4, "d_width": 4, "blocks": 1},
    "ugatit": {"width": 4, "blocks": 1, "d_width": 4},
    "unit": {"width": 4, "d_width": 4},
}


def built(name: str, *domains: str, **chosen: Any) -> Model[Any]:
    """A model with random weights, small where its options let it be."""
    kind = registry.plugin(name).load()
    options = restore(kind.Options, {**SMALL[name], **chosen}, where=name)
    return checkpoint.build_model(kind, options, kind.data(options).spec(domains or ("A", "B"), 64))


@pytest.mark.parametrize(
    ("name", "chosen", "can"),
    [
        ("aggan", {}, "attend export translate"),
        ("cyclegan", {}, "translate"),
        ("cartoongan", {}, "translate"),
        ("cut", {}, "translate"),
        ("pix2pix", {}, "code translate"),
        ("pix2pix", {"dropout": False}, "translate"),
        ("pix2pix", {"test_dropout": False}, "translate"),
        ("pix2pixhd", {"features": "none"}, "grow translate"),
        ("ugatit", {}, "attend export tell translate"),
        ("ugatit", {"cam": False}, "export tell translate"),
        ("unit", {}, "translate"),
        ("munit", {}, "code encode translate"),
        ("bicyclegan", {}, "code encode translate"),
        ("drit", {}, "code encode translate"),
        ("stargan", {}, "condition translate"),
        ("discogan", {}, "translate"),
        ("dualgan", {}, "translate"),
        ("dualgan", {"dropout": True}, "code translate"),
    ],
    ids=lambda value: ",".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else str(value),
)
def test_abilities_of_an_instance(name, chosen, can):
    model = built(name, **chosen)
    assert abilities(model) == set(can.split())
    facts = checkpoint.facts_of_model(model, name, 1, {})
    assert facts.can == abilities(model)
    assert bool(facts.code_size) == ("code" in facts.can)
    assert bool(facts.condition_names) == ("condition" in facts.can)
    assert bool(facts.maps) == ("attend" in facts.can)


def test_networks_that_imported_weights_lack_take_an_ability_away():
    model = built("bicyclegan")
    assert abilities(model, ["e"]) == {"translate", "code"}
    assert abilities(model, ["d_vae"]) == {"translate", "code", "encode"}, "encoding does not need it"
    facts = checkpoint.facts_of_model(model, "bicyclegan", 0, {}, ["e"])
    assert (facts.missing, facts.can, facts.code_size > 0) == (("e",), {"translate", "code"}, True)


def test_a_header_s_word_counts_for_an_engine():
    model = built("bicyclegan")
    engine = Engine(model, can=frozenset({"translate", "code"}))
    picture = Picture(np.zeros((64, 64, 3), np.uint8), None, "PNG", None)
    with pytest.raises(UsageError, match="these weights take no style from a picture"):
        engine.encode(picture, "B")
    assert Engine(model).encode(picture, "B").shape == (1, model.code_size)


def test_weights_without_codes_need_none_and_refuse_them(tmp_path, main):
    path = untrained(tmp_path / "run", "pix2pix", **SMALL["pix2pix"], dropout=False)
    assert read_facts(path).can == {"translate"}
    main("info", "run")
    (tmp_path / "a.png").write_bytes(b"")
    assert "pix2pix has one result for a picture" in main("translate", "-m", "run", "-n", 2, "a.png", "b", code=2)[2]
    engine = Engine(built("pix2pix", dropout=False))
    with pytest.raises(UsageError, match=r"one result for a picture: leave out style$"):
        engine.random_code("B", 0)
    (result,) = engine.translate([np.zeros((16, 16, 3), np.uint8)], Direction("A", "B"))
    assert result.shape == (16, 16, 3)


def test_a_model_that_does_not_translate_has_no_engine():
    class Judge(Model[None]):
        contract = 2

    judge = Judge(None, Spec(("A", "B"), (Pictures(),) * 2, 32))
    assert abilities(judge) == set()
    with pytest.raises(CheckpointError, match="a Judge does not translate pictures"):
        Engine(judge)


def test_all_pairs_are_directions_unless_a_model_says_otherwise():
    assert [tuple(way) for way in built("stargan", "x", "y", "z").directions()] == [
        (one, other) for one in "xyz" for other in "xyz" if one != other
    ]
    assert built("pix2pix").directions() == built("cartoongan").directions() == (Direction("A", "B"),)
