"""Files of Torch7 (.t7), the Torch of Lua: numbers, texts, tables and tensors, in binary form. Imports no torch.

Nothing in a file is run: functions are refused, and so is every class but tensors and their storages.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantool.schema import printable

_NIL, _NUMBER, _TEXT, _TABLE, _OBJECT, _FLAG = range(6)
_KINDS = {
    "Byte": np.uint8,
    "Char": np.int8,
    "Short": np.int16,
    "Int": np.int32,
    "Long": np.int64,
    "Float": np.float32,
    "Double": np.float64,
}
_DEEPEST = 64
_MOST_DIMENSIONS = 32


def read_torch7(data: bytes) -> Any:
    """What a file holds: tables as dicts, or as lists where their keys are 1 to N; tensors as arrays; texts in latin1.

    Raises ValueError, with what is wrong in one line, for anything else than such a file.
    """
    reader = _Reader(data)
    try:
        found = reader.value(0)
    except (struct.error, IndexError, OverflowError, MemoryError) as error:
        raise ValueError("it is cut short, or no file of Torch7") from error
    return found


class _Reader:
    """A place in a file, and the objects before it by their numbers."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.known: dict[int, Any] = {}

    def value(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("it is nested too deep")
        kind = self.number("i")
        if kind == _NIL:
            return None
        if kind == _NUMBER:
            number = self.number("d")
            return int(number) if number.is_integer() else number
        if kind == _TEXT:
            return self.text()
        if kind == _FLAG:
            return bool(self.number("i"))
        if kind not in (_TABLE, _OBJECT):
            raise ValueError("it holds a function, or is no file of Torch7")
        index = self.number("i")
        if index not in self.known:
            self.known[index] = None  # a table may hold itself
            self.known[index] = self.table(depth) if kind == _TABLE else self.tensor(depth)
        return self.known[index]

    def table(self, depth: int) -> dict[Any, Any] | list[Any]:
        found = {}
        for _ in range(self.number("i")):
            key = self.value(depth + 1)
            if not isinstance(key, (str, int, float)):
                raise ValueError("a table in it has keys that are neither texts nor numbers")
            found[key] = self.value(depth + 1)
        rows = range(1, len(found) + 1)
        return [found[row] for row in rows] if found and all(row in found for row in rows) else found

    def tensor(self, depth: int) -> Any:
        """A tensor as an array, or a storage as an array of one dimension."""
        name = self.text()
        if name.startswith("V "):
            name = self.text()
        of, _, what = name.removeprefix("torch.").partition("Tensor" if name.endswith("Tensor") else "Storage")
        if of not in _KINDS or what or not name.startswith("torch."):
            raise ValueError(f"it holds a {printable(name[:60])}, which is no tensor")
        if name.endswith("Storage"):
            return self.numbers(_KINDS[of], self.number("q"))
        dimensions = self.number("i")
        if not 0 <= dimensions <= _MOST_DIMENSIONS:
            raise ValueError(f"it holds a tensor of {dimensions} dimensions")
        sizes, strides = ([self.number("q") for _ in range(dimensions)] for _ in range(2))
        first = self.number("q") - 1
        storage = self.value(depth + 1)
        if storage is None or dimensions == 0:
            return np.zeros(0, _KINDS[of])
        return _strided(storage, sizes, strides, first)

    def number(self, form: str) -> Any:
        (found,) = struct.unpack_from(f"<{form}", self.data, self.at)
        self.at += struct.calcsize(f"<{form}")
        return found

    def numbers(self, kind: Any, count: int) -> NDArray[Any]:
        end = self.at + count * np.dtype(kind).itemsize
        if count < 0 or end > len(self.data):
            raise ValueError("it is cut short, or no file of Torch7")
        found = np.frombuffer(self.data[self.at : end], np.dtype(kind).newbyteorder("<"))
        self.at = end
        return found

    def text(self) -> str:
        length = self.number("i")
        if not 0 <= length <= len(self.data) - self.at:
            raise ValueError("it is cut short, or no file of Torch7")
        self.at += length
        return self.data[self.at - length : self.at].decode("latin1")


def _strided(storage: Any, sizes: list[int], strides: list[int], first: int) -> NDArray[Any]:
    """The tensor within a storage, as an array of its own. Raises ValueError where it would reach beyond it."""
    if not isinstance(storage, np.ndarray) or storage.ndim != 1 or first < 0 or min(*sizes, *strides) < 0:
        raise ValueError("it holds a tensor without its numbers")
    last = first + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    if 0 in sizes:
        return np.zeros(sizes, storage.dtype)
    if last >= len(storage) or np.prod(sizes, dtype=float) > len(storage):
        raise ValueError("it holds a tensor that reaches beyond its numbers")
    steps = [stride * storage.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(storage[first:], sizes, steps, writeable=False).copy()
