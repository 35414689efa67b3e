"""The rows of pictures on a comparison's page: an input, what each model made of it, and the real picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from gantool.comparison.request import Plan
from gantool.comparison.shelf import Place, Shown, evenly
from gantool.evaluation.folders import Folder
from gantool.evaluation.names import pair_by_name
from gantool.evaluation.pictures import Pictures
from gantool.pictures.file import as_channels, read_picture, to_uint8
from gantool.pictures.find import below, find_pictures
from gantool.pictures.ids import coloured, read_ids
from gantool.spec import Kind, LabelMaps

INPUT, REAL = "input", "real"


@dataclass(frozen=True)
class Line:
    """Pictures of one input."""

    name: str
    """Of the input, or what the pictures are of."""
    pictures: Sequence[tuple[str, Shown]]
    """With their captions: the input, the models, the real picture."""


def lines(plan: Plan, shown: Mapping[str, Mapping[Place, Shown]], reals: Pictures | None) -> list[Line]:
    """As many rows as the request wants, of the pictures `shown` by the models' names. Raises DataError for an input
    that cannot be read.
    """
    first, *others = shown.values()
    common = sorted(place for place in first if all(place in some for some in others))
    found = []
    for place in _in_turns(common, plan.request.shown):
        file = _input(plan, place)
        before = [] if file is None else [(INPUT, _of_file(file, plan.kind))]
        made = [(model, some[place]) for model, some in shown.items()]
        found.append(Line(_name(plan, place, file), [*before, *made, *_real(plan, file, reals)]))
    return found


def _in_turns(places: Sequence[Place], wanted: int) -> list[Place]:
    """So many of these places, evenly, and about as many of each direction."""
    each: dict[tuple[str, str], list[Place]] = {}
    for place in places:
        each.setdefault(place[:2], []).append(place)
    most = ceil(wanted / max(1, len(each)))
    kept = [[some[at] for at in evenly(len(some), most)] for some in each.values()]
    turns = [some[turn] for turn in range(most) for some in kept if turn < len(some)]
    return sorted(turns[:wanted])


def _input(plan: Plan, place: Place) -> Path | None:
    """The file of an input; None for pictures of noise."""
    if plan.way == "noise":
        return None
    files = plan.inputs if plan.way == "two" else find_pictures(plan.request.pictures[0] / place.source)
    return files[place.number]


def _name(plan: Plan, place: Place, file: Path | None) -> str:
    if file is None:
        return f"seed {plan.request.seed + place.number}"
    if plan.way == "many":
        return f"{place.source} to {place.target}: {file.name}"
    return below(plan.request.pictures[0])(file)


def _real(plan: Plan, file: Path | None, reals: Pictures | None) -> list[tuple[str, Shown]]:
    """The real picture of the same name as an input, where there is one."""
    if plan.way != "two" or file is None or not isinstance(reals, Folder):
        return []
    pairs = pair_by_name(reals.names, [below(plan.request.pictures[0])(file)])
    return [(REAL, to_uint8(reals[real])) for real, _ in pairs]


def _of_file(path: Path, kind: Kind | None) -> Shown:
    """An input for people: label maps in colours, what is transparent on white."""
    if isinstance(kind, LabelMaps):
        return coloured(read_ids(path)[..., None])
    picture = read_picture(path)
    return to_uint8(as_channels(picture, picture.pixels.shape[2]))
