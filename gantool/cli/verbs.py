"""Verbs of two words, such as `sample interpolate`, beside which `sample` takes words of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from gantool.cli.words import check_flags
from gantool.errors import UsageError, did_you_mean, quoted

_NEAR = 0.75  # of two letters that are swapped: shwo


class Verbs(TyperGroup):
    """The verbs of gantool, of one word or two, for the parser and for completion."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb that these words begin with, and the words behind it. Raises UsageError for a verb that is none."""
        verb, *rest = args
        if " ".join(args[:2]) in self.commands:
            verb, rest = " ".join(args[:2]), args[2:]
        if not ctx.resilient_parsing:
            _check_second(verb, rest, self.second_words_of(verb))
        name, command, rest = super().resolve_command(ctx, [verb, *rest])
        if name == "train" and command is not None and not ctx.resilient_parsing:
            check_flags(rest, {flag for one in command.params for flag in (*one.opts, *one.secondary_opts)})
        return name, command, rest

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """First words alone: the second ones are offered behind them."""
        return [item for item in super().shell_complete(ctx, incomplete) if " " not in item.value]

    def second_words_of(self, first: str) -> list[str]:
        """Of `runs` show, plot and so on; nothing of a verb of one word."""
        return [name.removeprefix(f"{first} ") for name in self.commands if name.startswith(f"{first} ")]


def _check_second(verb: str, rest: Sequence[str], seconds: Sequence[str]) -> None:
    """Raises UsageError where the first word behind a verb that takes one seems to be meant as a verb of its own: one
    more word follows, or it is near such a verb and nothing of that name is there.
    """
    word = next(iter(rest), "-")
    if not seconds or word.startswith("-"):
        return
    if len(rest) > 1 and not rest[1].startswith("-"):
        raise UsageError(f"{verb} has no verb {quoted(word)}. It has: {', '.join(seconds)}")
    is_path = os.sep in word or "." in word or Path(word).exists()
    if not is_path and (meant := did_you_mean(word, seconds, cutoff=_NEAR)):
        raise UsageError(f"{verb} has no verb {quoted(word)}. {meant} A folder of that name: {os.path.join('.', word)}")


def second_words(context: typer.Context, incomplete: str) -> list[str]:
    """Completion: the second words of verbs that begin with this one."""
    group = context.parent.command if context.parent else None
    names = group.second_words_of(str(context.info_name)) if isinstance(group, Verbs) else []
    return [name for name in names if name.startswith(incomplete)]
