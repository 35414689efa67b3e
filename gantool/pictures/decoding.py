"""From Pillow's picture types to plain arrays. `gantool.pictures.file` is the way in."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array: TypeAlias = "NDArray[np.uint8] | NDArray[np.uint16]"
"""Pixels at the depth of the file."""

EXIF_ORIENTATION = 0x0112


def arrays(image: Image.Image) -> tuple[Array, Array | None, bool]:
    """Pixels (H, W, C), alpha (H, W) or None, and whether values were stretched."""
    if image.mode.startswith(("I", "F")):
        pixels, stretched = _wide(image)
        key = image.info.get("transparency")  # a PNG's one transparent level
        alpha = np.where(pixels == key, 0, 65535).astype(np.uint16) if isinstance(key, int) else None
        return pixels[..., None], alpha, stretched
    grey = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        whole = np.array(image.convert("LA" if grey else "RGBA"))
        return whole[..., :-1], whole[..., -1], False
    mode = "L" if grey else "RGB"
    plain = image if image.mode == mode else image.convert(mode)  # which copies, needed or not
    return np.array(plain).reshape(image.height, image.width, -1), None, False


def _wide(image: Image.Image) -> tuple[NDArray[np.uint16], bool]:
    """Values of more than 8 bits, (H, W), as uint16, and whether they were stretched."""
    values = np.array(image)
    if values.dtype.itemsize == 2:
        return values.astype(np.uint16), False
    if not np.isfinite(values).all():
        raise ValueError("it holds values that are not finite; replace them")
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f":
        stretched = low < 0 or high > 1
        low, high = (low, high) if stretched else (0.0, 1.0)
    else:
        stretched = low < 0 or high > 65535
        low, high = (low, high) if stretched else (0.0, 65535.0)
    # A constant picture beyond the range has no span of its own.
    scaled = (values.astype(np.float64) - low) / ((high - low) or 1.0) * 65535
    return np.rint(scaled).astype(np.uint16), stretched


def orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 where there is none or the EXIF data are damaged."""
    try:
        value = image.getexif().get(EXIF_ORIENTATION, 1)
    except Exception:  # damaged EXIF data make Pillow raise almost anything; the pixels are fine
        return 1
    return value if value in range(1, 9) else 1


def resolution(image: Image.Image, orientation: int = 1) -> tuple[float, float] | None:
    """Pixels an inch across and down, of the upright picture; None where the file does not say or says nonsense."""
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except Exception:  # damaged files hold anything there; the pixels are fine
        return None
    if not (1 <= across < 65536 and 1 <= down < 65536):
        return None
    return (down, across) if orientation >= 5 else (across, down)


def frames(image: Image.Image) -> int:
    """Frames of an animation, or pages. The other pictures of an MPO file are previews of the first."""
    try:
        return 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))
    except Exception:  # damaged behind the first frame
        return 1


def upright(pixels: Array, orientation: int) -> Array:
    """The array (H, W, ...) turned and mirrored as the EXIF orientation says."""
    turned: NDArray[Any] = pixels
    if orientation >= 5:
        turned = turned.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned)
