"""Writes the pages that follow from the code: `--help` of every verb, every model's options, and the gallery. `make
docs` runs it.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import typer

DOCS = Path(__file__).parent
WIDTH = 100

GALLERY = """What each model makes of small pictures after a short training. A model's page says on which pictures it
was trained, for how long, with which command, and what was measured. The papers' trainings are larger by far."""


def generated() -> dict[Path, str]:
    """Every generated page by its path below `docs`."""
    helps = dict(help_pages())
    index = "".join(f"- [gantool {verb}]({verb.replace(' ', '-')}.md)\n" for verb in helps)
    found = {Path("help/README.md"): _page("Help of every verb", "gantool --help", help_text([])) + f"\n{index}"}
    found |= {
        Path("help") / f"{verb.replace(' ', '-')}.md": _page(f"gantool {verb} --help", f"gantool {verb} --help", text)
        for verb, text in helps.items()
    }
    found[Path("gallery.md")] = gallery_page()
    return found | {Path("models/options") / f"{name}.md": text for name, text in options_pages()}


def help_pages() -> Iterator[tuple[str, str]]:
    """(verb, text of its help): `data check` comes as two words."""
    from gantool.cli.main import app

    def walk(command: object, words: list[str]) -> Iterator[tuple[str, str]]:
        if words:
            yield " ".join(words), help_text(words)
        for name, inside in getattr(command, "commands", {}).items():
            yield from walk(inside, [*words, name])

    yield from walk(typer.main.get_command(app), [])


def help_text(words: list[str]) -> str:
    """What `gantool WORDS... --help` prints on 100 columns, as plain text."""
    from typer import rich_utils

    from gantool.cli.main import app

    plain = {"COLUMNS": str(WIDTH), "NO_COLOR": "1", "TERM": "dumb", "LINES": "50"}
    before, width = dict(os.environ), rich_utils.MAX_WIDTH
    os.environ.update(plain)
    rich_utils.MAX_WIDTH = WIDTH
    try:
        with redirect_stdout(io.StringIO()) as out:
            app([*words, "--help"], prog_name="gantool", standalone_mode=False)
    finally:
        os.environ.clear()
        os.environ.update(before)
        rich_utils.MAX_WIDTH = width
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n")).strip("\n")


def options_pages() -> Iterator[tuple[str, str]]:
    """(model, page) for the models that come with gantool."""
    from gantool import registry
    from gantool.options import describe, typed

    for name, plugin in registry.plugins().items():
        if plugin.distribution != "gantool":
            continue
        rows = ["| option | default | values | meaning |", "| --- | --- | --- | --- |"]
        for option in describe(plugin.load().Options):
            cells = [f"`{option.name}`", typed(option.default), option.range or option.type, option.help]
            rows.append("".join("| " + str(cell).replace("|", "\\|") + " " for cell in cells) + "|")
        note = f"Set one with `--set KEY=VALUE`. What they are for: [{name}](../{name}.md)."
        yield name, f"# Options of {name}\n\n{note}\n\n" + "\n".join(rows) + "\n"


def gallery_page() -> str:
    """Every model that comes with gantool, in README's order, with the pictures that its own page shows."""
    from gantool import registry

    order = re.findall(r"\]\(docs/models/(\w+)\.md\)", (DOCS.parent / "README.md").read_text(encoding="utf-8"))
    cards, without = [], []
    for name, plugin in sorted(registry.plugins().items(), key=lambda one: [*order, one[0]].index(one[0])):
        if plugin.distribution != "gantool":
            continue
        page = f"models/{name}.md"
        pictures = re.findall(r"^!\[(.+)\]\(\.\./(.+)\)$", (DOCS / page).read_text(encoding="utf-8"), re.M)
        lines = [f"- **[{name}]({page})**: {plugin.about()['makes']}"]
        lines += [f"[![{words}]({picture})]({page})\n\n    {words}" for words, picture in pictures]
        if pictures:
            cards.append("\n\n    ".join(lines))
        else:
            without.append(lines[0])
    text = f'# Gallery\n\n{GALLERY}\n\n<div class="grid cards" markdown>\n\n' + "\n\n".join(cards) + "\n\n</div>\n"
    return text + ("\nWithout a picture as yet:\n\n" + "\n".join(without) + "\n" if without else "")


def main() -> None:
    for path, text in generated().items():
        (DOCS / path).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / path).write_text(text, encoding="utf-8")


def _page(title: str, command: str, text: str) -> str:
    return f"# {title}\n\n```text\n$ {command}\n\n{text}\n```\n"


if __name__ == "__main__":
    sys.exit(main())
