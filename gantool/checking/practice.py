"""A few training steps, looked at closely: which losses train, which are logged, and which parameters learn."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from gantool.contract import length_of, optimizers_of, rate_at
from gantool.data.loader import batches, to_device
from gantool.model import Model, Progress
from gantool.runs.checkpoint import part
from gantool.training.building import built, opened
from gantool.training.request import Plan
from gantool.training.run import TrainingRun

MOST_STEPS = 20
"""A loss that is not taken in every step (WGAN's generator waits for its critic) has its turn within these."""


@dataclass(frozen=True)
class Practice:
    """What the steps showed. Parameters go by their names in the model, those of `frozen` networks left out."""

    losses: Mapping[str, float]
    """Means of what was logged."""
    unlogged: Sequence[str]
    """Where `run.backward` was called with a loss of which nothing is logged: FILE:LINE."""
    parameters: frozenset[str]
    """All that want gradients."""
    not_optimised: frozenset[str]
    """Those that no optimiser has."""
    foreign: Sequence[str]
    """The optimisers that have parameters which are not the model's."""
    unfelt: frozenset[str]
    """Those that an optimiser has and no gradient reached."""
    unmoved: frozenset[str]
    """Those that had a gradient and are what they were."""
    unasked: frozenset[str]
    """Those that had a gradient of another backward pass than that of `run.backward`."""


def trained_steps(
    plan: Plan, run: TrainingRun, most: int, change: Callable[[int, Tensor], Tensor] = lambda step, x: x
) -> Generator[int, None, None]:
    """Takes a training step whenever it is asked for one. `change(step, pictures)` changes the pictures of a batch,
    (N, C, H, W) uint8.
    """
    model = run.model.train()
    batch, total = max(2, plan.data.smallest_batch), max(most, 10)
    length = length_of(type(model), model.options).count
    with torch.random.fork_rng(devices=[]), closing(batches(opened(plan), batch=batch, first=0)) as stream:
        for step in range(most):
            now = Progress(step, total, pass_steps=2.0, schedule=length * step / total)
            run.begin(now, rate_at(model, now))
            for _ in run.batches():
                given = {name: change(step, x) if x.dtype == torch.uint8 else x for name, x in next(stream).items()}
                model.training_step(to_device(given, run.device), run)
            run.end()
            yield step


def begun(plan: Plan) -> Model[Any]:
    """A model as a training begins with it."""
    model = built(plan)
    model.prepare_training()
    return model


def practise(plan: Plan) -> Practice:
    """Trains until every parameter has learned, a step at least and `MOST_STEPS` at most."""
    model = begun(plan)
    free = {k: p for k, p in model.named_parameters() if p.requires_grad and part(k) not in model.roles.frozen}
    before = {key: p.detach().clone() for key, p in free.items()}
    optimizers = optimizers_of(model)
    optimised = {n: {id(p) for group in o.param_groups for p in group["params"]} for n, o in optimizers.items()}
    known = {number for numbers in optimised.values() for number in numbers}
    felt: set[str] = set()
    unasked: set[str] = set()
    run = Watched(model, optimizers)

    def notes_gradient(key: str) -> Callable[[nn.Parameter], None]:
        def note(p: nn.Parameter) -> None:
            if p.grad is not None and bool(p.grad.any()):
                felt.add(key)
            if not run.goes_back:
                unasked.add(key)

        return note

    for key, p in free.items():
        p.register_post_accumulate_grad_hook(notes_gradient(key))
    # A bias before a norm has no gradient but for rounding.
    learning = {key for key, p in free.items() if id(p) in known and not key.endswith("bias")}
    unmoved = set(learning)
    with closing(trained_steps(plan, run, MOST_STEPS)) as steps:
        for _ in steps:
            unmoved = {key for key in unmoved if torch.equal(free[key], before[key])}
            if not unmoved and learning <= felt:
                break
    its_own = {id(p) for p in model.parameters()}
    return Practice(
        losses=run.losses(),
        unlogged=sorted(run.unlogged),
        parameters=frozenset(free),
        not_optimised=frozenset(key for key, p in free.items() if id(p) not in known),
        foreign=[name for name, numbers in optimised.items() if numbers - its_own],
        unfelt=frozenset(learning - felt),
        unmoved=frozenset(unmoved & felt),
        unasked=frozenset(unasked),
    )


class Watched(TrainingRun):
    """A run that notes which losses train and are not logged."""

    def __init__(self, model: Model[Any], optimizers: dict[str, torch.optim.Optimizer]) -> None:
        super().__init__(model, optimizers)
        self.unlogged: set[str] = set()
        self.goes_back = False
        """Whether `backward` is at work."""
        self._taken: list[tuple[str, Node | None, set[Node]]] = []
        self._logged: list[Tensor] = []

    def begin(self, now: Progress, rate_factor: float) -> None:
        self._taken, self._logged = [], []
        super().begin(now, rate_factor)

    def backward(self, loss: Tensor, *, retain_graph: bool = False, into: Sequence[str] | None = None) -> None:
        caller = sys._getframe(1)
        place = f"{caller.f_code.co_filename}:{caller.f_lineno}"
        self._taken.append((place, loss.grad_fn, _nodes(loss.grad_fn)))
        self.goes_back = True
        super().backward(loss, retain_graph=retain_graph, into=into)
        self.goes_back = False

    def log(self, **losses: Tensor) -> None:
        self._logged += losses.values()
        super().log(**losses)

    def end(self) -> None:
        logged = [x.grad_fn for x in self._logged]
        if None not in logged:  # of one without a graph nobody can tell what it is a part of
            ends, computed = set(logged), _nodes(*logged)
            # A loss is logged, or its parts are, or what was computed from it is.
            self.unlogged |= {at for at, loss, nodes in self._taken if not (ends & nodes or loss in computed)}
        super().end()


def _nodes(*ends: Node | None) -> set[Node]:
    """Everything that these were computed by."""
    found: set[Node] = set()
    waiting = list(ends)
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found:
            found.add(node)
            waiting += [before for before, _ in node.next_functions]
    return found
