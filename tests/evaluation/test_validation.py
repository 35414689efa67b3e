"""The pictures of a validation: what each kind of model is measured on, and how folders are understood."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gantool.errors import DataError, UsageError
from gantool.evaluation.domains import compare_domains
from gantool.evaluation.pictures import silent
from gantool.evaluation.samples import compare_samples
from gantool.evaluation.translations import compare_translations
from gantool.evaluation.validation import check, validator
from gantool.evaluation.validation import trained_on as trained_on_too
from gantool.training.request import Plan, Request, plan
from tests.conftest import draw
from tests.runs import TINY_CYCLEGAN, untrained

CPU = torch.device("cpu")


def planned(model: str, data: list[Path], out: Path, *, options: dict[str, object] | None = None, **settings) -> Plan:
    return plan(Request(model, tuple(data), out, settings={"size": 36, "crop": 32, **settings}, set=options or {}))


@pytest.fixture
def pairs(tmp_path) -> list[Path]:
    return [draw(tmp_path / "train/a", 3, seed=1), draw(tmp_path / "train/b", 3, seed=2)]


def test_pictures_side_by_side_are_measured_as_their_halves(tmp_path):
    for part in ("train", "val"):
        a, b = draw(tmp_path / part / "a", 3, size=32, seed=1), draw(tmp_path / part / "b", 3, size=32, seed=2)
        for file in a.iterdir():
            both = np.hstack([np.asarray(Image.open(folder / file.name)) for folder in (a, b)])
            (tmp_path / f"both-{part}").mkdir(exist_ok=True)
            Image.fromarray(both).save(tmp_path / f"both-{part}" / file.name)
    settings = {"aligned": "AB", "validate": tmp_path / "both-val", "metric": "psnr"}
    chosen = planned("pix2pix", [tmp_path / "both-train"], tmp_path / "run", **settings)
    measure, on, _ = validator(chosen)
    assert on == f"{tmp_path / 'both-val'} (A: 3, B: 3)"
    weights = untrained(tmp_path / "run", "cyclegan")
    found = measure(weights, CPU, silent)
    expected = compare_translations(weights, tmp_path / "val/a", tmp_path / "val/b")
    assert found.metrics["psnr"] == expected.metrics["psnr"]
    assert found.metrics["swd"] == expected.metrics["swd"]
    assert found.set == measure(weights, CPU, silent).set, "and compare from save to save"


def test_what_is_held_back_comes_before_the_training_pictures(tmp_path, pairs):
    root = tmp_path / "horse2zebra"
    for name, count in (("trainA", 3), ("trainB", 3), ("testA", 1), ("testB", 2)):
        draw(root / name, count, seed=count)
    chosen = planned("cyclegan", pairs, tmp_path / "run", validate=root)
    assert [len(domain.files) for domain in check(chosen).domains] == [1, 2]
    shutil.copytree(root / "testA", root / "val/b")
    shutil.copytree(root / "testB", root / "val/a")
    domains = check(planned("cyclegan", pairs[::-1], tmp_path / "run", validate=root)).domains
    assert [domain.name for domain in domains] == ["b", "a"], "in the order of the run's domains"


def test_a_part_that_each_domain_holds_back_is_that_of_the_domain(tmp_path):
    for seed, name in enumerate(("cat", "dog", "fox")):
        draw(tmp_path / name / "train", 3, seed=seed)
        draw(tmp_path / name / "val", seed + 1, seed=seed + 5)
    (tmp_path / "two").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "two" / name).symlink_to(tmp_path / name)
    data = [tmp_path / "two/dog", tmp_path / "two/cat"]
    found = check(planned("cyclegan", data, tmp_path / "run", validate=tmp_path / "two")).domains
    assert [(domain.name, len(domain.files)) for domain in found] == [("dog", 2), ("cat", 1)]
    data = [tmp_path / name for name in ("cat", "dog", "fox")]
    measure, on, warning = validator(planned("stargan", data, tmp_path / "run", validate=tmp_path))
    assert (on, warning) == (f"{tmp_path} (cat: 1, dog: 2, fox: 3)", "")
    small = {"width": 4, "blocks": 1, "d_width": 4, "d_layers": 3}
    weights = untrained(tmp_path / "made", "stargan", ("cat", "dog", "fox"), **small)
    for name in ("cat", "dog", "fox"):
        (tmp_path / "left" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "left" / name).symlink_to(tmp_path / name / "val")
    assert measure(weights, CPU, silent).metrics == compare_domains(weights, tmp_path / "left").means[0].metrics


@pytest.mark.parametrize("held_back", ["val", "Testing"])
def test_many_domains_that_are_held_back_in_one_folder(tmp_path, held_back):
    for part, count in (("Training", 3), (held_back, 2)):
        for seed, name in enumerate(("cat", "dog")):
            draw(tmp_path / "data" / part / name, count, seed=seed)
    found = check(planned("stargan", [tmp_path], tmp_path / "run", validate=tmp_path)).domains
    assert [domain.root for domain in found] == [tmp_path / "data" / held_back / name for name in ("cat", "dog")]


def test_label_maps_that_are_held_back_stay_label_maps(tmp_path):
    for part, count in (("train", 3), ("val", 2)):
        for name in ("images", "labels"):
            draw(tmp_path / name / part, count, seed=1)
        for file in (tmp_path / "labels" / part).iterdir():
            Image.fromarray(np.zeros((48, 48), np.uint8)).save(file)
    options = {"label_nc": 2, "instances": False}
    maps, pictures = check(
        planned("pix2pixhd", [tmp_path], tmp_path / "run", options=options, validate=tmp_path)
    ).domains
    assert (maps.name, maps.classes, len(maps.files)) == ("labels", 2, 2)
    assert (pictures.name, pictures.classes, len(pictures.files)) == ("images", 0, 2)


def test_many_domains_have_a_folder_each(tmp_path):
    names = ("blue", "green")
    for seed, name in enumerate(names):
        draw(tmp_path / "train" / name, 3, seed=seed)
        draw(tmp_path / "val" / name, 2, seed=seed + 5)
    small = {"width": 4, "blocks": 1, "d_width": 4, "d_layers": 3}
    weights = untrained(tmp_path / "run", "stargan", names, **small)
    chosen = planned("stargan", [tmp_path / "train"], tmp_path / "out", options=small, validate=tmp_path / "val")
    measure, *_ = validator(chosen)
    assert measure(weights, CPU, silent).metrics == compare_domains(weights, tmp_path / "val").means[0].metrics
    shutil.rmtree(tmp_path / "val/green")
    with pytest.raises(DataError, match=r"has no folder green, a domain of this run; its folders: blue"):
        check(chosen)
    with pytest.raises(UsageError, match="in pairs"):
        check(planned("stargan", [tmp_path / "train"], tmp_path / "out", validate=tmp_path / "train", metric="psnr"))


def test_pictures_of_noise_are_measured_against_the_folder(tmp_path, trained):
    real = draw(tmp_path / "real", 3, seed=1)
    weights = trained("dcgan") / "checkpoints/00000004/weights.safetensors"
    measure, on, _ = validator(planned("dcgan", [real], tmp_path / "run", validate=real))
    assert on == f"{real} (real: 3)"
    found = measure(weights, CPU, silent)
    assert found.metrics["swd"] == compare_samples(weights, [real]).metrics["swd"]
    assert any("KID" in note for note in found.notes)


@pytest.mark.parametrize(
    ("model", "trained_on", "held_back"),
    [
        ("dcgan", ["cat/train", "dog/train"], ["cat/test", "dog/test"]),
        ("stylegan", ["trainA", "trainB"], ["testA", "testB"]),
        ("wgan", ["train"], ["val"]),
        ("biggan", ["afhq/train/cat", "afhq/train/dog"], ["afhq/val/cat", "afhq/val/dog"]),
        ("biggan", ["cat/train", "dog/train"], ["cat/test", "dog/test"]),
        ("biggan", ["seg_train/seg_train/sea", "seg_train/seg_train/ice"], ["seg_test/seg_test/sea"]),
        ("stackgan", ["beside/train"], ["beside/test"]),
    ],
)
def test_models_of_noise_are_measured_on_what_is_held_back_of_their_data(tmp_path, model, trained_on, held_back):
    root = tmp_path / "data"
    for seed, folder in enumerate((*trained_on, *held_back)):
        for file in draw(root / folder, 3, seed=seed).iterdir():
            if model == "stackgan":
                file.with_suffix(".txt").write_text("a drawing")
    chosen = planned(model, [root], tmp_path / "run", validate=root, crop=32)
    assert sum(len(domain.files) for domain in chosen.domains) == 3 * len(trained_on)
    found = check(chosen)
    files = {str(file.parent.relative_to(root)) for domain in found.domains for file in domain.files}
    assert files == set(held_back)
    assert trained_on_too(chosen, found) == ""


def test_what_is_measured_of_noise_is_what_is_held_back(tmp_path, trained):
    for seed, part in enumerate(("cat/train", "cat/test", "dog/train", "dog/test")):
        draw(tmp_path / "data" / part, 3, seed=seed)
    (tmp_path / "left").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "left" / name).symlink_to(tmp_path / "data" / name / "test")
    weights = trained("dcgan") / "checkpoints/00000004/weights.safetensors"
    measure, *_ = validator(planned("dcgan", [tmp_path / "data"], tmp_path / "run", validate=tmp_path / "data"))
    assert measure(weights, CPU, silent).metrics["swd"] == compare_samples(weights, [tmp_path / "left"]).metrics["swd"]


def test_pictures_that_are_also_trained_on_are_counted_by_where_they_really_lie(tmp_path, pairs):
    root = tmp_path / "val"
    for letter, folder in zip("ab", pairs, strict=True):
        draw(root / letter, 2, seed=5)
        (root / letter / "02.png").symlink_to(folder / "00.png")
    chosen = planned("cyclegan", pairs, tmp_path / "run", validate=root)
    assert validator(chosen)[2].startswith("2 of the 6 validation pictures are also trained on")
    (tmp_path / "link").symlink_to(tmp_path / "train")
    chosen = planned("cyclegan", pairs, tmp_path / "run", validate=tmp_path / "link")
    assert validator(chosen)[2].startswith("6 of the 6 ")
    chosen = planned("cyclegan", [draw(tmp_path / name, 2, seed=1) for name in "ab"], tmp_path / "run", validate=root)
    assert validator(chosen)[2] == "", "of the same names, elsewhere"


def test_figures_compare_only_if_all_that_decides_is_the_same(tmp_path, pairs):
    a, b = draw(tmp_path / "val/a", 2, seed=3), draw(tmp_path / "val/b", 2, seed=4)
    chosen = planned("cyclegan", pairs, tmp_path / "out", options=TINY_CYCLEGAN, validate=tmp_path / "val")
    one, other = (untrained(tmp_path / "run", step=step, seed=step) for step in (1, 2))
    measure, *_ = validator(chosen)
    first = measure(one, CPU, silent)
    assert measure(other, CPU, silent).set == first.set
    assert measure(other, CPU, silent).metrics != first.metrics
    Image.open(a / "00.png").save(b / "00.png")
    assert validator(chosen)[0](one, CPU, silent).set != first.set
    (a / "00.png").rename(a / "renamed.png")
    assert validator(chosen)[0](one, CPU, silent).set != first.set
