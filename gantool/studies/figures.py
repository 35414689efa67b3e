"""The findings of a study as a figure and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gantool.errors import UsageError, argument
from gantool.files import check_writable
from gantool.pictures.results import note_file, refuse_strangers
from gantool.report.origin import origin
from gantool.report.page import write_page
from gantool.studies.chance import Interval
from gantool.studies.findings import Findings

WIDTH, LEFT, RIGHT, TOP, ROW, BOTTOM = 640, 170, 60, 8, 40, 40
_LONGEST = 24  # letters of a name beside its bar


@dataclass(frozen=True)
class Bar:
    """One method's bar, in pixels."""

    name: str
    label: str
    """The name, cut short where it is long."""
    value: str
    y: float
    """Its middle."""
    end: float
    whiskers: tuple[tuple[float, float, float], ...]
    """(y, from, to) of the intervals: by person above, by picture below."""
    beyond: float
    """Where its value may be written."""


@dataclass(frozen=True)
class Bars:
    """A figure of bars, in pixels."""

    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    chance: float
    """Where the line of chance stands."""
    chance_label: str
    title: str
    label: str
    """The whole figure in words."""
    height: int
    width: int = WIDTH
    left: int = LEFT
    top: int = TOP


def check(out: Path) -> None:
    """Raises UsageError for a file that is neither a page nor a figure, or that gantool did not write, and DataError
    where it cannot be written."""
    if out.suffix.lower() not in (".html", ".svg"):
        raise UsageError(f"{argument('out', out)}: name a file .html (a page) or .svg (the figure alone)")
    check_writable(out)
    refuse_strangers(out)


def write(out: Path, findings: Findings) -> Path:
    """Writes a page (.html), or its figure alone (.svg), atomically."""
    if out.suffix.lower() == ".svg":
        write_page(out, "study_bars.svg", bars=bars(findings))
    else:
        write_page(
            out,
            "study_findings.html",
            title=findings.title,
            facts={**facts(findings), **origin()},
            link=None,
            bars=bars(findings),
            notes=findings.notes,
            tables=[table(findings), *([comparisons(findings)] if findings.comparisons else [])],
            excluded=dict(findings.excluded),
            doubtful=dict(findings.doubtful),
            protocol=dict(findings.protocol),
        )
    note_file(out)
    return out


def facts(findings: Findings) -> dict[str, str]:
    """The study in a few words."""
    agreement = "unknown" if findings.alpha is None else f"{findings.alpha:.2f}"
    return {
        "question": findings.question,
        "kind": findings.kind,
        "people": str(findings.people) + (f", {len(findings.excluded)} left out" if findings.excluded else ""),
        "trials": str(findings.trials),
        "agreement (alpha)": agreement,
        "study": findings.study,
    }


Table = tuple[Sequence[str], Sequence[Sequence[str]]]
"""Columns and rows."""


def table(findings: Findings) -> Table:
    """The methods."""
    columns = ["method", "trials", findings.measure, "95 % by person", "95 % by picture"]
    rows = [
        [one.name, str(one.trials), percent(one.share), _span(one.by_person), _span(one.by_picture)]
        for one in findings.methods
    ]
    return columns, rows


def comparisons(findings: Findings) -> Table:
    """Each two methods."""
    columns = ["methods", "trials", "first preferred", "95 % by person", "95 % by picture", "p"]
    rows = [
        [
            f"{one.first} : {one.second}",
            str(one.result.trials),
            f"{one.result.chosen} ({percent(one.result.share)})",
            _span(one.result.by_person),
            _span(one.result.by_picture),
            f"{one.p:.3f}" if one.p >= 0.001 else "< 0.001",
        ]
        for one in findings.comparisons
    ]
    return columns, rows


def bars(findings: Findings) -> Bars:
    """The methods' shares, with their intervals and the line of chance."""
    reach = [findings.chance, *(one.share for one in findings.methods)]
    reach += [high for one in findings.methods for _, high in filter(None, (one.by_person, one.by_picture))]
    most = next(top for top in (0.2, 0.4, 0.6, 0.8, 1.0) if max(reach) <= top)
    span = WIDTH - LEFT - RIGHT

    def x(share: float) -> float:
        return round(LEFT + share / most * span, 1)

    drawn = []
    for number, one in enumerate(findings.methods):
        y = TOP + ROW * (number + 0.5)
        intervals = [(y - 5, one.by_person), (y + 5, one.by_picture)]
        whiskers = tuple((at, x(found[0]), x(found[1])) for at, found in intervals if found is not None)
        drawn.append(
            Bar(
                name=one.name,
                label=one.name if len(one.name) <= _LONGEST else one.name[: _LONGEST - 1] + "…",
                value=percent(one.share),
                y=y,
                end=x(one.share),
                whiskers=whiskers,
                beyond=max(x(one.share), *(to for _, _, to in whiskers), x(0)) + 6,
            )
        )
    steps = round(most / 0.2)
    words = "; ".join(f"{one.name} {percent(one.share)}" for one in findings.methods)
    return Bars(
        bars=tuple(drawn),
        ticks=tuple((x(0.2 * step), f"{20 * step} %") for step in range(steps + 1)),
        chance=x(findings.chance),
        chance_label=f"chance: {percent(findings.chance)}",
        title=f"{findings.measure.capitalize()}, with 95 % by person (above) and by picture (below)",
        label=f"How often each method was {findings.measure}: {words}; by chance {percent(findings.chance)}",
        height=TOP + ROW * len(drawn) + BOTTOM,
    )


def percent(share: float) -> str:
    """A share for a person."""
    return f"{100 * share:.1f} %"


def _span(found: Interval | None) -> str:
    return "" if found is None else f"{100 * found[0]:.1f} to {100 * found[1]:.1f} %"
