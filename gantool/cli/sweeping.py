"""`gantool train --sweep`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gantool.cli import common
from gantool.errors import GantoolError
from gantool.files import check_folder
from gantool.report.console import Console

if TYPE_CHECKING:
    from gantool.comparison.found import Comparison
    from gantool.sweeps.plan import Sweep
    from gantool.training.words import Request


def sweep(request: Request, texts: Sequence[str], part: str | None, dry_run: bool, console: Console) -> None:
    """Trains every combination, and prints the runs, and how they compare. Exit code 1 where some failed."""
    from gantool.sweeps.combinations import asked

    asked(request, texts, part)  # a misspelt one is answered before torch is imported
    if request.out is not None:
        check_folder(request.out)
    common.load_torch(console)
    from gantool.history.record import record
    from gantool.sweeps import plan, session

    decided = plan.plan(request, texts, part)
    if dry_run:
        console.event("sweep", runs=[{"run": str(one.folder), "state": one.state} for one in decided.mine])
        console.table("", ["run", "state"], [[str(one.folder), one.state] for one in decided.mine])
        return
    console.note(f"{len(decided.mine)} of {len(decided.all)} runs, each checked, into {decided.folder}")
    trained = session.start(decided, console)
    there = [record(one.folder) for one in decided.all if one.folder.is_dir()]
    compared = _compared(decided, console)
    notes = [] if compared is None else [console.words(note) for note in compared.notes]
    found = None if compared is None else {**compared.as_dict(), "notes": notes}
    console.event("sweep", runs=[one.as_dict() for one in there], comparison=found, failed=trained.failed)
    if not console.json:
        from gantool.cli import compare, runs
        from gantool.comparison.table import table

        runs.table(there, console)
        if compared is not None:
            compare.show(compared, table(compared), "text", console)
    if trained.failed:
        count, total = len(trained.failed), len(decided.mine)
        raise GantoolError(f"{count} of {total} runs failed, the others are done: {', '.join(trained.failed)}")


def _compared(decided: Sweep, console: Console) -> Comparison | None:
    """How the finished runs compare. What goes wrong takes nothing from the runs."""
    from gantool.report.progress import stages
    from gantool.sweeps import result

    try:
        with stages(replace(console, json=False)) as progress:
            return result.compare(decided, progress)
    except GantoolError as error:
        console.warn(f"the runs are not compared: {error.text}")
        return None
