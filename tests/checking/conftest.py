"""The plugin of docs/writing-a-plugin.md, installed for one process with whatever a test changes of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import pytest

from gantool import registry
from gantool.registry import Plugin
from tests.docs.pages import DOCS, blocks

PAGE = {
    block.note.removeprefix("gantool-switch/gantool_switch/"): block.code
    for block in blocks(DOCS / "writing-a-plugin.md")
    if block.kind == "file"
}
"""The files of its package by name."""
_NUMBERS = itertools.count()


@pytest.fixture
def installed(install_plugin) -> Callable[[Mapping[str, str]], Plugin]:
    """Installs a package of these files, with the class Switch, as the plugin "checked"."""

    def install(files: Mapping[str, str]) -> Plugin:
        module = f"gantool_checked_{next(_NUMBERS)}"
        package = install_plugin("checked", f"{module}:Switch") / module
        for name, content in files.items():
            path = package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return registry.plugin("checked")

    return install
