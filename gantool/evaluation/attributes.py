"""Which pictures of noise have an attribute: by a table of labels, or by classifiers (ONNX)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gantool.errors import CheckpointError, DataError, quoted
from gantool.evaluation.networks.onnx import open_network
from gantool.evaluation.path_length import boxed
from gantool.evaluation.pictures import Pictures, Progress, as_rgb, silent
from gantool.files import reason
from gantool.sampling.seeds import LARGEST
from gantool.schema import first_line

_SEED = re.compile(r"(?:.*seed)?(\d{1,10})(?:\.\w+)?")  # 12, or the name of its picture: seed0012.png


class Attribute(NamedTuple):
    """What is known of pictures (N,)."""

    name: str
    has: NDArray[np.bool_]
    sure: NDArray[np.bool_]
    """Those that count."""


def table_in(file: Path) -> tuple[list[int], list[Attribute]]:
    """The seeds of a table, and its attributes: a column of seeds or of pictures' names, then a column for each
    attribute, its name on top, with numbers: above 0 says yes. Raises DataError.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            names, *rows = [row for row in csv.reader(stream) if row]
    except OSError as error:
        raise DataError(f"cannot read {file}: {reason(error, file)}") from error
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise DataError(f"{file} is no table of attributes: {first_line(error)}") from error
    if len(names) < 2 or not rows:
        raise DataError(f"{file} holds no attributes: a column of seeds, one for each attribute, and a line of names")
    seeds = []
    values = np.empty((len(rows), len(names) - 1))
    for number, row in enumerate(rows):
        found = _SEED.fullmatch(row[0].strip())
        if found is None or int(found[1]) > LARGEST:
            raise DataError(f"{file}: {quoted(row[0])} is no seed, nor the name of a picture that says one")
        seeds.append(int(found[1]))
        try:
            values[number] = [float(cell) for cell in row[1:]]
        except ValueError as error:
            raise DataError(f"{file}, seed {seeds[-1]}: there has to be a number for each attribute") from error
    if not np.isfinite(values).all():
        raise DataError(f"{file} holds values that are not numbers")
    every = np.ones(len(rows), dtype=np.bool_)
    return seeds, [Attribute(name, values[:, place] > 0, every) for place, name in enumerate(names[1:])]


def classified(file: Path, pictures: Pictures, *, progress: Progress = silent) -> Attribute:
    """What a classifier says of pictures. It takes float pictures (N, 3, H, W) in [-1, 1], large ones shrunk to 256 by
    means over boxes, and gives a number for each, above 0 for yes. The surer half counts, as in the paper. Raises
    CheckpointError for a file that does not do so.
    """
    network = open_network(file)

    def images() -> Iterator[NDArray[np.float32]]:
        for index in range(len(pictures)):
            progress(file.stem, index, len(pictures))
            yield boxed(as_rgb(pictures[index]) * 2 - 1).numpy()

    answers = [np.asarray(answer, np.float64).reshape(-1) for answer in network.answers(images())]
    if any(len(answer) != 1 for answer in answers):
        raise CheckpointError(f"{file} is no classifier of an attribute: it gives {len(answers[0])} numbers a picture")
    said = np.concatenate(answers)
    sure = np.zeros(len(said), dtype=np.bool_)
    sure[np.argsort(-np.abs(said), kind="stable")[: max(1, len(said) // 2)]] = True
    return Attribute(file.stem, said > 0, sure)
