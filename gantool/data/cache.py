"""Pictures decoded and resized once, kept in one file that threads and processes share.

On few cores this is what makes loading fast: to crop and mirror a kept picture takes some tens of microseconds, to
decode and resize one takes milliseconds.

The file holds an 8-byte mark for each picture and then the pixels (uint8, C x H x W) of one picture after the other,
at places that follow from the sizes alone. A mark is written after its pixels and carries their checksum, which every
process verifies once: a half-written picture is never read, whether the process was killed or the machine lost power.
The file's name is a hash of all that its content depends on, so a file of that name fits.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import threading
import zlib
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import __version__ as pillow_version

from gantool.byte_sizes import bytes_in_words
from gantool.data import edges
from gantool.data.source import Source
from gantool.data.transforms import Planes, Preparation, resize
from gantool.errors import DataError
from gantool.files import reason

SHARE = 0.5
"""The share of the free disk that a cache may take."""

_VERSION = 2  # of the file's form and of what `resize` does
_WRITTEN = 1 << 32  # tells the mark of a picture whose checksum is 0 from no mark


def read_resized(source: Source, preparation: Preparation) -> Planes:
    """A picture resized (C, H, W), and with its edges softened where the source says so. Raises DataError."""
    planes = resize(source.read(), preparation)
    return edges.smooth_edges(planes) if source.smoothed else planes


def open_cache(
    folder: Path,
    sources: Sequence[Source],
    sizes: Sequence[tuple[int, int]],
    preparation: Preparation,
    *,
    share: float = SHARE,
) -> tuple[PictureCache | None, str | None]:
    """The cache of these pictures in `folder`, which is made if need be; or None and the reason why there is none.

    `sizes` are the (width, height) of the pictures after `transforms.resize`. A file of an earlier process is used
    again if the pictures' files, sizes, times of change, preparation and channels are the same.
    """
    lengths = [width * height * source.channels for (width, height), source in zip(sizes, sources, strict=True)]
    total = 8 * len(sources) + sum(lengths)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{_key(sources, sizes, preparation)}.pixels"
        # Pixels are appended to holes, so blocks that an earlier process filled need no room.
        held = getattr(path.stat(), "st_blocks", 0) * 512 if path.exists() else 0
        free = shutil.disk_usage(folder).free
        if total - held > share * free:
            _remove_if_empty(folder)
            return None, (
                f"the cache of decoded pictures would take {bytes_in_words(total)}, more than {share:.0%} of the "
                f"{bytes_in_words(free)} free at {folder}: pictures are decoded anew each time"
            )
        return PictureCache(path, sources, sizes, preparation), None
    except OSError as error:
        return None, f"no cache of decoded pictures at {folder}: {reason(error, folder)}"


def sweep(folder: Path, used: Sequence[Path | None]) -> None:
    """Removes files of caches that are not these: pictures or preparation have changed since they were kept."""
    for path in set(folder.glob("*.pixels")) - set(used):
        with contextlib.suppress(OSError):
            path.unlink()


class PictureCache:
    """The file, open. Made by `open_cache`; safe for threads."""

    note: str | None
    """Why no more pictures are kept (the disk is full, say); None where all is well."""

    def __init__(
        self, path: Path, sources: Sequence[Source], sizes: Sequence[tuple[int, int]], preparation: Preparation
    ) -> None:
        self.path = path
        self.note = None
        self._sources = sources
        self._preparation = preparation
        self._shapes = [(s.channels, height, width) for (width, height), s in zip(sizes, sources, strict=True)]
        # Picture i lies between places i and i + 1.
        self._places = list(accumulate((c * h * w for c, h, w in self._shapes), initial=8 * len(sources)))
        self._lock = threading.Lock()
        self._verified = bytearray(len(sources))
        # Unbuffered: pixels reach the system before their mark does. "a" creates a file without emptying another's.
        path.open("ab").close()
        self._file = path.open("r+b", buffering=0)
        self._file.truncate(self._places[-1])
        self._map: NDArray[np.uint8] | None = np.asarray(np.memmap(path, np.uint8, "r", shape=(self._places[-1],)))

    def get(self, index: int) -> Planes:
        """Picture `index`, resized (C, H, W): from the file and read-only, or decoded and kept. Raises DataError."""
        if self._map is None:
            raise ValueError("the cache is closed")
        kept = self._map[self._places[index] : self._places[index + 1]]
        if not self._verified[index]:
            mark = int.from_bytes(self._map[8 * index : 8 * index + 8].tobytes(), "little")
            self._verified[index] = mark != 0 and mark == _WRITTEN | zlib.crc32(kept.data)
        if self._verified[index]:
            return kept.reshape(self._shapes[index])
        planes = read_resized(self._sources[index], self._preparation)
        # A header may lie about the size; such a picture has no place here.
        if planes.shape == self._shapes[index] and self.note is None:
            self._keep(index, planes.reshape(-1))
        return planes

    def close(self, *, remove: bool = False) -> None:
        """Lets go of the file; `remove` deletes it (other processes that have it open keep what they have), and its
        folder if nothing else is in it.
        """
        self._map = None
        self._file.close()
        if remove:
            self.path.unlink(missing_ok=True)
            _remove_if_empty(self.path.parent)

    def _keep(self, index: int, pixels: NDArray[np.uint8]) -> None:
        mark = (_WRITTEN | zlib.crc32(pixels.data)).to_bytes(8, "little")
        try:
            self._write(self._places[index], pixels.data)
            self._write(8 * index, memoryview(mark))
        except OSError as error:
            self.note = f"the cache {self.path} takes no more pictures: {error.strerror or error}"

    def _write(self, offset: int, data: memoryview) -> None:
        # Written, not mapped: a full disk is then an error here instead of the end of the process.
        while data:
            if sys.platform == "win32":
                with self._lock:
                    self._file.seek(offset)
                    written = self._file.write(data)
            else:  # processes that were forked share the file's position, so none is set
                written = os.pwrite(self._file.fileno(), data, offset)
            offset, data = offset + written, data[written:]


def _key(sources: Sequence[Source], sizes: Sequence[tuple[int, int]], preparation: Preparation) -> str:
    """A hash of all that the content of the file depends on."""
    digest = hashlib.sha256()
    # Not the mirror: pictures are kept as they are before it.
    prepared = [preparation.preprocess, preparation.size, preparation.crop, preparation.filter]
    fixed = [_VERSION, pillow_version, *prepared]
    digest.update(json.dumps(fixed).encode())
    for source, size in zip(sources, sizes, strict=True):
        try:
            status = source.path.stat()
        except OSError as error:
            raise DataError(f"cannot read {source.path}: {error.strerror or error}") from error
        facts = [os.path.abspath(source.path), status.st_size, status.st_mtime_ns, source.channels, source.half, size]
        facts += [f"edges smoothed, {edges.VERSION}"] if source.smoothed else []
        facts += [source.box] if source.box else []
        digest.update(json.dumps(facts).encode())
    return digest.hexdigest()[:32]


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
