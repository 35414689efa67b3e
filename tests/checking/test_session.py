"""A whole check: its order, what it says of what cannot be checked, and models of other data than two folders."""

from __future__ import annotations

import os
import sys

import pytest

from gantool.checking.pictures import training_pictures
from gantool.checking.session import CHECKS, NEEDED, start
from gantool.checking.subject import Subject
from gantool.errors import Interrupted

from .conftest import PAGE

FAILS = PAGE | {"__init__.py": PAGE["__init__.py"].replace('run.phase("D")', 'run.phase("Dis")')}
OWN_LAYOUT = PAGE | {
    "__init__.py": PAGE["__init__.py"]
    .replace("return Data(unpaired())", "return Data(Mine())")
    .replace("class Switch(", 'class Mine(type(unpaired())):\n    name = "mine"\n\n\nclass Switch(')
}
STARGAN = "from gantool_stargan import StarGAN as Switch\n"
PIX2PIXHD = "from gantool_pix2pixhd import Pix2PixHD as Switch\n"
SMALL = "summary: small\nsize: 36\ncrop: 32\nsteps: 4\n"
OTHERS = {
    "attributes": {
        "__init__.py": STARGAN,
        "presets/smoke.yaml": f"{SMALL}batch: 2\noptions: "
        "{attributes: [Old, Hat, Smiling], width: 4, blocks: 1, d_width: 4, d_layers: 3, n_critic: 1}",
    },
    "label maps": {
        "__init__.py": PIX2PIXHD,
        "presets/smoke.yaml": f"{SMALL}options: "
        "{label_nc: 3, width: 4, down: 2, blocks: 1, d_width: 4, d_layers: 2, scales: 1}",
    },
}


def test_without_a_run_nothing_more_is_checked(installed):
    found = {outcome.check: outcome for outcome in start(installed(FAILS))}
    assert tuple(found) == tuple(CHECKS)
    assert [name for name, outcome in found.items() if outcome.ok is False] == ["training"]
    assert 'ValueError: there is no optimiser "Dis": optimizers() gives G, D' in found["training"].found
    later = list(CHECKS)[list(CHECKS).index("training") + 1 :]
    assert {(found[name].ok, found[name].found) for name in later} == {(None, "not checked: training failed")}
    assert set(NEEDED) <= found.keys()


def test_without_the_preset_smoke_nothing_more_is_checked(installed):
    entry = installed({"__init__.py": PAGE["__init__.py"]})
    _, smoke, training, *_ = start(entry)
    assert (smoke.ok, smoke.found) == (False, f"there is no preset smoke: {entry.module} needs presets/smoke.yaml")
    assert (training.ok, training.found) == (None, "not checked: smoke failed")


def test_a_layout_of_the_plugin_s_own_needs_pictures(installed, pictures):
    entry = installed(OWN_LAYOUT)
    smoke = {outcome.check: outcome for outcome in start(entry)}["smoke"]
    assert not smoke.ok
    assert 'no pictures for the layout "mine"' in smoke.found
    outcomes = start(entry, pictures)
    assert [(outcome.check, outcome.ok) for outcome in map(next, [outcomes] * 3)] == [(name, True) for name in NEEDED]
    outcomes.close()


def test_settings_of_the_environment_do_not_count_and_nothing_stays(installed, monkeypatch, tmp_path):
    monkeypatch.setenv("GANTOOL_STEPS", "300")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "temporary").mkdir()
    outcomes = start(installed(PAGE))
    assert [next(outcomes).ok for _ in NEEDED] == [True] * 3
    assert list((tmp_path / "temporary").iterdir())
    outcomes.close()
    assert not list((tmp_path / "temporary").iterdir())
    assert os.environ["GANTOOL_STEPS"] == "300"


def test_without_onnxruntime_the_export_is_not_checked(installed, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as if it were not installed
    outcomes = list(start(installed(PAGE)))
    (left,) = [outcome for outcome in outcomes if not outcome.ok]
    assert left == type(left)("export", None, "not checked: needs gantool[onnx]")


def test_ctrl_c_is_no_failed_check(installed):
    stops = f"import os, signal\n{PAGE['__init__.py']}".replace("from __future__ import annotations\n", "")
    stops = stops.replace("run.backward(d)", "os.kill(os.getpid(), signal.SIGINT)\n            run.backward(d)")
    outcomes = start(installed(PAGE | {"__init__.py": stops}))
    assert [next(outcomes).check for _ in range(2)] == ["contract", "smoke"]
    with pytest.raises(Interrupted):
        next(outcomes)


@pytest.mark.parametrize("kind", OTHERS)
def test_other_data(installed, tmp_path, kind):
    subject = Subject(installed(OTHERS[kind]), lambda data: training_pictures(data, tmp_path / "pictures"), tmp_path)
    looks_at_pictures = ("training", "learning", "blanks", "samples", "weights", "roles", "sizes", "repeats")
    assert {name: found for name in looks_at_pictures if (found := CHECKS[name](subject))} == {}
