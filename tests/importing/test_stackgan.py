"""Official StackGAN files become runs that make pictures of vectors, and that trainings begin with."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import gantool
from gantool.errors import CheckpointError, UsageError
from gantool.runs import checkpoint, folders
from tests.conftest import draw
from tests.parity import fill
from tests.parity.test_parity import GOLDEN

from .imports import import_files, whole

FIGURES = json.loads((GOLDEN / "stackgan.json").read_text(encoding="utf-8"))
SMALL = {entry["name"]: entry for entry in FIGURES["networks"] if "small" in entry["name"]}
STAGE1, STAGE2 = (SMALL[f"stage{stage}_G_small_train"] for stage in (1, 2))
STAGE1 = STAGE1 | {"prefix": "d/"}  # other numbers: those of the figures make a picture of one colour in evaluation
D = FIGURES["training"][0]["networks"]["D"]
T, Z, C = 12, 5, 6


def write(path: Path, entry: dict, prefix: str = "", *, old: bool = True) -> Path:
    """The state dict as the authors' PyTorch 0.2 wrote it: without counters of batches."""
    tensors = {prefix + key: value for key, value in fill.filled(entry).items()}
    torch.save({k: v for k, v in tensors.items() if not (old and k.endswith("num_batches_tracked"))}, path)
    return path


def text(rows: int = 2) -> Tensor:
    return torch.randn(rows, T, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_generator_makes_pictures_of_vectors(tmp_path, prefix):
    report = import_files([write(tmp_path / "netG_epoch_90.pth", STAGE1, prefix)], tmp_path / "run")
    o = report.options
    assert (report.model, o.stage, o.width, o.condition, o.noise) == ("stackgan", 1, 4, C, Z)
    facts, model = checkpoint.load_model(report.weights)
    assert (facts.told, facts.label_size, facts.latent_size) == ("vector", T, Z + C)
    np.save(tmp_path / "text.npy", text(1).numpy())
    (made,) = gantool.load(tmp_path / "run", device="cpu").sampler.pictures(torch.zeros(1, Z + C), text(1))
    # Noise and eps of 0: the picture of the text's mean, with a norm's running statistics.
    with torch.no_grad():
        expected = model.g(text(1), torch.zeros(1, Z), None)[0]
    assert np.abs(made - (expected[0].permute(1, 2, 0).numpy() + 1) * 127.5).max() <= 1
    assert made.std() > 5
    (tmp_path / "text.pickle").write_bytes(pickle.dumps([text(2).numpy(), text(1).numpy()], protocol=2))
    gantool.sample(tmp_path / "run", tmp_path / "out", n=1, vectors=tmp_path / "text.pickle")
    assert len(list((tmp_path / "out").rglob("*.png"))) == 3, "every caption of a released file"
    with pytest.raises(UsageError, match="no encoder of words"):
        gantool.sample(tmp_path / "run", tmp_path / "x.png", text="a red bird")


def test_stage_2_has_stage_1_inside(tmp_path):
    report = import_files([write(tmp_path / "netG.pth", STAGE2)], tmp_path / "run")
    assert (report.options.stage, report.options.blocks, report.spec.size) == (2, 4, 256)
    facts, model = checkpoint.load_model(report.weights)
    assert facts.latent_size == Z + 2 * C
    with torch.no_grad():
        assert model.sample(torch.randn(1, Z + 2 * C), labels=text(1)).shape == (1, 3, 256, 256)
    assert ("STAGE1_G.fc.0.weight", "g.stage1.fc.0.weight") in {(key, ours) for (_, key), ours in report.used.items()}


def test_a_training_goes_on_with_both_networks(tmp_path):
    g, d = FIGURES["training"][0]["networks"]["G"], D
    files = [write(tmp_path / "netG_epoch_1.pth", g), write(tmp_path / "netD_epoch_last.pth", d)]
    report = import_files(files, tmp_path / "run")
    assert torch.equal(whole(report).d.state_dict()["encode_img.0.weight"], fill.filled(d)["encode_img.0.weight"])
    folder = draw(tmp_path / "pictures", 4, seed=1)
    np.save(tmp_path / "vectors.npy", np.random.default_rng(0).normal(size=(4, T)))
    more = {"steps": 1, "batch": 2, "workers": 0, "from_": tmp_path / "run", "device": "cpu"}
    run = gantool.train("stackgan", [folder, tmp_path / "vectors.npy"], out=tmp_path / "more", **more)
    assert folders.saves(run)


def test_files_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"no generator in .*give netG_epoch_90\.pth"):
        import_files([write(tmp_path / "netD.pth", D)], tmp_path / "run")
    with pytest.raises(CheckpointError, match="do not belong to one model: stage is 2 and 1"):
        import_files([write(tmp_path / "netG.pth", STAGE2), write(tmp_path / "netD.pth", D)], tmp_path / "run")
    short = dict(STAGE1, parameters=[pair for pair in STAGE1["parameters"] if pair[0] != "img.0.weight"])
    with pytest.raises(CheckpointError, match=r"img\.0\.weight is missing"):
        import_files([write(tmp_path / "netG.pth", short)], tmp_path / "run")
    assert not (tmp_path / "run").exists()
