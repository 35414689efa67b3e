"""The frame of our HTML pages: one file each, with everything inside and nothing asked of a network."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path

from gantool.files import write_atomically

BUDGET = 14_000_000
"""Bytes of pictures that go into one page; as text they take a third more, which keeps a page below 20 MB."""

_STYLE = """
:root { color-scheme: light dark; --page: #f6f6f4; --card: #fff; --ink: #1d1f21; --soft: #62666b; --line: #dcdcd8;
  --mark: #1f6feb; --warn: #b3402a; }
@media (prefers-color-scheme: dark) { :root { --page: #141517; --card: #1d1f22; --ink: #e7e7e4; --soft: #9a9ea4;
  --line: #34373b; --mark: #6aa5ff; --warn: #ff8f78; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 72rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1rem; margin: 0; }
p { margin: .25rem 0 .75rem; color: var(--soft); max-width: 46rem; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .75rem 1.25rem; margin: 0; }
dt { color: var(--soft); font-size: .8rem; }
dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .85rem; overflow-wrap: anywhere; }
figcaption span { color: var(--soft); }
img { display: block; max-width: 100%; height: auto; border-radius: 4px; }
img.small { image-rendering: pixelated; }
.card, .group, .charts figure { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 1rem; }
.group { margin-bottom: 1rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 31rem)); gap: 1rem 2rem; }
.charts figure { border: 0; padding: 0; }
.charts .warn { color: var(--warn); font-size: .8rem; margin: 0; }
svg { display: block; width: 100%; height: auto; font: 11px system-ui, sans-serif; }
svg text { fill: var(--soft); }
.rule { stroke: var(--line); }
.raw { fill: none; stroke: var(--mark); opacity: .28; }
.middle { fill: none; stroke: var(--mark); stroke-width: 2; stroke-linejoin: round; }
.dot { fill: var(--mark); }
.viewer label { display: flex; gap: 1rem; align-items: center; margin-bottom: .75rem; }
.viewer input { flex: 1; min-width: 0; accent-color: var(--mark); }
.viewer output { min-width: 7rem; font-variant-numeric: tabular-nums; font-weight: 600; }
.samples figure { margin: 1rem 0; }
summary { cursor: pointer; margin-top: 1rem; color: var(--mark); }
.rows { display: flex; flex-wrap: wrap; gap: 1rem; }
.row { display: flex; gap: 1rem; max-width: 100%; }
"""


def write_page(path: Path, title: str, facts: Mapping[str, str], body: str, script: str = "") -> Path:
    """Writes a page with a heading, a list of facts and this HTML, atomically. `title` and `facts` are plain text."""
    entries = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items())
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
{f"<dl class=card>{entries}</dl>" if entries else ""}
{body}
{f"<script>{script}</script>" if script else ""}
</body>
</html>
"""
    write_atomically(path, page.encode("utf-8", "replace"))
    return path


def embedded(data: bytes, kind: str, width: int, height: int, description: str) -> str:
    """An `<img>` that carries its picture (`kind`: png or jpeg). Small ones are shown up to three times as large."""
    factor = max(1, min(3, 640 // max(1, width)))
    return (
        f"<img{' class=small' if factor > 1 else ''} width={width * factor} height={height * factor} "
        f'alt="{escape(description)}" src="data:image/{kind};base64,{base64.b64encode(data).decode("ascii")}">'
    )
