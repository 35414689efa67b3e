"""Style codes: drawn, read, or taken from pictures."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gantool.errors import DataError
from gantool.inference.engine import Engine
from gantool.pictures.file import read_picture
from gantool.translation.variants import Style, Variant


def seed_of(seed: int, relative: str = "", number: int = 0) -> int:
    """What is drawn for a picture depends on the command's seed and the picture's path, not on its neighbours."""
    text = f"{seed} ".encode() + os.fsencode(relative) + (f" {number}".encode() if number else b"")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1


class Codes:
    """The style codes of one command: those of files and pictures are looked up once.

    `sync` gives every picture the same random codes.
    """

    def __init__(self, engine: Engine, seed: int, sync: bool = False) -> None:
        self.engine, self.seed, self.sync = engine, seed, sync
        self._known: dict[tuple[object, ...], Tensor] = {}

    def code(self, variant: Variant, relative: str) -> Tensor | None:
        """(1, S) for this result of the picture of this relative path; None for a model without styles."""
        style = variant.style
        if style is None:
            return None
        if style.kind == "random":
            number = seed_of(self.seed, "" if self.sync else relative, style.number)
            return self.engine.random_style(variant.target, number)
        if style.kind == "mean":
            return self._once(("mean", variant.target), lambda: self.engine.mean_style(variant.target))
        if style.kind == "file":
            return self._once((style.path,), lambda: _read(style))[style.number : style.number + 1]
        code = self._picture(style.path, variant.target)
        if style.kind == "between":
            return self.engine.model.style_between(code, self._picture(style.other, variant.target), style.share)
        return code

    def _picture(self, path: Path | None, domain: str) -> Tensor:
        assert path is not None
        return self._once((path, domain), lambda: self.engine.encode_style(read_picture(path), domain))

    def _once(self, key: tuple[object, ...], make: Callable[[], Tensor]) -> Tensor:
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]


def _read(style: Style) -> Tensor:
    assert style.path is not None
    codes = np.load(style.path, allow_pickle=False)
    if not np.isfinite(codes).all():
        raise DataError(f"{style.path} holds values that are not numbers")
    return torch.from_numpy(codes.astype(np.float32).reshape(-1, codes.shape[-1]))
