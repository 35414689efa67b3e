"""How YAML is read: as data alone, where each key stands once and numbers are what people mean by them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import yaml

from gantool import schema

_INTEGER = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_MANY_VALUES = 100_000


class Reader(yaml.SafeLoader):
    """PyYAML's safe reader, but for two habits of YAML 1.1 that change what was written without a word.

    A key that stands twice is refused, rather than its first value dropped. Whole numbers are decimal, as in YAML 1.2:
    010 is not eight, and 7:50:00 is a text (a time), not a number of base 60.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012  # as the class above has it
        first: [(tag, pattern) for tag, pattern in found if tag not in (_INTEGER, _FLOAT)]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """The node of a table. Raises ValueError for a key that stands in it twice."""
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in lines:
                raise ValueError(f"{key.value} stands twice, in lines {lines[key.value]} and {line}")
            lines[key.value] = line
        return node


_DIGITS = list("-+0123456789")
Reader.add_implicit_resolver(_INTEGER, re.compile(r"[-+]?(0|[1-9][0-9]*)$"), _DIGITS)
Reader.add_implicit_resolver(
    _FLOAT,
    re.compile(r"([-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"),
    [*_DIGITS, "."],
)


def check_nesting(events: Iterable[Any]) -> None:
    """Counts what aliases stand for before anything is built of them. Raises ValueError."""
    sizes: dict[str, int] = {}
    opened: list[list[Any]] = [["", 0]]  # (anchor, values within)
    for event in events:
        kind, anchor = type(event).__name__, getattr(event, "anchor", None) or ""
        if kind == "AliasEvent":
            if anchor in [name for name, _ in opened]:
                raise ValueError(f"*{anchor} stands within itself")
            opened[-1][1] += sizes.get(anchor, 1)
        elif kind in ("SequenceStartEvent", "MappingStartEvent"):
            opened.append([anchor, 1])
        elif kind == "ScalarEvent":
            opened[-1][1] += 1
            sizes[anchor] = 1
        elif kind in ("SequenceEndEvent", "MappingEndEvent"):
            name, values = opened.pop()
            sizes[name] = values
            opened[-1][1] += values
        if len(opened) > schema.DEPTH or opened[-1][1] > _MANY_VALUES:
            raise ValueError("it is nested too deep, or holds too much")
