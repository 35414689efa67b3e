"""Which trackers there are, and whether their packages are. Imports none of them, and no torch."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from gantool.errors import UsageError, argument

NAMES = ("tensorboard", "trackio", "wandb", "mlflow")
"""Each is the name of its package, and of the extra that installs it."""


def check_installed(names: Sequence[str]) -> None:
    """Raises UsageError for a tracker whose package is not there, with the way to get it."""
    for name in names:
        if find_spec(name) is None:
            raise UsageError(f'{argument("track", name)} needs: pip install "gantool[{name}]"')
