"""What a plugin's author writes otherwise than the contract is told in one line, before anything is trained."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch

from gantool import registry
from gantool.capabilities import Averaged
from gantool.checking.session import CHECKS
from gantool.checking.subject import Subject
from gantool.contract import data_of, decay_at, rate_at
from gantool.data.layouts.unpaired import unpaired
from gantool.errors import CheckpointError
from gantool.inference.engine import Engine
from gantool.model import Data, Progress
from gantool.runs.checkpoint import build_model
from gantool.spec import Direction
from tests.conftest import draw

from .conftest import PAGE

CODE = "__init__.py"
WIDTH = 'width: int = option(32, "channels of both networks\' first layer", low=1)'
DATA, LENGTH = "        return Data(unpaired())", "        return Steps(20_000)"
CLASS, IMPORTS = "class Switch(Translates", "from gantool.capabilities import Translates"
OPTIMIZERS = 'return {"G": adam(self.options, self.g), "D": adam(self.options, self.d)}'
RATE = "return min(1.0, 2 - 2 * now.step / now.total_steps)"
LOG, UPDATE = "run.log(gan=gan, cycle=cycle, d=d)", 'run.update("D")'

AT_IMPORT = {
    "an option of a type that no text has": (
        WIDTH,
        'width: complex = option(32, "channels")',
        r"the option width is of no type that an option can have: bool, int, .*tuple\[int, \.\.\.\]",
    ),
    "a default out of its range": (
        WIDTH,
        'width: int = option(0, "channels", low=1)',
        "the default of the option width must be at least 1, not 0",
    ),
    "a default of another type": (
        WIDTH,
        'width: int = option("wide", "channels")',
        'the default of the option width wants a whole number, not "wide"',
    ),
    "a default that is a list": (WIDTH, 'width: tuple[int, ...] = option([8], "channels")', "a tuple for its default"),
    "an option without a default": (WIDTH, "width: int", "the option width has no default"),
    "options that are no dataclass": (
        "    @dataclass(frozen=True, kw_only=True)\n",
        "",
        "Options is no dataclass: @dataclass.* belongs above it",
    ),
    "a method of a mix-in that is missing": (
        "    def translate(", "    def forward_it(", "no translate, which Translates",
    ),
    "a class method without its decorator": (
        "    @classmethod\n    def length",
        "    def length",
        "Switch.length is no class method: @classmethod belongs above it",
    ),
    "other arguments than the contract's": (
        "source: int, target: int, code: Tensor | None = None",
        "source: int, to: int, code: Tensor | None = None",
        r"Switch\.translate cannot be called as the contract says, \(self, images, source=, target=, .*'to'",
    ),
    "a role that is no tuple": (
        'training_only=("d",)', 'training_only=("d")', r'a tuple of names: \("d",\) with a comma',
    ),
    "a program that ends": (
        CLASS, f"__import__('sys').exit('no GPU')\n\n\n{CLASS}", r"__init__\.py:\d+: .*sys\.exit\('no GPU'\)",
    ),
    "a name that is not there": (
        CLASS, f"nothing\n\n\n{CLASS}", r"imported at \S+__init__\.py:\d+: NameError: name 'nothing'",
    ),
}  # fmt: skip
IN_TRAINING = {
    "data that are none": (
        DATA, "        return unpaired()", "Switch.data gives _Unpaired, not a gantool.model.Data",
    ),
    "a layout that was not called": (
        DATA, "        return Data(unpaired)", r"fails at \S+__init__\.py:\d+: TypeError: layout",
    ),
    "a batch of nothing": (
        DATA, "        return Data(unpaired(), batch=0)", r"fails at \S+: ValueError: batch is a whole",
    ),
    "a length without a unit": (LENGTH, "        return 20_000", r"length gives int, not Epochs\(\.\.\.\) or Steps"),
    "no length": (LENGTH, "        return Steps(0)", r"fails at \S+: ValueError: .* steps from 1 on, not 0"),
    "optimisers without names": (
        OPTIMIZERS, "return [adam(self.options, self.g)]", "Switch.optimizers gives list, not a dict",
    ),
    "a rate that is none": (RATE, "return None", "rate_factor gives None at step 0 of 1, not a number"),
    "a rate that is not finite": (RATE, "return float('nan')", "rate_factor gives nan at step 0 of 1, not a number"),
    "a rate that climbs": (RATE, "return -1.0", "rate_factor gives -1.0 at step 0 of 1, not a number from 0 on"),
    "crops that are no sizes": (
        "crops = Sizes(multiple=4, minimum=24)", "crops = 32", r"Switch: crops is Sizes\(\.\.\.\), not 32",
    ),
    "sizes that are none": (
        "    sizes = Sizes(multiple=4, minimum=8)", "    sizes = 8", r"Switch: sizes is Sizes\(\.\.\.\), not 8",
    ),
    "a role of no network": (
        'training_only=("d",)', 'training_only=("judge",)', 'names "judge", and it has no such network',
    ),
    "an average of a word": (
        f"{CLASS}, ", f'{CLASS}, __import__("gantool.capabilities").capabilities.Averaged, ',
        r'averaged is a tuple of names, such as \("g",\), not "g"',
    ),
    "a direction to nowhere": (
        "    def translate(",
        "    def directions(self):\n        return (('A', 'C'),)\n\n    def translate(",
        'Switch: directions names "C", and the domains are A, B',
    ),
    "a code of no size": (
        f"{CLASS}, ", f'{CLASS}, __import__("gantool.capabilities").capabilities.Coded, ',
        "code_size is a whole number, not None",
    ),
}  # fmt: skip
IN_A_STEP = {
    "a loss that is no tensor": (LOG, "run.log(gan=1.0)", "run.log takes tensors of one number each, and gan is float"),
    "a loss of many numbers": (LOG, "run.log(gan=fakes[0])", r"run.log takes .*, and gan is \(2, 3, 32, 32\)"),
    "a backward pass of many numbers": (
        "run.backward(d)", "run.backward(fakes[0])", r"a loss of one number, .* \(2, 3, 32",
    ),
    "an optimiser that is not there": (UPDATE, 'run.update("Dis")', 'no optimiser "Dis": optimizers.. gives G, D'),
}  # fmt: skip


def changed(edit: tuple[str, str]) -> dict[str, str]:
    """The page's plugin with one change."""
    assert PAGE[CODE].count(edit[0]) == 1
    code = PAGE[CODE].replace(*edit).replace("roles = Roles(", 'averaged = "g"\n    roles = Roles(')
    return {**PAGE, CODE: code}


@pytest.mark.parametrize("mistake", AT_IMPORT)
def test_a_class_is_refused(installed, mistake):
    *edit, said = AT_IMPORT[mistake]
    entry = installed(changed(edit))
    with pytest.raises(CheckpointError, match=r"^the plugin checked of gantool_checked 1\.0 cannot be ") as found:
        entry.load()
    assert re.search(said, str(found.value)), found.value


def test_other_ways_to_write_what_the_contract_says_are_taken(installed):
    code = PAGE[CODE].replace("    @classmethod\n    def data(cls, ", "    @staticmethod\n    def data(")
    code = code.replace("    def rate_factor(self, ", "    @given('cosine')\n    def rate_factor(self, shape, ")
    code = code.replace(RATE, "return __import__('numpy').float32(0.5)")
    decorator = """
def given(word):
    from functools import wraps
    return lambda method: wraps(method)(lambda self, now: method(self, word, now))


"""
    kind = installed({**PAGE, CODE: code.replace(CLASS, f"{decorator}{CLASS}")}).load()
    model = build_model(kind, kind.Options(width=1, blocks=0), data_of(kind, kind.Options()).spec(("A", "B"), 32))
    rate = rate_at(model, Progress(0, 1))
    assert (type(rate), rate) == (float, 0.5)


@pytest.mark.parametrize("mistake", IN_TRAINING)
def test_a_training_is_refused(installed, main, tmp_path, mistake):
    *edit, said = IN_TRAINING[mistake]
    installed(changed(edit))
    for name in ("A", "B"):
        draw(tmp_path / name, 2, seed=1)
    unit = ["--epochs", "1"] if "length" in mistake else ["--steps", "1"]
    preset = PAGE["presets/smoke.yaml"].replace("steps: 3\n", "")
    config = tmp_path / "small.yaml"
    config.write_text(preset.partition("\n")[2])
    _, _, err = main("train", "checked", "A", "B", "-o", "run", "--config", str(config), *unit, code=4)
    assert re.search(f"^error: .*{said}", err, re.MULTILINE), err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("mistake", IN_A_STEP)
def test_a_step_is_told_with_its_place(installed, tmp_path, mistake):
    *edit, said = IN_A_STEP[mistake]
    entry = installed(changed(edit))
    for name in ("A", "B"):
        draw(tmp_path / name, 2, seed=1)
    (tmp_path / "checks").mkdir()
    subject = Subject(entry, lambda _: (tmp_path / "A", tmp_path / "B"), tmp_path / "checks")
    with pytest.raises(ValueError, match=said) as found:
        CHECKS["losses"](subject)
    assert re.search(rf"the plugin checked .* fails at \S+: ValueError: .*{said}", registry.mistake(found.value) or "")


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ("None", "the model's translate gives NoneType, not a tensor of pictures"),
        ("images.numpy()", "the model's translate gives ndarray, not a tensor of pictures"),
        ("images[0]", r"the model's translate gives \(3, 8, 8\), not pictures \(1, C, H, W\)"),
    ],
)
def test_a_translation_that_gives_no_pictures_is_refused(installed, tmp_path, result, said):
    entry = installed(changed(("return self.g(marked(images, target))", f"return {result}")))
    kind = entry.load()
    model = build_model(kind, kind.Options(width=1, blocks=0), Data(unpaired()).spec(("A", "B"), 32))
    with pytest.raises(CheckpointError, match=said):
        Engine(model, torch.device("cpu")).translate([np.zeros((4, 8, 3), np.uint8)], Direction("A", "B"))


@pytest.mark.parametrize("decay", [1.5, -0.1, float("nan"), None])
def test_an_average_that_would_run_away_is_refused(decay):
    class Averages(Averaged):
        def average_decay(self, now: Progress) -> float:
            return decay

    said = f"Averages.average_decay gives {decay} at step 3 of 9, not a number from 0"
    with pytest.raises(CheckpointError, match=said):
        decay_at(Averages(), Progress(3, 9))


def test_two_packages_with_one_name_are_named_and_neither_is_used(installed, tmp_path):
    installed(PAGE)
    other = tmp_path / "site" / "gantool_twin-2.0.dist-info"
    other.mkdir()
    (other / "entry_points.txt").write_text("[gantool.models]\nchecked = nowhere:Switch\n")
    with pytest.raises(CheckpointError) as found:
        registry.plugin("checked").load()
    said = "gantool_checked 1.0 and gantool_twin 2.0 both bring a model checked: uninstall one of them"
    assert str(found.value) == said
    assert not registry.plugin("cyclegan").rivals


@pytest.mark.parametrize(
    ("folder", "leads_to"),
    [("Gantool.Checked.egg-info", "gantool_moved:Switch"), ("gantool_renamed.egg-info", None)],
    ids=["spelt otherwise", "renamed"],
)
def test_a_package_that_is_found_twice_is_no_rival_of_itself(installed, tmp_path, folder, leads_to):
    """As one that is installed in its own folder, where an older build has left what it wrote."""
    entry = installed(PAGE)
    left = tmp_path / "site" / folder
    left.mkdir()
    named = leads_to or f"{entry.module}:{entry.attribute}"
    (left / "entry_points.txt").write_text(f"[gantool.models]\nchecked = {named}\n")
    assert registry.plugin("checked").load().__name__ == "Switch"


def test_a_package_whose_folder_says_no_version_is_named_without(tmp_path, monkeypatch):
    (tmp_path / "gantool_own.egg-info").mkdir()
    (tmp_path / "gantool_own.egg-info/entry_points.txt").write_text("[gantool.models]\nown = gantool_own:Own\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(CheckpointError, match=r"^the plugin own of gantool_own cannot be imported: "):
        registry.plugin("own").load()


def test_of_a_package_with_several_models_the_one_that_failed_is_named(install_plugin, tmp_path):
    site = install_plugin("first", "gantool_pair.first:Model")
    install_plugin("second", "gantool_pair.second:Model")
    (site / "gantool_pair").mkdir()
    (site / "gantool_pair" / "__init__.py").write_text("def shared():\n    return {}['loss']\n")
    for name in ("first", "second"):
        code = "from gantool_pair import shared\n\ndef own():\n    return 1 / 0\n\ndef ours():\n    shared()\n"
        (site / "gantool_pair" / f"{name}.py").write_text(code)
    from gantool_pair import first, second

    for module, name in ((first, "first"), (second, "second")):
        for call, place in ((module.own, f"{name}.py:4"), (module.ours, "__init__.py:2")):
            with pytest.raises((ZeroDivisionError, KeyError)) as found:
                call()
            said = registry.mistake(found.value)
            assert re.match(rf"the plugin {name} of gantool_{name} 1\.0 fails at \S+{place}: ", said), said


@pytest.mark.slow
def test_a_plugin_that_ends_python_takes_no_other_with_it(installed, main, monkeypatch, tmp_path):
    installed({CODE: "import os\nprint('[1, 2]')\nos._exit(3)\n"})
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    rows = {row["name"]: row for row in json.loads(main("plugins", "--json")[1])}
    assert rows["checked"]["error"].startswith("importing it ended Python with exit code 3")
    assert all(row["ok"] for row in rows.values() if row["distribution"] == "gantool")
