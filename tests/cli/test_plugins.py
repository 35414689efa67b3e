"""`gantool plugins check NAME`: a line a check, JSON, exit codes. A plugin that passes: tests/plugins."""

from __future__ import annotations

import json
import re

import pytest

from gantool.checking.session import CHECKS

BROKEN = """
from gantool_cyclegan import CycleGAN


class Broken(CycleGAN):
    def training_step(self, batch, run):
        with run.phase("discriminator"):
            pass
"""


@pytest.fixture
def broken(install_plugin, request):
    """A plugin "broken" that imports well and fails in its first step. Each test has a module of its own."""
    module = f"gantool_{request.node.name}"
    site = install_plugin("broken", f"{module}:Broken")
    (site / module / "presets").mkdir(parents=True)
    (site / module / "__init__.py").write_text(BROKEN)
    (site / module / "presets" / "smoke.yaml").write_text("summary: small\nsize: 36\ncrop: 32\nsteps: 3\n")


def test_a_failed_check_is_said_in_a_line_and_ends_with_1(broken, main, tmp_path):
    _, out, err = main("plugins", "check", "broken", code=1)
    lines = [line.split(maxsplit=2) for line in out.splitlines()[1:]]
    assert [line[:2] for line in lines[:3]] == [["contract", "ok"], ["smoke", "ok"], ["training", "FAILED"]]
    said = r"the plugin broken of gantool_broken 1\.0 fails at \S+/__init__\.py:7: ValueError: there is no optimiser .*"
    assert re.fullmatch(said, lines[2][2])
    assert [line[0] for line in lines] == list(CHECKS)
    assert {(line[1], line[2]) for line in lines[3:]} == {("-", "not checked: training failed")}
    assert err.splitlines()[-1].startswith(f"check {len(CHECKS)}/{len(CHECKS)} 100%")
    assert "Traceback" not in err
    assert not list(tmp_path.glob("runs"))


def test_json_and_the_traceback(broken, main):
    _, out, err = main("plugins", "check", "broken", "--json", "-v", code=1)
    found = json.loads(out)
    assert [row["check"] for row in found] == list(CHECKS)
    assert [row["ok"] for row in found[:4]] == [True, True, False, None]
    assert all(row.keys() == {"check", "ok", "found"} for row in found)
    assert 'there is no optimiser "discriminator"' in found[2]["found"]
    assert err.count("Traceback") >= 1
    assert 'run.phase("discriminator")' in err


def test_a_plugin_that_cannot_be_imported_is_a_failed_check(install_plugin, main):
    install_plugin("lost", "gantool_lost_module:Lost")
    _, out, _ = main("plugins", "check", "lost", code=1)
    first = out.splitlines()[1]
    assert re.search(
        r"contract +FAILED +the plugin lost of gantool_lost 1\.0 cannot be imported: ModuleNotFoundError", first
    )
