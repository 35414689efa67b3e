"""Which of a person's words are models, and which are pictures. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gantool import registry
from gantool.errors import CheckpointError, UsageError
from gantool.pictures.find import look_below
from gantool.runs.find import find_weights
from gantool.runs.folders import WEIGHTS, is_run
from gantool.runs.header import read_facts
from gantool.spec import Facts


class Given(NamedTuple):
    """A word, and the name that a person gave it; empty where none was given."""

    name: str
    word: str


def given(text: str) -> Given:
    """NAME=WORD or WORD. A path may hold an equals sign, and then it is no name."""
    name, equals, word = text.partition("=")
    return Given(name, word) if equals and name and word and not Path(text).exists() else Given("", text)


def weights_of(word: str) -> Path | None:
    """The weights file that a word means, or None for a folder that holds no run: results of any program.

    Raises CheckpointError for what is neither.
    """
    path, models = Path(word), tuple(registry.plugins())
    if path.is_dir() and word not in models and not is_run(path) and not (path / WEIGHTS).is_file():
        return None
    return find_weights(word, models)


def parted(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """(models, pictures): pictures of the source and real ones of the target stand behind the models; behind models
    that make pictures of noise, and before a model's name, real ones alone, and what describes them in words.

    Raises UsageError where one of both is missing.
    """
    facts = [_facts(word) for word in words]
    first = next((one for one in facts if one is not None), None)
    count = 2
    if first is not None and len(words) > 1:
        if "sample" in first.can and "translate" not in first.can:
            count = 2 if first.told in ("text", "vector") and not _holds_pictures(Path(words[-1])) else 1
        elif facts[-2] is not None:
            count = 1
    if len(words) <= count:
        raise UsageError(
            "name one model or more, and behind them pictures: RUN... A B, or of models of noise RUN... REAL"
        )
    return tuple(words[:-count]), tuple(Path(word) for word in words[-count:])


def _facts(text: str) -> Facts | None:
    """What a model's weights say; None for what is none, whatever it may be."""
    try:
        weights = weights_of(given(text).word)
        return None if weights is None else read_facts(weights)
    except CheckpointError:
        return None


def _holds_pictures(path: Path) -> bool:
    return path.is_dir() and bool(look_below(path, demand=False).pictures)
