"""All that a weights file says of its model, typed: domains, sizes, directions, abilities. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import ceil
from typing import Any, NamedTuple, TypeAlias

from gantool import schema
from gantool.errors import DataError, UsageError, argument


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
    vectors: int = 0
    """Numbers of the vectors that describe the pictures, where these come with such in place of words."""

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


ABILITIES = (
    *("translate", "code", "encode", "condition", "attend"),
    *("sample", "read", "mix", "invert"),
    *("average", "grow", "tell", "export"),
)
"""What weights can be able to do: `gantool.capabilities` asks a model."""


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
    latent_size: int = 0
    """Numbers of the latent that it makes pictures of."""
    label_size: int = 0
    """Numbers of the label that says what such a picture shows."""
    truncates: str = ""
    """What a truncation does."""
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
    """Hash of all other facts and of the tensors; of the tensors alone in files of 0.1; empty before it is written."""

    @property
    def told(self) -> str:
        """What says what a picture made of noise shows: "class", "text", "vector", or "" for nothing."""
        if not self.label_size:
            return ""
        return "text" if "read" in self.can else "vector" if self.spec.vectors else "class"

    def as_json(self) -> dict[str, Any]:
        """As JSON has it; `facts_from_json` is the inverse. What is empty is left out, unless every header has it."""
        table = {**vars(self), "spec": _spec_as_json(self.spec), "sizes": asdict(self.sizes), "can": sorted(self.can)}
        kept = {key: value for key, value in table.items() if value not in ((), {}, None, "") or key in _ALWAYS}
        return kept if "sample" in self.can else {key: kept[key] for key in kept.keys() - _OF_SAMPLES}


_ALWAYS = ("model", "step", "options", "spec", "sizes", "can", "directions")
"""Keys that every header has."""
_OF_SAMPLES = {"latent_size", "label_size"}
"""Those of weights that make pictures of noise alone."""


def facts_from_json(table: Mapping[str, Any]) -> Facts:
    """Raises ValueError that says in one line what is wrong with the table."""
    found = _FACTS(table, "")
    spec = Spec(**found.pop("spec"))
    if len(spec.kinds) != len(spec.domains):
        raise ValueError(f"spec.kinds has {len(spec.kinds)} entries, and there are {len(spec.domains)} domains")
    directions = tuple(Direction(*pair) for pair in found.pop("directions"))
    if strange := {name for pair in directions for name in pair}.difference(spec.domains):
        raise ValueError(f"directions name {schema.shown(min(strange))}, which is no domain")
    return Facts(spec=spec, directions=directions, sizes=Sizes(**found.pop("sizes")), **found)


def check_domains(names: Sequence[str]) -> None:
    """Raises UsageError for names that domains cannot have: they become parts of file names, and lines of messages."""
    try:
        _DOMAINS(list(names), "domains")
    except ValueError as error:
        raise UsageError(f"{error}: choose other names for the domains (they are those of their folders)") from error


def _kind(value: object, where: str) -> Kind:
    if isinstance(value, dict) and "classes" in value:
        return LabelMaps(**_LABELS(value, where))
    return Pictures(**_PICTURES(value, where))


_LONGEST_SIDE = 2**20
_MANY_DOMAINS = 1000
_NAME = schema.text(
    255,
    # Surrogates from U+DC80 on stand for bytes of a folder's name that are not UTF-8.
    r"(?!\.{1,2}\Z)[^/\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udc7f\udd00-\udfff]+",
    "a name without slashes and control characters",
)
_DOMAINS = schema.several(_NAME, low=1, high=_MANY_DOMAINS, different=True)
_WORDS = schema.several(schema.text(), high=10 * _MANY_DOMAINS)
_SIDE = schema.whole(1, _LONGEST_SIDE)
_PICTURES = schema.record({"channels": schema.whole(1, 16)})
_LABELS = schema.record({"classes": schema.whole(1, 2**16), "instances": schema.flag})
_FACTS = schema.record(
    {
        "model": _NAME,
        "step": schema.whole(),
        "options": schema.table(schema.kept(schema.either(schema.several(schema.scalar), schema.scalar))),
        "spec": schema.record(
            {
                "domains": _DOMAINS,
                "kinds": schema.several(_kind, low=1, high=_MANY_DOMAINS),
                "size": _SIDE,
                "attributes": schema.flag,
                "vectors": schema.optional(schema.whole(0, 2**20), 0),
            }
        ),
        "sizes": schema.record(
            {
                "multiple": schema.optional(_SIDE, 1),
                "minimum": schema.optional(_SIDE, 1),
                "exact": schema.optional(schema.nullable(_SIDE)),
            }
        ),
        "can": lambda value, where: frozenset(schema.several(schema.one_of(*ABILITIES))(value, where)),
        "directions": schema.several(schema.several(schema.text(255), low=2, high=2), high=_MANY_DOMAINS**2),
        "code_size": schema.optional(schema.whole(0, 2**16), 0),
        "condition_names": schema.optional(_WORDS, ()),
        "maps": schema.optional(_WORDS, ()),
        "latent_size": schema.optional(schema.whole(0, 2**20), 0),
        "label_size": schema.optional(schema.whole(0, 2**20), 0),
        "truncates": schema.optional(schema.text(), ""),
        "missing": schema.optional(_WORDS, ()),
        "own": schema.optional(schema.table(schema.anything), {}),
        "pictures": schema.optional(schema.table(schema.whole()), {}),
        "preparation": schema.optional(schema.table(schema.scalar), {}),
        "source": schema.optional(_WORDS, ()),
        "licence": schema.optional(schema.nullable(schema.text(100_000))),
        "gantool": schema.optional(schema.text(100), ""),
        "sha256": schema.optional(schema.text(64), ""),
    }
)


def _spec_as_json(spec: Spec) -> dict[str, Any]:
    return {
        "domains": list(spec.domains),
        "kinds": [asdict(kind) for kind in spec.kinds],
        "size": spec.size,
        "attributes": spec.attributes,
        **({"vectors": spec.vectors} if spec.vectors else {}),
    }
