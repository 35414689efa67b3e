"""What lies in a run's folder: half saves go, damaged ones are named together with the remedy."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import stat
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gantool
from gantool import registry
from gantool.data.layouts.unpaired import unpaired
from gantool.errors import CheckpointError, DataError, UsageError
from gantool.files import claimed, write_atomically
from gantool.model import Data
from gantool.runs import checkpoint, find, folders, training_state
from gantool.runs.header import KEY, hashed, read_facts, read_header
from tests.conftest import TRAIN_TINY
from tests.old.records import HERE
from tests.runs import TINY_CYCLEGAN, untrained


def save(run: Path, step: int) -> Path:
    return untrained(run, step=step).parent


def with_header(path: Path, change: Callable[[str], str]) -> None:
    """Rewrites the gantool header of a file: `change` maps its text to another one."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    head = json.loads(data[8 : 8 + length])
    head["__metadata__"][KEY] = change(head["__metadata__"][KEY])
    text = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def forged(change: Callable[[dict[str, Any]], object]) -> Callable[[str], str]:
    """A change of the facts that puts the hash right."""

    def changed(text: str) -> str:
        table = json.loads(text)
        tensors = table.pop("tensors_sha256")
        table.pop("sha256")
        change(table)
        return json.dumps(hashed(table, tensors), sort_keys=True)

    return changed


def test_what_a_kill_left_is_gone_after_the_next_save(tmp_path):
    checkpoints = tmp_path / folders.CHECKPOINTS
    for name in (".00000003.4711", ".00000001.old"):
        (checkpoints / name).mkdir(parents=True)
        (checkpoints / name / folders.WEIGHTS).write_bytes(b"half")
    (checkpoints / ".mine").mkdir()
    (tmp_path / "samples").mkdir()
    left = [tmp_path / ".gantool-0123456789abcdef.tmp", tmp_path / "samples/.gantool-0123456789abcdef.tmp"]
    for file in left:
        file.write_bytes(b"half")
    save(tmp_path, 5)
    assert sorted(path.name for path in checkpoints.iterdir()) == [".mine", "00000005"]
    assert not any(file.exists() for file in left)


def test_what_a_living_process_writes_is_left_alone(tmp_path):
    """Another process holds a half save and a half page; they are swept once it is killed."""
    half = tmp_path / folders.CHECKPOINTS / ".00000003.4711"
    page = tmp_path / ".gantool-0123456789abcdef.tmp"
    half.mkdir(parents=True)
    page.touch()
    code = (
        "import sys; from pathlib import Path; from gantool.files import claimed\n"
        "with claimed(Path(sys.argv[1])), claimed(Path(sys.argv[2])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, half, page], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        folders.sweep(tmp_path)
        assert half.is_dir()
        assert page.is_file()
        other.send_signal(signal.SIGKILL)
        other.wait()
    folders.sweep(tmp_path)
    assert not half.exists()
    assert not page.exists()


def test_a_claim_ends_with_its_block(tmp_path):
    file = tmp_path / ".gantool-0123456789abcdef.tmp"
    file.touch()
    with claimed(file):
        folders.sweep(tmp_path)
        assert file.exists()
    folders.sweep(tmp_path)
    assert not file.exists()


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_files_have_the_mode_that_the_umask_says(pictures, commands, tmp_path, umask):
    words = ["train", "cyclegan", *pictures, "-o", "run", *TRAIN_TINY, "--steps", "1", "-qq", "--device", "cpu"]
    subprocess.run([commands / "gantool", *words], cwd=tmp_path, check=True, umask=umask)
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert {folders.WEIGHTS, folders.STATE, "run.yaml", "log.jsonl"} <= {path.name for path in files}
    wrong = {
        path.name: oct(path.stat().st_mode) for path in files if stat.S_IMODE(path.stat().st_mode) != 0o666 & ~umask
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[:-20], "its gantool header is not what was written"),
        (lambda text: '"words"', "its gantool header is not what was written"),
        (lambda text: json.dumps({"format": "new"}), "its gantool header is not what was written"),
        (lambda text: "[" * 100_000, "its gantool header is not what was written"),
        (lambda text: text.replace('"zebras"', '"zebrat"'), r"its hash is another"),
        (lambda text: text.replace('"reflect"', '"zero"'), r"its hash is another"),
        (forged(lambda own: own.pop("options")), "it lacks options"),
        (forged(lambda own: own.pop("step")), "it lacks step"),
        (forged(lambda own: own["spec"].pop("domains")), "spec lacks domains"),
        (forged(lambda own: own["spec"].update(size=0)), "spec.size is 0, not a whole number from 1"),
        (forged(lambda own: own["spec"].update(size=2**63)), "its gantool header is not what was written"),
        (forged(lambda own: own["spec"]["kinds"].pop()), "spec.kinds has 1 entries, and there are 2 domains"),
        (forged(lambda own: own["spec"].update(kinds=[{"channels": "x"}] * 2)), r"kinds\[0\].channels is \"x\""),
        (forged(lambda own: own["spec"].update(domains=["a", "x/../y"])), "not a name without slashes"),
        (forged(lambda own: own["spec"].update(domains=["a", "a"])), "says one thing twice"),
        (forged(lambda own: own["spec"].update(domains=["a", "\x1b[2J"])), r'domains\[1\] is "\\u001b\[2J"'),
        (forged(lambda own: own.update(directions=[["horses"]])), r"directions\[0\] has 1 entries, not 2 to 2"),
        (forged(lambda own: own.update(directions=[["horses", "mice"]])), 'directions name "mice"'),
        (forged(lambda own: own.update(can=["fly"])), r"can\[0\] is \"fly\", not one of translate"),
        (forged(lambda own: own["options"].update(width=2**63)), "its gantool header is not what was written"),
        (forged(lambda own: own["options"].update(width=[[1]])), "options.width is a list"),
        (forged(lambda own: own.update(code_size=-1)), "code_size is -1"),
        (forged(lambda own: own.update(sizes={"multiple": 0})), "sizes.multiple is 0"),
    ],
)
def test_a_damaged_header_is_one_line(tmp_path, change, said):
    earlier, path = save(tmp_path, 2), save(tmp_path, 5) / folders.WEIGHTS
    with_header(path, change)
    with pytest.raises(CheckpointError, match=said) as caught:
        read_facts(path)
    assert str(path) in str(caught.value)
    assert str(caught.value).endswith(f"The save before it: {earlier}")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda own: own["options"].update(width=2048), "has shape"),
        (lambda own: own["options"].update(width=2**40), "does not fit"),
        (lambda own: own["options"].update(blocks=64), "is missing|more than 5"),
        (lambda own: own["options"].update(generator="unet"), "has shape"),
        (lambda own: own["options"].update(wings=2), 'unknown option "wings"'),
        (lambda own: own["spec"].update(kinds=[{"channels": 1}, {"channels": 3}]), "has shape"),
        (lambda own: own.update(can=["code", "translate"]), "it can code, and cyclegan cannot"),
        (lambda own: own.update(code_size=4), "style codes of 4 numbers"),
        (lambda own: own.update(condition_names=["x"]), "names 1 conditions"),
        (lambda own: own.update(model="unheard-of"), "which is not installed"),
    ],
)
def test_a_header_that_wants_other_networks_takes_no_memory(tmp_path, change, said):
    path = save(tmp_path, 5) / folders.WEIGHTS
    with_header(path, forged(change))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match=said) as caught:
        checkpoint.load_model(path)
    assert "\n" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes; the network has gigabytes


def test_networks_that_only_training_needs_are_not_built(tmp_path):
    path = save(tmp_path, 5) / folders.WEIGHTS
    with_header(path, forged(lambda own: own["options"].update(d_width=4096)))  # 4.4 GB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, model = checkpoint.load_model(path)
    assert {name for name, _ in model.named_children()} == {"g_ab", "g_ba"}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.parametrize("name", sorted(path.parent.name for path in HERE.glob("*/record.json")))
def test_loaded_models_are_what_they_were_saved_as(name):
    """All tensors, those included that no file holds."""
    (weights,) = (HERE / name / "checkpoints").glob("*/weights.safetensors")
    facts, model = checkpoint.load_model(weights)
    kind = registry.plugin(facts.model).load()
    whole = checkpoint.build_model(kind, model.options, facts.spec)
    checkpoint.load_weights(whole, checkpoint.read(weights)[1], str(weights), lacking=facts.missing)
    expected = dict(whole.named_parameters()) | dict(whole.named_buffers())
    found = dict(model.named_parameters()) | dict(model.named_buffers())
    assert found
    for key, value in found.items():
        assert value.equal(expected[key]), key
        assert value.requires_grad == expected[key].requires_grad, key
    assert all(not value.is_meta for value in found.values())


def test_the_state_of_a_training_is_no_weights_file(tmp_path):
    path = save(tmp_path, 5) / folders.STATE
    assert read_header(path).metadata["step"] == 5
    with pytest.raises(CheckpointError, match="no weights to translate with: give the run folder"):
        read_facts(path)


@pytest.mark.parametrize("other", ["weights", "step before", "another run"])
def test_a_save_with_the_state_of_another_is_passed_over(trained, unpaired_pictures, tmp_path, main, other):
    settings = {"preset": None, "steps": 2, "save_every": 1, "size": 36, "crop": 32, "set": TINY_CYCLEGAN}
    run = shutil.copytree(trained("cyclegan", **settings), tmp_path / "run")
    source = {
        "weights": run / "checkpoints/00000002/weights.safetensors",
        "step before": run / "checkpoints/00000001/state.safetensors",
        "another run": trained("cyclegan", **settings, seed=1) / "checkpoints/00000002/state.safetensors",
    }[other]
    shutil.copy(source, run / "checkpoints/00000002/state.safetensors")
    err = main("train", "cyclegan", *unpaired_pictures, "-o", "run", "--resume", "--steps", 3)[2]
    assert "is not the training state that was saved with the weights beside it" in err
    assert "continuing run after step 1" in err


def test_state_of_other_networks_is_refused(trained_tiny, tmp_path):
    run = shutil.copytree(trained_tiny, tmp_path / "run")
    weights = folders.saves(run)[-1] / folders.WEIGHTS
    header, _ = checkpoint.read(weights)
    state = training_state.read(weights.with_name(folders.STATE), header)
    _, model = checkpoint.load_model(weights)
    whole = checkpoint.build_model(type(model), model.options, model.spec)
    with pytest.raises(ValueError, match="is missing"):
        training_state.load_training_only(whole, {k: v for k, v in state.items() if k != "model.d_a.body.0.weight"})
    wrong = {key: value[:1] if value.dim() == 4 else value for key, value in state.items()}
    with pytest.raises(ValueError, match="is of other networks"):
        training_state.load_optimizers(whole.optimizers(), wrong)


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
        with_header(path, lambda text: text.replace('"horses"', '"horser"'))
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load_model(path)
    assert str(caught.value).endswith(f". The save before it: {earlier}")
    assert find.find_weights(str(earlier)) == earlier / folders.WEIGHTS


def test_a_damaged_file_with_no_save_before_it_has_no_remedy(tmp_path):
    path = save(tmp_path, 5) / folders.WEIGHTS
    elsewhere = tmp_path / "w.safetensors"
    for place in (path, elsewhere):
        place.write_bytes(path.read_bytes()[:-7])
        with pytest.raises(CheckpointError, match="cut short") as caught:
            checkpoint.load_model(place)
        assert "before it" not in str(caught.value)


def test_a_file_in_the_way_of_a_save_is_named_and_nothing_else_is_claimed(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(DataError, match=rf"{tmp_path / 'run'} is a file$"):
        save(tmp_path / "run", 5)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_earlier_saves_are_called_intact_where_there_are_some(tmp_path):
    save(tmp_path, 5)
    (tmp_path / folders.CHECKPOINTS).chmod(0o555)
    with pytest.raises(DataError, match=r"Earlier saves are intact$"):
        save(tmp_path, 6)


@pytest.mark.parametrize("names", [["a", "b/c"], ["a", ""], ["a", "a"], ["a", "x\ny"], ["..", "a"], ["a"] * 2000])
def test_names_that_no_header_can_hold_are_refused_before_a_training(names):
    with pytest.raises(UsageError, match="choose other names for the domains"):
        Data(unpaired()).spec(names, 32)


def test_a_name_that_no_file_can_have_is_one_line(tmp_path):
    with pytest.raises(DataError, match="cannot write"):
        write_atomically(tmp_path / "a\0b", b"")


def test_models_of_nearly_that_name_are_proposed():
    with pytest.raises(CheckpointError, match=r"cyclgan is no run folder.*Did you mean cyclegan\?$"):
        find.find_weights("cyclgan", ("cyclegan", "pix2pix"))
    with pytest.raises(CheckpointError, match=r"and no model \(cyclegan, pix2pix\)$"):
        find.find_weights("horses", ("cyclegan", "pix2pix"))


def test_a_run_of_nearly_that_name_is_proposed(tmp_path):
    save(tmp_path / "horses", 1)
    with pytest.raises(CheckpointError, match=r"hores is no run folder, no weights file\. Did you mean .*horses\?$"):
        find.find_weights(str(tmp_path / "hores"), ("cyclegan",))


def test_hashes_cover_the_header(tmp_path):
    one = read_facts(save(tmp_path / "one", 5) / folders.WEIGHTS)
    other = read_facts(save(tmp_path / "other", 6) / folders.WEIGHTS)
    assert one.sha256 != other.sha256
    assert len(one.sha256) == 64
    assert gantool.load(tmp_path / "one", device="cpu").facts.sha256 == one.sha256
