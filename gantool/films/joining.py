"""Parts and the sound of the film that they were made of, as one film."""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gantool.errors import DataError
from gantool.films.reading import Film, beginning, opened, stream_of

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.stream import Stream

_OPUS = 48_000  # samples a second, always


def join(
    parts: Sequence[Path],
    film: Film,
    out: Path,
    format: str,
    start: Fraction,
    stop: Fraction | None,
    say: Callable[[str], None],
) -> None:
    """Writes the parts (not encoded anew) and the sound from `start` to `stop` (seconds) to `out`, in a format of
    FFmpeg's name. The film begins at `start`.

    Sound is copied, or encoded anew where the format cannot hold it: `say` is told. Raises DataError.
    """
    import av

    options = {"movflags": "faststart"} if format in ("mp4", "mov") else {}
    try:
        with opened(film.path) as given, av.open(str(out), "w", format=format, container_options=options) as made:
            origin = _origin(given, film) + start
            with opened(parts[0]) as first:
                pictures = made.add_stream_from_template(first.streams.video[0])
                pictures.codec_context.framerate = film.rate
            sounds = [(stream, _kept(made, stream)) for stream in given.streams.audio if stream.codec_context]
            if again := sorted({stream.codec_context.name for stream, (_, copied) in sounds if not copied}):
                say(f"a film of this type cannot hold its sound ({', '.join(again)}): it is encoded anew")
            streams = [_pictures(parts, pictures, start)]
            if sounds:
                streams.append(_sounds(given, dict(sounds), origin, start, stop))
            for _, packet in heapq.merge(*streams, key=lambda timed: timed[0]):
                made.mux(packet)
        with out.open("rb+") as file:
            os.fsync(file.fileno())
    except (av.error.FFmpegError, OSError) as error:
        raise DataError(f"cannot write {out}: {error.strerror or error}") from error


def _origin(given: Any, film: Film) -> Fraction:
    stream = stream_of(given, film.path)
    return beginning(given, stream) * film.base


def _kept(made: OutputContainer, stream: Any) -> tuple[Stream, bool]:
    """A stream for this sound, and whether its packets are copied."""
    if stream.codec_context.codec.canonical_name in made.supported_codecs:
        return made.add_stream_from_template(stream), True
    context = stream.codec_context
    if made.format.name == "webm":
        return made.add_stream("libopus", rate=_OPUS, layout=context.layout), False
    return made.add_stream("aac", rate=context.sample_rate, layout=context.layout), False


def _pictures(parts: Sequence[Path], stream: Stream, start: Fraction) -> Iterator[tuple[Fraction, Packet[Any]]]:
    for part in parts:
        with opened(part) as container:
            for packet in container.demux(container.streams.video[0]):
                if packet.pts is not None:
                    yield _shifted(packet, start, stream)


def _sounds(
    given: Any, streams: dict[Any, tuple[Any, bool]], origin: Fraction, start: Fraction, stop: Fraction | None
) -> Iterator[tuple[Fraction, Packet[Any]]]:
    import av

    packets = given.demux(*streams)
    last = Fraction(0)
    while True:
        try:
            packet = next(packets, None)
        except av.error.InvalidDataError:
            break
        if packet is None:
            break
        stream, copied = streams[packet.stream]
        if packet.pts is None or packet.time_base is None:
            continue
        at = packet.pts * packet.time_base - origin
        if (start and at < 0) or (stop is not None and at >= stop - start):
            continue
        if copied:
            yield _shifted(packet, origin, stream)
            continue
        for encoded in _again(packet, stream, origin):
            last = max(last, at)
            yield last, encoded
    for stream, copied in streams.values():
        if not copied:
            yield from ((last, packet) for packet in stream.encode())


def _again(packet: Any, stream: Any, origin: Fraction) -> Iterator[Packet[Any]]:
    import av

    try:
        found = packet.decode()
    except av.error.InvalidDataError:
        return
    for frame in found:
        if frame.pts is not None:
            frame.pts -= round(origin / frame.time_base)
        yield from stream.encode(frame)


def _shifted(packet: Any, origin: Fraction, stream: Stream) -> tuple[Fraction, Packet[Any]]:
    """A packet of this stream, and when its turn is."""
    by = round(origin / packet.time_base)
    packet.pts -= by
    if packet.dts is not None:
        packet.dts -= by
    turn = packet.pts if packet.dts is None else packet.dts
    packet.stream = stream
    return turn * packet.time_base, packet
