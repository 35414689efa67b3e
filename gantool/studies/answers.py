"""The files that people save at the end of a study."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gantool import schema
from gantool.contents import text_of
from gantool.counting import count_in_words
from gantool.errors import DataError
from gantool.files import refuse_irregular
from gantool.studies.plan import DISTORTED, KINDS, MOST, REAL, WHOLE

FORMAT, VERSION = "gantool study answers", 1
LARGEST = 20_000_000
"""Bytes of a file of answers."""
_NO_ANSWERS = "it holds no answers to a study"
ENDINGS = (".json", ".txt")
"""Of the files that are read in a folder: as the page saves them, and as people save the text that they copied."""


@dataclass(frozen=True)
class Study:
    """What was asked."""

    id: str
    kind: str
    title: str
    question: str
    methods: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """One trial of a person."""

    part: str
    """practice, scored or check."""
    shown: tuple[str, ...]
    """What each side was, from the left: as `plan.Side.of`, or `WHOLE` and `DISTORTED`."""
    name: str
    """What was judged: see `plan.Trial.name`."""
    chosen: str
    """One of `shown`."""
    seconds: float
    """From when the pictures appeared."""


@dataclass(frozen=True)
class Person:
    """One person's answers."""

    id: str
    file: Path
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Gathered:
    """The answers of a study."""

    study: Study
    people: tuple[Person, ...]
    failed: dict[str, str]
    """Why a file was not read."""
    notes: tuple[str, ...]


def gather(paths: Sequence[Path]) -> Gathered:
    """The answers in these files, whatever their names, and in files of `ENDINGS` in these folders and below.

    Files that are no answers are named in `failed`. Of several files of one person the longest counts. Raises
    DataError where no file is of any use, and for files of several studies.
    """
    people: dict[str, Person] = {}
    studies: dict[Study, list[Path]] = {}
    failed: dict[str, str] = {}
    files, notes = _files(paths)
    for file in files:
        try:
            study, person = read(file)
        except DataError as error:
            failed[str(file)] = str(error)
            continue
        studies.setdefault(study, []).append(file)
        before = people.get(person.id)
        if before is None:
            people[person.id] = person
            continue
        kept, other = (person, before) if len(person.answers) > len(before.answers) else (before, person)
        same = "the same answers" if person.answers == before.answers else f"{len(other.answers)} answers"
        notes.append(f"{other.file}: {same} of person {person.id}, of whom {kept.file} counts")
        people[person.id] = kept
    if not studies:
        if failed:
            raise DataError(next(iter(failed.values())) + _either(len(failed) - 1))
        endings = " or ".join(ENDINGS)
        raise DataError(f"no answers in {', '.join(map(str, paths))}: there is no file whose name ends with {endings}")
    if len(studies) > 1:
        each = "; ".join(f"{study.id}: {found[0]}" + _more(len(found) - 1) for study, found in studies.items())
        raise DataError(f"answers of {len(studies)} studies ({each}): read those of each study by themselves")
    return Gathered(next(iter(studies)), tuple(people.values()), failed, tuple(notes))


def read(file: Path) -> tuple[Study, Person]:
    """A file of answers, as the page saves it or within a text, such as a mail. Raises DataError for anything else."""
    try:
        refuse_irregular(file)
        if file.stat().st_size > LARGEST:
            raise ValueError(f"it is larger than {LARGEST // 1_000_000} MB")
        table = _object(file.read_bytes())
        if table.get("format") != FORMAT:
            raise ValueError(_NO_ANSWERS)
        if (version := table.get("version")) != VERSION:
            raise ValueError(f"its version is {schema.shown(version)}, and this gantool reads {VERSION}")
        said = _ANSWERS(table, "")
        key = _KEY(_decoded(said["key"]), "key")
        study = Study(said["study"], key["kind"], key["title"], key["question"], key["methods"])
        answers = tuple(_answer(trial, key, f"trials[{number}]") for number, trial in enumerate(said["trials"]))
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or schema.first_line(error)
        raise DataError(f"cannot read {file}: {why}") from error
    return study, Person(said["person"], file, answers)


def _object(data: bytes) -> dict[str, Any]:
    """The one JSON object in a text, whatever stands around it: a byte order mark, the words of a mail.

    Raises ValueError.
    """
    with contextlib.suppress(ValueError):  # what else stands in a mail may be in any encoding
        data = text_of(data).encode()
    if FORMAT.encode() not in data:
        raise ValueError(_NO_ANSWERS)
    found = _parsed(data[data.find(b"{") : data.rfind(b"}") + 1], "its answers")
    assert isinstance(found, dict), "it begins with a brace"
    return found


def _decoded(key: str) -> Any:
    """What the key says. Raises ValueError."""
    try:
        data = base64.b64decode(key, validate=True)
    except ValueError:
        data = b""
    return _parsed(data, "the key of its answers")


def _parsed(data: bytes, what: str) -> Any:
    """JSON. Raises ValueError in words for a person who got the file from somebody."""
    try:
        return schema.parse_json(data)
    except ValueError as error:
        raise ValueError(f"{what} came damaged or cut off: ask for the file again") from error


def _answer(trial: dict[str, Any], key: dict[str, Any], where: str) -> Answer:
    """A trial whose numbers mean something. Raises ValueError."""
    shown, pictures, chosen = trial["shown"], trial["pictures"], trial["chosen"]
    if len(pictures) != len(shown) or chosen >= len(shown):
        raise ValueError(
            f"{where} does not fit together: {len(shown)} shown, {len(pictures)} pictures, {chosen} chosen"
        )
    if any(side[0] == "m" and int(side[1:]) >= len(key["methods"]) for side in shown):
        raise ValueError(f"{where}.shown names a method that the study does not have")
    if max(pictures) >= len(key["names"]):
        raise ValueError(f"{where}.pictures names a picture that the study does not have")
    if len(set(shown)) < len(shown) or (trial["part"] == "check") != (WHOLE in shown):
        raise ValueError(f"{where}.shown is nothing that a study shows")
    judged = next(number for side, number in zip(shown, pictures, strict=True) if side != REAL)
    return Answer(trial["part"], shown, key["names"][judged], shown[chosen], trial["ms"] / 1000)


def _files(paths: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """The files to read, and notes of how many others folders hold; hidden ones do not count."""
    files: list[Path] = []
    notes: list[str] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        held = sorted(file for file in path.rglob("*") if not file.name.startswith(".") and not file.is_dir())
        read = [file for file in held if file.suffix.lower() in ENDINGS]
        files += read
        if others := len(held) - len(read):
            count = count_in_words(others, "other file was", "other files were")
            notes.append(f"{path}: {count} not read, as their names end with neither {' nor '.join(ENDINGS)}")
    return files, notes


def _either(count: int) -> str:
    return f"; {count_in_words(count, 'other file')} cannot be read either" if count else ""


def _more(count: int) -> str:
    return f" and {count} more" if count else ""


_NAME = schema.text(1000)
_SIDE = schema.text(12, rf"m\d{{1,6}}|{REAL}|{WHOLE}|{DISTORTED}", "a side of a trial")
_TRIAL = schema.record(
    {
        "part": schema.one_of("practice", "scored", "check"),
        "shown": schema.several(_SIDE, low=2, high=MOST),
        "pictures": schema.several(schema.whole(), low=2, high=MOST),
        "chosen": schema.whole(0, MOST - 1),
        "ms": schema.whole(),
    }
)
_ANSWERS = schema.record(
    {
        "study": schema.text(64, "[0-9a-f]+", "the id of a study"),
        "person": schema.text(64, r"[\w-]+", "the id of a person"),
        "key": schema.text(LARGEST),
        "trials": schema.several(_TRIAL, high=100_000),
    }
)
_KEY = schema.record(
    {
        "kind": schema.one_of(*KINDS),
        "title": schema.text(5000),
        "question": schema.text(5000),
        "methods": schema.several(_NAME, low=1, different=True),
        "names": schema.several(_NAME, high=1_000_000),
    }
)
