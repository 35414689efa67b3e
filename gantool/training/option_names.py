"""The names of a model's options, read from its source: a misspelt one is answered before torch is imported.

Only the names. Types, ranges and contradictions are the business of the class itself, once it is imported.
"""

from __future__ import annotations

import ast
import importlib.util
from functools import cache
from pathlib import Path

from gantool.registry import Plugin


class _Unclear(Exception):
    """The source is written in a way that this reader does not follow."""


def option_names(plugin: Plugin) -> frozenset[str] | None:
    """The fields of the plugin's `Options`, its base classes' included; None where the source does not tell."""
    try:
        return frozenset(_options(plugin.module, plugin.attribute))
    except (_Unclear, ImportError, OSError, SyntaxError, ValueError, RecursionError):
        return None


def _options(module: str, name: str) -> set[str]:
    """The options of a model class: its own, or those that it inherits."""
    module, model = _class(module, name)
    for statement in model.body:
        if isinstance(statement, ast.ClassDef) and statement.name == "Options":
            return _fields(module, statement)
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "Options":
            return _fields(*_class(module, ast.unparse(statement.value)))
    for base in model.bases:
        try:
            return _options(module, _name(base))
        except _Unclear:
            continue
    raise _Unclear(name)


def _fields(module: str, options: ast.ClassDef) -> set[str]:
    found = {
        statement.target.id
        for statement in options.body
        if isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and "ClassVar" not in ast.unparse(statement.annotation)
    }
    for base in options.bases:
        found |= _fields(*_class(module, _name(base)))
    return found


def _class(module: str, name: str) -> tuple[str, ast.ClassDef]:
    """Where the class is written that `name` means in a module, and what is written there."""
    head, _, rest = name.partition(".")
    for statement in _parsed(module).body:
        if isinstance(statement, ast.ClassDef) and statement.name == head:
            return module, statement if not rest else _nested(statement, rest)
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                if (alias.asname or alias.name) == head:
                    source = _absolute(module, statement)
                    try:
                        return _class(source, f"{alias.name}.{rest}".rstrip("."))
                    except _Unclear:  # a module, not a class of one
                        return _class(f"{source}.{alias.name}", rest)
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                known = alias.asname or alias.name
                if name.startswith(f"{known}."):
                    return _class(alias.name, name.removeprefix(f"{known}."))
    raise _Unclear(name)


def _nested(outer: ast.ClassDef, name: str) -> ast.ClassDef:
    for statement in outer.body:
        if isinstance(statement, ast.ClassDef) and statement.name == name:
            return statement
    raise _Unclear(name)


def _name(base: ast.expr) -> str:
    return ast.unparse(base.value if isinstance(base, ast.Subscript) else base)


def _absolute(module: str, statement: ast.ImportFrom) -> str:
    if not statement.level:
        return statement.module or ""
    package = module.split(".")
    keep = len(package) - statement.level + (_file(module).name == "__init__.py")
    return ".".join([*package[:keep], *filter(None, [statement.module])])


def _parsed(module: str) -> ast.Module:
    file = _file(module)
    status = file.stat()
    return _read(file, status.st_mtime_ns, status.st_size)


@cache
def _read(file: Path, _changed: int, _size: int) -> ast.Module:
    """A file of this time and size: in a notebook, whoever writes a plugin gives it an option and goes on."""
    return ast.parse(file.read_bytes())


def _file(module: str) -> Path:
    """The source of a module. `find_spec` imports the parents of what it is asked for, so it is asked for the first."""
    first, *rest = module.split(".")
    spec = importlib.util.find_spec(first) if first else None
    if spec is None:
        raise _Unclear(module)
    if not rest and spec.origin:
        return Path(spec.origin)
    for folder in spec.submodule_search_locations or ():
        path = Path(folder, *rest)
        for file in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
            if file.is_file():
                return file
    raise _Unclear(module)
