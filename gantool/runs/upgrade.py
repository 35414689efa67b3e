"""Headers of older formats, brought to the newest one. One function a step: files of every version load for ever.

Format 1 is gantool 0.1's. Format 2 has typed kinds of domains, abilities, and names of its own for codes and maps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gantool.errors import UsageError

FORMAT = 2

Table = dict[str, Any]

_ENCODE = {"bicyclegan": "e", "drit": "enc_a", "munit": "", "starganv2": "style_encoder"}
"""The models of 0.1 that take a style from a picture, and the network it needs, if an imported file may lack it."""
_OWN = {"starganv2": {"average", "export"}, "pix2pixhd": {"grow"}, "ugatit": {"tell", "export"}}
_UGATIT_MAPS = ["generator", "global", "local"]

GONE: Mapping[str, Mapping[str, Any]] = {
    "drit": {"official_update": False},
}
"""Options of 0.1 that only comparisons with the authors' code need, with the values that every other run has."""


def current_options(model: str, options: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Stored options without those that are gone. Raises UsageError for one with another value than every run has."""
    gone = GONE.get(model, {})
    for key, neutral in gone.items():
        if options.get(key, neutral) != neutral:
            raise UsageError(
                f"{where}: {model} was trained with {key}={options[key]}, which gantool 0.1 alone can go on with"
            )
    return {key: value for key, value in options.items() if key not in gone}


def upgraded(metadata: Table) -> Table:
    """The same facts in the newest format; those of the newest format as they are."""
    while (number := metadata["format"]) < FORMAT:
        metadata = _STEPS[number](metadata)
    return metadata


def _from_1(old: Table) -> Table:
    new = {**old, "format": 2}
    if "spec" not in old:  # a training's state
        return new
    model, options = old["model"], old["options"]
    outputs = new.pop("outputs", ["translation"])
    size = new.pop("style_size", 0)
    missing = old.get("missing", [])
    maps = _UGATIT_MAPS if model == "ugatit" and options.get("cam", True) else list(outputs[1:])
    if model == "ugatit" and not options.get("cam", True):
        maps = []
    can = {"translate"} | _OWN.get(model, set())
    if size:
        can |= {"code"}
        if model in _ENCODE and _ENCODE[model] not in missing:
            can |= {"encode"}
    if model == "stargan":
        can |= {"condition"}
    if maps:
        can |= {"attend"}
    spec = _spec(old["spec"])
    domains = spec["domains"]
    every = [[source, target] for source in domains for target in domains if source != target]
    return new | {
        "spec": spec,
        "sizes": {key: value for key, value in old.get("sizes", {}).items() if value is not None},
        "directions": old.get("directions", every),
        "can": sorted(can),
        "code_size": size,
        "condition_names": _condition_names(model, options, domains),
        "maps": maps,
        "missing": missing,
        "own": new.pop("facts", {}),
        "options": {key: value for key, value in options.items() if key not in GONE.get(model, {})},
    }


def _spec(old: Mapping[str, Any]) -> Table:
    domains, channels = old["domains"], old["channels"]
    held = old.get("kinds") or ["picture"] * len(domains)
    kinds = [
        {"classes": old["classes"], "instances": count == 2} if kind == "labels" else {"channels": count}
        for kind, count in zip(held, channels, strict=True)
    ]
    return {"domains": domains, "kinds": kinds, "size": old["size"], "attributes": old.get("labels", False)}


def _condition_names(model: str, options: Mapping[str, Any], domains: list[str]) -> list[str]:
    if model != "stargan":
        return []
    attributes = len(options.get("attributes", ()))
    both = 0 < attributes < len(domains)
    return [*domains, *(["attributes are meant", "a class is meant"] if both else [])]


_STEPS: dict[int, Callable[[Table], Table]] = {1: _from_1}
