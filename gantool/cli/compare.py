"""`gantool compare`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gantool import registry
from gantool.cli import common, completion, judging, measuring, model_flag
from gantool.errors import UsageError
from gantool.report.console import Console, is_terminal
from gantool.report.text import to_json

if TYPE_CHECKING:
    from gantool.comparison.found import Comparison
    from gantool.comparison.table import Table

Form = Literal["text", "json", "csv", "markdown", "latex"]


def compare(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN... A B",
            help="Run folders, weights files, models' names and folders of results, each with NAME= before it or"
            " without; then pictures of the source and real ones of the target, or for models that make pictures of"
            " noise real ones alone. Or saved comparisons: A.json B.json ...",
            autocompletion=completion.model_or_run,
        ),
    ],
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics",
            metavar="NAME,...",
            help="The columns and their order, as kid,fid,lpips (default: all). Of saved comparisons: one.",
        ),
    ] = None,
    papers: Annotated[
        bool, typer.Option("--papers", help="KID x100, and behind ± the deviations that papers print, not intervals.")
    ] = False,
    resamples: Annotated[
        int | None,
        typer.Option("--resamples", metavar="N", help="Draws for the 95 % intervals (default: 200; 0: none)."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Of the data set (default: of the folder that A and B share)."),
    ] = None,
    to: measuring.To = None,
    inception: measuring.InceptionFile = None,
    kid: measuring.Kid = "",
    kid_source: measuring.KidSource = False,
    lpips: measuring.LpipsFiles = None,
    classifier: measuring.ClassifierFile = None,
    judge: judging.JudgeFile = None,
    expect: judging.Expected = None,
    labels: judging.TrueLabels = None,
    consistency: judging.Consistency = False,
    count: measuring.Count = None,
    truncation: measuring.Truncation = 1.0,
    size: measuring.Size = None,
    seed: measuring.Seed = 0,
    device: measuring.Device = "auto",
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="PAGE", help="A page: the table, and pictures side by side.")
    ] = None,
    pictures: Annotated[int | None, typer.Option(min=1, metavar="N", help="Rows on the page (default: 12).")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="The table as CSV on stdout, exact, for programs.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as Markdown on stdout.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="The table as LaTeX (booktabs) on stdout.")] = False,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Compare models on the same pictures: one table, with 95 % intervals, that says which is the best and which are
    not distinguishable from it. Join the tables of several data sets.

    gantool compare runs/a runs/b testA testB --inception inception.pth -o compare.html

    gantool compare ours=runs/a theirs=results/b testA testB --papers --latex

    gantool compare horse2zebra.json selfie2anime.json --metrics kid --papers --latex
    """
    form = _form(json, csv, markdown, latex)
    console = common.console(quiet, verbose)
    columns = tuple(each.strip() for each in metrics.split(",")) if metrics else ()
    from gantool.comparison import saved
    from gantool.comparison import words as parts

    if saved.are_saved(words):
        chosen: dict[str, Any] = {"to": to, "inception": inception, "lpips": lpips, "classifier": classifier}
        chosen |= {"resamples": resamples, "name": name, "out": out, "judge": judge, "expect": expect, "labels": labels}
        chosen |= {"n": count, "size": size, "kid": kid or None, "kid_source": kid_source or None, "seed": seed or None}
        chosen |= {"consistency": consistency or None, "device": None if device == "auto" else device}
        chosen |= {"pictures": pictures, "truncation": None if truncation == 1 else truncation}
        _saved(words, columns, papers, form, [key for key, value in chosen.items() if value is not None], console)
        return
    from gantool.comparison.request import Request, plan

    more: dict[str, Any] = {"inception": inception, "lpips": common.two_files(lpips), "classifier": classifier}
    more |= {"judge": judge, "expect": expect, "labels": labels}
    more |= {key: value for key, value in {"resamples": resamples, "shown": pictures}.items() if value is not None}
    model_flag.fetch([parts.given(text).word for text in words], console)
    models, folders = parts.parted(words)
    for model in models:
        word = parts.given(model).word
        if word in registry.plugins() and not Path(word).exists():
            model_flag.weights(word, console)  # says which run it is
    request = Request(
        models=models,
        pictures=folders,
        metrics=columns,
        name=name,
        out=out,
        to=to,
        n=count,
        truncation=truncation,
        size=size,
        seed=seed,
        device=device,
        kid=kid,
        kid_source=kid_source,
        consistency=consistency,
        **more,
    )
    decided = plan(request)
    from gantool.comparison import session
    from gantool.comparison.table import table
    from gantool.report.progress import stages

    common.say_passed_over([folder for folder in folders if folder.is_dir()], console)
    with stages(console) as progress:
        result = session.start(decided, progress)
    if out is not None:  # before the table, whose reader may have gone
        from gantool.comparison import page

        page.write(out, result, papers=papers)
        console.note(f"wrote {out}")
    show(result.found, table(result.found, papers=papers), form, console)


def _form(json: bool, csv: bool, markdown: bool, latex: bool) -> Form:
    """How the table is written. Raises UsageError for several ways."""
    forms: dict[Form, bool] = {"json": json, "csv": csv, "markdown": markdown, "latex": latex}
    given = [name for name, is_given in forms.items() if is_given]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(f'--{name}' for name in given)} exclude each other: all write to stdout")
    return given[0] if given else "text"


def _saved(
    words: Sequence[str], metrics: tuple[str, ...], papers: bool, form: Form, given: Sequence[str], console: Console
) -> None:
    """Prints the table of a saved comparison, or one that joins several."""
    from gantool.comparison import saved
    from gantool.comparison.table import chosen, joined, table

    if given:
        raise UsageError(
            f"{common.spelled_flag(given[0], '')} is for measuring, and saved comparisons are not measured again"
        )
    found = [saved.read(word) for word in words]
    if len(found) == 1:
        one = chosen(found[0], metrics)
        show(one, table(one, papers=papers), form, console)
    else:
        show(None, joined(found, metrics, papers=papers), form, console)


def show(found: Comparison | None, shown: Table, form: Form, console: Console) -> None:
    """A table on stdout; of a whole comparison also how it was measured."""
    from gantool.comparison import forms
    from gantool.comparison.found import own_protocols
    from gantool.evaluation.report import flat

    if form == "json":
        notes = [] if found is None else [console.words(note) for note in found.notes]
        console.result(to_json(shown.as_dict() if found is None else {**found.as_dict(), "notes": notes}))
        return
    if form != "text":
        written = {"csv": forms.as_csv, "markdown": forms.as_markdown, "latex": forms.as_latex}[form](shown)
        for line in written.splitlines():
            console.result(line)
    else:
        width = shutil.get_terminal_size().columns if is_terminal(console.out) else None
        for heads, rows in forms.blocks(*forms.text(shown), width):
            console.table(shown.title, heads, rows)
        if legend := forms.legend(shown):
            console.result(legend)
    if found is not None:
        if form == "text":
            console.table("how it was measured", ["what", "value"], [*flat("", found.protocol), *own_protocols(found)])
        for note in found.notes:
            console.note(f"note: {note}")
