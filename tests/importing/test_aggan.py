"""AGGAN's variables, written as safetensors under their own names, become runs that translate, and train on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from gantool_aggan import composed, official
from gantool_aggan.networks import Attention, Generator
from safetensors.torch import save_file
from torch import Tensor

import gantool
from gantool.errors import CheckpointError
from gantool.runs import checkpoint, folders
from tests.conftest import draw
from tests.parity import fill

from .imports import import_files

FIGURES = json.loads((Path(__file__).parents[1] / "parity" / "golden" / "aggan.json").read_text(encoding="utf-8"))
SAMPLES = {"g": "generator", "a": "attention", "d": "discriminator_norm"}
EXTRA = {"g": "c6", "a": "c6", "d": "c5"}


def weights(role: str) -> dict[str, Tensor]:
    """The network of this role, filled by the figures' rule, with the names that PyTorch would give."""
    entry = kind(role)
    return fill.network(entry["parameters"], f"{role}/")


def kind(role: str) -> dict:
    sample = SAMPLES["a" if role.endswith("_ae") else role[0]]
    return next(entry for entry in FIGURES["networks"] if entry["name"] == sample)


def variables(role: str) -> dict[str, Tensor]:
    """The same as TensorFlow has it, with what a checkpoint holds besides."""
    names, own = kind(role)["tf_variables"], next(iter(kind(role)["tf_variables"].values())).split("/")[1]
    found = {}
    for name, value in weights(role).items():
        key = names[name].replace(f"Model/{own}/", f"Model/{role}/")
        found[key] = value.permute(2, 3, 1, 0).contiguous() if value.dim() == 4 else value
        found |= {f"{key}/{slot}": torch.zeros_like(found[key]) for slot in ("Adam", "Adam_1")}
    last = EXTRA["a" if role.endswith("_ae") else role[0]]
    return found | {f"Model/{role}/{last}/instance_norm/{leaf}": torch.ones(3) for leaf in ("scale", "offset")}


def official_file(folder: Path, left_out: tuple[str, ...] = ()) -> Path:
    content = {"beta1_power": torch.tensor(0.5), "global_step": torch.tensor(95)}
    for role in official.ROLES:
        content |= {} if role in left_out else variables(role)
    save_file(content, folder / "AGGAN-95.safetensors")
    return folder / "AGGAN-95.safetensors"


def test_variables_translate_and_train_on(tmp_path):
    report = import_files([official_file(tmp_path)], tmp_path / "run", domains=("zebra", "horse"))
    facts, model = checkpoint.load_model(report.weights)
    assert (facts.model, report.training) == ("aggan", True)
    o = model.options
    assert (o.width, o.blocks, o.d_width, o.fine) == (8, 9, 8, False)
    generator, attention = Generator(width=8), Attention(width=8)
    generator.load_state_dict(weights("g_B"))
    attention.load_state_dict(weights("g_B_ae"))
    x = torch.rand(1, 3, 32, 48) * 2 - 1
    with torch.no_grad():
        assert torch.equal(model.translate(x, source=1, target=0), composed(attention(x), generator(x), x))
    used = report.used[str(tmp_path / "AGGAN-95.safetensors"), "Model/g_A/c4/Conv2d_transpose/weights"]
    assert used == "g_ab.c4.conv.weight"
    data = [draw(tmp_path / "trainA", 2, seed=1), draw(tmp_path / "trainB", 2, seed=2)]
    more = {"size": 32, "crop": 32, "steps": 1, "workers": 0}
    run = gantool.train("aggan", data, out=tmp_path / "more", from_=tmp_path / "run", **more)
    assert folders.saves(run)


def test_discriminators_may_be_missing_and_attention_may_not(tmp_path):
    assert not import_files([official_file(tmp_path, ("d_A", "d_B"))], tmp_path / "run").training
    with pytest.raises(CheckpointError, match="lacks g_B_ae: write all variables"):
        import_files([official_file(tmp_path, ("g_B_ae",))], tmp_path / "other")


def test_a_variable_that_nobody_knows_is_refused(tmp_path):
    content = variables("g_A") | variables("g_B") | variables("g_A_ae") | variables("g_B_ae")
    save_file(content | {"Model/g_A/c7/Conv/weights": torch.zeros(1, 1, 2, 2)}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match=r"c7\.conv\.weight is unknown"):
        import_files([tmp_path / "x.safetensors"], tmp_path / "run")
