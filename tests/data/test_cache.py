from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantool.data.cache import open_cache
from gantool.data.dataset import Recipe
from gantool.data.edges import smooth_edges
from gantool.data.layouts.unpaired import unpaired
from gantool.data.modes import PREPROCESS
from gantool.data.source import Source
from gantool.data.transforms import Preparation, resize, resized_size
from gantool.errors import DataError
from gantool.pictures.file import picture_size, read_pixels

FIXED = Preparation("resize_and_crop", 24, 16)

# What a process other than this one does; its arguments are the cache's folder and the pictures'.
OTHER = """
import os, signal, sys
from pathlib import Path
from gantool.data.cache import open_cache
from gantool.data.source import Source
from gantool.data.transforms import Preparation
folder, pictures = map(Path, sys.argv[1:3])
sources = [Source(path, 3) for path in sorted(pictures.iterdir())]
preparation = Preparation("resize_and_crop", 24, 16)
cache, _ = open_cache(folder, sources, [(24, 24)] * len(sources), preparation)
"""


@pytest.fixture
def pictures(tmp_path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(12):
        size = (20 + i, 40 - i)
        pixels = np.random.default_rng(i).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02}.bmp")
    return folder


def sources_of(folder: Path, channels: int = 3) -> list[Source]:
    return [Source(path, channels) for path in sorted(folder.iterdir())]


def opened(folder: Path, pictures: Path, preparation: Preparation = FIXED, channels: int = 3, **settings):
    sources = sources_of(pictures, channels)
    sizes = [resized_size(*picture_size(source.path), preparation) for source in sources]
    return open_cache(folder, sources, sizes, preparation, **settings)


def expected(pictures: Path, preparation: Preparation = FIXED, channels: int = 3) -> list[np.ndarray]:
    return [resize(read_pixels(s.path, s.channels), preparation) for s in sources_of(pictures, channels)]


def other(code: str, folder: Path, pictures: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", OTHER + code, str(folder), str(pictures), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def spoil(pictures: Path) -> None:
    """Makes every picture unreadable, but leaves size and time of change: only a cache knows the pixels now."""
    for path in pictures.iterdir():
        status = path.stat()
        path.write_bytes(bytes(status.st_size))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("preprocess", PREPROCESS)
def test_pictures_come_back_as_they_were_prepared(tmp_path, pictures, preprocess, channels):
    preparation = Preparation(preprocess, 24, 16)
    cache, reason = opened(tmp_path / "cache", pictures, preparation, channels)
    assert reason is None
    truth = expected(pictures, preparation, channels)
    spoiled = False
    for _ in range(2):  # decoded and kept, then read from the file
        for i, pixels in enumerate(truth):
            assert np.array_equal(cache.get(i), pixels)
        if not spoiled:
            spoil(pictures)
            spoiled = True


@pytest.mark.parametrize("preprocess", PREPROCESS)
def test_a_data_set_gives_the_same_items_with_and_without_it(tmp_path, pictures, preprocess):
    layout, preparation = unpaired(), Preparation(preprocess, 24, 16)
    shutil.copytree(pictures, tmp_path / "b")
    domains = layout.find([pictures, tmp_path / "b"])
    without, cached = (layout.open(domains, Recipe(preparation, (3, 1), seed=3)) for _ in range(2))
    cached.keep_in(tmp_path / "cache")
    assert cached.cache_note is None
    for epoch in range(3):
        for index in range(len(without)):
            one, two = without.item(epoch, index), cached.item(epoch, index)
            assert np.array_equal(one["A"], two["A"])
            assert np.array_equal(one["B"], two["B"])
    cached.close(remove=True)
    assert not (tmp_path / "cache").exists()


def test_the_folder_stays_where_something_else_is_in_it(tmp_path, pictures):
    cache, _ = opened(tmp_path / "cache", pictures)
    (tmp_path / "cache" / "notes.txt").touch()
    cache.close(remove=True)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["notes.txt"]


def test_what_was_kept_is_used_after_reopening(tmp_path, pictures):
    truth = expected(pictures)
    cache, _ = opened(tmp_path / "cache", pictures)
    for i in range(6):
        cache.get(i)
    cache.close()
    sources = sources_of(pictures)
    spoil(pictures)
    again, _ = open_cache(tmp_path / "cache", sources, [(24, 24)] * 12, FIXED)
    assert all(np.array_equal(again.get(i), truth[i]) for i in range(6))


@pytest.mark.parametrize("change", ["file", "preparation", "filter", "channels", "more files"])
def test_what_no_longer_fits_is_not_used(tmp_path, pictures, change):
    cache, _ = opened(tmp_path / "cache", pictures)
    for i in range(12):
        cache.get(i)
    cache.close()
    preparation, channels = FIXED, 3
    if change == "file":
        before = (pictures / "00.bmp").stat()
        Image.new("RGB", (20, 40), "red").save(pictures / "00.bmp")
        os.utime(pictures / "00.bmp", ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))
        assert (pictures / "00.bmp").stat().st_size == before.st_size  # the time alone tells
    elif change == "preparation":
        preparation = Preparation("scale_width", 24, 16)
    elif change == "filter":
        preparation = replace(FIXED, filter="bilinear")
    elif change == "channels":
        channels = 1
    else:
        Image.new("RGB", (20, 40), "red").save(pictures / "000.bmp")
    again, _ = opened(tmp_path / "cache", pictures, preparation, channels)
    assert again.path != cache.path
    for i, pixels in enumerate(expected(pictures, preparation, channels)):
        assert np.array_equal(again.get(i), pixels)


def test_two_processes_share_what_either_decoded(tmp_path, pictures):
    truth = expected(pictures)
    cache, _ = opened(tmp_path / "cache", pictures)
    for i in range(6):
        cache.get(i)
    run = other("for i in range(6, 12): cache.get(i)", tmp_path / "cache", pictures)
    assert run.returncode == 0, run.stderr
    spoil(pictures)
    # Opened before the other process wrote: sees what it wrote without opening the file anew.
    assert all(np.array_equal(cache.get(i), truth[i]) for i in range(12))


def test_processes_and_threads_may_fill_it_at_once(tmp_path, pictures):
    truth = expected(pictures)
    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "import hashlib\n"
        "with ThreadPoolExecutor(4) as pool: got = list(pool.map(cache.get, list(range(12)) * 20))\n"
        "print(hashlib.sha256(b''.join(pixels.tobytes() for pixels in got[:12])).hexdigest())\n"
    )
    with ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(lambda _: other(code, tmp_path / "cache", pictures), range(3)))
    assert len({run.stdout for run in runs}) == 1, [run.stderr for run in runs]
    spoil(pictures)
    cache, _ = open_cache(tmp_path / "cache", sources_of(pictures), [(24, 24)] * 12, FIXED)
    assert all(np.array_equal(cache.get(i), truth[i]) for i in range(12))


def test_forked_processes_do_not_disturb_each_other(tmp_path, pictures):
    # They share the open files, and so the position in each.
    code = (
        "caches = [open_cache(folder / str(n), sources, [(24, 24)] * 12, preparation)[0] for n in range(20)]\n"
        "children = []\n"
        "for _ in range(4):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        for cache in caches:\n"
        "            for i in range(12): cache.get(i)\n"
        "        os._exit(0)\n"
        "    children.append(child)\n"
        "for child in children: os.waitpid(child, 0)\n"
    )
    truth, sources = expected(pictures), sources_of(pictures)
    run = other(code, tmp_path / "cache", pictures)
    assert run.returncode == 0, run.stderr
    spoil(pictures)
    for n in range(20):
        cache, _ = open_cache(tmp_path / "cache" / str(n), sources, [(24, 24)] * 12, FIXED)
        assert all(np.array_equal(cache.get(i), truth[i]) for i in range(12))


def test_a_process_that_dies_within_a_picture_leaves_those_before_it_and_nothing_half(tmp_path, pictures):
    truth, sources = expected(pictures), sources_of(pictures)
    # The system ends a process that writes past its limit, here in the middle of the fifth picture.
    size, mark = 24 * 24 * 3, 8 * 12
    code = (
        "import resource\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({mark + 4 * size + size // 2},) * 2)\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        "for i in range(12): cache.get(i)\n"
    )
    run = other(code, tmp_path / "cache", pictures)
    assert run.returncode == -signal.SIGXFSZ, run.stderr
    hidden = shutil.copytree(pictures, tmp_path / "hidden")
    spoil(pictures)
    cache, _ = open_cache(tmp_path / "cache", sources, [(24, 24)] * 12, FIXED)
    assert cache.path.read_bytes()[mark + 4 * size :][: size // 2] == truth[4].tobytes()[: size // 2]
    assert all(np.array_equal(cache.get(i), truth[i]) for i in range(4))
    with pytest.raises(DataError, match=r"04\.bmp"):  # not the half that is there
        cache.get(4)
    shutil.copytree(hidden, pictures, dirs_exist_ok=True)
    assert np.array_equal(cache.get(4), truth[4])


def test_a_process_killed_at_any_time_leaves_a_cache_that_is_right(tmp_path, pictures):
    truth, sources = expected(pictures), sources_of(pictures)
    code = (
        "print('ready', flush=True)\n"
        "while True:\n"
        "    for i in range(12): cache.get(i)\n"
        "    cache.close(remove=True)\n"
        "    cache, _ = open_cache(folder, sources, [(24, 24)] * 12, preparation)\n"
    )
    for _ in range(4):
        command = [sys.executable, "-c", OTHER + code, str(tmp_path / "cache"), str(pictures)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            process.kill()
        cache, _ = open_cache(tmp_path / "cache", sources, [(24, 24)] * 12, FIXED)
        assert all(np.array_equal(cache.get(i), truth[i]) for i in range(12))
        cache.close()


def test_pixels_that_were_lost_after_their_mark_was_written_are_decoded_anew(tmp_path, pictures):
    cache, _ = opened(tmp_path / "cache", pictures)
    truth = [cache.get(i).copy() for i in range(12)]
    cache.close()
    data = bytearray(cache.path.read_bytes())
    data[-100:] = bytes(100)  # what a loss of power may do: pages reach the disk in any order
    cache.path.write_bytes(data)
    again, _ = opened(tmp_path / "cache", pictures)
    assert all(np.array_equal(again.get(i), truth[i]) for i in range(12))


def test_it_refuses_to_fill_the_disk(tmp_path, pictures):
    free = shutil.disk_usage(tmp_path).free
    cache, reason = opened(tmp_path / "cache", pictures, share=1000 / free)
    assert cache is None
    assert "more than" in reason
    assert str(tmp_path / "cache") in reason
    kept, _ = opened(tmp_path / "cache", pictures)
    for i in range(12):
        kept.get(i)
    kept.close()
    # Once it is filled, it takes no more room.
    again, reason = opened(tmp_path / "cache", pictures, share=1000 / free)
    assert reason is None
    assert again is not None


def test_a_place_that_cannot_hold_it_is_a_reason_and_not_an_error(tmp_path, pictures):
    (tmp_path / "file").write_bytes(b"")
    cache, reason = opened(tmp_path / "file", pictures)
    assert cache is None
    assert str(tmp_path / "file") in reason
    layout = unpaired()
    shutil.copytree(pictures, tmp_path / "b")
    dataset = layout.open(layout.find([pictures, tmp_path / "b"]), Recipe(FIXED, (3, 3)))
    dataset.keep_in(tmp_path / "file")
    assert dataset.item(0, 0)["A"].shape == (3, 16, 16)
    assert dataset.cache_note == reason


def test_a_disk_that_is_full_meanwhile_costs_the_cache_and_not_the_training(tmp_path, pictures):
    # A limit on the size of files stands for the end of the disk; it holds for the superuser, too.
    code = (
        "import resource\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "pictures = [cache.get(i) for i in range(12)]\n"
        "assert all(picture.shape == (3, 24, 24) for picture in pictures)\n"
        "print(cache.note)\n"
    )
    run = other(code, tmp_path / "cache", pictures)
    assert run.stdout.endswith("takes no more pictures: File too large\n"), run.stderr


def test_a_picture_that_is_not_of_the_size_its_header_says_is_served_and_disturbs_no_other(tmp_path, pictures):
    preparation = Preparation("crop", 24, 16)
    truth = expected(pictures, preparation)
    sizes = [(planes.shape[2], planes.shape[1]) for planes in truth]
    sizes[3] = (5, 5)
    cache, _ = open_cache(tmp_path / "cache", sources_of(pictures), sizes, preparation)
    for _ in range(3):
        for i in (*range(12), 4, 5, 3, 4, 5):
            assert np.array_equal(cache.get(i), truth[i])


def test_kept_pictures_cannot_be_changed_by_their_user(tmp_path, pictures):
    cache, _ = opened(tmp_path / "cache", pictures)
    cache.get(0)
    with pytest.raises(ValueError, match="read-only"):
        cache.get(0)[0, 0] = 0


def test_pictures_with_softened_edges_are_kept_beside_those_without(tmp_path, pictures):
    sources = sources_of(pictures)
    sources += [replace(source, smoothed=True) for source in sources]
    cache, _ = open_cache(tmp_path / "cache", sources, [(24, 24)] * 24, FIXED)
    for kept in (False, True):
        for index, plain in enumerate(expected(pictures)):
            np.testing.assert_array_equal(cache.get(index), plain)
            np.testing.assert_array_equal(cache.get(12 + index), smooth_edges(plain), f"{index}, kept: {kept}")
    plain, _ = open_cache(tmp_path / "cache", sources_of(pictures) * 2, [(24, 24)] * 24, FIXED)
    assert plain.path != cache.path


def test_what_was_kept_of_pictures_that_have_changed_is_removed(tmp_path, pictures):
    def dataset(folder: Path):
        layout = unpaired(smoothed="drawn")
        return layout.open(layout.find([pictures, folder]), Recipe(FIXED, (3, 3)))

    other = shutil.copytree(pictures, tmp_path / "other")
    first = dataset(other)
    first.keep_in(tmp_path / "cache")
    before = first.item(0, 0)
    (stale,) = (tmp_path / "cache").iterdir()
    again = dataset(other)
    again.keep_in(tmp_path / "cache")
    assert [*(tmp_path / "cache").iterdir()] == [stale], "nothing has changed"
    for path in other.iterdir():
        Image.new("RGB", (24, 24), (9, 9, 9)).save(path)
    changed = dataset(other)
    changed.keep_in(tmp_path / "cache")
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept != stale
    assert (changed.item(0, 0)["E"] == 9).all()
    np.testing.assert_array_equal(changed.item(0, 0)["A"], before["A"])
