"""All that a weights file says of its model, typed: domains, sizes, directions, abilities. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import ceil
from typing import Any, NamedTuple, TypeAlias

from gantool.errors import DataError, argument


@dataclass(frozen=True)
class Pictures:
    """A domain of pictures."""

    channels: int = 3
    """1 (grey) or 3 (RGB)."""


@dataclass(frozen=True)
class LabelMaps:
    """A domain of label maps, with ids from 0 to `classes` - 1."""

    classes: int
    instances: bool = False
    """Whether an instance map belongs to each."""

    @property
    def channels(self) -> int:
        """Planes of ids: the classes and, with `instances`, the instances."""
        return 1 + self.instances


Kind: TypeAlias = Pictures | LabelMaps
"""The content of a domain."""


@dataclass(frozen=True)
class Spec:
    """The domains of a run and its training crops."""

    domains: tuple[str, ...]
    """Their names, in the order in which they were given."""
    kinds: tuple[Kind, ...]
    """The content of each."""
    size: int
    """Side of the training crops, in pixels."""
    attributes: bool = False
    """The domains are attributes: a picture may have several of them, or none."""

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each domain's pictures."""
        return tuple(kind.channels for kind in self.kinds)

    def index(self, domain: str) -> int:
        """Position of a domain in `domains`; raises ValueError for an unknown one.

        An expression of attributes, such as "+Male,-Young", counts as the first: their pictures are the same.
        """
        return 0 if self.attributes and domain not in self.domains else self.domains.index(domain)

    def kind(self, domain: str) -> Kind:
        """The content of a domain."""
        return self.kinds[self.index(domain)]


@dataclass(frozen=True)
class Sizes:
    """Which picture sizes networks accept. Translation pads to them and crops back."""

    multiple: int = 1
    """Height and width must divide by this."""
    minimum: int = 1
    """Neither side may be smaller."""
    exact: int | None = None
    """Where set, only squares of this side are accepted: a picture is never resized unasked."""

    def fit(self, height: int, width: int) -> tuple[int, int]:
        """The smallest accepted (height, width) that holds a picture of this size. DataError if it is not `exact`."""
        if self.exact is not None:
            if (height, width) != (self.exact, self.exact):
                raise DataError(
                    f"these weights take pictures of {self.exact}x{self.exact} only, not {width}x{height}:"
                    f" {argument('size', self.exact)} resizes"
                )
            return height, width

        def up(side: int) -> int:
            return ceil(max(side, self.minimum) / self.multiple) * self.multiple

        return up(height), up(width)


class Direction(NamedTuple):
    """From which domain to which. The target may be an expression of attributes."""

    source: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The header of a weights file."""

    model: str
    """The model's name in the registry."""
    step: int
    options: Mapping[str, Any]
    """The model's options by name."""
    spec: Spec
    sizes: Sizes
    """Sizes that its translation accepts."""
    can: frozenset[str]
    """Its abilities: see `gantool.capabilities.abilities`."""
    directions: tuple[Direction, ...]
    """Between which domains it translates. None where weights with attributes cannot tell what a picture has."""
    code_size: int = 0
    """Length of its style codes."""
    condition_names: tuple[str, ...] = ()
    """The meaning of each number of its condition."""
    maps: tuple[str, ...] = ()
    """Names of its maps of attention."""
    missing: tuple[str, ...] = ()
    """Networks that imported weights came without."""
    own: Mapping[str, Any] = field(default_factory=dict)
    """Further facts that the model tells."""
    pictures: Mapping[str, int] = field(default_factory=dict)
    """How many pictures of each domain it learned from."""
    preparation: Mapping[str, Any] = field(default_factory=dict)
    """How they were prepared: the fields of `gantool.data.transforms.Preparation`."""
    source: tuple[str, ...] = ()
    """The official files it was imported from."""
    licence: str | None = None
    gantool: str = ""
    """The version that wrote it."""
    sha256: str = ""
    """Hash of the tensors; empty before they are written."""

    def as_json(self) -> dict[str, Any]:
        """As JSON has it; `facts_from_json` is the inverse. What is empty is left out, unless every header has it."""
        table = {**vars(self), "spec": _spec_as_json(self.spec), "sizes": asdict(self.sizes), "can": sorted(self.can)}
        return {key: value for key, value in table.items() if value not in ((), {}, None, "") or key in _NEEDED}


def facts_from_json(table: Mapping[str, Any]) -> Facts:
    """Raises ValueError that says what is wrong with the table."""
    wrong = [key for key, kind in _NEEDED.items() if not isinstance(table.get(key), kind)]
    if wrong:
        raise ValueError(f"its header lacks {', '.join(wrong)}")
    spec = _spec_from_json(table["spec"])
    return Facts(
        model=table["model"],
        step=_number(table, "step"),
        options=table["options"],
        spec=spec,
        sizes=_sizes(table["sizes"]),
        can=frozenset(_texts(table, "can")),
        directions=tuple(_direction(pair, spec) for pair in table["directions"]),
        code_size=_number({"code_size": 0, **table}, "code_size"),
        condition_names=_texts(table, "condition_names"),
        maps=_texts(table, "maps"),
        missing=_texts(table, "missing"),
        own=_table(table, "own"),
        pictures=_table(table, "pictures"),
        preparation=_table(table, "preparation"),
        source=_texts(table, "source"),
        licence=None if table.get("licence") is None else str(table["licence"]),
        gantool=str(table.get("gantool", "")),
        sha256=str(table.get("sha256", "")),
    )


_NEEDED = {"model": str, "step": int, "options": dict, "spec": dict, "sizes": dict, "can": list, "directions": list}


def _spec_as_json(spec: Spec) -> dict[str, Any]:
    return {
        "domains": list(spec.domains),
        "kinds": [asdict(kind) for kind in spec.kinds],
        "size": spec.size,
        "attributes": spec.attributes,
    }


def _spec_from_json(table: Mapping[str, Any]) -> Spec:
    domains = _texts(table, "domains")
    kinds = table.get("kinds")
    if not (domains and isinstance(kinds, list) and len(kinds) == len(domains)):
        raise ValueError("its header names no domains")
    return Spec(domains, tuple(map(_kind, kinds)), _number(table, "size", 1), _flag(table, "attributes"))


def _kind(table: Any) -> Kind:
    if isinstance(table, dict) and set(table) == {"channels"} and _number(table, "channels") in (1, 3):
        return Pictures(_number(table, "channels"))
    if isinstance(table, dict) and set(table) == {"classes", "instances"}:
        return LabelMaps(_number(table, "classes", 1), _flag(table, "instances"))
    raise ValueError(f"its header describes a domain as {str(table)[:40]}")


def _sizes(table: Mapping[str, Any]) -> Sizes:
    table = {"multiple": 1, "minimum": 1, **table}
    exact = None if table.get("exact") is None else _number(table, "exact", 1)
    return Sizes(_number(table, "multiple", 1), _number(table, "minimum", 1), exact)


def _direction(pair: Any, spec: Spec) -> Direction:
    if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and all(name in spec.domains for name in pair)):
        raise ValueError(f"its header names a direction {str(pair)[:40]}")
    return Direction(*pair)


def _number(table: Mapping[str, Any], key: str, least: int = 0) -> int:
    value = table.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**31:
        raise ValueError(f"its header gives {key} as {str(value)[:40]}")
    return value


def _flag(table: Mapping[str, Any], key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise ValueError(f"its header gives {key} as {str(value)[:40]}")
    return value


def _texts(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, ())
    if not (isinstance(value, (list, tuple)) and all(isinstance(text, str) for text in value)):
        raise ValueError(f"its header gives {key} as {str(value)[:40]}")
    return tuple(value)


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key) or {}
    if not isinstance(value, dict):
        raise ValueError(f"its header gives {key} as {str(value)[:40]}")
    return value
