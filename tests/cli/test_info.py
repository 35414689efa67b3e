"""`gantool info` and what every verb says of a save that it cannot use."""

from __future__ import annotations

import json

import pytest

from gantool.runs import folders
from tests.runs import untrained


def rows(text: str) -> dict[str, str]:
    found = (line.split(None, 1) for line in text.splitlines())
    return {words[0]: words[1] for words in found if len(words) == 2}


def test_every_fact_has_a_row_that_people_can_read(main, tmp_path):
    facts = {"rho of g_ab": {"mean": 0.5, "blocks": [0.25, 0.75]}}
    untrained(tmp_path / "run", notes={"licence": None, "own": facts})
    _, out, _ = main("info", "run")
    found = rows(out)
    assert found["directions"] == "horses -> zebras, zebras -> horses"
    assert found["spec"] == "domains horses, zebras; pictures of 3 channels; crops of 32 pixels"
    assert found["blocks"] == "1"  # an option
    assert "licence" not in found
    assert "missing" not in found
    assert "rho of g_ab  blocks 0.25, 0.75, mean 0.5" in out.splitlines()
    _, out, _ = main("info", "run", "--json")
    assert "licence" not in json.loads(out)


def test_the_state_of_a_training_is_shown_too_and_is_no_model(main, tmp_path):
    state = untrained(tmp_path / "run").parent / folders.STATE
    assert rows(main("info", state)[1])["step"] == "7"
    for words in (["export", "-m", state, "a.pt2"], ["eval", "-m", state, "a", "b"]):
        err = main(*words, code=4)[2]
        assert str(state) in err
        assert "no weights" in err
        assert f"run folder, or {folders.WEIGHTS}" in err


@pytest.mark.parametrize("verb", ["info", "translate", "export"])
def test_the_remedy_for_a_damaged_save_is_named(main, tmp_path, verb):
    earlier, weights = (untrained(tmp_path / "run", step=step) for step in (5, 10))
    weights.write_bytes(weights.read_bytes()[:-9])
    (tmp_path / "a.png").touch()
    words = {"info": ["run"], "translate": ["-m", "run", "a.png", "b.png"], "export": ["-m", "run", "a.pt2"]}[verb]
    err = main(verb, *words, code=4)[2]
    assert "run/checkpoints/00000010/weights.safetensors is cut short or damaged" in err
    assert str(earlier.parent.relative_to(tmp_path)) in err, "the save before it"
