"""The man pages that are made of the help: man shows them without a warning, and every flag is there as it is typed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from gantool.cli.main import app

from .pages import DOCS


@pytest.fixture(scope="module")
def man():
    spec = importlib.util.spec_from_file_location("man", DOCS / "man.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown(*pages: Path) -> str:
    """What man prints on 200 columns, without bold. Fails where it warns."""
    if shutil.which("man") is None:
        pytest.skip("needs man: apt-get install man-db")
    environment = os.environ | {"MANWIDTH": "200", "MAN_KEEP_FORMATTING": "", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["man", "--warnings", "--local-file", *pages], env=environment, capture_output=True, text=True, check=True
    )
    assert not done.stderr
    return done.stdout


def test_every_verb_has_a_page_with_all_its_flags(man, tmp_path):
    man.main(tmp_path)
    pages = sorted(tmp_path.glob("*.1"))
    assert {page.stem for page in pages} == {name for name, _ in man.pages()} > {"gantool", "gantool-data-check"}
    text = shown(*pages)
    for name, inside in typer.main.get_command(app).commands.items():
        assert f"gantool-{name.replace(' ', '-')}(1)" in text
        for flag in (flag for param in inside.params if not getattr(param, "hidden", False) for flag in param.opts):
            assert not flag.startswith("-") or flag in text, (name, flag)
    assert "75     --time is used up" in text


@pytest.mark.parametrize("text", [".SH is no heading", "'tis", r"C:\new", "a-b --c", 'say "hi"', "first\n.second"])
def test_words_stay_what_they_are(text, man, tmp_path):
    page = tmp_path / "page.1"
    first, *_ = text.splitlines()
    page.write_text(f'.TH X 1 "" x\n.SH NAME\nx\n.SH WORDS\n.nf\n{man.plain(text)}\n.B {man.quoted(first + "!")}\n')
    lines = [line.strip() for line in shown(page).splitlines()]
    assert {*text.splitlines(), first + "!"} <= set(lines)
