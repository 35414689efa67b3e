"""U-GAT-IT beyond what every model does: attention, rho, the paper's ablation, one size for the full network."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from gantool_ugatit import UGATIT
from gantool_ugatit.networks import NORMS
from gantool_ugatit.norms import InstanceLayerNorm
from PIL import Image

import gantool as package
from gantool.capabilities import abilities
from gantool.errors import DataError
from gantool.inference.engine import Engine
from gantool.model import Progress
from gantool.networks.spectral import SpectralConv2d
from gantool.spec import Direction, Pictures, Spec
from gantool.training.run import TrainingRun
from tests.conftest import draw
from tests.runs import untrained

TINY = {"width": 4, "blocks": 1, "d_width": 4, "global_layers": 5, "local_layers": 4}
SPEC = Spec(("A", "B"), (Pictures(), Pictures()), 32)


@pytest.fixture
def run(trained):
    return trained("ugatit")


def one_step(**options) -> UGATIT:
    torch.manual_seed(0)
    model = UGATIT(UGATIT.Options(**{**TINY, "light": True, **options}), SPEC)
    step = TrainingRun(model, model.optimizers())
    step.begin(Progress(0, 1), 1.0)
    for _ in step.batches():
        model.training_step({name: torch.rand(1, 3, 32, 32) * 2 - 1 for name in "AB"}, step)
    step.end()
    assert all(np.isfinite(list(step.losses().values())))
    return model


@pytest.mark.parametrize("norm", NORMS)
def test_every_norm_of_the_ablation_trains(norm):
    model = one_step(norm=norm)
    assert bool(model.facts()) == (norm == "adalin")
    learned = [m for m in model.modules() if isinstance(m, InstanceLayerNorm) and m.learned]
    assert bool(learned) == (norm == "adalin")


def test_without_attention_there_is_no_classifier():
    model = one_step(cam=False)
    assert not any("attention" in name for name, _ in model.named_parameters())
    assert "attend" not in abilities(model)
    assert model.translation(Direction("A", "B")) is None


def test_the_export_gives_the_picture_and_the_generators_attention():
    model = one_step().eval()
    assert model.outputs == ("translation", "attention")
    x = torch.rand(2, 3, 40, 32) * 2 - 1
    for direction, target in ((Direction("A", "B"), 1), (Direction("B", "A"), 0)):
        with torch.no_grad():
            picture, heat = model.translation(direction)(x)
            assert torch.equal(picture, model.translate(x, source=1 - target, target=target))
            assert torch.equal(heat, model.attention(x, source=1 - target, target=target)["generator"])


def test_rho_stays_between_0_and_1():
    model = UGATIT(UGATIT.Options(**TINY, light=True, lr=5.0), SPEC)
    step = TrainingRun(model, model.optimizers())
    step.begin(Progress(0, 1), 1.0)
    for _ in step.batches():
        model.training_step({name: torch.rand(1, 3, 32, 32) * 2 - 1 for name in "AB"}, step)
    rhos = torch.cat([m.rho.flatten() for m in model.modules() if isinstance(m, InstanceLayerNorm)])
    assert rhos.min() == 0
    assert rhos.max() == 1


def test_the_rate_falls_over_the_second_half():
    model = UGATIT(UGATIT.Options(**TINY, light=True), SPEC)
    assert [model.rate_factor(Progress(step, 4)) for step in range(4)] == [1, 1, 0.5, 0]
    assert [model.rate_factor(Progress(step, 5)) for step in range(5)] == [1, 1, 1, 0.5, 0]


def test_the_full_generator_takes_its_own_size_and_says_so(tmp_path):
    data = [draw(tmp_path / "trainA", 2, seed=1), draw(tmp_path / "trainB", 2, seed=2)]
    options = {"preset": "smoke", "steps": 1, "workers": 0, "set": {"light": False}}
    translator = package.load(package.train("ugatit", data, out=tmp_path / "run", **options))
    assert translator.facts.sizes.exact == 32
    with pytest.raises(DataError, match="size=32 resizes"):
        translator.translate(Image.new("RGB", (40, 32)))
    assert translator.translate(Image.new("RGB", (40, 32)), size=(32, 32)).size == (32, 32)


def test_attention_is_written_beside_the_results(main, run, tmp_path):
    pictures = draw(tmp_path / "in", 2, seed=3, size=50)
    maps = tmp_path / "maps"
    main("translate", "-m", run, pictures, tmp_path / "out", "--attention", maps)
    names = {
        f"{picture.stem}.{kind}.png" for picture in pictures.iterdir() for kind in ("generator", "global", "local")
    }
    assert {path.name for path in maps.iterdir()} == names
    for path in maps.iterdir():
        assert Image.open(path).size == (50, 50)
    heat = np.asarray(Image.open(maps / "00.generator.png"))
    assert len(np.unique(heat.reshape(-1, 3), axis=0)) > 10, "a map of one colour shows nothing"


def test_attention_never_replaces_another_file(main, run, tmp_path):
    pictures = draw(tmp_path / "in", 2, seed=3, size=50)
    (tmp_path / "maps").mkdir()
    mine = tmp_path / "maps/00.global.png"
    mine.write_bytes(b"mine")
    words = ["translate", "-m", run, pictures, tmp_path / "out", "--attention", tmp_path / "maps"]
    assert "00.global.png exists already and is another file" in main(*words, code=1)[2]
    assert mine.read_bytes() == b"mine"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["01.png"]
    assert "exists, and gantool did not write it" in main(*words, "--overwrite", code=2)[2]
    assert mine.read_bytes() == b"mine"
    named = ["translate", "-m", run, pictures, "-o", tmp_path / "out", "--attention", tmp_path / "maps"]
    main(*named, "--overwrite")
    assert Image.open(mine).size == (50, 50)
    main(*words, "--overwrite")  # its own
    _, _, err = main("translate", "-m", run, "--grid", "--attention", "x", pictures, tmp_path / "grid.png", code=2)
    assert "leave out --attention" in err
    _, _, err = main(*words, "--frames", code=2)
    assert "leave out --attention or --frames" in err


def test_attention_out_of_memory_is_one_pictures_failure(main, run, tmp_path, monkeypatch):
    pictures = draw(tmp_path / "in", 2, seed=3, size=50)
    attention, seen = UGATIT.attention, []

    def scarce(self, images, **way):
        seen.append(images)
        if len(seen) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return attention(self, images, **way)

    monkeypatch.setattr(UGATIT, "attention", scarce)
    _, _, err = main("translate", "-m", run, pictures, tmp_path / "out", "--attention", tmp_path / "maps", code=1)
    assert "00.png: the memory does not suffice for its maps" in err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["01.png"]


def test_pictures_share_a_batch(run):
    """Also while it trains: engines put it into evaluation mode, where its discriminators' estimates rest."""
    model = package.load(run).model.train()
    engine = Engine(model)
    assert engine.batches
    pictures = [np.random.default_rng(seed).integers(0, 256, (32, 36, 3), dtype=np.uint8) for seed in (0, 1)]
    together = engine.translate(pictures, Direction("A", "B"))
    for one, picture in zip(together, pictures, strict=True):
        (alone,) = engine.translate([picture], Direction("A", "B"))
        assert np.abs(one.astype(int) - alone).max() <= 1
    assert model.training


def test_info_shows_rho(main, run):
    _, out, _ = main("info", run, "--json")
    facts = json.loads(out)["own"]
    assert facts["rho to B: decoder.0.norm1"] == pytest.approx(0.9, abs=0.01)
    assert "rho to A: up.3" in facts


def test_a_model_without_attention_says_so(main, tmp_path, pictures):
    run = untrained(tmp_path / "cycle")
    _, _, err = main("translate", "-m", run, pictures[0], tmp_path / "out", "--attention", "x", code=2)
    assert "no attention" in err


def test_spectral_norm_stays_in_single_precision_under_autocast():
    layer = SpectralConv2d(3, 8, 4)
    with torch.autocast("cpu", torch.bfloat16):
        layer(torch.rand(1, 3, 16, 16))
    assert float(layer.u.norm()) == pytest.approx(1, abs=1e-6)
    assert float(layer.v.norm()) == pytest.approx(1, abs=1e-6)
