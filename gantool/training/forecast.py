"""How long a training takes here: said once, as soon as its first steps tell."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from gantool.byte_sizes import bytes_in_words
from gantool.counting import count_in_words
from gantool.errors import argument
from gantool.options import read_yaml
from gantool.registry import plugin
from gantool.report.text import duration, figure
from gantool.training.request import Plan
from gantool.training.samples import rounds

LONG = 600.0
"""Seconds from which on a training is long: shorter ones are over before anyone has read about them."""
_MEASURED, _SLOW = 3.0, 20.0
_DAY = 86400.0
_YEAR = 365 * _DAY
_SMALLER = {"cpu": ("quick", "small", "fast"), "cuda": ("fast", "small")}
"""The presets that fit a kind of device, the better first."""
_ENOUGH = ("quick", "small", "demo", "smoke")


@dataclass(frozen=True)
class Forecast:
    """The time of a step, of a round of samples, and of all that are left."""

    step: float
    """Seconds."""
    left: int
    """Steps."""
    sample: float | None
    """Seconds; None where none has been drawn yet."""
    rounds: int
    """Of samples, that are left."""
    memory: int | None
    """Bytes that the process has taken at most, of the device where that is a GPU; None where that is unknown."""

    @property
    def seconds(self) -> float:
        """Until the end of the training."""
        return self.step * self.left + (self.sample or 0.0) * self.rounds

    def words(self) -> str:
        """Time, end and memory, for a person."""
        end = ""
        if self.seconds < _YEAR:  # a date without its year would mislead, and a calendar ends
            end = time.strftime(", until %a %d %b %H:%M", time.localtime(time.time() + self.seconds))
        memory = f"; {bytes_in_words(self.memory)} of memory" if self.memory else ""
        took, left = f"a step takes {_words(self.step)} here", count_in_words(self.left, "step")
        on_top = ". Samples come on top" if self.rounds and self.sample is None else ""
        if self.rounds and self.sample is not None:
            took += f" and a round of samples {_words(self.sample)}"
            left += f" and {count_in_words(self.rounds, 'round')}"
        takes = "takes" if left == "1 step" else "take"
        return f"{took}: {left} {takes} about {duration(self.seconds)}{end}{memory}{on_top}"


def _words(seconds: float) -> str:
    return f"{figure(seconds)} s" if seconds < 600 else duration(seconds)


class Stopwatch:
    """Measures the first steps of a training of `total`, which draws samples each `every` steps. Where it `compiles`,
    the first one never counts.
    """

    def __init__(
        self,
        total: int,
        every: int,
        device: torch.device,
        clock: Callable[[], float] = time.monotonic,
        *,
        compiles: bool = False,
    ) -> None:
        self._total, self._every, self._device, self._clock, self._compiles = total, every, device, clock, compiles
        self._sample: float | None = None
        self._begun: float | None = clock()
        self._first: tuple[int, float] | None = None

    def sampled(self, seconds: float) -> None:
        """A round of samples has taken so long."""
        self._sample = seconds
        self.paused(seconds)

    def paused(self, seconds: float) -> None:
        """So long nothing was done that is part of a step. Before the first one, that begins now."""
        if self._first is not None:
            self._first = (self._first[0], self._first[1] + seconds)
        elif self._begun is not None:
            self._begun = self._clock()

    def step(self, done: int, read: bool) -> Forecast | None:
        """So many steps are done. A forecast at the first moment at which there is a good one, and never again.

        `read`: the device has been waited for. The first step is slower than others: it counts where it is very slow.
        """
        if self._begun is None or not read:
            return None
        now = self._clock()
        if self._first is None:
            self._first = (done, now)
            taken, steps = now - self._begun, 1
            if taken < _SLOW or self._compiles:
                return None
        else:
            taken, steps = now - self._first[1], done - self._first[0]
            if taken < _MEASURED:
                return None
        self._begun = None
        left = rounds(done, self._total, self._every)
        return Forecast(taken / steps, self._total - done, self._sample, left, peak_memory(self._device))


def advice(plan: Plan, forecast: Forecast, device: torch.device) -> str:
    """The forecast in words, and the preset that fits better: on a CPU, or where it would be more than a day."""
    words = forecast.words()
    used = {setting.source.removeprefix("preset ") for setting in plan.sources.values() if "preset " in setting.source}
    if (device.type != "cuda" or forecast.seconds > _DAY) and not used.intersection(_ENOUGH) and not plan.place.saves:
        presets = plugin(plan.name).presets()
        for name in _SMALLER["cuda" if device.type == "cuda" else "cpu"]:
            if name in presets and name not in used:
                summary = str(read_yaml(presets[name]).get("summary", "")).rstrip(".")
                return f"{words}. Made for less: {argument('preset', name)} ({summary})"
    return words


def peak_memory(device: torch.device) -> int | None:
    """Bytes of the GPU, or of this process, that were taken at most so far; None where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
