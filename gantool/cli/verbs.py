"""Verbs of two words, such as `sample interpolate`, beside which `sample` takes words of its own."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from gantool.errors import UsageError, quoted


class Verbs(TyperGroup):
    """The verbs of gantool, of one word or two, for the parser and for completion."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb that these words begin with, and the words behind it.

        Raises UsageError where two words follow a verb that takes one, and the first is none of its own verbs.
        """
        verb, *rest = args
        if " ".join(args[:2]) in self.commands:
            verb, rest = " ".join(args[:2]), args[2:]
        seconds = self.second_words_of(verb)
        several = len(rest) > 1 and not any(word.startswith("-") for word in rest[:2])
        if seconds and several and not ctx.resilient_parsing:
            raise UsageError(f"{verb} has no verb {quoted(rest[0])}. It has: {', '.join(seconds)}")
        return super().resolve_command(ctx, [verb, *rest])

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """First words alone: the second ones are offered behind them."""
        return [item for item in super().shell_complete(ctx, incomplete) if " " not in item.value]

    def second_words_of(self, first: str) -> list[str]:
        """Of `runs` show, plot and so on; nothing of a verb of one word."""
        return [name.removeprefix(f"{first} ") for name in self.commands if name.startswith(f"{first} ")]


def second_words(context: typer.Context, incomplete: str) -> list[str]:
    """Completion: the second words of verbs that begin with this one."""
    group = context.parent.command if context.parent else None
    names = group.second_words_of(str(context.info_name)) if isinstance(group, Verbs) else []
    return [name for name in names if name.startswith(incomplete)]
