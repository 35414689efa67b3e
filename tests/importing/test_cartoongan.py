"""CartoonGAN's released weights, and the files of a re-implementation, become runs that translate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gantool.errors import CheckpointError
from gantool.runs import checkpoint
from gantool.spec import Direction
from tests.parity import fill

from .imports import import_files, whole

FIGURES = json.loads((Path(__file__).parents[1] / "parity" / "golden" / "cartoongan.json").read_text(encoding="utf-8"))


def tensors(name: str, blocks: int | None = None) -> dict[str, Tensor]:
    """One of the reference's networks, filled; of the released generator perhaps with fewer blocks."""
    entry = next(entry for entry in FIGURES["networks"] if entry["name"] == name)
    found = fill.network(entry["parameters"], entry["prefix"])
    if blocks is None:
        return found
    # Blocks are layers 4 to 11; two more norms follow.
    last = {f"in{12 + i}_1": f"in{4 + blocks + i:02}_1" for i in (0, 1)}
    dropped = {f"{kind}{number:02}_{n}" for kind in ("conv", "in") for number in range(4 + blocks, 12) for n in (1, 2)}
    layers = ((*key.split("."), value) for key, value in found.items())
    return {f"{last.get(layer, layer)}.{leaf}": value for layer, leaf, value in layers if layer not in dropped}


def saved(folder: Path, name: str, content: dict[str, Tensor]) -> Path:
    torch.save(content, folder / name)
    return folder / name


def test_released_weights_translate_red_green_blue_and_name_their_style(tmp_path):
    file = saved(tmp_path, "Hayao_net_G_float.pth", tensors("generator", blocks=1))
    report = import_files([file], tmp_path / "run")
    facts, model = checkpoint.load_model(report.weights)
    assert (facts.model, facts.directions) == ("cartoongan", (Direction("photo", "Hayao"),))
    o = model.options
    assert (o.width, o.blocks, o.padding, o.affine, o.eps) == (64, 1, "reflect", True, 1e-9)
    # The released network itself: its pictures are blue, green, red.
    official = tensors("generator", blocks=1)
    theirs = checkpoint.load_model(report.weights)[1].g
    state = theirs.state_dict()
    assert torch.equal(state["stem.1.weight"].flip(1), official["conv01_1.weight"])
    assert torch.equal(state["head.1.bias"].flip(0), official["deconv03_1.bias"])
    for key, value in (("stem.1.weight", "conv01_1.weight"), ("head.1.weight", "deconv03_1.weight")):
        state[key] = official[value]
    state["head.1.bias"] = official["deconv03_1.bias"]
    theirs.load_state_dict(state)
    x = torch.rand(1, 3, 24, 32) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(model.translate(x, source=0, target=1), theirs(x.flip(1)).flip(1))


def test_a_file_of_another_name_is_a_cartoon(tmp_path):
    file = saved(tmp_path, "weights.pth", tensors("generator", blocks=1))
    report = import_files([file], tmp_path / "run")
    assert checkpoint.load_model(report.weights)[0].spec.domains == ("photo", "cartoon")


def test_the_re_implementations_networks_train_on(tmp_path):
    files = [
        saved(tmp_path, "generator_latest.pkl", tensors("reimplementation_generator")),
        saved(tmp_path, "discriminator_latest.pkl", tensors("reimplementation_discriminator")),
    ]
    report = import_files(files, tmp_path / "run")
    model = whole(report)
    o = model.options
    assert (o.width, o.blocks, o.padding, o.affine) == (8, 3, "zero", False)
    assert (o.d_width, o.d_layers, o.gan, o.features, o.edges) == (8, 3, "vanilla", "plain", "same")
    assert torch.equal(model.d.body[15].weight, tensors("reimplementation_discriminator")["convs.15.weight"])
    assert torch.equal(model.g.head[1].weight, tensors("reimplementation_generator")["up_convs.8.weight"])


def test_files_that_do_not_go_together_are_refused(tmp_path):
    judge = saved(tmp_path, "discriminator_latest.pkl", tensors("reimplementation_discriminator"))
    with pytest.raises(CheckpointError, match=r"no generator in .*discriminator_latest\.pkl: give generator"):
        import_files([judge], tmp_path / "run")
    released = saved(tmp_path, "Paprika_net_G_float.pth", tensors("generator", blocks=1))
    with pytest.raises(CheckpointError, match="do not belong to one model: affine is True and False"):
        import_files([released, judge], tmp_path / "run")
    cut = tensors("generator", blocks=1)
    del cut["in05_1.scale"]
    with pytest.raises(CheckpointError, match=r"in05_1\.scale is missing"):
        import_files([saved(tmp_path, "Paprika_net_G_float.pth", cut)], tmp_path / "run")
    assert not (tmp_path / "run").exists()
