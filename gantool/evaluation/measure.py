"""One set of pictures measured against another, with a protocol that makes the figures repeatable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from gantool.errors import DataError, argument
from gantool.evaluation import features, pictures, subsets
from gantool.evaluation import swd as sliced
from gantool.evaluation.cache import computer, remembered
from gantool.evaluation.how import How
from gantool.evaluation.networks import inception
from gantool.evaluation.networks.classifier import PROTOCOL, class_probabilities
from gantool.evaluation.paired import paired
from gantool.evaluation.part import Part
from gantool.evaluation.pictures import Once, Pictures, Progress, Size, Some, size_text
from gantool.evaluation.report import Evaluation
from gantool.evaluation.to_inputs import distance_to_inputs
from gantool.inference.memory import available
from gantool.version import __version__

ENOUGH_FOR_FID = 2048
"""With fewer pictures than features the covariances are singular, and FID says more about the count than the sets."""

PLAIN = How()

_SHARE = 0.25  # of the free memory, that decoded pictures take

Group: TypeAlias = tuple[Sequence[int], Sequence[int]]
"""Places of real pictures and of fake ones that belong together."""


def measure(
    real: Pictures,
    fake: Pictures,
    *,
    pairs: Sequence[tuple[int, int]] | None = None,
    how: How = PLAIN,
    groups: Mapping[str, Group] = MappingProxyType({}),
    scores: bool = True,
    inputs: Pictures | None = None,
) -> Evaluation:
    """Measures fake pictures against real ones, both opaque arrays (H, W, C) as `Pictures` says.

    - With `pairs` of indices (real, fake): PSNR, SSIM, L1 and, if `judges` has it, LPIPS, each the mean over the pairs.
    - Always: the sliced Wasserstein distance (SWD) between the sets.
    - With an Inception network in `judges`: KID, FID, precision, recall, density and coverage. Networks compute on
      `device` (default CPU).
    - With a classifier, or else with the Inception network, whose file has classes, too: the Inception score of the
      fakes, unless `scores` is false.
    - With an Inception network and `inputs`, of which the fakes were made (each of as many fakes, in their order): the
      KID to these, the source domain, and its mean with the KID to the real pictures.
    - `groups` (classes, by name, of two pictures a side or more) are measured by themselves as well: their features,
      or without an Inception network their SWD.

    Where `how` has no size pairs are compared at the real picture's size, SWD is taken at the commonest size of the
    real pictures, and Inception resizes from the stored size. Features are taken from `cache` where they are known.
    Raises DataError for empty or too small sets, UsageError for subsets of KID that they do not have.
    """
    if not len(real) or not len(fake):
        raise DataError("there is nothing to compare: each side needs at least one picture")
    judges, seed, progress = how.judges, how.seed, how.progress
    if judges.inception is not None and min(len(real), len(fake)) < 2:
        raise DataError(f"KID and FID need at least two pictures on each side: leave out {argument('inception')}")
    if judges.inception is not None:
        subsets.check(how.kid, len(real), len(fake))
        for name, (reals, fakes) in groups.items():
            subsets.check(how.kid, len(reals), len(fakes), name)
    how.look(real, fake)
    room = int(_SHARE * available("cpu"))
    real, fake = Once(real, room // 2), Once(fake, room // 2)
    real_seen, fake_seen = _survey(real, "real", progress), _survey(fake, "fake", progress)
    common = how.square or real_seen.commonest()
    protocol: dict[str, Any] = {
        "real": real_seen.described(),
        "fake": fake_seen.described(),
        "size": size_text(how.square) if how.square else "as stored",
        "resize": pictures.RESIZE,
        "seed": seed,
    }

    found = Evaluation({}, protocol, counts=(len(real), len(fake)))
    if pairs:
        part = paired(real, fake, pairs, how)
        found.add(replace(part, protocol={"paired": part.protocol}))

    found.add(_swd((real, fake), (real_seen, fake_seen), common, how))
    classes = found.classes
    for name, (reals, fakes) in groups.items():
        classes[name] = {"real": len(reals), "fake": len(fakes)}
        if judges.inception is None:
            some = sliced.sliced_wasserstein(Some(real, reals), Some(fake, fakes), size=common, seed=seed)
            classes[name]["swd"] = some["mean"]

    sets: dict[str, tuple[Pictures, str]] = {"real": (real, real_seen.order), "fake": (fake, fake_seen.order)}
    if inputs is not None and judges.inception is not None:
        sets["inputs"] = inputs, _survey(inputs, "inputs", progress).order
    for part in _judged(sets, how, groups, classes, scores):
        found.add(part)
    if judges.inception is not None and min(len(real), len(fake)) < ENOUGH_FOR_FID:
        found.notes.append(
            f"FID of fewer than {ENOUGH_FOR_FID} pictures a side is far too high and compares only with figures of "
            "the same counts: use KID"
        )
    if judges.files:
        protocol["weights"] = judges.files
        protocol["device"] = str(how.device)
    protocol["versions"] = {"gantool": __version__, "torch": torch.__version__}
    return found


def _swd(sets: tuple[Pictures, Pictures], seen: tuple[_Survey, _Survey], size: Size, how: How) -> Part:
    """The distance between the sets, real and fake, at this size: its mean, and that of each level."""
    metrics, recount = sliced.distances(*sets, size=size, seed=how.seed, recounted=how.recounted, progress=how.progress)
    mean = metrics.pop("mean")
    names = ("real", "fake")
    protocol = {
        "convention": "Karras et al. 2018, times 1000, colours normalised by the real set",
        "size": size_text(size),
        "resized": {name: one.others(size) for name, one in zip(names, seen, strict=True)},
        "pictures": {name: min(len(some), sliced.MAX_PICTURES) for name, some in zip(names, sets, strict=True)},
        "neighbourhoods": f"{sliced.PER_PICTURE} of 7x7x3 pixels from each picture and level",
        "directions": sliced.DIRECTIONS,
    }
    levels = {f"swd_{level}": value for level, value in metrics.items()}
    return Part({"swd": mean, **levels}, {"swd": protocol}, recount=recount)


def _judged(
    sets: Mapping[str, tuple[Pictures, str]],
    how: How,
    groups: Mapping[str, Group],
    classes: dict[str, dict[str, float]],
    scores: bool,
) -> Iterator[Part]:
    """What trained networks say of the sets (pictures and their hash in order), and of the groups: their rows of
    `classes` are filled.
    """
    judges, seed, progress = how.judges, how.seed, how.progress
    shares = None
    if judges.inception is not None:
        seen = {name: _features(name, set_, order, judges.inception, how) for name, (set_, order) in sets.items()}
        real, fake = seen["real"], seen["fake"]
        chosen: dict[str, Any] = {"subsets": how.kid, "seed": seed, "device": how.device}
        progress("KID, FID, precision", 0, 1 + len(groups))
        distances = features.distances(real, fake, **chosen)
        recount = features.distances_recounted(real, fake) if how.recounted else None
        yield Part(distances, features.protocol(len(real), len(fake), how.kid), recount=recount)
        if "inputs" in seen:
            yield distance_to_inputs(distances, real, fake, seen["inputs"], how)
        for done, (name, (reals, fakes)) in enumerate(groups.items()):
            progress("KID, FID, precision", 1 + done, 1 + len(groups))
            classes[name] |= features.distances(real[reals], fake[fakes], **chosen)
        shares, whose = features.class_shares(fake, judges.inception), features.OWN_CLASSES
    if judges.classifier is not None and scores:
        pictures, _ = sets["fake"]
        shares = class_probabilities(pictures, judges.classifier, size=how.square, device=how.device, progress=progress)
        whose = PROTOCOL
    if shares is not None and scores:
        protocol = {"inception score": {"classes": shares.shape[1], "pictures": whose}}
        recount = features.scores_recounted(shares) if how.recounted else None
        yield Part(features.scores(shares, seed=seed), protocol, recount=recount)


def _features(name: str, pictures: Pictures, order: str, network: inception.Inception, how: How) -> NDArray[np.float32]:
    """Features (N, 2048) of a set whose pictures have this hash, in order; computed if they are not known."""

    def compute() -> NDArray[np.float32]:
        return inception.inception_features(
            pictures, network, size=how.square, device=how.device, stage=f"Inception, {name}", progress=how.progress
        )

    files = how.judges.files.get("inception")
    if files is None:  # a network of unknown origin
        return compute()
    of = {
        "pictures": order,
        "size": how.size,
        "network": list(files.values()),
        "version": inception.VERSION,
        "computer": computer(how.device),
    }
    return remembered(of, (len(pictures), inception.FEATURES), compute)


@dataclass(frozen=True)
class _Survey:
    """Facts of a first pass over a set."""

    sizes: Counter[Size]
    grey: int
    deep: int
    digest: str
    """Of the pictures in any order."""
    order: str
    """Of the pictures in their order."""

    def commonest(self) -> Size:
        """The commonest (height, width); the largest of several."""
        return max(self.sizes, key=lambda size: (self.sizes[size], size))

    def others(self, size: Size) -> int:
        """How many pictures have another size."""
        return self.sizes.total() - self.sizes[size]

    def described(self) -> dict[str, Any]:
        most = self.commonest()
        rest = f", {self.others(most)} of other sizes" if self.others(most) else ""
        return {
            "pictures": self.sizes.total(),
            "size": f"{size_text(most)}{rest}",
            "grey": self.grey,
            "16 bit": self.deep,
            "blake2b": self.digest,
        }


def _survey(pictures: Pictures, name: str, progress: Progress) -> _Survey:
    """Reads every picture once: a damaged one is found before anything is computed."""
    sizes: Counter[Size] = Counter()
    grey = deep = 0
    digests = []
    for index in range(len(pictures)):
        progress(f"reading, {name}", index, len(pictures))
        picture = pictures[index]
        sizes[picture.shape[0], picture.shape[1]] += 1
        grey += picture.shape[2] == 1
        deep += picture.dtype == np.uint16
        digests.append(blake2b(repr(picture.shape).encode() + picture.tobytes(), digest_size=16).digest())
    of_set, in_order = (blake2b(b"".join(each), digest_size=16).hexdigest() for each in (sorted(digests), digests))
    return _Survey(sizes, grey, deep, of_set, in_order)
