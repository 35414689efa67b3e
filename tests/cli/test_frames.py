"""`gantool translate --frames`."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

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
