"""Trains the runs of a sweep, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gantool.errors import DivergedError, Interrupted, OutOfMemoryError, TimeLimitReached, ran_out
from gantool.evaluation.validation import validator
from gantool.report.console import Console
from gantool.runs import folders, lock
from gantool.schema import first_line
from gantool.sweeps.plan import CONTINUED, DIVERGED, DONE, ELSEWHERE, One, Sweep
from gantool.training import session
from gantool.training.settings import seconds


@dataclass
class Trained:
    """What became of the runs of this machine, by name."""

    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """With the reason: diverged, or too large for the memory."""
    elsewhere: list[str] = field(default_factory=list)
    """Runs that another process trains."""


def start(sweep: Sweep, console: Console, clock: Callable[[], float] = time.monotonic) -> Trained:
    """Trains what is not done. A run that diverges, or for which the memory does not suffice, does not stop the rest.

    A time limit is that of all together. Raises TimeLimitReached and Interrupted, after the run at work is saved, and
    whatever else a training raises.
    """
    limit = sweep.mine[0].plan.settings.time if sweep.mine else None
    ends_at = None if limit is None else clock() + seconds(limit)
    found = Trained()
    for number, one in enumerate(sweep.mine, 1):
        heading = f"run {number} of {len(sweep.mine)}, {one.name}"
        if one.state == DONE:
            console.note(f"{heading}: done already")
            found.done.append(one.name)
        elif one.state == DIVERGED:
            console.note(f"{heading}: it diverged. gantool runs rm {one.folder} lets it begin anew")
            found.failed[one.name] = "it diverged"
        elif one.state == ELSEWHERE or _is_taken(one):
            console.note(f"{heading}: another process trains it, or has since this one began")
            found.elsewhere.append(one.name)
        else:
            left = None if ends_at is None else ends_at - clock()
            if left is not None and left <= 0:
                raise TimeLimitReached(f"time limit reached before {one.name}: the same command goes on")
            console.note(f"{heading}: {'it goes on' if one.state == CONTINUED else 'it begins'}")
            if why := _trained(one, console, left):
                found.failed[one.name] = why
                console.warn(f"{one.name}: {why}; the sweep goes on", grave=True)
            else:
                found.done.append(one.name)
    return found


def _is_taken(one: One) -> bool:
    """Whether another process trains it, or has saved something since it was planned."""
    planned = {save.name for save in one.plan.place.saves}
    return lock.is_held(one.folder) or any(save.name not in planned for save in folders.saves(one.folder))


def _trained(one: One, console: Console, left: float | None) -> str:
    """Trains a run; says why it failed, or nothing."""
    try:
        session.start(one.plan, console, validator, left=left)
    except DivergedError as error:
        return console.words(error.text)
    except TimeLimitReached as error:
        raise TimeLimitReached(
            f"time limit reached in {one.folder}, which is saved: the same command goes on"
        ) from error
    except Interrupted as error:
        where = f"stopped in {one.folder}, which is saved: the same command goes on"
        raise Interrupted(where, error.exit_code) from error
    except Exception as error:
        if not isinstance(error, OutOfMemoryError) and not ran_out(error):
            raise
        return f"the memory does not suffice ({first_line(error)[:80]})"
    return ""
