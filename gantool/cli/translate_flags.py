"""Flags of `gantool translate`: styles and films."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from gantool.cli.common import flag

_STYLE, _FILM = "Styles", "Films"

Style = Annotated[
    str | None,
    flag(
        "--style",
        "random (default), mean, a picture, a folder of pictures, or codes in a .npy file.",
        _STYLE,
        metavar="S",
    ),
]
Count = Annotated[int | None, flag("-n", "Results a picture or film, each in its own style.", _STYLE, metavar="K")]
Sync = Annotated[bool, flag("--sync", "The same K random styles for all pictures.", _STYLE)]
Interpolate = Annotated[
    tuple[Path, Path] | None,
    flag("--interpolate", "K styles from that of picture A to that of B.", _STYLE, metavar="A B"),
]
SaveStyles = Annotated[bool, flag("--save-styles", "Write each result's code beside it, as .npy.", _STYLE)]
Grid = Annotated[bool, flag("--grid", "OUT is one picture: inputs by styles and domains.", _STYLE)]
Frames = Annotated[bool, flag("--frames", "All frames of animations, all pages of files.", _FILM)]
Every = Annotated[int, flag("--every", "Of films, one frame of so many.", _FILM, metavar="N", min=1)]
Start = Annotated[str | None, flag("--start", "Of films, where to begin: seconds or h:m:s.", _FILM, metavar="TIME")]
Stop = Annotated[str | None, flag("--stop", "Of films, where to end.", _FILM, metavar="TIME")]
Raw = Annotated[
    str | None,
    flag("--raw", "IN is -: raw frames (rgb24) from stdin to stdout.", _FILM, metavar="WxH"),
]
