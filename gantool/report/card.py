"""A run's card: `README.md`, which says what the model is and how it is used. In the hub's form: Markdown below YAML.

Everything on it stands in the run folder, so it can be written anew at any time. Of paths it has the last names alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from gantool import direction, registry
from gantool.errors import UsageError, command
from gantool.files import write_atomically
from gantool.options import read_yaml
from gantool.report import runlog
from gantool.report.measures import measures, standing
from gantool.report.text import figure, visible, words
from gantool.runs import folders
from gantool.runs.header import read_facts
from gantool.spec import Facts
from gantool.version import __version__

CARD = "README.md"
SAMPLES = "samples"
LICENCES = frozenset(
    [
        *("afl-3.0", "agpl-3.0", "apache-2.0", "artistic-2.0", "bsd", "bsd-2-clause", "bsd-3-clause", "bsl-1.0", "cc"),
        *("cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-nd-3.0"),
        *("cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-sa-3.0"),
        *("cc-by-sa-4.0", "cc0-1.0", "gpl", "gpl-2.0", "gpl-3.0", "isc", "lgpl", "lgpl-2.1", "lgpl-3.0", "mit"),
        *("mpl-2.0", "openrail", "unlicense", "wtfpl", "zlib"),
    ]
)
"""Licences that the hub knows by these names; all others are `other`, with their words beside it."""

Spell = Callable[[str], str]
"""Writes the commands of a message as its reader types them: `Console.words`."""

_MARK = "<!-- Written by gantool, which leaves a changed card alone. sha256:{} -->\n"
_MARKED = re.compile(_MARK.format("([0-9a-f]{64})") + r"\Z")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~&])")
_FLAGS, _SET_ALONE = ("compile", "deterministic"), ("flip", "filter")


def is_ours(text: str) -> bool:
    """Whether a card is as gantool wrote it: its last line holds the hash of all before it."""
    found = _MARKED.search(text)
    return found is not None and found[1] == _digest(text[: found.start()])


def may_write(run: Path) -> bool:
    """Whether the run has no card, or one that nobody has changed."""
    path = run / CARD
    try:
        return not path.exists() or is_ours(path.read_bytes().decode())
    except (OSError, UnicodeDecodeError):
        return False


def write(run: Path, weights: Path, spell: Spell) -> bool:
    """Writes the card of a run for this save. False where a person has changed the one there: it stays as it is.

    Raises DataError where it cannot be written.
    """
    if not may_write(run):
        return False
    write_atomically(run / CARD, text(run, weights, str(run), spell).encode())
    return True


def text(run: Path | None, weights: Path, model: str, spell: Spell, licence: str | None = None) -> str:
    """The card for these weights. `model` is what names them in commands, `run` the run folder they are of, and
    `licence` the word of who publishes them; their own is that of the file. Raises CheckpointError.
    """
    facts = read_facts(weights)
    body = _front(facts, licence) + "\n".join(_body(run, facts, model, spell, licence)) + "\n\n"
    return body + _MARK.format(_digest(body))


def sample(run: Path | None, step: int) -> Path | None:
    """The newest sample grid of a run up to this step."""
    files = sorted((run / SAMPLES).glob("*.png")) if run is not None else []
    return next((file for file in reversed(files) if file.stem.isdigit() and int(file.stem) <= step), None)


def use(facts: Facts, model: str | Path) -> str:
    """What weights are for, as a command of a message."""
    if "sample" in facts.can:
        told = {"text": {"text": "WORDS"}, "vector": {"vectors": "FILE"}}.get(facts.told, {})
        return command("sample", {"output": "OUT"}, model=model, n=16, **told)
    targets = direction.to_choose_from(facts)
    to = {"to": targets[-1]} if targets else {}
    return command("translate", {"inputs": "IN", "output": "OUT"}, model=model, **to)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _front(facts: Facts, licence: str | None) -> str:
    """What the hub reads."""
    task = "image-to-image" if "translate" in facts.can else "unconditional-image-generation"
    table: dict[str, Any] = {"library_name": "gantool", "pipeline_tag": task, "tags": ["gan", facts.model]}
    if given := licence or facts.licence:
        known = re.sub(r"[^a-z0-9.]+", "-", given.lower()).strip("-")[:60]
        table |= {"license": known} if known in LICENCES else {"license": "other", "license_name": known}
    return f"---\n{yaml.safe_dump(table, sort_keys=False, allow_unicode=True)}---\n\n"


def _body(run: Path | None, facts: Facts, model: str, spell: Spell, licence: str | None) -> Iterator[str]:
    domains = facts.spec.domains
    shown = ", ".join(domains[:-1]) + " and " + domains[-1] if 1 < len(domains) <= 4 else f"{len(domains)} domains"
    yield f"# {_plain(facts.model)}: {_plain(domains[0] if len(domains) == 1 else shown)}\n"
    installed = registry.plugins().get(facts.model)
    makes = "" if installed is None else str(installed.about().get("makes", ""))
    yield f"A {_plain(facts.model)} of gantool {__version__}{': ' if makes else ''}{_plain(makes)}.\n"
    own = {
        "steps": str(facts.step) if not facts.source else "",
        "domains": ", ".join(domains),
        "directions": ", ".join(f"{a} to {b}" for a, b in facts.directions) if len(facts.directions) <= 12 else "",
        "training crops": f"{facts.spec.size} pixels",
        "imported from": ", ".join(facts.source),
        "sha256": facts.sha256,
    }
    yield _table(("", ""), [(key, value) for key, value in own.items() if value])
    if run is not None and (picture := sample(run, facts.step)) is not None:
        yield f"## Pictures\n\n![Samples of step {int(picture.stem)}]({SAMPLES}/{picture.name})\n"
    yield f"## Use\n\n{_code(spell(use(facts, model)))}"
    if facts.pictures:
        yield "## Data\n\n" + _table(("domain", "pictures"), [(name, str(n)) for name, n in facts.pictures.items()])
    if run is not None:
        yield from _metrics(run, facts.step)
    options = {**facts.options, **facts.preparation}
    yield "## Options\n\n" + _table(("option", "value"), [(key, _cut(value)) for key, value in options.items()])
    if made := _made(run, facts):
        yield f"## How it was made\n\n{_code(spell(made))}"
    given = licence or facts.licence
    stated = _plain(given) if given else "Nobody has stated one. Pictures and weights keep that of whoever made them."
    yield f"## Licence\n\n{stated}"
    if licence and facts.licence and facts.licence != licence:
        yield f"\nThe weights file itself says: {_plain(facts.licence)}"


def _metrics(run: Path, step: int) -> Iterator[str]:
    """The newest figures of this save, and which save is best."""
    records = runlog.read(run / folders.LOG)
    found = next((one for number, one in reversed(measures(records)) if number == step), None)
    if found is None:
        return
    rows = [
        (name, "infinite" if value is None else figure(value, digits=4), found.better.get(name, ""))
        for name, value in found.metrics.items()
    ]
    yield f"## Metrics\n\nOf step {step}.\n\n" + _table(("metric", "value", "better"), rows)
    if counts := re.search(r"\(([^()/\\]*: \d[^()/\\]*)\)\Z", found.on):
        yield f"Measured on pictures that were held back: {_plain(counts[1])}.\n"
    if (now := standing(records)) is not None:
        yield f"The best of this training's saves by {now.metric} is that of step {now.step}.\n"


def _made(run: Path | None, facts: Facts) -> str:
    """The command that made the weights, as far as it is known. Paths are cut to their last names."""
    if facts.source:
        return command("import", {"files": list(facts.source)}, out="RUN")
    path = None if run is None else run / folders.SETTINGS
    if path is None or not path.is_file():
        return ""
    try:
        stored = read_yaml(path)
        sources = dict(stored["facts"]["sources"])
        data = [_last(str(folder)) for folder in stored["data"]]
        model, options = str(stored["model"]), dict(stored["options"])
    except (UsageError, KeyError, TypeError, ValueError):
        return ""
    given: dict[str, str] = {}
    chosen: dict[str, str] = {}
    for key, source in sources.items():
        source, name = str(source), key.removeprefix("options.")
        if source.startswith("preset "):
            given["preset"] = source.removeprefix("preset ")
        elif source.startswith("from_="):
            given["from_"] = _last(source.removeprefix("from_="))
        elif name != key or name in _SET_ALONE:
            chosen[name] = _value((options if name != key else stored).get(name))
        elif name in _FLAGS:
            given |= {name: ""} if stored.get(name) else {}
        elif stored.get(name) is not None:
            given[name] = _value(stored[name])
    return command("train", {"model": model, "data": data}, **given, set=chosen)


def _last(path: str) -> str:
    """The last name of a path; a run on the hub has no private part."""
    return path if path.startswith("hf://") else re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def _value(value: object) -> str:
    """A value as it is typed."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    if isinstance(value, (list, tuple)):
        return ",".join(map(_value, value))
    return _last(value) if isinstance(value, str) else str(value)


def _cut(value: object) -> str:
    """A value for a reader."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_cut, value))
    return _last(value) if isinstance(value, str) else words(value)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_plain(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _code(line: str) -> str:
    """A command as a block, which no name within it can end: a fence is longer than any row of its signs."""
    fence = "`" * max(3, 1 + max((len(row) for row in re.findall("`+", line)), default=0))
    language = "python" if line.startswith("gantool.") else "sh"
    return f"{fence}{language}\n{visible(line)}\n{fence}\n"


def _plain(text: str) -> str:
    """Words that Markdown and HTML take for nothing but words."""
    return _SPECIAL.sub(r"\\\1", visible(text)) if text else ""
