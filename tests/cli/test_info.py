"""`gantool info` and what every verb says of a save that it cannot use."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gantool.runs import checkpoint, folders
from tests.translation.small_models import tiny


def saved(run: Path, step: int = 7, **changes: Any) -> Path:
    model = tiny()
    weights = {key: value for key, value in model.state_dict().items() if key[0] == "g"}
    folder = folders.save_folder(run, step)
    facts = replace(checkpoint.facts_of_model(model, "cyclegan", step, {}), **changes)
    checkpoint.save(folder, facts, weights=weights, state={"x": torch.ones(1)})
    return folder


def rows(text: str) -> dict[str, str]:
    found = (line.split(None, 1) for line in text.splitlines())
    return {words[0]: words[1] for words in found if len(words) == 2}


def test_every_fact_has_a_row_that_people_can_read(main, tmp_path):
    saved(tmp_path / "run", licence=None, own={"rho of g_ab": {"mean": 0.5, "blocks": [0.25, 0.75]}})
    _, out, _ = main("info", "run")
    found = rows(out)
    assert found["directions"] == "horses -> zebras, zebras -> horses"
    assert "domains horses, zebras" in found["spec"]
    assert found["blocks"] == "1"  # an option
    assert "licence" not in found
    assert "missing" not in found
    assert "rho of g_ab  blocks 0.25, 0.75, mean 0.5" in out.splitlines()
    _, out, _ = main("info", "run", "--json")
    assert "licence" not in json.loads(out)


def test_the_state_of_a_training_is_shown_too_and_is_no_model(main, tmp_path):
    state = saved(tmp_path / "run") / folders.STATE
    assert rows(main("info", state)[1])["step"] == "7"
    for words in (["export", "-m", state, "a.pt2"], ["eval", "-m", state, "a", "b"]):
        err = main(*words, code=4)[2]
        assert err == f"error: {state} holds no weights to translate with: give the run folder, or {folders.WEIGHTS}\n"


@pytest.mark.parametrize("verb", ["info", "translate", "export"])
def test_the_remedy_for_a_damaged_save_is_named(main, tmp_path, verb):
    earlier, newest = saved(tmp_path / "run", 5), saved(tmp_path / "run", 10)
    weights = newest / folders.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-9])
    (tmp_path / "a.png").touch()
    words = {"info": ["run"], "translate": ["-m", "run", "a.png", "b.png"], "export": ["-m", "run", "a.pt2"]}[verb]
    err = main(verb, *words, code=4)[2]
    assert "run/checkpoints/00000010/weights.safetensors is cut short or damaged" in err
    assert err.endswith(f". The save before it: {earlier.relative_to(tmp_path)}\n")
