"""Inputs by styles in one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import Image

from gantool.inference.codes import Codes, seed_of
from gantool.inference.engine import Engine
from gantool.inference.pixels import prepared
from gantool.pictures.file import to_uint8
from gantool.pictures.ids import shown
from gantool.report.grids import grid
from gantool.translation.inputs import Source
from gantool.translation.pipeline import Recipe


def sheet(
    engine: Engine, sources: Sequence[Source], recipe: Recipe, *, stdin: bytes = b"", advance: Callable[[], None]
) -> Image.Image:
    """A row for each picture: the picture, then its results. `advance` is called after each row.

    Raises what reading or translating a picture raises: a grid with holes is of no use.
    """
    codes = Codes(engine, recipe.seed, recipe.sync)
    rows = []
    for source in sources:
        domain = recipe.variants[0].direction.source
        picture = engine.read(source.content(stdin), domain, recipe.size)
        pixels, _ = prepared(picture, engine.channels(domain), recipe.size)
        row = [shown(pixels)]
        for variant in recipe.variants:
            code = codes.code(variant.style, variant.direction.target, source.relative)
            seed = seed_of(recipe.seed, source.relative)
            (result,) = engine.translate([pixels], variant.direction, codes=code, seed=seed)
            row.append(to_uint8(result))
        rows.append(row)
        advance()
    names = [variant.suffix.lstrip(".") or variant.direction.target for variant in recipe.variants]
    return grid(rows, ["input", *names])
