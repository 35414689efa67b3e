"""Models measured against each other: the figures are those of eval, intervals and marks stand on the same draws."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gantool
from gantool.capabilities import Samples
from gantool.comparison.found import Measured, marks
from gantool.errors import UsageError
from gantool.model import Model
from gantool.runs import checkpoint
from gantool.spec import Pictures, Spec
from tests.conftest import draw, draw_ids
from tests.runs import save, untrained

SIDE = 16


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """Two CycleGANs, results of the first, and pictures in pairs."""
    root = tmp_path_factory.mktemp("set") / "shapes"
    draw(root / "testA", 5, seed=1, size=SIDE)
    draw(root / "testB", 5, seed=2, size=SIDE)
    for seed, name in enumerate(("one", "two")):
        untrained(root / "runs" / name, seed=seed)
    gantool.translate(root / "runs" / "one", root / "testA", root / "results", ext="png")
    draw(root / "results", 7, seed=9, size=SIDE, suffix=".more.png")  # what is not a result of A does not count
    return root


@pytest.fixture(scope="module")
def found(world) -> gantool.api.Comparison:
    models = {"first": world / "runs/one", "second": world / "runs/two", "files": world / "results"}
    return gantool.compare(models, [world / "testA", world / "testB"], resamples=20, out=world / "page" / "x.html")


def test_every_row_has_the_figures_of_eval(main, world, found):
    assert found.data == "shapes"
    assert found.columns == ("psnr", "ssim", "l1", "swd")
    for row, run in zip(found.rows, ("one", "two"), strict=False):
        own = json.loads(main("eval", "-m", world / "runs" / run, world / "testA", world / "testB", "--json")[1])
        assert row.metrics == {name: own[name] for name in row.metrics}
        assert found.protocol["real"].items() <= own["protocol"]["real"].items()
        assert row.protocol["model"]["sha256"] == own["protocol"]["model"]["sha256"]


def test_a_page_that_a_person_wrote_stays(world, found, tmp_path):
    mine = tmp_path / "mine.html"
    mine.write_text("mine")
    with pytest.raises(UsageError, match="exists, and gantool did not write it"):
        gantool.compare([world / "results"], [world / "testA", world / "testB"], out=mine)
    assert mine.read_text() == "mine"


def test_results_in_files_are_drawn_as_those_of_their_model_are(found):
    model, other, files = found.rows
    assert files.metrics == model.metrics
    assert files.intervals == model.intervals  # the same draws of the same pictures
    assert files.marks == model.marks
    assert other.intervals != model.intervals
    low, high = model.intervals["l1"]
    assert low < model.metrics["l1"] < high


def test_a_saved_comparison_prints_what_was_printed(main, world):
    words = ["compare", world / "runs/one", f"b={world / 'runs/two'}", world / "testA", world / "testB"]
    words += ["--resamples", 10, "--metrics", "swd,l1"]
    _, out, err = main(*words)
    assert "cyclegan" in out  # a run goes by its model where that tells it apart
    assert "SWD x1000 ↓" in out.splitlines()[1]
    assert "b: translating" in err
    (world / "saved.json").write_text(main(*words, "--json")[1])
    assert main("compare", world / "saved.json")[1] == out
    assert "& L1 " in main("compare", world / "saved.json", "--latex", "--metrics", "l1")[1]


def test_what_results_keep_of_their_inputs_is_compared_too(main, world):
    words = ["compare", f"a={world / 'runs/one'}", f"files={world / 'results'}", world / "testA", world / "testB"]
    model, files = json.loads(main(*words, "--resamples", 2, "--consistency", "--json")[1])["rows"]
    for name in ("edge_agreement", "color_shift"):
        assert files["metrics"][name] == model["metrics"][name]
    assert {"cycle_l1", "identity_l1"} == model["metrics"].keys() - files["metrics"].keys()
    for column, flag in (("cycle_l1", "--consistency"), ("kid_mean", "--inception FILE"), ("accuracy", "--judge FILE")):
        assert f"{column} needs {flag}" in main(*words, "--metrics", column, code=2)[2]


def test_files_may_be_named_by_texts_in_python(tmp_path):
    for seed, name in enumerate(("in", "real", "made")):
        draw_ids(tmp_path / name, 2, seed=seed, size=SIDE)
    (tmp_path / "maps.yaml").write_text("classes: [{name: road, id: 0}, {name: sky, id: 1}]\n")
    pictures = [str(tmp_path / "in"), str(tmp_path / "real")]
    files = {"judge": str(tmp_path / "maps.yaml"), "labels": str(tmp_path / "real")}
    (row,) = gantool.compare(str(tmp_path / "made"), pictures, resamples=0, **files).rows
    assert 0 < row.metrics["pixel_accuracy"] < 1
    with pytest.raises(UsageError, match=r"there is no file nowhere\.pth"):
        gantool.compare(str(tmp_path / "made"), pictures, lpips="nowhere.pth")


REFUSED = [
    (["testA", "testB"], 2, "name one model or more"),
    (["runs/nowhere", "testA", "testB"], 4, "is no run folder"),
    (["runs/one", "testA", "nowhere"], 3, "nowhere does not exist"),
    (["runs/one", "runs/two", "testA"], 2, "name two folders"),
    (["runs/one", "testA", "testB", "runs/two"], 2, "runs/two is a run, where pictures are expected"),
    (["runs/one", "runs/one", "testA", "testB"], 2, "2 models are called runs/one"),
    (["runs/one", "testB", "trainA", "testB"], 3, "lacks 1 of the 6 pictures of trainA: 05.png"),
    (["runs/one", "testA", "testB", "--metrics", "kidd"], 2, "Did you mean kid?"),
    (["runs/one", "testA", "testB", "--metrics", "l1,kid"], 2, "kid needs --inception FILE"),
    (["runs/one", "trainA", "testB", "--metrics", "l1"], 2, "with a real picture of the same name"),
    (["runs/one", "testA", "testB", "-n", "2"], 2, "leave out -n"),
    (["results", "testA", "testB", "--to", "A"], 2, "--to is for models"),
    (["x=runs/one", "testA", "testB", "--to", "C"], 2, 'x: there is no domain "C"'),
    (["runs/one", "testA", "testB", "--resamples", "1"], 2, "--resamples is 0 or at least 2"),
    (["runs/one", "testA", "testB", "-o", "table.tex"], 2, "is a page: NAME.html"),
    (["runs/one", "testA", "testB", "--csv", "--json"], 2, "exclude each other"),
    (["runs/one", "saved.json"], 2, "are joined with each other"),
    (["saved.json", "--pictures", "8"], 2, "--pictures is for measuring"),
    (["saved.json", "other.json", "--size", "8"], 2, "--size is for measuring"),
    (["saved.json", "--seed", "5"], 2, "--seed is for measuring"),
    (["saved.json", "--truncation", "0.3"], 2, "--truncation is for measuring"),
    (["saved.json", "--device", "cpu"], 2, "--device is for measuring"),
    (["nowhere.json"], 3, "cannot read nowhere.json"),
]


@pytest.mark.parametrize(("words", "code", "said"), REFUSED, ids=[" ".join(words) for words, *_ in REFUSED])
def test_what_cannot_be_compared_is_said_before_anything_is_measured(main, world, tmp_path, words, code, said):
    for name in ("testA", "testB", "results", "runs"):
        (tmp_path / name).symlink_to(world / name)
    draw(tmp_path / "trainA", 6, seed=3, size=SIDE)
    _, out, err = main("compare", *words, code=code)
    assert said in err
    assert len(err.splitlines()) == 1
    assert not out


class Noisy(Model, Samples):
    """Squares of the latent's colours."""

    contract = 2
    latent_size = 48

    @dataclass(frozen=True, kw_only=True)
    class Options:
        pass

    def __init__(self, options: object, spec: Spec) -> None:
        super().__init__(options, spec)
        self.strength = nn.Parameter(torch.tensor(0.25))

    def sample(self, latents: Tensor, *, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        squares = (self.strength * latents).view(-1, 3, 4, 4)
        return squares.repeat_interleave(SIDE // 4, dim=2).repeat_interleave(SIDE // 4, dim=3).clamp(-1, 1)


def test_pictures_of_noise_are_compared_with_one_folder(main, world, tmp_path, install_plugin):
    install_plugin("noisy", f"{__name__}:Noisy")
    for name, strength in (("weak", 0.1), ("strong", 0.9)):
        network = checkpoint.build_model(Noisy, Noisy.Options(), Spec(("A",), (Pictures(),), SIDE))
        network.strength.data.fill_(strength)
        save(tmp_path / name, network, "noisy")
    main("sample", "--model", "weak", "-n", 6, "files")
    _, out, err = main("compare", "weak", "strong", "files", world / "testB", "-n", 6, "--json", "--resamples", 9)
    table = json.loads(out)
    weak, strong, files = table["rows"]
    assert [row["name"] for row in table["rows"]] == ["weak", "strong", "files"]
    assert files["metrics"] == weak["metrics"] != strong["metrics"]
    assert files["intervals"] == weak["intervals"]
    # A translator beside them is of another kind.
    err = main("compare", "weak", world / "runs/one", world / "testB", code=2)[2]
    assert "noisy makes pictures of noise and cyclegan translates" in err


def test_models_of_many_domains_are_compared_by_their_means(main, tmp_path):
    small = {"width": 4, "blocks": 1, "d_width": 4, "d_layers": 2}
    for seed, name in enumerate(("blue", "red")):
        draw(tmp_path / "val" / name, 3, seed=seed, size=SIDE)
    for seed, name in enumerate(("one", "two")):
        untrained(tmp_path / name, "stargan", ("blue", "red"), size=SIDE, seed=seed, **small)
    table = json.loads(main("compare", "one", "two", "val", "--json", "--resamples", 9, "-o", "p.html")[1])
    for row in table["rows"]:
        own = json.loads(main("eval", "-m", row["name"], "val", "--json")[1])
        assert row["metrics"] == own["mean"]["all"]
        low, high = row["intervals"]["swd"]
        assert low < row["metrics"]["swd"] < high
    page = (tmp_path / "p.html").read_text()
    assert page.count("blue to red: ") > 0
    assert page.count("<figure>") == 6 * 3  # three inputs in each direction: the input and two models
    assert "a folder of results" in main("compare", "one", "val/red", "val", "val", code=2)[2]


def measured(name: str, value: float, drawn: np.ndarray | None, metric: str) -> Measured:
    return Measured(name, "", {metric: value}, {} if drawn is None else {metric: drawn}, {})


@pytest.mark.parametrize(("metric", "order"), [("psnr", ("best", "near", None)), ("l1", (None, None, "best"))])
def test_the_best_and_what_is_not_distinguishable_from_it_are_marked(metric, order):
    noise = np.random.default_rng(0).standard_normal(200)
    rows = [measured(str(value), value, value + noise * scale, metric) for value, scale in ((20, 3), (19, 1), (3, 1))]
    assert tuple(marks(rows, metric)) == order


def test_marks_need_a_way_that_is_better_two_values_and_replicates():
    one, other = (measured(name, value, None, "l1") for name, value in (("a", 1.0), ("b", 2.0)))
    assert marks([one, other], "l1") == ["best", None]
    assert marks([one], "l1") == [None]
    assert marks([one, Measured("c", "", {}, {}, {})], "l1") == [None, None]
    assert marks([one, one, other], "l1") == ["best", "best", None]
    assert marks([measured("a", 1, None, "kid_std"), measured("b", 2, None, "kid_std")], "kid_std") == [None, None]
