"""The words of a command line before the parser sees them: what it would not understand, or take without a word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gantool import registry
from gantool.errors import UsageError, argument
from gantool.runs.find import is_resumable


def check_models(words: Sequence[str]) -> None:
    """A verb has one model: the parser would take the last one without a word."""
    options = words[: words.index("--")] if "--" in words else words
    given = [word for word in options if word in ("--model", "-m") or word.startswith("--model=")]
    if len(given) > 1:
        raise UsageError(f"{argument('model')} was given {len(given)} times, and one is used: call gantool for each")


def with_resume_value(words: list[str]) -> list[str]:
    """`--resume` may stand alone; then it means `--resume auto`."""
    done: list[str] = []
    for position, word in enumerate(words):
        done.append(word)
        if word == "--resume":
            value = words[position + 1] if position + 1 < len(words) else "-"
            another = value.startswith("-") or Path(value).exists() or value in registry.plugins()
            if value != "auto" and another and not is_resumable(value):
                done.append("auto")
    return done
