"""A whole training: from a plan to saves, log, sample grids and gallery. `gantool train` and `gantool.train` both come
through here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch

from gantool.counting import count_in_words
from gantool.data.care.results import translated_there
from gantool.data.dataset import Dataset
from gantool.errors import CheckpointError, DataError, GantoolError, UsageError, argument
from gantool.files import reason
from gantool.inference.devices import choose, faster_note, half_precision_note, own_gpu
from gantool.model import Model
from gantool.options import without_places
from gantool.pictures.find import others_below, passed_over
from gantool.report import card
from gantool.report.console import Console
from gantool.report.progress import progress
from gantool.report.runlog import RunLog
from gantool.report.text import words
from gantool.runs import checkpoint, folders, lock, outcome
from gantool.spec import Facts
from gantool.trackers.several import Trackers, tracking
from gantool.trackers.tracker import About
from gantool.training import distributed
from gantool.training.building import random_and_kernels, ready
from gantool.training.distributed import Processes
from gantool.training.inspection import Inspection, inspect, remember, remembered
from gantool.training.request import Plan, fingerprint, write_settings
from gantool.training.trainer import Trainer
from gantool.training.validation import Measure, Validations, Validator, ended
from gantool.training.watch import Silence, Watch

_CHECKED = Path(".cache", "checked")
"""In the run folder: which pictures need not be looked at again."""


def start(plan: Plan, console: Console, validator: Validator | None = None, *, left: float | None = None) -> Path:
    """Trains as planned and returns the run folder. Raises what `Trainer.train` raises, after the gallery is
    written, and UsageError where another training is at work in the run folder.

    `validator` makes what measures saves, for a plan that has validations; its errors are raised before anything else.
    `left` is a time limit in seconds beside the plan's own.
    """
    console = console.steadfast()
    device = choose(plan.settings.device)
    processes = distributed.join(plan.settings.device if plan.settings.device != "auto" else device.type)
    if not processes.first:
        console = Console(verbosity=-1, progress="none")
    if note := half_precision_note(device, plan.settings.precision):
        console.warn(note)
    with contextlib.ExitStack() as outside:
        outside.callback(distributed.leave)
        if device.type == "cuda":
            device = own_gpu(device, processes.local_rank, processes.here, torch.cuda.device_count())
            torch.cuda.set_device(device)
            if note := faster_note(torch.cuda.get_device_capability(), plan.settings.precision, plan.settings.compile):
                console.note(note)
        outside.enter_context(random_and_kernels(plan, device))
        if plan.settings.compile:
            from torch._functorch import config

            # A step may take two gradients of one pass, for which a compiler must keep all values. The setting is this
            # thread's alone, so gradients must be taken in it, too: those of a GPU have a thread of their own.
            outside.enter_context(config.patch(donated_buffer=False))
            outside.enter_context(torch.autograd.set_multithreading_enabled(False))
        if plan.place.saves:
            _compare(plan, processes.world, console)
        measure = _measure(plan, validator, processes, console)
        found = _inspected(plan, processes, console)
        model, dataset = ready(plan)
        model.prepare_training()
        # Before there is a run folder: weights that cannot be read leave none.
        new = None if plan.place.saves or plan.start_from is None else checkpoint.begin_from(model, plan.start_from)
        total = plan.total_steps(len(dataset), processes.world)
        taken = _taken(plan, processes.world, total, found, outside) if processes.first else plan.folder
        # What keeps the first process from the folder ends all of them in the same way.
        folder = processes.shared(taken)
        if isinstance(folder, GantoolError):
            raise folder
        dataset.keep_in(folder / ".cache")
        model.to(device)
        with _noted(folder, total, processes, console):
            _train(plan, model, dataset, folder, processes, console, measure, left, new)
        if processes.first:
            (folder / _CHECKED).unlink(missing_ok=True)
        dataset.close(remove=processes.first)
    return folder


@contextlib.contextmanager
def _noted(folder: Path, total: int, processes: Processes, console: Console) -> Iterator[None]:
    """Around a training: its run folder says that it is at work, and how it ended."""
    if not processes.first:
        yield
        return
    outcome.write(folder, outcome.Outcome(outcome.RUNNING, total))
    try:
        yield
    except BaseException as error:
        outcome.write(folder, outcome.ended_by(error, total, console.words))
        raise
    outcome.write(folder, outcome.Outcome(outcome.DONE, total))


def _measure(plan: Plan, validator: Validator | None, processes: Processes, console: Console) -> Measure | None:
    """What measures saves, in the first process of a run that validates. Its errors are raised in all of them."""
    if plan.settings.validate is None:
        return None
    if validator is None:
        raise ValueError("this plan has validations: a validator is needed")
    measure, error = None, None
    if processes.first:
        try:
            measure, pictures, warning = validator(plan)
            console.note(f"each save is measured by {plan.settings.metric} on {pictures}")
            if warning:
                console.warn(warning)
        except GantoolError as found:
            error = found
    if error := processes.shared(error):
        raise error
    return measure


def _train(
    plan: Plan,
    model: Model[Any],
    dataset: Dataset,
    folder: Path,
    processes: Processes,
    console: Console,
    measure: Measure | None,
    left: float | None,
    new: Sequence[str] | None,
) -> None:
    total = plan.total_steps(len(dataset), processes.world)
    with contextlib.ExitStack() as stack:
        log = RunLog(folder / folders.LOG)
        device = next(model.parameters()).device
        watch = Watch(plan, folder, console, log, total, dataset, device) if processes.first else Silence()
        trainer = Trainer(
            model=model,
            name=plan.name,
            dataset=dataset,
            folder=folder,
            settings=plan.settings,
            total_steps=total,
            notes=_notes(plan),
            observer=watch,
            processes=processes,
            left=left,
        )
        _begin(plan, trainer, console, new)
        if dataset.cache_note:
            console.warn(dataset.cache_note)
        if isinstance(watch, Watch):
            log.truncate_after(trainer.done)
            every = trainer.read_every * (10 if total > 1000 else 1)
            watch.done = trainer.done
            watch.progress = stack.enter_context(progress(console, total, trainer.done, every=every))
            stack.callback(watch.finish)
            watch.trackers = stack.enter_context(_tracking(plan, folder, trainer.done, processes.world, console))
            if measure is not None:
                trainer.validations = Validations(
                    folder,
                    measure,
                    plan.settings.metric,
                    device,
                    console,
                    watch.progress,
                    watch.validated,
                    tell=watch.trackers.metrics,
                )
        if trainer.done >= total:
            console.note(f"{folder} is at step {trainer.done} of {total} already: {argument('steps', 'N')} goes on")
        elif plan.settings.compile:
            console.note("compiling the networks: the first step takes a minute or more, the others do not")
        trainer.train()
        if isinstance(watch, Watch):
            watch.enough = trainer.enough
    best = folders.best(folder) if plan.settings.validate else None
    facts = checkpoint.facts_of_model(model, plan.name, trainer.done, {})
    if trainer.enough and trainer.validations is not None and trainer.validations.standing is not None:
        console.note(f"stopped at step {trainer.done} of {total}: {ended(trainer.validations.standing, folder)}")
    console.note(f"done: {folder}. {_what_next(facts, folder if best is None else folder / folders.BEST)}")
    console.event("done", run=str(folder), step=trainer.done)


def _tracking(plan: Plan, folder: Path, done: int, world: int, console: Console) -> AbstractContextManager[Trackers]:
    """What tells trackers of this training."""
    stored = plan.as_yaml(world)
    facts, options = stored.pop("facts"), stored.pop("options")
    named = {**stored, **{f"options.{key}": value for key, value in options.items()}, "gantool": facts["gantool"]}
    told = without_places(named)  # a tracker may send it elsewhere
    plain = {key: value if isinstance(value, (str, int, float, bool)) else words(value) for key, value in told.items()}
    place = folder.resolve()
    about = About(folder, f"{place.parent.name}/{place.name}", plain, done, "")
    return tracking(plan.settings.track or (), about, console)


def _what_next(facts: Facts, weights: Path) -> str:
    """What these weights are for, as a command."""
    return f"{'Make pictures' if 'sample' in facts.can else 'Translate'} with: {card.use(facts, weights)}"


def _taken(
    plan: Plan, processes: int, total: int, found: Inspection, outside: contextlib.ExitStack
) -> Path | GantoolError:
    """The run folder, locked until the end of `outside` and with its run.yaml; or why it cannot be had.

    An automatic one is made here. The run.yaml of a run that is at its end stays what it is: nothing is trained with
    what is said now.
    """
    folder = plan.folder
    try:
        if plan.place.automatic:
            folder = folders.make_run(plan.name)
        folder.mkdir(parents=True, exist_ok=True)
        outside.enter_context(lock.held(folder))
        folders.sweep(folder)
        steps = [int(save.name) for save in folders.saves(folder)]
        if max(steps, default=0) > max((int(save.name) for save in plan.place.saves), default=0):
            raise UsageError(f"another training has saved step {max(steps)} in {folder} meanwhile: start again")
        if max(steps, default=0) < total:
            write_settings(plan, folder, processes)
        remember(folder / _CHECKED, found)
    except OSError as error:
        return DataError(f"cannot write to the run folder {folder}: {reason(error, folder)}")
    except GantoolError as error:
        return error
    return folder


def _inspected(plan: Plan, processes: Processes, console: Console) -> Inspection:
    """What the first process finds. Raises DataError for broken pictures, in all of them."""
    found = Inspection((), 0, 0, frozenset(), ())
    if processes.first:
        found = inspect(plan.domains, plan.spec.channels, remembered(plan.folder / _CHECKED))
    if error := processes.shared(found.error or ""):
        raise DataError(error)
    if found.left:
        left = count_in_words(found.left, "picture is read when its", "pictures are read when their")
        console.note(f"{left} turn comes: gantool data check reads all of them")
    if not plan.place.saves and (small := found.enlarged(plan.preparation)):
        console.note(small)
    return found


def _begin(plan: Plan, trainer: Trainer, console: Console, new: Sequence[str] | None) -> None:
    """Puts the run where it starts, at its beginning or at a save, and says so.

    `new` are the parts that the weights of another run, which the model has already, did not have.
    """
    for save in plan.place.saves:
        try:
            trainer.resume(save)
        except CheckpointError as error:
            console.warn(f"{error.text}; trying the save before it")
            continue
        console.note(f"continuing {plan.folder} after step {trainer.done}")
        return
    if plan.place.saves:
        another = argument("out", "ANOTHER_FOLDER")
        raise CheckpointError(f"no save of {plan.folder} is whole: start anew with {another}")
    if new is not None:
        console.note(f"starting from {plan.start_from}" + (f"; new are {', '.join(new)}" if new else ""))
    counts = ", ".join(f"{domain.name}: {len(domain.files)}" for domain in plan.domains)
    for domain in plan.domains:
        if domain.note:
            console.note(domain.note)
    if trainer.pictures_a_step < plan.data.stable_batch:
        pictures = count_in_words(trainer.pictures_a_step, "picture a step is", "pictures a step are")
        console.note(
            f"{pictures} few for {plan.name}: with fewer than"
            f" {plan.data.stable_batch} trainings are known to collapse. Look at its samples, and keep its saves:"
            f" {argument('keep', 0)}"
        )
    for line in translated_there(plan.domains):
        console.warn(line)
    if others := others_below(plan.paths, [kind for domain in plan.domains for kind in domain.read_beside]):
        console.note(passed_over(others))
    steps = count_in_words(trainer.total_steps, "step")
    console.note(f"training {plan.name} on {counts} pictures, {steps}, into {trainer.folder}")


def _compare(plan: Plan, now: int, console: Console) -> None:
    """Whether this is still the run that was begun."""
    before = plan.began.get("processes", 1)
    if before != now:
        raise UsageError(f"{plan.folder} was trained by {before} processes, not {now}: start as many")
    if plan.began.get("pictures") != fingerprint(plan.domains):
        then = plan.began.get("domains", {})
        counts = [(one.name, then.get(one.name), len(one.files)) for one in plan.domains]
        changed = ", ".join(f"{name}: {before} then, {now} now" for name, before, now in counts if before != now)
        told = f" ({changed})" if changed else ""
        console.warn(f"the pictures are not those that this run began with{told}: it goes on with those of now")


def _notes(plan: Plan) -> dict[str, Any]:
    return {
        "preparation": vars(plan.preparation),
        "pictures": {domain.name: len(domain.files) for domain in plan.domains},
        **({"licence": plan.licence} if plan.licence else {}),
    }
