"""TensorBoard: event files in `RUN/tensorboard`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gantool.trackers.tracker import About

FOLDER = "tensorboard"


class TensorBoard:
    """Event files. Steps of a continued run replace those that came after its save."""

    key = FOLDER

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def figures(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def picture(self, step: int, file: Path) -> None:
        import numpy as np
        from PIL import Image

        with Image.open(file) as image:
            self._writer.add_image("samples", np.asarray(image.convert("RGB")), step, dataformats="HWC")
        self._writer.flush()

    def end(self, state: str) -> None:
        self._writer.close()


def begin(about: About) -> TensorBoard:
    """Opens an event file, and writes the options as a table."""
    from torch.utils.tensorboard import SummaryWriter

    purge = about.done + 1 if about.key else None
    writer: Any = SummaryWriter(str(about.folder / FOLDER), purge_step=purge)
    rows = "\n".join(f"| {key} | {value} |" for key, value in about.options.items())
    if not about.key:
        writer.add_text("options", f"| option | value |\n| --- | --- |\n{rows}", 0)
    return TensorBoard(writer)
