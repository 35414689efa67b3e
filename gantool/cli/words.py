"""The words of a command line before the parser sees them: what it would not understand, or take without a word."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
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


def check_flags(words: Sequence[str], flags: Collection[str]) -> None:
    """The words behind `train`, of which `flags` are known: raises UsageError for one that is an option of the model,
    or a setting that has no flag. Options are read without importing a model.
    """
    options = words[: words.index("--")] if "--" in words else words
    for position, word in enumerate(options):
        flag, equals, value = word.partition("=")
        if not flag.startswith("--") or flag in flags:
            continue
        key = flag.removeprefix("--").replace("-", "_")
        if key in _settable(words):
            following = options[position + 1] if position + 1 < len(options) else "--"
            chosen = value if equals else "..." if following.startswith("--") else following
            raise UsageError(f"train has no {flag}. Did you mean {argument('set', f'{key}={chosen}')}?")


def _settable(words: Sequence[str]) -> set[str]:
    """What `--set` takes for the model among these words; for any model where none is named."""
    from gantool.training.option_names import option_names
    from gantool.training.settings import TrainSettings

    plugins = registry.plugins()
    models = [plugins[word] for word in words if word in plugins][:1] or [*plugins.values()]
    settings = {field.name for field in dataclasses.fields(TrainSettings)}
    return settings.union(*(option_names(model) or () for model in models))


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
