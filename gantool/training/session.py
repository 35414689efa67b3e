"""A whole training run: from a request to saves, log, sample grids and gallery. What `gantool train` and
`gantool.train` do.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from gantool import direction
from gantool.data.cache import Source
from gantool.data.dataset import Dataset
from gantool.data.transforms import resized_size
from gantool.errors import CheckpointError, GantoolError, UsageError
from gantool.files import write_atomically
from gantool.inference import grids
from gantool.inference.devices import choose
from gantool.inference.engine import Engine
from gantool.inference.devices import half_precision_note
from gantool.model import Model, Progress
from gantool.report.console import Console
from gantool.report.gallery import write_gallery
from gantool.report.grids import grid, png
from gantool.report.progress import StepProgress, progress
from gantool.report.runlog import RunLog
from gantool.runs import checkpoint
from gantool.training import distributed
from gantool.training.request import Plan, fingerprint, write_settings
from gantool.training.trainer import Trainer

_SAMPLES = 4  # rows of a sample grid


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
    cache = plan.folder / ".cache"
    with contextlib.ExitStack() as outside:
        outside.callback(distributed.leave)
        outside.enter_context(_random_and_kernels(device, plan.settings.deterministic))
        if plan.saves:
            _compare(plan, processes.world, console)
        model = _built(plan)
        _check_sizes(plan, model)
        model.prepare_training()
        model.to(device)
        if processes.first:
            write_settings(plan, processes.world)
        processes.wait()
        dataset = plan.kind.layout_for(plan.options).open(
            plan.domains, plan.preparation, plan.spec.channels, seed=plan.settings.seed, cache=cache
        )
        total = plan.total_steps(len(dataset), processes.world)
        with contextlib.ExitStack() as stack:
            log = RunLog(plan.folder / "log.jsonl")
            report = _Report(plan, console, log, total, dataset) if processes.first else _Silence()
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
    targets = direction.to_choose_from(plan.spec.domains, labels=plan.spec.labels)
    to = f" --to {targets[-1]}" if targets else ""
    console.note(f"done: {plan.folder}. Translate with: gantool translate --model {plan.folder}{to} IN OUT")
    console.event("done", run=str(plan.folder), step=total)
    return plan.folder


def describe(plan: Plan) -> dict[str, Any]:
    """What a dry run tells: every value with its source, and what the run will take."""
    model = _built(plan)
    _check_sizes(plan, model)
    networks = {
        name: sum(p.numel() for p in child.parameters())
        for name, child in model.named_children()
        if any(True for _ in child.parameters())
    }
    parameters = sum(networks.values())
    items = len(
        plan.kind.layout_for(plan.options).open(
            plan.domains, plan.preparation, plan.spec.channels, seed=plan.settings.seed, cache=None
        )
    )
    values = {key: {"value": setting.value, "source": setting.source} for key, setting in plan.sources.items()}
    derived = {"size": plan.preparation.size, "crop": plan.preparation.crop}
    for key, value in derived.items():
        if values[key]["value"] is None:
            values[key] = {"value": value, "source": "derived"}
    return {
        "run": str(plan.folder),
        "domains": {domain.name: len(domain.files) for domain in plan.domains},
        "steps": plan.total_steps(items, world=1),
        "continues_at": int(plan.saves[0].name) if plan.saves else 0,
        "parameters": networks,
        "bytes_per_save": 4 * 3 * parameters,
        "values": values,
    }


def _built(plan: Plan) -> Model:
    """The model with its first weights. Raises UsageError for options that contradict each other."""
    try:
        model = checkpoint.build_model(plan.kind, plan.options, plan.spec, plan.settings.seed)
        model.optimizers()
        model.rate_factor(Progress(0, 1, 0.0))
    except ValueError as error:
        raise UsageError(f"{plan.name}: {error}") from error
    return model


@contextlib.contextmanager
def _random_and_kernels(device: torch.device, deterministic: bool) -> Iterator[None]:
    """Inside, torch's generators may be seeded and its kernels chosen; afterwards a caller finds both as they were."""
    before = torch.are_deterministic_algorithms_enabled()
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS wants for it
    try:
        torch.use_deterministic_algorithms(deterministic)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        torch.use_deterministic_algorithms(before)


def _check_sizes(plan: Plan, model: Model) -> None:
    """Raises UsageError for training pictures of sizes that the networks, or a batch, cannot take."""
    p, least = plan.preparation, model.smallest_crop()
    exact = model.sizes.exact
    multiple = model.sizes.multiple
    if p.common_size is not None or p.crops:
        if p.crop < least or p.crop % multiple or p.crop != (exact or p.crop):
            wanted = f"exactly {exact}" if exact else f"at least {least} pixels, in multiples of {model.sizes.multiple}"
            raise UsageError(f"{plan.name} with these options trains on crops of {wanted}, not {p.crop}: change --crop")
        return
    sources = [Source(file, 3, domain.half) for domain in plan.domains for file in domain.files]
    with ThreadPoolExecutor() as pool:
        sizes = [resized_size(*size, p) for size in pool.map(Source.size, sources)]
    for source, (width, height) in zip(sources, sizes, strict=True):
        wrong = min(width, height) < least or width % multiple or height % multiple
        if wrong or (exact and (width, height) != (exact, exact)):
            raise UsageError(
                f"{source.path} is {width}x{height} after --preprocess {p.preprocess}, and {plan.name} takes"
                f" at least {least} pixels, in multiples of {model.sizes.multiple}: choose a --preprocess that crops"
            )
    if plan.settings.batch > 1 and len(set(sizes)) > 1:
        one = "--batch 1, or " if plan.kind.smallest_batch == 1 else ""
        raise UsageError(
            f"pictures of different sizes (--preprocess {p.preprocess}) cannot share a batch: {one}a --preprocess that"
            " crops"
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
    for domain in plan.domains:
        if domain.note:
            console.note(domain.note)
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
        **({"licence": plan.licence} if plan.licence else {}),
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

    def __init__(self, plan: Plan, console: Console, log: RunLog, total: int, dataset: Dataset) -> None:
        self.plan, self.console, self.log, self.total = plan, console, log, total
        self.pictures = dataset.samples(_SAMPLES)

    def step(self, done: int, losses: Mapping[str, float] | None) -> None:
        if losses:
            self.log.append(done, losses)
        self.progress.advance(done, losses)

    def sample(self, done: int, model: Model) -> None:
        engine = Engine(model, next(model.parameters()).device)
        names = self.plan.spec.domains
        try:
            many = len(names) > 2
            rows, header = grids.by_domain(engine, self.pictures) if many else grids.by_pair(engine, self.pictures)
        except GantoolError as error:  # a sample is no reason to end a training
            self.console.warn(f"no samples at step {done}: {error}")
            return
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
