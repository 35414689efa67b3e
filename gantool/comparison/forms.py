"""Tables as text: for a terminal, CSV, Markdown and LaTeX."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

from gantool.comparison.columns import ARROWS
from gantool.comparison.found import Mark
from gantool.comparison.table import Cell, Column, Table
from gantool.report.text import visible

SIGNS: dict[Mark | None, str] = {"best": "*", "near": "~", None: ""}
"""In plain text."""
GAP = 3
"""Spaces between columns, at most."""
_SPECIAL = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "±": r"$\pm$",
}
_MATHS = {"higher": r" $\uparrow$", "lower": r" $\downarrow$", None: ""}


def number(value: float | None, digits: int) -> str:
    """A value with so many digits behind the point; None is infinite."""
    return "inf" if value is None else f"{value:.{digits}f}"


def head(column: Column) -> str:
    """The head of a column, with an arrow that says which way is better."""
    return f"{column.label} {ARROWS[column.better]}".rstrip()


def plain(cell: Cell | None, digits: int) -> tuple[str, str, str]:
    """A cell in three parts: value, what stands behind it, mark."""
    if cell is None:
        return "-", "", ""
    spread = "" if cell.spread is None else number(cell.spread, digits)
    return number(cell.value, digits), spread, SIGNS[cell.mark]


def text(table: Table) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of plain text, numbers of a column below each other."""
    columns = []
    for place, column in enumerate(table.columns):
        parts = [plain(cells[place], column.digits) for _, cells in table.rows]
        whole, behind, _ = (max(map(len, part)) for part in zip(*parts, strict=True))
        columns.append([_aligned(part, whole, behind) for part in parts])
    names = [name for name, _ in table.rows]
    heads = ["model", *map(head, table.columns)]
    return heads, [list(row) for row in zip(names, *columns, strict=True)]


def _aligned(parts: tuple[str, str, str], whole: int, behind: int) -> str:
    value, spread, sign = parts
    between = (" ± " if spread else "   ") if behind else ""
    return f"{value.rjust(whole)}{between}{spread.rjust(behind)} {sign}".rstrip()


def blocks(
    heads: Sequence[str], rows: Sequence[Sequence[str]], width: int | None
) -> Iterator[tuple[list[str], list[list[str]]]]:
    """The columns in as many tables as are needed so that each fits into so many characters; None: into one."""
    widths = [max(len(row[place]) for row in (heads, *rows)) + GAP for place in range(len(heads))]
    groups: list[list[int]] = [[]]
    for place in range(1, len(heads)):
        if width is not None and groups[-1] and sum(widths[one] for one in (0, *groups[-1], place)) > width:
            groups.append([])
        groups[-1].append(place)
    for group in groups:
        yield [heads[place] for place in (0, *group)], [[row[place] for place in (0, *group)] for row in rows]


def legend(table: Table) -> str:
    """The signs of plain text in one line; empty where there are none."""
    signs = {"±": "±", "best": "*", "near": "~"}
    return "; ".join(f"{signs[sign]} {meaning}" for sign, meaning in table.legend.items())


def as_csv(table: Table) -> str:
    """For programs: exact values, the ends of intervals (or deviations) and marks in columns of their own."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    fields = [(place, column, _fields(table, place)) for place, column in enumerate(table.columns)]
    writer.writerow(["model", *(f"{column.key}{end}" for _, column, ends in fields for end in ends)])
    for name, cells in table.rows:
        row = [_values(cells[place])[end] for place, _, ends in fields for end in ends]
        writer.writerow([name, *row])
    return out.getvalue()


def _fields(table: Table, place: int) -> list[str]:
    """The endings of a column's fields, of which some cell has a value."""
    values = [_values(cells[place]) for _, cells in table.rows]
    return [end for end in _values(None) if not end or any(value[end] != "" for value in values)]


def _values(cell: Cell | None) -> dict[str, float | str]:
    if cell is None:
        return dict.fromkeys(("", "_low", "_high", "_std", "_mark"), "")
    found = {
        "": "inf" if cell.value is None else cell.value,
        "_low": cell.low,
        "_high": cell.high,
        "_std": cell.deviation,
        "_mark": cell.mark,
    }
    return {end: "" if value is None else value for end, value in found.items()}


def as_markdown(table: Table) -> str:
    """A table of Markdown: the best bold, what is not distinguishable from it in italics."""
    marks: dict[Mark | None, str] = {"best": "**", "near": "_", None: ""}
    lines = [["model", *map(head, table.columns)], [" --- ", *[" ---: "] * len(table.columns)]]
    for name, cells in table.rows:
        row = [name.replace("|", "\\|")]
        for column, cell in zip(table.columns, cells, strict=True):
            value, spread, _ = plain(cell, column.digits)
            mark = marks[cell.mark if cell else None]
            row.append(f"{mark}{value}{f' ± {spread}' if spread else ''}{mark}")
        lines.append(row)
    signs = {"±": "±", "best": "**bold**", "near": "_italic_"}
    words = "; ".join(f"{signs[sign]}: {meaning}" for sign, meaning in table.legend.items())
    body = "\n".join(f"|{'|'.join(line)}|" if line[0] == " --- " else f"| {' | '.join(line)} |" for line in lines)
    return f"{body}\n\n{words}\n" if words else f"{body}\n"


def as_latex(table: Table) -> str:
    r"""A tabular of booktabs: the best bold, what is not distinguishable from it underlined."""
    signs = {"±": r"$\pm$", "best": "bold", "near": "underlined"}
    words = "; ".join(f"{signs[sign]}: {meaning}" for sign, meaning in table.legend.items())
    lines = [r"% \usepackage{booktabs}", f"% {visible(table.title)}; {words}".rstrip("; ")]
    lines += [rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}", r"\toprule"]
    heads = [f"{_label(column.label)}{_MATHS[column.better]}" for column in table.columns]
    lines += [" & ".join(["", *heads]).lstrip() + r" \\", r"\midrule"]
    for name, cells in table.rows:
        row = [_latex(cell, column.digits) for column, cell in zip(table.columns, cells, strict=True)]
        lines.append(" & ".join([_escaped(name), *row]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _latex(cell: Cell | None, digits: int) -> str:
    if cell is None:
        return "--"
    value = r"\infty" if cell.value is None else number(cell.value, digits)
    how: dict[Mark | None, str] = {"best": rf"\mathbf{{{value}}}", "near": rf"\underline{{{value}}}", None: value}
    spread = "" if cell.spread is None else rf" \pm {number(cell.spread, digits)}"
    return f"${how[cell.mark]}{spread}$"


def _label(label: str) -> str:
    """`KID x100` as it is printed."""
    return re.sub(r" x(10+)$", r" $\\times \1$", _escaped(label))


def _escaped(words: str) -> str:
    return "".join(_SPECIAL.get(sign, sign) for sign in words)
