"""Style codes: drawn, read, or taken from pictures."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gantool.inference.engine import Engine
from gantool.inference.styles import Style


def seed_of(seed: int, relative: str = "", number: int = 0) -> int:
    """The seed of a picture's draws: from the command's seed and the picture's path, not from its neighbours."""
    text = f"{seed} ".encode() + os.fsencode(relative) + (f" {number}".encode() if number else b"")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1


class Codes:
    """The style codes of one command: those of files and pictures are looked up once.

    `sync` gives every picture the same random codes.
    """

    def __init__(self, engine: Engine, seed: int, sync: bool = False) -> None:
        self.engine, self.seed, self.sync = engine, seed, sync
        self._known: dict[tuple[object, ...], Tensor] = {}

    def code(self, style: Style | None, target: str, relative: str) -> Tensor | None:
        """(1, S) in this style for the picture of this relative path; None for a model without styles."""
        if style is None:
            return None
        if style.kind == "random":
            number = seed_of(self.seed, "" if self.sync else relative, style.number)
            return self.engine.random_code(target, number)
        if style.kind == "mean":
            return self._once(("mean", target), lambda: self.engine.mean_code(target))
        if style.kind == "file":
            return self._once((style.path,), lambda: _read(style))[style.number : style.number + 1]
        code = self._picture(style.path, target)
        if style.kind == "between":
            return self.engine.between(code, self._picture(style.other, target), style.share)
        return code

    def _picture(self, path: Path | None, domain: str) -> Tensor:
        assert path is not None
        return self._once(
            (path, domain), lambda: self.engine.encode(self.engine.read(path, domain, for_style=True), domain)
        )

    def _once(self, key: tuple[object, ...], make: Callable[[], Tensor]) -> Tensor:
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]


def _read(style: Style) -> Tensor:
    assert style.path is not None
    codes = np.load(style.path, allow_pickle=False)
    return torch.from_numpy(codes.astype(np.float32).reshape(-1, codes.shape[-1]))
