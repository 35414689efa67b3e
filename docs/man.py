"""Writes a man page for gantool and for each verb, made of their help, below build/man: `make man`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import typer

ROOT = Path(__file__).parents[1]


def main(folder: Path = ROOT / "build" / "man" / "man1") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages():
        (folder / f"{name}.1").write_text(text, encoding="utf-8")


def pages() -> Iterator[tuple[str, str]]:
    """(name, roff) of every page: gantool-data-check comes after gantool-data."""
    from gantool.cli.main import app

    def walk(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
        yield context.command_path.replace(" ", "-"), roff(command, context)
        for name, inside in getattr(command, "commands", {}).items():
            yield from walk(inside, click.Context(inside, parent=context, info_name=name))

    command = typer.main.get_command(app)
    yield from walk(command, click.Context(command, info_name="gantool"))


def roff(command: click.Command, context: click.Context) -> str:
    """The page of one command in man's macros."""
    from gantool.version import __version__

    name = context.command_path.replace(" ", "-")
    summary, *rest = paragraphs(command)
    examples = [part for part in rest if part.startswith("gantool ")]
    description = [part for part in rest if part not in examples]
    words = context.command_path + " " + " ".join(command.collect_usage_pieces(context))
    lines = [f'.TH {quoted(name.upper())} 1 "" {quoted(f"gantool {__version__}")}']
    lines += [".SH NAME", f"{plain(name)} \\- {plain(summary.removesuffix('.'))}", ".SH SYNOPSIS", plain(words)]
    lines += [".SH DESCRIPTION"] * bool(description)
    lines += "\n.PP\n".join(plain(part) for part in description).splitlines()
    records = [(param, record) for param in command.get_params(context) if (record := param.get_help_record(context))]
    for title, kind in (("ARGUMENTS", "argument"), ("OPTIONS", "option")):
        found = [record for param, record in records if param.param_type_name == kind]
        lines += [f".SH {title}"] * bool(found)
        lines += [line for usage, meaning in found for line in (".TP", f".B {quoted(usage)}", plain(meaning))]
    inside = getattr(command, "commands", {})
    lines += [".SH COMMANDS"] * bool(inside)
    for verb, leaf in inside.items():
        page = f"{name}-{verb}".replace(" ", "-")
        lines += [".TP", f".BR {plain(page)} (1)", plain(paragraphs(leaf)[0])]
    lines += [".SH EXAMPLES", ".nf", *map(plain, examples), ".fi"] * bool(examples)
    lines += [".SH EXIT STATUS"]
    if context.parent is None:
        lines += [line for code, meaning in exit_codes() for line in (".TP", f".B {quoted(code)}", plain(meaning))]
    else:
        lines += ["See", ".BR gantool (1)."]
    return "\n".join(lines) + "\n"


def paragraphs(command: click.Command) -> list[str]:
    """What the help of a command says before its options, each paragraph on one line."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", command.help or "")]


def exit_codes() -> list[tuple[str, str]]:
    """(code, meaning), as the table of docs/README.md has them."""
    table = (ROOT / "docs" / "README.md").read_text(encoding="utf-8").partition("## Exit codes\n")[2]
    return re.findall(r"^\| (\d[^|]*?) \| ([^|]+?) \|", table.replace("`", ""), re.M)


def plain(text: str) -> str:
    """Text that man shows as it stands: hyphens can be copied, and no line is taken for a macro."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in text.splitlines())


def quoted(text: str) -> str:
    """The same as one argument of a macro."""
    return '"' + plain(text).replace('"', "\\(dq") + '"'


if __name__ == "__main__":
    sys.exit(main())
