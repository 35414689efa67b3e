"""A plugin of somebody else's: the one of docs/writing-a-plugin.md, installed by pip, and a broken one beside it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import torch
from PIL import Image

from gantool.networks.resnet import ResnetGenerator
from gantool.runs import checkpoint
from tests.conftest import draw
from tests.docs.pages import DOCS, blocks, run

PAGE = DOCS / "writing-a-plugin.md"

BROKEN = {
    "gantool-broken/pyproject.toml": """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "gantool-broken"
version = "3.1"
[project.entry-points."gantool.models"]
broken = "gantool_broken:Broken"
[tool.setuptools]
py-modules = ["gantool_broken"]
""",
    "gantool-broken/gantool_broken.py": "import a_package_that_is_not_there\n",
}

MISTAKES = {
    "a method that is missing": (
        "def training_step(",
        "def trainig_step(",
        "no training_step. Did you mean trainig_step?",
    ),
    "a length that is missing": ("def length(", "def duration(", "Switch does not say how long it is trained"),
    "a step that is missing": (
        "def training_step(",
        "def iterate(",
        "Switch cannot be trained: it has no training_step",
    ),
    "a name that is misspelt": ("def rate_factor(", "def rate_facter(", "has rate_facter, which is never called"),
    "a role of no network": ('training_only=("d",)', 'training_only=("d_b",)', 'roles.training_only names "d_b"'),
    "a step that fails": ('run.phase("D")', 'run.phase("Dis")', 'there is no optimiser "Dis": optimizers() gives G, D'),
    "a translation that fails": ("return self.g(marked(images, target))", "return self.h(images)", "no attribute 'h'"),
}
"""What is written in the page's plugin, what instead, and what is then said."""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> str:
    """A folder for PYTHONPATH in which both plugins are installed."""
    folder = tmp_path_factory.mktemp("plugins")
    files = {block.note: block.code for block in blocks(PAGE) if block.kind == "file"} | BROKEN
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    flags = ["--no-deps", "--no-build-isolation", "--no-index", "--no-cache-dir", "--quiet", "--target", "site"]
    pip = [sys.executable, "-m", "pip", "install", *flags, "./gantool-switch", "./gantool-broken"]
    done = subprocess.run(pip, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return str(folder / "site")


def test_the_plugin_of_the_page_trains_and_translates(site, commands, tmp_path):
    for name, seed in (("trainA", 1), ("trainB", 2), ("testA", 3), ("testB", 4)):
        draw(tmp_path / name, 3, seed=seed)
    run(PAGE, tmp_path, commands, PYTHONPATH=site, GANTOOL_STEPS="3")
    losses = [json.loads(line) for line in (tmp_path / "runs/switch/001/log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in losses] == [1, 2, 3]
    assert losses[0]["losses"].keys() == {"gan", "cycle", "d"}
    for domain, source in (("B", "testA"), ("A", "testB")):
        for given in (tmp_path / source).iterdir():
            made = Image.open(tmp_path / "out" / domain / given.name)
            assert made.size == Image.open(given).size
            assert made.tobytes() != Image.open(given).tobytes()


def test_the_plugin_of_the_page_imports_checkpoints_of_older_code(site, gantool, tmp_path):
    network = ResnetGenerator(4, 3, width=2, blocks=1)
    old = {k.replace("stem.1", "first").replace("head.1", "last"): v for k, v in network.state_dict().items()}
    torch.save({"gen": old, "dis": {"model.0.weight": torch.ones(2, 4, 4, 4)}}, tmp_path / "old.pth")
    env = {"PYTHONPATH": os.pathsep.join([site, os.environ.get("PYTHONPATH", "")])}
    said = gantool("import", "old.pth", "-o", "imported", "--json", env=env, cwd=tmp_path).stdout
    found = json.loads(said)
    assert (found["model"], found["options"]["width"], found["options"]["blocks"]) == ("switch", 2, 1)
    assert len(found["used"]) == len(old)
    assert [one["why"] for one in found["dropped"]] == ["translation needs no discriminator"]
    _, tensors = checkpoint.read(tmp_path / found["weights"])
    assert all(torch.equal(tensors[f"g.{key}"], value) for key, value in network.state_dict().items())


def test_a_broken_plugin_is_named_with_its_error_and_harms_no_other(site, gantool):
    env = {"PYTHONPATH": os.pathsep.join([site, os.environ.get("PYTHONPATH", "")])}
    listed = json.loads(gantool("models", "--json", env=env).stdout)
    names = [model["name"] for model in listed]
    assert listed[names.index("switch")]["needs"] == "two folders of pictures, no pairs"
    assert {"broken", "cyclegan", "switch"} <= set(names)
    found = {plugin["name"]: plugin for plugin in json.loads(gantool("plugins", "--json", env=env).stdout)}
    assert [name for name, plugin in found.items() if not plugin["ok"]] == ["broken"]
    assert "a_package_that_is_not_there" in found["broken"]["error"]
    assert found["broken"]["version"] == "3.1"
    asked = gantool("models", "broken", env=env, code=4)
    assert "a_package_that_is_not_there" in asked.stderr
    assert "Traceback" not in asked.stderr
    assert "residual blocks of the generator" in gantool("models", "switch", env=env).stdout


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_with_the_plugin_and_the_place(site, gantool, tmp_path, mistake):
    right, wrong, said = MISTAKES[mistake]
    copied = tmp_path / "site"
    shutil.copytree(site, copied)
    file = copied / "gantool_switch/__init__.py"
    source = file.read_text(encoding="utf-8")
    assert source.count(right) == 1
    file.write_text(source.replace(right, wrong), encoding="utf-8")
    env = {"PYTHONPATH": os.pathsep.join([str(copied), os.environ.get("PYTHONPATH", "")])}
    for name in ("A", "B"):
        draw(tmp_path / name, 2, seed=1)
    train = ["train", "switch", "A", "B", "-o", "run", "--preset", "smoke", "--steps", "1"]
    found = gantool(*train, env=env, cwd=tmp_path, code=4)
    assert said in found.stderr
    assert ("fails" in mistake) == bool(re.search(r"fails at \S+gantool_switch/__init__\.py:\d+: ", found.stderr))
    assert "switch" in found.stderr.lower()
    assert "Traceback" not in found.stderr
    assert "Traceback" in gantool(*train, "-v", env=env, cwd=tmp_path, code=4).stderr
