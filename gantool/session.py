"""A whole training run: from a request to saves, log, sample grids and gallery. What `gantool train` and
`gantool.train` do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gantool.data.layout import Domain
from gantool.data.pictures import Array, read_pixels, to_uint8
from gantool.data.transforms import Augmentation, crop_and_flip, resize
from gantool.errors import CheckpointError, GantoolError, UsageError
from gantool.files import write_atomically
from gantool.model import Model
from gantool.report.console import Console
from gantool.report.gallery import write_gallery
from gantool.report.grids import grid, png
from gantool.report.progress import StepProgress, progress
from gantool.report.runlog import RunLog
from gantool.training import checkpoint, distributed
from gantool.training.devices import choose
from gantool.training.plan import Plan, fingerprint, write_settings
from gantool.training.precision import half_precision_note
from gantool.training.trainer import Trainer
from gantool.translation.engine import Engine

_SAMPLES = 4  # pictures of each domain in a sample grid


def start(plan: Plan, console: Console) -> Path:
    """Trains as planned and returns the run folder. Raises what `Trainer.train` raises, after the gallery is
    written.
    """
    device = choose(plan.settings.device)
    processes = distributed.join(plan.settings.device if plan.settings.device != "auto" else device.type)
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", processes.local_rank)
        torch.cuda.set_device(device)
    if not processes.first:
        console = Console(verbosity=-1, progress="none")
    if note := half_precision_note(device, plan.settings.precision):
        console.warn(note)
    torch.use_deterministic_algorithms(plan.settings.deterministic)
    cache = plan.folder / ".cache"
    try:
        if plan.saves:
            _compare(plan, processes.world, console)
        model = checkpoint.build_model(plan.kind, plan.options, plan.spec, plan.settings.seed).to(device)
        _check_crop(plan, model)
        if processes.first:
            write_settings(plan, processes.world)
        processes.wait()
        dataset = plan.kind.layout.open(
            plan.domains, plan.preparation, plan.spec.channels, seed=plan.settings.seed, cache=cache
        )
        total = plan.total_steps(len(dataset), processes.world)
        with contextlib.ExitStack() as stack:
            log = RunLog(plan.folder / "log.jsonl")
            report = _Report(plan, console, log, total) if processes.first else _Silence()
            trainer = Trainer(
                model=model,
                name=plan.name,
                dataset=dataset,
                folder=plan.folder,
                settings=plan.settings,
                total_steps=total,
                notes=_notes(plan),
                observer=report,
                processes=processes,
            )
            _begin(plan, trainer, console)
            if dataset.cache_note:
                console.warn(dataset.cache_note)
            if isinstance(report, _Report):
                log.truncate_after(trainer.done)
                every = trainer.read_every * (10 if total > 1000 else 1)
                report.progress = stack.enter_context(progress(console, total, trainer.done, every=every))
                stack.callback(report.finish)
            if trainer.done >= total:
                console.note(f"{plan.folder} is at step {trainer.done} of {total} already: --steps N goes on")
            trainer.train()
        dataset.close(remove=processes.first)
    finally:
        distributed.leave()
    console.note(f"done: {plan.folder}. Translate with: gantool translate --model {plan.folder} IN OUT")
    console.event("done", run=str(plan.folder), step=total)
    return plan.folder


def describe(plan: Plan) -> dict[str, Any]:
    """What a dry run tells: every value with its source, and what the run will take."""
    model = checkpoint.build_model(plan.kind, plan.options, plan.spec, plan.settings.seed)
    _check_crop(plan, model)
    networks = {
        name: sum(p.numel() for p in child.parameters())
        for name, child in model.named_children()
        if any(True for _ in child.parameters())
    }
    parameters = sum(networks.values())
    items = len(
        plan.kind.layout.open(plan.domains, plan.preparation, plan.spec.channels, seed=plan.settings.seed, cache=None)
    )
    return {
        "run": str(plan.folder),
        "domains": {domain.name: len(domain.files) for domain in plan.domains},
        "steps": plan.total_steps(items, world=1),
        "continues_at": int(plan.saves[0].name) if plan.saves else 0,
        "parameters": networks,
        "bytes_per_save": 4 * 3 * parameters,
        "values": {key: {"value": setting.value, "source": setting.source} for key, setting in plan.sources.items()},
    }


def _check_crop(plan: Plan, model: Model) -> None:
    """Raises UsageError for crops that the networks cannot take."""
    crop, least = plan.preparation.crop, model.smallest_crop()
    if plan.preparation.crops and (crop < least or model.sizes.fit(crop, crop) != (crop, crop)):
        raise UsageError(
            f"{plan.name} with these options trains on crops of at least {least} pixels, in multiples of"
            f" {model.sizes.multiple}, not {crop}: change --crop"
        )


def _begin(plan: Plan, trainer: Trainer, console: Console) -> None:
    """Puts the run where it starts: at its beginning, at a save, or at somebody else's weights."""
    for save in plan.saves:
        try:
            trainer.resume(save)
        except CheckpointError as error:
            console.warn(f"{error}; trying the save before it")
            continue
        console.note(f"continuing {plan.folder} after step {trainer.done}")
        return
    if plan.saves:
        raise CheckpointError(f"no save of {plan.folder} is whole: start anew with -o ANOTHER_FOLDER")
    if plan.start_from is not None:
        anew = trainer.start_from(plan.start_from)
        console.note(f"starting from {plan.start_from}" + (f"; new are {', '.join(anew)}" if anew else ""))
    counts = ", ".join(f"{domain.name}: {len(domain.files)}" for domain in plan.domains)
    console.note(f"training {plan.name} on {counts} pictures, {trainer.total_steps} steps, into {plan.folder}")


def _compare(plan: Plan, now: int, console: Console) -> None:
    """Whether this is still the run that was begun."""
    before = plan.began.get("processes", 1)
    if before != now:
        raise UsageError(f"{plan.folder} was trained by {before} processes, not {now}: start as many")
    if plan.began.get("pictures") != fingerprint(plan.domains):
        console.warn("the pictures are not those that this run began with: from here on it is another run than it was")


def _notes(plan: Plan) -> dict[str, Any]:
    return {
        "preparation": vars(plan.preparation),
        "pictures": {domain.name: len(domain.files) for domain in plan.domains},
    }


class _Silence:
    """The observer of every process but the first."""

    def step(self, done: int, losses: Mapping[str, float] | None) -> None: ...

    def sample(self, done: int, model: Model) -> None: ...

    def saved(self, done: int, folder: Path) -> None: ...

    def skipped(self, done: int, in_a_row: int) -> None: ...


class _Report:
    """Progress, log, sample grids of fixed pictures, gallery."""

    progress: StepProgress

    def __init__(self, plan: Plan, console: Console, log: RunLog, total: int) -> None:
        self.plan, self.console, self.log, self.total = plan, console, log, total
        self.pictures = {
            domain.name: [_prepared(plan, domain, index, channels) for index in _spread(len(domain.files), _SAMPLES)]
            for domain, channels in zip(plan.domains, plan.spec.channels, strict=True)
        }

    def step(self, done: int, losses: Mapping[str, float] | None) -> None:
        if losses:
            self.log.append(done, losses)
        self.progress.advance(done, losses)

    def sample(self, done: int, model: Model) -> None:
        engine = Engine(model, next(model.parameters()).device)
        names = self.plan.spec.domains
        columns: list[list[Array]] = []
        header: list[str] = []
        for source in names:
            pictures = self.pictures[source]
            columns.append([*pictures])
            header.append(source)
            for target in (target for start, target in model.directions() if start == source):
                try:
                    # One by one, as `translate` does on a CPU: the same bytes.
                    columns.append([engine.translate([one], source=source, target=target)[0] for one in pictures])
                except GantoolError as error:  # a sample is no reason to end a training
                    self.console.warn(f"no samples at step {done}: {error}")
                    return
                header.append(f"{source} to {target}")
        rows = [[to_uint8(cell) for cell in row] for row in zip(*columns, strict=True)]
        path = self.plan.folder / "samples" / f"{done:08d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, png(grid(rows, header)))
        self.console.event("sample", step=done, file=str(path))
        self.write_gallery()

    def saved(self, done: int, folder: Path) -> None:
        self.console.event("saved", step=done, folder=str(folder))

    def skipped(self, done: int, in_a_row: int) -> None:
        self.log.append(done, {}, skipped=in_a_row)
        self.console.warn(f"step {done}: {in_a_row} in a row not applied, their losses are not finite")

    def finish(self) -> None:
        with contextlib.suppress(GantoolError):  # a full disk has been reported already
            self.write_gallery()

    def write_gallery(self) -> None:
        plan = self.plan
        facts = {
            "model": plan.name,
            "pictures": ", ".join(f"{domain.name}: {len(domain.files)}" for domain in plan.domains),
            "steps": str(self.total),
            "crop": f"{plan.preparation.crop} pixels ({plan.preparation.preprocess})",
            "precision": plan.settings.precision,
            "seed": str(plan.settings.seed),
        }
        write_gallery(plan.folder, f"{plan.name}: {' and '.join(plan.spec.domains)}", facts)


def _spread(count: int, wanted: int) -> list[int]:
    """So many different indices below `count`, evenly apart; some again where there are too few."""
    return [index * count // wanted for index in range(wanted)]


def _prepared(plan: Plan, domain: Domain, index: int, channels: int) -> NDArray[np.uint8]:
    """A fixed picture as training sees it, cropped in the middle."""
    pixels = resize(read_pixels(domain.files[index], channels), plan.preparation)
    height, width = pixels.shape[:2]
    if not plan.preparation.crops:
        return pixels
    crop = plan.preparation.crop
    return crop_and_flip(
        pixels, plan.preparation, Augmentation(max(0, width - crop) // 2, max(0, height - crop) // 2, False)
    )
