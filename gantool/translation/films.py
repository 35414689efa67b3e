"""One film, translated frame by frame in one style, in parts from which a stopped translation goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import count, islice, takewhile
from pathlib import Path

from gantool.counting import count_in_words
from gantool.errors import DataError, OutOfMemoryError, argument
from gantool.films import joining, parts, reading
from gantool.films.moments import exact, moment
from gantool.films.names import WRITTEN
from gantool.films.reading import Film, Frame
from gantool.inference.codes import Codes
from gantool.inference.engine import Engine
from gantool.inference.ways import Way
from gantool.pictures.find import extension
from gantool.report.console import Console
from gantool.report.progress import progress
from gantool.translation.companions import beside
from gantool.translation.destination import Destination
from gantool.translation.frames import translated
from gantool.translation.jobs import Job
from gantool.translation.outbox import OutputRefusedError
from gantool.translation.pipeline import Failed, Recipe, about
from gantool.translation.request import Request
from gantool.translation.writing import Done

_EARLY = 0.05  # of its length: a film whose frames end so long before is spoken of


class Stopped(Exception):
    """Work on a film has ended because it was asked to. Its parts stay."""


def translate_film(
    engine: Engine,
    job: Job,
    recipe: Recipe,
    destination: Destination,
    request: Request,
    how: Mapping[str, str],
    console: Console,
    go_on: Callable[[], bool],
) -> Done | Failed:
    """Translates a film and delivers the file. `how` says what its frames depend on beside the film itself.

    Raises OutputRefusedError when the disk takes no more, and Stopped as soon as `go_on` says no.
    """
    begun = time.perf_counter()
    assert job.source.picture is not None
    assert job.out is not None
    folder, format = parts.folder_for(job.out), WRITTEN[extension(job.out.name)]
    whole = folder / f"whole.{extension(job.out.name)}"
    variant = recipe.variants[job.variant]
    codes = Codes(engine, recipe.seed, recipe.sync)
    try:
        film = reading.look(job.source.picture)
        _say_what_changes(film, recipe, console)
        target = _target(film, recipe, request)
        state = film.path.stat()
        made_of = {"bytes": str(state.st_size), "changed": str(state.st_mtime_ns), "format": format}
        with parts.held(folder, {**how, **made_of, "quality": str(recipe.quality), "precision": request.precision}):

            def through(frames: Iterator[Frame]) -> Iterator[Frame]:
                for frame in translated(engine, job, recipe, codes, frames, target.size):
                    if not go_on():
                        raise Stopped
                    yield frame

            frames = _write_parts(film, target, through, folder, format, recipe.quality, request, console)
            cut = exact(request.start or 0), None if request.stop is None else exact(request.stop)
            joining.join(parts.paths(folder), target, whole, format, *cut, lambda text: _say(console, film, text))
            code = codes.code(variant.style, variant.direction.target, job.source.relative)
            beside(job, code, {}, destination)
            digest = destination.put_film(job, job.out, whole)
        parts.remove(folder)
    except OutputRefusedError:
        raise
    except (DataError, OutOfMemoryError) as error:
        return Failed(job, about(job, error))
    except MemoryError:
        return Failed(job, OutOfMemoryError(f"the memory does not suffice for the frames of {job.source.name}"))
    return Done(
        job=job,
        out=job.out,
        size_in=film.size,
        size_out=target.size,
        seconds=time.perf_counter() - begun,
        sha256=digest,
        way=Way(None, 1),
        lost="",
        translated=frames,
    )


def _write_parts(
    film: Film,
    target: Film,
    through: Callable[[Iterator[Frame]], Iterator[Frame]],
    folder: Path,
    format: str,
    quality: int,
    request: Request,
    console: Console,
) -> int:
    """Translates the frames that are not in a part yet; returns how many the parts have then. Raises DataError."""
    before = parts.stored(folder, film)
    if before.damaged is not None:
        part = f"part {before.damaged + 1} of what was translated before"
        _say(console, film, f"{part} is damaged: it is made again, with those behind it")
    if before.frames:
        _say(console, film, f"goes on after {count_in_words(before.frames, 'frame')} translated before")
    damaged: list[None] = []
    wanted = _wanted(film, request, before.last, lambda: damaged.append(None))
    done, last = before.frames, before.last
    with progress(console, _expected(film, request), done, what="frames") as bar:
        for number in count(before.parts):
            made = []
            for frame in through(islice(wanted, parts.FRAMES)):
                made.append(frame)
                bar.advance(done + len(made))
            if not made:
                break
            parts.write(folder, number, made, target, format, quality)
            done, last = done + len(made), made[-1].moment
    if last is None:
        length = "" if film.seconds is None else f": it is {moment(film.seconds)} long"
        raise DataError(f"{film.path} has no frame in the part that is asked for{length}")
    if damaged:
        places = count_in_words(len(damaged), "place in it is damaged", "places in it are damaged")
        _say(console, film, f"{places}: frames there are left out")
    end, at = film.seconds, float(last * film.base)
    if request.stop is None and end is not None and at + 1 < end * (1 - _EARLY):
        _say(console, film, f"its last frame is at {moment(at)} of {moment(end)}")
    return done


def _target(film: Film, recipe: Recipe, request: Request) -> Film:
    """The film as it will be."""
    shape = film.shape if recipe.size is None else Fraction(1)
    return replace(film, size=recipe.size or film.size, rate=film.rate / request.every, shape=shape)


def _wanted(film: Film, request: Request, last: int | None, damaged: Callable[[], None]) -> Iterator[Frame]:
    """The frames to translate, without those up to the last one that is translated."""
    start = math.ceil(exact(request.start or 0) / film.base) if last is None else last + 1
    found = reading.frames(film, start, damaged)
    if request.stop is not None:
        end = exact(request.stop) / film.base
        found = takewhile(lambda frame: frame.moment < end, found)
    return islice(found, 0 if last is None else request.every - 1, None, request.every)


def _expected(film: Film, request: Request) -> int | None:
    """How many frames there will be, by what the file says of itself."""
    frames = film.count
    if request.start is not None or request.stop is not None:
        ends = [end for end in (request.stop, film.seconds) if end is not None]
        frames = round((min(ends) - (request.start or 0)) * film.rate) if ends else None
    return None if frames is None else max(1, math.ceil(frames / request.every))


def _say_what_changes(film: Film, recipe: Recipe, console: Console) -> None:
    width, height = recipe.size or film.size
    if width % 2 or height % 2:
        even = argument("size", (max(2, width - width % 2), max(2, height - height % 2)))
        _say(
            console,
            film,
            f"{width}x{height} has an odd side: its colours are kept at full resolution (4:4:4), which phones and"
            f" browsers may refuse: {even} makes a film for all players",
        )
    if film.wide:
        _say(console, film, "its colours are of high dynamic range (HDR) and come out pale: convert it to SDR first")
    elif film.bits > 8:
        _say(console, film, f"its {film.bits} bits a channel become 8")
    if film.transparent:
        _say(console, film, "its transparency is laid on white")


def _say(console: Console, film: Film, text: str) -> None:
    console.note(f"{film.path}: {text}")
