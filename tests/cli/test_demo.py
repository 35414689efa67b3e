"""`gantool demo`: the pages that it writes."""

from __future__ import annotations

import json
import sys


def test_the_demo_says_what_was_run_and_its_gallery_where_it_comes_from(main, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/gantool", "demo", "--steps", "2"])  # pages name the process's command
    code, out, _ = main("demo", "--steps", "2", "-o", str(tmp_path / "run"), "--json")
    assert code == 0
    page = json.loads(out.splitlines()[-1])["page"]
    assert page == str(tmp_path / "run" / "demo.html")
    demo, gallery = ((tmp_path / "run" / name).read_text() for name in ("demo.html", "gallery.html"))
    assert "<title>Noto emoji as Twemoji, after 2 steps of training</title>" in demo
    assert 'alt="translated: airplane of Noto in the manner of Twemoji"' in demo
    assert 'href="gallery.html"' in demo
    assert 'href="demo.html"' in gallery
    for fact in ("step time", "command", "gantool", "written"):
        assert f"<dt>{fact}</dt>" in gallery
    assert "gantool demo --steps 2" in gallery
    assert "with the columns A, A to B, and back, B, B to A, and back" in gallery
