"""All directions of a model of many domains: `gantool eval --model M ROOT`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gantool as package
from gantool.errors import DataError
from gantool.evaluation.tasks import compare_domains
from gantool.training import runs
from tests.conftest import draw

NAMES = ("blue", "green", "red")


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("domains")
    for seed, name in enumerate(NAMES):
        draw(folder / "val" / name, 3, seed=seed)
        draw(folder / "train" / name, 4, seed=10 + seed)
    return folder


def trained(root: Path, model: str) -> Path:
    return package.train(model, root / "train", out=root / model, preset="smoke", steps=1, workers=0)


def test_every_direction_is_measured_in_drawn_and_in_taken_styles(main, root):
    run = trained(root, "starganv2")
    _, out, _ = main("eval", "-m", run, root / "val", root / "train", "-n", 2, "--json")
    found = json.loads(out)
    assert set(found["mean"]) == {"latent", "reference"}
    ways = {(task["guided"], task["source"], task["target"]) for task in found["tasks"]}
    assert len(ways) == len(found["tasks"]) == 2 * 6
    for guided, mean in found["mean"].items():
        rows = [task["metrics"] for task in found["tasks"] if task["guided"] == guided]
        assert mean["diversity_l1"] == pytest.approx(sum(row["diversity_l1"] for row in rows) / 6)
        assert mean["swd"] == pytest.approx(sum(row["swd"] for row in rows) / 6)
    assert found["protocol"]["results of each picture"] == 2
    _, again, _ = main("eval", "-m", run, root / "val", root / "train", "-n", 2, "--json")
    assert json.loads(again)["tasks"] == found["tasks"]


def test_a_model_without_styles_has_one_result_and_no_diversity(root):
    run = trained(root, "stargan")
    found = compare_domains(runs.saves(run)[-1] / runs.WEIGHTS, root / "val")
    assert [task.guided for task in found.means] == [""]
    assert len(found.tasks) == 6
    assert "diversity_l1" not in found.means[0].metrics
    assert found.means[0].metrics["swd"] > 0


def test_a_missing_domain_is_named(root, tmp_path):
    run = next(path for path in (root / "stargan", root / "starganv2") if path.exists())
    draw(tmp_path / "blue", 1, seed=0)
    with pytest.raises(DataError, match="no folder green"):
        compare_domains(runs.saves(run)[-1] / runs.WEIGHTS, tmp_path)
