"""Everything about a training that is not the model's own. Imports no torch."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from gantool.data.modes import FILTERS, PREPROCESS
from gantool.errors import UsageError, argument, quoted
from gantool.inference.devices import check_name
from gantool.options import option
from gantool.trackers.kinds import NAMES

PRECISIONS = ("fp32", "tf32", "bf16", "fp16")

CHANGEABLE = frozenset(
    {
        *("steps", "epochs", "device", "workers", "save_every", "sample_every", "keep", "time", "compile"),
        *("deterministic", "validate", "metric", "patience", "inception", "lpips", "track"),
    }
)
"""Settings that may change when a run is continued. Any other change would make it another run."""

OF_THE_CALL = frozenset({"time"})
"""Settings that a run does not remember: each call says them anew, by an argument, the environment or a configuration
file. A run that kept its time limit would never get further.
"""


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """The settings of a run, as YAML keys and arguments of `gantool.train` name them."""

    steps: int | None = option(None, "length of the training in steps", low=1)
    epochs: float | None = option(None, "length of the training in passes over the larger domain", low=0.001, high=1e9)
    size: int | None = option(
        None, "pictures are resized to this before cropping (default: 286 for a crop of 256)", low=8
    )
    crop: int | None = option(None, "side of the training crops in pixels (default: 256 for a size of 286)", low=8)
    preprocess: str = option("resize_and_crop", "how pictures become crops", choices=PREPROCESS)
    filter: str = option("bicubic", "how pictures are resized", choices=FILTERS)
    aligned: str | None = option(
        None, "one folder of side-by-side pairs: AB if A is on the left, BA if B is", choices=("AB", "BA")
    )
    flip: bool = option(True, "mirror half of the training pictures")
    batch: int = option(1, "pictures a domain, a step and a process", low=1)
    accumulate: int = option(1, "batches whose gradients make one step", low=1, high=65_536)
    precision: str = option("fp32", "arithmetic of the networks", choices=PRECISIONS)
    device: str = option("auto", "auto, cpu, cuda, cuda:1 or mps")
    workers: int = option(2, "threads that decode pictures ahead", low=0, high=256)
    seed: int = option(0, "what all random draws follow from", low=0, high=2**63 - 1)
    save_every: int | None = option(None, "steps between saves (default: a tenth of the run, at most 5000)", low=1)
    sample_every: int | None = option(
        None, "steps between sample grids (default: a twentieth of the run, at most 1000)", low=1
    )
    keep: int = option(3, "saves kept; 0 keeps all", low=0)
    validate: str | None = option(None, "each save is measured on the pictures in this folder", file=True)
    metric: str = option("swd", "what says which save is best")
    patience: int = option(0, "stop after so many validations in a row without a better one; 0 never does", low=0)
    inception: str | None = option(None, "Inception weights, for metrics that need them", file=True)
    lpips: tuple[str, ...] | None = option(
        None, "the files of LPIPS: backbone and heads, or one that holds both", file=True
    )
    time: str | None = option(None, "stop and save after this long: 7h50m, 90s, 07:50:00, 1-12:00:00")
    track: tuple[str, ...] | None = option(None, "trackers that are told of the training", choices=NAMES)
    compile: bool = option(False, "compile the networks: worth its minute of start-up on a GPU")
    deterministic: bool = option(False, "only deterministic kernels, so that a GPU repeats bit for bit")

    def __post_init__(self) -> None:
        if self.steps is not None and self.epochs is not None:
            raise ValueError(f"give {argument('steps')} or {argument('epochs')}, not both")
        if self.time is not None:
            seconds(self.time)
        if self.validate is None and (self.patience or self.metric != "swd"):
            name, value = ("patience", self.patience) if self.patience else ("metric", self.metric)
            raise ValueError(f"{argument(name, value)} goes with {argument('validate', 'DIR')}")
        if self.lpips is not None and len(self.lpips) not in (1, 2):
            raise ValueError(f"{argument('lpips')} is two files, or one that holds both, not {len(self.lpips)}")
        check_name(self.device)

    def saves_every(self, total: int) -> int:
        """Steps between saves, in a run of so many steps."""
        return self.save_every or max(1, min(5000, total // 10))

    def samples_every(self, total: int) -> int:
        """Steps between sample grids, in a run of so many steps."""
        return self.sample_every or max(1, min(1000, total // 20))

    def sides(self) -> tuple[int, int]:
        """(size, crop): where one is not given it follows from the other in the papers' proportion, 286 to 256."""
        size, crop = self.size, self.crop
        if self.preprocess == "square":
            side = crop or size or 256
            return side, side
        if size is None and crop is None:
            return 286, 256
        if size is None:
            assert crop is not None
            return (round(crop * 286 / 256) if self.preprocess.startswith("resize") else crop), crop
        if crop is None:
            return size, max(8, round(size * 256 / 286 / 4) * 4)
        return size, crop


_UNITS = re.compile(r"(?:([\d.]+)d(?:ays?)?)?(?:([\d.]+)h(?:ours?)?)?(?:([\d.]+)m(?:in)?)?(?:([\d.]+)s(?:ec)?)?")
_LONGEST = 3650 * 86400
_CLOCK = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?")


def seconds(text: str) -> float:
    """Seconds of a time in units (7h50m, 2d, 90s, 90), or as Slurm writes it (1-00:00:00, 1-12, 07:50:00, 50:00).

    A number alone is seconds, although Slurm's is minutes. Slurm's UNLIMITED is infinite. Raises UsageError for what is
    no time, for none at all, and for one beyond ten years.
    """
    word = "".join(text.lower().split())
    if word in ("unlimited", "infinite"):
        return math.inf
    found = _seconds(word)
    if found is None:
        raise UsageError(f"a time looks like 7h50m, 2d, 90s, 07:50:00 or 1-12:00:00, not {quoted(text)}")
    if not 0 < found <= _LONGEST:
        possible = f"at most {_LONGEST // 86400}d, or UNLIMITED" if found else "more than 0"
        raise UsageError(f"{argument('time')} is {possible}, not {quoted(text)}")
    return found


def _seconds(word: str) -> float | None:
    try:
        if word.isdecimal():
            return float(word)
        if (units := _UNITS.fullmatch(word)) and any(units.groups()):
            days, hours, minutes, rest = (float(part or 0) for part in units.groups())
            return 86400 * days + 3600 * hours + 60 * minutes + rest
        if clock := _CLOCK.fullmatch(word):
            parts = [float(part) for part in clock.groups()[1:] if part is not None]
            # With days the first number is hours; without them the last one is seconds.
            hours, minutes, rest = ([*parts, 0.0, 0.0] if clock[1] else [0.0, 0.0, *parts][-3:])[:3]
            return 86400 * float(clock[1] or 0) + 3600 * hours + 60 * minutes + rest
    except ValueError:  # 1.2.3h
        pass
    return None
