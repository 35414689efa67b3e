"""Files of numbers: latents, styles, and vectors that say what a picture shows. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantool.data.layouts.embeddings import read_embeddings
from gantool.data.numbers import fit_single
from gantool.errors import DataError
from gantool.files import reason
from gantool.schema import first_line
from gantool.spec import Facts

Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class Codes:
    """The latents or styles of a file."""

    values: Numbers
    """Latents (N, latent_size) or styles (N, layers, numbers)."""
    styles: bool

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.values)


def codes_in(file: Path, facts: Facts) -> Codes:
    """The codes of a .npy or .npz file; of several arrays the one named "w" (styles) or "z". Raises DataError.

    Whether styles have the layers that the model has, only the model can tell.
    """
    arrays = _arrays(file)
    can_mix = "mix" in facts.can
    name = next(name for name in (*(("w", "z") if can_mix else ("z",)), *arrays) if name in arrays)
    values = arrays[name]
    if values.ndim == 3 and can_mix:
        return Codes(_checked(values, file), styles=True)
    if values.ndim == 2 and can_mix and name == "w":
        return Codes(_checked(values[None], file), styles=True)
    if values.shape == (facts.latent_size,):
        values = values[None]
    if values.ndim == 2 and values.shape[1] == facts.latent_size and len(values):
        return Codes(_checked(values, file), styles=False)
    wanted = f"latents (N, {facts.latent_size})" + (" or styles (N, layers, numbers)" if can_mix else "")
    raise DataError(f"{file} holds numbers of shape {values.shape}: {facts.model} takes {wanted}")


def rows_of(file: Path, size: int) -> int:
    """How many vectors of this size a file holds. Raises DataError."""
    return len(vectors_in(file, size))


def vectors_in(file: Path, size: int) -> Numbers:
    """The vectors (N, size) of a .npy, .npz or .csv file, or of all captions in a .pickle or .t7. Raises DataError."""
    if file.suffix.lower() in (".pickle", ".pkl", ".t7"):
        values = np.concatenate(read_embeddings(file).vectors)
    elif file.suffix.lower() == ".csv":
        try:
            values = np.loadtxt(file, delimiter=",", ndmin=2)
        except (OSError, ValueError) as error:
            raise DataError(f"{file} is no table of numbers: {first_line(error)}") from error
    else:
        values = next(iter(_arrays(file).values()))
    values = values[None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] != size or not len(values):
        raise DataError(f"{file} holds numbers of shape {values.shape}: these weights take vectors (N, {size})")
    return _checked(values, file)


def _arrays(file: Path) -> dict[str, NDArray[Any]]:
    try:
        found = np.load(file, allow_pickle=False)
        arrays = dict(found) if isinstance(found, np.lib.npyio.NpzFile) else {"": found}
    except OSError as error:
        raise DataError(f"cannot read {file}: {reason(error, file)}") from error
    except Exception as error:  # zip files that are damaged, arrays of objects
        raise DataError(f"{file} is no .npy or .npz file of numbers") from error  # numpy's words advise to trust it
    if not arrays:
        raise DataError(f"{file} holds no numbers")
    return arrays


def _checked(values: NDArray[Any], file: Path) -> Numbers:
    if not fit_single(values):
        raise DataError(f"{file} holds values that are not numbers, or too large")
    return values.astype(np.float32)
