"""What is pix2pixHD's own: label and instance maps, coarse to fine, features, the perceptual loss."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from gantool_pix2pixhd import Pix2PixHD
from gantool_pix2pixhd.maps import edges, pooled
from PIL import Image

import gantool
from gantool import options as opt
from gantool.errors import CheckpointError, DataError, UsageError
from gantool.model import Progress
from gantool.networks.vgg import VGG19
from gantool.runs import checkpoint, folders
from gantool.training.run import TrainingRun
from tests.conftest import cityscapes, draw, draw_ids

TINY = {"width": 8, "down": 2, "blocks": 1, "local_blocks": 1, "d_width": 4, "d_layers": 2, "label_nc": 4}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Four scenes: labels, images, instances."""
    root = tmp_path_factory.mktemp("scenes")
    draw_ids(root / "labels", 4, seed=1)
    draw_ids(root / "instances", 4, seed=1, first=26_000)
    draw(root / "images", 4, seed=2)
    return root


def train(data: Path, out: Path, *, steps: int = 2, from_: Path | None = None, **options) -> Path:
    chosen = {**TINY, **options}
    return gantool.train("pix2pixhd", data, out=out, from_=from_, set=chosen, size=36, crop=32, steps=steps, workers=0)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory) -> Path:
    """A run of the global generator on label maps with instances."""
    return train(data, tmp_path_factory.mktemp("run") / "global")


def build(**options) -> Pix2PixHD:
    torch.manual_seed(0)
    o = Pix2PixHD.Options(**{**TINY, **options})
    return Pix2PixHD(o, Pix2PixHD.data(o).spec(("labels", "images"), 32))


def batch(model: Pix2PixHD, count: int = 2) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 4, (count, 1, 8, 8), generator=rng, dtype=torch.int32)
    labels = labels.repeat_interleave(4, 2).repeat_interleave(4, 3)
    planes = [labels, labels + 26_000] if model.options.with_instances else [labels]
    return {"A": torch.cat(planes, 1), "B": torch.rand(count, 3, 32, 32, generator=rng) * 2 - 1}


def step(model: Pix2PixHD, run: TrainingRun, number: int) -> None:
    length = model.length(model.options).count
    run.begin(Progress(number, 4, schedule=length * number / 4), 1.0)
    model.training_step(batch(model), run)
    run.end()


def weights(run: Path) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    save = folders.saves(run)[-1]
    return checkpoint.read(save / folders.WEIGHTS)[1], checkpoint.read(save / folders.STATE)[1]


# Label maps and instance maps.


def test_the_borders_between_instances_are_marked_on_both_sides():
    ids = torch.tensor([[1, 1, 2], [1, 1, 2], [26_001, 26_002, 26_002]], dtype=torch.int32)[None, None]
    assert edges(ids)[0, 0].tolist() == [[0, 1, 1], [1, 1, 1], [1, 1, 1]]


def test_features_are_means_over_the_pixels_of_an_instance():
    torch.manual_seed(0)
    features = torch.randn(2, 3, 6, 7, dtype=torch.float64, requires_grad=True)
    instances = torch.randint(0, 4, (2, 1, 6, 7), dtype=torch.int32) * 65_000
    result = pooled(features, instances)
    for n in range(2):
        for id_ in instances[n].unique():
            mask = instances[n, 0] == id_
            assert torch.allclose(result[n][:, mask], features[n][:, mask].mean(1, keepdim=True))
    (gradient,) = torch.autograd.grad(result.pow(2).sum(), features)
    assert torch.allclose(gradient, 2 * result)


def test_label_maps_of_any_size_are_translated_by_file_and_the_instances_found(data, trained, tmp_path, main):
    for name, first in (("labels", 0), ("instances", 40_000)):
        draw_ids(tmp_path / name, 1, seed=3, size=37, first=first)
    main("translate", "--model", trained, tmp_path / "labels" / "00.png", tmp_path / "out.png")
    made = np.asarray(Image.open(tmp_path / "out.png"))
    assert made.shape == (37, 37, 3)
    maps = [Image.open(tmp_path / name / "00.png") for name in ("labels", "instances")]
    translator = gantool.load(trained, device="cpu")
    assert (np.asarray(translator.translate(maps[0], instances=maps[1])) == made).all()
    flat = Image.fromarray(np.zeros((37, 37), np.uint16))
    assert (np.asarray(translator.translate(maps[0], instances=flat)) != made).any()  # instances do matter
    with pytest.raises(UsageError, match="instances=PICTURE"):
        translator.translate(maps[0])


LEFT_OUT = "3 color, 3 instanceIds, 3 labelTrainIds of Cityscapes left out: labelIds is taken"


@pytest.mark.parametrize(
    ("words", "left_out"),
    [
        (["gtFine/val"], LEFT_OUT),
        (["gtFine/val/aachen/*.png"], LEFT_OUT),
        (["@list.txt"], LEFT_OUT),
        (["gtFine", "leftImg8bit"], LEFT_OUT.replace("labelTrainIds", "labelTrainIds, 3 leftImg8bit")),
    ],
)
def test_of_cityscapes_the_label_maps_are_translated_and_the_rest_is_said(trained, tmp_path, main, words, left_out):
    cityscapes(tmp_path, split="val", classes=4)
    named = [path for word in words for path in (sorted(map(str, tmp_path.glob(word))) if "*" in word else [word])]
    (tmp_path / "list.txt").write_text("\n".join(map(str, sorted(tmp_path.glob("gtFine/val/*/*.png")))))
    _, _, err = main("translate", "--model", trained, *named, "out")
    results = sorted((tmp_path / "out").rglob("*.png"))
    assert [file.name for file in results] == [f"aachen_00000{n}_000019_gtFine_labelIds.png" for n in range(3)]
    assert [line for line in err.splitlines() if "left out" in line] == [left_out]
    ids, instances = (
        Image.open(tmp_path / f"gtFine/val/aachen/aachen_000001_000019_gtFine_{kind}.png")
        for kind in ("labelIds", "instanceIds")
    )
    expected = np.asarray(gantool.load(trained, device="cpu").translate(ids, instances=instances))
    assert (np.asarray(Image.open(results[1])) == expected).all()


def test_a_lone_map_of_another_kind_is_what_it_is(trained, tmp_path, main):
    """Whoever names one file means it: that it holds no labels is an error, not a file left out."""
    cityscapes(tmp_path, split="val", classes=4)
    colours = "gtFine/val/aachen/aachen_000000_000019_gtFine_color.png"
    _, _, err = main("translate", "--model", trained, colours, "out.png", code=3)
    assert "left out" not in err


def test_cityscapes_is_measured_as_it_is_downloaded(trained, tmp_path, main):
    cityscapes(tmp_path, split="val", classes=4)
    _, out, _ = main("eval", "--model", trained, "gtFine/val", "leftImg8bit/val", "--json")
    found = json.loads(out)
    assert found["protocol"]["pairing"].startswith("3 of 3 fake pictures")
    assert "psnr" in found  # labels and pictures of a scene are a pair
    assert LEFT_OUT in found["notes"]


def test_what_cannot_be_translated_is_named(trained, tmp_path, main):
    draw_ids(tmp_path / "labels", 1, seed=3, classes=6)
    _, _, err = main("translate", "--model", trained, tmp_path / "labels", tmp_path / "out", code=1)
    assert "instances" in err
    draw_ids(tmp_path / "instances", 1, seed=3)
    _, _, err = main("translate", "--model", trained, tmp_path / "labels", tmp_path / "out", code=1)
    assert "labels/00.png" in err
    assert "5, but the classes are 0 to 3" in err


def test_without_instance_maps(data, tmp_path):
    run = train(data, tmp_path / "run", steps=1, instances=False)
    translator = gantool.load(run, device="cpu")
    labels = Image.open(data / "labels" / "00.png")
    assert translator.translate(labels).size == labels.size
    with pytest.raises(UsageError, match="leave out instances"):
        translator.translate(labels, instances=labels)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label_nc": 0, "instances": True}, "label_nc"),
        ({"label_nc": 0, "features": "label"}, "label_nc"),
        ({"features": "instance", "instances": False}, "features=label"),
        ({"enhancers": 2, "width": 6}, "multiple of 4"),
        ({"fix_global": 1}, "local enhancers"),
        ({"channels_b": 2}, "1 or 3"),
    ],
)
def test_options_that_contradict_each_other(options, words):
    with pytest.raises(UsageError, match=words):
        opt.restore(Pix2PixHD.Options, options, where="pix2pixhd")


def test_sizes_follow_from_the_depth():
    assert (build(down=3).sizes.multiple, build(down=3).sizes.minimum) == (8, 16)
    assert build(down=3, enhancers=2).sizes.multiple == 32
    assert build(features="instance", e_down=5).sizes.multiple == 32
    assert build(down=1, scales=4).crops.minimum == 16
    for options in ({"down": 1, "scales": 4}, {"down": 3, "enhancers": 1}, {"features": "label", "e_down": 2}):
        model = build(**options)
        side, _ = model.crops.fit(1, 1)
        small = {name: images[..., :side, :side] for name, images in batch(model, 1).items()}
        run = TrainingRun(model, model.optimizers())
        run.begin(Progress(0, 1), 1.0)
        model.training_step(small, run)


# Coarse to fine.


def test_a_local_run_begins_with_the_global_runs_weights(data, trained, tmp_path):
    before, state = weights(trained)
    local = train(data, tmp_path / "local", from_=trained, enhancers=1, scales=3, fix_global=200)
    after, grown = weights(local)
    kept = [key for key in before if not key.startswith("g.head.")]
    assert kept
    for key in kept:  # the enhancer alone is trained
        assert torch.equal(after[key], before[key]), key
    assert any(key.startswith("g.enhancers.0.") for key in after)
    assert after["g.head.1.weight"].shape == (3, 4, 7, 7)
    assert {key.split(".")[3] for key in grown if key.startswith("model.d.scales.")} == {"0", "1", "2"}
    assert len([key for key in state if key.startswith("model.d.")]) < len(grown)


def test_what_the_enhancer_encloses_waits_and_then_begins_with_fresh_moments():
    model = build(enhancers=1, n_epochs=2, n_epochs_decay=2, fix_global=2)
    optimizers = model.optimizers()
    run = TrainingRun(model, optimizers)  # a step is an epoch of four
    inside = [p for name, p in model.g.named_parameters() if not name.startswith(("enhancers", "head"))]
    outside = [p for name, p in model.g.named_parameters() if name.startswith(("enhancers", "head"))]
    start = [p.clone() for p in inside]
    for number in range(2):
        step(model, run, number)
    assert all(torch.equal(p, old) for p, old in zip(inside, start, strict=True))
    assert not optimizers["G"].state
    assert all(optimizers["enhancer"].state[p]["step"] == 2 for p in outside)
    step(model, run, 2)
    assert not any(torch.equal(p, old) for p, old in zip(inside, start, strict=True) if p.dim() == 4)
    assert all(optimizers["G"].state[p]["step"] == 1 for p in (*inside, *outside))


def test_both_learning_rates_decay_after_n_epochs():
    model = build(n_epochs=3, n_epochs_decay=4)
    rates = [model.rate_factor(Progress(0, 1, schedule=float(epoch))) for epoch in range(8)]
    assert rates == [1, 1, 1, 1, 0.75, 0.5, 0.25, 0]
    assert {group["lr"] for optimizer in model.optimizers().values() for group in optimizer.param_groups} == {2e-4}


# Features.


def test_features_train_the_encoder_and_give_styles(data, tmp_path):
    model = build(features="instance", e_width=4, e_down=2)
    before = [p.clone() for p in model.e.parameters() if p.dim() == 4]
    run = TrainingRun(model, model.optimizers())
    for number in range(2):
        step(model, run, number)
    assert all(
        not torch.equal(p, b) for p, b in zip([p for p in model.e.parameters() if p.dim() == 4], before, strict=True)
    )

    model.eval()
    rng = torch.Generator().manual_seed(0)
    given = batch(model, 1)["A"]
    codes = [model.random_code(1, rng) for _ in range(2)]
    assert codes[0].shape == (1, model.code_size) == (1, 4 * 3)
    with torch.no_grad():
        first, second, mean = (
            model.translate(given, source=0, target=1, code=code) for code in (*codes, model.mean_code(1))
        )
    assert not torch.equal(first, second)
    assert not torch.equal(first, mean)
    assert (build(features="label", e_width=4, e_down=2).random_code(1, rng) == 0).all()  # nothing seen yet


# The perceptual loss.


def test_weights_of_vgg_turn_the_perceptual_loss_on_and_are_not_saved(data, tmp_path):
    torch.manual_seed(0)
    file = tmp_path / "vgg19.pth"
    torch.save({**VGG19().state_dict(), "classifier.0.weight": torch.zeros(2, 2)}, file)
    run = train(data, tmp_path / "run", steps=1, vgg=str(file))
    assert "perceptual" in (run / "log.jsonl").read_text()
    assert not any("vgg" in key for found in weights(run) for key in found)
    file.unlink()
    labels, instances = (Image.open(data / name / "00.png") for name in ("labels", "instances"))
    assert gantool.load(run, device="cpu").translate(labels, instances=instances).size == labels.size


def test_another_file_is_refused_before_training(data, tmp_path):
    file = tmp_path / "other.pth"
    torch.save({"features.0.weight": torch.zeros(64, 3, 5, 5)}, file)
    with pytest.raises(CheckpointError, match=r"other.pth.*VGG-19.*features.0.weight"):
        train(data, tmp_path / "run", vgg=str(file))


def test_without_feature_matching(data):
    model = build(matching=0, gan="vanilla")
    run = TrainingRun(model, model.optimizers())
    step(model, run, 0)
    assert set(run.losses()) == {"gan", "d_real", "d_fake"}


def test_the_pool_remembers_pairs():
    model = build(pool=2)
    run = TrainingRun(model, model.optimizers())
    for number in range(2):
        step(model, run, number)
    assert [image.shape for image in model.pool.images] == [(1, 5 + 3, 32, 32)] * 2


def test_labels_without_a_class_stop_before_the_first_step(data, tmp_path):
    with pytest.raises(DataError, match=r'labels/00.png holds the id 3.*train with set={"label_nc": 4}'):
        train(data, tmp_path / "run", label_nc=3)
    assert not (tmp_path / "run").exists()
