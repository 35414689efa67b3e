"""Comparisons that were written with JSON, read again. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gantool import schema
from gantool.comparison.found import Comparison, Row
from gantool.comparison.words import given
from gantool.errors import DataError, UsageError
from gantool.evaluation.report import known
from gantool.evaluation.resampling import Interval
from gantool.files import refuse_irregular

_NAME = schema.text(255)
_METRICS = schema.table(schema.nullable(schema.number))
_INTERVALS = schema.table(schema.several(schema.number, low=2, high=2))
_ROW = schema.record(
    {
        "name": _NAME,
        "source": schema.text(5000),
        "metrics": _METRICS,
        "intervals": _INTERVALS,
        "marks": schema.table(schema.one_of("best", "near")),
        "protocol": schema.kept(schema.table(schema.anything)),
    }
)
_FILE = schema.record(
    {
        "data": _NAME,
        "columns": schema.several(schema.one_of(*known()), different=True),
        "rows": schema.several(_ROW, low=1),
        "resamples": schema.whole(),
        "protocol": schema.kept(schema.table(schema.anything)),
        "notes": schema.several(schema.text(5000)),
    }
)


def are_saved(words: Sequence[str]) -> bool:
    """Whether the words name files of comparisons. Raises UsageError where some do and others do not."""
    ends = [given(word).word.lower().endswith(".json") for word in words]
    if any(ends) and not all(ends):
        raise UsageError("saved comparisons (.json) are joined with each other, and not with models or pictures")
    return any(ends)


def read(word: str) -> Comparison:
    """The comparison of a file, FILE or NAME=FILE with a name for its data set. Raises DataError."""
    name, text = given(word)
    path = Path(text)
    try:
        refuse_irregular(path)
        value = _FILE(schema.parse_json(path.read_bytes()), "")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise DataError(f"{path} is no comparison that was saved as JSON: {schema.first_line(error)}") from error
    rows = tuple(
        Row(**{**row, "intervals": {metric: Interval(*ends) for metric, ends in row["intervals"].items()}})
        for row in value["rows"]
    )
    return Comparison(**{**value, "data": name or value["data"], "rows": rows})
