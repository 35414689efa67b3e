"""Official StarGAN v2 files become runs that translate as the authors' networks do.

The networks are those of the parity figures, under the authors' own keys: `y_latent` is what theirs make of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gantool.errors import CheckpointError
from gantool.importing.official import Imported
from gantool.importing.reading import read_official
from gantool.runs import checkpoint, folders
from gantool.runs.find import find_weights
from tests.parity import fill, suite
from tests.parity.test_parity import GOLDEN

from .imports import import_files

FIGURES = json.loads((GOLDEN / "starganv2.json").read_text())
AFHQ, CELEBA_HQ = FIGURES["translate"]
FAN = next(entry for entry in FIGURES["networks"] if entry["name"] == "fan")
Networks = dict[str, dict[str, Tensor]]


def filled(entry: dict[str, Any], prefix: str | None = None) -> dict[str, Tensor]:
    return fill.network(entry["parameters"], prefix or entry["prefix"])


def networks(entry: dict[str, Any] = AFHQ) -> Networks:
    """What a `nets_ema` file holds."""
    return {name: filled(one) for name, one in entry["networks"].items()}


def discriminator() -> dict[str, Tensor]:
    """Of three domains, as the r1 figure has it."""
    return filled(next(e for e in FIGURES["losses"] if e["name"] == "r1")["network"])


def write(folder: Path, name: str, content: Any) -> Path:
    folder.mkdir(exist_ok=True)
    torch.save(content, folder / name)
    return folder / name


def test_a_file_of_averages_translates_as_theirs(tmp_path: Path):
    file = write(tmp_path, "100000_nets_ema.ckpt", networks())
    report = import_files([file], tmp_path / "run")
    assert report.spec.domains == ("cat", "dog", "wild")
    assert report.spec.size == 64
    told = report.options
    assert (told.width, told.max_width, told.style_dim, told.latent_dim) == (0, 32, 16, 16)
    assert (told.mapping_width, told.w_hpf) == (512, 0.0)
    assert len(report.directions) == 6
    assert not report.dropped
    assert report.used[str(file), "style_encoder.unshared.2.bias"] == "style_encoder.unshared.2.bias"
    assert not report.training

    facts, model = checkpoint.load_model(find_weights(str(tmp_path / "run")))
    assert facts.missing == ()
    assert facts.licence == "CC BY-NC 4.0"
    x, z = (fill.given(AFHQ["inputs"][name]) for name in ("x", "z"))
    with torch.no_grad():
        style = model.styles(z, model.spec.index("wild"))
        suite.assert_close(style, AFHQ["outputs"]["s_latent"], 1e-5, "the style")
        suite.assert_close(model.generator(x, style), AFHQ["outputs"]["y_latent"], 2e-4, "the picture")


def recognised(content: Any, tmp_path: Path, name: str = "1_nets_ema.ckpt", **others: Any) -> Imported:
    from gantool_starganv2.official import recognise

    paths = [write(tmp_path, name, content), *(write(tmp_path, f"{k}.ckpt", v) for k, v in others.items())]
    found = recognise({path.name: read_official(path) for path in paths})
    assert found is not None
    return found


@pytest.mark.parametrize("divisor", [None, 1.0, 2.0])
def test_face_masks_come_along_with_and_without_the_filter(tmp_path: Path, divisor: float | None):
    """The released file is older than the filter's entry."""
    content = networks(CELEBA_HQ) | {"fan": filled(FAN)}
    if divisor is not None:
        kernel = torch.tensor(CELEBA_HQ["networks"]["generator"]["constants"]["hpf.filter"])
        content["generator"]["hpf.filter"] = kernel / divisor
    found = recognised(content, tmp_path)
    assert found.options.w_hpf == (divisor or 1.0)
    assert found.options.fan == ""
    assert found.spec.domains == ("female", "male")
    assert torch.equal(found.tensors["fan.l0.bias"], content["fan"]["l0.bias"])
    assert not any("hpf" in key for key in found.tensors)
    assert ("1_nets_ema.ckpt", "generator.hpf.filter") in found.used or divisor is None
    assert len(found.used) == sum(len(network) for network in content.values())


def test_a_spare_face_network_and_old_prefixes(tmp_path: Path):
    plain = networks()
    wrapped = {name: {f"module.{key}": value for key, value in one.items()} for name, one in plain.items()}
    found = recognised(wrapped | {"fan": {"l0.bias": torch.zeros(99)}}, tmp_path)
    assert found.tensors.keys() == {f"{name}.{key}" for name, one in plain.items() for key in one}
    assert "do not use" in found.dropped["1_nets_ema.ckpt", "fan.l0.bias"]
    assert found.options.w_hpf == 0


def test_running_networks_bring_the_discriminator(tmp_path: Path):
    running = {name: filled(one, "running/") for name, one in AFHQ["networks"].items()}
    files = [
        write(tmp_path, "1_nets.ckpt", running | {"discriminator": discriminator()}),
        write(tmp_path, "1_nets_ema.ckpt", networks()),
    ]
    report = import_files(files, tmp_path / "run", domains=("a", "b", "c"))
    assert report.training
    assert "averaged network of" in report.dropped[str(files[0]), "generator.from_rgb.bias"]
    _, model = checkpoint.load_model(report.weights)
    assert torch.equal(model.generator.from_rgb.weight, networks()["generator"]["from_rgb.weight"])
    _, state = checkpoint.read(report.weights.with_name(folders.STATE))
    assert torch.equal(state["model.discriminator.main.0.bias"], discriminator()["main.0.bias"])
    assert all(key.startswith("model.discriminator.") for key in state)

    alone = recognised(running | {"discriminator": discriminator()}, tmp_path, "2_nets.ckpt")
    assert torch.equal(alone.tensors["generator.from_rgb.weight"], running["generator"]["from_rgb.weight"])
    assert not alone.dropped


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda n: n["generator"].pop("to_rgb.2.bias"), r"generator does not fit .*: to_rgb.2.bias is missing"),
        (lambda n: n["generator"].update({"x.y": torch.zeros(1)}), r"generator does not fit .*: x.y is unknown"),
        (
            lambda n: n["mapping_network"].update({"shared.2.bias": torch.zeros(3)}),
            r"mapping_network does not fit .*: shared.2.bias has shape \(3,\) instead of \(512,\)",
        ),
        (lambda n: n.pop("style_encoder"), r"1_nets_ema.ckpt lacks the network style_encoder"),
        (lambda n: n["style_encoder"].pop("unshared.0.weight"), r"style_encoder lacks unshared.0.weight"),
        (lambda n: n.update({"fan2": {"a": torch.zeros(1)}}), r"holds fan2, which is no network of StarGAN v2"),
        (lambda n: n["generator"].update({"hpf.filter": torch.eye(3)}), r"hpf.filter of the generator is not"),
        (lambda n: n.update(networks(CELEBA_HQ)), r"lacks the network fan"),
    ],
)
def test_files_that_are_not_whole(tmp_path: Path, change: Callable[[Networks], Any], message: str):
    content = networks()
    change(content)
    with pytest.raises(CheckpointError, match=message):
        recognised(content, tmp_path)


def test_files_that_do_not_belong_together(tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"1_nets_ema.ckpt and other.ckpt hold the same networks"):
        recognised(networks(), tmp_path, other=networks())
    two = next(e for e in FIGURES["networks"] if e["name"] == "discriminator_64")  # of two domains, not three
    with pytest.raises(CheckpointError, match=r"other.ckpt: discriminator does not fit .* main.8.weight has shape"):
        recognised(networks(), tmp_path, other=networks() | {"discriminator": filled(two)})


def test_files_of_others_are_not_taken(tmp_path: Path):
    from gantool_starganv2.official import recognise

    assert recognise({"a": {"generator": {"main.0.weight": torch.zeros(1)}}}) is None
    assert recognise({"a": networks(), "b": {"from_rgb.weight": torch.zeros(1)}}) is None
