"""The frames of a film, upright, each with its moment.

FFmpeg is let near the file alone: no address, list of other files or other protocol within it is followed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gantool.errors import DataError
from gantool.files import refuse_irregular
from gantool.pictures.file import Picture, as_channels

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,asf,flv,ogg,nut"
_HIGH_DYNAMIC_RANGE = (16, 18)  # transfers of ITU-T H.273: PQ and HLG
BT709 = 1
"""Of the matrices of ITU-T H.273, that of high definition."""
_UNSPECIFIED, _SMPTE170M = 2, 6
_HD = 720  # lines


@dataclass(frozen=True)
class Film:
    """What is known of a film before its frames are read."""

    path: Path
    size: tuple[int, int]
    """(width, height) of the upright frames."""
    base: Fraction
    """Seconds of the unit in which moments are counted."""
    rate: Fraction
    """Frames a second, on average."""
    seconds: float | None
    """How long it is, if it says so."""
    count: int | None
    """How many frames it has, if it says so or by its length."""
    shape: Fraction
    """Width of an upright pixel by its height."""
    bits: int
    """Of a channel."""
    wide: bool
    """Whether its colours are of high dynamic range (PQ, HLG)."""
    transparent: bool
    """Whether its frames have transparency, which is laid on white."""


@dataclass(frozen=True)
class Frame:
    """One frame."""

    moment: int
    """When it is shown, in units of the film's `base` from its beginning."""
    pixels: NDArray[np.uint8]
    """(H, W, 3), upright."""


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """A film's container. Raises DataError for a file that cannot be opened as a film."""
    import av

    with explained(path):
        refuse_irregular(path)
        options = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
        container = av.open(f"file:{path}", options=options, metadata_errors="replace")
    with container:
        yield container


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Inside, what FFmpeg raises while it reads becomes DataError "cannot read PATH: reason"."""
    import av

    try:
        yield
    except (av.error.InvalidDataError, av.error.ArgumentError) as error:  # the latter: none of the formats above
        raise DataError(f"cannot read {path}: it is damaged, or no film") from error
    except (av.error.FFmpegError, OSError) as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def stream_of(container: InputContainer, path: Path) -> VideoStream:
    """The stream of frames; covers of music are none. Raises DataError for a file without one."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            if stream.codec_context is None:
                raise DataError(f"cannot read {path}: FFmpeg does not know how its frames are encoded")
            return stream
    held = "it holds sound and no frames" if container.streams.audio else "it holds no frames"
    raise DataError(f"cannot read {path}: {held}")


def matrix(height: int) -> int:
    """The matrix (ITU-T H.273) that players take for the colours of a film of so many lines that names none."""
    return BT709 if height >= _HD else _SMPTE170M


def look(path: Path) -> Film:
    """Reads a film's headers and its first frame. Raises DataError."""
    with explained(path), opened(path) as container:
        stream = stream_of(container, path)
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        length = stream.duration * stream.time_base if stream.duration and stream.time_base else None
        if length is None and container.duration:
            length = Fraction(container.duration, 1_000_000)
        first = next(_decoded(container, stream, lambda: None), None)
        if first is None:
            raise DataError(f"cannot read {path}: it holds no frame that can be decoded")
        height, width = _upright(first).shape[:2]
        shape = stream.sample_aspect_ratio or Fraction(1)
        return Film(
            path,
            (width, height),
            stream.time_base or 1 / rate,
            rate,
            None if length is None else float(length),
            stream.frames or (None if length is None else round(length * rate)),
            1 / shape if _lies(first) else shape,
            max(component.bits for component in first.format.components),
            first.color_trc in _HIGH_DYNAMIC_RANGE,
            _is_transparent(first),
        )


def frames(film: Film, start: int, damaged: Callable[[], object]) -> Iterator[Frame]:
    """The frames from this moment on, in their order; one that has no moment of its own is passed over.

    `damaged` is called for each place that cannot be decoded. Raises DataError.
    """
    with explained(film.path), opened(film.path) as container:
        stream = stream_of(container, film.path)
        stream.thread_type = "AUTO"
        begin = beginning(container, stream)
        far = start > 0 and _sought(container, stream, begin + start)
        found = _moments(film, container, stream, begin, damaged)
        first = next(found, None)
        if not far or (first is not None and first[0] <= start):
            yield from _from(start, first, found)
            return
    # Not every file finds its way to a moment: then all that comes before it is decoded.
    with explained(film.path), opened(film.path) as container:
        stream = stream_of(container, film.path)
        stream.thread_type = "AUTO"
        found = _moments(film, container, stream, begin, damaged)
        yield from _from(start, next(found, None), found)


def beginning(container: InputContainer, stream: VideoStream) -> int:
    """The moment in the stream's own count that is the film's beginning."""
    if container.start_time is None or not stream.time_base:
        return stream.start_time or 0
    return round(Fraction(container.start_time, 1_000_000) / stream.time_base)


def _sought(container: InputContainer, stream: VideoStream, moment: int) -> bool:
    import av

    try:
        container.seek(moment, stream=stream)
    except av.error.FFmpegError:
        return False
    return True


def _moments(
    film: Film, container: InputContainer, stream: VideoStream, begin: int, damaged: Callable[[], object]
) -> Iterator[tuple[int, VideoFrame]]:
    last: int | None = None
    step = max(1, round(1 / (film.rate * film.base)))
    # AVI stores no moments: those of frames that depend on later ones are guessed, and out of order.
    by_order = container.format.name == "avi"
    for frame in _decoded(container, stream, damaged):
        following = 0 if last is None else last + step
        at = frame.dts if by_order else frame.pts
        moment = following if at is None else at - begin
        if last is None or moment > last:
            last = moment
            yield moment, frame


def _from(start: int, first: tuple[int, VideoFrame] | None, rest: Iterator[tuple[int, VideoFrame]]) -> Iterator[Frame]:
    if first is not None and first[0] >= start:
        yield Frame(first[0], _upright(first[1]))
    for moment, frame in rest:
        if moment >= start:
            yield Frame(moment, _upright(frame))


def _decoded(container: InputContainer, stream: VideoStream, damaged: Callable[[], object]) -> Iterator[VideoFrame]:
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.InvalidDataError:
            damaged()
            return
        if packet is None:
            return
        try:
            found: list[Any] = packet.decode()
        except av.error.InvalidDataError:
            damaged()
            continue
        yield from found


def _is_transparent(frame: VideoFrame) -> bool:
    return any(component.is_alpha for component in frame.format.components)


def _upright(frame: VideoFrame) -> NDArray[np.uint8]:
    if frame.colorspace == _UNSPECIFIED and not frame.format.is_rgb:
        frame.colorspace = matrix(frame.height)
    pixels: Any
    if _is_transparent(frame):
        layers: Any = frame.to_ndarray(format="rgba")
        pixels = as_channels(Picture(layers[..., :3], layers[..., 3], "", None), 3)
    else:
        pixels = frame.to_ndarray(format="rgb24")
    a, b, c, d = _turn(frame)
    if _lies(frame):
        pixels, across, down = pixels.transpose(1, 0, 2), c, b
    else:
        across, down = a, d
    upright: NDArray[np.uint8] = np.ascontiguousarray(pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])
    return upright


def _lies(frame: VideoFrame) -> bool:
    """Whether its rows are columns of the upright frame."""
    a, b, _, _ = _turn(frame)
    return abs(b) > abs(a)


def _turn(frame: VideoFrame) -> tuple[int, int, int, int]:
    """a, b, c, d of x' = ax + cy, y' = bx + dy, by which a stored frame becomes upright: right angles alone."""
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return 1, 0, 0, 1
    a, b, _, c, d = (int(number) for number in np.frombuffer(bytes(matrix), np.int32)[:5])
    return a, b, c, d
