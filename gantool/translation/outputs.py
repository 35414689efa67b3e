"""Which file each picture is written to, and what happens to files that are there already. Imports no torch."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from gantool.errors import UsageError, argument, quoted
from gantool.translation.distinct_names import folds_names, named
from gantool.translation.inputs import STREAM, Inputs, Source
from gantool.translation.jobs import Job, input_key, key, owners_of, with_more
from gantool.translation.naming import FALLBACK, SAME, Naming, checked_film, checked_format, format_of, names_file
from gantool.translation.standing import Before, Existing, refuse_existing, refuse_strangers, sorted_out
from gantool.translation.unfit import UnfitError


@dataclass
class Outputs:
    """The files that will be written, and those that are there."""

    jobs: list[Job]
    skipped: list[Job] = field(default_factory=list)
    """Those whose output exists."""
    passed_over: int = 0
    """How many pictures among the inputs are earlier results for others: they are no inputs."""
    root: Path | None = None
    """The folder that results are written to or below; None for stdout."""
    owners: dict[str, str] = field(default_factory=dict)
    """The input that each file belongs to, by its `key`: outputs (of all shards, skipped ones too), and inputs."""
    stale: Counter[str] = field(default_factory=Counter)
    """How many of the skipped ones were made by "another model" and the like."""


def find_outputs(
    inputs: Inputs,
    out: str | None,
    naming: Naming,
    *,
    existing: Existing | None = None,
    shard: tuple[int, int] = (1, 1),
    variants: Sequence[str] = ("",),
    codes: bool = False,
    maps: Path | None = None,
    before: Before | None = None,
) -> Outputs:
    """Gives every input its outputs, one for each of `variants`: what their names have more than the input's.

    With `codes` each has a file for its style code, and with `maps`, a folder, a place there. `existing` None means
    "fail" for a single picture and "skip" for folders and lists, so that the same command continues. `shard` (i, n)
    takes the i-th of n parts. `before` is what is known of files that exist. Raises UsageError where inputs and outputs
    do not fit together: a picture as the folder, a single output that exists; UnfitError, which is one, where some
    inputs are at fault: their output is an input, or a file that gantool did not write.
    """
    before = before or Before()
    policy: Existing = existing or ("fail" if inputs.single else "skip")
    if inputs.single and (out is None or not _is_folder(out, single=True)):
        return _plan_one(inputs.sources[0], out, naming, policy, variants, codes, maps, before)
    if out is None:
        raise UsageError("a folder or several pictures need a folder for the results: name OUT last")
    if out == STREAM:
        raise UsageError("only one picture goes to stdout: name an output folder")
    if not _is_folder(out, single=inputs.single):
        raise UsageError(f"{out} is a file; a folder or several pictures need a folder for the results")
    if inputs.single and inputs.sources[0].picture is None:
        raise UsageError(
            f"a picture on stdin has no name: give a file as the output, such as {Path(out) / 'picture.png'}"
        )
    root = Path(out)
    sources, results = _without_results(inputs.sources, root, naming, variants)
    sources = list({(source.relative, source.absolute): source for source in sources}.values())
    pictures, inside = {source.absolute for source in sources}, set(map(input_key, sources))
    names = named(
        sources,
        naming,
        variants,
        foreign=lambda source, name: before.foreign(os.path.join(out, name), source, pictures),
        blocked=lambda name: key(root / name) in inside,
        folds=folds_names(root),
    )
    jobs = [
        _job(source, root / f"{name.stem}{naming.suffix}{variant}{extension}", naming, number, name.spelled_out)
        for source in sources
        for name, extension in [(names[source], f".{naming.extension(source.relative)}")]
        for number, variant in enumerate(variants)
    ]
    jobs = with_more(jobs, variants, codes, maps)
    found = Outputs([], passed_over=results, root=root, owners=owners_of(jobs))
    if shard[1] > 1:
        jobs = [job for job in jobs if _part(job.source.relative, shard[1]) == shard[0]]
    if policy == "fail":
        refuse_existing(jobs, before)
    found.jobs, found.skipped, found.stale = sorted_out(jobs, policy, before)
    refuse_strangers([job for job in found.jobs if job.replaces], before)
    return found


def parse_shard(text: str) -> tuple[int, int]:
    """(i, n) of "i/n", 1 <= i <= n. Raises UsageError."""
    first, slash, second = text.partition("/")
    numbers = all(len(part) < 19 and part.isdecimal() for part in (first, second))
    if not (slash and numbers and 1 <= int(first) <= int(second)):
        raise UsageError(f"{argument('shard')} wants i/n with i from 1 to n (1/4, 2/4, 3/4, 4/4), not {quoted(text)}")
    return int(first), int(second)


def _plan_one(
    source: Source,
    out: str | None,
    naming: Naming,
    policy: Existing,
    variants: Sequence[str],
    codes: bool,
    maps: Path | None,
    before: Before,
) -> Outputs:
    if out == STREAM and source.is_film:
        raise UsageError(f"a film goes to a file: name OUT. Raw frames go to stdout, by {argument('raw')}")
    if out == STREAM or (out is None and source.picture is None):
        if len(variants) > 1:
            raise UsageError(f"{len(variants)} results do not go to stdout one after the other: name OUT")
        extension = FALLBACK if naming.ext is None else naming.extension(source.relative)
        if codes:
            raise UsageError(
                f"{argument('save_styles')} writes codes beside the results, and stdout has no place for them: name OUT"
            )
        job = Job(source, None, checked_format(extension, argument("ext"), frames=naming.frames), naming.ext == SAME)
        return Outputs(with_more([job], variants, codes, maps))
    if out is None:
        assert source.picture is not None
        beside = Naming(
            naming.ext or (SAME if naming.frames or source.is_film else FALLBACK),
            naming.suffix or ".translated",
            naming.frames,
        )
        jobs = [
            _job(source, source.picture.with_name(beside.named(source.picture.name, name)), beside, number)
            for number, name in enumerate(variants)
        ]
    else:
        path, film = Path(out), source.is_film
        format = checked_film(path.name) if film else checked_format(path.suffix, out, frames=naming.frames)
        jobs = [
            Job(source, path.with_name(f"{path.stem}{name}{path.suffix}"), format, may_change=False, variant=number)
            for number, name in enumerate(variants)
        ]
        chosen = naming.extension(source.relative)
        if naming.suffix or (
            naming.decides(source.relative)
            and format != (checked_film(f"x.{chosen}") if film else format_of(chosen, frames=naming.frames))
        ):
            raise UsageError(
                f"{out} names the file already: {argument('ext')} and {argument('suffix')} are for output folders"
            )
    for job in jobs:
        assert job.out is not None
        if source.picture is not None and os.path.exists(job.out) and job.out.samefile(source.picture):
            raise UsageError(f"{out} is the input itself: name another output")
    jobs = with_more(jobs, variants, codes, maps)
    if policy != "skip":
        refuse_strangers(jobs, before)
    if policy == "fail":
        refuse_existing(jobs, before)
    assert jobs[0].out is not None
    found = Outputs([], root=jobs[0].out.parent, owners=owners_of(jobs))
    found.jobs, found.skipped, found.stale = sorted_out(jobs, policy, before)
    return found


def _job(source: Source, out: Path, naming: Naming, variant: int, spelled_out: bool = False) -> Job:
    if source.is_film:
        return Job(source, out, checked_film(out.name), False, variant, spelled_out)
    format = format_of(out.suffix, frames=naming.frames)
    return Job(source, out, format, not naming.decides(source.relative), variant, spelled_out)


def _is_folder(out: str, *, single: bool) -> bool:
    """A folder, or a name for one that does not exist yet: a lone picture's OUT with an extension is a file."""
    path = Path(out)
    if path.exists() or out == STREAM:
        return path.is_dir()
    return out.endswith(("/", os.sep)) or not (path.suffix if single else names_file(path.name))


def _without_results(
    sources: Sequence[Source], root: Path, naming: Naming, variants: Sequence[str]
) -> tuple[list[Source], int]:
    """The sources that are not an earlier run's result for another one, where results lie beside their inputs."""
    real: dict[str, str] = {}
    results = str(root)

    def lies_beside(source: Source) -> bool:
        if source.picture is None:
            return False
        folders = (os.path.dirname(os.path.join(results, source.relative)), os.path.dirname(source.name))
        for folder in folders:
            if folder not in real:
                real[folder] = os.path.realpath(folder)
        return real[folders[0]] == real[folders[1]]

    beside = [source for source in sources if lies_beside(source)]
    if not beside:
        return list(sources), 0
    if not naming.suffix:
        raise UnfitError(dict.fromkeys(beside, _beside(root)))

    def stem(relative: str) -> str:
        return str(PurePosixPath(relative).with_suffix(""))

    kept = {name for source in beside for name in (stem(source.relative), source.relative)}
    stems = {name + naming.suffix + variant for name in kept for variant in variants}
    earlier = {source.relative for source in beside if stem(source.relative) in stems}
    return [source for source in sources if source.relative not in earlier], len(earlier)


def _beside(root: Path) -> str:
    return f"{root} holds the inputs: name another folder for the results, or tell them apart ({argument('suffix')})"


def _part(relative: str, parts: int) -> int:
    digest = hashlib.sha256(os.fsencode(relative)).digest()
    return int.from_bytes(digest[:8], "big") % parts + 1
