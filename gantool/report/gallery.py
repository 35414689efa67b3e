"""Pages of pictures: a run's gallery, and inputs beside their translations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from gantool.errors import DataError
from gantool.report import runlog
from gantool.report.curves import curves
from gantool.report.page import BUDGET, embedded, write_page

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = Path | NDArray[np.uint8]

SAMPLES = 60
"""A gallery shows at most so many steps."""
SIDE = 512
"""Longest side of a picture on a page of pictures, in pixels."""

_SLIDER = """
const shown = document.querySelector('.viewer'), list = document.querySelector('.samples');
if (list) {
  const steps = [...list.querySelectorAll('section')].reverse();
  const slider = shown.querySelector('input'), place = shown.querySelector('div'), word = shown.querySelector('output');
  const show = () => {
    const step = steps[slider.value];
    word.textContent = step.querySelector('h3').textContent;
    place.replaceChildren(...[...step.querySelectorAll('figure')].map(figure => figure.cloneNode(true)));
  };
  slider.max = steps.length - 1;
  slider.value = slider.max;
  slider.addEventListener('input', show);
  show();
  shown.hidden = false;
  list.open = false;
}
"""


def write_gallery(
    run_folder: Path, title: str, facts: Mapping[str, str], legend: Mapping[str, str] | None = None
) -> Path:
    """Writes `gallery.html` into the run's folder from `samples/*.png` and `log.jsonl`, and returns its path.

    The last number in a sample's file name is its step; several files of one step stand together. `legend` says how to
    read losses of these names, or of names that start with them and an underscore, where a model knows better than the
    general explanations. The page opens without a network, and may be reloaded while the run goes on.
    """
    samples = _samples(run_folder / "samples")
    steps = _kept(samples)
    drawn = curves(runlog.read(run_folder / "log.jsonl"), legend or {})
    body = f"""<h2>Samples</h2>
{_sample_list(samples, steps) if steps else "<p>No samples yet.</p>"}
<h2>Losses</h2>
{"<p>Thin: the log. Thick: its running median. Samples say more than any of these curves.</p>" if drawn else ""}
{drawn or "<p>No losses yet.</p>"}"""
    return write_page(run_folder / "gallery.html", title, facts, body, _SLIDER)


def write_pictures_page(path: Path, title: str, sections: Mapping[str, Sequence[Mapping[str, Picture]]]) -> Path:
    """Writes a page of rows of pictures, as `{"A to B": [{"cat.png": input, "translated": output}, ...]}`.

    A picture is a file or a (H, W, C) uint8 array with C of 1, 3 or 4; large ones are shown smaller. Rows that would
    make the page larger than 20 MB are left out, and the page says how many. Raises DataError for an unreadable file.
    """
    size = left_out = 0
    parts = []
    for heading, rows in sections.items():
        parts.append(f"<h2>{escape(heading)}</h2><div class=rows>")
        for row in rows:
            if size > BUDGET:
                left_out += 1
                continue
            cells = []
            for caption, picture in row.items():
                data, kind, width, height = _shrunk(picture)
                size += len(data)
                image = embedded(data, kind, width, height, caption)
                cells.append(f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>")
            parts.append(f'<div class="row card">{"".join(cells)}</div>')
        parts.append("</div>")
    if left_out:
        parts.append(f"<p>{left_out} more rows are not shown, to keep this page small.</p>")
    return write_page(path, title, {}, "\n".join(parts))


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


def _sample_list(samples: Mapping[int, list[Path]], steps: Sequence[int]) -> str:
    note = ""
    if len(steps) < len(samples):
        note = (
            f"<p>{len(steps)} of {len(samples)} samples are shown: the first, the last and evenly spaced ones between. "
            "All are in the run's folder, under samples/.</p>"
        )
    entries = "".join(
        f"<section><h3>Step {step}</h3>{''.join(_sample(path, step) for path in samples[step])}</section>"
        for step in reversed(steps)
    )
    return (
        f"{note}<div class='card viewer' hidden><label><output></output>"
        "<input type=range min=0 step=1 value=0 aria-label='Step of the sample'></label><div></div></div>"
        f"<details class=samples open><summary>All by step, newest first</summary>{entries}</details>"
    )


def _sample(path: Path, step: int) -> str:
    data = path.read_bytes()
    # A PNG file holds width and height at fixed places: no decoder is needed.
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    return f"<figure>{embedded(data, 'png', width, height, f'{path.stem}, step {step}')}</figure>"


def _shrunk(picture: Picture) -> tuple[bytes, str, int, int]:
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
