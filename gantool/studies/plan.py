"""What a study will show: which pictures stand beside each other. Finds files, and reads none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np

from gantool.data.layouts.folders import by_name, left_out
from gantool.errors import DataError, UsageError, argument, quoted
from gantool.files import check_writable
from gantool.inference.seeds import check_seed
from gantool.pictures.ids import key
from gantool.pictures.results import refuse_strangers

Kind = Literal["fake", "preference", "pairs"]
KINDS: tuple[Kind, ...] = ("fake", "preference", "pairs")

PAGE = "index.html"
REAL, WHOLE, DISTORTED = "real", "whole", "distorted"
"""What a side shows that is no method's picture; those are "m0", "m1", ... The last two stand in attention checks."""

GOAL = "Goal"
"""The caption of a real picture above the others."""

MOST = 9
"""Pictures beside each other: each has a digit on the keyboard."""

_WHICH_IS_REAL, _BETTER = "Which picture is real?", "Which picture is better?"
_BETTER_TRANSLATION = "Which picture is the better translation?"


@dataclass(frozen=True)
class Request:
    """What a person asked for."""

    methods: tuple[tuple[str, Path], ...]
    """The name of each method, and the folder of its pictures."""
    kind: Kind
    out: Path
    """A folder."""
    real: Path | None = None
    input: Path | None = None
    n: int = 40
    """Scored trials a person."""
    practice: int | None = None
    """Trials before those; None: 10 of the kind fake, of the others none."""
    checks: int = 2
    """Trials with a known answer among the scored ones."""
    seconds: float | None = None
    """After which the pictures of a trial vanish."""
    question: str | None = None
    title: str = "A study of pictures"
    seed: int = 0
    overwrite: bool = False


@dataclass(frozen=True)
class Side:
    """One of the pictures that a person chooses from."""

    of: str
    """`REAL`, or "m" and the number of the method."""
    name: str
    """The picture's, without extension."""
    file: Path


@dataclass(frozen=True)
class Trial:
    """One question."""

    name: str
    """What is judged: the name that its pictures share; of the kind fake, the name of the fake one."""
    sides: tuple[Side, ...]
    above: tuple[tuple[str, Path], ...] = ()
    """What is shown for comparison: a caption and a picture."""


@dataclass(frozen=True)
class Plan:
    """What will be made."""

    request: Request
    page: Path
    question: str
    trials: Mapping[str, tuple[Trial, ...]]
    """All that can be asked, by name, in a random order of the names."""
    notes: tuple[str, ...]


def named(text: str) -> tuple[str, Path]:
    """A method's name and folder: NAME=FOLDER, or a FOLDER, which gives the name. Raises UsageError."""
    name, equals, folder = text.partition("=")
    if not equals or Path(text).is_dir():
        name, folder = Path(text).resolve().name, text
    if not name.strip() or not folder:
        raise UsageError(f"a method is NAME=FOLDER or FOLDER, not {quoted(text)}")
    return name.strip(), Path(folder)


def kind(word: str) -> Kind:
    """A word as a kind of study. Raises UsageError."""
    for known in KINDS:
        if word == known:
            return known
    raise UsageError(f"{argument('kind', word)}: choose one of {', '.join(KINDS)}")


def plan(request: Request) -> Plan:
    """What such a study shows. Raises UsageError and DataError; makes nothing."""
    _check(request)
    page = request.out / PAGE
    check_writable(page)
    if page.exists() and not request.overwrite:
        raise UsageError(f"{page} exists already: {argument('overwrite')} replaces it")
    refuse_strangers(page, another="folder")
    rng = np.random.default_rng(request.seed)
    trials, note = _fakes(request, rng) if request.kind == "fake" else _compared(request)
    by_names: dict[str, tuple[Trial, ...]] = {}
    for trial in trials:
        by_names[trial.name] = (*by_names.get(trial.name, ()), trial)
    shares([len(group) for group in by_names.values()], request.n, request.practice, request.kind)
    order = sorted(by_names)
    rng.shuffle(order)
    asked = _WHICH_IS_REAL if request.kind == "fake" else _BETTER_TRANSLATION if request.input else _BETTER
    return Plan(
        request, page, request.question or asked, {name: by_names[name] for name in order}, (note,) if note else ()
    )


def shares(counts: Sequence[int], n: int, practice: int | None, kind: Kind) -> tuple[int, int]:
    """(scored, practice) trials a person, where `counts` trials can be made of each name.

    No name comes in the practice and later again: the first answer would tell the second one. So where there are too
    few pictures there are fewer scored trials. Raises UsageError where none is left.
    """
    total = sum(counts)
    if practice is None:
        practice = min(10, total // 4) if kind == "fake" else 0
    used, taken = 0, 0
    for count in sorted(counts, reverse=True):  # a person may happen to practise with those that give most trials
        if taken < practice:
            used, taken = used + count, taken + count
    if used >= total:
        raise UsageError(
            f"{argument('practice', practice)} leaves nothing to score: these pictures make {total} trials, and no"
            " picture comes in both"
        )
    return min(n, total - used), practice


def _check(request: Request) -> None:
    check_seed(request.seed)
    names = [name for name, _ in request.methods]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError(f"two methods are named {twice[0]}: name them apart, as NAME=FOLDER")
    if request.kind == "fake":
        if request.real is None:
            raise UsageError(f"{argument('kind', 'fake')} shows real pictures beside fake ones: add {argument('real')}")
        if request.input is not None:
            raise UsageError(f"{argument('input')} goes with the kinds preference and pairs")
    elif len(names) < 2:
        raise UsageError(f"{argument('kind', request.kind)} compares methods: give two folders or more")
    if request.kind == "preference" and len(names) > MOST:
        raise UsageError(
            f"{len(names)} pictures are too many beside each other: at most {MOST}, or {argument('kind', 'pairs')}"
        )
    if request.seconds is not None and not 0.05 <= request.seconds <= 3600:
        raise UsageError(f"{argument('time', f'{request.seconds:g}s')}: pictures can be shown for 0.05s to 1h")


def _fakes(request: Request, rng: np.random.Generator) -> tuple[list[Trial], str]:
    """Every fake picture beside a real one: that of the same name if all have one, else any."""
    assert request.real is not None
    fakes = [by_name(folder, key) for _, folder in request.methods]
    reals = by_name(request.real, key)
    counterparts = all(name in reals for files in fakes for name in files)
    drawn = sorted(reals)
    rng.shuffle(drawn)
    trials: list[Trial] = []
    for number, files in enumerate(fakes):
        for name, file in files.items():
            beside = name if counterparts else drawn[len(trials) % len(drawn)]
            trials.append(Trial(name, (Side(REAL, beside, reals[beside]), Side(f"m{number}", name, file))))
    words = "the real one of its name" if counterparts else f"one of {len(drawn)} real ones, drawn at random"
    return trials, f"each picture stands beside {words}"


def _compared(request: Request) -> tuple[list[Trial], str | None]:
    """The pictures of one name of all methods, or of each two."""
    folders = [folder for _, folder in request.methods]
    shown = [("Input", request.input), (GOAL, request.real)]
    captions = [caption for caption, folder in shown if folder is not None]
    around = [folder for _, folder in shown if folder is not None]
    named = [by_name(folder, key) for folder in (*folders, *around)]
    common = sorted(set.intersection(*map(set, named)))
    if not common:
        raise DataError(
            f"no name is in all of {', '.join(map(str, (*folders, *around)))}: pictures that belong together have the"
            " same name, but for the extension"
        )
    alone = sorted({str(files[name]) for files in named[: len(folders)] for name in files.keys() - set(common)})
    methods, beside = named[: len(folders)], named[len(folders) :]
    at_once = len(folders) if request.kind == "preference" else 2
    trials = [
        Trial(
            name,
            tuple(Side(f"m{number}", name, methods[number][name]) for number in chosen),
            tuple((caption, files[name]) for caption, files in zip(captions, beside, strict=True)),
        )
        for chosen in combinations(range(len(folders)), at_once)
        for name in common
    ]
    return trials, left_out(alone, "the methods' pictures", "which not all folders have")
