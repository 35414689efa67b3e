"""Films in and out, without a network."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from gantool.errors import DataError, UsageError
from gantool.films import joining, parts, reading
from gantool.films.moments import exact, moment, parse_moment
from tests.films.small import av, film, moments, only_sound, packets_of_sound


def frames(path: Path, start: int = 0) -> list[reading.Frame]:
    return list(reading.frames(reading.look(path), start, lambda: None))


def written(
    source: Path, out: Path, format: str, start: Fraction = Fraction(0), stop: Fraction | None = None
) -> list[str]:
    """Copies a film by way of parts; what is said of it."""
    given, folder, said = reading.look(source), parts.folder_for(out), []
    taken = [one for one in frames(source) if one.moment * given.base >= start]
    taken = [one for one in taken if stop is None or one.moment * given.base < stop]
    with parts.held(folder, {}):
        for number in range(0, len(taken), parts.FRAMES):
            parts.write(folder, number // parts.FRAMES, taken[number : number + parts.FRAMES], given, format, 95)
        joining.join(parts.paths(folder), given, out, format, start, stop, said.append)
    return said


@pytest.mark.parametrize("uneven", [False, True])
def test_moments_and_sound_are_the_same_to_the_last_bit(tmp_path, uneven):
    one = film(tmp_path / "one.mp4", uneven=uneven)
    assert written(one, tmp_path / "two.mp4", "mp4") == []
    assert moments(tmp_path / "two.mp4") == moments(one)
    assert packets_of_sound(tmp_path / "two.mp4") == packets_of_sound(one)
    assert len(moments(one)) == 30
    if not uneven:
        assert reading.look(tmp_path / "two.mp4").rate == 25


def test_colours_come_back(tmp_path):
    given = reading.look(film(tmp_path / "one.mp4", frames=1, size=(64, 48), sound=""))
    colours = [(200, 30, 60), (10, 220, 90), (255, 255, 255), (0, 0, 0), (20, 60, 240)]
    plain = [reading.Frame(3600 * n, np.full((48, 64, 3), one, np.uint8)) for n, one in enumerate(colours)]
    folder = parts.folder_for(tmp_path / "two.mp4")
    with parts.held(folder, {}):
        parts.write(folder, 0, plain, given, "mp4", 95)
        joining.join(parts.paths(folder), given, tmp_path / "two.mp4", "mp4", Fraction(0), None, print)
    again = [frame.pixels[24, 32].astype(int) for frame in frames(tmp_path / "two.mp4")]
    assert np.abs(np.array(again) - colours).max() <= 4  # 8 bits of luma and colour difference, and the codec


def test_odd_sides_stay(tmp_path):
    one = film(tmp_path / "one.mp4", frames=3, size=(41, 37), colours="yuv444p")
    written(one, tmp_path / "two.mp4", "mp4")
    assert reading.look(tmp_path / "two.mp4").size == (41, 37)


@pytest.mark.parametrize("turned", [0, 90, 180, -90])
def test_frames_are_upright(tmp_path, turned):
    one = film(tmp_path / "one.mp4", frames=2, size=(40, 20), turned=turned, sound="")
    pixels = frames(one)[0].pixels
    bar = np.argwhere(pixels[..., 0] > 100).mean(axis=0)  # its place is near one side
    height, width = pixels.shape[:2]
    assert reading.look(one).size == (width, height) == ((20, 40) if turned in (90, -90) else (40, 20))
    side = {0: bar[1] < 5, 180: bar[1] > 34, 90: bar[0] > 34, -90: bar[0] < 5}
    assert side[turned], bar


def test_a_part_of_a_film_begins_at_its_beginning_with_its_sound(tmp_path):
    one = film(tmp_path / "one.mp4", frames=50)
    written(one, tmp_path / "two.mp4", "mp4", Fraction("0.4"), Fraction("1.2"))
    assert moments(tmp_path / "two.mp4") == [at - moments(one)[10] for at in moments(one)[10:30]]
    heard = packets_of_sound(tmp_path / "two.mp4")
    assert {data for _, data in heard} < {data for _, data in packets_of_sound(one)}
    assert heard[0][0] < 0.03
    assert 0.75 < heard[-1][0] < 0.8


def test_frames_from_a_moment_on_are_those_of_the_whole(tmp_path):
    one = film(tmp_path / "one.mkv", frames=60, uneven=True)
    everything = frames(one)
    late = frames(one, everything[41].moment)
    assert [frame.moment for frame in late] == [frame.moment for frame in everything[41:]]
    assert (late[0].pixels == everything[41].pixels).all()


def test_sound_that_the_type_cannot_hold_is_encoded_anew(tmp_path):
    one = film(tmp_path / "one.mp4", frames=6)
    (said,) = written(one, tmp_path / "two.webm", "webm")
    assert "sound (aac)" in said
    with av.open(str(tmp_path / "two.webm")) as container:
        assert container.streams.audio[0].codec_context.codec.canonical_name == "opus"
        heard = sum(frame.samples for frame in container.decode(audio=0))
    assert abs(heard - 6 * 1920) < 3000


def test_what_is_no_film_is_said_in_a_line(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / "cut.mp4").write_bytes(film(tmp_path / "one.mp4").read_bytes()[:3000])
    # A list of other files, which FFmpeg would follow:
    (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile {tmp_path / 'one.mp4'}\n")
    only_sound(tmp_path / "sound.mp4")
    for name in ("empty", "noise", "cut", "list", "sound", "absent"):
        with pytest.raises(DataError, match=rf"cannot read .*{name}\.mp4: .") as caught:
            reading.look(tmp_path / f"{name}.mp4")
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="sound and no frames"):
        reading.look(tmp_path / "sound.mp4")


def test_parts_that_were_made_otherwise_are_removed(tmp_path):
    one = reading.look(film(tmp_path / "one.mp4"))
    taken, folder = frames(one.path), parts.folder_for(tmp_path / "two.mp4")
    with parts.held(folder, {"model": "a"}):
        parts.write(folder, 0, taken[:24], one, "mp4", 95)
        assert parts.stored(folder, one) == parts.Stored(1, 24, taken[23].moment)
        with pytest.raises(DataError, match="another process"), parts.held(folder, {"model": "a"}):
            pass
    with parts.held(folder, {"model": "a"}):
        assert parts.stored(folder, one).frames == 24
    with parts.held(folder, {"model": "b"}):
        assert parts.stored(folder, one).frames == 0


def test_the_shape_of_pixels_is_kept(tmp_path):
    one = film(tmp_path / "one.mp4", frames=2)
    given, folder = reading.look(one), parts.folder_for(tmp_path / "two.mp4")
    with parts.held(folder, {}):
        parts.write(folder, 0, frames(one), replace(given, shape=given.shape * 16 / 15), "mp4", 95)
        joining.join(parts.paths(folder), given, tmp_path / "two.mp4", "mp4", Fraction(0), None, print)
    assert reading.look(tmp_path / "two.mp4").shape == given.shape * 16 / 15


@pytest.mark.parametrize(("turned", "shape"), [(0, Fraction(4, 3)), (90, Fraction(3, 4))])
def test_the_shape_of_pixels_is_that_of_the_upright_frame_also_where_that_is_square(tmp_path, turned, shape):
    one = film(tmp_path / "one.mp4", frames=2, size=(40, 40), turned=turned, shape=Fraction(4, 3), sound="")
    assert reading.look(one).shape == shape


def test_every_frame_of_an_avi_is_read(tmp_path):
    one = film(tmp_path / "one.avi", frames=30, sound="")  # of frames that depend on later ones
    everything = frames(one)
    assert len(everything) == 30
    assert [frame.moment for frame in frames(one, everything[17].moment)] == [one.moment for one in everything[17:]]


def test_moments_as_people_write_them():
    assert [parse_moment(text, "start") for text in ("90", "1:30", "1:02:03.5")] == [90, 90, 3723.5]
    assert [moment(seconds) for seconds in (90, 3723.5, 0.2)] == ["1:30", "1:02:03", "0:00"]
    assert exact(parse_moment("0.4", "start")) == Fraction(2, 5)
    for text in ("", "-1", "a", "1:2:3:4", "1e3", "nan", "1:", "9" * 20):
        with pytest.raises(UsageError, match="start"):
            parse_moment(text, "start")
