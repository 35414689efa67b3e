"""A sweep, decided: every combination is planned and checked before the first one begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gantool.errors import CheckpointError, DataError, DivergedError, GantoolError, UsageError
from gantool.evaluation import validation
from gantool.history.record import settings
from gantool.runs import folders, outcome
from gantool.sweeps.combinations import Combination, asked
from gantool.training import building
from gantool.training import request as training
from gantool.training.words import Request, understood

NEW, CONTINUED, DONE, DIVERGED, ELSEWHERE = "new", "to be continued", "done", "diverged", "at work elsewhere"
"""What a sweep finds of a run."""


@dataclass(frozen=True)
class One:
    """A combination."""

    name: str
    plan: training.Plan
    state: str

    @property
    def folder(self) -> Path:
        """Its run folder."""
        return self.plan.folder


@dataclass(frozen=True)
class Sweep:
    """A sweep that can begin."""

    folder: Path
    all: tuple[One, ...]
    mine: tuple[One, ...]
    """Those of this machine."""


def plan(request: Request, texts: Sequence[str], part: str | None) -> Sweep:
    """Raises the errors of a training's plan and of its first checks, with the combination before them."""
    found, (number, count) = asked(request, texts, part)
    assert request.out is not None, "a sweep has a folder"
    ones: list[One] = []
    validated: set[object] = set()
    for combination in found:
        try:
            one = _one(request, combination, request.out)
            if one.state in (NEW, CONTINUED):
                model, dataset = building.ready(one.plan)
                dataset.close()
                del model
            s = one.plan.settings
            if (
                s.validate is not None
                and (how := (s.validate, s.metric, s.inception, s.lpips, s.crop)) not in validated
            ):
                validation.check(one.plan)
                validated.add(how)
        except (UsageError, DataError, CheckpointError) as error:
            raise _about(combination, error) from error
        ones.append(one)
    return Sweep(request.out, tuple(ones), tuple(ones[number - 1 :: count]))


def _about(combination: Combination, error: GantoolError) -> GantoolError:
    kind = next(kind for kind in (UsageError, DataError, CheckpointError) if isinstance(error, kind))
    return kind(f"{combination.name}: {error.text}")


def _one(request: Request, combination: Combination, root: Path) -> One:
    folder = root / combination.name
    there = (folder / folders.SETTINGS).is_file()
    own = replace(
        request, out=folder, set={**request.set, **dict(combination.values)}, resume="auto" if there else None
    )
    planned = training.plan(understood(own))
    return One(combination.name, planned, _state(planned, there))


def _state(planned: training.Plan, there: bool) -> str:
    if not there:
        return NEW
    how = outcome.read(planned.folder)
    if how.state == outcome.RUNNING:
        return ELSEWHERE
    if how.code == DivergedError.exit_code:
        return DIVERGED
    stored = settings(planned.folder)
    longer = any(getattr(planned.settings, key) != stored.get(key) for key in ("steps", "epochs"))
    return DONE if how.state == outcome.DONE and not longer else CONTINUED
