"""What is kept of a picture, against slow loops and the two verbs that make the same pictures."""

from __future__ import annotations

import json
from math import hypot

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from gantool.capabilities import Encodes
from gantool.evaluation.content import color_shift, edge_agreement
from gantool.evaluation.how import How
from gantool.evaluation.pictures import as_rgb
from gantool.evaluation.translations import compare_translations
from gantool.runs.find import find_weights
from tests.conftest import draw, draw_ids
from tests.evaluation.test_eval_models import Tinted, saved
from tests.runs import untrained


def outlines(pixels: np.ndarray) -> list[float]:
    """Gradient magnitudes of a picture (H, W, C) in [0, 1] by Sobel's differences, the border repeated."""
    height, width, channels = pixels.shape
    found = []
    for row in range(height):
        for column in range(width):
            total = 0.0
            for channel in range(channels):
                across = down = 0.0
                for i in (-1, 0, 1):
                    for j in (-1, 0, 1):
                        y, x = min(max(row + i, 0), height - 1), min(max(column + j, 0), width - 1)
                        across += j * (2 - abs(i)) * pixels[y, x, channel]
                        down += i * (2 - abs(j)) * pixels[y, x, channel]
                total += hypot(across, down) ** 2
            found.append(total**0.5)
    return found


def lightness_and_color(pixel: tuple[float, ...]) -> tuple[float, float, float]:
    """L*, a*, b* by the standard, of sRGB in [0, 1]."""
    linear = [((c + 0.055) / 1.055) ** 2.4 if c > 0.04045 else c / 12.92 for c in pixel]
    rows = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
    x, y, z = (
        sum(a * b for a, b in zip(row, linear, strict=True)) / white
        for row, white in zip(rows, (0.95047, 1, 1.08883), strict=True)
    )
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def test_outlines_and_colours_are_what_their_formulas_say():
    rng = np.random.default_rng(0)
    one = rng.integers(0, 256, (7, 9, 3)).astype(np.uint8)
    other = (one * 0.5 + rng.integers(0, 100, (7, 9, 3))).astype(np.uint8)
    expected = np.corrcoef(outlines(one / 255), outlines(other / 255))[0, 1]
    assert edge_agreement(as_rgb(one), as_rgb(other)) == pytest.approx(expected, abs=1e-5)  # float32
    pairs = zip((one / 255).reshape(-1, 3).tolist(), (other / 255).reshape(-1, 3).tolist(), strict=True)
    shifts = [np.linalg.norm(np.subtract(lightness_and_color(a), lightness_and_color(b))) for a, b in pairs]
    assert color_shift(as_rgb(one), as_rgb(other)) == pytest.approx(np.mean(shifts), rel=1e-4)  # float32
    assert color_shift(torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)) == pytest.approx(100, rel=1e-4)


def test_outlines_do_not_care_for_contrast_nor_which_side_is_dark():
    one = as_rgb(np.random.default_rng(0).integers(0, 256, (8, 9, 3)).astype(np.uint8))
    assert edge_agreement(one, one) == pytest.approx(1)
    assert edge_agreement(one, 1 - one / 4) == pytest.approx(1, abs=1e-5)
    assert abs(edge_agreement(one, one.flip(3))) < 0.5
    flat = torch.full_like(one, 0.4)
    assert edge_agreement(flat, flat / 2) == 1
    assert edge_agreement(one, flat) == edge_agreement(flat, one) == 0
    assert edge_agreement(torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1)) == 1


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"), np.float64) / 255


def test_there_and_back_is_what_two_commands_make(main, tmp_path):
    """Of pictures of odd sizes; grey ones and such of 16 bits, too."""
    run = untrained(tmp_path / "run", domains=("horse", "zebra"), init_gain=0.2)
    draw(tmp_path / "a", 2, seed=1, size=37)
    Image.open(tmp_path / "a/00.png").convert("L").save(tmp_path / "a/00.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 65536, (24, 33)).astype(np.uint16)).save(tmp_path / "a/w.png")
    draw(tmp_path / "b", 3, seed=2, size=29)
    found = json.loads(main("eval", "-m", run, "a", "b", "--consistency", "--json")[1])
    main("translate", "-m", run, "a", "there", "--to", "zebra", "--ext", "png")
    main("translate", "-m", run, "there", "back", "--to", "horse", "--ext", "png")
    main("translate", "-m", run, "b", "same", "--to", "zebra", "--ext", "png")
    names = ["00.png", "01.png"]
    deep = np.asarray(Image.open(tmp_path / "a/w.png"), np.float64)[..., None].repeat(3, axis=2) / 65535
    cycle = [np.abs(pixels(tmp_path / "a" / name) - pixels(tmp_path / "back" / name)).mean() for name in names]
    cycle.append(np.abs(deep - pixels(tmp_path / "back/w.png")).mean())
    assert found["cycle_l1"] == pytest.approx(np.mean(cycle), rel=1e-3)
    same = [np.abs(pixels(file) - pixels(tmp_path / "same" / file.name)).mean() for file in (tmp_path / "b").iterdir()]
    assert found["identity_l1"] == pytest.approx(np.mean(same), rel=1e-5)
    assert 0.02 < found["cycle_l1"] != found["identity_l1"]
    kept = json.loads(main("eval", "b", "there", "--inputs", "a", "--json")[1])
    assert {name: kept[name] for name in ("edge_agreement", "color_shift")} == pytest.approx(
        {name: found[name] for name in ("edge_agreement", "color_shift")}
    )
    assert "cycle_l1" not in kept
    assert "mean |difference|" in found["protocol"]["consistency"]["cycle"]


class Painted(Encodes, Tinted):
    """The mean colour is the style."""

    def translate(self, images: Tensor, *, source: int, target: int, code=None, condition=None) -> Tensor:
        assert code is not None
        return images - images.mean((2, 3), keepdim=True) + self.strength * code[:, :, None, None]

    def encode(self, images: Tensor, *, domain: int) -> Tensor:
        return images.mean((2, 3)) / self.strength


def test_the_way_back_is_in_the_style_of_the_picture_itself(tmp_path, install_plugin):
    run = saved(Painted, tmp_path, install_plugin)
    for name, seed in (("a", 1), ("b", 2)):
        draw(tmp_path / name, 2, seed=seed)
        for file in (tmp_path / name).iterdir():  # a quarter of the contrast, so that nothing is clipped
            Image.fromarray((np.asarray(Image.open(file)) // 4 + 100).astype(np.uint8)).save(file)
    found = compare_translations(
        find_weights(str(run)), tmp_path / "a", tmp_path / "b", styles=1, how=How(consistency=True)
    )
    assert found.metrics["color_shift"] > 5
    assert max(found.metrics["cycle_l1"], found.metrics["identity_l1"]) < 1 / 255  # rounding, twice
    assert "in the style of the picture itself" in found.protocol["consistency"]["cycle"]


class OneWay(Tinted):
    """From A to B alone."""

    def directions(self):
        return super().directions()[:1]


def test_what_a_model_cannot_do_is_left_out_and_said(main, tmp_path, install_plugin):
    run = saved(OneWay, tmp_path, install_plugin)
    draw(tmp_path / "a", 3, seed=1)
    draw(tmp_path / "b", 2, seed=2)
    how = How(consistency=True, recounted=True)
    found = compare_translations(find_weights(str(run)), tmp_path / "a", tmp_path / "b", styles=2, how=how)
    assert "cycle_l1" not in found.metrics
    assert any("the cycle error, as the weights do not lead back from B" in note for note in found.notes)
    assert found.protocol["consistency"]["identity"].startswith(
        "real pictures of B translated as if of A, in a drawn style"
    )
    once = found.recount(np.ones(2), np.ones(3))
    assert {name: once[name] for name in ("identity_l1", "edge_agreement", "color_shift")} == pytest.approx(
        {name: found.metrics[name] for name in ("identity_l1", "edge_agreement", "color_shift")}
    )
    third, second = (found.recount(np.array([0, 1.0]), weights) for weights in (np.eye(3)[2], np.eye(3)[1]))
    assert third["color_shift"] != second["color_shift"]
    assert third["identity_l1"] == second["identity_l1"] != once["identity_l1"]


def test_label_maps_have_no_outlines(main, tmp_path):
    small = {"instances": False, "width": 4, "down": 1, "blocks": 1, "d_width": 4, "scales": 1}
    run = untrained(tmp_path / "run", "pix2pixhd", ("labels", "photos"), label_nc=4, **small)
    draw_ids(tmp_path / "labels", 1, seed=1, classes=4, size=32)
    draw(tmp_path / "photos", 1, seed=1, size=32)
    found = json.loads(main("eval", "-m", run, "labels", "photos", "--consistency", "--json")[1])
    assert "edge_agreement" not in found
    assert any("labels are label maps, which have no outlines" in note for note in found["notes"])


def test_every_result_of_many_domains_counts(main, tmp_path):
    names = ("blue", "green", "red")
    run = untrained(tmp_path / "run", "stargan", names, width=4, blocks=1, d_width=4, d_layers=3)
    for seed, name in enumerate(names):
        draw(tmp_path / "val" / name, 2, seed=seed, size=20)
    found = json.loads(main("eval", "-m", run, "val", "--size", 16, "--consistency", "--json")[1])
    wanted = {"cycle_l1", "identity_l1", "edge_agreement", "color_shift"}
    assert all(wanted <= task["metrics"].keys() for task in found["tasks"])
    assert wanted <= found["mean"]["all"].keys()


def test_words_that_do_not_fit_are_refused_early(main, tmp_path):
    draw(tmp_path / "a", 2, seed=1)
    draw(tmp_path / "b", 1, seed=1)
    assert (
        "for two folders --inputs names what the second was made of"
        in main("eval", "a", "a", "--consistency", code=2)[2]
    )
    run = untrained(tmp_path / "run")
    assert "--consistency is for --model" in main("eval", "-m", run, "a", "a", "--inputs", "a", code=2)[2]
    assert "is not a folder of pictures" in main("eval", "a", "a", "--inputs", "none", code=3)[2]
    assert "holds no picture of the name of a/01.png" in main("eval", "a", "a", "--inputs", "b", code=3)[2]
