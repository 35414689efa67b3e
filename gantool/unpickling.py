"""Python pickles of other programs, read without running anything they name. Imports no torch.

A pickle is a program that calls whatever it names. Here it may name what the caller allows, and nothing else.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gantool.schema import printable

Allowed = Mapping[tuple[str, str], Callable[..., Any]]
"""What (module, name) of a pickle stands for here."""


class _Refused(Exception):
    """What a pickle asks for, and does not get."""


def _reconstruct(kind: object, shape: object, code: object) -> Any:
    """An empty array, as numpy's pickles begin with one: `kind` is ignored."""
    return np.ndarray.__new__(np.ndarray, (0,), "b")


def _scalar(kind: Any, data: Any = b"") -> Any:
    if not isinstance(kind, np.dtype) or kind.hasobject:
        raise _Refused("it holds a number of no known kind")
    return np.frombuffer(data if isinstance(data, bytes) else str(data).encode("latin1"), kind)[0]


def _from_buffer(data: Any, kind: Any, shape: Any, order: str) -> Any:
    if not isinstance(kind, np.dtype) or kind.hasobject:
        raise _Refused("it holds numbers of no known kind")
    return np.frombuffer(data, kind).reshape(shape, order="F" if order == "F" else "C")


def _bytes(text: str = "", encoding: str = "latin1") -> bytes:
    """Bytes, as protocol 2 of Python 3 writes them."""
    return text.encode("latin1")


def _kind(*_: object) -> Any:
    raise _Refused("it makes an array in a way that numpy's pickles do not")


NUMPY: Allowed = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
    ("numpy", "ndarray"): _kind,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _bytes,
    ("__builtin__", "bytes"): _bytes,
}
"""Arrays and numbers of numpy, of any version."""


class _Reader(pickle.Unpickler):
    def __init__(self, data: bytes, allowed: Allowed) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")  # texts of Python 2: numpy's numbers need it
        self.allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.allowed[module, name]
        except KeyError:
            raise _Refused(f"it names {printable(f'{module}.{name}'[:100])}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("it refers to what is not in it")


def unpickled(data: bytes, allowed: Allowed = NUMPY) -> Any:
    """What a pickle holds; texts of Python 2 are read as latin1.

    Raises ValueError, with what is wrong in one line, for a pickle that names anything else than `allowed`, for one
    that is damaged, and for anything that is no pickle.
    """
    try:
        return _Reader(data, allowed).load()
    except _Refused as error:
        raise ValueError(str(error)) from error
    except Exception as error:  # a damaged pickle may fail anywhere
        raise ValueError("it is no whole pickle") from error
