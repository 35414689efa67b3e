"""Small films, made by PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av", reason='needs PyAV: pip install "gantool[video]"')

COLOUR = (200, 30, 60)


def film(
    path: Path,
    frames: int = 30,
    size: tuple[int, int] = (40, 36),
    *,
    uneven: bool = False,
    sound: str = "aac",
    turned: int = 0,
    colours: str = "yuv420p",
    shape: Fraction = Fraction(1),
) -> Path:
    """A film of 25 frames a second, or of uneven ones, in which a bar of `COLOUR` grows from the left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    base, (width, height) = Fraction(1, 90000), size
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, colours
        stream.time_base = stream.codec_context.time_base = base
        stream.codec_context.sample_aspect_ratio = shape
        if turned:
            stream.set_display_rotation(turned)
        heard = container.add_stream(sound, rate=48000, layout="mono") if sound else None
        for number in range(frames):
            pixels = np.zeros((height, width, 3), np.uint8)
            pixels[:, : 4 + number % (width - 4)] = COLOUR
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number * 3600 + uneven * number * number * 45, base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if heard is not None:
            tone = (np.sin(np.arange(frames * 1920) / 20) * 9000).astype(np.int16)
            for start in range(0, len(tone), 960):
                part = av.AudioFrame.from_ndarray(tone[None, start : start + 960], format="s16", layout="mono")
                part.sample_rate, part.pts = 48000, start
                container.mux(heard.encode(part))
            container.mux(heard.encode())
    return path


def only_sound(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        part = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.int16), format="s16", layout="mono")
        part.sample_rate = 48000
        container.mux(stream.encode(part))
        container.mux(stream.encode())
    return path


def moments(path: Path) -> list[Fraction]:
    """When its frames are shown, in seconds."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def packets_of_sound(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        found = [packet for packet in container.demux(audio=0) if packet.pts is not None]
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in found]
