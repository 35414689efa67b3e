"""`gantool translate --frames`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantool.pictures import deep
from tests.runs import untrained
from tests.translation.small_models import noise


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return untrained(tmp_path_factory.mktemp("frames") / "run").parents[2]


def film(path: Path, **more) -> None:
    frames = [Image.fromarray(noise(36, 40, seed=seed)) for seed in range(3)]
    path.parent.mkdir(exist_ok=True)
    frames[0].save(path, save_all=True, append_images=frames[1:], **more)


def test_all_frames_are_translated_to_the_same_kind_of_file(main, run, tmp_path):
    for name in ("a.gif", "b.webp", "c.png"):
        film(tmp_path / "in" / name, duration=[100, 200, 300], loop=2)
    film(tmp_path / "in/d.tif")
    Image.fromarray(noise(36, 40)).save(tmp_path / "in/still.gif")
    err = main("translate", "-m", run, "in", "first")[2]
    assert err.count("3 frames or pages the first is translated: --frames takes all") == 1
    err = main("translate", "-m", run, "in", "out", "--frames")[2]
    assert "5 written, 0 failed" in err
    assert "frames or pages" not in err
    for name, format in {"a.gif": "GIF", "b.webp": "WEBP", "c.png": "PNG", "d.tif": "TIFF"}.items():
        with Image.open(tmp_path / "out" / name) as image:
            assert (image.format, image.n_frames, image.size) == (format, 3, (40, 36))
            if format != "TIFF":
                assert image.info.get("loop") == 2
                shown = []
                for number in range(3):
                    image.seek(number)
                    image.load()
                    shown.append(image.info["duration"])
                assert shown == [100, 200, 300]
    assert Image.open(tmp_path / "out/still.png").format == "PNG"
    main("translate", "-m", run, "in/a.gif", "one.webp", "--frames")
    assert Image.open(tmp_path / "one.webp").n_frames == 3
    main("translate", "-m", run, "in/b.webp", "two.gif", "--frames")
    assert Image.open(tmp_path / "two.gif").n_frames == 3
    assert "JPEG" in main("translate", "-m", run, "in/a.gif", "three.jpg", "--frames")[2]


def test_that_16_bits_of_an_animated_png_are_read_as_8_is_said_whatever_was_said_before(main, run, tmp_path):
    frames = [noise(36, 40, seed=seed).astype(np.uint16) * 257 for seed in range(2)]
    (tmp_path / "in").mkdir()
    (tmp_path / "in/film.png").write_bytes(deep.png(frames, durations=[50, 50]))
    (tmp_path / "in/still.ppm").write_bytes(b"P3\n40 1\n65535\n" + b"300 2 65535\n" * 40)
    lines = main("translate", "-m", run, "in", "out", "--frames")[2].splitlines()
    said = "its 16 bits a channel are read as 8 bits"
    assert [line for line in lines if "16 bits" in line] == [
        f"in/still.ppm: {said}: PNG, TIFF and PPM keep those of colour (reported once)",
        f"in/film.png: {said}, as of every animated PNG (reported once)",
    ]


def test_what_any_frame_loses_is_said(main, run, tmp_path):
    """The first frame is transparent, and the last is not."""
    whole = Image.fromarray(noise(36, 40, seed=1)).convert("RGBA")
    holed = whole.copy()
    holed.paste((0, 0, 0, 0), (0, 0, 20, 20))
    (tmp_path / "in").mkdir()
    holed.save(tmp_path / "in/a.tif", save_all=True, append_images=[Image.fromarray(noise(36, 40, seed=2))])
    err = main("translate", "-m", run, "in", "out", "--frames", "--ext", "jpg")[2]
    assert "transparency" in err
