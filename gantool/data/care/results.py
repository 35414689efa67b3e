"""Translations that lie among the pictures that they were made of, by what gantool remembers of its results."""

from __future__ import annotations

import os
from collections.abc import Sequence

from gantool.counting import count_in_words
from gantool.data.source import Domain
from gantool.pictures.results import Results


def translated_there(domains: Sequence[Domain]) -> tuple[str, ...]:
    """A line for each domain that holds translations of its own pictures. Training takes them as it takes any picture:
    what it sees must not depend on what this machine remembers.
    """
    known, lines = Results(), []
    for domain in domains:
        inside = os.path.join(os.path.realpath(domain.root), "")
        noted = {  # a lookup for each of a million pictures would take seconds
            os.path.join(folder, name)
            for folder in {str(file).rpartition(os.sep)[0] for file in domain.files}
            for name, one in known.noted_in(folder).items()
            if one.how and os.path.realpath(one.picture or os.sep).startswith(inside)
        }
        made = [file for file in domain.files if str(file) in noted] if noted else []
        names = [file.relative_to(domain.root).as_posix() for file in made if known.of(file) is not None]
        if names:
            lines.append(
                f"{domain.root}: {counted(names)} that gantool translated from others there; training takes them, too:"
                " move them elsewhere"
            )
    return tuple(lines)


def counted(files: Sequence[str]) -> str:
    """How many, and one of them."""
    return f"{count_in_words(len(files), 'picture')} (such as {files[0]})"
