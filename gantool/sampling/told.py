"""What pictures shall show: classes, texts or vectors, against what a model is told. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gantool import direction
from gantool.contents import text_of
from gantool.errors import DataError, UsageError, argument
from gantool.files import reason
from gantool.sampling.vectors import rows_of
from gantool.spec import Facts
from gantool.translation.naming import part_of_name

_LONGEST_NAME = 40


@dataclass(frozen=True)
class Told:
    """What some pictures show."""

    kind: str = ""
    """"class", "classes" (all in turns), "text", "vector", or "" for nothing."""
    number: int = 0
    """Of the class, of the text, or of the row of the file of vectors."""
    words: str = ""
    """For people, and for the record."""
    folder: str = ""
    """Of these pictures, below that of all; empty where there is but one kind."""
    names: tuple[str, ...] = ()
    """Of "classes"."""

    def of(self, number: int) -> Told:
        """That of the picture with this seed or row: classes in turns become one."""
        if self.kind != "classes":
            return self
        return Told("class", number % len(self.names), self.names[number % len(self.names)])


def what_is_told(
    facts: Facts, to: str | None, text: Sequence[str], text_file: Path | None, vectors: Path | None
) -> list[Told]:
    """One for each class, text or vector that a person names. Raises UsageError for what the model is not told, and
    DataError for files that are not what they should be.
    """
    given = {
        "to": to is not None,
        "text": bool(text),
        "text_file": text_file is not None,
        "vectors": vectors is not None,
    }
    takes = _TAKES[facts.told]
    for name in (name for name, is_given in given.items() if is_given and name not in takes):
        raise UsageError(f"{facts.model} {TAKES_IN_WORDS[facts.told]}: leave out {argument(name)}{_instead(takes)}")
    if sum(given.values()) > 1:
        raise UsageError(f"name one of {', '.join(argument(name) for name in takes)}")
    if facts.told == "class":
        return _classes(facts, to)
    if facts.told == "":
        return [Told()]
    if vectors is not None:
        count = rows_of(vectors, facts.label_size)
        width = len(str(count))
        return [
            Told("vector", row, f"{vectors} {row}", f"{row + 1:0{width}d}" if count > 1 else "") for row in range(count)
        ]
    texts = _lines(text_file) if text_file is not None else [line.strip() for line in text]
    if not texts:
        wanted = " or ".join(argument(name) for name in takes)
        raise UsageError(f"what shall the pictures show? {facts.model} wants {wanted}")
    if not all(texts):
        raise UsageError(f"{argument('text')} is empty: say what the pictures shall show")
    width = len(str(len(texts)))
    return [
        Told("text", number, line, f"{number + 1:0{width}d}-{_short(line)}" if len(texts) > 1 else "")
        for number, line in enumerate(texts)
    ]


_TAKES = {"": (), "class": ("to",), "text": ("text", "text_file", "vectors"), "vector": ("vectors",)}
TAKES_IN_WORDS = {
    "": "makes one kind of picture, with no choice of what it shows",
    "class": "takes classes for what a picture shows",
    "text": "takes words for what a picture shows",
    "vector": "takes vectors for what a picture shows, and has no encoder of words",
}
"""How a model learns what its pictures shall show, by `Facts.told`, behind its name."""


def _instead(takes: Sequence[str]) -> str:
    return f", and take {' or '.join(argument(name) for name in takes)}" if takes else ""


def _classes(facts: Facts, to: str | None) -> list[Told]:
    names = facts.spec.domains
    if to is None:
        return [Told("classes", names=names)]
    if to == "all" and "all" not in names:
        chosen = list(names)
    elif to in names:
        chosen = [to]
    else:
        chosen = list(dict.fromkeys(direction.named(names, name.strip()) for name in to.split(",")))
    several = len(chosen) > 1
    return [Told("class", names.index(name), name, part_of_name(name) if several else "") for name in chosen]


def _lines(file: Path) -> list[str]:
    """The texts of a file, a line each; empty lines are none."""
    try:
        content = text_of(file.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read {file}: {reason(error, file)}") from error
    except ValueError as error:
        raise DataError(f"cannot read {file}: {error}") from error
    found = [line.strip() for line in content.splitlines() if line.strip()]
    if not found:
        raise DataError(f"{file} holds no text")
    return found


def _short(text: str) -> str:
    """A text as a part of a folder's name: its first words."""
    words = re.sub(r"[^\w]+", "-", text).strip("-")
    return part_of_name(words[:_LONGEST_NAME].strip("-"))
