"""Flags of judges, and of what results keep of the pictures they were made of: for all verbs that measure pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

JudgeFile = Annotated[
    Path | None,
    typer.Option(
        "--judge",
        metavar="FILE",
        help="A network (.onnx) that knows classes, of pictures or of pixels, or its description (.yaml): adds the"
        " accuracy of results, or the FCN score.",
    ),
]
Expected = Annotated[
    str | None,
    typer.Option("--expect", metavar="CLASS", help="The judge's class that results shall be of (default: --to's)."),
]
TrueLabels = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="DIR",
        help="The true label maps, by name, for a judge of pixels (default: the pictures translated).",
    ),
]
Consistency = Annotated[
    bool,
    typer.Option("--consistency", help="What a model keeps of a picture: cycle and identity error, outlines, colours."),
]
MadeOf = Annotated[
    Path | None,
    typer.Option(
        "--inputs",
        metavar="DIR",
        help="Without --model: what the second folder's pictures were made of, by name. Adds outlines and colours.",
    ),
]
