"""A whole check of a plugin: pictures, a short run, and one check after the other."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from gantool import registry
from gantool.checking import describes, makes, trains, translates
from gantool.checking.pictures import training_pictures
from gantool.checking.subject import Subject
from gantool.checking.translates import NotChecked
from gantool.errors import GantoolError, Interrupted
from gantool.schema import first_line

CHECKS: Mapping[str, Callable[[Subject], str]] = {
    check.__name__: check
    for check in (
        describes.contract,
        describes.smoke,
        trains.training,
        describes.presets,
        describes.about,
        describes.options,
        describes.official,
        trains.losses,
        trains.optimizers,
        trains.learning,
        trains.blanks,
        trains.resume,
        trains.samples,
        describes.header,
        translates.weights,
        translates.roles,
        translates.sizes,
        translates.repeats,
        translates.styles,
        makes.seeds,
        makes.labels,
        makes.truncation,
        makes.mixing,
        translates.export,
        describes.printing,
    )
}
"""Every check by name: what is wrong in one line, or nothing."""
NEEDED = ("contract", "smoke", "training")
"""The checks without which no later one can be made."""


@dataclass(frozen=True)
class Outcome:
    """Of one check."""

    check: str
    ok: bool | None
    """None if it was not made."""
    found: str = ""
    """What is wrong, or what the check lacks."""
    error: Exception | None = None
    """What the plugin raised."""


def start(entry: registry.Plugin, data: Sequence[Path] = ()) -> Iterator[Outcome]:
    """Makes all checks, in a temporary folder. `data` are training pictures, as for a training with the preset `smoke`;
    none for those that gantool draws.
    """
    with tempfile.TemporaryDirectory(prefix="gantool-check-") as name, _without_settings():
        drawn = Path(name, "pictures")
        subject = Subject(entry, lambda needed: data or training_pictures(needed, drawn), Path(name, "checks"))
        subject.folder.mkdir()
        lacking = ""
        for check in CHECKS:
            outcome = Outcome(check, None, f"not checked: {lacking} failed") if lacking else _outcome(check, subject)
            if check in NEEDED and not outcome.ok:
                lacking = lacking or check
            yield outcome


def _outcome(check: str, subject: Subject) -> Outcome:
    try:
        with redirect_stdout(subject.printed):
            found = CHECKS[check](subject)
    except NotChecked as lacking:
        return Outcome(check, None, f"not checked: {lacking}")
    except Interrupted:
        raise
    except GantoolError as error:
        return Outcome(check, False, error.text, error)
    except Exception as error:  # whatever is wrong with this plugin is what was asked
        said = registry.mistake(error) or f"{type(error).__name__}: {first_line(error)}"
        return Outcome(check, False, said, error)
    return Outcome(check, not found, found)


@contextmanager
def _without_settings() -> Iterator[None]:
    """Inside, a preset is what it says, whatever settings a person has in the environment."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("GANTOOL_")}
    try:
        yield
    finally:
        os.environ.update(kept)
