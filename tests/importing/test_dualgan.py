"""Variables of DualGAN's authors, saved by name, become runs that translate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from gantool_dualgan import official
from gantool_dualgan.networks import Discriminator, Generator
from torch import Tensor

import gantool
from gantool.errors import CheckpointError
from gantool.importing.reading import read_official
from gantool.runs import checkpoint, folders
from tests.conftest import draw
from tests.parity import fill
from tests.parity.adapters.dualgan import load_network

from .imports import import_files, whole

FIGURES = json.loads((Path(__file__).parents[1] / "parity" / "golden" / "dualgan.json").read_text(encoding="utf-8"))


def variables(entry: str, network: str) -> dict[str, Tensor]:
    """The variables of one of the figures' networks, as another of the four."""
    told = next(one for one in FIGURES["networks"] if one["name"] == entry)
    own = told["config"]["prefix"]
    filled = fill.filled(told)
    return {f"{network}_{name.removeprefix(own)}": value for name, value in filled.items()}


def trained(network: str) -> dict[str, Tensor]:
    """The variables of one of the networks in the figures' training, in colour."""
    (told,) = [one["networks"][network] for one in FIGURES["training"] if one["name"] == "wgan_gp"]
    return fill.filled(told)


def write(folder: Path, *networks: dict[str, Tensor], **more: Tensor) -> Path:
    content = {key: value for network in networks for key, value in network.items()}
    torch.save({**content, **more}, folder / "dualgan.pth")
    return folder / "dualgan.pth"


def test_all_four_networks_of_2020_translate_and_train_on(tmp_path):
    networks = {name: trained(name) for name in official.ROLES}
    extra = {"A_g_d8/w/RMSProp": torch.zeros(3), "global_step": torch.tensor(7)}
    report = import_files([write(tmp_path, *networks.values(), **extra)], tmp_path / "run")
    assert report.model == "dualgan"
    assert {key for _, key in report.dropped} == extra.keys()
    assert {key for _, key in report.used} == {key for network in networks.values() for key in network}
    o = report.options
    assert (o.width, o.depth, o.kernel, o.dropout, o.gan) == (2, 8, 3, False, "wgangp")
    assert (o.discriminator, o.d_width, report.spec.size) == ("whole", 2, 256)
    model = whole(report)
    x = torch.rand(1, 3, 256, 256) * 2 - 1
    bgr = x.flip(1)
    for source, theirs, judge in ((0, "A_g", "A_d"), (1, "B_g", "B_d")):
        generator, judges = Generator(3, 3, width=2), Discriminator(3, width=2)
        for network, name in ((generator, theirs), (judges, judge)):
            load_network(network, networks[name], f"{name}_", name)
        with torch.no_grad():
            made = model.translate(x, source=source, target=1 - source)
            assert (made - generator(bgr).flip(1)).abs().max() < 1e-5
            assert abs((model.d_a, model.d_b)[1 - source](x) - judges(bgr)) < 1e-5
    data = [draw(tmp_path / "trainA", 2, seed=1), draw(tmp_path / "trainB", 2, seed=2)]
    more = {"size": 256, "crop": 256, "steps": 1, "workers": 0}
    assert folders.saves(gantool.train("dualgan", data, out=tmp_path / "more", from_=tmp_path / "run", **more))


def test_a_generator_of_2017_has_dropout_and_red_first(tmp_path):
    own = variables("generator_5x5", "A_g")
    report = import_files([write(tmp_path, own)], tmp_path / "run")
    assert report.directions == (("A", "B"),)
    o = report.options
    assert (o.kernel, o.dropout, o.gan, o.cycle_a) == (5, True, "vanilla", 20)
    _, model = checkpoint.load_model(report.weights)
    generator = Generator(3, 3, width=6, kernel=5)
    load_network(generator, own, "A_g_", "A_g")
    x = torch.rand(1, 3, 256, 256) * 2 - 1
    with torch.no_grad():
        made = model.translate(x, source=0, target=1, code=model.mean_code(1))
        assert (made - generator(x)).abs().max() < 1e-5


def test_discriminators_of_2017_are_left_out(tmp_path):
    judge = {"A_d_h0_conv/w": torch.zeros(5, 5, 3, 6), "A_d_h1_conv/w": torch.zeros(5, 5, 6, 12)}
    report = import_files([write(tmp_path, variables("generator_5x5", "A_g"), judge)], tmp_path / "run")
    assert not report.training
    assert set(report.dropped.values()) == {"a discriminator of 2017"}


def test_grey_pictures_and_a_patch_discriminator(tmp_path):
    own = variables("generator_2020_narrow", "B_g") | variables("discriminator_patchgan", "B_d")
    report = import_files([write(tmp_path, own)], tmp_path / "run")
    o = report.options
    assert (o.channels_b, o.channels_a, report.directions) == (1, 3, (("B", "A"),))
    assert (o.discriminator, o.d_width, o.width) == ("patch", 8, 6)


def test_files_that_were_cut_or_do_not_belong_together_are_refused(tmp_path):
    own = variables("generator_5x5", "A_g")
    del own["A_g_d3/w"]
    with pytest.raises(CheckpointError, match=r"A_g does not fit .* d3\.w is missing"):
        import_files([write(tmp_path, own)], tmp_path / "run")
    two = write(tmp_path, variables("generator_5x5", "A_g"), variables("generator_2020_narrow", "B_g"))
    with pytest.raises(CheckpointError, match="do not belong to one model: kernel is 5 and 3"):
        import_files([two], tmp_path / "run")
    with pytest.raises(CheckpointError, match="no generator in"):
        import_files([write(tmp_path, variables("discriminator_patchgan", "A_d"))], tmp_path / "run")


def test_a_file_of_pytorch_may_be_called_like_one_of_tensorflow(tmp_path):
    for zipped in (True, False):
        torch.save({"w": torch.zeros(2)}, tmp_path / "w.meta", _use_new_zipfile_serialization=zipped)
        assert read_official(tmp_path / "w.meta").keys() == {"w"}
