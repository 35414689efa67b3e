"""What changes with the pictures seen, with the batch and with the size."""

from __future__ import annotations

from dataclasses import dataclass


def average_decay(batch: int, pictures: int, half_life: float, rampup: float) -> float:
    """Decay of the average of G: it forgets half within `half_life` thousand pictures, at first within a share `rampup`
    of those seen (0: without).
    """
    life = half_life * 1000
    if rampup:
        life = min(life, pictures * rampup)
    return float(0.5 ** (batch / max(life, 1e-8)))


def lazily(lr: float, betas: tuple[float, float], interval: int) -> tuple[float, tuple[float, float]]:
    """Adam's rate and moments for a network that takes a second step, of a regularisation, every `interval` batches:
    so k + 1 steps do what k did (StyleGAN2, appendix B).
    """
    share = interval / (interval + 1)
    return lr * share, (betas[0] ** share, betas[1] ** share)


def automatic_gamma(size: int, batch: int) -> float:
    """The weight of R1 that StyleGAN2-ADA chooses by itself."""
    return 0.0002 * size**2 / batch


def automatic_half_life(batch: int) -> float:
    """The average's half-life that StyleGAN2-ADA chooses by itself, in thousand pictures."""
    return batch * 10 / 32


@dataclass(frozen=True)
class Configuration:
    """What StyleGAN2-ADA chooses by itself for a size and a number of GPUs (its configuration `auto`)."""

    batch: int
    """Pictures of a step, on all GPUs."""
    group: int
    channel_base: int
    lr: float
    gamma: float
    half_life: float


def automatic(size: int, gpus: int = 1) -> Configuration:
    """For squares of this side."""
    batch = max(min(gpus * min(4096 // size, 32), 64), gpus)
    return Configuration(
        batch=batch,
        group=min(batch // gpus, 4),
        channel_base=32768 if size >= 512 else 16384,
        lr=0.002 if size >= 1024 else 0.0025,
        gamma=automatic_gamma(size, batch),
        half_life=automatic_half_life(batch),
    )


@dataclass(frozen=True)
class Stage:
    """A run of growing (version 1): networks of one side, the last block of which is faded in."""

    side: int
    fade: float
    """Thousand pictures in which the new block comes in; 0 for the first stage."""
    kimg: float
    """Thousand pictures of the whole stage."""
    batch: int
    lr: float


def stages(size: int, kimg: float = 25_000) -> list[Stage]:
    """StyleGAN's plan for `size`, as a run for each side: 600 thousand pictures to fade in, as many at the full side,
    and the rest of all `kimg` thousand at the last one.
    """
    batches = {8: 256, 16: 128, 32: 64}
    rates = {128: 0.0015, 256: 0.002, 512: 0.003, 1024: 0.003}
    sides = [2**i for i in range(3, size.bit_length())]
    planned = [
        Stage(side, 600 if side > 8 else 0, 1200 if side > 8 else 600, batches.get(side, 32), rates.get(side, 0.001))
        for side in sides
    ]
    last = planned.pop()
    return [*planned, Stage(last.side, last.fade, kimg - sum(s.kimg for s in planned), last.batch, last.lr)]


def lod(pictures: float, fade: float) -> float:
    """1 where the last block is not seen, 0 where it is in: after so many pictures, with `fade` thousand to come in."""
    return max(1 - pictures / (fade * 1000), 0.0) if fade else 0.0
