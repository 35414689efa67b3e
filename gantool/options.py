"""Hyper-parameters: one dataclass is the source of defaults, help, checks, YAML and `key=value`.

Precedence, lowest first: the dataclass's defaults, a preset, a configuration file, `GANTOOL_*`, arguments, and options
that are set one by one. Every value remembers where it came from.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from types import NoneType, UnionType
from typing import Any

from gantool import schema
from gantool.contents import text_of
from gantool.errors import UsageError, argument, did_you_mean

OPTION_TYPES = "bool, int, float, str, one of them or None, or several as in tuple[int, ...]"


def option(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    below: float | None = None,
    choices: tuple[str, ...] | None = None,
    file: bool = False,
) -> Any:
    """A dataclass field with its one line of help, its range or its choices: `low` and `high` are allowed,
    `below` is not.

    `file` says that the text is the path of a file or a folder, or that the texts are: they are made absolute, may
    change when a run is continued, and stand by their last names alone in what may leave the machine.
    """
    if isinstance(default, list):
        raise TypeError(f"the option of several values ({help}) has a tuple for its default, not a list")
    metadata = {"help": help, "low": low, "high": high, "below": below, "choices": choices, "file": file}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Setting:
    """One value with its origin."""

    value: Any
    source: str
    """"default", "preset smoke", "config FILE", "GANTOOL_BATCH", or an argument as `gantool.errors` has it."""


def resolve(kind: type[Any], layers: Iterable[tuple[str, Mapping[str, Any]]], *, where: str) -> dict[str, Setting]:
    """Every field of the dataclass `kind`, with the last layer that names it winning.

    `layers` are (source, values); values may be text as typed. `where` says whose options these are ("cyclegan",
    "train"). Raises UsageError for an unknown key (naming the nearest), a value of the wrong type, or one out of range.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}
    types = typing.get_type_hints(kind)
    settings = {name: Setting(field.default, "default") for name, field in fields.items()}
    for source, values in layers:
        for key, value in values.items():
            if key not in fields:
                raise UsageError(_file(source, key, where) + unknown(key, fields, where))
            checked = _checked(fields[key], types[key], value, _subject(source, key, where))
            if fields[key].metadata.get("file") and checked:
                checked = tuple(map(_absolute, checked)) if isinstance(checked, tuple) else _absolute(checked)
            settings[key] = Setting(checked, source)
    return settings


def _subject(source: str, key: str, where: str) -> str:
    """What a message about the value of a key speaks of: the flag or variable that gave it, or the key in its file."""
    if source in (argument(key), f"GANTOOL_{key.upper()}"):
        return source
    return f"{_file(source, key, where) or f'{where}: '}{key}"


def _file(source: str, key: str, where: str) -> str:
    """The file or preset that a layer is read from, as the beginning of a message; empty for other layers."""
    others = ("default", where, argument("set"), argument(key), f"GANTOOL_{key.upper()}")
    return "" if source in others else f"{source}: "


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())


def files_of(kind: type[Any]) -> set[str]:
    """The names of those options of the dataclass that are paths of files or folders."""
    return {field.name for field in dataclasses.fields(kind) if field.metadata.get("file")}


def typed(value: object) -> str:
    """A value as a person types it: 0,2 for a list."""
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def without_places(values: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they may leave the machine: of every absolute path the last name alone, also within lists."""
    return {name: _without_place(value) for name, value in values.items()}


def _without_place(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(map(_without_place, value))
    if not isinstance(value, str):
        return value
    paths = [kind(value) for kind in (PurePosixPath, PureWindowsPath)]  # a file may come from another system
    return next((path.name for path in paths if path.is_absolute()), value)


def flaw(kind: type[Any]) -> str:
    """What its author wrote wrong in a dataclass of options; empty where nothing is."""
    bare = [name for name, value in vars(kind).items() if isinstance(value, dataclasses.Field)]
    if bare or not dataclasses.is_dataclass(kind):
        return f"{kind.__name__} is no dataclass: @dataclass(frozen=True, kw_only=True) belongs above it"
    try:
        types = typing.get_type_hints(kind)
    except Exception as error:  # of a name that is imported for type checkers alone, or whatever stands there
        return f"{kind.__name__} has a type that cannot be read: {error}"
    for field in dataclasses.fields(kind):
        if field.default is dataclasses.MISSING:
            return f"the option {field.name} has no default"
        if not _is_readable(types[field.name]):
            return f"the option {field.name} is of no type that an option can have: {OPTION_TYPES}"
        try:
            _checked(field, types[field.name], field.default, f"the default of the option {field.name}")
        except UsageError as error:
            return error.text
    return ""


def _is_readable(kind: Any) -> bool:
    """Whether a value of this type can be read from a text."""
    parts = [part for part in typing.get_args(kind) if part not in (NoneType, Ellipsis)]
    if typing.get_origin(kind) in (typing.Union, UnionType):
        return len(parts) == 1 and _is_readable(parts[0])
    if typing.get_origin(kind) is tuple:
        return len(set(parts)) == 1 and _is_readable(parts[0])
    return kind in (bool, int, float, str)


def build(kind: type[Any], settings: Mapping[str, Setting], *, where: str) -> Any:
    """The dataclass of these settings. Its `__post_init__` may raise ValueError for values that contradict."""
    try:
        return kind(**{name: setting.value for name, setting in settings.items()})
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error


def restore(kind: type[Any], values: Mapping[str, Any], *, where: str) -> Any:
    """The dataclass from a stored mapping (a weights file, run.yaml). What it does not name takes its default."""
    return build(kind, resolve(kind, [(where, values)], where=where), where=where)


def assignments(texts: Iterable[str]) -> dict[str, str]:
    """`["cycle=5", "norm=batch"]` as a mapping. Raises UsageError for a text without `=`."""
    pairs: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f'{argument("set")} wants key=value, not "{text}"')
        pairs[key.strip().replace("-", "_")] = value.strip()
    return pairs


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping. Raises UsageError, with the line of a syntax error, also for one that says a key twice, or that
    no person would write: larger than a megabyte, nested deep, or grown out of all proportion by aliases.

    Whole numbers are decimal, as in YAML 1.2: 010 is ten, and 7:50:00 is a text, such as a time.
    """
    import yaml

    from gantool.yaml_reader import Reader, check_nesting

    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_YAML + 1)
        if len(content) > _LARGEST_YAML:
            raise UsageError(f"{path} is larger than {_LARGEST_YAML} bytes: that is no configuration file")
        text = text_of(content)
        check_nesting(yaml.parse(text, Reader))
        found = {} if (loaded := Reader(text).get_single_data()) is None else schema.anything(loaded, "")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except UsageError:
        raise
    except yaml.MarkedYAMLError as error:
        raise UsageError(f"{path} is not valid YAML: {_unreadable(error.problem_mark, text)}") from error
    except Exception as error:  # the reader fails in almost any way on dates, numbers and tags that are none
        raise UsageError(f"{path} is not valid YAML: {schema.printable(' '.join(str(error).split())[:300])}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path} must hold keys and values")
    return found


def _unreadable(mark: Any, text: str) -> str:
    """Where a reader of YAML stopped. It may have taken what is wrong for a part of something else until then."""
    number, lines = (mark.line if mark else 0), text.splitlines() or [""]
    line = lines[min(number, len(lines) - 1)].strip()
    return f"it cannot be read from line {number + 1} on ({schema.shown(line)}); look there and just before"


_LARGEST_YAML = 1_000_000


@dataclass(frozen=True)
class Described:
    """One row of the table that `gantool models NAME` prints."""

    name: str
    type: str
    default: Any
    range: str
    help: str


def describe(kind: type[Any]) -> list[Described]:
    """The options of a dataclass as a table."""
    types = typing.get_type_hints(kind)
    rows = []
    for field in dataclasses.fields(kind):
        choices = field.metadata.get("choices")
        limits = ", ".join(choices) if choices else _limits(field, "{} to {}")
        rows.append(
            Described(field.name, _type_name(types[field.name]), field.default, limits, field.metadata.get("help", ""))
        )
    return rows


def unknown(key: str, known: Iterable[str], where: str) -> str:
    """The message for a key that is none of the known ones."""
    key = schema.printable(key[:100])
    table = f"All options: gantool models {where}" if where != "train" else "All of them: gantool train -h"
    return " ".join(f'unknown option "{key}" for {where}. {did_you_mean(key, known, most=2)} {table}'.split())


def _checked(field: dataclasses.Field[Any], kind: Any, value: Any, subject: str) -> Any:
    try:
        value = _converted(kind, value)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"{subject} wants {_type_name(kind)}, not {schema.shown(value)}") from None
    low, high, below, choices = (field.metadata.get(key) for key in ("low", "high", "below", "choices"))
    each = value if isinstance(value, tuple) else (value,)
    for one in each:
        if choices and one is not None and one not in choices:
            said = f"{subject} is one of {', '.join(choices)}, not {schema.shown(one)}"
            raise UsageError(". ".join(filter(None, [said, did_you_mean(str(one), choices)])))
    for number in each:
        if isinstance(number, float) and not math.isfinite(number):
            raise UsageError(f"{subject} must be a finite number, not {number}")
        if isinstance(number, (int, float)) and (
            (low is not None and number < low)
            or (high is not None and number > high)
            or (below is not None and number >= below)
        ):
            raise UsageError(f"{subject} must be {_limits(field, 'between {} and {}')}, not {schema.shown(number)}")
        if isinstance(number, int) and abs(number) > schema.LARGEST:
            raise UsageError(f"{subject} takes whole numbers up to {schema.LARGEST}, not {schema.shown(number)}")
    return value


def _limits(field: dataclasses.Field[Any], both: str) -> str:
    """The range of an option in words, "" for none; `both` has a place for either end."""
    low, high, below = (field.metadata.get(key) for key in ("low", "high", "below"))
    if low is not None and high is not None:
        return both.format(low, high)
    ends = (("at least", low), ("at most", high), ("below", below))
    return ", ".join(f"{words} {end}" for words, end in ends if end is not None)


def _converted(kind: Any, value: Any) -> Any:
    value = str(value) if isinstance(value, PurePath) else value
    if typing.get_origin(kind) in (typing.Union, UnionType):
        inner = [part for part in typing.get_args(kind) if part is not NoneType]
        if value is None or (isinstance(value, str) and value.lower() in ("none", "null", "")):
            return None
        return _converted(inner[0], value)
    if typing.get_origin(kind) is tuple:
        if isinstance(value, str):  # also as Python shows them: (64,), [8, 16]
            value = [part.strip() for part in value.strip("()[] ").removesuffix(",").split(",")]
        return tuple(_converted(typing.get_args(kind)[0], part) for part in value)
    if kind is bool:
        if isinstance(value, bool):
            return value
        words = {
            "true": True,
            "yes": True,
            "on": True,
            "1": True,
            "false": False,
            "no": False,
            "off": False,
            "0": False,
        }
        return words[value.lower()] if isinstance(value, str) and value.lower() in words else _refuse(value)
    if kind is int:
        if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
            _refuse(value)
        return int(value)
    if kind is float:
        return _refuse(value) if isinstance(value, bool) else float(value)
    if kind is str:
        return value if isinstance(value, str) else _refuse(value)
    raise TypeError(f"an option cannot be of type {kind}")


def _refuse(value: Any) -> Any:
    raise ValueError(value)


def _type_name(kind: Any) -> str:
    if typing.get_origin(kind) in (typing.Union, UnionType):
        return " or ".join("none" if part is NoneType else _type_name(part) for part in typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        return f"{_type_name(typing.get_args(kind)[0]).removeprefix('a ')}s with commas between"
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}.get(kind, str(kind))
