"""Runs on the hub (huggingface.co) by their names, and where their weights lie in its cache. No network is asked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from gantool.errors import CheckpointError, UsageError, command, quoted
from gantool.runs.folders import WEIGHTS

PREFIX = "hf://"
MAIN = "main"
"""The revision that is meant where none is named."""

_PART = r"(?!.*(?:--|\.\.))[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?"
_NAME = re.compile(rf"({_PART}/{_PART})(?:@(?!.*\.\.)([A-Za-z0-9_][A-Za-z0-9_./-]{{0,99}}))?")


class Repository(NamedTuple):
    """A repository of the hub at a revision."""

    name: str
    """USER/NAME."""
    revision: str = MAIN
    """A branch, a tag or a commit."""

    def __str__(self) -> str:
        return f"{PREFIX}{self.short}"

    @property
    def short(self) -> str:
        """USER/NAME, and @REVISION where it is not the main one."""
        return self.name if self.revision == MAIN else f"{self.name}@{self.revision}"


def is_remote(word: str) -> bool:
    """Whether a word names a run on the hub."""
    return word.startswith(PREFIX)


def repository(word: str) -> Repository:
    """The repository of "USER/NAME" or "USER/NAME@REVISION", with hf:// before it or without. Raises UsageError."""
    found = _NAME.fullmatch(word.removeprefix(PREFIX))
    if found is None:
        raise UsageError(f"a run on the hub is USER/NAME or USER/NAME@REVISION, not {quoted(word)}")
    return Repository(found[1], found[2] or MAIN)


def need_hub() -> None:
    """Raises UsageError where the package that talks to the hub is not installed."""
    try:
        import huggingface_hub  # noqa: F401
    except ImportError:
        raise UsageError('runs on the hub need: pip install "gantool[hub]"') from None


def cached(word: str, file: str = WEIGHTS) -> Path | None:
    """A file of the run of this name in the hub's cache; None where it is not there. Raises UsageError."""
    place = repository(word)
    need_hub()
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(place.name, file, revision=place.revision)
    return Path(found) if isinstance(found, str) else None


def weights(word: str) -> Path:
    """The weights in the hub's cache. Raises CheckpointError that says how to fetch them, and UsageError."""
    found = cached(word)
    if found is None:
        fetch = command("pull", {"name": repository(word).short})
        raise CheckpointError(f"{word} is not in the hub's cache: {fetch} fetches it")
    return found
