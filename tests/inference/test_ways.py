"""The memory limit, asked before a picture is decoded and for every model."""

from __future__ import annotations

import resource
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from gantool.data.care.check import check_folders
from gantool.data.layouts.unpaired import unpaired
from gantool.errors import DataError, OutOfMemoryError
from gantool.inference.engine import Engine
from gantool.inference.peak import Peak
from gantool.pictures.file import read_picture, read_pixels
from gantool.pictures.opening import bytes_to_decode, most_pixels
from gantool.runs.checkpoint import load_model
from tests.conftest import draw
from tests.runs import untrained


@pytest.fixture(scope="module")
def huge(tmp_path_factory):
    """A picture of 169 megapixels in 21 kB."""
    path = tmp_path_factory.mktemp("huge") / "huge.png"
    Image.new("1", (13000, 13000)).save(path)
    return path


def grown() -> int:
    """The most memory that this process has held, in kB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def engine(folder, model: str = "cyclegan", memory: int | None = None, most: int | None = None, **options) -> Engine:
    facts, network = load_model(untrained(folder / model, model, **options))
    return Engine(network, memory=memory, can=facts.can, max_pixels=most)


def test_a_picture_beyond_the_limit_is_refused_by_its_header(tmp_path, huge):
    small = engine(tmp_path, memory=500_000_000)
    before = grown()
    with pytest.raises(OutOfMemoryError, match=r"13000x13000 takes about 1\.01 GB to read, and 500 MB are at hand"):
        small.read(huge, "horses")
    with pytest.raises(OutOfMemoryError, match="to read"):
        small.read(huge, "horses", (32, 32))  # it would be decoded before it is made smaller
    draw(tmp_path / "in", 1, seed=1, size=1000)
    tiny = engine(tmp_path, memory=15_000_000)
    with pytest.raises(OutOfMemoryError, match=r"1000x1000 takes about .* even in strips"):
        tiny.read(tmp_path / "in" / "00.png", "horses")
    assert tiny.read(tmp_path / "in" / "00.png", "horses", (64, 64)).pixels.shape == (1000, 1000, 3)
    assert grown() - before < 100_000


def test_more_pixels_than_pillow_allows_can_be_allowed(tmp_path):
    path, limit = tmp_path / "wide.png", most_pixels()
    wide = Image.new("1", (limit // 1000 + 1, 1000))
    wide.save(path)
    pixels = wide.width * wide.height
    with pytest.raises(
        DataError, match=rf"wide\.png: it claims {pixels} pixels, more than {limit}, .*max_pixels={pixels} allows it"
    ):
        engine(tmp_path, most=limit).read(path, "horses", (32, 32))
    with pytest.raises(DataError, match=r"it claims .*; cut it into smaller pictures"):
        read_picture(path)
    with pytest.raises(DataError, match=r"it claims 178 megapixels, more than 20 megapixels, "):
        engine(tmp_path, most=20_000_000).read(path, "horses", (32, 32))
    with pytest.raises(DataError, match=f"it claims {pixels} pixels, more than 5, "):
        engine(tmp_path, most=5).read(path, "horses", (32, 32))
    assert engine(tmp_path, most=pixels).read(path, "horses", (32, 32)).pixels.shape == (1000, wide.width, 1)
    assert most_pixels() == limit, "Pillow's own limit is what it was"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says what a process has taken")
def test_estimates_of_decoding_are_from_above(tmp_path):
    """In processes of their own, whose memory is not used before."""
    code = (
        "import sys, pathlib\n"
        "from gantool.pictures.file import read_picture, as_channels\n"
        "as_channels(read_picture(pathlib.Path(sys.argv[2])), 3)\n"  # whatever is loaded once
        "def most(): return int(pathlib.Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])\n"
        "before = most()\n"
        "as_channels(read_picture(pathlib.Path(sys.argv[1])), 3)\n"
        "print((most() - before) * 1024)\n"
    )
    kinds = [("RGB", "png"), ("RGB", "jpg"), ("RGB", "webp"), ("L", "png"), ("1", "tif"), ("P", "png"), ("RGB", "jp2")]
    for mode, kind in kinds:
        for name, side in (("large", 3000), ("small", 16)):
            Image.new(mode, (side, side)).save(tmp_path / f"{name}.{kind}")
        words = [sys.executable, "-c", code, str(tmp_path / f"large.{kind}"), str(tmp_path / f"small.{kind}")]
        taken = int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
        with Image.open(tmp_path / f"large.{kind}") as image:
            assert 0.2 * bytes_to_decode(image) < taken < 1.1 * bytes_to_decode(image), (mode, kind, taken / 9e6)


def test_tensors_that_are_held_are_counted():
    with Peak() as peak:
        x = torch.zeros(1000)  # 4000 bytes
        for _ in range(5):
            x = x + 1  # two at a time
        x.add_(1).view(10, 100)
        assert len(x) == 1000
    assert peak.bytes == 8000


@pytest.mark.parametrize("model", ["bicyclegan", "dualgan", "pix2pix"])
def test_a_limit_holds_for_models_without_strips(tmp_path, model):
    small = {"width": 8, "d_width": 8}
    free = engine(tmp_path, model, **small)
    height, width = free.sizes.fit(512, 512)
    assert free.way(height, width).needed == 0
    asked = engine(tmp_path, model, memory=10**12, **small).way(height, width)
    assert asked.needed > 20 * height * width, "some features of single precision at the least"
    limited = engine(tmp_path, model, memory=asked.needed - 1, **small)
    with pytest.raises(OutOfMemoryError, match=rf"{width}x{height} takes about .* are at hand"):
        limited.way(height, width)
    assert engine(tmp_path, model, memory=asked.needed, **small).way(height, width).together == 1


def test_bombs_are_no_training_pictures_and_a_check_is_quick(tmp_path, huge):
    a, b = draw(tmp_path / "A", 3, seed=1), draw(tmp_path / "B", 3, seed=2)
    for number in range(20):
        (a / f"bomb{number}.png").symlink_to(huge)
    before = grown()
    report = check_folders(unpaired().find([a, b]))
    assert len(report.domains[0].unreadable) == 20
    assert "169 megapixels in a file of 2" in report.domains[0].unreadable["bomb0.png"]
    with pytest.raises(DataError, match="decompression bomb"):
        read_pixels(huge, 3)
    assert grown() - before < 100_000
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((4000, 3000)).save(a / "large.jpg")
    assert read_pixels(a / "large.jpg", 3).shape == (3000, 4000, 3)
