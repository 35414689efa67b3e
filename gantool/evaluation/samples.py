"""A model that makes pictures of noise, measured: its pictures against real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from gantool import direction
from gantool.counting import first_few
from gantool.errors import DataError, UsageError, argument
from gantool.evaluation.accuracy import accuracy
from gantool.evaluation.attributes import classified, table_in
from gantool.evaluation.files import TABLE
from gantool.evaluation.how import How
from gantool.evaluation.judge import Judge, expected
from gantool.evaluation.judges import Judges
from gantool.evaluation.kept import Kept
from gantool.evaluation.measure import PLAIN, Group, measure
from gantool.evaluation.networks.lpips import VGG
from gantool.evaluation.path_length import path_length
from gantool.evaluation.pictures import Pictures, Progress
from gantool.evaluation.reals import Prepared, Reals, real_pictures
from gantool.evaluation.report import Evaluation
from gantool.evaluation.request import Request, check_samples
from gantool.evaluation.separability import separability
from gantool.evaluation.subsets import check
from gantool.inference.sampler import Sampler
from gantool.pictures.decoding import Array
from gantool.runs.checkpoint import load_model
from gantool.sampling.seeds import LARGEST, count_on
from gantool.spec import Facts

Label: TypeAlias = Callable[[int], Tensor | None]
"""What the picture of a number shows: a label (1, S), or None where the model is told nothing."""
MOST = 50_000
"""Pictures that are made unless a person says otherwise, at most: what papers take for FID."""


def compare_samples(
    weights: Path,
    reals: Sequence[Path],
    *,
    n: int | None = None,
    to: str | None = None,
    truncation: float = 1.0,
    faces: bool = False,
    attributes: Sequence[Path] = (),
    how: How = PLAIN,
) -> Evaluation:
    """Makes `n` pictures (None: as many as there are real ones, 50,000 at most) of the seeds from `seed` on, and
    measures them against those of `reals`, a folder, which are prepared as for training: cut to squares of its size.

    Of a model with classes the folder holds a folder for each, by its name: as large a share of the pictures is made of
    each class as it has of the real ones, and each is measured by itself, too. Without such folders all classes take
    turns; `to` measures one class alone. A model that is told by words makes pictures of the captions that the real
    ones have, beside them or in a second path, as for training.

    With LPIPS of VGG-16 path lengths are measured, of n pairs; with `attributes` (the files of
    `gantool.evaluation.attributes`) linear separability. Raises DataError for the pictures, CheckpointError for the
    weights and for classifiers, UsageError for words that do not fit the model.
    """
    facts, network = load_model(weights)
    words: dict[str, Any] = {"to": to, "n": n, "truncation": truncation, "attributes": tuple(attributes)}
    check_samples(Request(folders=tuple(reals), weights=weights, seed=how.seed, **words), facts)
    sampler = Sampler(network, how.device, how.precision, can=facts.can)
    found = real_pictures(reals, facts, network, to, how.find)
    wanted = min(len(found.files), MOST) if n is None else n
    if wanted < 2:
        raise DataError(
            f"{found.root} holds one picture, and sets of pictures are compared: name more, or {argument('n')}"
        )
    classes = _classes(found, facts, wanted)
    judged = None if how.judges.judge is None else _judging(how.judges.judge, found, classes, facts, wanted)
    groups, notes = _groups(found.classes, classes, facts)
    check(how.kid, len(found.files), wanted)
    for name, (some, others) in groups.items():
        check(how.kid, len(some), len(others), name)
    label = _labels(found, classes, sampler, wanted)
    seeds = count_on(how.seed, wanted)
    with Kept() as fakes:
        for number, pixels in enumerate(_pictures(sampler, seeds, label, truncation, how.progress)):
            fakes.add(f"{number:08d}", pixels, None)
        prepared = Prepared(found.root, found.files, facts, fakes[0].shape)
        evaluation = measure(prepared, fakes, groups=groups, how=how)
        evaluation.notes.extend(notes)
        if how.judges.judge is not None and judged is not None:
            evaluation.add(accuracy(how.judges.judge, prepared, fakes, *judged, how))
        if how.judges.lpips is not None and how.judges.lpips.network == VGG:
            _path_lengths(evaluation, sampler, how, label, wanted, faces)
        if attributes:
            _separability(evaluation, sampler, attributes, fakes, seeds, how.progress)
    evaluation.notes.extend(_left_out(how.judges))
    evaluation.protocol["real"] |= {"path": str(found.root), **prepared.described()}
    evaluation.protocol["fake"] |= {
        "seeds": f"{seeds[0]} to {seeds[-1]}",
        "truncation": truncation if facts.truncates else "none",
        **_shown(found, facts, to),
    }
    evaluation.protocol["model"] = {
        "weights": str(weights),
        "sha256": facts.sha256,
        "model": facts.model,
        "step": facts.step,
        "precision": how.precision,
    }
    return evaluation


def _classes(reals: Reals, facts: Facts, count: int) -> list[int]:
    """The class of each of `count` pictures; none where the model has no classes."""
    if facts.told != "class":
        return []
    if not reals.classes:
        return [number % facts.label_size for number in range(count)]
    numbers, counts = np.unique(reals.classes, return_counts=True)
    ends = np.rint(np.cumsum(counts) / len(reals.classes) * count).astype(int)  # rounded so that the sum is right
    return [int(number) for number in np.repeat(numbers, np.diff(ends, prepend=0))]


def _judging(
    judge: Judge, reals: Reals, classes: Sequence[int], facts: Facts, count: int
) -> tuple[tuple[list[str | None], list[str]], dict[str, int]]:
    """What each real picture and each of `count` made ones shall be of, and the judge's classes of these names. Raises
    UsageError where nobody knows.
    """
    names = facts.spec.domains
    of_reals: list[str | None] = [None] * len(reals.files)
    if classes:
        of_fakes = [names[number] for number in classes]
        made = set(classes)
        of_reals = [names[number] if number in made else None for number in reals.classes] or of_reals
    elif judge.expect is not None:
        of_fakes, of_reals = [judge.expect] * count, [judge.expect] * len(reals.files)
    else:
        raise UsageError(f"say with {argument('expect')} which class the pictures shall be of")
    return (of_reals, of_fakes), expected(judge, of_fakes)


def _labels(reals: Reals, classes: Sequence[int], sampler: Sampler, count: int) -> Label:
    """The label (1, S) of each of `count` pictures: of its class, or of the next caption of the next real picture."""
    if classes:
        return lambda number: sampler.label(classes[number])
    told = reals.captions or reals.vectors
    if not told:
        return lambda number: None
    rounds = (divmod(number, len(told)) for number in range(count))
    chosen = [told[file][turn % len(told[file])] for turn, file in rounds]
    table = sampler.read(chosen) if reals.captions else torch.from_numpy(np.asarray(chosen, np.float32))
    return lambda number: table[number : number + 1]


def _pictures(
    sampler: Sampler, seeds: Sequence[int], label: Label, truncation: float, progress: Progress
) -> Iterator[Array]:
    for first in range(0, len(seeds), sampler.together):
        progress("sampling", first, len(seeds))
        latents = [sampler.latent(one, truncation) for one in seeds[first : first + sampler.together]]
        labels = [label(first + number) for number in range(len(latents))]
        told = None if labels[0] is None else torch.cat([one for one in labels if one is not None])
        yield from sampler.pictures(torch.cat(latents), told, truncation)


def _groups(reals: Sequence[int], fakes: Sequence[int], facts: Facts) -> tuple[dict[str, Group], list[str]]:
    """The classes of which there are two pictures a side or more, and a note on those of which there are not."""
    if len(set(reals)) < 2:
        return {}, []
    real, fake = np.asarray(reals), np.asarray(fakes)
    groups: dict[str, Group] = {}
    few = []
    for number in np.unique(real):
        name = facts.spec.domains[number]
        places = np.flatnonzero(real == number).tolist(), np.flatnonzero(fake == number).tolist()
        if min(map(len, places)) < 2:
            few.append(name)
        else:
            groups[name] = places
    return groups, [f"too few pictures to measure by themselves: {first_few(few)}"] if few else []


def _path_lengths(
    evaluation: Evaluation,
    sampler: Sampler,
    how: How,
    label: Label,
    pairs: int,
    faces: bool,
) -> None:
    lpips, seed = how.judges.lpips, how.seed
    assert lpips is not None
    if seed + 2 * pairs > LARGEST + 1:
        raise UsageError(f"path lengths take twice as many seeds: lower {argument('seed')} or {argument('n')}")

    for space in ("z", "w") if "mix" in sampler.can else ("z",):
        for ends in (False, True):
            name = f"ppl_{space}_{'end' if ends else 'full'}"
            evaluation.metrics[name] = path_length(
                sampler,
                lpips,
                lambda number: sampler.latent(seed + number),
                label,
                pairs=pairs,
                styles=space == "w",
                ends=ends,
                faces=faces,
                seed=seed,
                stage=f"path length, {space}, {'ends' if ends else 'full'}",
                progress=how.progress,
            )
    evaluation.protocol["path length"] = {
        "pairs": pairs,
        "step": "1e-4, on arcs between latents (z), on lines between styles (w); without truncation",
        "distance": "LPIPS of VGG-16 over the step squared, of pictures in floating point",
        "noise": "the model's own, the same for both pictures of a pair",
        "seen": f"{'the face alone' if faces else 'the whole picture'}, means over boxes from 512 pixels on",
        "mean": "from the 1st to the 99th percentile",
    }


def _separability(
    evaluation: Evaluation,
    sampler: Sampler,
    files: Sequence[Path],
    fakes: Pictures,
    seeds: Sequence[int],
    progress: Progress,
) -> None:
    if files[0].suffix.lower() == TABLE:
        seeds, known = table_in(files[0])
    else:
        known = [classified(file, fakes, progress=progress) for file in files]
    latents = torch.cat([sampler.latent(one) for one in seeds])
    attributes = [(one.has, one.sure) for one in known]
    progress("separability", 0, 1)
    evaluation.metrics["separability_z"] = separability(latents.numpy(), attributes)
    if "mix" in sampler.can:
        styles = torch.cat([sampler.styles(some)[:, -1] for some in latents.split(sampler.together)])
        evaluation.metrics["separability_w"] = separability(styles.numpy(), attributes)
    evaluation.protocol["separability"] = {
        "attributes": ", ".join(one.name for one in known),
        "said by": ", ".join(file.name for file in files),
        "pictures": len(seeds),
        "of these count": "all" if known[0].sure.all() else "the half of which the classifier is surest",
        "machine": "linear, squared hinge, C 1, penalised intercept; w of the last layer",
    }


def _left_out(judges: Judges) -> list[str]:
    """What these files do not suffice for."""
    missing = []
    if judges.inception is None:
        missing.append(f"FID, KID, precision, recall, density and coverage need {argument('inception', 'FILE')}")
        if judges.classifier is None:
            missing.append(f"the Inception score needs it, too, or {argument('classifier', 'FILE')}")
    if judges.lpips is None or judges.lpips.network != VGG:
        files = argument("lpips", "vgg16-397923af.pth,vgg.pth")
        missing.append(f"path lengths need LPIPS of VGG-16, {files}")
    return [f"not measured: {'; '.join(missing)}"] if missing else []


def _shown(reals: Reals, facts: Facts, to: str | None) -> dict[str, str]:
    """What the pictures show, for the protocol."""
    if facts.told == "":
        return {}
    if facts.told != "class":
        return {"told by": "captions" if facts.told == "text" else "vectors", "of": "the real pictures in turns"}
    if to is not None:
        return {"classes": direction.named(facts.spec.domains, to)}
    if not reals.classes:
        return {"classes": "all in turns"}
    known, there = len(facts.spec.domains), len(set(reals.classes))
    some = f", {there} of {known}" if there < known else ""
    return {"classes": f"as many of each as its share of the real pictures{some}"}
