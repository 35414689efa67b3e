"""Checks of what a plugin says of itself. Each gives what is wrong in one line, or nothing."""

from __future__ import annotations

import torch

from gantool.capabilities import abilities
from gantool.checking.subject import SMOKE, Subject
from gantool.errors import DataError
from gantool.options import describe, read_yaml
from gantool.runs.checkpoint import load_model

MOST_STEPS = 20
"""Of a run with the preset `smoke`: it takes seconds."""
_PICTURES = 1000
"""A training set of so many pictures is an example for presets that count passes."""


def contract(subject: Subject) -> str:
    """The plugin is imported, of this contract, and names no member in another way than the contract."""
    subject.entry.load()  # raises with what is wrong
    return ""


def smoke(subject: Subject) -> str:
    """There is a preset for small runs, and its run is short."""
    steps = subject.smoke.total_steps(_PICTURES, world=1)
    return f"a run with the preset {SMOKE} has {steps} steps, not {MOST_STEPS} at most" if steps > MOST_STEPS else ""


def presets(subject: Subject) -> str:
    """Every preset has a summary, and settings and options that exist."""
    for preset, file in subject.entry.presets().items():
        if not read_yaml(file).get("summary"):
            return f"the preset {preset} has no summary"
        try:
            subject.plan(preset)
        except DataError:  # it is for other pictures than can be made up; its settings were understood before
            continue
    return ""


def about(subject: Subject) -> str:
    """There are words for the list of models."""
    said = subject.entry.about()
    lacking = [key for key in ("needs", "makes") if not said.get(key)]
    return f"about.yaml does not say: {', '.join(lacking)}. The list of models shows nothing for it" if lacking else ""


def options(subject: Subject) -> str:
    """The paper and every option are described."""
    if not subject.kind.paper:
        return f"{subject.kind.__name__}.paper is empty"
    silent = [row.name for row in describe(subject.kind.Options) if not row.help]
    return f"options without a word of help: {', '.join(silent)}" if silent else ""


def header(subject: Subject) -> str:
    """The header of the weights names the abilities that the model has."""
    facts, model = load_model(subject.weights)  # refuses a header that promises more
    lost = sorted(abilities(model) - facts.can)
    return f"the header of its weights does not say that it can {', '.join(lost)}" if lost else ""


def printing(subject: Subject) -> str:
    """Nothing is printed: results and pictures go to the standard output, and a line between them spoils both."""
    first = next((line for line in subject.printed.getvalue().splitlines() if line.strip()), "")
    return f'prints "{first[:60]}": standard output is for results. logging and warnings go elsewhere' if first else ""


def official(subject: Subject) -> str:
    """A module `official` leaves the files of other models alone."""
    recognise = subject.entry.importer()
    foreign = {"nothing.pth": {"no.such.key": torch.zeros(1)}}
    if recognise is not None and recognise(foreign) is not None:
        return "official.recognise takes a foreign file for one of its own"
    return ""
