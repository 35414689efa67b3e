"""Flags that all verbs share which measure pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gantool.cli import common, completion

To = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="DOMAIN",
        help="Target domain (default: the second of two), or one class alone.",
        autocompletion=completion.domains,
    ),
]
InceptionFile = Annotated[
    Path | None,
    typer.Option(
        "--inception",
        metavar="FILE",
        help="Inception weights (pt_inception-2015-12-05): adds KID, FID, precision, recall and more.",
    ),
]
ClassifierFile = Annotated[
    Path | None,
    typer.Option(
        "--classifier", metavar="FILE", help="Inception v3 of the classes in question: adds Inception scores."
    ),
]
LpipsFiles = Annotated[
    str | None,
    typer.Option(
        "--lpips",
        metavar="FILE,FILE",
        help="AlexNet's weights and LPIPS's heads (alex.pth): adds LPIPS; VGG-16's (vgg.pth) also the path lengths"
        " of a model that makes pictures of noise. One file if it holds both.",
    ),
]
Count = Annotated[
    int | None,
    typer.Option(
        "-n",
        min=1,
        help="Translations of each picture by a model with styles (default: 10): their diversity. Pictures of"
        " noise (default: as many as real ones, at most 50,000), and pairs of path lengths.",
    ),
]
Truncation = Annotated[
    float, typer.Option("--truncation", min=0, max=1, help="Of pictures of noise, as of gantool sample.")
]
Size = Annotated[
    int | None,
    typer.Option(
        "--size",
        min=1,
        help="Compare all pictures at this size (default: as stored); of many domains, also translate at it.",
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", help="Of random projections, subsets and styles; the first of pictures of noise.")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]
Kid = Annotated[
    str,
    typer.Option(
        "--kid",
        metavar="NxSIZE",
        help="KID over N subsets of SIZE pictures a side; --kid SIZE over blocks of at most so many. Default:"
        " 100x1000, or of half the smaller set.",
    ),
]
KidSource = Annotated[
    bool,
    typer.Option(
        "--kid-source", help="Also the KID of translations to their inputs, and the mean of both KIDs (U-GAT-IT)."
    ),
]
Exact = Annotated[bool, typer.Option("--exact", help=common.EXACT)]
