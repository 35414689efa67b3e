"""The tools of a training step: precision, gradients, updates, random draws, processes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gantool.model import Model, Progress
from gantool.networks.constants import uploaded
from gantool.training.distributed import Processes
from gantool.training.statistics import Statistics

_FIRST_SCALE, _GROWTH_AFTER = 2.0**16, 2000
_ON_DEVICE = 16_384
"""More numbers than this are drawn where they are needed, unless that is a CPU: to draw a million takes a host 13 ms,
and the copy waits for that."""


class TrainingRun:
    """The `Run` of a real training. A step waits for the device only where an optimiser is not fused, and on MPS."""

    def __init__(
        self,
        model: Model[Any],
        optimizers: dict[str, torch.optim.Optimizer],
        *,
        precision: str = "fp32",
        accumulate: int = 1,
        seed: int = 0,
        processes: Processes | None = None,
    ) -> None:
        self.model, self.optimizers = model, optimizers
        self.accumulate, self.seed = accumulate, seed
        self.processes = processes or Processes()
        self.device = next(model.parameters()).device
        self.now = Progress(0, 1)
        self.rng = torch.Generator()
        self._device_rng = torch.Generator(self.device)
        self._draws = 0  # on the device, in this step
        self._half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
        self._last = True  # of the batches that make one step
        self._parameters = {
            name: [p for group in optimizer.param_groups for p in group["params"]]
            for name, optimizer in optimizers.items()
        }
        self._all = list(model.parameters())
        self._base_rates = {name: [group["lr"] for group in o.param_groups] for name, o in optimizers.items()}
        scaled = precision == "fp16"
        self.scale = torch.tensor(_FIRST_SCALE if scaled else 1.0, device=self.device)
        self._since_growth = torch.zeros((), device=self.device)
        self._bad = torch.zeros((), device=self.device)  # 0 while all is finite; 1, or NaN before an update
        self._bad_in_a_row = torch.zeros((), device=self.device)
        self._skipped = torch.zeros((), device=self.device)
        self._scaled = scaled
        # By the names of losses that were logged together: their sums (K,), and how often that was.
        self._sums: dict[tuple[str, ...], Tensor] = {}
        self._counts: dict[tuple[str, ...], int] = {}
        # Gradients of earlier batches of a step: one list for each update, since a step may update an optimiser twice.
        self._held: list[list[Tensor | None]] = []
        self._ordinal = 0
        self._deferred: list[tuple[tuple[str, ...], float | None, list[Tensor | None]]] | None = None
        self._statistics = Statistics(model, {id(p) for own in self._parameters.values() for p in own})

    # The frame of a step: the trainer's side.

    def begin(self, now: Progress, rate_factor: float) -> None:
        """Starts a step: all its draws and its learning rate follow from its number alone."""
        self.now = now
        self._held = []
        self._draws = 0
        self.rng.manual_seed(_mixed(self.seed, now.step))
        # Dropout draws from torch's own generators; processes must not draw the same masks.
        torch.manual_seed(_mixed(self.seed, now.step, 1 + self.processes.rank))
        for name, optimizer in self.optimizers.items():
            for group, base in zip(optimizer.param_groups, self._base_rates[name], strict=True):
                group["lr"] = base * rate_factor
        self._bad = torch.zeros_like(self._bad)
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()
        self._statistics.note()

    def batches(self) -> Iterator[int]:
        """The batches of this step, of which the last one updates."""
        for index in range(self.accumulate):
            self._last = index == self.accumulate - 1
            self._ordinal = 0
            yield index

    def end(self) -> None:
        """Counts the step, and takes back the statistics of one that was not applied."""
        bad = self._bad.ne_(0).bool()
        self._statistics.take_back(bad)
        # While a loss scale is being found, overflows are part of the search.
        counted = self._bad * (self.scale <= 1) if self._scaled else self._bad
        self._bad_in_a_row = (self._bad_in_a_row + 1) * counted
        self._skipped = torch.maximum(self._skipped, self._bad_in_a_row)
        if self._scaled:
            self._since_growth = torch.where(bad, 0.0, self._since_growth + 1)
            grow = self._since_growth >= _GROWTH_AFTER
            self.scale = torch.where(bad, self.scale / 2, torch.where(grow, self.scale * 2, self.scale))
            self._since_growth = torch.where(grow, 0.0, self._since_growth)

    def losses(self) -> dict[str, float]:
        """Means of the logged losses since the last call. This reads the device."""
        if not self._sums:
            return {}
        totals: dict[str, Tensor] = {}
        counts: dict[str, int] = {}
        for names, sums in self._sums.items():
            for name, total in zip(names, sums, strict=True):
                totals[name] = totals[name] + total if name in totals else total
                counts[name] = counts.get(name, 0) + self._counts[names]
        values = torch.stack([total / counts[name] for name, total in totals.items()])
        self.processes.mean([values])
        found = dict(zip(totals, values.tolist(), strict=True))
        self._sums, self._counts = {}, {}
        return found

    def skipped_in_a_row(self) -> int:
        """The most steps in a row that were not applied since the last call. This reads the device."""
        worst = int(self._skipped)
        self._skipped = self._bad_in_a_row.clone()
        return worst

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that does not follow from the number of the step."""
        return {"scale": self.scale, "since_growth": self._since_growth, "bad_in_a_row": self._bad_in_a_row}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.scale, self._since_growth, self._bad_in_a_row = (
            state[key].to(self.device) for key in ("scale", "since_growth", "bad_in_a_row")
        )

    # The model's side: see gantool.model.Run.

    @contextmanager
    def phase(self, *names: str) -> Iterator[None]:
        wanted = {id(p) for p in self._of(names)}
        frozen = [p for p in self._all if p.requires_grad and id(p) not in wanted]
        for p in frozen:
            p.requires_grad_(False)
        try:
            with torch.autocast(
                self.device.type, self._half or torch.bfloat16, enabled=self._half is not None, cache_enabled=False
            ):
                yield
        finally:
            for p in frozen:
                p.requires_grad_(True)

    def backward(self, loss: Tensor, *, retain_graph: bool = False, into: Sequence[str] | None = None) -> None:
        if loss.numel() != 1:
            raise ValueError(f"run.backward takes a loss of one number, a mean over the batch, not {tuple(loss.shape)}")
        self._bad.add_(loss.detach().reshape(()), alpha=0)  # NaN from then on if the loss is not finite: one launch
        if self.accumulate > 1:
            loss = loss / self.accumulate
        if self._scaled:
            loss = loss * self.scale
        inputs = None if into is None else self._of(into)
        with torch.autocast(self.device.type, enabled=False):
            loss.backward(retain_graph=retain_graph, inputs=inputs)

    @torch.no_grad()
    def update(self, *names: str, clip: float | None = None) -> None:
        """Raises ValueError if none of these optimisers' parameters has a gradient."""
        parameters = self._of(names)
        if self._deferred is not None:
            self._deferred.append((names, clip, _taken(parameters)))
            return
        if self.accumulate > 1:
            self._hold(parameters)
        if not self._last:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        if not gradients:
            raise ValueError(f"update({', '.join(names)}) without a backward pass into its parameters")
        bad_anywhere = self._bad.to(gradients[0].dtype)
        self.processes.mean([*gradients, bad_anywhere])
        if self._scaled:
            torch._foreach_div_(gradients, self.scale)
        norm = nn.utils.get_total_norm(gradients)
        self._bad = bad_anywhere.add(norm, alpha=0).to(self._bad.dtype).ne_(0)
        if clip is not None:
            nn.utils.clip_grads_with_norm_(parameters, clip, norm)
        for name in names:
            self._step(self.optimizers[name])
            self.optimizers[name].zero_grad()

    def _of(self, names: Sequence[str]) -> list[nn.Parameter]:
        """The parameters of these optimisers. Raises ValueError for a name of none."""
        for name in names:
            if name not in self._parameters:
                known = ", ".join(self._parameters)
                raise ValueError(f'there is no optimiser "{name}": optimizers() gives {known or "none"}')
        return [p for name in names for p in self._parameters[name]]

    @contextmanager
    def deferred(self) -> Iterator[None]:
        self._deferred = []
        try:
            yield
            waiting = self._deferred
        finally:
            self._deferred = None
        for names, clip, gradients in waiting:
            for p, gradient in zip((p for name in names for p in self._parameters[name]), gradients, strict=True):
                p.grad = gradient
            self.update(*names, clip=clip)

    def _hold(self, parameters: list[nn.Parameter]) -> None:
        """Adds the gradients to those of the same update in earlier batches of the step; the last takes the sum."""
        number, self._ordinal = self._ordinal, self._ordinal + 1
        gradients = [p.grad for p in parameters]
        if number < len(self._held):
            before = self._held[number]
            gradients = [b if g is None else g if b is None else g + b for g, b in zip(gradients, before, strict=True)]
        else:
            self._held.append([])
        self._held[number] = [] if self._last else gradients
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient if self._last else None

    def _step(self, optimizer: torch.optim.Optimizer) -> None:
        # Fused optimisers leave everything as it is where `found_inf` is 1, without anybody reading it back. Those of
        # MPS did not look at it (pytorch pull request 186360).
        heeded = self.device.type in ("cuda", "cpu") and all(group.get("fused") for group in optimizer.param_groups)
        if heeded:
            optimizer.found_inf = self._bad  # type: ignore[attr-defined]
            optimizer.step()
        elif not self._bad.item():
            optimizer.step()

    def rand(self, *shape: int) -> Tensor:
        return self._drawn(torch.rand, shape)

    def randn(self, *shape: int) -> Tensor:
        return self._drawn(torch.randn, shape)

    def _drawn(self, draw: Callable[..., Tensor], shape: tuple[int, ...]) -> Tensor:
        if self.device.type != "cpu" and math.prod(shape) > _ON_DEVICE:
            self._draws += 1
            seed = _mixed(self.seed, self.now.step, 1 + self.processes.rank, self._draws)
            return draw(*shape, generator=self._device_rng.manual_seed(seed), device=self.device)
        mine = self.mine(draw(self.processes.world * shape[0], *shape[1:], generator=self.rng))
        return uploaded(mine.contiguous(), self.device)

    def applied(self) -> Tensor:
        """1 on the device if every update of the step so far was applied, else 0."""
        return torch.eq(self._bad, 0, out=torch.empty_like(self._bad))

    def gather(self, images: Tensor) -> Tensor:
        return self.processes.gather(images)

    def mine(self, images: Tensor) -> Tensor:
        return images.chunk(self.processes.world)[self.processes.rank]

    def log(self, **losses: Tensor) -> None:
        for name, loss in losses.items():
            if not isinstance(loss, Tensor) or loss.numel() != 1:
                found = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
                raise ValueError(f"run.log takes tensors of one number each, and {name} is {found}")
        if losses:
            names, values = tuple(losses), torch.stack([loss.detach().float().reshape(()) for loss in losses.values()])
            self._sums[names] = self._sums[names] + values if names in self._sums else values
            self._counts[names] = self._counts.get(names, 0) + 1


def _taken(parameters: Sequence[nn.Parameter]) -> list[Tensor | None]:
    """Their gradients, which they have no more."""
    gradients = [p.grad for p in parameters]
    for p in parameters:
        p.grad = None
    return gradients


def _mixed(*numbers: int) -> int:
    """A 63-bit seed from numbers: close numbers give unrelated seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
