"""Trackio: a run of the project `gantool`, or of the one that TRACKIO_PROJECT names, on this machine."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gantool.trackers.tracker import PROJECT, About


class Trackio:
    """A run of Trackio's."""

    def __init__(self, run: Any, key: str) -> None:
        self.key = key
        self._run = run

    def figures(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def picture(self, step: int, file: Path) -> None:
        import trackio

        self._run.log({"samples": trackio.Image(str(file))}, step=step)

    def end(self, state: str) -> None:
        import trackio

        trackio.finish()  # the run's own would be called once more when Python ends


def begin(about: About) -> Trackio:
    """Begins a run, or continues the one of this name."""
    import trackio

    key = about.key or f"{about.name}-{secrets.token_hex(3)}"  # names are all that it tells runs apart by
    run = trackio.init(
        project=os.environ.get("TRACKIO_PROJECT", PROJECT),
        name=key,
        config=dict(about.options),
        resume="allow" if about.key else "never",
        embed=False,
        auto_log_gpu=False,
    )
    return Trackio(run, key)
