"""The pages as a web site: no link is dead, every page has a place, and nothing is fetched from elsewhere."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path

import pytest

from .pages import DOCS

pytest.importorskip("zensical", reason='needs zensical: pip install -e ".[docs]"')


@pytest.fixture(scope="module")
def site():
    spec = importlib.util.spec_from_file_location("build_site", DOCS / "build_site.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def html(site, tmp_path_factory) -> Path:
    """Our pages as HTML."""
    build = tmp_path_factory.mktemp("build")
    assert site.main(build) == 0, "a link is dead"
    return build / "html"


@pytest.fixture
def small(site, tmp_path, monkeypatch) -> Path:
    """A site of two pages, in place of ours."""
    docs = tmp_path / "docs"
    shutil.copytree(DOCS / "theme", docs / "theme")
    (docs / "README.md").write_text("# Start\n\n- [Other](other.md#here)\n- [A script](../run.py)\n")
    (docs / "other.md").write_text("# Other\n\n## Here\n\n[back](README.md)\n\n```sh\necho '[x](../run.py)'\n```\n")
    (tmp_path / "run.py").touch()
    monkeypatch.setattr(site, "DOCS", docs)
    monkeypatch.setattr(site, "PAGES_BESIDE", {})
    return docs


def test_every_page_is_there(site, html):
    for path in site.sources().values():
        assert (html / path.with_name(path.name.replace("README", "index")).with_suffix(".html")).is_file()


def test_it_is_searched_from_disk_and_asks_no_other_host(html, browser):
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((html / "index.html").as_uri())
    page.get_by_role("button", name="Search").click()
    page.get_by_role("combobox", name="Search").press_sequentially("winograd")
    page.get_by_text(re.compile(r"^\d+ results?$")).wait_for()
    assert page.get_by_role("combobox", name="Search").input_value() == "winograd"
    page.goto((html / "models" / "cyclegan.html").as_uri())
    assert page.get_by_role("link", name="Choosing a model").first.is_visible()
    page.close()
    assert asked
    assert not [url for url in asked if not url.startswith(("file:", "data:"))]


@pytest.mark.slow
def test_on_a_phone_nothing_is_wider_than_the_page(html, browser):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    for name in ("index", "gallery", "help/train", "models/options/stylegan"):
        page.goto((html / f"{name}.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
    page.close()


@pytest.mark.slow
def test_on_a_phone_the_terminal_is_read_by_scrolling(html, browser):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto((html / "index.html").as_uri())
    terminal = page.locator("img[src$='terminal.svg']")
    letters = 20 / 1238 * terminal.bounding_box()["width"]  # pixels: 20 of 1238 in the file
    assert letters > 11
    scrolled = terminal.evaluate("image => { const p = image.parentElement; p.scrollLeft = 1e6; return p.scrollLeft; }")
    assert scrolled > 300
    page.close()


@pytest.mark.parametrize("link", ["[dead](missing.md)", "[dead](../missing.py)", "[![dead](no.png)](README.md)"])
def test_a_link_to_nothing_fails(link, site, small, tmp_path):
    (small / "other.md").write_text(f"# Other\n\n## Here\n\n{link}\n")
    with pytest.raises(SystemExit, match=r"other\.md links to .*, which does not exist"):
        site.main(tmp_path / "build")


def test_a_link_to_no_heading_fails(site, small, tmp_path, capfd):
    (small / "other.md").write_text("# Other\n\n## Here\n\n[dead](README.md#missing)\n")
    assert site.main(tmp_path / "build") != 0
    assert "anchor does not exist" in capfd.readouterr().err


def test_a_file_that_is_no_page_becomes_its_name(site, small, tmp_path):
    assert site.main(tmp_path / "build") == 0
    assert (tmp_path / "build" / "pages" / "README.md").read_text().endswith("- [Other](other.md#here)\n- A script\n")
    assert "'[x](../run.py)'" in (tmp_path / "build" / "pages" / "other.md").read_text()
    assert site.navigation() == [{"Start": [{"gantool": "README.md"}, {"Other": "other.md"}]}]


def test_a_page_that_the_index_does_not_name_is_refused(site, small, tmp_path):
    (small / "forgotten.md").write_text("# Forgotten\n")
    with pytest.raises(SystemExit, match=r"does not name forgotten\.md"):
        site.main(tmp_path / "build")
