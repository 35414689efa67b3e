"""A model as one page that a browser opens from disk: its networks, and what runs them there."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from markupsafe import Markup
from torch import Tensor

from gantool.byte_sizes import bytes_in_words
from gantool.capabilities import Conditioned
from gantool.errors import CheckpointError, UsageError
from gantool.export import checked, encoding, runtime
from gantool.export.checked import Checked, Tell
from gantool.export.sampling import picture_graph
from gantool.export.translation import LABEL, STYLE, Translation
from gantool.inference.codes import seed_of
from gantool.inference.engine import Engine
from gantool.model import Model
from gantool.report.page import write_page
from gantool.spec import Direction, Facts
from gantool.version import __version__

SEEDS = 100
"""Styles that a page has, those of the seeds 0 to 99: a browser does not draw torch's random numbers."""

MOST = 350_000_000
"""Bytes of a network in a page: as text they take a third more, and a browser's texts have 512 million letters."""


def write(
    path: Path, load: Callable[[], Model[Any]], facts: Facts, ways: Sequence[Direction], verbose: bool, tell: Tell
) -> dict[str, Checked]:
    """Writes the page, once each network in it was compared with the model. Returns these by what they do, such as
    "horse to zebra".

    `load` gives the model anew: an export takes it apart. `ways` are the directions, none for pictures of noise. `tell`
    is told of each network. Raises CheckpointError, UsageError without onnxruntime-web, and DataError.
    """
    parts = runtime.read()
    model = load()
    if ways:
        networks, about = _translations(load, model, facts, ways, verbose, tell)
    else:
        graph = picture_graph(model)
        tell("exporting pictures of noise ...")
        networks = {"pictures of noise": checked.of_graph(graph, facts, model.paper, None, "onnx", True, verbose, tell)}
        about = {"networks": [], "latent": facts.latent_size, "classes": list(facts.spec.domains) if facts.told else []}
    for name, network in networks.items():
        if len(network.data) > MOST:
            size, most = bytes_in_words(len(network.data)), bytes_in_words(MOST)
            raise CheckpointError(f"{name}: a network of {size} is too large for a page, {most} at most")
    write_page(
        path,
        "web.html",
        title=_title(facts, about),
        facts=None,
        link=None,
        page={**about, "model": facts.model, "files": len(networks)},
        seeds=SEEDS,
        step=facts.step,
        licence=facts.licence,
        gantool=__version__,
        runtime=runtime.VERSION,
        script=Markup(parts.script),  # of the hash that runtime knows
        module=Markup(parts.module),
        wasm=_packed(parts.wasm),
        networks=[_packed(network.data) for network in networks.values()],
    )
    return networks


def _translations(
    load: Callable[[], Model[Any]],
    model: Model[Any],
    facts: Facts,
    ways: Sequence[Direction],
    verbose: bool,
    tell: Tell,
) -> tuple[dict[str, Checked], dict[str, Any]]:
    """The networks by name, and what the page has to know of them."""
    engine = Engine(model, can=facts.can)
    found: dict[str, Checked] = {}
    networks: list[dict[str, Any]] = []
    for group in _groups(Translation(model, facts, ways[0]), ways):
        targets = [_target(engine, facts, way) for way in group]
        several = len(group) > 1  # then it does not matter what the pictures are
        name = ", ".join(way.target for way in group) if several else f"{group[0].source} to {group[0].target}"
        tell(f"exporting {name} ...")
        translation = Translation(load().requires_grad_(False), facts, group[0])
        made = checked.of_translation(translation, "onnx", True, verbose, tell)
        entry: dict[str, Any] = {
            "file": len(found),
            "name": name,
            "several": several,
            "channels": model.spec.kind(group[0].source).channels,
            "sizes": made.notes["sizes"],
            "second": Translation(model, facts, group[0]).second,
            "encoder": None,
            "targets": targets,
        }
        found[name] = made
        if "encode" in facts.can:
            entry["encoder"] = {
                "file": len(found),
                "channels": model.spec.kind(group[0].target).channels,
                "minimum": facts.sizes.minimum,
            }
            domains = [model.spec.index(way.target) for way in group]
            style = f"style of {group[0].target}" if not several else "styles"
            tell(f"exporting {style} ...")
            found[style] = encoding.checked_encoder(load().requires_grad_(False), facts, domains, verbose, tell)
        networks.append(entry)
    attributes = _attributes(model, facts) if facts.spec.attributes else None
    return found, {"networks": networks, "attributes": attributes, "seeds": SEEDS}


def _target(engine: Engine, facts: Facts, way: Direction) -> dict[str, Any]:
    entry: dict[str, Any] = {"source": way.source, "target": way.target}
    if "code" in facts.can:
        # What `translate` draws where all pictures get the same styles, whatever their paths.
        codes = [engine.random_code(way.target, seed_of(seed)) for seed in range(SEEDS)]
        entry |= {"codes": [_numbers(code) for code in codes], "mean": _numbers(engine.mean_code(way.target))}
    elif "condition" in facts.can and not facts.spec.attributes:
        entry["label"] = _numbers(_label(engine.model, way.target))
    return entry


def _attributes(model: Model[Any], facts: Facts) -> dict[str, Any]:
    """The label of no attribute, and what each adds to it."""
    names = facts.spec.domains

    def told(*on: str) -> Tensor:
        try:
            return _label(model, ",".join(f"{'+' if name in on else '-'}{name}" for name in names))
        except UsageError as error:
            raise UsageError(
                f"a page has no choice of both attributes and classes: write NAME.onnx ({error})"
            ) from error

    none = told()
    added = [told(name) - none for name in names]
    if not torch.equal(told(*names), none + torch.stack(added).sum(0)):
        raise CheckpointError(f"a page does not know how {facts.model} is told several attributes: write NAME.onnx")
    return {"names": list(names), "none": _numbers(none), "added": [_numbers(one) for one in added]}


@torch.no_grad()
def _label(model: Model[Any], target: str) -> Tensor:
    assert isinstance(model, Conditioned)
    side = model.spec.size
    return model.condition(target, torch.zeros(1, model.spec.channels[0], side, side))


def _groups(translation: Translation, ways: Sequence[Direction]) -> list[list[Direction]]:
    """The directions that one network serves: it is told the target by a label, or makes the same of the same style."""
    if translation.second == LABEL:
        return [list(ways)]
    groups: list[tuple[Tensor | None, list[Direction]]] = []
    for way in ways:
        made = _made(translation, way) if translation.second == STYLE and len(ways) > 1 else None
        for other, group in groups:
            if made is not None and other is not None and torch.equal(made, other):
                group.append(way)
                break
        else:
            groups.append((made, [way]))
    return [group for _, group in groups]


def _made(translation: Translation, way: Direction) -> Tensor:
    """What comes of one noise and one style in this direction."""
    model, sizes = translation.model, translation.sizes
    height, width = sizes.fit(*[sizes.exact or 32] * 2)
    rng = torch.Generator().manual_seed(0)
    images = torch.rand(1, model.spec.kind(way.source).channels, height, width, generator=rng) * 2 - 1
    code = torch.randn(1, translation.facts.code_size, generator=rng)
    return Translation(model, translation.facts, way).results(images, code)[0]


def _title(facts: Facts, about: dict[str, Any]) -> str:
    names = [network["name"] for network in about["networks"]]
    if not names:
        return f"Pictures by {facts.model}"
    if about["attributes"]:
        return "Pictures with other attributes"
    return names[0] if len(names) == 1 else " and ".join(dict.fromkeys(way for way in facts.spec.domains))


def _numbers(row: Tensor) -> list[float]:
    return [float(f"{value:.9g}") for value in row.flatten().tolist()]


def _packed(data: bytes) -> Markup:
    """As text that the page unpacks; markup, because nothing in it has to be escaped or looked at."""
    return Markup(base64.b64encode(gzip.compress(data, 6, mtime=0)).decode("ascii"))
