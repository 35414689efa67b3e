"""The FCN score, both ways, against loops over pixels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from gantool.evaluation.description import read_description
from gantool.evaluation.folders import compare_folders
from gantool.evaluation.how import How
from gantool.evaluation.judges import load_judges
from gantool.evaluation.segmentation import NONE, read_places
from tests.evaluation.small_judges import COLORS, exported, scene, segmenter, stored, trained
from tests.evaluation.test_eval_models import Plain, saved

pytest.importorskip("onnxruntime")

IDS = (7, 11, 21)
CLASSES = "".join(
    f"  - {{name: {name}, id: {id}, color: {list(color)}}}\n"
    for (name, color), id in zip(COLORS.items(), IDS, strict=True)
)
MEAN = (72.78044, 83.21195, 73.45286)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """It takes levels of 0 to 255, blue first, less the mean."""
    torch.manual_seed(0)
    places = np.random.default_rng(0).integers(0, 3, (4, 16, 16))
    images = np.stack([scene(one, seed) for seed, one in enumerate(places)])[..., ::-1] - np.array(MEAN)
    return trained(segmenter(), (images / 50).transpose(0, 3, 1, 2).astype(np.float32), places)


@pytest.fixture(scope="module")
def judge(network, tmp_path_factory) -> Path:
    """A description; the network is described with it."""
    folder = tmp_path_factory.mktemp("judge")
    exported(network, folder / "fcn.onnx")
    (folder / "city.yaml").write_text(
        f"network: fcn.onnx\nclasses:\n{CLASSES}ignore: [[0, 0, 0]]\n"
        f"input: {{size: 24x20, resize: bilinear, channels: bgr, scale: 255, mean: {list(MEAN)}, std: 50}}\n"
    )
    return folder / "city.yaml"


def maps(count: int, seed: int, size: tuple[int, int] = (18, 14)) -> np.ndarray:
    """Places (N, H, W) in blocks of two pixels; 3 is no class. Few are of the last class."""
    rng = np.random.default_rng(seed)
    blocks = rng.choice(4, (count, size[1] // 2, size[0] // 2), p=(0.5, 0.35, 0.05, 0.1))
    return blocks.repeat(2, axis=1).repeat(2, axis=2)


def segmented(network: nn.Module, pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """What the network says, by the rule of the description, at (width, height) `size`."""
    large = np.asarray(Image.fromarray(pixels).resize((24, 20), Image.Resampling.BILINEAR), np.float32)
    values = torch.from_numpy(((large[..., ::-1] - np.array(MEAN, np.float32)) / 50).transpose(2, 0, 1)[None])
    with torch.no_grad():
        found = network(values.float())[0].argmax(0).to(torch.int32).numpy()
    return np.asarray(Image.fromarray(found).resize(size, Image.Resampling.NEAREST))


def score(truths: list[np.ndarray], said: list[np.ndarray]) -> dict[str, float]:
    """By the papers' formulas, pixel by pixel."""
    matrix = [[0] * 4 for _ in range(3)]
    for truth, one in zip(truths, said, strict=True):
        for row in range(truth.shape[0]):
            for column in range(truth.shape[1]):
                if truth[row, column] < 3:
                    matrix[truth[row, column]][one[row, column]] += 1
    total, accuracy, iou = sum(map(sum, matrix)), 0.0, 0.0
    for k in range(3):
        hit, are, told = matrix[k][k], sum(matrix[k]), sum(row[k] for row in matrix)
        accuracy += hit / (are + 1e-12) / 3
        iou += hit / (are + told - hit + 1e-12) / 3
    hits = sum(matrix[k][k] for k in range(3))
    return {"pixel_accuracy": hits / total, "class_accuracy": accuracy, "class_iou": iou}


def of_reals(found: dict[str, float]) -> dict[str, float]:
    return {f"{name}_real": value for name, value in found.items()}


def drawn(places: np.ndarray) -> np.ndarray:
    return np.array([*COLORS.values(), (0, 0, 0)], np.uint8)[places]


def test_photos_are_segmented_and_compared_with_maps_of_ids(main, tmp_path, judge, network):
    """Also maps larger than the photos, ids of no class, and real photos of which one has no map."""
    truths = maps(3, seed=1, size=(36, 28))
    fakes, reals = [], []
    for number, one in enumerate(truths):
        ids = np.array([*IDS, 255], np.uint8)[one]
        stored(ids, tmp_path / f"labels/x_{number}_gtFine_labelIds.png")
        stored(ids + 1, tmp_path / f"labels/x_{number}_gtFine_instanceIds.png")  # in the same folder, another kind
        small = np.minimum(one[::2, ::2], 2)
        fakes.append(scene(small, number, noise=90))
        reals.append(scene(small, 10 + number, noise=30))
        stored(fakes[-1], tmp_path / f"fake/x_{number}_leftImg8bit.png")
        stored(reals[-1], tmp_path / f"real/x_{number}.png")
    stored(reals[0], tmp_path / "real/other.png")
    words = ("eval", "real", "fake", "--judge", judge, "--labels", "labels", "--json")
    found = json.loads(main(*words)[1])
    expected = score(list(truths), [segmented(network, one, (36, 28)) for one in fakes])
    expected |= of_reals(score(list(truths), [segmented(network, one, (36, 28)) for one in reals]))
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert 0.5 < found["pixel_accuracy"] < found["pixel_accuracy_real"] < 1
    assert found["protocol"]["judge"]["real pictures with a label map"] == 3
    assert "24x20, bilinear by Pillow on 8-bit values; bgr, 0 to 255" in found["protocol"]["judge"]["input"]
    assert found["classes"]["ruby"]["pixels"] == int((truths == 0).sum())
    (tmp_path / "labels/x_1_gtFine_labelIds.png").unlink()
    assert "no label map of the name of x_1_leftImg8bit.png" in main(*words, code=3)[2]
    assert "--labels names the folder of their label maps" in main(*words[:5], code=2)[2]


def test_what_is_absent_counts_as_nothing_and_weights_repeat_pictures(tmp_path, judge, network):
    truths = np.minimum(maps(3, seed=2), 1)  # nothing of the last class
    fakes = [scene(one, number, noise=90) for number, one in enumerate(truths)]
    for number, one in enumerate(truths):
        stored(drawn(one), tmp_path / f"labels/{number}.png")
        stored(fakes[number], tmp_path / f"fake/{number}.png")
        stored(fakes[number], tmp_path / f"real/{number}.png")
    how = How(judges=load_judges(judge=judge, labels=tmp_path / "labels"), recounted=True)
    found = compare_folders(tmp_path / "real", tmp_path / "fake", how=how)
    said = [segmented(network, one, (18, 14)) for one in fakes]
    expected = score(list(truths), said)
    assert expected["class_accuracy"] < 0.67
    assert {name: found.metrics[name] for name in expected} == pytest.approx(expected)
    assert found.protocol["judge"]["classes absent"] == "1, which count as 0 in the means, as in the papers"
    assert any("show no sea" in note for note in found.notes)
    again = found.recount(np.array([0.0, 0, 1]), np.array([2.0, 0, 1]))
    repeated = score([truths[k] for k in (0, 0, 2)], [said[k] for k in (0, 0, 2)])
    repeated |= of_reals(score([truths[2]], [said[2]]))
    assert {name: again[name] for name in repeated} == pytest.approx(repeated)


def test_a_models_photos_are_compared_with_its_own_inputs(main, tmp_path, install_plugin, judge, network):
    """The model keeps a quarter of the contrast, so that every pixel is near the grey in the middle."""
    run = saved(Plain, tmp_path, install_plugin)
    truths = maps(2, seed=3)
    for number, one in enumerate(truths):
        stored(drawn(one), tmp_path / f"a/{number}.png")
        stored(scene(np.minimum(one, 2), number), tmp_path / f"b/{number}.png")
    found = json.loads(main("eval", "-m", run, "a", "b", "--judge", judge, "--json")[1])
    main("translate", "-m", run, "a", "out", "--ext", "png")
    made = [np.asarray(Image.open(tmp_path / f"out/{number}.png")) for number in range(2)]
    expected = score(list(truths), [segmented(network, one, (18, 14)) for one in made])
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert found["protocol"]["judge"]["real pictures with a label map"] == 2


def test_label_maps_are_compared_as_they_are(main, tmp_path):
    """Drawn ones, blended and of another size, and such with a palette, whose index is the id."""
    (tmp_path / "city.yaml").write_text(f"classes:\n{CLASSES}ignore: [[0, 0, 0]]\n")
    truths, fakes = maps(2, seed=4), maps(2, seed=5)
    for number in range(2):
        stored(drawn(truths[number]), tmp_path / f"real/{number}.png")
    blended = drawn(fakes[0]).astype(int) + np.random.default_rng(0).integers(-20, 21, (14, 18, 3))
    stored(blended.clip(0, 255).astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1), tmp_path / "fake/0.png")
    palette = Image.fromarray(np.array([*IDS, 0], np.uint8)[fakes[1]], "P")
    palette.putpalette(np.random.default_rng(1).integers(0, 256, 768).astype(np.uint8).tobytes())
    palette.save(tmp_path / "fake/1.png")
    found = json.loads(main("eval", "real", "fake", "--judge", "city.yaml", "--json")[1])
    expected = score(list(truths), list(fakes))
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert "pixel_accuracy_real" not in found
    assert found["protocol"]["judge"]["network"] == "none: label maps are compared as they are"


def test_ids_of_32_bits_are_no_class_and_take_no_memory(tmp_path):
    ids = np.full((8, 8), 2**31 - 1, np.int32)
    ids[:, :2] = 7
    Image.fromarray(ids).save(tmp_path / "0.tif")
    (tmp_path / "city.yaml").write_text("classes: [{name: road, id: 7}, {name: sky, id: 9}]\n")
    found = read_places(tmp_path / "0.tif", read_description(tmp_path / "city.yaml"))
    assert found.tolist() == [[0, 0] + [NONE] * 6] * 8


def test_results_in_colours_need_classes_with_colours(main, tmp_path, install_plugin):
    run = saved(Plain, tmp_path, install_plugin)
    (tmp_path / "city.yaml").write_text("classes: [{name: road, id: 7}, {name: sky, id: 9}]\n")
    stored(drawn(maps(1, seed=6)[0]), tmp_path / "a/0.png")
    refused = main("eval", "-m", run, "a", "a", "--judge", "city.yaml", code=2)[2]
    assert "the classes have no color" in refused
    assert "not a map of ids" in main("eval", "a", "a", "--judge", "city.yaml", code=3)[2]
