"""`gantool translate`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gantool.cli import common
from gantool.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from gantool.inference.engine import Engine
    from gantool.report.console import Console
    from gantool.translation.inputs import Inputs
    from gantool.translation.outbox import Outbox
    from gantool.translation.outputs import Existing, Plan
    from gantool.translation.pipeline import Request
    from gantool.translation.tally import Tally


def _option(*names: str, help: str, panel: str, **more: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, **more)


_WHAT, _STYLE, _FILES, _MACHINE, _REPORT = "Translation", "Styles", "Files", "Machine", "Report"


def translate(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="IN... [OUT]",
            help="A picture, a folder (the pictures below it), several of them, @LIST (a file with one path a line), @-"
            " (such a list on stdin), or - (a picture on stdin, to stdout). OUT is a file, a folder, or - for stdout.",
        ),
    ],
    model: common.ModelName,
    out: Annotated[
        str | None, _option("-o", "--out", help="OUT, by name: then all other words are inputs.", panel=_FILES)
    ] = None,
    to: Annotated[
        str | None,
        _option(
            "--to",
            metavar="DOMAIN",
            help="Target domain (default: the second of two), several with commas between, or all.",
            panel=_WHAT,
            autocompletion=common.domains,
        ),
    ] = None,
    style: Annotated[
        str | None,
        _option(
            "--style",
            metavar="S",
            help="random (default), mean, a picture, a folder of pictures, or codes in a .npy file.",
            panel=_STYLE,
        ),
    ] = None,
    count: Annotated[
        int | None, _option("-n", metavar="K", help="Results a picture, each in its own style.", panel=_STYLE)
    ] = None,
    sync: Annotated[bool, _option("--sync", help="The same K random styles for all pictures.", panel=_STYLE)] = False,
    interpolate: Annotated[
        tuple[Path, Path] | None,
        _option("--interpolate", metavar="A B", help="K styles from that of picture A to that of B.", panel=_STYLE),
    ] = None,
    save_styles: Annotated[
        bool, _option("--save-styles", help="Write each result's code beside it, as .npy.", panel=_STYLE)
    ] = False,
    attention: Annotated[
        Path | None,
        _option("--attention", metavar="DIR", help="Also write maps of where the networks look.", panel=_WHAT),
    ] = None,
    grid: Annotated[
        bool, _option("--grid", help="OUT is one picture: inputs by styles and domains.", panel=_STYLE)
    ] = False,
    size: Annotated[
        str,
        _option(
            "--size", metavar="N|WxH", help="Resize pictures to N x N or W x H first; keep: as they are.", panel=_WHAT
        ),
    ] = "keep",
    seed: Annotated[
        int, _option("--seed", help="What a model draws follows from it and the picture's path.", panel=_WHAT)
    ] = 0,
    ext: Annotated[
        str | None,
        _option("--ext", help="same, png, jpg, webp, tif, ... (default: same; png for one picture).", panel=_FILES),
    ] = None,
    suffix: Annotated[
        str, _option("--suffix", help="Put behind each name's stem: with _b y.jpg becomes y_b.jpg.", panel=_FILES)
    ] = "",
    quality: Annotated[int, _option("--quality", min=1, max=100, help="Of jpg, webp and avif.", panel=_FILES)] = 95,
    overwrite: Annotated[bool, _option("--overwrite", help="Replace files that exist.", panel=_FILES)] = False,
    skip_existing: Annotated[
        bool,
        _option("--skip-existing", help="Keep files that exist (default for folders and lists).", panel=_FILES),
    ] = False,
    fail_existing: Annotated[
        bool, _option("--fail-existing", help="Begin only if none exists (default for one picture).", panel=_FILES)
    ] = False,
    shard: Annotated[str, _option("--shard", metavar="I/N", help="Do the I-th of N parts.", panel=_FILES)] = "1/1",
    dry_run: Annotated[
        bool, _option("--dry-run", help="Show what would be written where, and stop.", panel=_FILES)
    ] = False,
    device: Annotated[str, _option("--device", help="auto, cpu, cuda, cuda:1 or mps.", panel=_MACHINE)] = "auto",
    precision: Annotated[str, _option("--precision", metavar="P", help="fp32 or bf16.", panel=_MACHINE)] = "fp32",
    batch: Annotated[
        int | None,
        _option(
            "--batch", min=1, help="Pictures of one size that share a pass (default: 1; 16 on CUDA).", panel=_MACHINE
        ),
    ] = None,
    memory: Annotated[
        str | None,
        _option(
            "--memory", metavar="SIZE", help="What a pass may take, such as 2G (default: what is free).", panel=_MACHINE
        ),
    ] = None,
    print_: Annotated[bool, _option("--print", help="Written files on stdout, one a line.", panel=_REPORT)] = False,
    fail_fast: Annotated[
        bool, _option("--fail-fast", help="Stop at the first picture that fails.", panel=_REPORT)
    ] = False,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Translate pictures with a trained model. Results are as large as their inputs.

    gantool translate --model cyclegan photo.jpg painting.png

    gantool translate --model runs/h2z in/ out/ --ext png

    gantool translate --model munit --style random -n 4 in/ out/

    cat photo.jpg | gantool translate --model runs/h2z - > painting.png
    """
    console = common.console(quiet, verbose, json)
    from gantool import direction
    from gantool.inference.memory import parse_bytes
    from gantool.pictures.resize import parse_size
    from gantool.runs.header import read_weights_header
    from gantool.translation import inputs, outputs, variants
    from gantool.translation.naming import Naming
    from gantool.translation.outbox import Outbox
    from gantool.translation.tally import Tally

    if precision not in ("fp32", "bf16"):
        raise UsageError(f"--precision is fp32 or bf16, not {precision}")
    if json and print_:
        raise UsageError("--json names the written files already: leave out --print")
    part = outputs.parse_shard(shard)
    naming = Naming(ext, suffix)
    resized = None if size == "keep" else parse_size(size)
    limit = None if memory is None else parse_bytes(memory)
    existing = _existing(overwrite, skip_existing, fail_existing)
    if out is None and len(paths) > 1:
        *paths, out = paths

    path = common.weights(model, console)
    facts = read_weights_header(path).metadata
    directions = direction.targets(facts["spec"], to, facts.get("directions"))
    styles = variants.styles(style, count, interpolate, facts.get("style_size", 0), facts["model"])
    if styles[0][0] is None:
        if sync:
            raise UsageError(f"{facts['model']} has no styles to keep in step: leave out --sync")
        if save_styles:
            raise UsageError(f"{facts['model']} has no styles to save: leave out --save-styles")
    results = variants.variants(directions, styles)
    if attention is not None and "attention" not in facts.get("outputs", ()):
        raise UsageError(f"{facts['model']} has no attention to show: leave out --attention")

    found = inputs.find_inputs(
        paths, Path(out) if out is not None and out != inputs.STREAM else None, sys.stdin.buffer.read
    )

    def engine() -> Engine:
        from gantool.inference.devices import choose
        from gantool.inference.engine import Engine
        from gantool.inference.devices import half_precision_note
        from gantool.runs import checkpoint

        chosen = choose(device)
        if note := half_precision_note(chosen, precision):
            console.warn(note)
        return Engine(checkpoint.load_model(path)[1], chosen, precision, limit)

    def request(device: str) -> Request:
        from gantool.translation.pipeline import Request, default_batch, default_workers

        return Request(
            results,
            size=resized,
            batch=batch or default_batch(device),
            quality=quality,
            overwrite=overwrite,
            seed=seed,
            sync=sync,
            workers=default_workers(),
        )

    if grid:
        useless = {
            "--json": json,
            "--print": print_,
            "--save-styles": save_styles,
            "--dry-run": dry_run,
            "--attention": attention is not None,
            "--shard": shard != "1/1",
            "--ext": ext is not None,
            "--suffix": bool(suffix),
            "--skip-existing": skip_existing,
            "--batch": batch is not None,
        }
        if given := [name for name, is_given in useless.items() if is_given]:
            raise UsageError(f"--grid makes one picture, by itself: leave out {', '.join(given)}")
        _draw(found, out, existing, engine, request, console)
        return
    names = [result.suffix for result in results]
    plan = outputs.make_plan(
        found, out, naming, existing=existing, shard=part, variants=names, codes=save_styles, maps=attention
    )
    to_stdout = plan.root is None
    if to_stdout and (json or print_):
        raise UsageError("the picture itself goes to stdout: leave out --json and --print, or name OUT")
    if plan.results:
        console.note(f"passed over {plan.results} pictures that are results for others")
    if dry_run:
        _show(plan, console)
        return
    if to_stdout and sys.stdout.isatty():
        raise UsageError("a picture is not for a terminal: redirect it (> picture.png) or name OUT")
    reads_stdin = any(job.source.picture is None for job in plan.jobs)
    if reads_stdin and sys.stdin.isatty():
        raise UsageError("- reads a picture from stdin, which is a terminal: cat picture.jpg | gantool translate ...")

    tally = Tally(console, total=len(plan.jobs), single=found.single, fail_fast=fail_fast)
    with _stopping(tally), Outbox(plan.root) if plan.root and plan.jobs else nullcontext() as outbox:
        for job in plan.skipped:
            tally.skip(job, job.out)
        if plan.jobs:
            stdin = sys.stdin.buffer.read() if reads_stdin else b""
            ready = engine()
            if not found.single:
                bf16 = ", in bf16" if precision == "bf16" else ""
                two = len(facts["spec"]["domains"]) == 2 and not facts["spec"].get("labels")
                known = f"{directions[0][0]} " if two else ""
                ways = f"{known}to {', '.join(target for _, target in directions)} on {ready.device}{bf16}"
                console.note(f"{ways}: {len(plan.jobs)} to do, {len(plan.skipped)} done before")
            _run(ready, plan, request(ready.device.type), stdin, outbox, tally, print_)
    tally.end()


def _run(
    engine: Engine, plan: Plan, request: Request, stdin: bytes, outbox: Outbox | None, tally: Tally, print_: bool
) -> None:
    from gantool.report.progress import files_progress
    from gantool.translation.pipeline import Done, Failed, translate_all

    streamed: list[bytes] = []

    def deliver(out: Path | None, data: bytes) -> None:
        if out is None or outbox is None:
            streamed.append(data)
        else:
            outbox.write(out, data)

    outcomes = translate_all(engine, plan.jobs, request, deliver, stdin=stdin, owners=plan.owners)
    with (
        closing(outcomes),
        nullcontext() if tally.single else files_progress(tally.console, len(plan.jobs)) as progress,
    ):
        for outcome in outcomes:
            if isinstance(outcome, Failed):
                tally.fail(outcome)
            elif isinstance(outcome, Done):
                tally.done(outcome)
                if print_:  # as bytes: a file's name need not be text
                    sys.stdout.buffer.write(os.fsencode(f"{outcome.out}\n"))
                    sys.stdout.buffer.flush()
            else:
                tally.skip(outcome.job, outcome.out)
            if progress is not None:
                progress.advance(failed=isinstance(outcome, Failed))
    for data in streamed:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def _draw(
    found: Inputs,
    out: str | None,
    existing: Existing | None,
    engine: Callable[[], Engine],
    request: Callable[[str], Request],
    console: Console,
) -> None:
    """`--grid`."""
    from gantool.errors import DataError
    from gantool.files import write_atomically
    from gantool.pictures.file import encode, writable_format
    from gantool.report.progress import files_progress
    from gantool.translation.inputs import STREAM

    if out is None or (out != STREAM and (not Path(out).suffix or Path(out).is_dir())):
        raise UsageError("--grid makes one picture: name it, such as grid.png")
    try:
        format = "PNG" if out == STREAM else writable_format(Path(out).suffix)
    except DataError as error:
        raise UsageError(f"{out}: {error}") from None
    if out != STREAM and Path(out).exists() and existing != "overwrite":
        raise UsageError(f"{out} exists already: --overwrite replaces it")
    import numpy as np

    from gantool.translation.sheet import sheet

    stdin = sys.stdin.buffer.read() if any(source.picture is None for source in found.sources) else b""
    ready = engine()
    with files_progress(console, len(found.sources)) as bar:
        drawn = sheet(ready, found.sources, request(ready.device.type), stdin=stdin, advance=bar.advance)
    data = encode(np.asarray(drawn), format, quality=request(ready.device.type).quality)
    if out == STREAM:
        sys.stdout.buffer.write(data)
    else:
        write_atomically(Path(out), data)
        console.note(f"wrote {out}")


def _show(plan: Plan, console: Console) -> None:
    for jobs, action in ((plan.jobs, "write"), (plan.skipped, "skip")):
        for job in jobs:
            out = job.out or "stdout"
            console.event("plan", **{"in": job.source.name}, out=out, action=action)
            if not console.json:
                console.result(f"{job.source.name} -> {out}" + (" (exists: skipped)" if action == "skip" else ""))
    console.event("done", written=0, skipped=len(plan.skipped), failed=0)


@contextmanager
def _stopping(tally: Tally) -> Iterator[None]:
    """Inside, SIGINT and SIGTERM raise Interrupted in the main thread; a second one ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, frame: object) -> None:
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        raise Interrupted(tally.stopped(), 128 + number)

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _existing(overwrite: bool, skip: bool, fail: bool) -> Existing | None:
    if overwrite + skip + fail > 1:
        raise UsageError("--overwrite, --skip-existing and --fail-existing exclude each other")
    return "overwrite" if overwrite else "skip" if skip else "fail" if fail else None
