"""A model with styles measured: its first translations against the real ones, all of them among each other."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from gantool.capabilities import Coded, Translates
from gantool.errors import DataError, UsageError
from gantool.evaluation.how import How
from gantool.evaluation.translations import compare_translations
from gantool.model import Model
from gantool.runs import checkpoint
from gantool.runs.find import find_weights
from gantool.spec import Pictures, Sizes, Spec
from tests.conftest import draw
from tests.runs import save


class Tinted(Model, Translates, Coded):
    """The picture, its colours shifted by the style."""

    contract = 2
    sizes = Sizes(multiple=4)
    code_size = 3

    @dataclass(frozen=True, kw_only=True)
    class Options:
        pass

    def __init__(self, options: object, spec: Spec) -> None:
        super().__init__(options, spec)
        self.strength = nn.Parameter(torch.tensor(0.25))

    def translate(self, images: Tensor, *, source: int, target: int, code=None, condition=None) -> Tensor:
        assert code is not None
        return (images / 2 + self.strength * code[:, :, None, None]).clamp(-1, 1)


class Plain(Tinted):
    """One result for a picture."""

    code_size = 0

    def translate(self, images: Tensor, *, source: int, target: int, code=None, condition=None) -> Tensor:
        assert code is None
        return images * self.strength


@pytest.fixture
def run(tmp_path, install_plugin) -> Path:
    return saved(Tinted, tmp_path, install_plugin)


def saved(kind: type[Model], folder: Path, install_plugin) -> Path:
    """A run of this model, whose plugin is called "tinted"."""
    install_plugin("tinted", f"{kind.__module__}:{kind.__name__}")
    spec = Spec(("A", "B"), (Pictures(), Pictures()), 16)
    save(folder / "run", checkpoint.build_model(kind, kind.Options(), spec), "tinted")
    return folder / "run"


def loaded(folder: Path, pattern: str) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)) for path in sorted(folder.glob(pattern))]


def test_the_pictures_measured_are_those_that_translate_makes(main, tmp_path, run):
    draw(tmp_path / "a", 3, seed=1)
    draw(tmp_path / "b", 3, seed=2)
    _, out, _ = main("eval", "--model", run, "a", "b", "-n", 4, "--seed", 5, "--json")
    found = json.loads(out)
    main("translate", "--model", run, "a", "out", "-n", 4, "--seed", 5)
    made = [loaded(tmp_path / "out", f"{index:02d}.*") for index in range(3)]
    assert [len(each) for each in made] == [4, 4, 4]
    l1 = [np.abs(one.astype(float) - other).mean() / 255 for each in made for one, other in combinations(each, 2)]
    assert found["diversity_l1"] == pytest.approx(np.mean(l1), rel=1e-6)  # float32's rounding
    assert found["diversity_l1"] > 0.05
    assert found["protocol"]["styles"]["translations of each picture"] == 4
    pairs = zip(made, loaded(tmp_path / "b", "*"), strict=False)  # the first three of the real pictures
    assert found["l1"] == pytest.approx(np.mean([np.abs(each[0].astype(float) - b).mean() / 255 for each, b in pairs]))


def test_a_model_is_measured_as_the_files_that_it_writes_are(main, tmp_path, run):
    """Also transparent and grey ones, ones of another size, and folders that sort otherwise than their paths."""
    draw(tmp_path / "a", 2, seed=1)
    draw(tmp_path / "a" / "x", 2, seed=3)
    draw(tmp_path / "a" / "x y", 1, seed=4, size=52, suffix=".webp")
    Image.open(tmp_path / "a" / "00.png").convert("L").save(tmp_path / "a" / "00.png")
    clear = Image.open(tmp_path / "a" / "01.png").convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    clear.save(tmp_path / "a" / "01.png")
    draw(tmp_path / "b", 3, seed=2)
    found = json.loads(main("eval", "-m", run, "a", "b", "-n", 1, "--seed", 5, "--json")[1])
    main("translate", "-m", run, "a", "out", "--seed", 5, "--ext", "png")
    files = json.loads(main("eval", "b", "out", "--seed", 5, "--json")[1])
    assert found["protocol"]["fake"]["transparent, laid on white"] == 1
    del found["protocol"]["model"], found["protocol"]["fake"]["path"], files["protocol"]["fake"]["path"]
    assert found == files


def test_ten_styles_unless_asked_otherwise_and_one_has_no_diversity(tmp_path, run):
    draw(tmp_path / "a", 1, seed=1)
    weights = find_weights(str(run))
    found = compare_translations(weights, tmp_path / "a", tmp_path / "a")
    assert found.protocol["styles"]["diversity"].startswith("mean over the 45 pairs")
    assert [row[0] for row in found.rows()][-1] == "Diversity, L1"
    alone = compare_translations(weights, tmp_path / "a", tmp_path / "a", styles=1)
    assert "diversity_l1" not in alone.metrics
    assert "styles" not in alone.protocol


def test_scores_and_perceived_diversity_come_with_their_networks(tmp_path, run, judges):
    draw(tmp_path / "a", 2, seed=1)
    found = compare_translations(
        find_weights(str(run)), tmp_path / "a", tmp_path / "a", styles=2, how=How(judges=judges)
    )
    assert {"lpips", "diversity_lpips", "is", "is_kl", "cis", "cis_kl"} <= found.metrics.keys()
    assert found.metrics["diversity_lpips"] > 0
    assert 1 < found.metrics["cis"] < found.metrics["is"]  # what a picture's translations share sets it apart
    assert "all 4 translations" in found.protocol["styles"]["inception scores"]


def test_a_model_without_styles_has_nothing_to_count(main, tmp_path, install_plugin):
    draw(tmp_path / "a", 1, seed=1)
    assert "-n goes with --model" in main("eval", "a", "a", "-n", 2, code=2)[2]
    run = saved(Plain, tmp_path, install_plugin)
    found = compare_translations(find_weights(str(run)), tmp_path / "a", tmp_path / "a")
    assert found.metrics["l1"] > 0
    assert "styles" not in found.protocol
    with pytest.raises(UsageError, match=r"^tinted has one result for a picture: leave out n$"):
        compare_translations(find_weights(str(run)), tmp_path / "a", tmp_path / "a", styles=2)
    assert main("eval", "-m", run, "a", "a", "-n", 2, code=2)[2].endswith(": leave out -n\n")


def test_nothing_to_compare_with_is_said_before_the_first_translation(tmp_path, run):
    draw(tmp_path / "a", 2, seed=1)
    (tmp_path / "empty").mkdir()
    seen = []
    how = How(progress=lambda *said: seen.append(said))
    with pytest.raises(DataError, match="empty"):
        compare_translations(find_weights(str(run)), tmp_path / "a", tmp_path / "empty", how=how)
    assert seen == []
