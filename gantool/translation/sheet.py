"""Inputs by styles in one picture: `--grid`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import Image

from gantool.inference.codes import Codes, seed_of
from gantool.inference.engine import Engine, prepared
from gantool.pictures.file import to_uint8
from gantool.pictures.ids import shown
from gantool.report.grids import grid
from gantool.translation.inputs import Source
from gantool.translation.pipeline import Request


def sheet(
    engine: Engine, sources: Sequence[Source], request: Request, *, stdin: bytes = b"", advance: Callable[[], None]
) -> Image.Image:
    """A row for each picture: the picture, then its results. `advance` is called after each row.

    Raises what reading or translating a picture raises: a grid with holes is of no use.
    """
    codes = Codes(engine, request.seed, request.sync)
    rows = []
    for source in sources:
        domain = request.variants[0].source
        picture = engine.read(stdin if source.picture is None else source.picture, domain)
        pixels, _ = prepared(picture, engine.channels(domain), request.size)
        row = [shown(pixels)]
        for variant in request.variants:
            (result,) = engine.translate(
                [pixels],
                source=variant.source,
                target=variant.target,
                styles=codes.code(variant, source.relative),
                seed=seed_of(request.seed, source.relative),
            )
            row.append(to_uint8(result))
        rows.append(row)
        advance()
    names = [variant.suffix.lstrip(".") or variant.target for variant in request.variants]
    return grid(rows, ["input", *names])
