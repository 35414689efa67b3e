"""A film that is being written: whole parts in a hidden folder beside it, from which a stopped translation goes on.

Each part has the same number of frames and is encoded by itself, so the film is the same bytes whether its making was
stopped or not. A part's name holds a hash of it: one that is damaged shows before it goes into a film.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from gantool.errors import DataError
from gantool.files import write_atomically
from gantool.films.reading import BT709, Film, Frame, matrix, opened

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

FRAMES = 24
"""Of a part: about a second, with a key frame at its beginning."""

_HOW, _LOCK, _PART = "how.json", "lock", ".part.nut"
_LIMITED = 1  # range of ITU-T H.273


@dataclass(frozen=True)
class Stored:
    """What earlier work has left."""

    parts: int
    frames: int
    last: int | None
    """The moment of the last frame."""
    damaged: int | None = None
    """The first part, counted from 0, that was not as it was written: it is removed, with all behind it."""


def folder_for(out: Path) -> Path:
    """Where the parts of a film lie until it is whole."""
    return out.with_name(f".parts-of-{out.name}")


@contextmanager
def held(folder: Path, how: Mapping[str, str]) -> Iterator[None]:
    """Inside, this process alone writes parts into the folder. Parts that were not made in this way are removed first.

    Raises DataError where another process is at work, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / _LOCK)
        lock.acquire(blocking=False)
    except Timeout:
        raise DataError("another process translates this film to the same place: wait until it ends") from None
    except OSError as error:
        raise DataError(f"cannot write to {folder}: {error.strerror or error}") from error
    try:
        before: object = None
        with contextlib.suppress(OSError, ValueError, RecursionError):
            before = json.loads((folder / _HOW).read_bytes())
        if before != how:
            for part in folder.glob(f"*{_PART}"):
                part.unlink()
            write_atomically(folder / _HOW, json.dumps(dict(how)).encode())
        yield
    finally:
        lock.release()


def remove(folder: Path) -> None:
    """Removes the folder with all parts."""
    shutil.rmtree(folder, ignore_errors=True)


def stored(folder: Path, film: Film) -> Stored:
    """The whole parts that are there, from the first on without a gap. A damaged one is removed, with all behind it."""
    found = paths(folder)
    damaged = next((number for number, path in enumerate(found) if not _is_whole(path)), None)
    for path in found[len(found) if damaged is None else damaged :]:
        with contextlib.suppress(OSError):  # what is written in its place replaces it
            path.unlink()
    found = found[:damaged]
    if not found:
        return Stored(0, 0, None, damaged)
    moments = list(_moments(found[-1], film.base))
    return Stored(len(found), (len(found) - 1) * FRAMES + len(moments), max(moments), damaged)


def paths(folder: Path) -> list[Path]:
    """The parts in their order, from the first on without a gap."""
    there = {path.name.partition(".")[0]: path for path in folder.glob(f"*{_PART}")}
    found: list[Path] = []
    while (path := there.get(f"{len(found):06d}")) is not None:
        found.append(path)
    return found


def write(folder: Path, number: int, frames: Iterable[Frame], film: Film, format: str, quality: int) -> None:
    """Encodes one part, all frames of one size. Raises DataError where it cannot be written.

    `format` is FFmpeg's name of the film's format, `quality` 1 to 100.
    """
    import av

    half_written = folder / "part.tmp"
    try:
        with av.open(str(half_written), "w", format="nut") as container:
            stream: VideoStream | None = None
            for frame in frames:
                stream = stream or _stream(container, frame, film, format, quality)
                container.mux(stream.encode(_encoded(frame, film.base, stream)))
            assert stream is not None, "a part has frames"
            container.mux(stream.encode())
        with half_written.open("rb+") as file:
            os.fsync(file.fileno())  # a machine that stops leaves whole parts, or none
        os.replace(half_written, folder / f"{number:06d}.{_digest(half_written)}{_PART}")
    except (av.error.FFmpegError, OSError) as error:
        raise DataError(f"cannot write to {folder}: {error.strerror or error}") from error


def colours(width: int, height: int) -> str:
    """FFmpeg's name of how colours are stored: at half the resolution, which every player knows and which wants even
    sides, or for others at the full one.
    """
    return "yuv444p" if width % 2 or height % 2 else "yuv420p"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _is_whole(path: Path) -> bool:
    try:
        return path.name.split(".")[1] == _digest(path)
    except OSError:
        return False


def _stream(container: OutputContainer, frame: Frame, film: Film, format: str, quality: int) -> VideoStream:
    """Frames depend on earlier ones alone: so the moments of parts fit together, whatever lies between frames."""
    height, width = frame.pixels.shape[:2]
    if format == "webm":
        vp9 = {"crf": str(round(63 - 0.48 * quality)), "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}
        stream = container.add_stream("libvpx-vp9", film.rate, vp9)
    else:
        # x264's tree of blocks reads memory that nobody wrote: the same frames gave other bytes, once in ten times.
        x264 = {"crf": str(round(51 - 0.36 * quality)), "bf": "0", "mbtree": "0"}
        stream = container.add_stream("libx264", film.rate, x264)
    stream.width, stream.height, stream.pix_fmt = width, height, colours(width, height)
    context = stream.codec_context
    stream.time_base = context.time_base = film.base
    context.sample_aspect_ratio = film.shape
    context.colorspace = matrix(height)
    context.color_range = _LIMITED
    return stream


def _encoded(frame: Frame, base: Fraction, stream: VideoStream) -> VideoFrame:
    import av
    from av.video.reformatter import Colorspace

    space = Colorspace.ITU709 if stream.codec_context.colorspace == BT709 else Colorspace.ITU601
    made = av.VideoFrame.from_ndarray(frame.pixels, "rgb24").reformat(
        format=stream.pix_fmt, dst_colorspace=space, dst_color_range=_LIMITED
    )
    made.pts, made.time_base = frame.moment, base
    return made


def _moments(path: Path, base: Fraction) -> Iterator[int]:
    """When the frames of a part are shown."""
    with opened(path) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.pts is not None:
                yield round(packet.pts * packet.time_base / base)
