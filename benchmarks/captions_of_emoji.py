"""Emoji with captions, from folders of emoji whose files are called by their names.

    python benchmarks/captions_of_emoji.py captioned emoji/trainA emoji/trainB

Below `captioned` each folder's pictures are linked, with two captions beside each: the emoji's name, and the name with
the picture's colour before it, which is read off its pixels: so there are words that occur often, and a result can be
compared with what they ask for.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple")
_HUES = (16, 40, 70, 165, 255, 345)
"""Where each ends, in degrees; then red begins again."""
NONE = "grey"


def colour_of(picture: Image.Image) -> str:
    """The colour of most of the picture's coloured pixels; grey where fewer than a tenth are coloured."""
    drawn = picture.convert("RGBA")
    hsv = np.asarray(drawn.convert("RGB").convert("HSV")).reshape(-1, 3).astype(int)
    seen = hsv[np.asarray(drawn)[..., 3].ravel() > 127]
    hue = seen[(seen[:, 1] > 90) & (seen[:, 2] > 70)][:, 0] * 360 / 256
    if len(hue) < 0.1 * max(1, len(hsv)):
        return NONE
    counts = np.bincount(np.searchsorted(_HUES, hue) % len(COLOURS), minlength=len(COLOURS))
    return COLOURS[int(counts.argmax())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("folders", nargs="+", type=Path)
    arguments = parser.parse_args()
    for folder in arguments.folders:
        here = arguments.out / folder.name
        here.mkdir(parents=True, exist_ok=True)
        for file in sorted(folder.glob("*.png")):
            name = file.stem.replace("_", " ").replace("-", " ").strip()
            if not (here / file.name).exists():
                (here / file.name).symlink_to(file.resolve())
            colour = colour_of(Image.open(file))
            (here / file.name).with_suffix(".txt").write_text(f"{name}\n{colour} {name}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
