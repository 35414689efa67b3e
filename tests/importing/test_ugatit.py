"""Official U-GAT-IT files become runs that translate, and train on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from gantool_ugatit import official
from gantool_ugatit.networks import Discriminator, Generator

import gantool
from gantool.errors import CheckpointError
from gantool.importing.table import load, official_keys
from gantool.runs import checkpoint, folders
from tests.conftest import draw
from tests.parity import fill

from .imports import import_files

FIGURES = json.loads((Path(__file__).parents[1] / "parity" / "golden" / "ugatit.json").read_text(encoding="utf-8"))


def parameters(name: str) -> list:
    """Keys and shapes of one of the authors' networks."""
    return next(entry for entry in FIGURES["networks"] if entry["name"] == name)["parameters"]


def official_file(folder: Path, generator: str = "generator_light", left_out: tuple[str, ...] = ()) -> Path:
    networks = {"genA2B": generator, "genB2A": generator, "disGA": "discriminator_global"}
    networks |= {"disGB": "discriminator_global", "disLA": "discriminator_local", "disLB": "discriminator_local"}
    content = {
        role: fill.network(parameters(name), f"{role}/") for role, name in networks.items() if role not in left_out
    }
    # The figures' discriminators differ in width: the local one takes the global one's.
    for role in ("disLA", "disLB"):
        if role in content:
            judge = Discriminator(width=4, layers=5)
            keys = official_keys(judge, official.names(judge))
            content[role] = {keys[name]: value.clone() for name, value in judge.state_dict().items()}
    torch.save(content, folder / "selfie2anime_params_0100000.pt")
    return folder / "selfie2anime_params_0100000.pt"


def test_an_official_file_translates_and_trains_on(tmp_path):
    report = import_files([official_file(tmp_path)], tmp_path / "run")
    facts, model = checkpoint.load_model(report.weights)
    assert facts.model == "ugatit"
    assert (model.options.light, model.options.width, model.options.blocks) == (True, 8, 4)
    assert (model.options.global_layers, model.options.local_layers, model.options.d_width) == (7, 5, 4)
    network = Generator(width=8, blocks=4, light=True)
    load(network, official.names(network), fill.network(parameters("generator_light"), "genB2A/"), "the figures")
    x = torch.rand(1, 3, 32, 48) * 2 - 1
    with torch.no_grad():
        assert torch.equal(model.translate(x, source=1, target=0), network(x).main)
    data = [draw(tmp_path / "trainA", 2, seed=1, size=120), draw(tmp_path / "trainB", 2, seed=2, size=120)]
    more = {"size": 96, "crop": 96, "steps": 1, "workers": 0}
    run = gantool.train("ugatit", data, out=tmp_path / "more", from_=tmp_path / "run", **more)
    assert folders.saves(run)


def test_a_full_generator_tells_its_size(tmp_path):
    report = import_files([official_file(tmp_path, "generator_full", ("disGA", "disGB"))], tmp_path / "run")
    _, model = checkpoint.load_model(report.weights)
    assert not model.options.light
    assert model.sizes.exact == model.spec.size == 64


def test_a_file_without_generators_and_one_that_was_cut_are_refused(tmp_path):
    path = official_file(tmp_path, left_out=("genA2B", "genB2A"))
    with pytest.raises(CheckpointError, match="neither of its generators"):
        import_files([path], tmp_path / "run")
    path = official_file(tmp_path)
    content = torch.load(path, weights_only=True)
    del content["genA2B"]["UpBlock2.11.weight"]
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"genA2B does not fit .* UpBlock2\.11\.weight is missing"):
        import_files([path], tmp_path / "run")
    assert not (tmp_path / "run").exists()
