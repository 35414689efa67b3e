"""What `gantool translate` says of its plan and of each result."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gantool.cli import common
from gantool.counting import count_in_words
from gantool.errors import UsageError

if TYPE_CHECKING:
    from gantool.report.console import Console
    from gantool.translation.request import Plan
    from gantool.translation.writing import Outcome


def printer(nul: bool) -> Callable[[Outcome], None]:
    """Names each file that was written on stdout, with a line end or, for names that hold such, NUL behind it."""
    from gantool.translation.writing import Done

    def say(outcome: Outcome) -> None:
        if isinstance(outcome, Done) and outcome.sha256 and outcome.out:
            common.print_path(outcome.out, nul)

    return say


def check_words(plan: Plan, *, json: bool, print_: bool, dry_run: bool) -> None:
    """Raises UsageError for flags about files where there are none to speak of, DataError without a stdout for them."""
    if json and print_:
        raise UsageError("--json names the written files already: leave out --print")
    about_files = [name for name, on in (("--json", json), ("--print", print_), ("--dry-run", dry_run)) if on]
    if plan.request.grid and about_files:
        raise UsageError(f"--grid makes one picture, by itself: leave out {', '.join(about_files)}")
    if plan.request.raw is not None and dry_run:
        raise UsageError("--raw is about frames in a pipe: leave out --dry-run")
    if plan.to_stdout and (json or print_):
        raise UsageError("results themselves go to stdout: leave out --json and --print, or name OUT")
    if print_:
        common.check_stdout()


def passed_over(plan: Plan, console: Console) -> None:
    """Says what lies among the inputs and is none."""
    from gantool.films import names as films
    from gantool.pictures.find import passed_over

    if count := plan.outputs.passed_over:
        results = count_in_words(count, "picture that is a result", "pictures that are results")
        console.note(f"passed over {results} for others")
    if earlier := plan.earlier.count:
        console.note(
            f"passed over {count_in_words(earlier, 'earlier result')} of gantool in {', '.join(plan.earlier.folders)}"
        )
    if plan.inputs.left_out:
        console.note(plan.inputs.left_out)
    if others := plan.inputs.others:
        console.note(passed_over(others))
        if not films.installed() and (left := [kind for kind in others if films.is_film_name(f"x{kind}")]):
            console.note(f"{films.INSTALL} translates {' and '.join(left)}")
        console.event("passed_over", types=dict(others))


def show(plan: Plan, console: Console) -> None:
    """The plan, of a dry run."""
    for jobs, action in ((plan.outputs.jobs, "write"), (plan.outputs.skipped, "skip")):
        for job in jobs:
            out = job.out or "stdout"
            console.event("plan", **{"in": job.source.name}, out=out, action=action)
            if not console.json:
                console.result(f"{job.source.name} -> {out}" + (" (exists: skipped)" if action == "skip" else ""))
    console.event("done", written=0, skipped=len(plan.outputs.skipped), failed=0)
