"""The words of a person for a comparison, and what can be told of them early. Imports no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

from gantool import direction
from gantool.comparison.columns import check_columns
from gantool.comparison.words import given, weights_of
from gantool.counting import first_few
from gantool.errors import DataError, GantoolError, UsageError, argument
from gantool.evaluation.files import needed
from gantool.evaluation.names import pair_by_name
from gantool.evaluation.report import OF_PAIRS
from gantool.evaluation.request import TIMES, Measuring, check, check_numbers, holds_all_domains, of_noise
from gantool.evaluation.request import Request as One
from gantool.files import check_writable, missing
from gantool.inference.devices import check_name
from gantool.pictures.find import below, find_pictures
from gantool.pictures.ids import of_domain
from gantool.pictures.results import refuse_strangers
from gantool.runs.folders import is_run
from gantool.runs.header import read_facts
from gantool.spec import Facts, Kind

Way = Literal["two", "many", "noise"]
"""How all are measured: pictures of one domain against those of another, all directions of many domains, or pictures of
noise against real ones."""


@dataclass(frozen=True, kw_only=True)
class Request(Measuring):
    """The words of a person, before anything is checked."""

    models: tuple[str, ...]
    """Run folders, weights files, models' names and folders of results, each with NAME= before it or without."""
    pictures: tuple[Path, ...]
    """Pictures of the source and real ones of the target, or real ones alone."""
    metrics: tuple[str, ...] = ()
    """Those of the table, in its order; none: all that stand for themselves."""
    resamples: int = TIMES
    """Draws for the intervals; 0: none."""
    name: str | None = None
    """Of the data set; None: the folder that its pictures share."""
    out: Path | None = None
    """A page of the table and of pictures."""
    shown: int = 12
    """Rows of pictures on the page."""


@dataclass(frozen=True)
class Candidate:
    """One that is compared: weights, or a folder of results."""

    name: str
    word: str
    """As it was given."""
    weights: Path | None
    facts: Facts | None
    """Of the weights."""
    n: int | None = None
    """The request's, where it means something for this model."""
    files: tuple[Path, ...] = ()
    """Of a folder, its results, in the order of the inputs."""


@dataclass(frozen=True)
class Plan:
    """A comparison that can begin."""

    request: Request
    way: Way
    candidates: tuple[Candidate, ...]
    data: str
    """The name of the data set."""
    inputs: tuple[Path, ...] = ()
    """Of "two": the pictures that all translate."""
    kind: Kind | None = None
    """What they are."""


def plan(request: Request) -> Plan:
    """Raises UsageError, DataError or CheckpointError for the first word that is wrong."""
    check_name(request.device)
    check_numbers(request.seed, request.size)
    files = needed(inception=request.inception, lpips=request.lpips, classifier=request.classifier, judge=request.judge)
    check_columns(request.metrics, files)
    _check_chosen(request)
    if request.resamples == 1 or request.resamples < 0:
        raise UsageError(f"{argument('resamples')} is 0 or at least 2, not {request.resamples}")
    for folder in request.pictures:
        if not folder.exists():
            raise missing(folder)
        if is_run(folder):
            raise UsageError(f"{folder} is a run, where pictures are expected: they stand behind the models")
    if request.out is not None:
        if request.out.suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"{argument('out', request.out)} is a page: NAME.html")
        check_writable(request.out)
        refuse_strangers(request.out)
    candidates = _named([_candidate(text) for text in request.models])
    way = _way(request, candidates)
    candidates = tuple(_checked(request, one) for one in candidates)
    if request.n is not None and all(one.n is None for one in candidates):
        raise UsageError(f"these models have one result for a picture: leave out {argument('n')}")
    data = request.name or _data_name(request.pictures)
    if way != "two":
        _check_paired_columns(request.metrics, "here are none", paired=False)
        return Plan(request, way, candidates, data)
    inputs, kind = _inputs(request, candidates)
    names = _relative(request.pictures[0], inputs)
    candidates = tuple(_with_results(one, names, request.pictures[0]) for one in candidates)
    reals = _relative(request.pictures[1], find_pictures(request.pictures[1]))
    paired = len(pair_by_name(reals, names)) == len(names)
    _check_paired_columns(request.metrics, f"{request.pictures[1]} has none for some", paired=paired)
    return Plan(request, way, candidates, data, tuple(inputs), kind)


def _candidate(text: str) -> Candidate:
    name, word = given(text)
    weights = weights_of(word)
    return Candidate(name, word, weights, None if weights is None else read_facts(weights))


def _named(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """With a name for each: the given one, else that of its model or folder, or all of its word where that is needed to
    tell it apart.
    """
    short = [one.name or (one.facts.model if one.facts else Path(one.word).resolve().name) for one in candidates]
    often = Counter(short)
    names = [one.name or (name if often[name] == 1 else one.word) for one, name in zip(candidates, short, strict=True)]
    for name, count in Counter(names).items():
        if count > 1:
            raise UsageError(f"{count} models are called {name}: give each a name of its own, as in NAME=RUN")
    return tuple(replace(one, name=name) for one, name in zip(candidates, names, strict=True))


def _way(request: Request, candidates: Sequence[Candidate]) -> Way:
    """Raises UsageError for models that are not measured alike."""
    ways: dict[Way, str] = {}
    for one in candidates:
        if one.weights is None or one.facts is None:
            continue
        if of_noise(one.facts, request.pictures):
            ways.setdefault("noise", one.name)
        elif "translate" not in one.facts.can:
            raise UsageError(f"{one.name} translates no pictures and makes none")
        else:
            ways.setdefault("many" if holds_all_domains(one.weights, request.pictures[0]) else "two", one.name)
    if len(ways) > 1:
        words: dict[Way, str] = {
            "noise": "makes pictures of noise",
            "many": "is measured between all its domains",
            "two": "translates the pictures of one folder",
        }
        raise UsageError(
            f"{' and '.join(f'{name} {words[way]}' for way, name in ways.items())}: compare them by themselves"
        )
    way: Way = next(iter(ways), "two")
    folders = [one.name for one in candidates if one.weights is None]
    if way == "many" and folders:
        raise UsageError(f"{folders[0]} is a folder of results, and models of many domains compare with such alone")
    if way == "two" and len(request.pictures) != 2:
        raise UsageError("name two folders behind the models: pictures to translate, and real ones of what they become")
    return way


def _checked(request: Request, one: Candidate) -> Candidate:
    """With its number of results. Raises the errors of `gantool.evaluation.request`, with its name before them."""
    if one.weights is None or one.facts is None:
        _check_folders_alone(request)
        return one
    n = request.n if "sample" in one.facts.can or "code" in one.facts.can else None
    with about(one.name):
        shared = {field.name: getattr(request, field.name) for field in fields(Measuring)}
        check(One(folders=request.pictures, weights=one.weights, **{**shared, "n": n}))
    return replace(one, n=n)


def _check_folders_alone(request: Request) -> None:
    """Raises UsageError for words that only models know, where there is none."""
    if all(weights_of(given(text).word) is None for text in request.models):
        chosen = {"to": request.to is not None, "n": request.n is not None, "truncation": request.truncation != 1}
        for name in (name for name, is_chosen in chosen.items() if is_chosen):
            raise UsageError(f"{argument(name)} is for models, and folders of results alone are compared")


def _inputs(request: Request, candidates: Sequence[Candidate]) -> tuple[Sequence[Path], Kind | None]:
    """The pictures that all models translate. Raises UsageError where that depends on the model."""
    root = request.pictures[0]
    there = find_pictures(root)
    kinds: dict[Kind, str] = {}
    for one in candidates:
        if one.facts is None:
            continue
        with about(one.name):
            if request.to is None:
                direction.require_named(one.facts)
            kinds.setdefault(one.facts.spec.kind(direction.resolve(one.facts, request.to).source), one.name)
    found = {tuple(of_domain(there, kind)): name for kind, name in kinds.items()}
    if len(found) > 1:
        raise UsageError(f"{' and '.join(found.values())} translate different kinds of pictures of {root}")
    return next(iter(found), there), next(iter(kinds), None)


def _with_results(one: Candidate, inputs: Sequence[str], source: Path) -> Candidate:
    """A folder with the results of these inputs. Raises DataError where it lacks some."""
    if one.weights is not None:
        return one
    root = Path(one.word)
    files = find_pictures(root)
    partners = {place: files[result] for place, result in pair_by_name(inputs, _relative(root, files))}
    lacking = [name for place, name in enumerate(inputs) if place not in partners]
    if lacking:
        raise DataError(
            f"{root} has no run, and as a folder of results it lacks {len(lacking)} of the {len(inputs)} pictures of"
            f" {source}: {first_few(lacking)}"
        )
    return replace(one, files=tuple(partners[place] for place in range(len(inputs))))


def _check_chosen(request: Request) -> None:
    """Raises UsageError for columns that are measured only where a person says so."""
    columns = {
        "consistency": (request.consistency, ("cycle_l1", "identity_l1", "edge_agreement", "color_shift")),
        "kid_source": (request.kid_source, ("kid_source", "kid_source_std", "kid_mean", "kid_mean_std")),
    }
    for flag, (asked, names) in columns.items():
        for name in request.metrics:
            if name in names and not asked:
                raise UsageError(f"{name} needs {argument(flag)}")


def _check_paired_columns(metrics: Sequence[str], why: str, *, paired: bool) -> None:
    of_pairs = [name for name in metrics if name in OF_PAIRS]
    if of_pairs and not paired:
        raise UsageError(f"{of_pairs[0]} compares each result with a real picture of the same name: {why}")


def _relative(root: Path, files: Sequence[Path]) -> list[str]:
    return list(map(below(root), files))


def _data_name(pictures: Sequence[Path]) -> str:
    """That of the folder that all share, or of the first."""
    first, *others = [path.resolve() for path in pictures]
    inside = next((place for place in first.parents if all(place in other.parents for other in others)), first)
    return (first if not others or first in others else inside).name or first.name


@contextmanager
def about(name: str) -> Iterator[None]:
    """Errors within say which model they are about."""
    try:
        yield
    except GantoolError as error:
        raise type(error)(f"{name}: {error.text}") from error
