"""`gantool study`: ask people about pictures, and read what they answered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gantool.cli import common
from gantool.counting import count_in_words
from gantool.errors import GantoolError
from gantool.report.text import to_json

app = typer.Typer(
    help="Ask people which pictures are real or better, on a page without a server, and read their answers.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("make")
def make(
    methods: Annotated[
        list[str],
        typer.Argument(metavar="NAME=FOLDER...", help="Pictures of each method. FOLDER alone has the folder's name."),
    ],
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            metavar="fake|preference|pairs",
            help="fake: a real picture beside a fake one. preference: the pictures of all methods for one input."
            " pairs: those of two methods at a time.",
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="STUDY", help="Folder to write index.html to.")],
    real: Annotated[
        Path | None,
        typer.Option("--real", metavar="FOLDER", help="Real pictures; with preference and pairs shown as the goal."),
    ] = None,
    input: Annotated[
        Path | None,
        typer.Option("--input", metavar="FOLDER", help="With preference and pairs: what was translated, shown above."),
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Scored trials a person.")] = 40,
    practice: Annotated[
        int | None,
        typer.Option(
            "--practice",
            min=0,
            metavar="N",
            help="Trials before those (default: 10, or a quarter of all that few pictures make, with feedback, for"
            " fake; else 0).",
        ),
    ] = None,
    checks: Annotated[
        int, typer.Option("--checks", min=0, max=100, help="Attention checks a person: trials with a known answer.")
    ] = 2,
    time: Annotated[
        str | None,
        typer.Option("--time", metavar="TIME", help="Pictures vanish after this time, such as 1s (default: never)."),
    ] = None,
    question: Annotated[str | None, typer.Option("--question", metavar="TEXT", help="Ask this instead.")] = None,
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="Of the page.")] = "A study of pictures",
    seed: Annotated[int, typer.Option("--seed", help="All random draws follow from it.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a study that is there already.")] = False,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Write one page that asks people about pictures, opens from disk, and sends nothing.

    gantool study make A=runs/a/out B=runs/b/out --real testB --kind fake -o study

    gantool study make A=runs/a/out B=runs/b/out --input testA --kind preference -o study
    """
    console = common.console(quiet, verbose, json)
    from gantool.report.progress import stages
    from gantool.studies import plan, session
    from gantool.training.settings import seconds

    request = plan.Request(
        methods=tuple(map(plan.named, methods)),
        kind=plan.kind(kind),
        out=out,
        real=real,
        input=input,
        n=n,
        practice=practice,
        checks=checks,
        seconds=None if time is None else seconds(time),
        question=question,
        title=title,
        seed=seed,
        overwrite=overwrite,
    )
    planned = plan.plan(request)
    with stages(replace(console, json=False)) as tell:
        made = session.make(planned, lambda done, total: tell("names", done, total))
    for note in made.notes:
        console.note(note)
    order = f"{made.practice} to practise, {made.scored} scored, {made.checks} attention checks"
    trials, names = count_in_words(made.trials, "trial"), count_in_words(made.names, "name")
    console.note(f"{trials} of {names}; each person gets {order}")
    console.note("give people the page, and collect the files that they save: gantool study read FILE...")
    console.result(to_json(made.to_dict()) if json else str(made.page))


@app.command("read")
def read(
    answers: Annotated[
        list[Path], typer.Argument(metavar="ANSWERS...", help="Files that people saved, or folders that hold them.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="Also write a page (.html), or its figure alone (.svg)."),
    ] = None,
    keep_all: Annotated[
        bool, typer.Option("--keep-all", help="Count those as well who failed a check or answered too fast.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of the bootstrap's draws.")] = 0,
    json: common.Json = False,
    quiet: common.Quiet = 0,
    verbose: common.Verbose = 0,
) -> None:
    """Say how often each method was taken for real or preferred, how sure that is, and how far people agree.

    gantool study read answers-*.json

    gantool study read answers -o answers.html
    """
    console = common.console(quiet, verbose, json)
    from gantool.studies import figures
    from gantool.studies.answers import gather
    from gantool.studies.findings import find

    if out is not None:
        figures.check(out)
    gathered = gather(answers)
    found = find(gathered, keep_all=keep_all, seed=seed)
    if out is not None:  # before the table, whose reader may have gone
        console.note(f"written: {figures.write(out, found)}")
    if json:
        console.result(to_json({**found.to_dict(), "failed": gathered.failed}))
    console.table("", *figures.table(found))
    if found.comparisons:
        console.table("each two", *figures.comparisons(found))
    console.table("the study", ["what", "value"], list(figures.facts(found).items()))
    console.table("how it was measured", ["what", "how"], list(found.protocol.items()))
    for note in found.notes:
        console.note(note)
    for person, why in found.excluded.items():
        console.note(f"left out: person {person} {why}")
    for person, why in found.doubtful.items():
        console.note(f"kept: person {person}, who {why}")
    for problem in gathered.failed.values():
        console.error(problem)
    if gathered.failed:
        raise GantoolError(f"{count_in_words(len(gathered.failed), 'file')} could not be read, the others are counted")
