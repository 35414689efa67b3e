"""Pages of pictures: a run's gallery, and inputs beside their translations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from gantool.errors import DataError
from gantool.report import runlog
from gantool.report.curves import curves, metric_curves
from gantool.report.page import BUDGET, Embedded, add_link, embedded, renew, write_page
from gantool.runs import folders

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = Path | NDArray[np.uint8]

GALLERY, DEMO = "gallery.html", "demo.html"
_TO_DEMO = "Pictures that the training has not seen"
SAMPLES = 60
"""A gallery shows at most so many steps."""
SIDE = 512
"""Longest side of a picture on a page of pictures, in pixels."""


def write_gallery(run_folder: Path, title: str, facts: Mapping[str, str]) -> Path:
    """Writes `gallery.html` into the run's folder from `samples/*.png` and `log.jsonl`, and returns its path.

    The last number in a sample's file name is its step; several files of one step stand together. The page opens
    without a network, and may be reloaded while the run goes on.
    """
    samples = _samples(run_folder / "samples")
    kept = _kept(samples)
    records = runlog.read(run_folder / folders.LOG)
    steps = [
        {"number": step, "pictures": [(_description(path, step), _embedded_png(path)) for path in samples[step]]}
        for step in kept
    ]
    return write_page(
        run_folder / GALLERY,
        "gallery.html",
        title=title,
        facts=facts,
        link=(DEMO, _TO_DEMO) if (run_folder / DEMO).exists() else None,
        steps=steps,
        left_out=len(samples) - len(kept),
        metrics=metric_curves(records, _best(run_folder)),
        groups=curves(records),
    )


def renew_metrics(run_folder: Path) -> None:
    """Writes what the log says of metrics into the gallery of a run, which may have been written long ago.

    Does nothing for a run without one.
    """
    if (run_folder / GALLERY).exists():
        metrics = metric_curves(runlog.read(run_folder / folders.LOG), _best(run_folder))
        renew(run_folder / GALLERY, "metrics.html", before="<h2>Losses</h2>", metrics=metrics)


def write_demo(
    run_folder: Path, title: str, facts: Mapping[str, str], sections: Mapping[str, Sequence[Mapping[str, Picture]]]
) -> Path:
    """Writes a page of pictures into a run's folder that links to the gallery there, and the gallery to it."""
    page = write_pictures_page(run_folder / DEMO, title, sections, facts, (GALLERY, "How the training went"))
    if (run_folder / GALLERY).exists():
        add_link(run_folder / GALLERY, DEMO, _TO_DEMO)
    return page


def write_pictures_page(
    path: Path,
    title: str,
    sections: Mapping[str, Sequence[Mapping[str, Picture]]],
    facts: Mapping[str, str] | None = None,
    link: tuple[str, str] | None = None,
) -> Path:
    """Writes a page of rows of pictures, as `{"A to B": [{"cat.png": input, "translated": output}, ...]}`.

    A picture is a file or a (H, W, C) uint8 array with C of 1, 3 or 4; large ones are shown smaller. The first line of
    its name is the caption, and all lines describe it to those who do not see it. `link` is a page beside this one, and
    words for it. Rows that would make the page larger than 20 MB are left out, and the page says how many. Raises
    DataError for an unreadable file.
    """
    size = left_out = 0
    shown: list[tuple[str, list[list[tuple[str, Embedded]]]]] = []
    for heading, rows in sections.items():
        cells: list[list[tuple[str, Embedded]]] = []
        for row in rows:
            if size > BUDGET:
                left_out += 1
                continue
            files = {caption: shrunk(picture) for caption, picture in row.items()}
            size += sum(len(file[0]) for file in files.values())
            cells.append([(caption, embedded(*file)) for caption, file in files.items()])
        shown.append((heading, cells))
    return write_page(
        path, "pictures.html", title=title, facts=facts or {}, link=link, sections=shown, left_out=left_out
    )


def _best(run_folder: Path) -> int | None:
    """The step of the best save."""
    save = folders.best(run_folder)
    return None if save is None else int(save.name)


def _samples(folder: Path) -> dict[int, list[Path]]:
    """The sample files by step, in order."""
    samples: dict[int, list[Path]] = {}
    for path in sorted(folder.glob("*.png")):
        if numbers := re.findall(r"\d+", path.stem):
            samples.setdefault(int(numbers[-1]), []).append(path)
    return dict(sorted(samples.items()))


def _kept(samples: Mapping[int, list[Path]]) -> list[int]:
    """The steps to show: as many as fit, the first, the last and evenly spaced ones between them."""
    steps = list(samples)
    for count in range(min(SAMPLES, len(steps)), 1, -1):
        kept = [steps[round(i * (len(steps) - 1) / (count - 1))] for i in range(count)]
        if sum(path.stat().st_size for step in kept for path in samples[step]) <= BUDGET:
            return kept
    return steps[-1:]


def _description(path: Path, step: int) -> str:
    """What a sample shows, from the words that its file holds."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            held = image.info.get("Description")
    except (OSError, ValueError):
        held = None
    return f"Samples of step {step}" + (f": {held}" if isinstance(held, str) else f", {path.stem}")


def _embedded_png(path: Path) -> Embedded:
    data = path.read_bytes()
    # A PNG file holds width and height at fixed places: no decoder is needed.
    return embedded(data, "png", int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))


def shrunk(picture: Picture) -> tuple[bytes, str, int, int]:
    """A picture for a page: file, kind, width, height. Small or transparent ones stay exact."""
    import numpy as np
    from PIL import Image, ImageOps

    if isinstance(picture, Path):
        try:
            with Image.open(picture) as opened:
                image = ImageOps.exif_transpose(opened)
        except (OSError, ValueError) as error:
            raise DataError(f"{picture} cannot be read as a picture: {error}") from error
    else:
        image = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
    if image.mode.startswith("I"):  # 16 bit grey: conversion would clip instead of scaling
        image = Image.fromarray((np.asarray(image) // 256).astype(np.uint8))
    has_alpha = image.has_transparency_data
    image = image.convert("RGBA" if has_alpha else "RGB")
    exact = has_alpha or max(image.size) <= SIDE // 2
    image.thumbnail((SIDE, SIDE))
    buffer = BytesIO()
    if exact:
        image.save(buffer, format="PNG")
    else:
        image.save(buffer, format="JPEG", quality=92)
    return buffer.getvalue(), "png" if exact else "jpeg", image.width, image.height
