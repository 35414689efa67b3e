"""What the parser of the command line refuses, in one line and in gantool's words."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import takewhile
from typing import Any, cast

import typer

from gantool.errors import UsageError, did_you_mean, quoted

REFUSED = cast("type[Exception]", typer.BadParameter.__base__)
"""The parser's own errors: typer gives no other name to them, and has them from click or by itself."""


def refusal(error: Any) -> UsageError:
    """A refusal of the parser as one of ours. Raises SystemExit, with the help page, where there were no words."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        raise SystemExit(error.exit_code)
    context, flag = getattr(error, "ctx", None), getattr(error, "param", None)
    verb = "gantool" if context is None else context.command_path
    if hasattr(error, "possibilities"):
        near = did_you_mean(error.option_name, error.possibilities or ())
        return UsageError(f"{verb} has no {error.option_name}. {near or f'{verb} -h lists its flags'}")
    if flag is not None and (wanted := _wanted(flag)):
        return UsageError(f"{max(flag.opts, key=len)} is {wanted}{_given(error)}")
    said = error.format_message().splitlines()[0].removesuffix(".")
    return UsageError(f"{said[:1].lower()}{said[1:]}: {verb} -h tells more")


def taken_for_flags(words: Sequence[str]) -> str:
    """The end of a message, where one of these words is a file whose name begins as flags do; else ""."""
    before = takewhile(lambda word: word != "--", words)
    file = next((word for word in before if word.startswith("-") and len(word) > 2 and os.path.lexists(word)), None)
    return "" if file is None else f". {quoted(file)} was read as flags: the file is {quoted(os.path.join('.', file))}"


def _wanted(flag: Any) -> str:
    """What a flag of a number takes; empty for others."""
    kind = getattr(getattr(flag, "type_descriptor", None), "annotation", None)
    if kind not in (int, float):
        return ""
    number, low, high = "a whole number" if kind is int else "a number", flag.min, flag.max
    if high is not None:
        return f"{low} to {high}" if kind is float else f"{number}, {low} to {high}"
    return number if low is None else f"{number}, at least {low}"


def _given(error: Exception) -> str:
    """What a person wrote, which the error's cause knows, as the end of a sentence."""
    found: list[Any] = getattr(error.__cause__, "errors", list)()
    return f", not {quoted(str(found[0]['input']))}" if found else ""
