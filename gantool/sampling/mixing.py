"""Pictures that have some layers' styles from one seed and all others from another (StyleGAN, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from gantool.capabilities import Mixes
from gantool.errors import UsageError, argument
from gantool.inference.sampler import Sampler
from gantool.pictures.file import Array, encode, to_uint8
from gantool.report.console import Console
from gantool.report.grids import grid
from gantool.report.progress import files_progress
from gantool.runs.header import read_facts
from gantool.sampling.making import Inputs
from gantool.sampling.places import check_one, format_of, is_folder, put_one
from gantool.sampling.request import MOST_CELLS, Request, check, pieces_of, refuse_translators
from gantool.sampling.seeds import parse_seeds
from gantool.sampling.session import ready_sampler
from gantool.translation.inputs import STREAM


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """What a person asks for beside the model and the output, which a `Request` names."""

    rows: str
    """Seeds whose pictures begin the rows."""
    columns: str
    """Seeds whose pictures head the columns."""
    layers: str | None = None
    """Layers whose styles are the columns', as "0-6"; None for the coarser half."""


def mix(
    request: Request, mixture: Mixture, weights: Path, console: Console, write_stdout: Callable[[bytes], object]
) -> None:
    """Writes one picture: the columns' own above, the rows' own on the left, and every mixture of two.

    Raises UsageError, DataError and OutOfMemoryError.
    """
    check(request)
    facts = read_facts(weights)
    refuse_translators(facts, request.model)
    if "mix" not in facts.can:
        raise UsageError(f"{facts.model} has no styles to mix: StyleGAN has")
    rows, columns = (parse_seeds(getattr(mixture, name), name) for name in ("rows", "columns"))
    if max(len(rows), len(columns)) >= MOST_CELLS:
        raise UsageError(
            f"a picture has fewer than {MOST_CELLS} rows and columns of seeds, not {len(rows)} and {len(columns)}"
        )
    if is_folder(request.output):
        raise UsageError(
            f"a mixture is one picture, not a folder: name a file, such as {Path(request.output, 'mix.png')}"
        )
    format = "PNG" if request.output == STREAM else format_of(request.output)
    check_one(request.output, request.existing, by_name=request.by_name)
    sampler = ready_sampler(weights, request.device, request.precision, console)
    assert isinstance(sampler.model, Mixes)
    count, _ = sampler.model.style_shape
    layers = parse_seeds(mixture.layers or f"0-{count // 2 - 1}", "layers", count - 1)

    def styles(seeds: Sequence[int]) -> Tensor:
        pieces = pieces_of(replace(request, seeds=",".join(map(str, seeds))), facts)
        if len(pieces) > len(seeds):
            raise UsageError(f"a mixture is of one class: {argument('to')} names one")
        latents, labels = Inputs(request, pieces, facts, sampler).points(pieces)
        return sampler.styles(latents, labels, request.truncation)

    with files_progress(console, (len(rows) + 1) * (len(columns) + 1) - 1) as bar:
        cells = mixed(sampler, styles(rows), styles(columns), layers, bar.advance)
    put_one(encode(np.asarray(grid(cells)), format, quality=request.quality), request.output, console, write_stdout)


def mixed(
    sampler: Sampler, rows: Tensor, columns: Tensor, layers: Sequence[int], advance: Callable[[], None] = lambda: None
) -> list[list[Array]]:
    """Rows of pictures (H, W, C): first a blank and the columns' own, then for each row its own and its mixtures, which
    have the columns' styles (N, layers, numbers) in these layers.
    """

    def pictures(styles: Tensor) -> list[Array]:
        made = sampler.of_styles(styles)
        for _ in made:
            advance()
        return [to_uint8(one) for one in made]

    above = pictures(columns)
    cells = [[np.full_like(above[0], 255), *above]]
    for row in rows:
        line = row.repeat(1 + len(columns), 1, 1)
        line[1:, list(layers)] = columns[:, list(layers)]
        cells.append(pictures(line))
    return cells
