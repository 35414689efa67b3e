from __future__ import annotations

import io
import os
import stat
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageCms

from gantool.errors import DataError
from gantool.files import write_atomically
from gantool.pictures.file import (
    FORMATS,
    Picture,
    as_channels,
    can_hold,
    encode,
    picture_size,
    read_picture,
    read_pixels,
    to_uint8,
    writable_format,
)

RAMP = np.arange(65536, dtype=np.uint16).reshape(256, 256)
RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (24, 36, 3), dtype=np.uint8)
RGBA = RNG.integers(0, 256, (24, 36, 4), dtype=np.uint8)


def saved(image: Image.Image, format: str, **settings) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **settings)
    return buffer.getvalue()


# -- depth


@pytest.mark.parametrize("format", ["PNG", "TIFF", "PPM", "JPEG2000"])
def test_16_bit_grey_comes_through_reading_and_writing_unchanged(format):
    picture = read_picture(saved(Image.fromarray(RAMP), format))
    assert picture.pixels.dtype == np.uint16
    assert np.array_equal(picture.pixels[..., 0], RAMP)
    again = read_picture(encode(picture.pixels, format))
    assert np.array_equal(again.pixels, picture.pixels)


def test_big_endian_16_bit():
    assert np.array_equal(read_picture(saved(Image.fromarray(RAMP.astype(">u2")), "TIFF")).pixels[..., 0], RAMP)


def test_32_bit_integers_that_hold_16_are_kept_and_others_stretched():
    assert np.array_equal(read_picture(saved(Image.fromarray(RAMP.astype(np.int32)), "TIFF")).pixels[..., 0], RAMP)
    beyond = read_picture(saved(Image.fromarray((RAMP.astype(np.int32) - 32768) * 1000), "TIFF"))
    assert np.array_equal(beyond.pixels[..., 0], RAMP)
    assert beyond.stretched


def test_float_pictures():
    unit = RAMP.astype(np.float32) / 65535
    inside = read_picture(saved(Image.fromarray(unit), "TIFF"))
    assert np.array_equal(inside.pixels[..., 0], RAMP)
    assert not inside.stretched
    half = read_picture(saved(Image.fromarray(unit / 2), "TIFF"))
    assert half.pixels.max() == 32768  # values within [0, 1] keep their meaning
    beyond = read_picture(saved(Image.fromarray(unit * 300 - 100), "TIFF"))
    assert np.abs(beyond.pixels[..., 0].astype(int) - RAMP).max() <= 1
    assert beyond.stretched
    constant = read_picture(saved(Image.fromarray(np.full((4, 4), 7, np.float32)), "TIFF"))
    assert (constant.pixels == constant.pixels[0, 0]).all()
    with pytest.raises(DataError, match="not finite"):
        read_picture(saved(Image.fromarray(np.full((4, 4), np.nan, np.float32)), "TIFF"))


def test_training_scales_16_bit_down_without_clipping(tmp_path):
    path = tmp_path / "ramp.png"
    path.write_bytes(saved(Image.fromarray(RAMP), "PNG"))
    pixels = read_pixels(path, 3)
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels[..., 1], np.rint(RAMP / 257))


def test_8_bit_levels_survive_16_bits():
    every = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_uint8(every.astype(np.uint16) * 257), every)


# -- colour and transparency


def test_hidden_colours_are_never_shown():
    hidden = np.zeros((8, 8, 4), np.uint8)
    hidden[..., 0] = 255  # red, and wholly transparent
    for format in ("PNG", "TIFF"):
        picture = read_picture(saved(Image.fromarray(hidden), format))
        assert not picture.alpha.any()
        assert (as_channels(picture, 3) == 255).all()
        assert (as_channels(picture, 1) == 255).all()
        assert (as_channels(picture, 3, background=0) == 0).all()


def test_half_transparent_pixels_are_blended():
    pixels = np.full((1, 1, 3), 100, np.uint8)
    assert as_channels(Picture(pixels, np.full((1, 1), 51, np.uint8), "PNG", None), 3).tolist() == [[[224] * 3]]
    deep = Picture(np.full((1, 1, 1), 65535, np.uint16), np.full((1, 1), 13107, np.uint16), "PNG", None)
    assert as_channels(deep, 1, background=0).tolist() == [[[13107]]]
    assert as_channels(deep, 1).tolist() == [[[65535]]]


@pytest.mark.parametrize(
    "mode", ["P with one transparent entry", "P with alpha per entry", "LA", "PA", "RGB key", "L key"]
)
def test_transparency_of_every_kind_becomes_alpha(mode):
    alpha = np.zeros((8, 8), np.uint8)
    alpha[:, 4:] = 255
    indices = (alpha // 255).astype(np.uint8)
    palette = Image.fromarray(indices).convert("P")
    palette.putpalette([200, 0, 0, 10, 20, 30])
    colour = np.where(indices[..., None] == 1, [10, 20, 30], [200, 0, 0]).astype(np.uint8)
    if mode == "P with one transparent entry":
        data = saved(palette, "GIF", transparency=0)
    elif mode == "P with alpha per entry":
        data = saved(palette, "PNG", transparency=b"\x00\xff")
    elif mode == "LA":
        data = saved(Image.fromarray(np.stack([colour[..., 1], alpha], axis=2)), "PNG")
    elif mode == "PA":
        image = Image.fromarray(np.dstack([colour, alpha])).convert("PA")
        data = saved(image, "TIFF")
    elif mode == "RGB key":
        data = saved(Image.fromarray(colour), "PNG", transparency=(200, 0, 0))
    else:
        data = saved(Image.fromarray(colour[..., 1]), "PNG", transparency=0)
    picture = read_picture(data)
    assert np.array_equal(picture.alpha, alpha)
    visible = as_channels(picture, 3)
    assert (visible[:, :4] == 255).all()
    assert (visible[:, 4:, 1] == 20).all()


def test_16_bit_transparent_level():
    picture = read_picture(saved(Image.fromarray(RAMP), "PNG", transparency=40000))
    assert picture.pixels.dtype == picture.alpha.dtype == np.uint16
    assert np.array_equal(picture.alpha == 0, RAMP == 40000)
    assert as_channels(picture, 1)[..., 0].reshape(-1)[40000] == 65535


def test_grey_from_colour_is_pillows():
    every = RNG.integers(0, 256, (256, 256, 3), dtype=np.uint8)
    grey = as_channels(Picture(every, None, "PNG", None), 1)
    assert np.array_equal(grey[..., 0], np.asarray(Image.fromarray(every).convert("L")))
    deep = as_channels(Picture(np.repeat(RAMP[..., None], 3, axis=2), None, "PNG", None), 1)
    assert np.array_equal(deep[..., 0], RAMP)


def test_colour_from_grey_repeats_it():
    assert np.array_equal(as_channels(Picture(RAMP[..., None], None, "PNG", None), 3)[..., 2], RAMP)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB", "1", "L", "P", "RGB"])
def test_every_mode_is_read(mode):
    grey = mode in ("1", "L")
    picture = read_picture(saved(Image.new("RGB", (6, 4), (255, 255, 255)).convert(mode), "TIFF"))
    assert picture.pixels.shape == (4, 6, 1 if grey else 3)
    assert picture.alpha is None
    assert picture.pixels.min() >= 253


def test_animations_give_their_first_frame():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    for format in ("GIF", "WEBP", "PNG"):
        data = saved(frames[0], format, save_all=True, append_images=frames[1:])
        assert as_channels(read_picture(data), 3)[4, 4].argmax() == 0


# -- orientation


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation, format):
    upright = np.zeros((24, 36, 3), np.uint8)
    upright[:8, :8] = (255, 0, 0)
    upright[:8, -8:] = (0, 255, 0)
    upright[-8:, :8] = (0, 0, 255)
    # How the camera stores it: the inverse of what the viewer has to do.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    settings = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(format, {})
    path = tmp_path / "picture"
    path.write_bytes(saved(Image.fromarray(np.ascontiguousarray(stored)), format, exif=exif, **settings))
    pixels = read_picture(path).pixels
    assert pixels.shape == upright.shape
    assert np.abs(pixels.astype(int) - upright).max() < 60
    assert picture_size(path) == (36, 24)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("damaged", [b"MM\x00*\x00\x00\xff\xff garbage", b"garbage all through", b"II"])
def test_damaged_exif_does_not_hide_the_picture(damaged):
    data = saved(Image.fromarray(RGB), "PNG", exif=b"Exif\x00\x00" + damaged)
    assert np.array_equal(read_picture(data).pixels, RGB)


# -- what cannot be read


@pytest.mark.filterwarnings("ignore:Truncated File Read")
def test_every_cut_of_a_file_is_an_error_or_a_whole_picture(tmp_path):
    for format in ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"):
        data = saved(Image.fromarray(RGB), format)
        whole = read_picture(data).pixels
        for length in range(0, len(data), max(1, len(data) // 40)):
            path = tmp_path / "cut"
            path.write_bytes(data[:length])
            try:
                pixels, said = read_picture(path).pixels, ""
            except DataError as error:
                pixels, said = whole, str(error)
            assert np.array_equal(pixels, whole), (format, length)
            assert not said or (said.startswith(f"cannot read {path}: ") and "\n" not in said)


def test_files_that_are_no_pictures(tmp_path):
    empty, text, missing = tmp_path / "empty.png", tmp_path / "text.png", tmp_path / "missing.png"
    empty.write_bytes(b"")
    text.write_text("not a picture")
    for path, reason in (
        (empty, "empty"),
        (text, "not a picture"),
        (missing, "No such file"),
        (tmp_path, "is a folder"),
    ):
        with pytest.raises(DataError, match=rf"cannot read {path}: .*{reason}"):
            read_picture(path)
        with pytest.raises(DataError, match=rf"cannot read {path}: .*{reason}"):
            picture_size(path)
    with pytest.raises(DataError, match=r"cannot read the picture: .*empty"):
        read_picture(b"")


def test_permission_denied_is_said(tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(saved(Image.fromarray(RGB), "PNG"))
    path.chmod(0)
    tmp_path.chmod(0o755)
    # The superuser may read anything: give the rights up in a process of its own, on an open folder.
    code = (
        "import os, sys, pathlib\n"
        "from gantool.pictures.file import read_picture\n"
        "from gantool.errors import DataError\n"
        "os.chdir(sys.argv[1])\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "try: read_picture(pathlib.Path('secret.png'))\n"
        "except DataError as error: print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert run.stdout == "cannot read secret.png: Permission denied\n"


def bomb(side: int) -> bytes:
    """A tiny PNG that claims to be huge."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_decompression_bombs_are_refused(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(50_000))
    with pytest.raises(DataError, match=rf"cannot read {path}: .*megapixels"):
        read_picture(path)


def test_threads_read_alike():
    data = saved(Image.fromarray(RGBA), "PNG")
    with ThreadPoolExecutor(8) as pool:
        pictures = list(pool.map(read_picture, [data] * 64))
    assert all(np.array_equal(p.pixels, RGBA[..., :3]) and np.array_equal(p.alpha, RGBA[..., 3]) for p in pictures)


# -- writing


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sixteen_bit", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
def test_what_a_format_can_hold_comes_back_and_the_rest_is_refused(format, channels, sixteen_bit, alpha):
    dtype = np.uint16 if sixteen_bit else np.uint8
    y, x = np.mgrid[:24, :36]
    pixels = np.stack([(x * 5 + y * (c + 1)) % 256 for c in range(channels)], axis=2).astype(dtype)
    opacity = (128 + y * 5).astype(dtype) if alpha else None
    if not can_hold(format, channels=channels, sixteen_bit=sixteen_bit, alpha=alpha):
        with pytest.raises(DataError, match=f"{format} cannot hold"):
            encode(pixels, format, alpha=opacity)
        return
    picture = read_picture(encode(pixels, format, alpha=opacity, quality=100))
    assert picture.format == format
    assert picture.pixels.dtype == dtype
    assert (picture.alpha is None) == (opacity is None)
    back = picture.pixels if channels == 3 else as_channels(Picture(picture.pixels, None, format, None), 1)
    if format in ("JPEG", "AVIF"):
        assert np.abs(back.astype(int) - pixels).mean() < 8
    else:
        assert np.array_equal(back, pixels)
        assert opacity is None or np.array_equal(picture.alpha, opacity)


def test_a_refusal_names_formats_that_can():
    with pytest.raises(DataError, match=r"JPEG cannot hold colour with transparency pixels: choose PNG, WEBP, TIFF"):
        encode(RGB, "JPEG", alpha=RGBA[..., 3])
    with pytest.raises(DataError, match=r"JPEG cannot hold 16-bit grey pixels: choose PNG, TIFF"):
        encode(RAMP[..., None], "JPEG")


def test_pictures_larger_than_the_format_allows_are_refused():
    with pytest.raises(DataError, match=r"cannot write 70000x1 pixels as JPEG"):
        encode(np.zeros((1, 70000, 3), np.uint8), "JPEG")


def test_jpeg_keeps_full_colour_resolution_from_quality_90():
    layers = {quality: Image.open(io.BytesIO(encode(RGB, "JPEG", quality=quality))).layer for quality in (89, 90)}
    assert [layer[1:3] for layer in layers[90]] == [(1, 1)] * 3
    assert [layer[1:3] for layer in layers[89]] != [(1, 1)] * 3


def test_profiles_are_carried_unless_they_are_of_another_kind():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for format in ("PNG", "JPEG", "WEBP", "TIFF"):
        assert read_picture(encode(RGB, format, icc_profile=profile)).icc_profile == profile
        assert read_picture(encode(RGB[..., :1], format, icc_profile=profile)).icc_profile is None


def test_extensions():
    assert writable_format(".JPG") == "JPEG"
    assert writable_format("tif") == "TIFF"
    with pytest.raises(DataError, match=r"'gif'.*png"):
        writable_format(".gif")


def test_files_are_written_whole_with_the_usual_rights(tmp_path):
    path = tmp_path / ("n" * 251 + ".png")
    write_atomically(path, b"first")
    with path.open("rb") as reader:
        write_atomically(path, b"second")
        assert reader.read() == b"first"  # whoever reads meanwhile has the whole file before it
    assert path.read_bytes() == b"second"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    (tmp_path / "taken.png").mkdir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"cannot write .*taken\.png: Is a directory"):
        write_atomically(tmp_path / "taken.png", b"x")
    with pytest.raises(DataError, match=r"cannot write .*out\.png: .*/file is a file"):
        write_atomically(tmp_path / "file" / "out.png", b"x")
    with pytest.raises(DataError, match=r"cannot write .*out\.png: No such file"):
        write_atomically(tmp_path / "missing" / "out.png", b"x")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "taken.png"]


def test_a_full_disk_leaves_the_file_before_it(tmp_path):
    # A limit on the size of files stands for the end of the disk; it holds for the superuser, too.
    code = (
        "import pathlib, resource, signal, sys\n"
        "from gantool.files import write_atomically\n"
        "from gantool.errors import DataError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: write_atomically(pathlib.Path(sys.argv[1]), bytes(10000))\n"
        "except DataError as error: print(error)\n"
    )
    path = tmp_path / "out.png"
    path.write_bytes(b"before")
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert run.stdout == f"cannot write {path}: File too large\n"
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.png"]


# -- 16-bit colour, resolution, frames

DEEP = RNG.integers(0, 65536, (24, 36, 4), dtype=np.uint16)


@pytest.mark.parametrize(
    ("format", "channels", "alpha"),
    [("PNG", 3, False), ("PNG", 3, True), ("PNG", 1, True), ("TIFF", 3, False), ("TIFF", 3, True), ("PPM", 3, False)],
)
def test_16_bit_colour_comes_through_writing_and_reading_unchanged(format, channels, alpha):
    pixels, over = DEEP[..., :channels], DEEP[..., 3] if alpha else None
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() if channels == 3 else None
    data = encode(pixels, format, alpha=over, icc_profile=profile, dpi=(300, 150))
    again = read_picture(data)
    assert np.array_equal(again.pixels, pixels)
    assert (again.alpha is None) if over is None else np.array_equal(again.alpha, over)
    if format != "PPM":
        assert again.icc_profile == profile
        assert again.dpi == pytest.approx((300, 150), abs=0.02)
    with Image.open(io.BytesIO(data)) as image:  # other programs see the same
        assert image.size == (36, 24)
        assert np.abs(np.array(image)[..., 0].astype(int) - (pixels[..., 0] >> 8)).max() <= 1


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def test_16_bit_colour_of_other_programs_is_read():
    def file(layers: np.ndarray, kind: int, interlaced: bool, *more: bytes) -> bytes:
        height, width = layers.shape[:2]
        parts = [(0, 0, 1, 1)]
        if interlaced:
            parts = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        rows = [row for y, x, down, across in parts for row in layers[y::down, x::across].astype(">u2")]
        head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, interlaced)
        data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
        body = chunk(b"IHDR", head) + b"".join(more) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
        return b"\x89PNG\r\n\x1a\n" + body

    for interlaced in (False, True):
        assert np.array_equal(read_picture(file(DEEP[..., :3], 2, interlaced)).pixels, DEEP[..., :3])
        both = read_picture(file(DEEP[..., 2:], 4, interlaced))
        assert np.array_equal(both.pixels[..., 0], DEEP[..., 2])
        assert np.array_equal(both.alpha, DEEP[..., 3])
    key = struct.pack(">HHH", *(int(value) for value in DEEP[5, 7, :3]))
    keyed = read_picture(file(DEEP[..., :3], 2, False, chunk(b"tRNS", key)))
    assert np.argwhere(keyed.alpha == 0).tolist() == [[5, 7]]


def test_what_is_read_with_8_bits_of_16_says_so(tmp_path):
    plain = b"P3\n2 1\n65535\n65535 300 0 1 2 3\n"
    assert read_picture(plain).reduced
    assert not read_picture(encode(DEEP[..., :3], "PNG")).reduced
    assert not read_picture(encode(RGB, "PNG")).reduced
    assert not read_picture(saved(Image.fromarray(RGB), "JPEG2000")).reduced


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "BMP"])
def test_the_resolution_is_kept(format):
    given = read_picture(saved(Image.fromarray(RGB), format, dpi=(300, 150)))
    again = read_picture(encode(given.pixels, format, dpi=given.dpi))
    assert again.dpi == pytest.approx((300, 150), abs=0.02)
    assert read_picture(saved(Image.fromarray(RGB), "WEBP")).dpi is None


def test_the_resolution_turns_with_the_picture():
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = read_picture(saved(Image.fromarray(RGB), "JPEG", dpi=(300, 150), exif=exif))
    assert turned.dpi == (150, 300)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_frames_are_counted(format):
    three = [Image.fromarray(np.roll(RGB, shift, axis=0)) for shift in range(3)]
    assert read_picture(saved(three[0], format, save_all=True, append_images=three[1:])).frames == 3
    assert read_picture(saved(three[0], format)).frames == 1
