"""The words of a person for an evaluation, and what can be told of them early. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gantool import direction, registry
from gantool.errors import DataError, UsageError, argument
from gantool.evaluation.description import read_description
from gantool.evaluation.files import check_attributes, needed
from gantool.evaluation.subsets import subsets_of
from gantool.files import missing
from gantool.inference.devices import check_name
from gantool.inference.seeds import check_seed
from gantool.inference.styles import MOST
from gantool.options import restore
from gantool.pictures.resize import LARGEST_SIDE
from gantool.runs import folders
from gantool.runs.header import read_facts
from gantool.sampling.request import check_truncation
from gantool.sampling.seeds import count_on
from gantool.sampling.told import TAKES_IN_WORDS
from gantool.spec import Facts

STYLES = 10
"""Translations of each picture by a model with styles, unless a person says otherwise."""
TIMES = 200
"""Draws of the pictures for intervals, unless a person says otherwise."""


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """How one model is measured, or several, in the words of a person."""

    to: str | None = None
    n: int | None = None
    """Translations of each picture, or pictures of noise."""
    truncation: float = 1.0
    seed: int = 0
    inception: Path | None = None
    lpips: tuple[Path, Path] | None = None
    classifier: Path | None = None
    judge: Path | None = None
    """A network or its description."""
    expect: str | None = None
    """The class of the judge that all results shall be of."""
    labels: Path | None = None
    """The true label maps."""
    consistency: bool = False
    kid: str = ""
    """How KID's subsets are chosen, as `subsets_of` reads it."""
    kid_source: bool = False
    device: str = "auto"
    size: int | None = None
    """Every picture is brought to size x size first; None measures them as they are stored."""


@dataclass(frozen=True, kw_only=True)
class Request(Measuring):
    """The words of a person, before anything is checked."""

    folders: tuple[Path, ...]
    weights: Path | None = None
    """Of the model that translates the first folder or makes pictures of noise; None compares two folders."""
    faces: bool = False
    attributes: tuple[Path, ...] = ()
    inputs: Path | None = None
    """What the pictures of the second of two folders were made of."""


def check(request: Request) -> None:
    """Raises UsageError, DataError or CheckpointError for the first word that is wrong."""
    check_name(request.device)
    check_numbers(request.seed, request.size)
    facts = None if request.weights is None else read_facts(request.weights)
    samples = facts is not None and of_noise(facts, request.folders)
    given = {
        "to": request.to is not None,
        "n": request.n is not None,
        "truncation": request.truncation != 1,
        "faces": request.faces,
        "attributes": bool(request.attributes),
    }
    for name in (name for name, is_given in given.items() if is_given):
        if facts is None:
            raise UsageError(f"{argument(name)} goes with {argument('model')}")
        if not samples and name not in ("to", "n"):
            raise UsageError(f"{facts.model} makes pictures of pictures, not of noise: leave out {argument(name)}")
    _check_kid(request, translates=facts is not None and not samples)
    if facts is not None and samples:
        check_samples(request, facts)
    elif facts is not None:
        results_of_each(facts, request.n)
        if request.to is not None:
            direction.resolve(facts, request.to)
    for folder in request.folders:
        if not folder.exists():
            raise missing(folder)
    _check_content(request, facts, samples)
    needed(inception=request.inception, lpips=request.lpips, classifier=request.classifier, judge=request.judge)


def parts(folders: Sequence[Path], facts: Facts | None, *, domains: bool) -> list[Path]:
    """The folders whose pictures an evaluation lists: those of `domains`, or of the classes of a model that makes
    pictures of noise, where there are such, and else the folders themselves.
    """
    names = facts.spec.domains if facts is not None and domains else ()
    found = []
    for folder in folders:
        below = [folder / name for name in names if (folder / name).is_dir()]
        found += below or ([folder] if folder.is_dir() else [])
    return found


def check_numbers(seed: int, size: int | None) -> None:
    """Raises UsageError for a seed or a size of pictures that cannot be."""
    check_seed(seed)
    if size is not None and not 1 <= size <= LARGEST_SIDE:
        raise UsageError(f"{argument('size')} is 1 to {LARGEST_SIDE} pixels, not {size}")


def _check_content(request: Request, facts: Facts | None, samples: bool) -> None:
    """Raises UsageError and DataError for what a judge and consistency need."""
    for name, given in (("expect", request.expect is not None), ("labels", request.labels is not None)):
        if given and request.judge is None:
            raise UsageError(f"{argument(name)} goes with {argument('judge')}")
    for folder in (request.labels, request.inputs):
        if folder is not None and not folder.is_dir():
            raise DataError(f"{folder} is not a folder of pictures")
    if request.inputs is not None and facts is not None:
        raise UsageError(
            f"{argument('inputs')} is for two folders of pictures; {argument('consistency')} is for {argument('model')}"
        )
    if request.consistency and (facts is None or samples):
        instead = f": for two folders {argument('inputs')} names what the second was made of" if facts is None else ""
        raise UsageError(f"{argument('consistency')} is that of a model that translates{instead}")
    if request.expect is not None and request.judge is not None:
        read_description(request.judge).place(request.expect)


def check_run(model: str | None) -> None:
    """Raises UsageError for anything but a run folder, whose saves may be measured."""
    if model is None or not folders.is_run(Path(model)):
        named = "" if model is None else f", and {model} is none"
        raise UsageError(
            f"{argument('all_saves')} measures the saves of a run folder{named}: {argument('model', 'RUN')}"
        )


def _check_kid(request: Request, translates: bool) -> None:
    if request.kid_source and not translates and request.inputs is None:
        raise UsageError(
            f"{argument('kid_source')} goes with {argument('model')} of a translator, or with {argument('inputs')}"
        )
    for name, given in (("kid", request.kid), ("kid_source", request.kid_source)):
        if given and request.inception is None:
            raise UsageError(f"{argument(name)} needs {argument('inception', 'FILE')}")
    if request.kid:
        subsets_of(request.kid)


def of_noise(facts: Facts, folders: Sequence[Path]) -> bool:
    """Whether it is pictures of noise that a model is measured by: one that can do both translates where there are two
    folders.
    """
    return "sample" in facts.can and ("translate" not in facts.can or len(folders) == 1)


def holds_all_domains(weights: Path, folder: Path) -> bool:
    """Whether a folder has a folder for each domain of a model that knows any number of them. Imports the model."""
    facts = read_facts(weights)
    names = facts.spec.domains
    if len(names) < 2 or not all((folder / name).is_dir() for name in names):
        return False
    # A and B of a model of two may well be below the folder of one domain's pictures.
    kind = registry.plugin(facts.model).load()
    many: bool = kind.data(restore(kind.Options, facts.options, where=facts.model)).layout.many
    return many


def check_samples(request: Request, facts: Facts) -> None:
    """Raises UsageError for words that do not fit a model that makes pictures of noise."""
    words = facts.told in ("text", "vector")
    if len(request.folders) > 1 + words:
        told = ", and the file of what describes them" if words else ""
        raise UsageError(
            f"{facts.model} makes pictures of noise: name one folder, of real pictures{told}, not"
            f" {len(request.folders)}"
        )
    if request.to is not None:
        if facts.told != "class":
            raise UsageError(f"{facts.model} {TAKES_IN_WORDS[facts.told]}: leave out {argument('to')}")
        direction.named(facts.spec.domains, request.to)
    check_truncation(facts, request.truncation)
    if request.n is not None:
        if request.n < 2:
            raise UsageError(f"{argument('n')} is at least 2, not {request.n}: sets of pictures are compared")
        count_on(request.seed, request.n)
    if request.faces and request.lpips is None:
        raise UsageError(f"{argument('faces')} is for path lengths, which need {argument('lpips')}")
    if request.attributes and (facts.told or request.truncation != 1):
        what = argument("truncation") if request.truncation != 1 else "classes"
        raise UsageError(f"separability is measured without {what}: leave out {argument('attributes')}")
    check_attributes(request.attributes)


def results_of_each(facts: Facts, styles: int | None) -> int:
    """How many results each picture gets. Raises UsageError for styles of a model that has none."""
    if "code" in facts.can:
        if styles is not None and not 1 <= styles <= MOST:
            raise UsageError(f"{argument('n')} is how many results a picture gets, 1 to {MOST}, not {styles}")
        return styles or STYLES
    if styles is not None:
        raise UsageError(f"{facts.model} has one result for a picture: leave out {argument('n')}")
    return 1
