"""Making a study: its pictures go into one page, with all that the page needs to ask, and to say what it asked."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gantool.errors import DataError
from gantool.files import reason
from gantool.pictures.results import note_file
from gantool.report import page
from gantool.report.text import to_json
from gantool.studies.pictures import Encoded, distorted, encoded, is_large, pixels_of
from gantool.studies.plan import DISTORTED, GOAL, REAL, WHOLE, Plan, Trial, shares

Progress = Callable[[int, int], None]
"""Called with how many names have their pictures in the page, of how many."""


@dataclass(frozen=True)
class Made:
    """A study that has been made."""

    page: Path
    study: str
    """Its id: the same where the same study is made again."""
    kind: str
    question: str
    methods: tuple[str, ...]
    names: int
    """Names whose pictures are judged."""
    left_out: int
    """Names that did not fit into the page."""
    trials: int
    """Trials that can be asked; each person gets some."""
    scored: int
    practice: int
    checks: int
    """Of a person."""
    bytes: int
    """Of the page."""
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def make(plan: Plan, progress: Progress) -> Made:
    """Writes the study's page. Raises DataError for an unreadable picture and where nothing can be written.

    Names go in one by one, with the pictures of all methods, until the page is full (`report.page.BUDGET`). All are PNG
    where they fit and none is large, else JPEG: no method has cleaner files than the others.
    """
    request = plan.request
    content, kept = _filled(plan, "jpeg" if any(map(is_large, _all_files(plan))) else "png", progress)
    if len(kept) < len(plan.trials) and content.kind == "png":
        content, kept = max((content, kept), _filled(plan, "jpeg", progress), key=lambda found: len(found[1]))
    trials = [trial for group in kept.values() for trial in group]
    scored, practice = shares([len(group) for group in kept.values()], request.n, request.practice, request.kind)
    methods = tuple(name for name, _ in request.methods)
    items = [content.item(trial) for trial in trials]
    checks = _checks(plan, trials, content)
    told = {
        "kind": request.kind,
        "title": request.title,
        "question": plan.question,
        "methods": methods,
        "names": list(content.names),
    }
    study = {
        "seed": request.seed,
        "scored": scored,
        "practice": practice,
        "milliseconds": None if request.seconds is None else round(1000 * request.seconds),
        "items": items,
        "checks": checks,
        "pictures": [
            [one.kind, base64.b64encode(one.data).decode(), one.width, one.height] for one in content.pictures
        ],
        # As base64, so that nobody reads the methods' names by accident: neither in the page nor in the answers.
        "key": base64.b64encode(to_json(told).encode()).decode(),
    }
    identity = hashlib.sha256(to_json(study).encode()).hexdigest()[:12]
    _write(plan, {"id": identity, **study})
    return Made(
        page=plan.page,
        study=identity,
        kind=request.kind,
        question=plan.question,
        methods=methods,
        names=len(kept),
        left_out=len(plan.trials) - len(kept),
        trials=len(trials),
        scored=scored,
        practice=practice,
        checks=len(checks),
        bytes=plan.page.stat().st_size,
        notes=(*plan.notes, *_notes(plan, trials, (scored, practice), len(kept), content)),
    )


class _Content:
    """The pictures and names of a page, each once, by number."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.pictures: list[Encoded] = []
        self.bytes = 0
        self.names: dict[str, int] = {}
        self._numbers: dict[Path, int] = {}

    def add(self, picture: Encoded) -> int:
        self.pictures.append(picture)
        self.bytes += len(picture.data)
        return len(self.pictures) - 1

    def number(self, file: Path) -> int:
        """Of a picture, which is read when it is first asked for."""
        if file not in self._numbers:
            self._numbers[file] = self.add(encoded(pixels_of(file), self.kind))
        return self._numbers[file]

    def name(self, name: str) -> int:
        """Of a name."""
        return self.names.setdefault(name, len(self.names))

    def size(self, file: Path) -> str:
        """Width and height in the page."""
        picture = self.pictures[self.number(file)]
        return f"{picture.width}x{picture.height}"

    def item(self, trial: Trial) -> dict[str, Any]:
        """A trial: its sides as [what it is, picture, name], and what stands above as [caption, picture]."""
        return {
            "name": self.name(trial.name),
            "sides": [[side.of, self.number(side.file), self.name(side.name)] for side in trial.sides],
            "above": [[caption, self.number(file)] for caption, file in trial.above],
        }


def _filled(plan: Plan, kind: str, progress: Progress) -> tuple[_Content, dict[str, tuple[Trial, ...]]]:
    """As many names as a page holds, with all that can be asked of them, and their pictures in this format."""
    content, kept = _Content(kind), {}
    for name, group in plan.trials.items():
        if content.bytes > page.BUDGET:
            break
        for file in (file for trial in group for file in _files(trial)):
            content.number(file)
        kept[name] = group
        progress(len(kept), len(plan.trials))
    return content, kept


def _checks(plan: Plan, trials: Sequence[Trial], content: _Content) -> list[dict[str, Any]]:
    """Trials whose answer is known: a picture beside itself, distorted. A real one where the study has real ones."""
    rng = np.random.default_rng([plan.request.seed, 1])
    checks = []
    for number in rng.permutation(len(trials))[: plan.request.checks].tolist():
        trial = trials[number]
        reals = [side.file for side in trial.sides if side.of == REAL]
        reals += [file for caption, file in trial.above if caption == GOAL]
        file = reals[0] if reals else trial.sides[int(rng.integers(len(trial.sides)))].file
        worse = content.add(encoded(distorted(pixels_of(file), rng), content.kind))
        name = content.name(trial.name)
        sides = [[WHOLE, content.number(file), name], [DISTORTED, worse, name]]
        checks.append({**content.item(trial), "sides": sides})
    return checks


def _all_files(plan: Plan) -> Iterable[Path]:
    """Each once."""
    return dict.fromkeys(file for group in plan.trials.values() for trial in group for file in _files(trial))


def _files(trial: Trial) -> Iterator[Path]:
    yield from (side.file for side in trial.sides)
    yield from (file for _, file in trial.above)


def _notes(plan: Plan, trials: Sequence[Trial], each: tuple[int, int], names: int, content: _Content) -> Iterator[str]:
    """What a person who makes the study should know of it."""
    scored, practice = each
    if left_out := len(plan.trials) - names:
        yield f"{left_out} of {len(plan.trials)} names are left out, of all methods, to keep the page below 20 MB"
    if scored < plan.request.n:
        yield f"{scored} scored trials a person instead of {plan.request.n}: the pictures make no more"
    if plan.request.kind == "fake" and len(trials) > names and scored + practice > names:
        yield (
            f"{practice + scored} trials of {names} names: people see real pictures again beside another method's, and"
            " may know them. Fewer trials, or a study for each method, avoid that"
        )
    for trial in trials:
        one, *others = (side.file for side in trial.sides)
        for other in others:
            if content.size(one) != content.size(other):
                yield (
                    f"{one} is {content.size(one)} pixels and {other} {content.size(other)}: they are shown at one"
                    " size, but people may tell them by their sharpness or shape"
                )
                return


def _write(plan: Plan, study: dict[str, Any]) -> None:
    folder = plan.page.parent
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"cannot write to {folder}: {reason(error, folder)}") from error
        page.write_page(
            plan.page, "study.html", title=plan.request.title, facts={}, link=None, question=plan.question, study=study
        )
    except BaseException:
        with suppress(OSError):  # one that is not there, or that somebody else has put something into
            for place in made:
                place.rmdir()
        raise
    note_file(plan.page)
