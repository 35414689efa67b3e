"""Which file each picture is written to, and what happens to files that are there already. Imports no torch."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from gantool.errors import UsageError, argument, quoted
from gantool.pictures.file import writable_format
from gantool.pictures.find import is_picture_name
from gantool.translation.inputs import STREAM, Inputs, Source
from gantool.translation.naming import FALLBACK, SAME, Naming, checked_format

Existing = Literal["overwrite", "skip", "fail"]
"""The policy for an output that exists."""


@dataclass(frozen=True)
class Job:
    """One picture and where its translation goes."""

    source: Source
    out: Path | None
    """None: the bytes go to stdout."""
    format: str
    """Pillow's name of the output's format."""
    may_change: bool
    """Whether a result that the format cannot hold becomes a PNG file instead of losing what does not fit."""
    variant: int = 0
    """Which of a picture's results this is."""
    spelled_out: bool = False
    """Whether the result's name holds the input's extension (a.gif.png), because of another input of that stem."""
    as_png: Path | None = None
    """Where a result goes that has to become a PNG file."""
    code: Path | None = None
    """Where the style code goes, if it is kept."""
    maps: Path | None = None
    """Where heat maps go, if they are wanted: what their names begin with."""


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
) -> Outputs:
    """Gives every input its outputs, one for each of `variants`: what their names have more than the input's.

    With `codes` each has a file for its style code, and with `maps`, a folder, a place there. `existing` None means
    "fail" for a single picture and "skip" for folders and lists, so that the same command continues. `shard` (i, n)
    takes the i-th of n parts. Raises UsageError where inputs and outputs do not fit together: two inputs with one
    output, an output that is an input, a picture as the folder, a single output that exists.
    """
    policy: Existing = existing or ("fail" if inputs.single else "skip")
    if inputs.single and (out is None or not _is_folder(out, single=True)):
        return _plan_one(inputs.sources[0], out, naming, policy, variants, codes, maps)
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
    alike = _alike(sources, naming)
    jobs = [
        _job(source, root / naming.named(source.relative, name, spelled_out=spelled_out), naming, number, spelled_out)
        for source in sources
        for spelled_out in [source.relative in alike]
        for number, name in enumerate(variants)
    ]
    jobs = _with_more(jobs, variants, codes, maps)
    found = Outputs([], passed_over=results, root=root, owners=_owners(jobs))
    for job in jobs:
        if _part(job.source.relative, shard[1]) == shard[0]:
            (found.skipped if job.out and policy != "overwrite" and job.out.exists() else found.jobs).append(job)
    if policy == "fail":
        _refuse_existing([*found.skipped, *found.jobs])
    return found


def key(path: Path) -> str:
    """A path in the one spelling by which outputs are compared."""
    return os.path.normcase(os.path.abspath(path))


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
) -> Outputs:
    if out == STREAM or (out is None and source.picture is None):
        if len(variants) > 1:
            raise UsageError(f"{len(variants)} results do not go to stdout one after the other: name OUT")
        extension = FALLBACK if naming.ext is None else naming.extension(source.relative)
        if codes:
            raise UsageError(
                f"{argument('save_styles')} writes codes beside the results, and stdout has no place for them: name OUT"
            )
        job = Job(source, None, checked_format(extension, argument("ext")), naming.ext == SAME)
        return Outputs(_with_more([job], variants, codes, maps))
    if out is None:
        assert source.picture is not None
        beside = Naming(naming.ext or FALLBACK, naming.suffix or ".translated")
        jobs = [
            _job(source, source.picture.with_name(beside.named(source.picture.name, name)), beside, number)
            for number, name in enumerate(variants)
        ]
    else:
        path, format = Path(out), checked_format(Path(out).suffix, out)
        jobs = [
            Job(source, path.with_name(f"{path.stem}{name}{path.suffix}"), format, may_change=False, variant=number)
            for number, name in enumerate(variants)
        ]
        if naming.suffix or (
            naming.ext not in (None, SAME) and checked_format(str(naming.ext), argument("ext")) != format
        ):
            raise UsageError(
                f"{out} names the file already: {argument('ext')} and {argument('suffix')} are for output folders"
            )
    for job in jobs:
        assert job.out is not None
        if source.picture is not None and job.out.exists() and job.out.samefile(source.picture):
            raise UsageError(f"{out} is the input itself: name another output")
    jobs = _with_more(jobs, variants, codes, maps)
    if policy == "fail":
        _refuse_existing(jobs)
    there = [job for job in jobs if job.out is not None and job.out.exists()] if policy != "overwrite" else []
    assert jobs[0].out is not None
    return Outputs([job for job in jobs if job not in there], there, root=jobs[0].out.parent, owners=_owners(jobs))


def _job(source: Source, out: Path, naming: Naming, variant: int, spelled_out: bool = False) -> Job:
    return Job(source, out, writable_format(out.suffix), naming.ext in (None, SAME), variant, spelled_out)


def _with_more(jobs: Sequence[Job], variants: Sequence[str], codes: bool, maps: Path | None) -> list[Job]:
    """The jobs with the names of whatever else may be written for them.

    Where results differ in their extension alone, these files have the extension in their names, too.
    """

    def apart(job: Job) -> str:
        return str(PurePosixPath(job.source.relative).with_suffix("")) + variants[job.variant]

    stems = Counter(key(job.out.with_suffix("")) for job in jobs if job.out)
    inputs = Counter(os.path.normcase(apart(job)) for job in jobs)
    more = []
    for job in jobs:
        name = PurePosixPath(job.source.relative)
        if job.out is not None:
            alike = stems[key(job.out.with_suffix(""))] > 1
            png = name.name + job.out.stem.removeprefix(name.stem) + ".png"
            as_png = job.out.with_name(png) if alike else job.out.with_suffix(".png")
            code = job.out.with_name(f"{job.out.name}.npy") if alike else job.out.with_suffix(".npy")
            job = replace(job, as_png=as_png, code=code if codes else None)
        if maps is not None:
            alike = inputs[os.path.normcase(apart(job))] > 1
            job = replace(job, maps=maps / (f"{name}{variants[job.variant]}" if alike else apart(job)))
        more.append(job)
    return more


def _alike(sources: Sequence[Source], naming: Naming) -> set[str]:
    """The inputs whose results would have the name of another's, but for one that has that extension itself.

    Inputs of one and the same relative path cannot be told apart by it: they are not among them.
    """
    named: dict[str, set[str]] = {}
    for source in sources:
        named.setdefault(os.path.normcase(naming.named(source.relative)), set()).add(source.relative)
    return {
        relative
        for relatives in named.values()
        if len(relatives) > 1
        for relative in relatives
        if PurePosixPath(relative).suffix[1:] != naming.extension(relative)
    }


def _is_folder(out: str, *, single: bool) -> bool:
    """A folder, or a name for one that does not exist yet: a lone picture's OUT with an extension is a file."""
    path = Path(out)
    if path.exists() or out == STREAM:
        return path.is_dir()
    return out.endswith(("/", os.sep)) or not (path.suffix if single else is_picture_name(path.name))


def _without_results(
    sources: Sequence[Source], root: Path, naming: Naming, variants: Sequence[str]
) -> tuple[list[Source], int]:
    """The sources that are not an earlier run's result for another one, where results lie beside their inputs."""
    real: dict[Path, str] = {}

    def lies_beside(source: Source) -> bool:
        if source.picture is None:
            return False
        folders = ((root / source.relative).parent, source.picture.parent)
        here, there = (real.setdefault(folder, os.path.realpath(folder)) for folder in folders)
        return here == there

    beside = [source for source in sources if lies_beside(source)]
    if not beside:
        return list(sources), 0
    if not naming.suffix:
        raise UsageError(
            f"{root} holds the inputs: name another folder for the results, or tell them apart ({argument('suffix')})"
        )

    def stem(relative: str) -> str:
        return str(PurePosixPath(relative).with_suffix(""))

    kept = {name for source in beside for name in (stem(source.relative), source.relative)}
    stems = {name + naming.suffix + variant for name in kept for variant in variants}
    results = {source.relative for source in beside if stem(source.relative) in stems}
    return [source for source in sources if source.relative not in results], len(results)


def _owners(jobs: Sequence[Job]) -> dict[str, str]:
    """The owner of each file. Raises UsageError where two results have one file, or where it is an input."""
    inputs = {key(job.source.picture) for job in jobs if job.source.picture}
    owners: dict[str, str] = {}
    for job in jobs:
        assert job.out is not None
        name, spelled = job.source.name, key(job.out)
        if spelled in owners:
            raise UsageError(
                f"{owners[spelled]} and {name} would both be written to {job.out}: translate a folder that holds both"
                " (its tree is kept), or each into a folder of its own"
            )
        if spelled in inputs:
            raise UsageError(
                f"the result for {name} would be written over the input {job.out}:"
                f" use {argument('suffix')} or another OUT"
            )
        owners[spelled] = name
        if job.code is not None:
            owners[key(job.code)] = name
    for job in jobs:
        if job.source.picture is not None:
            owners.setdefault(key(job.source.picture), f"the input {job.source.name}")
    return owners


def _refuse_existing(jobs: Sequence[Job]) -> None:
    outs = [path for job in jobs for path in (job.out, job.code) if path is not None and path.exists()]
    if outs:
        more = f" (and {len(outs) - 1} more)" if len(outs) > 1 else ""
        replaces, keeps = argument("existing", "overwrite"), argument("existing", "skip")
        raise UsageError(f"{outs[0]} exists already{more}: {replaces} replaces, {keeps} keeps, or name another OUT")


def _part(relative: str, parts: int) -> int:
    digest = hashlib.sha256(os.fsencode(relative)).digest()
    return int.from_bytes(digest[:8], "big") % parts + 1
