"""Faults in folders of pictures, found before a training finds them: `gantool data check`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from gantool.counting import count_in_words
from gantool.data.care.look import Finding, look, look_at_ids
from gantool.data.care.results import counted, translated_there
from gantool.data.source import Domain
from gantool.data.transforms import Preparation
from gantool.pictures.find import others_below
from gantool.pictures.threads import workers


@dataclass(frozen=True)
class DomainReport:
    """One domain. Files are named by their path relative to `root`."""

    name: str
    root: str
    pictures: int
    """Files taken for pictures, readable or not."""
    captions: int
    """Texts, or vectors, that describe them."""
    captions_each: tuple[int, float, int] | None
    """Least, median and greatest number of them for a picture; None where pictures come without."""
    widths: tuple[int, float, int] | None
    """Least, median and greatest width of the readable pictures, upright, in pixels; None if there are none."""
    heights: tuple[int, float, int] | None
    formats: dict[str, int]
    """Pictures of each file format, by Pillow's names, the most frequent first."""
    modes: dict[str, int]
    """Pictures of each pixel type on file, by Pillow's names, the most frequent first."""
    transparent: int
    """Pictures with transparent pixels: training sees them on white."""
    stretched: tuple[str, ...]
    """Pictures whose values go beyond the known ranges, so that each is scaled by its own minimum and maximum."""
    several: tuple[str, ...]
    """Pictures of several frames or pages: training sees the first."""
    constant: tuple[str, ...]
    """Pictures of a single colour: instance norms divide by their standard deviation of 0."""
    too_small: tuple[str, ...]
    """Pictures with a side shorter than the crop, where pictures are cropped without being resized."""
    unreadable: dict[str, str]
    """Why a file cannot be read, by file."""
    unfit: dict[str, str]
    """Why a readable label map cannot be used, by file: an id that is no class, an instance map of another size."""


@dataclass(frozen=True)
class CheckReport:
    """The domains one by one, what they share, and all faults."""

    domains: tuple[DomainReport, ...]
    duplicates: tuple[tuple[str, ...], ...]
    """Groups of files that look the same to the last bit, within a domain or across domains."""
    unmatched: tuple[str, ...]
    """Files without a counterpart of the same name in another domain, if most files have one."""
    unequal: tuple[tuple[str, str], ...]
    """Pairs whose pictures differ in size, where pictures come in pairs."""
    passed_over: dict[str, int]
    """How many files are no pictures by their name, by type."""
    warnings: tuple[str, ...]
    """Faults that a training survives, one line each; they may hold an `argument`."""
    fatal: tuple[str, ...]
    """Reasons why a training on these folders would fail, one line each; they may hold an `argument`."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON: dicts, lists, strings and numbers alone."""
        return asdict(self)


def check_folders(
    domains: Sequence[Domain],
    preparation: Preparation | None = None,
    *,
    pairs: bool = False,
    paths: Sequence[Path] = (),
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Decodes every picture, on threads. `progress(done, total)` is called after each one, by this thread.

    With a preparation, pictures too small for its crop are reported, too; with `pairs` those that differ in size.
    Label maps are looked at as such. Pictures that have none of the attributes in question are a domain of their own.
    `paths` are the folders as they were named: what else lies there is counted.
    """
    domains = _with_the_others(domains)
    work = {place: look for domain in domains for place, look in _looks(domain)}
    findings: dict[_Place, Finding | str] = {}
    with ThreadPoolExecutor(workers()) as pool:
        found = pool.map(lambda look: look(), work.values())
        for done, (place, finding) in enumerate(zip(work, found, strict=True), 1):
            findings[place] = finding
            if progress is not None:
                progress(done, len(work))
    crop = preparation.crop if preparation is not None and preparation.preprocess == "crop" else 0
    reports = tuple(_domain_report(domain, findings, crop) for domain in domains)
    duplicates, unmatched = _duplicates(findings), _unmatched(domains)
    unequal = _unequal(domains, findings) if pairs else ()
    notes = [domain.note for domain in domains if domain.note]
    noted = any(domain.unmatched for domain in domains)
    warnings = (*notes, *translated_there(domains), *_warnings(reports, duplicates, () if noted else unmatched))
    fatal = _fatal(reports, crop)
    if unequal:
        one, other = unequal[0]
        line = f"{count_in_words(len(unequal), 'pair differs', 'pairs differ')} in size, such as {one} and {other}"
        warnings, fatal = (warnings, (*fatal, line)) if crop else ((*warnings, line), fatal)
    beside = [kind for domain in domains for kind in domain.read_beside]
    others = others_below(paths or [domain.root for domain in domains], beside)
    return CheckReport(reports, duplicates, unmatched, unequal, dict(others), warnings, fatal)


_Place = tuple[Path, str | None]
"""A file, and which half of it."""


def _looks(domain: Domain) -> Iterator[tuple[_Place, Callable[[], Finding | str]]]:
    for source in domain.sources(3):
        if source.classes:
            yield (source.path, None), partial(look_at_ids, source.path, source.classes, source.instances)
        else:
            yield (source.path, source.half), partial(look, source.path, source.half)


def _with_the_others(domains: Sequence[Domain]) -> tuple[Domain, ...]:
    """The domains, and one more of the pictures that have none of the attributes: training draws them, too."""
    attributes = [domain for domain in domains if domain.without is not None]
    others = set.intersection(*(set(domain.without or ()) for domain in attributes)) if attributes else set()
    if not others:
        return tuple(domains)
    first = attributes[0]
    rest = tuple(file for file in first.without or () if file in others)
    return (*domains, Domain("none of these attributes", first.root, rest, without=first.files))


def _domain_report(domain: Domain, findings: Mapping[_Place, Finding | str], crop: int) -> DomainReport:
    def names(wanted: Callable[[Finding], bool]) -> tuple[str, ...]:
        return tuple(_relative(domain, file) for file, finding in readable if wanted(finding))

    mine = [(file, findings[file, domain.half]) for file in domain.files]
    readable = [(file, finding) for file, finding in mine if isinstance(finding, Finding)]
    described = [len(captions) for captions in (domain.captions or domain.embeddings)]
    return DomainReport(
        domain.name,
        str(domain.root),
        len(mine),
        sum(described),
        _range(described),
        _range([finding.width for _, finding in readable]),
        _range([finding.height for _, finding in readable]),
        dict(Counter(finding.format for _, finding in readable).most_common()),
        dict(Counter(finding.mode for _, finding in readable).most_common()),
        sum(finding.transparent for _, finding in readable),
        names(lambda finding: finding.stretched),
        names(lambda finding: finding.frames > 1),
        names(lambda finding: finding.constant),
        names(lambda finding: min(finding.width, finding.height) < crop),
        {_relative(domain, file): reason for file, reason in mine if isinstance(reason, str)},
        {_relative(domain, file): finding.unfit for file, finding in readable if finding.unfit},
    )


def _duplicates(findings: Mapping[_Place, Finding | str]) -> tuple[tuple[str, ...], ...]:
    alike = defaultdict(list)
    for (file, half), finding in findings.items():
        if isinstance(finding, Finding):
            alike[finding.content].append(f"{file} ({half} half)" if half else str(file))
    return tuple(tuple(files) for files in alike.values() if len(files) > 1)


def _unmatched(domains: Sequence[Domain]) -> tuple[str, ...]:
    """Files whose name, without the extension, some domain lacks; none where names do not suggest pairs."""
    left_out = tuple(str(file) for domain in domains for file in domain.unmatched)
    # A picture may well have several attributes, or none.
    if len(domains) < 2 or left_out or any(domain.without is not None for domain in domains):
        return left_out
    named = [{str(Path(_relative(d, file)).with_suffix("")): file for file in d.files} for d in domains]
    everywhere = set.intersection(*map(set, named))
    if 2 * len(everywhere) < min(map(len, named)):
        return ()
    return tuple(str(file) for names in named for name, file in names.items() if name not in everywhere)


def _unequal(domains: Sequence[Domain], findings: Mapping[_Place, Finding | str]) -> tuple[tuple[str, str], ...]:
    a, b = domains
    both = [
        (one, findings[one, a.half], other, findings[other, b.half])
        for one, other in zip(a.files, b.files, strict=True)
    ]
    return tuple(
        (str(one), str(other))
        for one, first, other, second in both
        if isinstance(first, Finding)
        and isinstance(second, Finding)
        and (first.width, first.height) != (second.width, second.height)
    )


def _warnings(
    reports: Sequence[DomainReport], duplicates: Sequence[Sequence[str]], unmatched: Sequence[str]
) -> tuple[str, ...]:
    lines = []
    for report in reports:
        if report.constant:
            lines.append(
                f"{report.root}: {counted(report.constant)} of a single colour; instance norms divide by 0 there"
            )
        if report.stretched:
            lines.append(
                f"{report.root}: {counted(report.stretched)} with values beyond [0, 1] (float) or [0, 65535] (integer),"
                " each scaled by its own minimum and maximum; scale them together if their levels are to be compared"
            )
        if report.several:
            lines.append(f"{report.root}: {counted(report.several)} with several frames; training sees the first")
        if report.transparent:
            lines.append(
                f"{report.root}: transparent pixels in {report.transparent} of {report.pictures}, shown on white"
            )
    if duplicates:
        groups = count_in_words(len(duplicates), "group")
        lines.append(f"{groups} of equal pictures, such as {' and '.join(duplicates[0][:2])}")
    if unmatched:
        lines.append(f"most names come in pairs, but {counted(unmatched)} without a counterpart")
    return tuple(lines)


def _fatal(reports: Sequence[DomainReport], crop: int) -> tuple[str, ...]:
    lines = []
    for report in reports:
        if report.unreadable:
            file, reason = next(iter(report.unreadable.items()))
            count = len(report.unreadable)
            lines.append(
                f"{report.root}: {count} of {report.pictures} cannot be read, such as {file} ({reason}); "
                "remove or replace them"
            )
        if report.unfit:
            file, reason = next(iter(report.unfit.items()))
            count = len(report.unfit)
            lines.append(f"{report.root}: {count} of {report.pictures} label maps do not fit, such as {file}: {reason}")
        if report.too_small:
            lines.append(
                f"{report.root}: {counted(report.too_small)} smaller than the crop of {crop}; "
                "lower the crop, or resize with preprocess resize_and_crop"
            )
    return tuple(lines)


def _range(values: list[int]) -> tuple[int, float, int] | None:
    return (min(values), median(values), max(values)) if values else None


def _relative(domain: Domain, file: Path) -> str:
    return file.relative_to(domain.root).as_posix()
