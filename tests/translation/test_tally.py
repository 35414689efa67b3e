"""What is said and remembered of pictures that failed."""

from __future__ import annotations

import gc
import weakref
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from gantool.errors import DataError, GantoolError, OutOfMemoryError
from gantool.report.console import Console
from gantool.translation.inputs import Source
from gantool.translation.jobs import Job
from gantool.translation.pipeline import Failed
from gantool.translation.tally import Tally


def job(name: str) -> Job:
    return Job(Source(Path(name), name), None, "", may_change=False)


@pytest.mark.parametrize(("total", "said"), [(2, 1), (None, 2)], ids=["of a folder", "of a watched folder"])
def test_a_lack_of_memory_is_told_once_where_the_sum_is_near(total: int | None, said: int):
    err = StringIO()
    tally = Tally(Console(out=StringIO(), err=err), total=total, single=False, fail_fast=False)
    for name in ("a.png", "b.png"):
        tally.fail(Failed(job(name), OutOfMemoryError(f"{name}: the memory does not suffice")))
    assert err.getvalue().count("does not suffice") == said


def test_a_picture_that_failed_takes_no_memory_afterwards():
    """Its error knows the frames that it came through, and with them whatever was decoded until then."""
    decoded: list[weakref.ref[object]] = []

    def failed(name: str) -> Failed:
        pixels = np.zeros((4, 4), np.uint8)
        decoded.append(weakref.ref(pixels))
        try:
            raise DataError(f"cannot read {name}")
        except DataError as error:
            return Failed(job(name), error)

    tally = Tally(Console(out=StringIO(), err=StringIO()), total=2, single=False, fail_fast=False)
    for name in ("a.png", "b.png"):
        tally.fail(failed(name))
    gc.collect()
    assert all(one() is None for one in decoded)
    with pytest.raises(GantoolError, match=r"2 of 2 failed: a\.png, b\.png"):
        tally.end()
