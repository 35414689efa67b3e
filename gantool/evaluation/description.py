"""What a judge knows: its classes, and how it takes pictures. A file that a person writes. Imports no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from unicodedata import normalize

from gantool import schema
from gantool.contents import text_of
from gantool.counting import first_few
from gantool.errors import UsageError, argument, did_you_mean
from gantool.files import reason
from gantool.options import read_yaml
from gantool.pictures.resize import parse_size

Color: TypeAlias = tuple[int, ...]
"""Red, green and blue, 0 to 255."""
NETWORK, LABELS, DESCRIPTIONS = ".onnx", ".txt", (".yaml", ".yml")


@dataclass(frozen=True)
class Class:
    """One class."""

    name: str
    id: int
    """In label maps."""
    color: Color | None = None
    """In label maps that are drawn."""
    also: tuple[str, ...] = ()
    """Other names that it goes by, such as those of domains."""


@dataclass(frozen=True)
class Input:
    """How pictures become a network's input: (value / 255 * scale - mean) / std, of 8-bit values."""

    size: tuple[int, int] | None = None
    """(width, height); None leaves the size as it is."""
    resize: str = "bilinear"
    channels: str | None = None
    """rgb, bgr or grey; None for what the network takes, red first."""
    scale: float = 1.0
    mean: tuple[float, ...] = (0.5,)
    """One for all channels, or one for each, in the order of the network."""
    std: tuple[float, ...] = (0.5,)


@dataclass(frozen=True)
class Description:
    """The content of a description."""

    file: Path
    network: Path | None
    """None: label maps are compared as they are."""
    classes: tuple[Class, ...]
    """In the order of the network's outputs."""
    input: Input = field(default_factory=Input)
    ignored: tuple[Color, ...] = ()
    """Colours of drawn label maps that do not count."""

    @property
    def files(self) -> list[Path]:
        """All files that the judge is made of: torch writes a network's weights into a file beside it."""
        if self.network is None:
            return [self.file]
        weights = self.network.with_name(f"{self.network.name}.data")
        return [self.network, *([weights] if weights.is_file() else []), self.file]

    @property
    def drawn(self) -> bool:
        """Whether label maps may be in colours."""
        return self.classes[0].color is not None

    def place(self, name: str) -> int:
        """The place of the class that goes by this name: by its own, or one of `also`, as they are or whatever their
        case. Raises UsageError that names the classes.
        """
        for alike in (str, _plain):
            found = [
                place for place, one in enumerate(self.classes) if alike(name) in map(alike, (one.name, *one.also))
            ]
            if len(found) == 1:
                return found[0]
            if found:
                raise UsageError(f'{self.file}: "{name}" is the name of {len(found)} classes')
        names = [one.name for one in self.classes]
        raise UsageError(
            " ".join(
                f'{self.file} knows no class "{name}". {did_you_mean(name, names)} Classes: {first_few(names, 8)}.'
                f' Name one with {argument("expect")}, or "{name}" under also: of a class'.split()
            )
        )


def read_description(judge: Path) -> Description:
    """The description of a judge: NET.yaml or NET.txt (a label a line) beside a network NET.onnx, or a YAML file which
    names its network, or none. Raises UsageError for a file that is not there, or says something else.
    """
    if judge.suffix.lower() in DESCRIPTIONS:
        _there(judge)
        return _described(judge, None)
    if judge.suffix.lower() != NETWORK:
        raise UsageError(f"{argument('judge')} is a network ({NETWORK}) or its description (.yaml), not {judge}")
    _there(judge)
    for suffix in DESCRIPTIONS:
        if (beside := judge.with_suffix(suffix)).is_file():
            return _described(beside, judge)
    labels = judge.with_suffix(LABELS)
    if not labels.is_file():
        raise UsageError(
            f"{judge} has no description beside it: {judge.with_suffix('.yaml').name} with its classes and its input,"
            f" or {labels.name} with a label a line"
        )
    return Description(labels, judge, _labels(labels))


def _there(file: Path) -> None:
    if not file.is_file():
        raise UsageError(f"{argument('judge')}: there is no file {file}")


def _described(file: Path, network: Path | None) -> Description:
    table = read_yaml(file)
    try:
        _check_keys(table, _FIELDS, "")
        found = schema.record(_FIELDS)(table, "")
        classes = tuple(
            Class(one["name"], place if one["id"] is None else one["id"], one["color"], one["also"])
            for place, one in enumerate(found["classes"])
        )
        _check_classes(classes)
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from error
    named = None if found["network"] is None else file.parent / found["network"]
    if named is not None:
        _there(named)
        if network is not None and named.resolve() != network.resolve():
            raise UsageError(f"{file} describes {named.name}, not {network.name}")
    return Description(file, network or named, classes, found["input"], found["ignore"])


def _check_classes(classes: Sequence[Class]) -> None:
    """Raises ValueError for what would be two classes in one label map."""
    for what, values in (
        ("id", [one.id for one in classes]),
        ("color", [one.color for one in classes if one.color is not None]),
    ):
        value, count = Counter(values).most_common(1)[0] if values else (None, 0)
        if count > 1:
            raise ValueError(f"{count} classes have the {what} {value}")
    if len({one.color is None for one in classes}) > 1:
        lacking = next(one.name for one in classes if one.color is None)
        raise ValueError(f"{lacking} has no color, and other classes have one")


def _labels(file: Path) -> tuple[Class, ...]:
    try:
        lines = text_of(file.read_bytes()).rstrip().splitlines()
    except (OSError, ValueError) as error:
        why = reason(error, file) if isinstance(error, OSError) else schema.first_line(error)
        raise UsageError(f"cannot read {file}: {why}") from error
    try:
        classes = tuple(Class(_NAME(line.strip(), f"line {place + 1}"), place) for place, line in enumerate(lines))
        if not classes:
            raise ValueError("it holds no label")
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from error
    return classes


def _plain(name: str) -> str:
    return normalize("NFC", name).casefold().replace("_", " ").replace("-", " ")


def _check_keys(value: object, known: Collection[str], where: str) -> None:
    if isinstance(value, dict):
        for key in value:
            if key not in known:
                word = schema.printable(str(key)[:40])
                raise ValueError(
                    f"{where or 'it'} has no {word}. {did_you_mean(word, known)} Known: {', '.join(known)}"
                )


def _class(value: object, where: str) -> dict[str, Any]:
    table = {"name": value} if isinstance(value, str) else value
    _check_keys(table, _CLASS, where)
    return schema.record(_CLASS)(table, where)


def _input(value: object, where: str) -> Input:
    _check_keys(value, _INPUT, where)
    found = schema.record(_INPUT)(value, where)
    if any(found[name] is not None for name in ("scale", "mean", "std")):
        found = {**found, **{name: found[name] or plain for name, plain in _PLAIN.items()}}
    return Input(**{name: given for name, given in found.items() if given is not None})


def _size(value: object, where: str) -> tuple[int, int]:
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        raise schema.refused(value, where, "WIDTHxHEIGHT")
    try:
        return parse_size(str(value))
    except UsageError:
        raise schema.refused(value, where, "WIDTHxHEIGHT") from None


def _above_zero(value: object, where: str) -> float:
    if schema.number(value, where) <= 0:
        raise schema.refused(value, where, "a number above 0")
    return schema.number(value, where)


def _channels(check: schema.Check[float]) -> schema.Check[tuple[float, ...]]:
    """A number for all channels, or a list of one for each of three."""

    def each(value: object, where: str) -> tuple[float, ...]:
        if isinstance(value, list):
            return schema.several(check, low=3, high=3)(value, where)
        return (check(value, where),)

    return each


_NAME = schema.text(255, r"\S.*", "a name")
_COLOR = schema.several(schema.whole(0, 255), low=3, high=3)
_CLASS: Mapping[str, Any] = {
    "name": _NAME,
    "id": schema.optional(schema.whole(0, 2**16 - 1)),
    "color": schema.optional(_COLOR),
    "also": schema.optional(schema.several(_NAME), ()),
}
_PLAIN: Mapping[str, Any] = {"scale": 1.0, "mean": (0.0,), "std": (1.0,)}
"""Where one of them is named the others do nothing."""
_INPUT: Mapping[str, Any] = {
    "size": schema.optional(_size),
    "resize": schema.optional(schema.one_of("bilinear", "bicubic")),
    "channels": schema.optional(schema.one_of("rgb", "bgr", "grey")),
    "scale": schema.optional(_above_zero),
    "mean": schema.optional(_channels(schema.number)),
    "std": schema.optional(_channels(_above_zero)),
}
_FIELDS: Mapping[str, Any] = {
    "network": schema.optional(schema.text(1000, r"\S.*", "the name of a file")),
    "classes": schema.several(_class, low=1, high=2**15),
    "input": schema.optional(_input, Input()),
    "ignore": schema.optional(schema.several(_COLOR), ()),
}
