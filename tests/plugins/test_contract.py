"""A plugin of another contract is refused in one line that names the page with the changes; others go on working."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

import gantool.model
from gantool import registry
from gantool.errors import CheckpointError
from tests.runs import untrained

PAGE = "docs/contract-changes.md"

BY_NAME = "from gantool.model import ImageSpec, Model\nclass Old(Model):\n    pass\n"
BY_ROOM = "from gantool.data.unpaired import unpaired\n"
BY_CLASS = "from gantool.model import Model\nclass Old(Model):\n    pass\n"
NEWER = "from gantool.model import Model\nclass Old(Model):\n    contract = 3\n"
OLDER = "it was written for contract 1, and this is contract 2"

WAYS = {
    "a name that is gone": (BY_NAME, f"cannot be used: {OLDER}: {PAGE} says what to change"),
    "a room that has moved": (
        BY_ROOM,
        "cannot be imported at {file}:1: ModuleNotFoundError: No module named 'gantool.data.unpaired'."
        f" If it was written for contract 1: {PAGE} says what to change",
    ),
    "a class without a contract": (
        BY_CLASS,
        f"does not say contract = 2 in its class, so it counts as of contract 1: {PAGE} says what to change",
    ),
    "a newer contract": (NEWER, f"was written for contract 3, and this is contract 2: {PAGE} says what to change"),
}


@pytest.fixture
def old(install_plugin, request, monkeypatch):
    """Installs a plugin "old" of this source, for this process and its children. Each test has a module of its own."""

    def install(source: str) -> Path:
        module = "gantool_old_" + "".join(c if c.isalnum() else "_" for c in request.node.name)
        site = install_plugin("old", f"{module}:Old")
        file = site / f"{module}.py"
        file.write_text(source)
        monkeypatch.setenv("PYTHONPATH", str(site))
        return file

    return install


@pytest.mark.parametrize("way", WAYS)
def test_it_is_refused_in_one_line(old, way, main, pictures, tmp_path):
    source, said = WAYS[way]
    file = old(source)
    with pytest.raises(CheckpointError) as found:
        registry.plugin("old").load()
    assert str(found.value) == f"the plugin old of gantool_old 1.0 {said.format(file=file)}"
    assert (Path(__file__).parents[2] / PAGE).is_file()
    _, out, err = main("train", "old", "trainA", "trainB", "-o", "run", code=4)
    assert (out, err) == ("", f"error: {found.value}\n")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("way", ["a name that is gone", "a class without a contract"])
def test_other_models_go_on_working(old, way, main, pictures, tmp_path):
    source, said = WAYS[way]
    old(source)
    assert {"cyclegan", "old"} <= {row["name"] for row in json.loads(main("models", "--json")[1])}
    (broken,) = [row for row in json.loads(main("plugins", "--json")[1]) if row["name"] == "old"]
    assert said in json.dumps(broken)
    untrained(tmp_path / "run")
    main("translate", "-m", "run", "trainA", "out")
    assert len(list((tmp_path / "out").iterdir())) == 6


@pytest.mark.parametrize("name", gantool.model._OF_CONTRACT_1)
def test_what_is_gone_from_the_room_of_models_is_on_the_page(name):
    with pytest.raises(CheckpointError, match=f"^{OLDER}: {PAGE} says what to change$"):
        getattr(gantool.model, name)
    assert f"`{name}`" in (Path(__file__).parents[2] / PAGE).read_text().replace(f"gantool.model.{name}", name)


def test_a_name_that_never_was_is_python_s_own_error():
    with pytest.raises(AttributeError, match="has no attribute 'Modle'"):
        gantool.model.Modle  # noqa: B018
    assert not hasattr(gantool.model, "Modle")


def test_what_comes_and_goes_while_a_process_runs_is_known_at_once(install_plugin):
    assert not {"early", "late"} & registry.plugins().keys()
    site = install_plugin("early", "somewhere:Early")
    os.utime(site, (0, 0))  # long ago, however coarse the clock of the disk is
    assert registry.plugin("early").module == "somewhere"
    install_plugin("late", "elsewhere:Late")
    assert {"early", "late"} <= registry.plugins().keys()
    os.utime(site, (0, 0))
    assert {"early", "late"} <= registry.plugins().keys()
    shutil.rmtree(site / "gantool_early-1.0.dist-info")
    assert {"early", "late"} & registry.plugins().keys() == {"late"}
