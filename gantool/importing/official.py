"""The authors' checkpoint files, and the networks that a plugin takes from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor

from gantool.spec import Direction, Spec

OfficialTensors: TypeAlias = "Mapping[str, Tensor | OfficialTensors]"
"""The content of an official file: tensors by key, mappings within mappings where the authors have them."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A model's networks, taken from official files."""

    options: Any
    """The model's `Options`, as far as the files tell them."""
    spec: Spec
    """With the plugin's own names for the domains; a person may choose others."""
    tensors: Mapping[str, Tensor]
    """By the model's own keys: every sub-module that the files hold, whole."""
    used: Mapping[tuple[str, str], str]
    """(file, official key) -> the model's key, or what became of it. Keys within mappings are joined by dots."""
    dropped: Mapping[tuple[str, str], str]
    """(file, official key) -> why it is not needed. Together with `used`: every key of every file."""
    directions: tuple[Direction, ...]
    """Between which domains the files' networks translate; this may be less than the whole model."""
    licence: str = ""
    """The licence of the authors' weights, where they released them under one: kept in the header."""


Importer: TypeAlias = Callable[[Mapping[str, OfficialTensors]], Imported | None]
"""A plugin's `official.recognise`: the authors' files, by name, as its model.

None if they are not this model's. Raises CheckpointError if they are, but do not fit each other or lack keys.
"""
