"""Builds the documentation as a web site, below build/site/html: `make site`.

zensical turns the pages into HTML. A link that leads nowhere is an error. The index, docs/README.md, is the navigation.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

DOCS = Path(__file__).parent
ROOT = DOCS.parent
INDEX = Path("README.md")

PAGES_BESIDE = {
    ROOT / "CONTRIBUTING.md": Path("CONTRIBUTING.md"),
    ROOT / "CHANGELOG.md": Path("CHANGELOG.md"),
    ROOT / "gantool/examples/emoji/README.md": Path("emoji.md"),
}
"""Pages that lie outside of docs, and where the site has them."""

_CODE = re.compile(r"(^```.*?^```$)", re.M | re.S)
_TARGET = re.compile(r"\]\(([^)\s]+)\)")
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")


def main(build: Path = ROOT / "build" / "site") -> int:
    """Builds the site below `build`. Returns zensical's exit code: 0 done, 1 where a link is dead."""
    shutil.rmtree(build, ignore_errors=True)
    pages = build / "pages"
    shutil.copytree(DOCS, pages, ignore=shutil.ignore_patterns("*.py", "__pycache__", "*.yml"))
    for source, path in sources().items():
        (pages / path).write_text(page(source, path), encoding="utf-8")
    config = yaml.safe_load((DOCS / "theme" / "config.yml").read_text(encoding="utf-8"))
    config["nav"] = navigation()
    (build / "mkdocs.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict", "--config-file", "mkdocs.yml"]
    return subprocess.run(command, cwd=build, check=False).returncode


def sources() -> dict[Path, Path]:
    """Every page, and its place in the site."""
    return {path: path.relative_to(DOCS) for path in sorted(DOCS.rglob("*.md"))} | PAGES_BESIDE


def page(source: Path, path: Path) -> str:
    """The page's text with links as the site has them: a file of the repository that is no page becomes its name.

    A link to a file that is not there is an error; zensical looks at headings.
    """
    places = sources()
    parts = _CODE.split(source.read_text(encoding="utf-8"))
    for target in _TARGET.findall("".join(part for part in parts if not part.startswith("```"))):
        if "://" not in target and not (source.parent / target.partition("#")[0]).exists():
            raise SystemExit(f"{path} links to {target}, which does not exist")

    def link(found: re.Match[str]) -> str:
        words, target = found.groups()
        name, mark, anchor = target.partition("#")
        there = (source.parent / name).resolve()
        if "://" in target or not name:
            return found[0]
        if there in places:
            return f"[{words}]({_relative(places[there], path.parent)}{mark}{anchor})"
        return found[0] if there.is_relative_to(DOCS) else words

    return "".join(part if part.startswith("```") else _LINK.sub(link, part) for part in parts)


def navigation() -> list[dict[str, list[dict[str, str]]]]:
    """The lists of the index as groups of (title, page); then the generated pages.

    A page that the index does not name has no place, and is an error.
    """
    generated = {"Options": "models/options", "Help": "help"}
    groups: dict[str, list[dict[str, str]]] = {"Start": [{"gantool": str(INDEX)}]}
    group = "Start"
    for line in page(DOCS / INDEX, INDEX).splitlines():
        if re.fullmatch(r"[A-Z][^.|]*:", line):
            group = line.removesuffix(":")
        elif line.startswith("#"):
            group = "Start"
        elif line.startswith("- "):
            links = [(words.replace("`", ""), target) for words, target in _LINK.findall(line)]
            groups.setdefault(group, []).extend(
                {words[0].upper() + words[1:] if group == "Start" else words: target.partition("#")[0]}
                for words, target in links
                if not target.startswith((*generated.values(), "https:"))
            )
    for title, folder in generated.items():
        paths = sorted((DOCS / folder).glob("*.md"))
        if paths:
            groups[title] = [{name_of(path): path.relative_to(DOCS).as_posix()} for path in paths]
    named = {target for entries in groups.values() for entry in entries for target in entry.values()}
    left = sorted({path.as_posix() for path in sources().values()} - named - {"emoji.md"})
    if left:
        raise SystemExit(f"docs/README.md does not name {', '.join(left)}: no place in the navigation")
    return [{title: entries} for title, entries in groups.items()]


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def name_of(path: Path) -> str:
    """A generated page's title in the navigation: `data split`."""
    return "gantool" if path.name == INDEX.name else path.stem.replace("-", " ")


if __name__ == "__main__":
    sys.exit(main())
