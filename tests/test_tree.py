"""What the source may look like: who imports whom, who names flags, how long a file of the command line is, and that
every member of the plugin contract serves more than one plugin. `make lint` checks the order of the rooms.
"""

from __future__ import annotations

import ast
import functools
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(folder for folder in (ROOT / "plugins").iterdir() if folder.name.startswith("gantool_"))


def sources(*folders: Path) -> dict[str, Path]:
    """Every module below these packages, by its dotted name."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


SOURCES = sources(ROOT / "gantool", *PLUGINS)


@functools.cache
def tree(module: str) -> ast.Module:
    """Parsed when a test first asks: every process that runs tests imports this file."""
    return ast.parse(SOURCES[module].read_bytes())


def place(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT).as_posix()}:{line}"


# Circles


def import_nodes(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import below a node, those inside functions too, those for type checkers alone not."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            yield from import_nodes(ast.Module(child.orelse, []))
        else:
            yield from import_nodes(child)


def imports(module: str) -> dict[str, int]:
    """The modules of ours that a module imports, each with the line of its first import."""
    found: dict[str, int] = {}
    for node in import_nodes(tree(module)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            assert not node.level, f"{place(SOURCES[module], node.lineno)}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            while name and name not in SOURCES:  # a name within a module
                name = name.rpartition(".")[0]
            if name and name != module:
                found.setdefault(name, node.lineno)
    return found


def circle(graph: dict[str, dict[str, int]]) -> list[str]:
    """Modules that import each other in this order, the first one again at the end; empty where there is no circle."""
    done: set[str] = set()
    for start in graph:
        way, waiting = [start], [iter(graph[start])]
        while waiting:
            following = next(waiting[-1], None)
            if following is None:
                waiting.pop()
                done.add(way.pop())
            elif following in way:
                return [*way[way.index(following) :], following]
            elif following not in done:
                way.append(following)
                waiting.append(iter(graph[following]))
    return []


def test_a_circle_is_found():
    assert circle({"a": {"b": 1}, "b": {"c": 1, "d": 1}, "c": {}, "d": {"b": 1}}) == ["b", "d", "b"]
    assert circle({"a": {"b": 1, "c": 1}, "b": {"c": 1}, "c": {}}) == []


def test_no_module_imports_itself_by_way_of_others():
    graph = {module: imports(module) for module in SOURCES}
    assert graph["gantool.cli.main"], "no imports were found"
    found = circle(graph)
    steps = [f"{place(SOURCES[one], graph[one][other])} imports {other}" for one, other in pairwise(found)]
    assert not found, "a circle:\n" + "\n".join(steps)


def package(module: str) -> str:
    return module.partition(".")[0]


def test_plugins_import_neither_each_other_nor_the_command_line():
    wrong = [
        f"{place(SOURCES[module], line)} imports {name}"
        for module in SOURCES
        for name, line in imports(module).items()
        if package(name) != package(module) and (package(name) != "gantool" or name.startswith("gantool.cli"))
    ]
    assert not wrong, "\n" + "\n".join(wrong)


def test_make_lint_looks_at_every_plugin():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    linter = settings["tool"]["importlinter"]
    ours = {folder.name for folder in PLUGINS}
    assert set(linter["root_packages"]) == {"gantool"} | ours
    (layers,) = [contract["layers"] for contract in linter["contracts"] if contract["id"] == "plugins"]
    assert set(layers[0].split(" | ")) == ours
    points = settings["project"]["entry-points"]["gantool.models"].values()
    assert {package(point.partition(":")[0]) for point in points} == ours


# Words


FLAG = re.compile(r"(?<![\w-])--[a-z]")


def test_only_the_command_line_names_flags():
    assert FLAG.search("try --size 64")
    assert not FLAG.search("a--b")
    found = [
        f"{place(path, number)}: {line.strip()}"
        for module, path in SOURCES.items()
        if not module.startswith("gantool.cli")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if FLAG.search(line)
    ]
    assert not found, (
        f"{len(found)} lines name a flag. `gantool.errors.argument` lets the command line spell it:\n"
        + "\n".join(found)
    )


def test_no_file_of_the_command_line_is_longer_than_200_lines():
    lengths = {
        path: path.read_text(encoding="utf-8").count("\n")
        for module, path in SOURCES.items()
        if module.startswith("gantool.cli")
    }
    assert lengths
    long = [f"{place(path, length)} is its last line" for path, length in lengths.items() if length > 200]
    assert not long, "a verb's work belongs to its room, not to the command line:\n" + "\n".join(long)


# The contract


def own_members(body: list[ast.stmt]) -> dict[str, int]:
    """Names that a class body defines, with their lines."""
    found: dict[str, int] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node.lineno
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                found |= {name.id: node.lineno for name in ast.walk(target) if isinstance(name, ast.Name)}
    return found


def set_on_self(node: ast.AST) -> dict[str, int]:
    """Names of attributes that methods assign to `self`, with their lines."""
    return {
        target.attr: target.lineno
        for target in ast.walk(node)
        if isinstance(target, ast.Attribute)
        and isinstance(target.ctx, ast.Store)
        and isinstance(target.value, ast.Name)
        and target.value.id == "self"
    }


def classes(module: str) -> list[ast.ClassDef]:
    return [node for node in tree(module).body if isinstance(node, ast.ClassDef)]


def bases(node: ast.ClassDef) -> set[str]:
    """The last words of the bases' names: `Model` for `model.Model[Options]`."""
    return {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases}


def contract() -> dict[str, int]:
    """The public members of `gantool.model.Model`, with their lines."""
    (model,) = [node for node in classes("gantool.model") if node.name == "Model"]
    return {name: line for name, line in own_members(model.body).items() if not name.startswith("_")}


def given_by_the_core() -> set[str]:
    """The members that `Model.__init__` sets: a plugin reads them."""
    (model,) = [node for node in classes("gantool.model") if node.name == "Model"]
    return set(set_on_self(model))


def filled() -> dict[str, dict[str, str]]:
    """For each name that a plugin's models define or set: the plugins, and a place in each."""
    modules = [module for module in SOURCES if module.startswith("gantool_")]
    models = {"Model"}
    while True:  # a plugin may have base classes of its own
        more = {node.name for module in modules for node in classes(module) if bases(node) & models} - models
        if not more:
            break
        models |= more
    found: dict[str, dict[str, str]] = {}
    for module in modules:
        for node in classes(module):
            if node.name in models:
                for name, line in (set_on_self(node) | own_members(node.body)).items():
                    found.setdefault(name, {}).setdefault(package(module), place(SOURCES[module], line))
    return found


def test_the_contract_has_at_most_15_members():
    members = contract()
    assert {"Options", "training_step"} <= members.keys()
    lines = "\n".join(f"{place(SOURCES['gantool.model'], line)} {name}" for name, line in members.items())
    assert len(members) <= 15, f"{len(members)} members. What only some models can do is a capability:\n{lines}"


def test_every_member_of_the_contract_serves_two_plugins_or_more():
    users = filled()
    assert len(users["training_step"]) >= len(PLUGINS) - 1, "models were overlooked"
    wrong = [
        f"{place(SOURCES['gantool.model'], line)}: `{name}` is filled by "
        + (f"one plugin only, at {next(iter(users[name].values()))}" if name in users else "no plugin")
        for name, line in contract().items()
        if name not in given_by_the_core() and len(users.get(name, ())) < 2
    ]
    assert not wrong, "such a member belongs to a mix-in of gantool/capabilities.py:\n" + "\n".join(wrong)


# The Makefile


@pytest.mark.skipif(os.name != "posix" or not shutil.which("make"), reason="needs make and a shell")
@pytest.mark.parametrize("target", ["demo", "test"])
def test_make_says_in_one_line_that_the_python_is_too_old(target, tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "bin" / "python3"
    python.parent.mkdir()
    older = 'import sys; sys.version_info = (3, 10, 4, "final", 0); exec(sys.argv[1])'
    python.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{older}' \"$2\"\n")
    python.chmod(0o755)
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", target], cwd=tmp_path, env=environment | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert not done.stdout
    (line,) = done.stderr.splitlines()
    assert "needs Python 3.11 or newer, and python3 is 3.10." in line
    assert f"make {target} PYTHON=python3.12" in line
    assert not (tmp_path / ".venv").exists()
