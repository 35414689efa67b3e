"""`--from`: weights of another run, and files that options name."""

from __future__ import annotations

import shutil

import pytest
import torch
from safetensors.torch import save_file

import gantool
from gantool import registry
from gantool.errors import CheckpointError, UsageError
from gantool.networks.vgg import VGG16
from gantool.options import resolve, restore
from gantool.runs import checkpoint, folders
from gantool.runs.header import read_facts
from gantool.training.request import Request, plan
from tests.conftest import draw

TINY = {"depth": 4, "width": 4, "d_width": 4, "d_layers": 2}
SMALL = {"size": 36, "crop": 32, "steps": 1, "workers": 0}


def test_a_discriminator_of_another_size_begins_anew(tmp_path, pictures):
    first = gantool.train("pix2pix", pictures, out=tmp_path / "first", set=TINY, **SMALL)
    wider = gantool.train("pix2pix", pictures, out=tmp_path / "wider", from_=first, set={**TINY, "d_width": 8}, **SMALL)
    _, state = checkpoint.read(folders.saves(wider)[-1] / folders.STATE)
    assert any(tensor.shape[:1] == (8,) for key, tensor in state.items() if key.startswith("model.d."))
    with pytest.raises(CheckpointError, match="does not fit"):
        gantool.train("pix2pix", pictures, out=tmp_path / "other", from_=first, set={**TINY, "width": 8}, **SMALL)
    damaged = folders.saves(first)[-1] / folders.WEIGHTS
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    with pytest.raises(CheckpointError, match="do not match the hash"):
        gantool.train("pix2pix", pictures, out=tmp_path / "other", from_=first, set=TINY, **SMALL)
    assert not (tmp_path / "other").exists(), "what is refused leaves nothing"


def test_a_licence_holds_for_what_is_made_of_the_weights(tmp_path, pictures):
    kind = registry.plugin("pix2pix").load()
    chosen = restore(kind.Options, TINY, where="pix2pix")
    network = checkpoint.build_model(kind, chosen, kind.data(chosen).spec(("A", "B"), 32))
    theirs, licence = folders.save_folder(tmp_path / "theirs", 1), "CC BY-NC 4.0"
    facts = checkpoint.facts_of_model(network, "pix2pix", 1, {"licence": licence})
    checkpoint.save(theirs, facts, weights=network.state_dict(), state={})
    ours = gantool.train("pix2pix", pictures, out=tmp_path / "ours", from_=theirs / folders.WEIGHTS, set=TINY, **SMALL)
    gantool.train("pix2pix", pictures, out=ours, resume=True, steps=2)
    assert [read_facts(save / folders.WEIGHTS).licence for save in folders.saves(ours)] == [licence] * 2


def test_a_file_that_an_option_names_may_move_while_a_run_pauses(tmp_path, monkeypatch):
    data = [draw(tmp_path / "trainA", 2, seed=1, size=80), draw(tmp_path / "trainB", 2, seed=2, size=80)]
    torch.manual_seed(0)
    save_file({name: value.contiguous() for name, value in VGG16().state_dict().items()}, tmp_path / "vgg.safetensors")
    monkeypatch.chdir(tmp_path)
    more = {"preset": "smoke", "workers": 0}
    run = gantool.train("munit", data, out="run", steps=1, set={"vgg": "vgg.safetensors"}, **more)
    shutil.move("vgg.safetensors", "moved.safetensors")
    with pytest.raises((CheckpointError, UsageError), match=r"vgg\.safetensors"):
        gantool.train("munit", data, out=run, resume=True, steps=2)
    gantool.train("munit", data, out=run, resume=True, steps=2, set={"vgg": "moved.safetensors"})
    assert [int(save.name) for save in folders.saves(run)][-1] == 2
    with pytest.raises(UsageError, match="was trained with"):
        gantool.train("munit", data, out=run, resume=True, steps=3, set={"lr": 1.0})
    # Weights are given to others, run.yaml is not: what begins with them here finds the file all the same.
    weights = folders.saves(run)[-1] / folders.WEIGHTS
    assert read_facts(weights).options["vgg"] == "moved.safetensors"
    assert str(tmp_path).encode() not in weights.read_bytes()
    begun = plan(Request("munit", tuple(data), start_from=str(run), preset="smoke"))
    assert begun.options.vgg == str(tmp_path / "moved.safetensors")


def test_such_a_path_is_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kind = registry.plugin("munit").load().Options
    settings = resolve(kind, [("--set", {"vgg": "weights/vgg.pth"})], where="munit")
    assert settings["vgg"].value == str(tmp_path / "weights" / "vgg.pth")
