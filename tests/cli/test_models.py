"""`gantool models NAME`."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(("model", "layout"), [("cyclegan", "unpaired"), ("pix2pixhd", "labels")])
def test_the_layout_is_that_of_the_default_options(main, model, layout):
    _, out, _ = main("models", model, "--json")
    assert json.loads(out)["layout"] == layout


def test_the_list_says_what_each_model_needs_and_makes(main):
    _, out, _ = main("models")
    (row,) = (line for line in out.splitlines() if line.startswith("pix2pix "))
    assert row.split(None, 1)[1].split("  ")[0] == "pairs of pictures"
    makes = {model["name"]: model["makes"] for model in json.loads(main("models", "--json")[1])}
    assert makes["bicyclegan"] == "A to B in many styles"


def test_a_list_stands_as_it_is_typed(main):
    (row,) = (line for line in main("models", "cut")[1].splitlines() if line.startswith("layers "))
    assert row.split()[1] == "0,4,8,12,16"
    options = json.loads(main("models", "cut", "--json")[1])["options"]
    assert next(option["default"] for option in options if option["name"] == "layers") == [0, 4, 8, 12, 16]
