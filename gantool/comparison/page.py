"""The page of a comparison: its table, and the same pictures of all models."""

from __future__ import annotations

from pathlib import Path

from gantool.comparison.forms import head, plain
from gantool.comparison.found import own_protocols
from gantool.comparison.session import Result
from gantool.comparison.table import table
from gantool.evaluation.report import flat
from gantool.pictures.results import note_file
from gantool.report.side_by_side import Figure, Figures, write_comparison


def write(path: Path, result: Result, *, papers: bool = False) -> Path:
    """Writes the page, atomically. Raises DataError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = result.found
    shown = table(found, papers=papers)
    rows = []
    for name, cells in shown.rows:
        figures = []
        for column, cell in zip(shown.columns, cells, strict=True):
            value, spread, _ = plain(cell, column.digits)
            figures.append(Figure(value, f"± {spread}" if spread else "", (cell.mark if cell else None) or ""))
        rows.append((name, figures))
    write_comparison(
        path,
        f"{found.data}: {', '.join(row.name for row in found.rows)}",
        facts=_facts(result),
        figures=Figures([head(column) for column in shown.columns], rows, shown.legend),
        lines=[(line.name, line.pictures) for line in result.lines],
        protocol=[*flat("", found.protocol), *own_protocols(found)],
        notes=found.notes,
    )
    note_file(path)
    return path


def _facts(result: Result) -> dict[str, str]:
    """What stands above the table."""
    real = result.found.protocol.get("real", {})
    counts = {"real pictures": str(real["pictures"])} if "pictures" in real else {}
    draws = {"draws for intervals": str(result.found.resamples)} if result.found.resamples else {}
    return {"data set": result.found.data, "models": str(len(result.found.rows)), **counts, **draws}
