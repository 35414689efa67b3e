"""Names of results. Imports no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

from gantool.errors import DataError, UsageError, argument
from gantool.films import names as films
from gantool.pictures import extras
from gantool.pictures.file import writable_format
from gantool.pictures.find import extension, is_picture_name

SAME = "same"
"""The extension of the input, unless the result does not fit into such a file."""
FALLBACK = "png"


@dataclass(frozen=True)
class Naming:
    """How outputs are called."""

    ext: str | None = None
    """An extension, of a picture or a film and for those alone, or `SAME`; None is "same", except that a lone picture
    without OUT becomes a PNG."""
    suffix: str = ""
    frames: bool = False
    """Whether all frames are translated: then GIF files are written, too."""

    def __post_init__(self) -> None:
        if "/" in self.suffix or os.sep in self.suffix:
            raise UsageError(f'{argument("suffix")} is a part of a file name, not "{self.suffix}"')
        if self.ext not in (None, SAME) and self._chosen.lower() not in films.WRITTEN:
            checked_format(str(self.ext), argument("ext"), frames=self.frames)

    def extension(self, name: str) -> str:
        """The extension of the result for an input of this name."""
        if self.decides(name):
            return self._chosen
        own = parted(name)[1][1:]
        if films.is_film_name(name):
            return own if own.lower() in films.WRITTEN else films.FALLBACK
        return own if _is_written(own, self.frames) else FALLBACK

    def decides(self, name: str) -> bool:
        """Whether `ext` is the extension for results of such inputs: films, or pictures."""
        return self.ext not in (None, SAME) and films.is_film_name(name) is (self._chosen.lower() in films.WRITTEN)

    @property
    def _chosen(self) -> str:
        return str(self.ext).removeprefix(".")

    def named(self, relative: str, variant: str = "") -> str:
        """The result's path for an input's; `variant` tells the results for one input apart."""
        return f"{parted(relative)[0]}{self.suffix}{variant}.{self.extension(relative)}"


def parted(path: str) -> tuple[str, str]:
    """A path, with `/` between, without its extension; and that, with its dot. As `pathlib` has it, but fast."""
    dot = path.rfind(".")
    begin = path.rfind("/") + 1
    return (path[:dot], path[dot:]) if begin < dot < len(path) - 1 else (path, "")


def names_file(name: str) -> bool:
    """Whether a name ends as those of pictures or films do, of kinds that are not written here as well: it is meant as
    a file, and no folder is made of this name.
    """
    return is_picture_name(name) or films.is_film_name(name) or extension(name) in extras.extensions(installed=False)


def part_of_name(text: str) -> str:
    """A domain's or a style's name as a part of a file's: without what would lead elsewhere or cannot be seen."""
    return "".join(char if _is_plain(char) else "".join(map("%{:02X}".format, char.encode())) for char in text)


def _is_plain(char: str) -> bool:
    """Bytes that are no text (surrogates) may stand in names; joiners belong to words and emoji."""
    if char in ("/", os.sep):
        return False
    return char.isprintable() or "\ud800" <= char <= "\udfff" or char in "\u200c\u200d"


@cache
def _is_written(extension: str, frames: bool) -> bool:
    try:
        format_of(extension, frames=frames)
    except DataError:
        return False
    return True


def format_of(extension: str, *, frames: bool = False) -> str:
    """Pillow's name of the format that this extension is written as. Raises DataError."""
    return "GIF" if frames and extension.lower().removeprefix(".") == "gif" else writable_format(extension)


def checked_format(extension: str, where: str, *, frames: bool | None = None) -> str:
    """Pillow's name of an extension's format. `frames`: as in `Naming`, None where there is no such choice.

    Raises UsageError that begins with `where` and names the extensions that may be chosen.
    """
    try:
        return format_of(extension, frames=bool(frames))
    except DataError as error:
        gif = {None: "", False: f", or gif with {argument('frames')}", True: ", gif"}[frames]
        raise UsageError(f"{where}: {error.text}{gif}") from None


def checked_film(name: str) -> str:
    """FFmpeg's name of the format of a film of this name. Raises UsageError."""
    format = films.WRITTEN.get(extension(name))
    if format is None:
        raise UsageError(f"{name}: a film is written as {', '.join(films.WRITTEN)}")
    return format
