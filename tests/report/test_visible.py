from __future__ import annotations

import json

import pytest

from gantool.report.page import write_page
from gantool.report.text import to_json, visible


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain é 図 🧑‍🚀 🏳️‍🌈 [red]", "plain é 図 🧑‍🚀 🏳️‍🌈 [red]"),
        ("a\x1b[2J\nerror: b\r\t\x00\x7f\x9b", r"a\x1b[2J\nerror: b\r\t\x00\x7f\x9b"),
        ("\u202egnp.exe\u2066\u200f\u061c", r"\u202egnp.exe\u2066\u200f\u061c"),
        ("\ufefflist\u2028next\u2029\x85", r"\ufefflist\u2028next\u2029\x85"),
        ("caf\udce9 \ud800", r"caf\xe9 \ud800"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text, seen):
    assert visible(text) == seen


def test_a_console_writes_names_out_everywhere(console):
    c = console()
    name = "x\x1b[2J\nerror: \u202eforged\udce9"
    for say in (c.note, c.warn, c.error):
        say(f"{name} is odd")
    lines = c.err.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[2] == r"error: x\x1b[2J\nerror: \u202eforged\xe9 is odd"
    c.result(name)
    c.table(name, [name, "n"], [[name, 1]])
    assert len(c.out.getvalue().splitlines()) == 4
    assert not set(c.out.getvalue()) & set("\x1b\u202e\udce9")


def test_json_stays_json(console):
    c = console(json=True)
    value = "x\x1b\n\u202e\udce9\x7f"
    c.event("odd", name=value)
    assert json.loads(c.out.getvalue())["name"] == value
    assert to_json(value).isascii()
    assert "\x7f" not in to_json(value)


def test_a_closed_stderr_is_no_trouble(console):
    console(err=None).error("nobody hears this")


def test_pages_write_names_out(tmp_path, monkeypatch):
    (tmp_path / "odd.html").write_text("<p>{{ name }}</p>\n{{ lines }}")
    monkeypatch.setattr("gantool.report.page._TEMPLATES", tmp_path)
    page = write_page(tmp_path / "page.html", "odd.html", name="\u202e<b>\x1b\udce9", lines="one\ntwo")
    assert page.read_text() == "<p>\\u202e&lt;b&gt;\\x1b\\xe9</p>\none\ntwo"
