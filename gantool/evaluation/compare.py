"""One set of pictures measured against another, with a protocol that makes the figures repeatable."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import torch

from gantool.errors import DataError, UsageError, argument
from gantool.evaluation import features, pictures, pixels
from gantool.evaluation import swd as sliced
from gantool.evaluation.judges import Judges
from gantool.evaluation.networks.classifier import PROTOCOL, class_probabilities
from gantool.evaluation.networks.inception import inception_features
from gantool.evaluation.networks.lpips import LPIPS
from gantool.evaluation.pictures import Pictures, Progress, Some, as_rgb, silent
from gantool.evaluation.report import Evaluation
from gantool.version import __version__

ENOUGH_FOR_FID = 2048
"""With fewer pictures than features the covariances are singular, and FID says more about the count than the sets."""

NO_JUDGES = Judges()

Size = tuple[int, int]
Group: TypeAlias = tuple[Sequence[int], Sequence[int]]
"""Places of real pictures and of fake ones that belong together."""


def compare(
    real: Pictures,
    fake: Pictures,
    *,
    pairs: Sequence[tuple[int, int]] | None = None,
    judges: Judges = NO_JUDGES,
    size: int | None = None,
    seed: int = 0,
    device: torch.device | None = None,
    groups: Mapping[str, Group] = MappingProxyType({}),
    scores: bool = True,
    progress: Progress = silent,
) -> Evaluation:
    """Measures fake pictures against real ones, both opaque arrays (H, W, C) as `Pictures` says.

    - With `pairs` of indices (real, fake): PSNR, SSIM, L1 and, if `judges` has it, LPIPS, each the mean over the pairs.
    - Always: the sliced Wasserstein distance (SWD) between the sets.
    - With an Inception network in `judges`: KID, FID, precision, recall, density and coverage. Networks compute on
      `device` (default CPU).
    - With a classifier, or else with the Inception network, whose file has classes, too: the Inception score of the
      fakes, unless `scores` is false.
    - `groups` (classes, by name, of two pictures a side or more) are measured by themselves as well: their features,
      or without an Inception network their SWD.

    `size` brings every picture to size x size first. Without it pairs are compared at the real picture's size, SWD is
    taken at the commonest size of the real pictures, and Inception resizes from the stored size. Raises DataError for
    empty or too small sets, UsageError for bad values.
    """
    if not 0 <= seed < 2**63 or (size is not None and size < 1):
        raise UsageError(f"seed is at least 0 and size at least 1, not {seed} and {size}")
    if not len(real) or not len(fake):
        raise DataError("there is nothing to compare: each side needs at least one picture")
    if judges.inception is not None and min(len(real), len(fake)) < 2:
        raise DataError(f"KID and FID need at least two pictures on each side: leave out {argument('inception')}")
    device = device or torch.device("cpu")
    square = None if size is None else (size, size)
    real_seen, fake_seen = _survey(real, "real", progress), _survey(fake, "fake", progress)
    common = square or real_seen.commonest()
    metrics: dict[str, float] = {}
    notes: list[str] = []
    protocol: dict[str, Any] = {
        "real": real_seen.described(),
        "fake": fake_seen.described(),
        "size": f"{size}x{size}" if size else "as stored",
        "resize": pictures.RESIZE,
        "seed": seed,
    }

    if pairs:
        paired, protocol["paired"] = _paired(real, fake, pairs, square, judges.lpips, device, notes, progress)
        metrics |= paired

    distances = sliced.sliced_wasserstein(real, fake, size=common, seed=seed, progress=progress)
    metrics["swd"] = distances.pop("mean")
    metrics |= {f"swd_{level}": value for level, value in distances.items()}
    classes: dict[str, dict[str, float]] = {}
    for name, (reals, fakes) in groups.items():
        classes[name] = {"real": len(reals), "fake": len(fakes)}
        if judges.inception is None:
            some = sliced.sliced_wasserstein(Some(real, reals), Some(fake, fakes), size=common, seed=seed)
            classes[name]["swd"] = some["mean"]
    protocol["swd"] = {
        "convention": "Karras et al. 2018, times 1000, colours normalised by the real set",
        "size": _text(common),
        "resized": {"real": real_seen.others(common), "fake": fake_seen.others(common)},
        "pictures": {name: min(len(set_), sliced.MAX_PICTURES) for name, set_ in (("real", real), ("fake", fake))},
        "neighbourhoods": f"{sliced.PER_PICTURE} of 7x7x3 pixels from each picture and level",
        "directions": sliced.DIRECTIONS,
    }

    judged = _judged(real, fake, judges, square, groups, seed, device, scores, progress)
    metrics |= judged.metrics
    protocol |= judged.protocol
    for name, more in judged.classes.items():
        classes[name] |= more
    if judges.inception is not None and min(len(real), len(fake)) < ENOUGH_FOR_FID:
        notes.append(
            f"FID of fewer than {ENOUGH_FOR_FID} pictures a side is far too high and compares only with figures of "
            "the same counts: use KID"
        )
    if judges.files:
        protocol["weights"] = judges.files
        protocol["device"] = str(device)
    protocol["versions"] = {"gantool": __version__, "torch": torch.__version__}
    return Evaluation(metrics, protocol, notes, classes)


def _judged(
    real: Pictures,
    fake: Pictures,
    judges: Judges,
    size: Size | None,
    groups: Mapping[str, Group],
    seed: int,
    device: torch.device,
    scores: bool,
    progress: Progress,
) -> Evaluation:
    """What trained networks say of the sets, and of the groups."""
    metrics: dict[str, float] = {}
    protocol: dict[str, Any] = {}
    classes: dict[str, dict[str, float]] = {}
    shares = None
    if judges.inception is not None:
        real_features, fake_features = (
            inception_features(pictures, judges.inception, size=size, device=device, stage=stage, progress=progress)
            for stage, pictures in (("Inception, real", real), ("Inception, fake", fake))
        )
        progress("KID, FID, precision", 0, 1 + len(groups))
        metrics |= features.distances(real_features, fake_features, seed=seed, device=device)
        protocol |= features.protocol(len(real), len(fake))
        for done, (name, (reals, fakes)) in enumerate(groups.items()):
            progress("KID, FID, precision", 1 + done, 1 + len(groups))
            classes[name] = features.distances(real_features[reals], fake_features[fakes], seed=seed, device=device)
        shares, seen = features.class_shares(fake_features, judges.inception), features.OWN_CLASSES
    if judges.classifier is not None and scores:
        shares = class_probabilities(fake, judges.classifier, size=size, device=device, progress=progress)
        seen = PROTOCOL
    if shares is not None and scores:
        metrics |= features.scores(shares, seed=seed)
        protocol["inception score"] = {"classes": shares.shape[1], "pictures": seen}
    return Evaluation(metrics, protocol, classes=classes)


@dataclass(frozen=True)
class _Survey:
    """Facts of a first pass over a set."""

    sizes: Counter[Size]
    grey: int
    deep: int
    digest: str

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
            "size": f"{_text(most)}{rest}",
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
    return _Survey(sizes, grey, deep, blake2b(b"".join(sorted(digests)), digest_size=16).hexdigest())


def _paired(
    real: Pictures,
    fake: Pictures,
    pairs: Sequence[tuple[int, int]],
    square: Size | None,
    lpips: LPIPS | None,
    device: torch.device,
    notes: list[str],
    progress: Progress,
) -> tuple[dict[str, float], dict[str, Any]]:
    """The paired metrics and their protocol."""
    l1, psnr, ssim, perceived = [], [], [], []
    resized = 0
    windows = set()
    for done, (real_index, fake_index) in enumerate(pairs):
        progress("pairs", done, len(pairs))
        real_picture, fake_picture = real[real_index], fake[fake_index]
        size = square or (real_picture.shape[0], real_picture.shape[1])
        resized += fake_picture.shape[:2] != size
        first, second = (
            as_rgb(picture, size, torch.float64)[0].permute(1, 2, 0).numpy() for picture in (real_picture, fake_picture)
        )
        l1.append(pixels.l1(first, second))
        psnr.append(pixels.psnr(first, second))
        ssim.append(pixels.ssim(first, second))
        windows.add(pixels.ssim_window(*size))
        if lpips is not None:
            if min(size) < lpips.smallest_side:
                raise DataError(
                    f"LPIPS needs pictures of at least {lpips.smallest_side} pixels a side, not {_text(size)}: enlarge"
                    f" them with {argument('size')}"
                )
            images = [(as_rgb(picture, size) * 2 - 1).to(device) for picture in (real_picture, fake_picture)]
            perceived.append(float(lpips.to(device)(*images)))
    finite = [value for value in psnr if math.isfinite(value)]
    if len(finite) < len(psnr):
        notes.append(f"{len(psnr) - len(finite)} of {len(psnr)} pairs are equal: PSNR is the mean over the others")
    if min(windows) < pixels.SSIM_WINDOW:
        notes.append(
            f"pictures smaller than the SSIM window of {pixels.SSIM_WINDOW} were measured with one of {min(windows)}"
        )
    metrics = {
        "psnr": math.fsum(finite) / len(finite) if finite else math.inf,
        "ssim": math.fsum(ssim) / len(ssim),
        "l1": math.fsum(l1) / len(l1),
    }
    if perceived:
        metrics["lpips"] = math.fsum(perceived) / len(perceived)
    protocol = {
        "pairs": len(pairs),
        "data range": "1 (8-bit values divided by 255, 16-bit ones by 65535)",
        "mean": "over pixels and RGB channels of a picture, then over the pairs",
        "ssim": f"Gaussian window {_sides(windows)}, sigma 1.5, K1 0.01, K2 0.03, windows inside the picture only",
        "fakes resized": resized,
    }
    return metrics, protocol


def _sides(windows: set[int]) -> str:
    return " and ".join(f"{side}x{side}" for side in sorted(windows))


def _text(size: Size) -> str:
    """(height, width) as people write sizes: width first."""
    return f"{size[1]}x{size[0]}"
