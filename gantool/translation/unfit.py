"""Inputs that do not go with what is asked for, or with the rest of the inputs. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping

from gantool.errors import UsageError
from gantool.translation.inputs import Source


class UnfitError(UsageError):
    """Some inputs make a plan impossible, which would be possible without them. The first reason is the message."""

    def __init__(self, reasons: Mapping[Source, str]) -> None:
        super().__init__(next(iter(reasons.values())))
        self.reasons = reasons
        """What is wrong with each, in one line."""
