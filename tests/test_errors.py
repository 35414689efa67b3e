"""Messages name arguments as the one who reads them gave them: Python's words, or flags."""

from __future__ import annotations

import ast
import io
from dataclasses import fields
from inspect import signature
from pathlib import Path

import pytest

import gantool
from gantool.cli.common import spelled_flag
from gantool.errors import CheckpointError, Interrupted, UsageError, argument, command, did_you_mean, in_python, spelled
from gantool.report.console import Console
from gantool.sampling import request as sampling
from gantool.sampling.asked import Mixture, Wanted, Way
from gantool.training.settings import TrainSettings
from gantool.translation.request import Request

ROOT = Path(__file__).parents[1]
OF_SAMPLES = (sampling.Request, Way, Mixture, Wanted)
"""What `sample`, `sample interpolate`, `sample mix` and `sample project` are asked for."""
ROOMS = ("data/layouts", "inference", "pictures", "runs", "sampling", "training", "translation")


@pytest.mark.parametrize(
    ("found", "python", "flag"),
    [
        (argument("crop", 256), "crop=256", "--crop 256"),
        (argument("crop"), "crop", "--crop"),
        (argument("save_every"), "save_every", "--save-every"),
        (argument("out", "runs/two"), "out=runs/two", "-o runs/two"),
        (argument("n"), "n", "-n"),
        (argument("from_", "run"), "from_=run", "--from run"),
        (argument("size", (640, 480)), "size=(640, 480)", "--size 640x480"),
        (argument("size", 256), "size=256", "--size 256"),
        (argument("existing", "overwrite"), "existing=overwrite", "--overwrite"),
        (argument("existing", "skip"), "existing=skip", "--skip-existing"),
        (argument("set", "identity=0"), 'set={"identity": 0}', "--set identity=0"),
        (argument("set", "rate=-0.5"), 'set={"rate": -0.5}', "--set rate=-0.5"),
        (argument("set", "vgg=a=b.pth"), "set={\"vgg\": 'a=b.pth'}", "--set vgg=a=b.pth"),
        (argument("set"), "set", "--set"),
    ],
)
def test_an_argument_is_spelled_in_two_ways(found, python, flag):
    text = f"either {found} or {argument('batch', 1)}."
    assert spelled(text, in_python) == f"either {python} or batch=1."
    assert spelled(text, spelled_flag) == f"either {flag} or --batch 1."


def test_an_error_speaks_python_and_can_be_quoted_by_another_one():
    inner = UsageError(f"too many: try {argument('batch', 1)}")
    outer = CheckpointError(f"run: {inner.text}")
    assert str(outer) == "run: too many: try batch=1"
    assert spelled(outer.text, spelled_flag) == "run: too many: try --batch 1"
    assert repr(str(outer)).isascii(), "no marks are left"
    stopped = Interrupted(f"stopped: {argument('resume')}", 130)
    assert (str(stopped), stopped.exit_code, Interrupted.exit_code) == ("stopped: resume", 130, 1)


def test_a_console_spells_as_it_was_told():
    said = {}
    for way in (in_python, spelled_flag):
        err = io.StringIO()
        console = Console(spell=way, err=err)
        console.note(f"try {argument('crop', 8)}")
        console.warn(f"try {argument('crop', 8)}")
        console.error(f"try {argument('crop', 8)}")
        said[way] = err.getvalue().splitlines()
    assert said[in_python] == ["try crop=8", "warning: try crop=8", "error: try crop=8"]
    assert said[spelled_flag] == ["try --crop 8", "warning: try --crop 8", "error: try --crop 8"]


def test_the_same_fault_in_python_and_on_the_command_line(main, pictures, tmp_path):
    with pytest.raises(UsageError) as found:
        gantool.train("cyclegan", pictures, out=tmp_path / "run", epochs=1, steps=1)
    assert str(found.value) == "train: give steps or epochs, not both"
    words = ["train", "cyclegan", "trainA", "trainB", "-o", "run", "--epochs", 1, "--steps", 1]
    assert main(*words, code=2)[2] == "error: train: give --steps or --epochs, not both\n"
    with pytest.raises(UsageError) as found:
        gantool.train("cyclegan", pictures, out=tmp_path / "run", set={"channels_a": 1})
    assert str(found.value).endswith('the identity loss needs as many channels in A as in B: set={"identity": 0}')
    err = main(*words[:6], "--set", "channels_a=1", code=2)[2]
    assert err.endswith("the identity loss needs as many channels in A as in B: --set identity=0\n")


def named(source: str) -> set[str]:
    """The arguments that `argument("...")` names in this source."""
    return {
        call.args[0].value
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "argument"
        if isinstance(call.args[0], ast.Constant)
    }


def test_python_has_every_argument_that_a_message_of_the_three_verbs_names():
    assert named("argument('one', 2) + f'{argument(\"two\")}' + argument(three)") == {"one", "two"}
    verbs = (gantool.train, gantool.translate, gantool.sample)
    known = {name for verb in verbs for name in signature(verb).parameters}
    known |= {field.name for request in (TrainSettings, Request, *OF_SAMPLES) for field in fields(request)}
    sources = [
        *(ROOT / "gantool").glob("*.py"),
        *(path for room in ROOMS for path in (ROOT / "gantool" / room).rglob("*.py")),
        *(ROOT / "plugins").rglob("*.py"),
    ]
    found = {name: path.name for path in sources for name in named(path.read_text(encoding="utf-8"))}
    assert len(found) > 20
    assert {name: place for name, place in found.items() if name not in known} == {}


def test_near_words_are_proposed():
    assert did_you_mean("bathc", ["crop", "batch"]) == "Did you mean batch?"
    assert did_you_mean("xyz", ["batch"]) == ""


def test_a_command_in_a_message_is_one_that_can_be_typed():
    text = "go on: " + command("train", {"model": "cyclegan", "data": ["A", "new B"]}, out=Path("r"), resume="")
    assert str(UsageError(text)) == "go on: gantool.train(model='cyclegan', data=['A', 'new B'], out='r', resume=True)"
    assert spelled(text, spelled_flag) == "go on: gantool train cyclegan A 'new B' -o r --resume"
    text = command("translate", {"inputs": "IN", "output": "OUT"}, model="runs/a=b", to="B")
    assert str(UsageError(text)) == "gantool.translate(inputs='IN', output='OUT', model='runs/a=b', to='B')"
    assert spelled(text, spelled_flag) == "gantool translate IN OUT --model runs/a=b --to B"


def test_a_command_has_options_of_a_model_as_either_reader_types_them():
    said = command("train", {"model": "cyclegan", "data": ["a", "b"]}, steps=4, set={"width": 4, "gan": "hinge"})
    typed = spelled(said, lambda name, value: f"--{name} {value}".rstrip())
    assert typed == "gantool train cyclegan a b --steps 4 --set width=4 --set gan=hinge"
    called = "gantool.train(model='cyclegan', data=['a', 'b'], steps='4', set={'width': '4', 'gan': 'hinge'})"
    assert spelled(said, in_python) == called
