"""Translations that are kept while they are measured: as arrays in one temporary file, never encoded."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import closing
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantool.evaluation.pictures import Progress
from gantool.evaluation.variety import Variety
from gantool.inference.codes import seed_of
from gantool.inference.engine import Engine
from gantool.inference.styles import Style
from gantool.pictures.decoding import Array
from gantool.pictures.file import Picture, as_channels
from gantool.pictures.threads import workers
from gantool.spec import Direction
from gantool.translation.inputs import Source
from gantool.translation.jobs import Job
from gantool.translation.pipeline import Failed, Recipe, Translated, default_batch, translate_all
from gantool.translation.variants import Variant


class Kept:
    """Pictures (H, W, C) by name, as `Pictures`: a set may be larger than the memory."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="gantool-eval-")  # noqa: SIM115  # closed by `__exit__`
        self._places: list[tuple[str, int]] = []
        self._transparent = 0

    def add(self, name: str, pixels: Array, alpha: Array | None) -> None:
        """Keeps a picture; what is transparent lies on white."""
        if alpha is not None and (alpha < np.iinfo(alpha.dtype).max).any():
            self._transparent += 1
            pixels = as_channels(Picture(pixels, alpha, "", None), pixels.shape[2])
        self._file.seek(0, 2)
        self._places.append((name, self._file.tell()))
        np.save(self._file, pixels, allow_pickle=False)

    def sort(self) -> None:
        """Brings the pictures into the order of their names, whatever order they came in."""
        self._places.sort()

    @property
    def names(self) -> list[str]:
        """Their names."""
        return [name for name, _ in self._places]

    def described(self) -> dict[str, Any]:
        """How they were treated."""
        return {"transparent, laid on white": self._transparent}

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int, /) -> Array:
        self._file.seek(self._places[index][1])
        found: Array = np.load(self._file, allow_pickle=False)
        return found

    def __enter__(self) -> Kept:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


class References:
    """Style codes taken from pictures of the target domain: each result has that of another one, drawn by its path."""

    def __init__(self, codes: Tensor, seed: int, count: int) -> None:
        self._codes, self._seed, self._count = codes, seed, count

    def code(self, style: Style | None, target: str, relative: str) -> Tensor:
        """Row `style.number` of `count` codes that are drawn without repetition, as long as there are enough."""
        assert style is not None
        rng = np.random.default_rng(seed_of(self._seed, relative))
        chosen = rng.choice(len(self._codes), self._count, replace=len(self._codes) < self._count)
        return self._codes[torch.from_numpy(chosen)][style.number : style.number + 1]


def translations(
    engine: Engine,
    sources: Sequence[Source],
    direction: Direction,
    *,
    count: int,
    kept: Kept,
    every: bool,
    variety: Variety | None,
    references: References | None = None,
    size: tuple[int, int] | None,
    seed: int,
    progress: Progress,
) -> None:
    """Translates pictures `count` times each, as `gantool translate` does, and keeps the first result or `every` one.

    All results of a picture go to `variety`. `references` chooses style codes instead of draws. `size` (width, height)
    resizes pictures first. Raises DataError for a picture that cannot be read or translated.
    """
    styles = [Style("random", k) for k in range(count)] if "code" in engine.can else [None]
    variants = tuple(Variant(direction, style) for style in styles)
    recipe = Recipe(variants, size=size, batch=default_batch(engine.device.type), seed=seed, workers=workers())
    jobs = [Job(source, None, "", False, variant=k) for source in sources for k in range(len(variants))]
    waiting: dict[str, dict[int, Translated]] = {}
    done = 0
    with closing(translate_all(engine, jobs, recipe, lambda translated: translated, codes=references)) as found:
        for made in found:
            if isinstance(made, Failed):
                raise made.error
            job = made.given.job
            group = waiting.setdefault(job.source.relative, {})
            group[job.variant] = made
            if len(group) < len(variants):
                continue
            ordered = [group[k] for k in range(len(variants))]
            del waiting[job.source.relative]
            if variety is not None:
                variety.add(job.source.relative, [_seen(one) for one in ordered])
            for k, one in enumerate(ordered if every else ordered[:1]):
                kept.add(f"{job.source.relative}{f' {k:03d}' if every else ''}", one.pixels, one.alpha)
            done += 1
            progress("translating", done, len(sources))
    kept.sort()


def _seen(one: Translated) -> Array:
    return as_channels(Picture(one.pixels, one.alpha, "", None), one.pixels.shape[2])
