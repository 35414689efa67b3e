"""The runs of a sweep against each other, on the pictures that they were validated on."""

from __future__ import annotations

from pathlib import Path

from gantool.comparison import request as comparison
from gantool.comparison import session as comparing
from gantool.comparison.found import Comparison
from gantool.evaluation import validation
from gantool.evaluation.pictures import Progress
from gantool.runs import folders, outcome
from gantool.sweeps.plan import Sweep


def finished(sweep: Sweep) -> list[Path]:
    """The runs of all machines that are done, as far as this one sees them."""
    return [one.folder for one in sweep.all if outcome.read(one.folder).state == outcome.DONE]


def compare(sweep: Sweep, progress: Progress) -> Comparison | None:
    """The best saves of finished runs, compared as `gantool compare` does; None where there are no two of them, or no
    folders of pictures.

    Raises the errors of a comparison.
    """
    runs = [run for run in finished(sweep) if folders.best(run) is not None]
    pictures = _pictures(sweep)
    if len(runs) < 2 or not pictures:
        return None
    s = sweep.all[0].plan.settings
    request = comparison.Request(
        models=tuple(str(run / folders.BEST) for run in runs),
        pictures=pictures,
        inception=None if s.inception is None else Path(s.inception),
        lpips=None if s.lpips is None else (Path(s.lpips[0]), Path(s.lpips[-1])),
        device=s.device,
    )
    return comparing.start(comparison.plan(request), progress).found


def _pictures(sweep: Sweep) -> tuple[Path, ...]:
    """The folders of the validation, as `gantool compare` takes them; none for pictures that stand side by side."""
    planned = sweep.all[0].plan
    if planned.settings.validate is None:
        return ()
    found = validation.check(planned)
    if found.way != "one":
        return (found.root,)
    if any(domain.half is not None for domain in found.domains):
        return ()
    return tuple(domain.root for domain in found.domains)
