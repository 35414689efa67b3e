"""Official BigGAN files become runs that make the authors' pictures.

Our networks have the authors' keys, as the comparison with their figures shows: files are written from ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from gantool_biggan.discriminator import Discriminator
from gantool_biggan.generator import Generator
from gantool_biggan.official import recognise
from gantool_biggan.spectral import SpectralNorm
from torch import Tensor, nn

from gantool.errors import CheckpointError
from gantool.runs import checkpoint
from gantool.runs.header import read_facts

from .imports import import_files, whole

G = {"width": 4, "latent": 20, "shared": 6, "hierarchical": True, "attention": [16]}
D = {"width": 4, "attention": [16]}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def generator(size: int = 32, classes: int = 5, **options: Any) -> Generator:
    """In evaluation mode, after a pass that moved its statistics."""
    network = Generator(size, 3, classes, **G | options)
    with torch.no_grad():
        network(torch.randn(4, network.latent), torch.eye(classes)[torch.arange(4) % classes])
    return network.eval()


def discriminator(size: int = 32, classes: int = 5, **options: Any) -> Discriminator:
    return Discriminator(size, 3, classes, **D | options).eval()


def write(folder: Path, **networks: nn.Module | dict[str, Tensor]) -> list[Path]:
    files = []
    for name, network in networks.items():
        files.append(folder / f"{name}.pth")
        torch.save(network.state_dict() if isinstance(network, nn.Module) else network, files[-1])
    return files


def assert_samples(weights: Path, network: Generator, classes: int = 5) -> None:
    _, model = checkpoint.load_model(weights)
    z, labels = torch.randn(2, network.latent), torch.eye(classes)[[0, classes - 1]]
    with torch.no_grad():
        ours = model.eval().sample(z, labels=labels if model.label_size else None)
        torch.testing.assert_close(ours, network(z, labels), rtol=1e-4, atol=1e-5)


def test_the_average_makes_the_pictures_and_the_discriminator_trains_on(tmp_path):
    g, average, d = generator(), generator(), discriminator()
    report = import_files(write(tmp_path, G=g, G_ema=average, D=d), tmp_path / "run")
    assert report.model == "biggan"
    o = report.options
    assert (o.classes, o.width, o.d_width, o.latent, o.shared) == (True, 4, 4, 20, 6)
    assert (o.hierarchical, o.attention, o.deep, o.wide, o.spectral) == (True, (16,), False, True, True)
    assert report.spec.domains == tuple(f"class{i}" for i in range(5))
    assert report.spec.size == 32
    assert {file for file, _ in report.dropped} == {str(tmp_path / "G.pth")}
    assert set(report.dropped.values()) == {f"{tmp_path / 'G_ema.pth'} has its average"}
    assert_samples(report.weights, average)
    assert "sample" in read_facts(report.weights).can
    for ours, theirs in whole(report).d.state_dict().items():
        assert torch.equal(theirs, d.state_dict()[ours])
    alone = import_files([tmp_path / "G.pth"], tmp_path / "alone", domains=tuple("abcde"))
    assert alone.spec.domains == tuple("abcde")
    assert_samples(alone.weights, g)


@pytest.mark.parametrize(
    ("size", "options"),
    [
        (64, {"attention": [16, 32], "shared": 20, "width": 4}),
        (32, {"shared": 0, "hierarchical": False, "attention": []}),
        (32, {"hierarchical": False, "norm": None}),
        (64, {"deep": True, "attention": [32], "latent": 12}),
        (256, {"latent": 70, "attention": [64]}),
    ],
    ids=["two attentions", "a table a norm", "no spectral norm", "deep", "256 pixels"],
)
def test_options_are_read_off_shapes(tmp_path, size, options):
    g = generator(size, **options)
    report = import_files(write(tmp_path, G=g), tmp_path / "run")
    assert report.spec.size == size
    assert report.options.attention == tuple(options.get("attention", [16]))
    assert report.options.deep == options.get("deep", False)
    assert report.options.spectral == ("norm" not in options)
    assert not report.dropped
    assert_samples(report.weights, g)


def test_discriminators_are_read_off_shapes(tmp_path):
    for number, (size, options) in enumerate(
        [(64, {"wide": False, "attention": [16]}), (64, {"deep": True, "attention": [32]})]
    ):
        g = generator(size, attention=options["attention"], deep=options.get("deep", False))
        files = write(tmp_path, G=g, D=discriminator(size, **options))
        o = import_files(files, tmp_path / str(number)).options
        assert (o.d_width, o.wide, o.deep) == (4, options.get("wide", True), options.get("deep", False))


def test_one_class_is_none(tmp_path):
    g = generator(classes=1)
    report = import_files(write(tmp_path, G_ema=g), tmp_path / "run")
    assert not report.options.classes
    assert_samples(report.weights, g, classes=1)


def test_files_of_norms_that_count_of_more_vectors_and_of_tf_hub(tmp_path):
    g = generator(norm=SpectralNorm(vectors=2))
    state = {}
    for key, value in g.state_dict().items():
        head, _, leaf = key.rpartition(".")
        if leaf.startswith("stored_"):
            state[f"{head}.bn.{leaf}"] = value
            state[f"{head}.bn.accumulation_counter"] = torch.zeros(1)
        else:
            state[key] = value
    report = import_files(write(tmp_path, G=state), tmp_path / "run")
    assert {key.rpartition(".")[2] for _, key in report.dropped} == {"u1", "sv1", "accumulation_counter"}
    assert_samples(report.weights, g)

    hub = generator(norm=SpectralNorm(1e-4), bn_eps=1e-4)
    bare = {key: value for key, value in hub.state_dict().items() if not key.endswith(".sv0")}
    report = import_files(write(tmp_path, hub=bare), tmp_path / "hub")
    assert (report.options.bn_eps, report.options.sn_eps) == (1e-4, 1e-4)
    assert_samples(report.weights, hub)


def test_files_that_do_not_fit_are_refused(tmp_path):
    def refused(message: str, **networks: nn.Module | dict[str, Any]) -> None:
        with pytest.raises(CheckpointError, match=message):
            import_files(write(tmp_path, **networks), tmp_path / "run")

    g, state = generator(), {"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 1.0}]}
    refused(r"G_optim\.pth holds the state of an optimiser, not a network: leave it out", G=g, G_optim=state)
    refused(r"G\.pth and .*copy\.pth hold the same network", G=g, copy=g)
    refused(r"there is no generator in .*G_ema\.pth", D=discriminator())
    refused("do not belong to one model: classes is 5 and 7", G=g, D=discriminator(classes=7))
    lacking = {key: value for key, value in g.state_dict().items() if key != "blocks.1.0.conv1.weight"}
    refused("blocks.1.0.conv1.weight is missing|no size that is known", G=lacking)
    assert recognise({"x.pth": {"linear.weight": torch.zeros(4, 3)}}) is None
