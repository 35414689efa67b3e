"""The documentation is true: commands run, links lead somewhere, generated pages are fresh, nothing is missing."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path

import pytest
import typer

from gantool import errors, registry
from gantool.cli.main import app

from .pages import DOCS, GENERATED, ROOT, blocks, pages, run

REASONS = (
    "installs packages",
    "takes minutes",
    "needs several processes",
    "needs a network",
    "needs ffmpeg",
    "needs a film",
    "goes on until it is stopped",
    "needs Slurm",
    "needs onnxruntime-web",
    "needs the weights of Inception",
)
"""Why a block may stay untried. Keep it short."""

EXECUTED = [
    page
    for page in pages()
    if page.name != "writing-a-plugin.md"  # tests/plugins/test_outside_plugin.py
    and any(block.language in ("sh", "python") and not block.kind for block in blocks(page))
]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def executed() -> list[object]:
    """The pages; those of models, which say in other words what their tests do, run with `make test-all`."""
    slow = [pytest.mark.slow]
    return [pytest.param(page, id=name(page), marks=slow if page.parent.name == "models" else []) for page in EXECUTED]


@pytest.mark.parametrize("page", executed())
def test_every_block_of_a_page_runs(page, prepared, commands, tmp_path):
    folder = tmp_path / "work"
    shutil.copytree(prepared, folder)
    run(page, folder, commands)


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_block_says_what_it_is(page):
    text = page.read_text(encoding="utf-8")
    assert text.count("\n```") == 2 * len(list(blocks(page))), "a block of code is not closed, or is indented"
    comments = len(re.findall("^<!--", text, re.M))
    assert comments == sum(bool(block.kind) for block in blocks(page)), "a comment is not right before a block"
    for block in blocks(page):
        if block.kind == "not run":
            assert block.note in REASONS, f"{block.place}: {block.note}"
        assert block.language or "gantool " not in block.code, f"{block.place}: a command in a block without a language"


@pytest.mark.parametrize("page", pages(), ids=name)
def test_links_lead_to_pages_and_headings(page):
    for target in links(page):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.is_file(), f"{name(page)} links to {target}"
        if anchor:
            assert anchor in anchors(there), f"{name(page)} links to {target}"


def links(page: Path) -> list[str]:
    """What the page's links name, but for the web."""
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)) if not target.startswith("https://")]


def anchors(page: Path) -> set[str]:
    """The page's headings as links name them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)


def test_generated_pages_are_fresh():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    fresh = {DOCS / path: text for path, text in generate.generated().items()}
    on_disk = {page for folder in GENERATED for page in folder.glob("*.md")} | {DOCS / "gallery.md"}
    assert on_disk == fresh.keys(), "generated pages are missing or left over: make docs"
    stale = [name(page) for page, text in fresh.items() if page.read_text(encoding="utf-8") != text]
    assert not stale, f"stale: {', '.join(stale)}. Write them anew: make docs"


WAYS = ("sample interpolate", "sample mix", "sample project")
OF_RUNS = ("runs show", "runs plot", "runs diff", "runs note", "runs rm")
OF_HUB = ("push", "pull")
PAGE_OF = {
    "plugins": "models",
    "info": "models",
    **dict.fromkeys(WAYS, "sample"),
    **dict.fromkeys(OF_RUNS, "runs"),
    **dict.fromkeys(OF_HUB, "hub"),
}
"""The verbs that share a page."""
OURS = [plugin.name for plugin in registry.plugins().values() if plugin.distribution == "gantool"]


@pytest.mark.parametrize("verb", typer.main.get_command(app).commands)
def test_every_verb_has_a_page_with_examples_first_and_its_exit_codes(verb):
    text = (DOCS / f"{PAGE_OF.get(verb, verb)}.md").read_text(encoding="utf-8")
    before_first_block = text.partition("```")[0]
    assert text.startswith("# gantool ")
    assert verb in text.splitlines()[0]
    assert "## " not in before_first_block.removeprefix("# ")
    assert f"help/{verb.replace(' ', '-')}.md" in text
    assert "## Exit codes" in text
    assert f"gantool {verb}" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("model", OURS)
def test_every_model_and_preset_is_documented(model):
    text = (DOCS / "models" / f"{model}.md").read_text(encoding="utf-8")
    for preset in registry.plugin(model).presets():
        assert f"| `{preset}` |" in text
    about = registry.plugin(model).about()
    row = f"| [{model}](docs/models/{model}.md) | {about['needs']} | {about['makes']} |"
    assert row in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "README.md"], ids=name)
def test_every_exit_code_is_documented(page):
    text = page.read_text(encoding="utf-8")
    table = text.partition("xit codes\n")[2]
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {kind.exit_code for kind in classes if issubclass(kind, errors.GantoolError)} | {0, 130, 143}
    for code in codes:
        assert re.search(rf"^\|(.*, )?\s?{code}[ ,]", table, re.M), f"exit code {code}"


def test_every_page_can_be_reached_from_the_index():
    waiting, seen = [DOCS / "README.md"], set()
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if link[0] != "#"]
    assert set(DOCS.rglob("*.md")) <= seen
