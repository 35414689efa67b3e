"""What lies in a run's folder: half saves go, damaged ones are named together with the remedy."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import torch

from gantool.errors import CheckpointError, DataError
from gantool.runs import checkpoint, folders
from gantool.runs.find import find_weights
from gantool.runs.header import KEY, read_facts, read_header
from tests.translation.small_models import tiny


def save(run: Path, step: int) -> Path:
    model = tiny()
    weights = {key: value for key, value in model.state_dict().items() if key[0] == "g"}
    folder = folders.save_folder(run, step)
    facts = checkpoint.facts_of_model(model, "cyclegan", step, {})
    checkpoint.save(folder, facts, weights=weights, state={"x": torch.ones(1)})
    return folder


def with_header(path: Path, change) -> None:
    """Rewrites the gantool header of a file: `change` maps its text to another one."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    head = json.loads(data[8 : 8 + length])
    head["__metadata__"][KEY] = change(head["__metadata__"][KEY])
    text = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def without(key: str):
    return lambda text: json.dumps({k: v for k, v in json.loads(text).items() if k != key})


def test_what_a_kill_left_of_saves_is_gone_after_the_next_one(tmp_path):
    checkpoints = tmp_path / folders.CHECKPOINTS
    for name in (".00000003.4711", ".00000001.old"):
        (checkpoints / name).mkdir(parents=True)
        (checkpoints / name / folders.WEIGHTS).write_bytes(b"half")
    (checkpoints / ".mine").mkdir()
    save(tmp_path, 5)
    assert sorted(path.name for path in checkpoints.iterdir()) == [".mine", "00000005"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[:-20], "its gantool header is not what was written"),
        (lambda text: '"words"', "its gantool header is not what was written"),
        (lambda text: json.dumps({"format": "new"}), "its gantool header is not what was written"),
        (without("options"), "its header lacks options"),
        (without("step"), "its header lacks step"),
        (without("sha256"), "its header lacks sha256"),
        (lambda text: text.replace('"domains"', '"regions"'), "its header names no domains"),
        (lambda text: text.replace('"channels"', '"colours"'), "its header describes a domain as {'colours': 3}"),
    ],
)
def test_a_damaged_header_is_one_line(tmp_path, change, said):
    path = save(tmp_path, 5) / folders.WEIGHTS
    with_header(path, change)
    with pytest.raises(CheckpointError, match=said) as caught:
        checkpoint.load_model(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_state_of_a_training_is_no_weights_file(tmp_path):
    path = save(tmp_path, 5) / folders.STATE
    assert read_header(path).metadata["step"] == 5
    with pytest.raises(CheckpointError, match="no weights to translate with: give the run folder"):
        read_facts(path)


@pytest.mark.parametrize("damage", ["cut", "flipped", "header"])
def test_the_save_before_a_damaged_one_is_named(tmp_path, damage):
    earlier, path = save(tmp_path, 5), save(tmp_path, 10) / folders.WEIGHTS
    save(tmp_path, 15)
    whole = path.read_bytes()
    if damage == "cut":
        path.write_bytes(whole[:-7])
    elif damage == "flipped":
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    else:
        with_header(path, without("spec"))
        with_header(path, without("model"))
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load_model(path)
    assert str(caught.value).endswith(f". The save before it: {earlier}")
    assert find_weights(str(earlier)) == earlier / folders.WEIGHTS


def test_a_damaged_file_with_no_save_before_it_has_no_remedy(tmp_path):
    path = save(tmp_path, 5) / folders.WEIGHTS
    elsewhere = tmp_path / "w.safetensors"
    for place in (path, elsewhere):
        place.write_bytes(path.read_bytes()[:-7])
        with pytest.raises(CheckpointError, match="cut short") as caught:
            checkpoint.load_model(place)
        assert "before it" not in str(caught.value)


def test_a_file_in_the_way_of_a_save_is_named(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(DataError, match=f"{tmp_path / 'run'} is a file. Earlier saves are intact"):
        save(tmp_path / "run", 5)


def test_models_of_nearly_that_name_are_proposed():
    with pytest.raises(CheckpointError, match=r"cyclgan is no run folder.*Did you mean cyclegan\?$"):
        find_weights("cyclgan", ("cyclegan", "pix2pix"))
    with pytest.raises(CheckpointError, match=r"and no model \(cyclegan, pix2pix\)$"):
        find_weights("runs/horses", ("cyclegan", "pix2pix"))
