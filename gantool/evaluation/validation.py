"""What measures the saves of a run while it is trained: as `gantool eval` does, on a folder of validation pictures."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from PIL import Image

from gantool.capabilities import Coded, Samples, Translates
from gantool.data.dataset import Domain
from gantool.data.layouts.folders import levels, listed
from gantool.data.layouts.folders import names as names_of
from gantool.data.layouts.parts import held_back, held_back_pictures, train
from gantool.errors import DataError, UsageError, argument, did_you_mean
from gantool.evaluation.domains import Tasks, compare_domains
from gantool.evaluation.figures import measured
from gantool.evaluation.files import NEEDS, needed
from gantool.evaluation.how import How
from gantool.evaluation.judges import Judges, load_judges
from gantool.evaluation.names import pair_by_name
from gantool.evaluation.networks.lpips import VGG
from gantool.evaluation.pictures import Progress
from gantool.evaluation.report import METRICS, OF_PAIRS, Evaluation
from gantool.evaluation.samples import compare_samples
from gantool.evaluation.translations import compare_translations
from gantool.pictures.find import find_pictures, look_below, subfolders
from gantool.pictures.ids import of_domain
from gantool.report.measures import Measured
from gantool.training.inspection import inspect
from gantool.training.request import Plan, fingerprint
from gantool.training.validation import Measure

_OF_INCEPTION = ("kid", "fid", "precision", "recall", "density", "coverage", "is", "is_kl", "is_10")
_OF_NOISE = ("ppl_z_full", "ppl_z_end", "ppl_w_full", "ppl_w_end")
_OF_STYLES = ("diversity_l1", "diversity_lpips")
_MEASURED = ("swd", *OF_PAIRS, *_OF_INCEPTION, *_OF_STYLES, *_OF_NOISE)
"""Metrics that can decide in a training."""


@dataclass(frozen=True)
class Pictures:
    """The pictures that saves are measured on."""

    root: Path
    domains: tuple[Domain, ...]
    way: str
    """noise: pictures of noise against these; domains: all directions between them; one: from the first to the second.
    """

    @property
    def on(self) -> str:
        """For a person."""
        counts = ", ".join(f"{domain.name}: {len(domain.files)}" for domain in self.domains)
        roots = {domain.root for domain in self.domains}
        there = self.root if len(roots) == 1 or self.way != "one" else " and ".join(map(str, sorted(roots)))
        return f"{there} ({counts})"


def validator(plan: Plan) -> tuple[Measure, str, str]:
    """What measures the saves of this plan, words for its pictures, and a warning about them, mostly empty.

    Raises UsageError, DataError or CheckpointError for pictures, files and a metric that do not suffice.
    """
    pictures = check(plan)
    judges = load_judges(**_files(plan))
    _check_judges(plan, judges)
    metric = plan.settings.metric

    def measure(weights: Path, device: torch.device, progress: Progress) -> Measured:
        found = _compare(pictures, weights, How(judges=judges, device=device, progress=progress))
        figures = measured(found, pictures.on, fingerprint(pictures.domains), by=metric)
        if metric not in figures.metrics:
            raise DataError(f"{metric} was not measured, only {', '.join(figures.metrics)}")
        return figures

    return measure, pictures.on, trained_on(plan, pictures)


def check(plan: Plan) -> Pictures:
    """The validation's pictures, all of them looked at. Raises as `validator`; does not read the files of networks."""
    files = needed(**_files(plan))
    root = Path(plan.settings.validate or "")
    if not root.is_dir():
        raise DataError(f"{argument('validate', root)}: there is no such folder")
    pictures = _found(plan, root)
    _check_metric(plan, pictures, files)
    channels = plan.spec.channels[: len(pictures.domains)]
    if error := inspect(pictures.domains, channels).error:
        raise DataError(f"{argument('validate', root)}: {error}")
    return pictures


def trained_on(plan: Plan, pictures: Pictures) -> str:
    """A warning, where the training sees some of these pictures as well, under whatever path; empty otherwise."""
    real = functools.cache(os.path.realpath)  # of folders: a large one has one place

    def place(file: Path) -> str:
        return os.path.realpath(file) if file.is_symlink() else os.path.join(real(file.parent), file.name)

    shown = {place(file) for domain in pictures.domains for file in domain.files}
    both = len(shown.intersection(place(file) for domain in plan.domains for file in domain.files))
    if not both:
        return ""
    return f"{both} of the {len(shown)} validation pictures are also trained on: they do not say which save is best"


def _files(plan: Plan) -> dict[str, Any]:
    """The files of networks, as `load_judges` takes them."""
    s = plan.settings
    lpips = None if s.lpips is None else (Path(s.lpips[0]), Path(s.lpips[-1]))
    return {"inception": None if s.inception is None else Path(s.inception), "lpips": lpips}


def _found(plan: Plan, root: Path) -> Pictures:
    """As `gantool eval` takes them: of many domains a folder for each by its name, else what the layout finds."""
    layout, names = plan.data.layout, plan.spec.domains
    translates = issubclass(plan.kind, Translates)
    if issubclass(plan.kind, Samples) and not (translates and len(names) > 1):
        if layout.many:
            root = next((folder for folder in _levels(root) if _those_in(folder, names)), root)
            there = _those_in(root, names)
            domains = [_domain(name, root / name) for name in there] or [_domain(root.name, root)]
            return Pictures(root, tuple(domains), "noise")
        if layout.name == "captioned":
            root = _part_with_pictures(root)
            return Pictures(root, tuple(replace(one, name=names[0]) for one in layout.find([root])), "noise")
        return Pictures(root, (_domain(names[0], root),), "noise")
    if layout.many:
        root = next((folder for folder in _levels(root) if _those_in(folder, names) == list(names)), root)
        if missing := next((name for name in names if not (root / name).is_dir()), ""):
            held = listed([folder.name for folder in subfolders(root)]) or "none"
            raise DataError(
                f"{argument('validate', root)} has no folder {missing}, a domain of this run; its folders: {held}"
            )
        return Pictures(root, tuple(_domain(name, root / name) for name in names), "domains")
    left = held_back(root)
    owners = dict(zip(names_of([folder.parent for folder in left]), left, strict=True))
    if len(left) == 2 and set(owners) == set(names):  # cat/val and dog/val, both of which are called val
        found = layout.find([owners[name] for name in names], aligned=plan.settings.aligned)
        return Pictures(root, tuple(replace(one, name=name) for one, name in zip(found, names, strict=True)), "one")
    found = layout.find(left, aligned=plan.settings.aligned)
    if {domain.name for domain in found} == set(names):  # the folders of a training may be named in any order
        found = tuple(sorted(found, key=lambda domain: names.index(domain.name)))
    return Pictures(root, found, "one")


def _levels(root: Path) -> list[Path]:
    """Where folders of domains may be: in what is held back, and else in this one or in the only one in it."""
    return [level for folder in (*held_back(root), root) for level in levels(folder)]


def _those_in(root: Path, names: Sequence[str]) -> list[str]:
    return [name for name in names if (root / name).is_dir()]


def _part_with_pictures(root: Path) -> Path:
    """The part that is held back beside a training part, if pictures are in it and not only their list; or this one."""
    part = root if train(root) == root else held_back(root)[0]
    return part if look_below(part, demand=False).pictures else root


def _domain(name: str, folder: Path) -> Domain:
    return Domain(name, folder, held_back_pictures(folder))


def _check_metric(plan: Plan, pictures: Pictures, files: dict[str, list[Path]]) -> None:
    """Raises UsageError for a metric that will not be measured."""
    metric = plan.settings.metric
    asked = argument("metric", metric)
    if metric not in [name for name, how in METRICS.items() if how.better is not None]:
        hint = did_you_mean(metric, _MEASURED)
        raise UsageError(" ".join(f"there is no {asked}. {hint} Metrics: {', '.join(_MEASURED)}".split()))
    if metric not in _MEASURED:
        raise UsageError(f"{asked} is not measured in a training: gantool eval does it afterwards")
    needs = NEEDS.get(metric, ())
    if "inception" in needs and "inception" not in files:
        raise UsageError(f"{asked} needs {argument('inception', 'FILE')}")
    if "lpips" in needs and "lpips" not in files:
        raise UsageError(f"{asked} needs {argument('lpips', 'FILE,FILE')}")
    if metric in OF_PAIRS and not _are_pairs(plan, pictures):
        raise UsageError(f"{asked} needs pictures in pairs, and not all of {pictures.on} have a counterpart")
    if metric in _OF_NOISE and pictures.way != "noise":
        raise UsageError(f"{asked} is of models that make pictures of noise")
    if metric in _OF_STYLES and not issubclass(plan.kind, Coded):
        raise UsageError(f"{asked} is of models with styles, and {plan.name} has none")
    counts = [len(domain.files) for domain in pictures.domains]
    if "inception" in files and (sum(counts) if pictures.way == "noise" else min(counts)) < 2:
        raise DataError(f"KID and FID need at least two pictures: leave out {argument('inception')}")


def _are_pairs(plan: Plan, pictures: Pictures) -> bool:
    """Whether every picture of the first domain has a counterpart, as `compare_translations` pairs them."""
    if pictures.way != "one":
        return False
    first, second = pictures.domains
    if first.half is not None:
        return True
    inputs, reals = of_domain(find_pictures(first.root), plan.spec.kinds[0]), find_pictures(second.root)
    named = [
        [file.relative_to(domain.root).as_posix() for file in files]
        for domain, files in ((second, reals), (first, inputs))
    ]
    return len(pair_by_name(*named)) == len(inputs)


def _check_judges(plan: Plan, judges: Judges) -> None:
    if plan.settings.metric in _OF_NOISE and (judges.lpips is None or judges.lpips.network != VGG):
        raise UsageError(f"{argument('metric', plan.settings.metric)} needs LPIPS of VGG-16")


def _compare(pictures: Pictures, weights: Path, how: How) -> Evaluation | Tasks:
    if pictures.way == "noise":
        return compare_samples(weights, [pictures.root], how=replace(how, find=held_back_pictures))
    if pictures.way == "domains":
        return compare_domains(weights, pictures.root, how=replace(how, find=held_back_pictures))
    with _folders(pictures.domains) as (inputs, real):
        return compare_translations(weights, inputs, real, how=how)


@contextlib.contextmanager
def _folders(domains: Sequence[Domain]) -> Iterator[tuple[Path, Path]]:
    """The folders of two domains. Pictures side by side are written into two folders for a while."""
    if domains[0].half is None:
        yield domains[0].root, domains[1].root
        return
    with TemporaryDirectory(prefix="gantool-validation-") as made:
        for domain in domains:
            for source in domain.sources(3):
                file = (Path(made) / domain.name / source.path.relative_to(domain.root)).with_suffix(".png")
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(source.read()).save(file, compress_level=1)
        yield Path(made) / domains[0].name, Path(made) / domains[1].name
