"""Pictures that have some layers' styles from one seed and all others from another (StyleGAN, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from gantool.capabilities import Mixes
from gantool.errors import UsageError, argument
from gantool.inference.sampler import Sampler
from gantool.pictures.file import Array, encode, to_uint8
from gantool.report.console import Console
from gantool.report.grids import grid
from gantool.report.progress import files_progress
from gantool.sampling.asked import MixturePlan
from gantool.sampling.making import Inputs
from gantool.sampling.places import put_one
from gantool.sampling.request import pieces_of
from gantool.sampling.seeds import parse_seeds
from gantool.sampling.session import ready_sampler


def mix(plan: MixturePlan, console: Console, write_stdout: Callable[[bytes], object]) -> None:
    """Writes one picture: the columns' own above, the rows' own on the left, and every mixture of two.

    Raises UsageError, DataError and OutOfMemoryError.
    """
    request = plan.request
    sampler = ready_sampler(plan.weights, request.device, request.precision, console)
    assert isinstance(sampler.model, Mixes)
    count, _ = sampler.model.style_shape
    layers = parse_seeds(plan.layers or f"0-{count // 2 - 1}", "layers", count - 1)

    def styles(seeds: Sequence[int]) -> Tensor:
        pieces = pieces_of(replace(request, seeds=",".join(map(str, seeds))), plan.facts)
        if len(pieces) > len(seeds):
            raise UsageError(f"a mixture is of one class: {argument('to')} names one")
        latents, labels = Inputs(request, pieces, plan.facts, sampler).points(pieces)
        return sampler.styles(latents, labels, request.truncation)

    with files_progress(console, (len(plan.rows) + 1) * (len(plan.columns) + 1) - 1) as bar:
        cells = mixed(sampler, styles(plan.rows), styles(plan.columns), layers, bar.advance)
    put_one(
        encode(np.asarray(grid(cells)), plan.format, quality=request.quality), request.output, console, write_stdout
    )


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
