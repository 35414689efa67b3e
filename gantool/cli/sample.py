"""`gantool sample`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gantool.cli import common, completion, model_flag
from gantool.cli.common import flag
from gantool.cli.verbs import second_words
from gantool.errors import UsageError, quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from gantool.sampling.making import Made

WHAT, FILES, MACHINE, REPORT = "Pictures", "Files", "Machine", "Report"

Device = Annotated[str, flag("--device", "auto, cpu, cuda, cuda:1 or mps.", MACHINE)]
Precision = Annotated[str, flag("--precision", "fp32 or bf16.", MACHINE, metavar="P")]
Exact = Annotated[bool, flag("--exact", common.EXACT, MACHINE)]
Out = Annotated[str | None, flag("-o --out", "OUT, by name: files there may be replaced.", FILES)]
Overwrite = Annotated[bool, flag("--overwrite", "Replace files that exist.", FILES)]
Truncation = Annotated[
    float, flag("--truncation", "0 to 1: less variety for better pictures. 1 is off.", WHAT, min=0, max=1)
]


def sample(
    model: model_flag.ModelName,
    out_word: Annotated[
        str | None,
        typer.Argument(
            metavar="[OUT]",
            help="A folder, a file for one picture or a grid, or - for stdout.",
            autocompletion=second_words,
        ),
    ] = None,
    out: Out = None,
    count: Annotated[int | None, flag("-n", "Pictures, with the seeds from --seed on.", WHAT, metavar="N")] = None,
    seed: Annotated[int, flag("--seed", "Seed of the first picture.", WHAT)] = 0,
    seeds: Annotated[str | None, flag("--seeds", "The seeds to make, such as 0-7,85.", WHAT, metavar="S")] = None,
    to: Annotated[
        str | None,
        flag(
            "--to",
            "Class, several with commas between, or all (default: all in turns).",
            WHAT,
            metavar="CLASS",
            autocompletion=completion.domains,
        ),
    ] = None,
    text: Annotated[
        str | None, flag("--text", "What the pictures show, in words; - for lines on stdin.", WHAT, metavar="T")
    ] = None,
    text_file: Annotated[
        Path | None, flag("--text-file", "A file of such texts, one a line.", WHAT, metavar="FILE")
    ] = None,
    vectors: Annotated[
        Path | None,
        flag("--vectors", "Vectors in place of words: .npy, .npz, .csv, .pickle or .t7.", WHAT, metavar="FILE"),
    ] = None,
    code: Annotated[
        Path | None, flag("--code", "Latents or styles in place of seeds: .npy or .npz.", WHAT, metavar="FILE")
    ] = None,
    truncation: Truncation = 1.0,
    grid: Annotated[
        str | None, flag("--grid", "OUT is one picture of C columns and R rows.", WHAT, metavar="CxR")
    ] = None,
    ext: Annotated[str | None, flag("--ext", "png, jpg, webp, tif, ... (default: png).", FILES)] = None,
    quality: Annotated[int, flag("--quality", "Of jpg, webp and avif.", FILES, min=1, max=100)] = 95,
    overwrite: Overwrite = False,
    newer: Annotated[bool, flag("--newer", "Replace those that were made otherwise.", FILES)] = False,
    skip_existing: Annotated[
        bool, flag("--skip-existing", "Keep files that exist (default for folders).", FILES)
    ] = False,
    fail_existing: Annotated[
        bool, flag("--fail-existing", "Begin only if none exists (default for one file).", FILES)
    ] = False,
    device: Device = "auto",
    precision: Precision = "fp32",
    exact: Exact = False,
    jobs: common.Jobs = None,
    print_: Annotated[bool, flag("--print", "Written files on stdout, one a line.", REPORT)] = False,
    nul: Annotated[bool, flag("-0 --nul", "--print has NUL in place of line ends.", REPORT)] = False,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Make pictures of noise, classes or words. A seed always gives the same picture.

    gantool sample --model stylegan -n 64 --truncation 0.7 out/

    gantool sample --model biggan --to cat,dog -n 8 out/

    gantool sample --model stackgan --text "a small red bird" bird.png

    gantool sample --model dcgan --grid 8x8 sheet.png

    gantool sample interpolate, mix and project have help pages of their own.
    """
    console = common.console(quiet, verbose, json)
    from gantool.sampling.request import Request, plan

    if json and print_:
        raise UsageError("--json names the written files already: leave out --print")
    if text == "-" and common.is_terminal("stdin"):
        raise UsageError("--text - reads lines from stdin, which is a terminal")
    given = common.read_lines() if text == "-" else [text] if text else []
    model_flag.weights(model, console)  # says which run a model's name means
    request = Request(
        model=model,
        output=where(out_word, out),
        by_name=out is not None,
        n=count,
        seed=seed,
        seeds=seeds,
        to=to,
        text=tuple(line for line in given if text != "-" or line.strip()),
        text_file=text_file,
        vectors=vectors,
        code=code,
        truncation=truncation,
        grid=None if grid is None else cells(grid),
        ext=ext,
        quality=quality,
        existing=common.existing(overwrite, skip_existing, fail_existing, newer),
        device=device,
        jobs=jobs,
        precision=common.arithmetic(precision, exact),
    )
    decided = plan(request)
    if (grid or decided.to_stdout) and (json or print_):
        raise UsageError("one picture is made, at OUT: leave out --json and --print")
    if decided.to_stdout:
        common.refuse_terminal()
    if print_:
        common.check_stdout()
    from gantool.sampling import session

    report = _printer(nul) if print_ else None
    session.start(decided, console, write_stdout=common.write_stdout, report=report)


def where(word: str | None, out: str | None) -> str:
    """The output that a person names, by its place or by its name. Raises UsageError for none and for two."""
    if word is not None and out is not None:
        raise UsageError(f"OUT is named twice: {word} and {out}")
    if word is None and out is None:
        raise UsageError("where to? gantool sample --model M OUT (a folder, a file, or - for stdout)")
    return str(out if word is None else word)


def cells(text: str) -> tuple[int, int]:
    """(columns, rows) of "8x8". Raises UsageError."""
    columns, by, rows = text.lower().partition("x")
    if not (by and columns.isdecimal() and rows.isdecimal() and len(text) < 12):
        raise UsageError(f"--grid wants columns x rows, such as 8x8, not {quoted(text)}")
    return int(columns), int(rows)


def _printer(nul: bool) -> Callable[[Made], None]:
    def say(made: Made) -> None:
        if not made.skipped and made.out is not None:
            common.print_path(made.out, nul)

    return say
