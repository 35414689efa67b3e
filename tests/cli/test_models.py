"""`gantool models NAME`."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(("model", "layout"), [("cyclegan", "unpaired"), ("pix2pixhd", "labels")])
def test_the_layout_is_that_of_the_default_options(main, model, layout):
    _, out, _ = main("models", model, "--json")
    assert json.loads(out)["layout"] == layout
