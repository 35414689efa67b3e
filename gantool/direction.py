"""From which domain to which: what a person writes, against what a weights file can do. Imports no torch."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from gantool.errors import UsageError


def resolve(
    domains: Sequence[str],
    to: str | None = None,
    directions: Sequence[Sequence[str]] | None = None,
    *,
    labels: bool = False,
) -> tuple[str, str]:
    """(source, target) for `--to`; None means the second domain. The source is the other one, or the first possible.

    A domain goes by its name, or by its letter ("A" is the first). `directions` are the [source, target] pairs that the
    weights can do; None means all. Where the domains are attributes (`labels`), the target is an `expression` of them,
    and the source says nothing. Raises UsageError that names what is possible.
    """
    if labels:
        return _labelled(domains, to, directions)
    possible = [(source, target) for source in domains for target in domains if source != target]
    if directions is not None:
        possible = [pair for pair in possible if list(pair) in [list(allowed) for allowed in directions]]
    if not possible:
        raise UsageError(f"these weights can translate between no two of their domains: {', '.join(domains)}")
    if to is None:
        return next((pair for pair in possible if pair[1] == domains[1]), possible[0])
    target = _named(domains, to)
    for pair in possible:
        if pair[1] == target:
            return pair
    able = ", ".join(f"{source} -> {target}" for source, target in possible)
    raise UsageError(f"these weights cannot translate to {target}, only: {able}")


def targets(
    spec: Mapping[str, Any], to: str | None, directions: Sequence[Sequence[str]] | None = None
) -> list[tuple[str, str]]:
    """(source, target) for each domain that `--to` names: one, several with commas between, or "all"; each once.

    `spec` is the header's (see `gantool.model.ImageSpec`). Raises UsageError, also for None where there is more to
    choose from.
    """
    domains = tuple(spec["domains"])
    if to is None:
        require_named(domains, directions, labels=bool(spec.get("labels")))
    if spec.get("labels"):
        names = domains if to == "all" and "all" not in domains else (to,)
        return [resolve(domains, name, directions, labels=True) for name in names]
    if to == "all" and "all" not in domains:
        reached = {target for _, target in directions} if directions is not None else set(domains)
        return [resolve(domains, name, directions) for name in domains if name in (reached or domains)]
    if to is None or to in domains:
        return [resolve(domains, to, directions)]
    return list(dict.fromkeys(resolve(domains, name.strip(), directions) for name in to.split(",")))


def require_named(
    domains: Sequence[str], directions: Sequence[Sequence[str]] | None = None, *, labels: bool = False
) -> None:
    """Raises UsageError if "the other domain" would be a guess: among three and more, or among attributes."""
    if choice := to_choose_from(domains, directions, labels=labels):
        raise UsageError(f"say with --to what the pictures shall become: {', '.join(choice)}")


def to_choose_from(
    domains: Sequence[str], directions: Sequence[Sequence[str]] | None = None, *, labels: bool = False
) -> list[str]:
    """The targets of which one must be named; empty where there is no choice, or only that of two.

    Weights that cannot tell a picture's attributes have no directions: what to name then, `resolve` says.
    """
    if labels and directions is not None and not directions:
        return []
    reached = [domain for domain in domains if directions is None or labels or domain in {t for _, t in directions}]
    return reached if len(reached) > 1 and (labels or len(domains) > 2) else []


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
    names = [_named(domains, part[1:].strip() if sign else part) for part, sign in zip(parts, signed, strict=True)]
    if len(set(names)) < len(names):
        raise UsageError(f'"{text}" names an attribute twice')
    if len(names) == 1 or all(signed):
        return {name: not part.startswith("-") for name, part in zip(names, parts, strict=True)}, True
    return {name: name in names for name in domains}, False


def _labelled(domains: Sequence[str], to: str | None, directions: Sequence[Sequence[str]] | None) -> tuple[str, str]:
    target = domains[min(1, len(domains) - 1)] if to is None else to
    wanted, keeps = expression(domains, target)
    if keeps and len(wanted) == 1 and target[:1] not in ("+", "-"):
        (target,) = wanted
    if keeps and len(wanted) < len(domains) and directions is not None and not directions:
        raise UsageError(
            f"these weights cannot tell what a picture is, so {target} is not enough. Name exactly the attributes that "
            f"are to be on, as in {','.join(domains[:2])}, or all with signs, as in +{',-'.join(domains)}"
        )
    return next((domain for domain in domains if domain != target), target), target


def _named(domains: Sequence[str], name: str) -> str:
    if name in domains:
        return name
    position = ord(name.upper()) - ord("A") if len(name) == 1 else -1
    if 0 <= position < len(domains):
        return domains[position]
    near = difflib.get_close_matches(name, domains, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    known = ", ".join(f"{domain} ({chr(ord('A') + i)})" for i, domain in enumerate(domains))
    raise UsageError(f'there is no domain "{name}". {hint}Domains: {known}')
