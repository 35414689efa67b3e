"""Pillow's readers write lines of their own to stderr, and name no file there. What is wrong is said in our lines."""

from __future__ import annotations

import contextlib
import ctypes
import logging
from functools import cache

from PIL import _imaging


@cache
def silence() -> None:
    """Once a process, before a picture is opened or written.

    Pillow's log goes to those who ask for it, and to nobody else. libtiff falls silent, unless Pillow hides it, as on
    Windows.
    """
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    with contextlib.suppress(OSError, AttributeError):
        pillow = ctypes.CDLL(_imaging.__file__)  # a search there also finds what it is linked with
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            handler = getattr(pillow, name)
            handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
            handler(None)
