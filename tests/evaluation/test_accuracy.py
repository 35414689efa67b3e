"""A classifier says whether results are of the class they shall be of; numbers are compared with slow loops."""

from __future__ import annotations

import json
from hashlib import sha256
from math import exp
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from gantool.evaluation.how import How
from gantool.evaluation.judges import load_judges
from gantool.evaluation.samples import compare_samples
from gantool.evaluation.translations import compare_translations
from gantool.runs import checkpoint
from gantool.runs.find import find_weights
from gantool.spec import Pictures, Spec
from tests.conftest import draw
from tests.evaluation.small_judges import COLORS, Means, exported, noisy, stored, trained
from tests.evaluation.test_eval_models import Plain, saved
from tests.evaluation.test_eval_samples import SIDE, Classy
from tests.runs import save, untrained

pytest.importorskip("onnxruntime")

NAMES = list(COLORS)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    images = np.stack([noisy(name, seed) for name in NAMES for seed in range(20)]).transpose(0, 3, 1, 2)
    classes = np.arange(3).repeat(20)
    return trained(Means(), (images / 127.5 - 1).astype(np.float32), classes)


@pytest.fixture(scope="module")
def judge(network, tmp_path_factory) -> Path:
    """With labels beside it."""
    file = exported(network, tmp_path_factory.mktemp("judge") / "colors.onnx")
    file.with_suffix(".txt").write_text("\n".join(NAMES) + "\n")
    return file


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    """real/ and fake/ with a folder for each of two classes; some fakes are of a wrong one."""
    for index, name in enumerate(NAMES[:2]):
        for number in range(4):
            shown = NAMES[(index + (number == 0)) % 3]
            size = (12, 10) if number % 2 else (7, 9)
            stored(noisy(shown, 30 + 10 * index + number, size=size, noise=80), tmp_path / f"fake/{name}/{number}.png")
            stored(noisy(name, 60 + 10 * index + number), tmp_path / f"real/{name}/{number}.png")
    stored(noisy("sea", 99), tmp_path / "real/sea/0.png")  # of a class that is not asked for
    return tmp_path / "real", tmp_path / "fake"


def said(network: nn.Module, file: Path, place: int) -> tuple[float, float]:
    """Whether this class is the likeliest, and how likely, of a picture as the network's own framework sees it."""
    pixels = torch.from_numpy(np.array(Image.open(file).convert("RGB"))).permute(2, 0, 1)[None]
    row = network(pixels / 127.5 - 1)[0].tolist()
    return float(max(row) == row[place]), exp(row[place]) / sum(exp(value) for value in row)


def test_the_share_of_results_that_are_of_their_folders_class(main, folders, judge, network):
    real, fake = folders
    found = json.loads(main("eval", real, fake, "--judge", judge, "--json")[1])
    for root, end in ((fake, ""), (real, "_real")):
        rows = {
            name: [said(network, root / name / f"{number}.png", place) for number in range(4)]
            for place, name in enumerate(NAMES[:2])
        }
        both = [one for each in rows.values() for one in each]
        assert found[f"accuracy{end}"] == pytest.approx(np.mean([right for right, _ in both]))
        assert found[f"probability{end}"] == pytest.approx(np.mean([share for _, share in both]), rel=1e-5)  # float32
        for name, each in rows.items():
            assert found["classes"][name][f"accuracy{end}"] == pytest.approx(np.mean([right for right, _ in each]))
    assert 0.4 < found["accuracy"] < found["accuracy_real"]
    assert found["classes"].keys() == set(NAMES[:2])
    assert found["classes"]["ruby"]["fake"] == 4
    assert found["protocol"]["weights"]["judge"]["colors.onnx"] == sha256(judge.read_bytes()).hexdigest()
    assert found["protocol"]["judge"]["input"] == "as stored; rgb, 0 to 1, minus (0.5), over (0.5)"
    assert found["protocol"]["judge"]["probabilities"].startswith("softmax")


def test_one_class_for_all_or_one_that_nobody_knows(main, folders, judge, network):
    real, fake = folders
    found = json.loads(main("eval", real / "leaf", fake / "leaf", "--judge", judge, "--expect", "Leaf", "--json")[1])
    right = [said(network, fake / "leaf" / f"{number}.png", 1)[0] for number in range(4)]
    assert found["accuracy"] == pytest.approx(np.mean(right))
    assert "classes" not in found
    refused = main("eval", real / "leaf", fake / "leaf", "--judge", judge, code=2)[2]
    assert "say with --expect which class" in refused
    refused = main("eval", real, fake, "--judge", judge, "--expect", "rubi", code=2)[2]
    assert 'knows no class "rubi". Did you mean ruby? Classes: ruby, leaf, sea.' in refused
    (fake / "leaf").rename(fake / "tree")
    assert 'knows no class "tree"' in main("eval", real, fake, "--judge", judge, code=2)[2]


def test_probabilities_that_a_network_gives_are_taken_as_they_are(main, folders, network, tmp_path):
    real, fake = folders
    exported(nn.Sequential(network, nn.Softmax(1)), tmp_path / "shares.onnx")
    (tmp_path / "shares.yaml").write_text(
        "classes: [{name: ruby}, {name: leaf}, sea]\ninput: {size: 6x5, channels: bgr, scale: 255, mean: [1, 2, 3]}\n"
    )
    words = ("eval", real / "ruby", fake / "ruby", "--judge", "shares.onnx", "--expect", "ruby", "--json")
    found = json.loads(main(*words)[1])
    shares = []
    for file in sorted((fake / "ruby").iterdir()):
        pixels = np.asarray(Image.open(file).resize((6, 5), Image.Resampling.BILINEAR), np.float32)
        values = torch.from_numpy((pixels[..., ::-1] - [1, 2, 3]).astype(np.float32)).permute(2, 0, 1)[None]
        shares.append(network(values).softmax(1)[0, 0].item())
    assert found["probability"] == pytest.approx(np.mean(shares), rel=1e-4)
    assert found["protocol"]["judge"]["probabilities"].startswith("the network's outputs")


def test_a_models_results_shall_be_of_its_target_domain(main, tmp_path, install_plugin, judge, network):
    """Counted again for weights, the accuracy is that of repeated pictures."""
    run = saved(Plain, tmp_path, install_plugin)
    for number in range(4):
        stored(noisy(NAMES[number % 3], number, noise=20), tmp_path / f"a/{number}.png")
        stored(noisy("leaf", 10 + number), tmp_path / f"b/{number}.png")
    refused = main("eval", "-m", run, "a", "b", "--judge", judge, code=2)[2]
    assert 'knows no class "B"' in refused
    description = judge.with_name("known.yaml")
    description.write_text("network: colors.onnx\nclasses: [ruby, {name: leaf, also: [B]}, sea]\n")
    how = How(judges=load_judges(judge=description), recounted=True)
    found = compare_translations(find_weights(str(run)), tmp_path / "a", tmp_path / "b", how=how)
    assert found.metrics["accuracy"] == 0.25  # one of four is green, and a quarter of the contrast changes no colour
    assert found.metrics["accuracy_real"] > 0.5
    again = found.recount(np.array([1.0, 0, 1, 2]), np.array([0.0, 3, 1, 0]))
    assert again["accuracy"] == 0.75
    assert found.protocol["judge"]["expected"] == "B as leaf"


def test_every_direction_of_many_domains_has_its_class(main, tmp_path, judge):
    small = {"width": 4, "blocks": 1, "d_width": 4, "d_layers": 3}
    run = untrained(tmp_path / "run", "stargan", tuple(NAMES), **small)
    for name in NAMES:
        for number in range(2):
            stored(noisy(name, number, size=(16, 16), noise=20), tmp_path / f"val/{name}/{number}.png")
    found = json.loads(main("eval", "-m", run, "val", "--size", 16, "--judge", judge, "--json")[1])
    assert {task["target"]: task["metrics"]["accuracy_real"] for task in found["tasks"]} == dict.fromkeys(NAMES, 1)
    assert found["mean"]["all"]["accuracy"] == np.mean([task["metrics"]["accuracy"] for task in found["tasks"]])
    refused = main("eval", "-m", run, "val", "--judge", judge, "--expect", "ruby", code=2)[2]
    assert "the pictures shall be of several classes: leave out --expect" in refused


def test_pictures_of_noise_shall_be_of_the_classes_they_were_made_of(tmp_path, install_plugin, judge):
    names = ("ruby", "sea")
    install_plugin("noisy", f"{Classy.__module__}:Classy")
    network = checkpoint.build_model(Classy, Classy.Options(), Spec(names, (Pictures(),) * 2, SIDE))
    weights = save(tmp_path / "run", network, "noisy")
    for name in names:
        draw(tmp_path / "real" / name, 2, seed=1, size=SIDE)
    how = How(judges=load_judges(judge=judge))
    found = compare_samples(weights, [tmp_path / "real"], n=6, how=how)
    rows = found.classes
    assert {name: row["fake"] for name, row in rows.items()} == {"ruby": 3, "sea": 3}
    assert found.metrics["accuracy"] == pytest.approx((rows["ruby"]["accuracy"] + rows["sea"]["accuracy"]) / 2)
    assert {"swd", "accuracy", "accuracy_real"} <= rows["sea"].keys()
