"""`gantool translate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gantool.cli import common, completion, model_flag, translate_flags, translation_report
from gantool.cli.common import flag
from gantool.errors import UsageError

_WHAT, _FILES, _MACHINE, _REPORT = "Translation", "Files", "Machine", "Report"

Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="IN... [OUT]",
        help="A picture or film, a folder (those below it), several of them, @LIST (a file with one path a line), @-"
        " (such a list on stdin), or - (a picture on stdin, to stdout). OUT is a file, a folder, or - for stdout.",
    ),
]


def translate(
    paths: Paths,
    model: model_flag.ModelName,
    out: Annotated[str | None, flag("-o --out", "OUT, by name: then all other words are inputs.", _FILES)] = None,
    to: Annotated[
        str | None,
        flag(
            "--to",
            "Target domain (default: the second of two), several with commas between, or all.",
            _WHAT,
            metavar="DOMAIN",
            autocompletion=completion.domains,
        ),
    ] = None,
    style: translate_flags.Style = None,
    count: translate_flags.Count = None,
    sync: translate_flags.Sync = False,
    interpolate: translate_flags.Interpolate = None,
    save_styles: translate_flags.SaveStyles = False,
    attention: Annotated[
        Path | None,
        flag("--attention", "Also write maps of where the networks look.", _WHAT, metavar="DIR"),
    ] = None,
    grid: translate_flags.Grid = False,
    frames: translate_flags.Frames = False,
    every: translate_flags.Every = 1,
    start: translate_flags.Start = None,
    stop: translate_flags.Stop = None,
    raw: translate_flags.Raw = None,
    size: Annotated[
        str,
        flag("--size", "Resize pictures to N x N or W x H first; keep: as they are.", _WHAT, metavar="N|WxH"),
    ] = "keep",
    seed: Annotated[int, flag("--seed", "All random draws follow from it and the picture's path.", _WHAT)] = 0,
    ext: Annotated[
        str | None,
        flag("--ext", "same, png, jpg, webp, tif, ... (default: same; png for one picture).", _FILES),
    ] = None,
    suffix: Annotated[
        str, flag("--suffix", "Put behind each name's stem: with _b y.jpg becomes y_b.jpg.", _FILES)
    ] = "",
    quality: Annotated[int, flag("--quality", "Of jpg, webp, avif and films.", _FILES, min=1, max=100)] = 95,
    watch: Annotated[bool, flag("--watch", "Go on with what arrives in the folders, until Ctrl-C.", _FILES)] = False,
    overwrite: Annotated[bool, flag("--overwrite", "Replace files that exist.", _FILES)] = False,
    newer: Annotated[
        bool, flag("--newer", "Replace results older than their input, or made otherwise.", _FILES)
    ] = False,
    skip_existing: Annotated[
        bool, flag("--skip-existing", "Keep files that exist (default for folders and lists).", _FILES)
    ] = False,
    fail_existing: Annotated[
        bool, flag("--fail-existing", "Begin only if none exists (default for one picture).", _FILES)
    ] = False,
    shard: Annotated[str, flag("--shard", "Do the I-th of N parts.", _FILES, metavar="I/N")] = "1/1",
    dry_run: Annotated[bool, flag("--dry-run", "Show what would be written where, and stop.", _FILES)] = False,
    device: Annotated[str, flag("--device", "auto, cpu, cuda, cuda:1 or mps.", _MACHINE)] = "auto",
    precision: Annotated[str, flag("--precision", "fp32 or bf16.", _MACHINE, metavar="P")] = "fp32",
    exact: Annotated[
        bool,
        flag("--exact", common.EXACT, _MACHINE),
    ] = False,
    batch: Annotated[
        int | None,
        flag("--batch", "Pictures of one size that share a pass (default: 1; 16 on CUDA).", _MACHINE, min=1),
    ] = None,
    jobs: common.Jobs = None,
    memory: Annotated[
        str | None,
        flag(
            "--memory",
            "Memory of a pass, such as 2G, of all jobs together (default: what is free).",
            _MACHINE,
            metavar="SIZE",
        ),
    ] = None,
    max_pixels: Annotated[
        int | None, flag("--max-pixels", "Pixels that a picture may have (default: 178 million).", _MACHINE, min=1)
    ] = None,
    print_: Annotated[bool, flag("--print", "Written files on stdout, one a line.", _REPORT)] = False,
    nul: Annotated[bool, flag("-0 --nul", "Lists and --print have NUL in place of line ends.", _REPORT)] = False,
    fail_fast: Annotated[bool, flag("--fail-fast", "Stop at the first picture that fails.", _REPORT)] = False,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Translate pictures and films with a trained model. Results are as large as their inputs.

    gantool translate --model cyclegan photo.jpg painting.png

    gantool translate --model runs/h2z in/ out/ --ext png

    gantool translate --model munit --style random -n 4 in/ out/

    gantool translate --model runs/h2z film.mp4 painted.mp4

    cat photo.jpg | gantool translate --model runs/h2z - > painting.png
    """
    console = common.console(quiet, verbose, json)
    from gantool.byte_sizes import parse_bytes
    from gantool.films.moments import parse_moment
    from gantool.pictures.resize import parse_size
    from gantool.translation.outputs import parse_shard
    from gantool.translation.request import Request, plan

    by_place = out is None
    if by_place and len(paths) > 1:
        *paths, out = paths
    request = Request(
        model=str(model_flag.weights(model, console)),
        inputs=tuple(paths),
        output=out,
        only_last_word=by_place,
        to=to,
        style=style,
        n=count,
        sync=sync,
        interpolate=interpolate,
        save_styles=save_styles,
        attention=attention,
        grid=grid,
        frames=frames,
        every=every,
        start=None if start is None else parse_moment(start, "start"),
        stop=None if stop is None else parse_moment(stop, "stop"),
        raw=None if raw is None else parse_size(raw, "raw"),
        watch=watch,
        size=None if size == "keep" else parse_size(size),
        seed=seed,
        ext=ext,
        suffix=suffix,
        quality=quality,
        existing=common.existing(overwrite, skip_existing, fail_existing, newer),
        shard=parse_shard(shard),
        device=device,
        precision=common.arithmetic(precision, exact),
        batch=batch,
        jobs=jobs,
        memory=None if memory is None else parse_bytes(memory),
        max_pixels=max_pixels,
        nul=nul,
        fail_fast=fail_fast,
    )
    decided = plan(request, common.read_stdin)
    translation_report.check_words(decided, json=json, print_=print_, dry_run=dry_run)
    translation_report.passed_over(decided, console)
    if dry_run:
        translation_report.show(decided, console)
        return
    if decided.to_stdout:
        common.refuse_terminal()
    if decided.reads_stdin and common.is_terminal("stdin"):
        raise UsageError("- reads a picture from stdin, which is a terminal: cat picture.jpg | gantool translate ...")
    from gantool.translation import session

    if raw is not None:
        session.pipe(decided, console, read=common.read_stdin, write_stdout=common.write_stdout)
        return
    session.start(
        decided,
        console,
        read_stdin=common.read_stdin,
        write_stdout=common.write_stdout,
        report=translation_report.printer(nul) if print_ else None,
    )
