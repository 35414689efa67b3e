"""How two runs differ: options, settings, data. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gantool.history.record import settings

Difference = tuple[object, object]
"""Of the first run and of the second; None where a run does not have it."""

_FACTS = {"gantool": "settings", "processes": "settings", "domains": "data", "pictures": "data", "licence": "data"}
"""Where the facts of a run.yaml belong."""


def differences(one: Path, other: Path) -> dict[str, dict[str, Difference]]:
    """What differs, by name, under "options", "settings" and "data".

    Raises UsageError for a run.yaml that is damaged.
    """
    first, second = _parted(settings(one)), _parted(settings(other))
    return {part: _unlike(first[part], second[part]) for part in ("options", "settings", "data")}


def _parted(stored: Mapping[str, Any]) -> dict[str, dict[str, object]]:
    parts: dict[str, dict[str, object]] = {
        "options": dict(stored.get("options", {})),
        "settings": {key: value for key, value in stored.items() if key not in ("data", "options", "facts")},
        "data": {"folders": stored.get("data")},
    }
    for key, part in _FACTS.items():
        parts[part][key] = stored.get("facts", {}).get(key)
    return parts


def _unlike(one: Mapping[str, object], other: Mapping[str, object]) -> dict[str, Difference]:
    return {
        key: (one.get(key), other.get(key)) for key in dict.fromkeys([*one, *other]) if one.get(key) != other.get(key)
    }
