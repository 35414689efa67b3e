"""A model measured: its translations of one folder against the pictures of another."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from gantool import direction
from gantool.errors import UsageError
from gantool.evaluation.compare import NOBODY
from gantool.evaluation.folders import compare_folders
from gantool.evaluation.judges import Judges
from gantool.evaluation.pictures import Progress, silent
from gantool.evaluation.report import Evaluation
from gantool.evaluation.variety import Variety
from gantool.inference.codes import seed_of
from gantool.inference.engine import Engine, matched, prepared
from gantool.pictures.decoding import Array
from gantool.pictures.file import Picture, as_channels, encode
from gantool.pictures.find import find_pictures
from gantool.runs import checkpoint

STYLES = 10
"""Translations of each picture by a model with styles, unless somebody says otherwise."""


def compare_translations(
    weights: Path,
    inputs: Path,
    real: Path,
    *,
    to: str | None = None,
    styles: int | None = None,
    judges: Judges = NOBODY,
    size: int | None = None,
    seed: int = 0,
    device: torch.device | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Translates the pictures below `inputs` to domain `to` (None: the second of two) and measures them against those
    below `real`.

    A model with styles translates each picture `styles` times (None: `STYLES`), with the codes that `gantool translate
    --style random -n STYLES --seed SEED` draws: the first is measured against `real`, all among each other.
    Translations are kept without loss on disk while they are measured, so that a set may be larger than the memory.
    Raises what `compare_folders` raises, CheckpointError for the weights, UsageError for the domain or for styles of a
    model that has none.
    """
    header, network = checkpoint.load_model(weights)
    spec, chosen = network.spec, device or torch.device("cpu")
    if to is None:
        direction.require_named(spec.domains, header.metadata.get("directions"), labels=spec.labels)
    source, target = direction.resolve(spec.domains, to, header.metadata.get("directions"), labels=spec.labels)
    engine = Engine(network, chosen)
    if styles is not None and not engine.styles:
        raise UsageError(f"{header.metadata['model']} has one result for a picture: leave out -n")
    count = (styles or STYLES) if engine.styles else 1
    files = find_pictures(inputs)
    side = network.sizes.exact  # some models take pictures of one size only
    variety = Variety(judges, size=None if size is None else (size, size), device=chosen) if count > 1 else None
    with tempfile.TemporaryDirectory(prefix="gantool-eval-") as folder:
        for done, file in enumerate(files):
            progress("translating", done, len(files))
            relative = file.relative_to(inputs).as_posix()
            codes = None
            if engine.styles:
                codes = torch.cat([engine.random_style(target, seed_of(seed, relative, k)) for k in range(count)])
            made = translations(
                engine, engine.read(file, source), source, target, codes, count, seed_of(seed, relative), side
            )
            if variety is not None:
                variety.add([as_channels(one, one.pixels.shape[2]) for one in made])
            written = Path(folder) / file.relative_to(inputs).with_suffix(".png")
            if written.exists():
                written = written.with_name(f"{file.name}.png")
            written.parent.mkdir(parents=True, exist_ok=True)
            written.write_bytes(encode(made[0].pixels, "PNG", alpha=made[0].alpha))
        evaluation = compare_folders(
            real,
            Path(folder),
            judges=judges if variety is None else replace(judges, classifier=None),  # it has seen all of them
            size=size,
            seed=seed,
            device=chosen,
            progress=progress,
        )
    two = len(spec.domains) == 2 and not spec.labels  # of more, or of attributes, a picture may be in any
    evaluation.protocol["fake"] |= {"path": f"{f'{source} ' if two else ''}to {target} of {inputs}"}
    if variety is not None:
        evaluation.metrics.update(variety.metrics())
        evaluation.protocol["styles"] = variety.protocol()
    evaluation.protocol["model"] = {
        "weights": str(weights),
        "sha256": header.metadata["sha256"],
        "model": header.metadata["model"],
        "step": header.metadata["step"],
        "precision": "fp32",
        "translates": "pictures as stored" if side is None else f"pictures resized to {side}x{side}",
    }
    return evaluation


def translations(
    engine: Engine,
    picture: Picture,
    source: str,
    target: str,
    codes: Tensor | None,
    count: int,
    seed: int,
    side: int | None,
) -> list[Picture]:
    """The picture in `count` styles, as many in one pass as the memory allows; resized to a square of this side first.

    None leaves its size.
    """
    pixels, alpha = prepared(picture, engine.channels(source), None if side is None else (side, side))
    way = engine.way(*engine.fitted(pixels))
    results: list[Array] = []
    while len(results) < count:
        part = slice(len(results), min(len(results) + way.together, count))
        same: Sequence[Array] = [pixels] * (part.stop - part.start)
        style = None if codes is None else codes[part]
        results += engine.translate(same, source=source, target=target, styles=style, seed=seed, way=way)
    made = []
    for result in results:
        result, opacity = matched(result, alpha)
        made.append(replace(picture, pixels=result, alpha=opacity))
    return made
