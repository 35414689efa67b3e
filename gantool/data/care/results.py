"""Translations that lie among the pictures that they were made of, by what gantool remembers of its results."""

from __future__ import annotations

import os
from collections.abc import Sequence

from gantool.data.source import Domain
from gantool.pictures.results import Results


def translated_there(domains: Sequence[Domain]) -> tuple[str, ...]:
    """A line for each domain that holds translations of its own pictures. Training takes them as it takes any picture:
    what it sees must not depend on what this machine remembers.
    """
    known, lines = Results(), []
    for domain in domains:
        inside = os.path.join(os.path.realpath(domain.root), "")
        made = [(file, known.of(file)) for file in domain.files]
        names = [
            file.relative_to(domain.root).as_posix()
            for file, one in made
            if one is not None and one.how and os.path.realpath(one.picture or os.sep).startswith(inside)
        ]
        if names:
            lines.append(
                f"{domain.root}: {counted(names)} that gantool translated from others there; training takes them, too:"
                " move them elsewhere"
            )
    return tuple(lines)


def counted(files: Sequence[str]) -> str:
    """How many, and one of them."""
    return f"{len(files)} {'picture' if len(files) == 1 else 'pictures'} (such as {files[0]})"
