"""Errors that a person can mend, each with the exit code that a script sees.

A message says what is wrong, where, and what to do. It names arguments with `argument`: Python spells them `crop=256`,
the command line as a flag.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from shlex import quote
from typing import ClassVar

_ARGUMENT = re.compile("\ue000([^\ue001]*)\ue001")
_COMMAND = re.compile("\ue002([^\ue003]*)\ue003")


def argument(name: str, value: object = "") -> str:
    """An argument, as part of a message, by its name in Python. An option of a model is "set" with "key=value"."""
    return f"\ue000{name}={value}\ue001"


def command(verb: str, words: Mapping[str, str | Sequence[str]], **arguments: object) -> str:
    """A command, as part of a message: a line for a shell, with flags for all but the `words`.

    Python reads a call with the same arguments: `gantool.translate(inputs='IN', output='OUT', model='runs/h2z')`.
    Options of a model are `set`, a mapping.
    """
    chosen = arguments.pop("set", None)
    pairs = [("set", f"{key}={value}") for key, value in chosen.items()] if isinstance(chosen, Mapping) else []
    given = [[name, *([value] if isinstance(value, str) else value)] for name, value in words.items()]
    given += [["", name, str(value)] for name, value in [*arguments.items(), *pairs]]
    return "\ue002" + "\n".join([verb, *("\0".join(one) for one in given)]) + "\ue003"


def spelled(text: str, spell: Callable[[str, str], str]) -> str:
    """A message with every argument as `spell(name, value)` writes it, and every command to match."""
    text = _COMMAND.sub(lambda found: _spelled_command(found[1], spell), text)
    return _ARGUMENT.sub(lambda found: spell(*found[1].partition("=")[::2]), text)


def _spelled_command(text: str, spell: Callable[[str, str], str]) -> str:
    verb, *rest = text.split("\n")
    given = [one.split("\0") for one in rest]
    words = [(name, values) for name, *values in given if name]
    arguments = [(values[0], values[1]) for name, *values in given if not name]
    if spell is in_python:
        chosen = dict(value.partition("=")[::2] for name, value in arguments if name == "set")
        calls = [f"{name}={(values if len(values) > 1 else values[0])!r}" for name, values in words]
        calls += [f"{name}={value!r}" if value else f"{name}=True" for name, value in arguments if name != "set"]
        calls += [f"set={chosen!r}"] if chosen else []
        return f"gantool.{verb}({', '.join(calls)})"
    plain = [quote(value) for _, values in words for value in values]
    flags = [spell(name, value and quote(value)) for name, value in arguments]
    return " ".join(["gantool", verb, *plain, *flags])


def in_python(name: str, value: str) -> str:
    """`crop=256`, or `crop` where there is no value; `set={"cycle": 5}` for an option of a model."""
    if name == "set" and "=" in value:
        key, _, chosen = value.partition("=")
        return f'set={{"{key}": {chosen if re.fullmatch(r"-?[0-9.]+", chosen) else repr(chosen)}}}'
    return f"{name}={value}" if value else name


def quoted(text: str) -> str:
    """What a person wrote, as part of a message: in quotes, a long text cut short."""
    return f'"{text}"' if len(text) <= 60 else f'"{text[:60]}..." ({len(text)} characters)'


def did_you_mean(word: str, known: Iterable[str], *, most: int = 1, cutoff: float = 0.6) -> str:
    """ "Did you mean trainA?", or "" where nothing is near."""
    near = difflib.get_close_matches(word, list(known), n=most, cutoff=cutoff)
    return f"Did you mean {' or '.join(near)}?" if near else ""


class GantoolError(Exception):
    """Anything a person can mend. `str(error)` is the one line they read."""

    exit_code: ClassVar[int] = 1

    @property
    def text(self) -> str:
        """The message with its arguments not yet spelled: what another message may quote."""
        return Exception.__str__(self)

    def __str__(self) -> str:
        return spelled(self.text, in_python)


class UsageError(GantoolError):
    """A wrong option, argument or configuration value."""

    exit_code = 2


class DataError(GantoolError):
    """Pictures or folders that are missing, unreadable, not writable or unfit for the task."""

    exit_code = 3


class CheckpointError(GantoolError):
    """A damaged or foreign weights file, or a plugin that is missing or broken."""

    exit_code = 4


class OutOfMemoryError(GantoolError):
    """The machine's or the device's memory does not suffice; the message names the cheapest remedies."""

    exit_code = 5


class DivergedError(GantoolError):
    """Training met non-finite losses too often; the last save is intact."""

    exit_code = 6


class TimeLimitReached(GantoolError):
    """The time limit is reached: the run is saved, and the same command can continue it."""

    exit_code = 75


class Interrupted(GantoolError):
    """A stop by SIGINT or SIGTERM, after what was begun is saved or written. `exit_code` is 130 or 143."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # the one class whose code depends on the case


_RAN_OUT = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "bad_alloc",
    # NVIDIA's libraries, where they find no room for their own tables and scratch space:
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "cusolver_status_alloc_failed",
    "unable to find an engine to execute",
)


def ran_out(error: BaseException) -> bool:
    """Whether the error says that the memory does not suffice: the words of torch, of systems and of drivers."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(words in said for words in _RAN_OUT)
