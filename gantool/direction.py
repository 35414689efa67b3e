"""From which domain to which: the words of a person, against what a model can do. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from unicodedata import normalize

from gantool.errors import UsageError, argument, did_you_mean
from gantool.spec import Direction, Spec


class Known(Protocol):
    """A model's domains and directions: `Facts`, or an engine."""

    @property
    def spec(self) -> Spec: ...

    @property
    def directions(self) -> tuple[Direction, ...]: ...


def resolve(known: Known, to: str | None = None) -> Direction:
    """The direction to a target; None means the second domain. The source is the other one, or the first possible.

    A domain goes by its name, or by its letter ("A" is the first). Where the domains are attributes, the target is an
    `expression` of them, and the source says nothing. Raises UsageError that names what is possible.
    """
    domains = known.spec.domains
    if known.spec.attributes:
        return _with_attributes(known, to)
    possible = known.directions
    if not possible:
        raise UsageError(f"these weights can translate between no two of their domains: {', '.join(domains)}")
    if to is None:
        second = domains[min(1, len(domains) - 1)]
        return next((way for way in possible if way.target == second), possible[0])
    target = named(domains, to)
    for way in possible:
        if way.target == target:
            return way
    able = ", ".join(f"{way.source} -> {way.target}" for way in possible)
    raise UsageError(f"these weights cannot translate to {target}, only: {able}")


def targets(known: Known, to: str | None) -> list[Direction]:
    """A direction for each target that a person names: one, several with commas between, or "all"; each once.

    Raises UsageError, also for None where there is more to choose from.
    """
    domains = known.spec.domains
    if to is None:
        require_named(known)
    if known.spec.attributes:
        names = domains if to == "all" and "all" not in domains else (to,)
        return [resolve(known, name) for name in names]
    if to == "all" and "all" not in domains:
        reached = {way.target for way in known.directions}
        return [resolve(known, name) for name in domains if name in (reached or domains)]
    if to is None or to in domains:
        return [resolve(known, to)]
    return list(dict.fromkeys(resolve(known, name.strip()) for name in to.split(",")))


def require_named(known: Known) -> None:
    """Raises UsageError if "the other domain" would be a guess: among three and more, or among attributes."""
    if choice := to_choose_from(known):
        raise UsageError(f"say with {argument('to')} what the pictures shall become: {', '.join(choice)}")


def to_choose_from(known: Known) -> list[str]:
    """The targets of which one must be named; empty where there is no choice, or only that of two.

    Weights that cannot tell a picture's attributes have no directions: what to name then, `resolve` says.
    """
    domains, attributes = known.spec.domains, known.spec.attributes
    if attributes and not known.directions:
        return []
    reached = [domain for domain in domains if attributes or domain in {way.target for way in known.directions}]
    return reached if len(reached) > 1 and (attributes or len(domains) > 2) else []


def expression(domains: Sequence[str], text: str) -> tuple[dict[str, bool], bool]:
    """Which attributes a target asks to be on or off, and whether the others keep what they are.

    `NAME` or `+NAME` is on and `-NAME` off, the others keep what they are: `+Smiling,-Male`. Several names without
    signs are exactly those that are on: `Blond_Hair,Male`. Raises UsageError for an unknown name.
    """
    parts = [part.strip() for part in text.split(",")]
    if parts == [text] and text in domains:
        return {text: True}, True
    signed = [part[:1] in ("+", "-") for part in parts]
    if any(signed) and not all(signed):
        raise UsageError(
            f'"{text}" mixes two ways: +NAME and -NAME change attributes, NAME,NAME are exactly those that are on'
        )
    names = [named(domains, part[1:].strip() if sign else part) for part, sign in zip(parts, signed, strict=True)]
    if len(set(names)) < len(names):
        raise UsageError(f'"{text}" names an attribute twice')
    if len(names) == 1 or all(signed):
        return {name: not part.startswith("-") for name, part in zip(names, parts, strict=True)}, True
    return {name: name in names for name in domains}, False


def letters(number: int) -> str:
    """A, B, ... Z, AA, AB, ... for 0, 1, ...: as the columns of a table are named."""
    rest, last = divmod(number, 26)
    return (letters(rest - 1) if rest else "") + chr(ord("A") + last)


def named(domains: Sequence[str], name: str) -> str:
    """The domain of this name or letter. Raises UsageError that names the domains."""
    if name in domains:
        return name
    alike = [domain for domain in domains if normalize("NFC", domain) == normalize("NFC", name)]
    if len(alike) == 1:  # a Mac takes accents and letters apart in names of folders
        return alike[0]
    by_letter = {letters(number): domain for number, domain in enumerate(domains)}
    if name.upper() in by_letter:
        return by_letter[name.upper()]
    known = ", ".join(f"{domain} ({letter})" for letter, domain in by_letter.items())
    raise UsageError(" ".join(f'there is no domain "{name}". {did_you_mean(name, domains)} Domains: {known}'.split()))


def _with_attributes(known: Known, to: str | None) -> Direction:
    domains = known.spec.domains
    target = domains[min(1, len(domains) - 1)] if to is None else to
    wanted, keeps = expression(domains, target)
    if keeps and len(wanted) == 1 and target[:1] not in ("+", "-"):
        (target,) = wanted
    if keeps and len(wanted) < len(domains) and not known.directions:
        raise UsageError(
            f"these weights cannot tell what a picture is, so {target} is not enough. Name exactly the attributes that "
            f"are to be on, as in {','.join(domains[:2])}, or all with signs, as in +{',-'.join(domains)}"
        )
    return Direction(next((domain for domain in domains if domain != target), target), target)
