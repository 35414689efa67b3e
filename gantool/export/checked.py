"""A network as a file's content, after it was run and compared with the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch.export import ExportedProgram

from gantool.capabilities import Graph
from gantool.errors import CheckpointError, GantoolError
from gantool.export import check, files, graphs
from gantool.export.check import Case, Size
from gantool.export.translation import Translation
from gantool.schema import first_line
from gantool.spec import Facts

Tell = Callable[[str], None]
"""Told in a few words what is done next."""


@dataclass(frozen=True)
class Checked:
    """The content of a file that does what the model does."""

    data: bytes
    notes: dict[str, Any]
    """What the file says of itself."""
    differences: dict[Size, float]
    """The largest difference at each size that was compared."""


def of_translation(translation: Translation, format: str, image_io: bool, verbose: bool, tell: Tell) -> Checked:
    """A translation, compared at three sizes. Its model loses the networks that take no part in it.

    Raises CheckpointError (it cannot be exported, or the file disagrees with the model).
    """
    cases = check.cases(translation, image_io)
    notes = files.notes(translation, image_io)
    capture = partial(graphs.capture, translation, image_io)
    return checked(capture, notes, cases, format, translation.facts.model, verbose, tell)


def of_graph(
    graph: Graph, facts: Facts, paper: str, part: str | None, format: str, image_io: bool, verbose: bool, tell: Tell
) -> Checked:
    """The same of a network into which no picture goes; `part` is its name, if it is not the whole model."""
    notes = files.graph_notes(facts, paper, part, graph, image_io)
    cases = check.graph_cases(graph, image_io)
    return checked(partial(graphs.capture_graph, graph, image_io), notes, cases, format, facts.model, verbose, tell)


def checked(
    capture: Callable[[], ExportedProgram],
    notes: dict[str, Any],
    cases: Sequence[Case],
    format: str,
    model: str,
    verbose: bool,
    tell: Tell,
) -> Checked:
    """What `capture` gives, written in this format, read again and compared. Raises CheckpointError."""
    write, read = files.FORMATS[format]
    with graphs.quiet(verbose):
        try:
            data = write(capture(), notes, verbose)
            translate = read(data)
        except (MemoryError, GantoolError):
            raise
        except Exception as error:
            said = first_line(error)
            if said.startswith("Constraints violated"):
                said = (
                    "its networks take a number of pictures or a side as fixed, as len(x) and int(x.shape[2]) do: write"
                    " x.shape[0] and x.shape[2]"
                )
            raise CheckpointError(f"{model} cannot be exported as {format}: {said}") from error
        tell(f"comparing with the model at {', '.join('x'.join(map(str, case.size)) for case in cases)} ...")
        return Checked(data, notes, check.compare(translate, cases))
