"""StarGAN: labels, targets, sizes, schedules; and whole runs on attributes and on two sets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from gantool_stargan import StarGAN, targets
from PIL import Image

import gantool
from gantool import direction
from gantool.errors import DataError, UsageError
from gantool.export import session as export
from gantool.model import Progress
from gantool.runs import folders
from gantool.runs.header import read_header
from gantool.spec import Direction, Spec
from gantool.training.request import Request, plan
from gantool.training.run import TrainingRun
from tests.conftest import draw
from tests.runs import save

NAMES = ("Black_Hair", "Blond_Hair", "Male", "Young")


def model(attributes=(), classes=(), size=16, **options) -> StarGAN:
    torch.manual_seed(0)
    chosen = StarGAN.Options(
        attributes=attributes, **{"width": 4, "blocks": 1, "d_width": 4, "d_layers": 2, "n_critic": 2, **options}
    )
    return StarGAN(chosen, StarGAN.data(chosen).spec((*attributes, *classes), size))


def faces(root: Path) -> list[Path]:
    """Eight pictures with a table of four attributes."""
    folder = draw(root / "faces", 8, seed=1)
    rows = [f"{number:02}.png,{number % 2},{(number + 1) % 2},{number % 3 == 0},{number < 5}" for number in range(8)]
    (root / "list.csv").write_text("\n".join([",".join(("file", *NAMES)), *rows]))
    return [folder, root / "list.csv"]


@pytest.fixture(scope="module")
def joint(tmp_path_factory) -> Path:
    """A run on attributes and classes."""
    root = tmp_path_factory.mktemp("joint")
    data = [*faces(root), draw(root / "glad", 3, seed=2), draw(root / "sad", 3, seed=3)]
    settings = {"preset": "smoke", "steps": 2, "workers": 0, "set": {"attributes": ",".join(NAMES)}}
    return gantool.train("stargan", data, out=root / "run", **settings)


def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 52, 3), dtype=np.uint8))


# -- whole runs


def test_a_batch_of_one_is_refused_because_it_has_no_other_label(tmp_path):
    data = (draw(tmp_path / "glad", 3, seed=2), draw(tmp_path / "sad", 3, seed=3))
    assert plan(Request("stargan", data)).settings.batch == 16, "the authors'"
    with pytest.raises(UsageError, match=r"batch is at least 2, not 1"):
        plan(Request("stargan", data, settings={"batch": 1, "accumulate": 4}))


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"lost\.csv does not exist"):
        plan(Request("stargan", (faces(tmp_path)[0], tmp_path / "lost.csv"), set={"attributes": "Male"}))


def test_two_sets_are_trained_jointly_and_every_target_translates(joint):
    lines = [json.loads(line)["losses"] for line in (joint / "log.jsonl").read_text().splitlines()]
    terms = {"d_real", "d_fake", "d_cls", "d_gp", "g_fake", "g_rec", "g_cls"}
    assert set().union(*lines) == terms | {f"{term}2" for term in terms}
    assert all(np.isfinite(value) for losses in lines for value in losses.values())
    assert list((joint / "samples").glob("*.png"))
    translator = gantool.load(joint, device="cpu")
    assert translator.domains == (*NAMES, "glad", "sad")
    made = {}
    for target in (*translator.domains, "Blond_Hair,Male", "+Young,-Male", "-Black_Hair"):
        made[target] = translator.translate(picture(), to=target)
        assert made[target].size == (52, 40)
    assert made["glad"].tobytes() != made["sad"].tobytes() != made["Blond_Hair,Male"].tobytes()
    with pytest.raises(UsageError, match="sad is a class and stands alone as a target"):
        translator.translate(picture(), to="Male,sad")


def test_the_weights_of_attributes_hold_the_discriminator_and_those_of_classes_do_not(joint, tmp_path):
    held = {key.partition(".")[0] for key in read_header(folders.saves(joint)[-1] / folders.WEIGHTS).tensors}
    assert held == {"g", "d"}
    assert model((), ("a", "b")).roles.training_only == ("d",)


def test_crops_and_layers_that_do_not_fit_are_refused(tmp_path):
    data = [draw(tmp_path / name, 2, seed=1) for name in ("a", "b")]
    more = {"out": tmp_path / "run", "preset": "smoke", "workers": 0}
    with pytest.raises(UsageError, match=r"d_layers=6 needs pictures of at least 64 pixels, not 32: .*d_layers=5"):
        gantool.train("stargan", data, set={"d_layers": 6}, **more)
    with pytest.raises(UsageError, match="multiples of 4"):
        gantool.train("stargan", data, crop=30, **more)
    assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match="squares of 32 pixels, not 40x40: choose a preprocess that crops"):
        gantool.train("stargan", data, preprocess="none", **more)


def test_attributes_need_a_table_and_a_table_attributes(tmp_path):
    data = faces(tmp_path)
    decided = plan(Request("stargan", tuple(data), preset="smoke", set={"attributes": "Male,Young"}))
    assert decided.spec.domains == ("Male", "Young")
    assert decided.spec.attributes
    with pytest.raises(UsageError, match="different names"):
        plan(Request("stargan", tuple(data), preset="smoke", set={"attributes": "Male,Male"}))


# -- targets


def test_what_a_target_asks():
    def asked(target):
        return targets.asked(NAMES, ("glad", "sad"), target)

    assert asked("sad") == 1
    assert asked("Male") == asked("+Male") == {"Male": True}
    assert asked("-Male, +Young") == {"Male": False, "Young": True}
    # A head has one colour of hair; what is said of another stays said.
    assert asked("Blond_Hair") == {"Blond_Hair": True, "Black_Hair": False}
    assert asked("+Blond_Hair,+Black_Hair") == {"Blond_Hair": True, "Black_Hair": True}
    assert asked("-Blond_Hair") == {"Blond_Hair": False}
    assert asked("Blond_Hair,Male") == {"Black_Hair": False, "Blond_Hair": True, "Male": True, "Young": False}
    for wrong in ("glad,Male", "+glad", "-sad", "glad,sad"):
        with pytest.raises(UsageError, match="is a class and stands alone"):
            asked(wrong)


def test_targets_are_checked_against_the_names():
    @dataclass
    class Known:
        spec: Spec
        directions: tuple[Direction, ...]

    spec = model(NAMES).spec
    all_ways = model(NAMES).directions()

    def resolved(to, directions=all_ways):
        return [target for _, target in direction.targets(Known(spec, directions), to)]

    with pytest.raises(UsageError, match="say with to what the pictures shall become"):
        resolved(None)
    assert resolved("all") == list(NAMES)
    assert resolved("C") == ["Male"]
    assert resolved("+Young,-Male") == ["+Young,-Male"]
    assert resolved("Male,Young") == ["Male,Young"]
    with pytest.raises(UsageError, match=r'no domain "Mail"\. Did you mean Male\?'):
        resolved("+Young,-Mail")
    with pytest.raises(UsageError, match="mixes two ways"):
        resolved("Male,+Young")
    with pytest.raises(UsageError, match="names an attribute twice"):
        resolved("+Male,-Male")
    with pytest.raises(UsageError, match="cannot tell what a picture is"):
        resolved("+Male", directions=())
    assert resolved("Male,Young", directions=()) == ["Male,Young"]
    assert resolved("+Male,-Young,-Black_Hair,-Blond_Hair", directions=())
    alone = model(("Male",))
    assert direction.targets(Known(alone.spec, alone.directions()), None) == [("Male", "Male")]


@torch.no_grad()
def test_relative_targets_keep_what_the_discriminator_sees():
    stargan = model(NAMES)
    images = torch.rand(3, 3, 24, 32) * 2 - 1
    own = torch.tensor([[1.0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]])
    seen = torch.nn.functional.interpolate(images, (16, 16), mode="bilinear", antialias=True)
    features = stargan.d.main(seen)
    solved = torch.linalg.pinv(features.flatten(1)) @ (own - 0.5)  # now D sees these attributes
    stargan.d.conv2.weight.copy_(solved.T.view_as(stargan.d.conv2.weight))
    for target, wanted in {
        "Blond_Hair": [[0, 1, 1, 0], [0, 1, 0, 1], [0, 1, 0, 0]],
        "-Young,+Male": [[1, 0, 1, 0], [0, 0, 1, 0], [1, 0, 1, 0]],
        "Male,Young": [[0, 0, 1, 1]] * 3,
    }.items():
        labels = torch.tensor(wanted, dtype=torch.float32)
        made = stargan.translate(images, source=2, target=0, condition=stargan.condition(target, images))
        assert torch.equal(made, stargan.g(images, labels))
        assert not torch.equal(made, stargan.g(images, 1 - labels))


@torch.no_grad()
def test_a_condition_says_what_pictures_shall_become():
    stargan = model(NAMES, ("glad", "sad"))
    images = torch.rand(2, 3, 20, 28) * 2 - 1
    assert stargan.condition_names == (*NAMES, "glad", "sad", "attributes are meant", "a class is meant")
    assert stargan.condition("sad", images).tolist() == [[0, 0, 0, 0, 0, 1, 0, 1]] * 2
    assert stargan.condition("Blond_Hair,Young", images).tolist() == [[0, 1, 0, 1, 0, 0, 1, 0]] * 2
    assert model((), ("a", "b")).condition_names == ("a", "b")
    ways = {"source": 2, "target": 5}
    rows = torch.cat([stargan.condition(target, images[:1]) for target in ("sad", "glad")])
    alone = [stargan.translate(images[k : k + 1], condition=rows[k : k + 1], **ways) for k in (0, 1)]
    torch.testing.assert_close(stargan.translate(images, condition=rows, **ways), torch.cat(alone))
    assert not torch.equal(*(stargan.translate(images, condition=rows[[k, k]], **ways) for k in (0, 1)))


@torch.no_grad()
def test_one_exported_file_has_all_targets(tmp_path):
    stargan = model(NAMES)
    kept = {"directions": ()}  # as an imported generator alone has it: nothing tells what a picture is
    weights = save(tmp_path / "run", stargan, "stargan", notes=kept)
    report = export.start(export.plan(export.Request(weights=weights, out=tmp_path / "m.pt2")))
    assert report.inputs["label"] == f"float32 (N, 4), 0 or 1: {', '.join(NAMES)}"
    exported = torch.export.load(tmp_path / "m.pt2").module()
    images = torch.rand(2, 3, 20, 28) * 2 - 1
    labels = torch.tensor([[1.0, 0, 0, 1], [0, 0, 1, 0]])
    with torch.no_grad():
        found, others = exported(images, labels), exported(images, 1 - labels)
    torch.testing.assert_close(found, stargan.g(images, labels), rtol=0, atol=1e-4)
    assert not torch.allclose(found, others)


# -- training


def test_the_generator_moves_every_n_critic_steps():
    stargan = model((), ("a", "b", "c"), n_critic=3)
    run = TrainingRun(stargan, stargan.optimizers())
    batch = {"image": torch.rand(4, 3, 16, 16), "label": torch.tensor([0, 1, 2, 1])}
    moved = []
    for step in range(6):
        before = [[p.clone() for p in network.parameters()] for network in (stargan.g, stargan.d)]
        run.begin(Progress(step, 1), 1.0)
        for _ in run.batches():
            stargan.training_step(batch, run)
        run.end()
        after = [list(network.parameters()) for network in (stargan.g, stargan.d)]
        moved.append(
            [any(not torch.equal(p, q) for p, q in zip(*two, strict=True)) for two in zip(before, after, strict=True)]
        )
    assert moved == [[step % 3 == 2, True] for step in range(6)]


def rates(total: int, **options) -> list[float]:
    stargan = model((), ("a", "b"), **{"n_steps": 400, "n_steps_decay": 200, **options})
    return [stargan.rate_factor(Progress(step, total)) for step in range(total + 1)]


def test_the_rate_falls_as_the_authors_or_in_a_line():
    authors, line = rates(400, lr_update_step=50), rates(400, lr_update_step=1)
    assert authors[:250] == line[:201] + [1.0] * 49
    assert authors[250:300] == [1 - 1 / 200] * 50
    assert authors[-1] == pytest.approx(0.98)  # 4 of 200 steps: it hardly happens
    assert line[300] == 0.5
    assert line[-1] == 0
    # A run of another length is the same schedule, stretched.
    assert rates(40, lr_update_step=1) == line[::10]
    assert rates(4000, lr_update_step=1)[::10] == line
    # A fall that is longer than the run begins at once, and does not begin half-way down.
    assert rates(400, n_steps=400, n_steps_decay=800, lr_update_step=1)[::200] == [1.0, 0.75, 0.5]
