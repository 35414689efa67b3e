"""What a training would be: its values, its size, and the time of a step. Nothing is written."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from gantool.data.dataset import Dataset
from gantool.errors import DataError, GantoolError
from gantool.inference.devices import choose
from gantool.model import Model
from gantool.training.building import built, check_sizes, opened, random_and_kernels
from gantool.training.distributed import Processes
from gantool.training.forecast import Forecast, advice, peak_memory
from gantool.training.inspection import inspect
from gantool.training.request import Plan
from gantool.training.samples import rounds, seconds_of_a_round
from gantool.training.trainer import Trainer
from gantool.training.watch import Silence


def describe(plan: Plan) -> dict[str, Any]:
    """The report of a dry run: every value that holds, with its source, and the size of the run."""
    found = inspect(plan.domains, plan.spec.channels)
    if found.error:
        raise DataError(found.error)
    model = built(plan)
    dataset = opened(plan)
    check_sizes(plan, model, dataset)
    networks = {
        name: sum(p.numel() for p in child.parameters())
        for name, child in model.named_children()
        if any(True for _ in child.parameters())
    }
    parameters = sum(networks.values())
    steps = plan.total_steps(len(dataset), world=1)
    values = {key: {"value": setting.value, "source": setting.source} for key, setting in plan.sources.items()}
    s, pictures = plan.settings, plan.settings.batch * plan.settings.accumulate
    derived = {
        "size": plan.preparation.size,
        "crop": plan.preparation.crop,
        "steps": steps,
        "epochs": round(steps * pictures / len(dataset), 2),
        "save_every": s.saves_every(steps),
        "sample_every": s.samples_every(steps),
    }
    for key, value in derived.items():
        if values[key]["value"] is None:
            values[key] = {"value": value, "source": "derived"}
    return {
        "run": str(plan.folder),
        "domains": {domain.name: len(domain.files) for domain in plan.domains},
        "steps": steps,
        "continues_at": int(plan.place.saves[0].name) if plan.place.saves else 0,
        "parameters": networks,
        "bytes_per_save": 4 * 3 * parameters,
        "values": values,
    }


def measure(plan: Plan) -> tuple[Forecast, str]:
    """What a step of this training and a round of its samples take here, and what to say of it. Makes one or two steps,
    draws a sample grid or a part of one and writes nothing.

    The steps are of one batch, and a step of several takes as many times as long: nobody waits for 60000 to be told.
    """
    device = choose(plan.settings.device)
    with random_and_kernels(plan, device):
        model, dataset = built(plan), opened(plan)
        model.prepare_training()
        model.to(device)
        total = plan.total_steps(len(dataset), 1)
        drawing = _Drawing(dataset)
        one = replace(plan.settings, accumulate=1)
        trainer = Trainer(model, plan.name, dataset, plan.folder, one, total, {}, drawing, Processes())
        taken, pictures = trainer.try_step()
        trainer.sample()
    batches, memory = plan.settings.accumulate, peak_memory(device)
    if memory is not None and device.type == "cpu":  # a GPU has one batch after the other
        memory += (batches - 1) * pictures
    done = int(plan.place.saves[0].name) if plan.place.saves else 0
    left = rounds(done, total, plan.settings.samples_every(total))
    forecast = Forecast(batches * taken, max(0, total - done), drawing.seconds, left, memory)
    said = advice(plan, forecast, device)
    if plan.settings.validate is not None:
        said += ". Validations come on top: the first one tells how long they take"
    return forecast, said


class _Drawing(Silence):
    """Draws samples to see how long they take, and keeps none."""

    seconds = 0.0

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def sample(self, done: int, model: Model[Any]) -> None:
        with contextlib.suppress(GantoolError):  # a training goes on without them
            self.seconds = seconds_of_a_round(model, self._dataset)
