"""The seed that all draws of a command follow from. Imports no torch."""

from __future__ import annotations

from gantool.errors import UsageError, argument
from gantool.schema import LARGEST


def check_seed(seed: int) -> None:
    """Raises UsageError for a number that is none."""
    if not 0 <= seed <= LARGEST:
        raise UsageError(f"{argument('seed')} is 0 to {LARGEST}, not {seed}")
