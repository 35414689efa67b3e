"""The report of `gantool train --dry-run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantool.options import typed
from gantool.report.text import words

if TYPE_CHECKING:
    from gantool.report.console import Console
    from gantool.training.request import Plan


def show(decided: Plan, console: Console) -> None:
    """The report of a dry run. What takes long comes last."""
    from gantool.training import dry_run

    facts = dry_run.describe(decided)
    for value in facts["values"].values():
        value["source"] = console.words(value["source"])
    values = facts["values"]
    console.table("", ["", ""], [[key, words(value)] for key, value in facts.items() if key != "values"])
    console.table(
        "", ["setting", "value", "source"], [[key, typed(v["value"]), v["source"]] for key, v in values.items()]
    )
    for domain in decided.domains:
        if domain.note:
            console.note(domain.note)
    console.note("timing a step and samples ...")
    forecast, said = dry_run.measure(decided)
    measured = {"step_seconds": forecast.step, "sample_seconds": forecast.sample, "seconds": forecast.seconds}
    console.event("plan", **facts, **measured, memory=forecast.memory)
    if not console.json:
        console.result(console.words(said))
