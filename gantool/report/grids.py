"""Sample grids: pictures in rows and labelled columns."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from gantool.counting import count_in_words

GAP = 4
"""Pixels between cells and around them."""
HEADER = 18
"""Height of the labels above the columns, in pixels."""
BACKGROUND = (246, 246, 246)
INK = (40, 40, 40)


def grid(rows: Sequence[Sequence[NDArray[Any]]], header: Sequence[str] | None = None) -> Image.Image:
    """One RGB picture of all these (H, W, C) uint8 arrays with C of 1, 3 or 4, pixel for pixel.

    A column is as wide as its widest picture or label, a row as high as its highest picture; smaller ones stand in the
    middle. Rows may be shorter than others. Raises ValueError if there is no picture or no label for a column.
    """
    columns = max((len(row) for row in rows), default=0)
    if columns == 0:
        raise ValueError("a grid needs at least one picture")
    if header is not None and len(header) < columns:
        raise ValueError(f"{columns} columns but {len(header)} labels: {', '.join(header)}")
    font = ImageFont.load_default(size=12)
    widths = [max(row[i].shape[1] for row in rows if i < len(row)) for i in range(columns)]
    if header is not None:
        widths = [max(width, round(font.getlength(label))) for width, label in zip(widths, header, strict=False)]
    heights = [max((cell.shape[0] for cell in row), default=0) for row in rows]
    top = GAP + (HEADER if header is not None else 0)

    sheet = Image.new("RGB", (GAP + sum(w + GAP for w in widths), top + sum(h + GAP for h in heights)), BACKGROUND)
    sheet.info["Description"] = _described(len(rows), columns, header)
    draw = ImageDraw.Draw(sheet)
    left = GAP
    for i, width in enumerate(widths):
        if header is not None:
            draw.text((left + width / 2, GAP + HEADER / 2 - 2), header[i], fill=INK, font=font, anchor="mm")
        y = top
        for row, height in zip(rows, heights, strict=True):
            if i < len(row):
                cell = _picture(row[i])
                place = (left + (width - cell.width) // 2, y + (height - cell.height) // 2)
                sheet.paste(cell, place, cell if cell.mode == "RGBA" else None)
            y += height + GAP
        left += width + GAP
    return sheet


def png(image: Image.Image) -> bytes:
    """The picture as a PNG file, with the description that `grid` gave it."""
    buffer = BytesIO()
    notes = PngInfo()
    if "Description" in image.info:
        notes.add_itxt("Description", image.info["Description"])
    image.save(buffer, format="PNG", pnginfo=notes)
    return buffer.getvalue()


def _described(rows: int, columns: int, header: Sequence[str] | None) -> str:
    """The grid in words, for those who do not see it."""
    words = f"{count_in_words(rows, 'row')} of pictures"
    labels = header[:columns] if header is not None else []
    text = f"{words}, with the columns {', '.join(labels)}" if labels else words
    return text.encode("utf-8", "replace").decode()


def _picture(array: NDArray[Any]) -> Image.Image:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise ValueError(f"a grid takes (H, W, C) uint8 arrays with C of 1, 3 or 4, not {array.shape} {array.dtype}")
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
